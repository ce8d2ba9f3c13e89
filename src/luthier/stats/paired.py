"""Is the candidate better than the baseline on the same rows, and by how much? The interval of the verdict.

The method is a t interval for the mean of candidate - baseline, with the variance of whole groups (see
`clustered_mean`), after adding a few imaginary rows of which half changed for the better and half for the
worse. For 0/1 outcomes and independent rows that is Agresti and Min (2005), "Simple improved confidence
intervals for comparing matched proportions", Statistics in Medicine 24, with Student's t in place of the
normal. It keeps the interval honest where few rows changed or none did: no change on 100 rows does not prove
that nothing ever changes. Where rows come in groups, each imaginary row weighs as much as the design effect,
in the spirit of the effective sample size of Korn and Graubard (1998), Survey Methodology 24.

What it does not know: differences that are few, large and all on one side (a cost with rare disasters) skew
the mean, and then no method covers well at a hundred rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from luthier.stats._distributions import student_cdf, student_quantile
from luthier.stats._rows import Vector, fraction, same_length, vector
from luthier.stats.clustered import clustered_mean
from luthier.stats.interval import Interval

Alternative = Literal["two-sided", "greater"]


@dataclass(frozen=True, slots=True)
class PairedChange:
    """Mean of candidate - baseline: the plain `estimate`, and the `center`, `standard_error` and
    `degrees_of_freedom` of what Student's t is applied to."""

    estimate: float
    center: float
    standard_error: float
    degrees_of_freedom: float

    @property
    def t(self) -> float:
        """center / standard_error; 0 where both are 0, since then nothing speaks for a change."""
        if self.standard_error > 0:
            return self.center / self.standard_error
        return math.copysign(math.inf, self.center) if self.center else 0.0


def paired_interval(
    candidate_scores: ArrayLike,
    baseline_scores: ArrayLike,
    groups: ArrayLike | None = None,
    level: float = 0.95,
) -> Interval:
    """Interval for the mean of candidate - baseline over rows.

    Both scores have shape (n,), n >= 2: 0/1 correctness or real numbers where more is better. `groups`, shape
    (n,), names rows that go together; whole groups then count as the independent units. The claim "better" is
    `low > 0`, wrong in (1 - level) / 2 of studies without a gain.
    """
    change = paired_change(candidate_scores, baseline_scores, groups)
    t = student_quantile((1 + fraction(level, "level")) / 2, change.degrees_of_freedom)
    reach = t * change.standard_error
    return Interval(change.estimate, change.center - reach, change.center + reach, level)


def paired_test(
    candidate_scores: ArrayLike,
    baseline_scores: ArrayLike,
    groups: ArrayLike | None = None,
    alternative: Alternative = "two-sided",
) -> float:
    """The p-value that belongs to `paired_interval`: below 0.05 just when the 95% interval excludes 0.

    `alternative="greater"` asks only whether the candidate is better, and is below 0.025 just when the lower
    end of the 95% interval is above 0.
    """
    if alternative not in ("two-sided", "greater"):
        raise ValueError(f"alternative must be 'two-sided' or 'greater', not {alternative!r}")
    change = paired_change(candidate_scores, baseline_scores, groups)
    if alternative == "greater":
        return student_cdf(-change.t, change.degrees_of_freedom)
    return min(1.0, 2 * student_cdf(-abs(change.t), change.degrees_of_freedom))


def paired_change(
    candidate_scores: ArrayLike, baseline_scores: ArrayLike, groups: ArrayLike | None = None
) -> PairedChange:
    """What interval and test of the same rows share; arguments as in `paired_interval`."""
    candidate = vector(candidate_scores, "candidate_scores", least=2)
    baseline = vector(baseline_scores, "baseline_scores", least=2)
    same_length(candidate, baseline, "candidate_scores and baseline_scores")
    differences = candidate - baseline
    mean = clustered_mean(differences, groups)
    size, weight = _imaginary(candidate, baseline, differences)
    added = weight * mean.design_effect
    rows = mean.rows + 2 * added
    spread = mean.variance * mean.rows**2 + added * size**2
    return PairedChange(
        mean.estimate, mean.estimate * mean.rows / rows, math.sqrt(spread) / rows, mean.degrees_of_freedom
    )


def _imaginary(candidate: Vector, baseline: Vector, differences: Vector) -> tuple[float, float]:
    """How much an imaginary row changes by, and how much it weighs.

    A change of a 0/1 outcome has size 1. Otherwise it is as large as the changes seen (or as the range of the
    scores, when none changed) and counts only as far as rows are tied: dense differences need no help.
    """
    scores = np.concatenate([candidate, baseline])
    if np.all((scores == 0) | (scores == 1)):
        return 1.0, 1.0
    changed = differences[differences != 0]
    size = float(np.sqrt(np.mean(changed**2))) if changed.size else float(np.ptp(scores))
    return size, 1 - changed.size / differences.size
