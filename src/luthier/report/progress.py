"""How the best value came about: trial by trial, against what was spent on them. Knows validation values only."""

from __future__ import annotations

import math
from dataclasses import dataclass

from luthier.core.history import History


@dataclass(frozen=True, slots=True)
class Step:
    """One comparable trial: its value, the best value so far, and what the search had spent by its end."""

    trial: int
    value: float
    best: float
    spent: float


@dataclass(frozen=True, slots=True)
class Progress:
    """The steps in order of trials. `unit` says what `spent` counts: 'seconds' of workers, or 'trials'."""

    steps: tuple[Step, ...] = ()
    unit: str = "trials"
    sign: int = 1

    @property
    def spent(self) -> float:
        """What all steps took."""
        return self.steps[-1].spent if self.steps else 0.0

    def best_after(self, spent: float) -> float | None:
        """The best value that had been seen when `spent` was spent; None before the first."""
        seen = [step.best for step in self.steps if step.spent <= spent]
        return seen[-1] if seen else None


def progress_of(history: History) -> Progress:
    """The progress of the search; trials that gave no comparable value are paid for, but are no steps."""
    kept = {trial.id for trial in history.comparable}
    in_seconds = history.budget.seconds is not None and any(trial.cost.seconds for trial in history.searched)
    spent, best = 0.0, history.metric.worst
    steps: list[Step] = []
    for trial in history.searched:
        spent += trial.cost.seconds if in_seconds else 1.0
        if trial.id in kept and trial.value is not None and math.isfinite(trial.value):
            best = trial.value if history.metric.better(trial.value, best) else best
            steps.append(Step(trial.id, trial.value, best, spent))
    return Progress(tuple(steps), "seconds" if in_seconds else "trials", history.metric.sign)
