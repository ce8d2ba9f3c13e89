"""The median rule: a trial that does worse than the median of the others at the same fidelity is stopped.

After Golovin et al. (2017), "Google Vizier", section 3.2.2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from luthier.core.errors import UsageError
from luthier.core.metric import Metric
from luthier.core.trial import Decision, Fidelity, Trial


class MedianPruner:
    """Stops a trial whose best value so far is worse than the median of the others' values at its fidelity.

    Where the fidelity is cumulative, a value is already an average over all units so far, and the latest one
    counts instead of the best. Nothing is stopped before `warmup` >= 1 units, nor while fewer than `others` >= 1
    other trials were measured at that fidelity; `every` >= 1 is the number of units between decisions.
    """

    def __init__(self, metric: Metric, fidelity: Fidelity, *, warmup: int = 1, others: int = 5, every: int = 1) -> None:
        for name, number in (("warmup", warmup), ("others", others), ("every", every)):
            if number < 1:
                raise UsageError(f"'{name}' of the median pruner must be >= 1; got {number}")
        self.metric = metric
        self.fidelity = fidelity
        self.warmup = warmup
        self.others = others
        self.every = every

    def decision_points(self, until: int) -> tuple[int, ...]:
        """`warmup`, and every `every` units from there."""
        return tuple(range(self.warmup, until, self.every))

    def decide(self, trial: Trial, others: Sequence[Trial]) -> Decision:
        """STOP where `trial` is worse than the median; NaN is worse than everything."""
        at = trial.fidelity
        if at < self.warmup:
            return Decision.CONTINUE
        there = [self._loss(other.value_at(at)) for other in others if other.fidelity >= at]
        if len(there) < self.others:
            return Decision.CONTINUE
        return Decision.STOP if self._own(trial) > median(there) else Decision.CONTINUE

    def _own(self, trial: Trial) -> float:
        if self.fidelity.cumulative:
            return self._loss(trial.value)
        return min(self._loss(trial.value_at(m.fidelity)) for m in trial.measurements)

    def _loss(self, value: float | None) -> float:
        return math.inf if value is None else -self.metric.sign * value
