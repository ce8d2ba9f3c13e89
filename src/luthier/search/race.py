"""A race: a trial is stopped as soon as its per-example outcomes are surely worse than those of the best other.

Both are compared on the examples that both have seen, by a sequential paired test (`luthier.stats.sequential`),
so that looking after every block costs nothing in error: an equal config is stopped by mistake with
probability alpha / 2 at most for one rival, whatever the number of looks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from luthier.core.errors import UsageError
from luthier.core.metric import Metric
from luthier.core.trial import Decision, Examples, Fidelity, Measurement, Purpose, Status, Trial
from luthier.stats.sequential import SequentialPairedTest, SequentialPlan, Verdict

FEWEST_EXAMPLES = 2

ReadOutcomes = Callable[[Measurement], Examples | None]


class Race:
    """Stops a trial at the first look at which it is worse than its rival; a missing outcome decides nothing.

    The rival is the trial with the best value among those that went furthest, not counting failures and
    confirmations. `alpha` in (0, 1) is the error of the two-sided test. There is a look at every unit of
    fidelity at which both were measured, on the outcomes up to there; the plan's end is the rival's whole number
    of examples. `read_outcomes` gets a measurement's outcomes from wherever they are kept; by default those
    that the measurement itself holds.
    """

    def __init__(
        self,
        metric: Metric,
        fidelity: Fidelity,
        *,
        alpha: float = 0.05,
        read_outcomes: ReadOutcomes | None = None,
    ) -> None:
        if not 0 < alpha < 1:
            raise UsageError(f"the alpha of a race must lie in (0, 1); got {alpha}")
        self.metric = metric
        self.fidelity = fidelity
        self.alpha = alpha
        self._read = read_outcomes or _held

    def decision_points(self, until: int) -> tuple[int, ...]:
        """Every unit."""
        return tuple(range(1, until))

    def decide(self, trial: Trial, others: Sequence[Trial]) -> Decision:
        """STOP where the test says WORSE at the latest look."""
        if not math.isfinite(trial.measurements[-1].value if trial.measurements else 0.0):
            return Decision.STOP
        rival = self._rival(trial, others)
        if rival is None:
            return Decision.CONTINUE
        return Decision.STOP if self._verdict(trial, rival) is Verdict.WORSE else Decision.CONTINUE

    def _rival(self, trial: Trial, others: Sequence[Trial]) -> Trial | None:
        fit = [
            other
            for other in others
            if other.id != trial.id
            and other.value is not None
            and other.status is not Status.FAILED
            and other.purpose is not Purpose.CONFIRMATION
            and other.measurements[-1].examples is not None
        ]
        return max(
            fit, key=lambda other: (other.fidelity, self.metric.sign * (other.value or 0), -other.id), default=None
        )

    def _verdict(self, trial: Trial, rival: Trial) -> Verdict:
        theirs = self._outcomes(rival.measurements)
        if len(theirs) < FEWEST_EXAMPLES:
            return Verdict.CONTINUE
        test = SequentialPairedTest(SequentialPlan(max_rows=len(theirs), alpha=self.alpha))
        differences: list[float] = []
        for measurement in trial.measurements:
            fresh = [score - theirs[name] for name, score in self._outcomes((measurement,)).items() if name in theirs]
            differences += fresh
            if fresh and len(differences) >= FEWEST_EXAMPLES:
                test = test.look(np.array(differences))
                if test.verdict is not Verdict.CONTINUE:
                    break
        return test.verdict

    def _outcomes(self, measurements: Sequence[Measurement]) -> dict[str, float]:
        """Scores by id; of an id that was measured twice, the later."""
        found: dict[str, float] = {}
        for measurement in measurements:
            examples = self._read(measurement)
            if examples is not None:
                found.update(zip(examples.ids, examples.scores, strict=True))
        return found


def _held(measurement: Measurement) -> Examples | None:
    return measurement.examples if isinstance(measurement.examples, Examples) else None
