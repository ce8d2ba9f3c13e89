"""The command line, called in this process: `luthier("tune", "task.yaml")` in a folder of its own."""

from __future__ import annotations

import random
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from luthier.interfaces.cli import main


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


Luthier = Callable[..., Ended]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, empty; what a task's code adds to the modules is taken away again."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    paths, handler = [*sys.path], signal.getsignal(signal.SIGTERM)
    yield tmp_path
    signal.signal(signal.SIGTERM, handler)
    sys.path[:] = paths
    _forget_modules(tmp_path)


def _forget_modules(folder: Path) -> None:
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", "")).startswith(str(folder)):
            del sys.modules[name]


@pytest.fixture
def luthier(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Luthier:
    """Runs the console script with these arguments."""

    def run(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["luthier", *arguments])
        capsys.readouterr()
        _forget_modules(folder)
        code = 0
        try:
            main()
        except SystemExit as exit_:
            code = exit_.code if isinstance(exit_.code, int) else 0
        said = capsys.readouterr()
        return Ended(code, said.out, said.err)

    return run


FUNCTION = """
metric: {name: loss, direction: minimize}
stage: {kind: function, function: "objective.py:loss"}
levers:
  place: {x: {float: [-3, 3]}}
  offset: {y: {int: [0, 3], default: 2}}
budget: 6 trials
workers: 0
"""
"""A task of a function, which lies in objective.py."""

TABLE = """
data:
  path: rows.csv
  target: label
  folds: 3
metric: accuracy
stage:
  kind: estimator
  build: sklearn.neighbors.KNeighborsClassifier
levers:
  model:
    n_neighbors: {int: [1, 15], default: 1}
budget: 4 trials
confirm: 1
workers: 0
"""
"""A task over rows.csv."""


@pytest.fixture
def function_task(folder: Path) -> Path:
    """task.yaml and objective.py in the current folder."""
    (folder / "objective.py").write_text("def loss(x, y):\n    return (x - 1) ** 2 + y\n")
    (folder / "task.yaml").write_text(FUNCTION)
    return folder / "task.yaml"


@pytest.fixture
def table_task(folder: Path) -> Path:
    """table.yaml and rows.csv in the current folder: 120 rows of two numbers, and two classes that overlap."""
    rng = random.Random(0)
    lines = ["a,b,label"]
    for number in range(120):
        center = number % 2
        lines.append(f"{rng.gauss(center, 0.7):.4f},{rng.gauss(0, 1):.4f},{['no', 'yes'][center]}")
    (folder / "rows.csv").write_text("\n".join(lines) + "\n")
    (folder / "table.yaml").write_text(TABLE)
    return folder / "table.yaml"
