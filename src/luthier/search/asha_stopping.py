"""ASHA by stopping: at each rung a trial goes on only while it is in the top 1/eta of what reached that rung.

Li et al. (2018), arXiv 1810.05934, in the variant that needs no checkpoints: instead of pausing everybody and
promoting some, everybody runs on and the losers are stopped.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from luthier.core.metric import Metric
from luthier.core.trial import Decision, Fidelity, Trial
from luthier.search.rungs import rungs


class AshaStopping:
    """Stops a trial at a rung unless it is among the best 1/eta there; the first eta - 1 to arrive go on."""

    def __init__(self, metric: Metric, fidelity: Fidelity, *, eta: float = 3.0, minimum: int = 1) -> None:
        self.metric = metric
        self.eta = eta
        self.rungs = rungs(fidelity.maximum, eta, min(minimum, fidelity.maximum))[:-1]

    def decision_points(self, until: int) -> tuple[int, ...]:
        """The rungs below `until`."""
        return tuple(rung for rung in self.rungs if rung < until)

    def decide(self, trial: Trial, others: Sequence[Trial]) -> Decision:
        """STOP where more than the top 1/eta of the rung, this trial counted, is better than `trial`."""
        if trial.fidelity not in self.rungs:
            return Decision.CONTINUE
        reached = [other for other in others if other.fidelity >= trial.fidelity]
        arrived = len(reached) + 1
        if arrived < self.eta:
            return Decision.CONTINUE
        own = self._loss(trial, trial.fidelity)
        better = sum(self._loss(other, trial.fidelity) < own for other in reached)
        hopeless = math.isinf(own)
        return Decision.STOP if hopeless or better >= max(1, int(arrived / self.eta)) else Decision.CONTINUE

    def _loss(self, trial: Trial, fidelity: int) -> float:
        value = trial.value_at(fidelity)
        return math.inf if value is None else -self.metric.sign * value
