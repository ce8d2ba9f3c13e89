"""Studies of a stage that misbehaves: it does what `trouble` says at each unit, each fit and each prediction."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import luthier as lt
from luthier.core.contracts import Artifacts, Context, Limits, Message, Prediction, Pruner, Runner, Stage, Task
from luthier.core.cost import Cost, total
from luthier.core.errors import LuthierError
from luthier.core.trial import Decision, Examples, Fidelity
from luthier.run.inline import InlineRunner
from luthier.run.pool import PoolRunner
from luthier.search.random import Random
from luthier.store.artifacts import FileArtifacts
from luthier.store.lease import writer_name
from luthier.store.sql import SqlStore
from luthier.study import journal
from luthier.study.allocate import EqualShare
from luthier.study.home import Home
from luthier.study.problem import Problem
from luthier.study.rows import split_rows
from luthier.study.study import Study
from tests.study.simulated import ACCURACY, Simulated, rows_of

Trouble = Callable[[str, Mapping[str, Any], Context], None]
"""(what, settings, context), where `what` is 'unit', 'fit' or 'predict'."""


def accuracy(settings: Mapping[str, Any]) -> float:
    """The default config's is .7, the best one's .81."""
    return 0.7 + 0.03 * settings["a"] + 0.05 * settings["b"]


def is_default(settings: Mapping[str, Any]) -> bool:
    """Whether these are the baseline's settings."""
    return (settings.get("a"), settings.get("b"), settings.get("c")) == (0, 0.0, 5)


@dataclass
class Faulty(Simulated):
    """The simulated stage, which gets into `trouble` before each unit, fit and prediction."""

    trouble: Trouble | None = None

    def evaluate(self, settings: Mapping[str, Any], context: Context) -> Generator[lt.Measurement, None, None]:
        for measurement in super().evaluate(settings, context):
            self._get_into_trouble("unit", settings, context)
            context.save_state = lambda: b"nothing to keep"
            yield measurement

    def finalize(self, settings: Mapping[str, Any], context: Context) -> str:
        self._get_into_trouble("fit", settings, context)
        return super().finalize(settings, context)

    def predict(self, artifact: str, inputs: lt.Dataset, context: Context) -> Prediction:
        self._get_into_trouble("predict", {}, context)
        return super().predict(artifact, inputs, context)

    def _get_into_trouble(self, what: str, settings: Mapping[str, Any], context: Context) -> None:
        if self.trouble is not None:
            self.trouble(what, settings, context)


def home_in(folder: Path) -> Home:
    """A SQLite store and artifacts in `folder`."""
    store = SqlStore(f"sqlite:///{folder / 'studies.db'}", durability="process", patience=30)
    return Home(store, FileArtifacts(folder / "artifacts"), writer_name())


def study_in(
    home: Home,
    stage: Stage,
    budget: lt.Budget,
    *,
    name: str = "faulty",
    workers: int = 2,
    make_runner: Callable[..., Runner] | None = None,
    searcher: Any = Random,
    pruner: Pruner | None = None,
    confirm: int = 2,
    rows: int = 300,
    folds: int = 3,
    limits: Limits | None = None,
    seed: int = 0,
) -> Study:
    """A study over rows with `workers` worker processes."""
    problem = Problem(
        metric=ACCURACY,
        stage=stage,
        levers=stage.levers,
        budget=budget,
        make_searcher=partial(searcher, metric=ACCURACY, fidelity=stage.fidelity, seed=seed),
        allocator=EqualShare([lever.name for lever in stage.levers]),
        pruner=pruner,
        rows=split_rows(
            rows_of(rows, 40, seed), "accuracy", held_out=0.4, folds=folds, seed=seed, artifacts=home.artifacts
        ),
        confirm=confirm,
        limits=limits or Limits(),
        seed=seed,
    )
    return Study(name, home, problem, make_runner or partial(PoolRunner, workers=workers, threads_per_worker=1))


class Interleaved:
    """Runs `workers` tasks in this process at once, a unit of each in turn: many workers without any processes."""

    def __init__(self, artifacts: Artifacts, workers: int) -> None:
        self._runners = [InlineRunner(artifacts) for _ in range(workers)]

    @property
    def free(self) -> int:
        return sum(runner.free for runner in self._runners)

    def submit(self, task: Task) -> None:
        max(self._runners, key=lambda runner: runner.free).submit(task)

    def poll(self, seconds: float) -> list[Message]:
        return [message for runner in self._runners for message in runner.poll(seconds)]

    def decide(self, key: str, decision: Decision) -> None:
        for runner in self._runners:
            runner.decide(key, decision)

    def cancel(self, key: str) -> Cost:
        return total([runner.cancel(key) for runner in self._runners])

    def close(self) -> None:
        for runner in self._runners:
            runner.close()


@dataclass
class Blocks(Simulated):
    """The simulated stage, measured block by block of one validation part, with the outcome on each row."""

    fidelity: Fidelity = field(default_factory=lambda: Fidelity("block", 10))

    def evaluate(self, settings: Mapping[str, Any], context: Context) -> Generator[lt.Measurement, None, None]:
        rows = context.views[0].validation
        right = self.is_right(settings, rows, context.seed)
        blocks = np.array_split(np.arange(len(rows)), self.fidelity.maximum)
        for number in range(len(context.measured) + 1, context.until + 1):
            block = blocks[number - 1]
            seen = right[: block[-1] + 1]
            outcomes = Examples(tuple(rows.ids[block].tolist()), tuple(map(float, right[block])))
            error = float(seen.std() / np.sqrt(len(seen)))
            yield lt.Measurement(number, float(seen.mean()), error, examples=outcomes)


def slow_fits(what: str, settings: Mapping[str, Any], context: Context) -> None:
    """Half a second for each final fit and each prediction."""
    if what != "unit":
        time.sleep(0.5)


def slow_units(what: str, settings: Mapping[str, Any], context: Context) -> None:
    """A tenth of a second for each unit."""
    if what == "unit":
        time.sleep(0.1)


def main(arguments: list[str]) -> None:
    """Run a study in a process of its own: FOLDER NAME TROUBLE LEASE_SECONDS [--resume]."""
    folder, name, trouble = Path(arguments[0]), arguments[1], {"fits": slow_fits, "units": slow_units}[arguments[2]]
    journal.LEASE_SECONDS = float(arguments[3])
    study = study_in(home_in(folder), Faulty(accuracy, trouble=trouble), lt.Budget(trials=8), name=name)
    try:
        study.run(resume="--resume" in arguments)
    except LuthierError as error:
        print(f"{type(error).__name__}: {error}")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main(sys.argv[1:])
