"""A script whose literals are replaced as it starts: the file stays as it is, and the script notices nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = '''"""A script."""
import pickle, sys
from helper import VALUE

RATE = 1e-3
NAME = "sgd"
FAST = False
config = {"layers": 2, "optimizer": dict(decay=0.1)}


class Model:
    width = 8


def main():
    steps = 10
    pickle.loads(pickle.dumps(Model()))
    print(RATE, NAME, FAST, config, Model.width, steps, VALUE, sys.argv, __name__, __file__)
    if RATE > 1:
        raise RuntimeError("too fast")


if __name__ == "__main__":
    main()
'''


@pytest.fixture
def run(tmp_path):
    """Runs the wrapper on the script, in another folder than the script's."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "train.py").write_text(SCRIPT)
    (tmp_path / "code" / "helper.py").write_text("VALUE = 42\n")
    source = str(Path(__file__).parents[2] / "src")

    def wrapped(*arguments: str, script: str = "code/train.py"):
        return subprocess.run(
            [sys.executable, "-m", "luthier.stages.with_settings", script, *arguments],
            cwd=tmp_path, env={"PYTHONPATH": source}, capture_output=True, text=True,
        )  # fmt: skip

    yield wrapped
    assert (tmp_path / "code" / "train.py").read_text() == SCRIPT


def test_values_of_all_kinds_and_places(run):
    done = run(
        *("RATE=0.5", "NAME=adam", "FAST=true", "config.layers=3", "config.optimizer.decay=1", "Model.width=16"),
        *("steps=20", "--", "--verbose"),
    )
    assert done.stderr == ""
    assert done.stdout.strip() == (
        "0.5 adam True {'layers': 3, 'optimizer': {'decay': 1.0}} 16 20 42 ['code/train.py', '--verbose'] "
        "__main__ code/train.py"
    )


def test_without_values_it_is_the_script(run):
    assert run().stdout.startswith("0.001 sgd False")


def test_a_traceback_names_the_lines_of_the_file(run):
    done = run("RATE=2")
    assert done.returncode == 1
    number = SCRIPT.splitlines().index('        raise RuntimeError("too fast")') + 1
    assert f'File "code/train.py", line {number}, in main' in done.stderr
    assert "with_settings.py" not in done.stderr, "nothing of ours stands in between"
    assert done.stderr.rstrip().endswith("RuntimeError: too fast")


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("RATES=1", "no single literal at 'RATES'; it has: RATE"),
        ("RATE=fast", "'RATE' is 0.001 in the script, so it takes a number; got 'fast'"),
        ("RATE", "usage:"),
    ],
)
def test_what_cannot_be_replaced(run, argument, said):
    done = run(argument)
    assert done.returncode == 2
    assert said in done.stderr


def test_a_script_that_is_not_there(run):
    assert "there is no script 'none.py'" in run(script="none.py").stderr


def test_exits_of_the_script_are_its_own(tmp_path):
    (tmp_path / "quit.py").write_text("import sys\nCODE = 3\nsys.exit(CODE)\n")
    source = str(Path(__file__).parents[2] / "src")
    command = [sys.executable, "-m", "luthier.stages.with_settings", str(tmp_path / "quit.py"), "CODE=7"]
    assert subprocess.run(command, env={"PYTHONPATH": source}).returncode == 7
