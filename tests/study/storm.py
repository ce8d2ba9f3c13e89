"""The program that the kill storm kills: a study of a simulated stage with one worker, in the folder argv[1].

Every evaluation of a fold leaves a line in `evaluations.log`, written by the worker itself, so that work done twice
can't hide. Run as `python -m tests.study.storm FOLDER [--resume]`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import luthier as lt
from luthier.core.contracts import Context
from luthier.core.seeds import fingerprint
from luthier.run.pool import PoolRunner
from luthier.store.artifacts import FileArtifacts
from luthier.store.lease import writer_name
from luthier.store.sql import SqlStore
from luthier.study.home import Home
from luthier.study.study import Study
from tests.study.simulated import Simulated, study_of

TRIALS = 14
FOLD_SECONDS = 0.03


def accuracy(settings: Mapping[str, Any]) -> float:
    return 0.7 + 0.03 * settings["a"] + 0.05 * settings["b"]


@dataclass
class Logged(Simulated):
    """The simulated stage; slower, and it leaves a trace of each fold that it evaluates."""

    log: str = ""

    def evaluate(self, settings: Mapping[str, Any], context: Context) -> Generator[lt.Measurement, None, None]:
        for measurement in super().evaluate(settings, context):
            time.sleep(FOLD_SECONDS)
            with Path(self.log).open("a") as log:
                log.write(f"{evaluation_key(settings, context.seed)} {measurement.fidelity}\n")
            context.save_state = lambda: b"nothing to keep"
            yield measurement


def evaluation_key(settings: Mapping[str, Any], seed: int) -> str:
    """Names the evaluation of a config under a trial's seed."""
    return fingerprint(sorted(settings.items()), seed)


def home_in(folder: Path) -> Home:
    """Store and artifacts in `folder`."""
    store = SqlStore(f"sqlite:///{folder / 'studies.db'}", durability="process")
    return Home(store, FileArtifacts(folder / "artifacts"), writer_name())


def storm_study(folder: Path) -> Study:
    """The study that is killed; the same every time it is made."""
    stage = Logged(accuracy, seed=3, log=str(folder / "evaluations.log"))
    make_runner = partial(PoolRunner, workers=1)
    return study_of(stage, rows=400, groups=60, trials=TRIALS, seed=5, make_runner=make_runner, home=home_in(folder))


if __name__ == "__main__":
    storm_study(Path(sys.argv[1])).run(resume="--resume" in sys.argv)
