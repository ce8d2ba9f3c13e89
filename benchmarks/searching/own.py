"""Runs of luthier's own searchers, in this process or in a few beside each other; reached by the registry alone."""

from __future__ import annotations

import hashlib
import heapq
import math
import multiprocessing
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import luthier
from luthier.core.metric import Direction, Metric
from luthier.core.space import Space
from luthier.core.trial import Fidelity, Measurement, Start, Status, Trial
from luthier.search.registry import get_searcher
from searching.problem import Problem
from searching.problems import all_problems, choose
from searching.traces import Trace, keep, kept

DURATION_SPREAD = 0.5  # standard deviation of the logarithm of an evaluation's duration
PREFIX = "luthier-"


@dataclass(frozen=True)
class OwnRun:
    """One run: `workers` above 1 evaluate at the same time, on a simulated clock."""

    searcher: str
    problem: str
    seed: int
    evaluations: int
    workers: int = 1

    @property
    def side(self) -> str:
        return PREFIX + self.searcher + (f"-{self.workers}-workers" if self.workers > 1 else "")


class Conversation:
    """A searcher with its trials, and the CPU seconds that each ask took, with the telling before it."""

    def __init__(self, name: str, space: Space, seed: int) -> None:
        self.space = space
        self.searcher = get_searcher(name)(space, Metric("value", Direction.MINIMIZE), Fidelity(), seed)
        self.trials: list[Trial] = []
        self.cpu: list[float] = []
        self._telling = 0.0

    def ask(self) -> Trial | None:
        """The next trial, told as running; None where nothing is left to propose."""
        began = time.process_time()
        grants = self.searcher.ask(1, self.space)
        if not grants:
            return None
        grant = grants[0]
        assert isinstance(grant, Start), f"with one unit of fidelity nothing can be resumed; got {grant}"
        trial = Trial(len(self.trials), grant.config, until=grant.until, why=grant.why)
        self.searcher.tell(trial)
        self.trials.append(trial)
        self.cpu.append(time.process_time() - began + self._telling)
        self._telling = 0.0
        return trial

    def tell(self, trial: Trial, value: float) -> None:
        """The trial ended with `value`; NaN is told as it is."""
        done = replace(trial, status=Status.COMPLETED, measurements=(Measurement(1, value),))
        began = time.process_time()
        self.searcher.tell(done)
        self._telling += time.process_time() - began
        self.trials[trial.id] = done


def run_own(run: OwnRun, problem: Problem) -> Trace:
    """One run, evaluations in the order in which they ended."""
    talk = Conversation(run.searcher, problem.space, run.seed)
    ended = list(_evaluations(talk, problem, run))
    return Trace(
        run.side,
        VERSION,
        run.problem,
        run.seed,
        observed=tuple(value for _, value in ended),
        truth=tuple(problem.source.truths([trial.config for trial, _ in ended]).tolist()),
        cpu=tuple(talk.cpu),
        predicted=tuple(_prediction(trial) for trial, _ in ended),
    )


def _evaluations(talk: Conversation, problem: Problem, run: OwnRun) -> Iterator[tuple[Trial, float]]:
    """Trials and values as they end. A worker that gets free asks while the others run."""
    clock = 0.0
    running: list[tuple[float, int]] = []  # when each ends, and its trial
    while True:
        while len(running) < run.workers and len(talk.trials) < run.evaluations:
            trial = talk.ask()
            if trial is None:
                break
            heapq.heappush(running, (clock + duration(run.seed, trial.id), trial.id))
        if not running:
            return
        clock, number = heapq.heappop(running)
        trial = talk.trials[number]
        value = problem.observe(trial.config, run.seed, number)
        talk.tell(trial, value)
        yield trial, value


def duration(seed: int, number: int) -> float:
    """How long an evaluation takes on the simulated clock: log-normal, its median 1."""
    return math.exp(np.random.default_rng([seed, number, 1]).normal(0.0, DURATION_SPREAD))


def speed_up(seed: int, evaluations: int, workers: int) -> float:
    """Sum of all durations relative to the time at which the last of them ends, thinking not counted."""
    durations = [duration(seed, number) for number in range(evaluations)]
    free = [0.0] * workers
    for one in durations:
        heapq.heapreplace(free, free[0] + one)
    return sum(durations) / max(free)


def _prediction(trial: Trial) -> tuple[float, float] | None:
    mean, deviation = trial.why.get("mean"), trial.why.get("deviation")
    return None if mean is None or deviation is None else (float(mean), float(deviation))


# --------------------------------------------------------------------------------------------- many runs


@dataclass(frozen=True)
class Workshop:
    """Where runs find their data, how many go on beside each other, and where finished ones are kept, if anywhere."""

    data: Path
    jobs: int = 1
    cache: Path | None = None

    def run(self, runs: Sequence[OwnRun]) -> list[Trace]:
        """The traces of all runs, with progress on standard error; those that are kept aren't run again."""
        found = self._kept(runs)
        missing = [run for run in runs if (run.side, run.problem, run.seed) not in found]
        progress = Progress(len(missing))
        for trace in self._done(missing):
            found[trace.side, trace.problem, trace.seed] = trace
            if self.cache is not None:
                keep(self.cache, trace)
            progress.step(f"{trace.side} on {trace.problem}, seed {trace.seed}")
        return [found[run.side, run.problem, run.seed] for run in runs]

    def _kept(self, runs: Sequence[OwnRun]) -> dict[tuple[str, str, int], Trace]:
        if self.cache is None:
            return {}
        lengths = {(run.side, run.problem, run.seed): run.evaluations for run in runs}
        traces = kept(self.cache, sorted({run.side for run in runs}))
        return {
            key: trace
            for trace in traces
            if trace.version == VERSION
            and len(trace.observed) == lengths.get(key := (trace.side, trace.problem, trace.seed))
        }

    def _done(self, runs: Sequence[OwnRun]) -> Iterator[Trace]:
        if self.jobs == 1:
            for run in runs:
                yield _work(self.data, run)
            return
        with ProcessPoolExecutor(self.jobs, multiprocessing.get_context("spawn")) as pool:
            for future in as_completed([pool.submit(_work, self.data, run) for run in runs]):
                yield future.result()


class Progress:
    """How much is done, and about how long the rest takes: one line that is written over."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.done = 0
        self.began = time.monotonic()

    def step(self, what: str) -> None:
        self.done += 1
        left = (time.monotonic() - self.began) / self.done * (self.total - self.done)
        end = "\n" if self.done == self.total else ""
        line = f"{self.done} of {self.total} runs, about {left / 60:.0f} min left: {what}"
        print(f"\r{line:.110}\033[K", end=end, file=sys.stderr, flush=True)


def _version() -> str:
    source = Path(luthier.__file__).parent
    digest = hashlib.sha256()
    for path in sorted([*(source / "core").glob("*.py"), *(source / "search").glob("*.py")]):
        digest.update(path.read_bytes())
    return f"luthier {luthier.__version__}+{digest.hexdigest()[:8]}"


VERSION = _version()
"""luthier's version, and what its core and search consisted of at import: two states of the code share no cache."""


def _work(data: Path, run: OwnRun) -> Trace:
    return run_own(run, choose(all_problems(data), run.problem)[0])
