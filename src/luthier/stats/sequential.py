"""Look at the results as often as you like, stop as soon as they are clear, and still be wrong in alpha at most.

`SequentialPlan` says how alpha is spent; `SequentialPairedTest` is a fold over looks:

    test = SequentialPairedTest(SequentialPlan(max_rows=1000))
    test = test.look(differences[:200])      # test.verdict is Verdict.CONTINUE
    test = test.look(differences[:350])      # test.verdict is Verdict.BETTER: stop

A look holds *all* differences so far. How many looks there will be, and when, need not be known ahead, but
must not depend on the sign of what was seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
from numpy.typing import ArrayLike

from luthier.stats._distributions import normal_cdf, normal_quantile, student_cdf
from luthier.stats._rows import Vector, fraction, vector
from luthier.stats.paired import paired_change
from luthier.stats.spending import Spending, boundaries


class Verdict(Enum):
    """What the looks so far say about the candidate."""

    CONTINUE = "continue"  # not clear yet
    BETTER = "better"
    WORSE = "worse"
    FUTILE = "futile"  # will hardly become clear with the rows that are left
    UNDECIDED = "undecided"  # all rows are in and it isn't clear


@dataclass(frozen=True, slots=True)
class SequentialPlan:
    """How a sequential test spends its error.

    `max_rows` is when it ends; `alpha` in (0, 1) the chance of any claim without a difference, over all looks;
    `sided=1` can only claim BETTER; below `futility` in [0, 1), the conditional power under the trend seen so
    far, it gives up (0: never). Giving up early makes no false claim likelier.
    """

    max_rows: int
    alpha: float = 0.05
    spending: Spending = Spending.OBRIEN_FLEMING
    sided: int = 2
    futility: float = 0.0

    def __post_init__(self) -> None:
        fraction(self.alpha, "alpha")
        if self.max_rows < 2:
            raise ValueError(f"max_rows must be at least 2, not {self.max_rows}")
        if self.sided not in (1, 2):
            raise ValueError(f"sided must be 1 or 2, not {self.sided!r}")
        if not 0 <= self.futility < 1:
            raise ValueError(f"futility must be a probability in [0, 1), not {self.futility!r}")

    def information(self, rows: int) -> float:
        """Share of the information that `rows` rows bring, in (0, 1]."""
        return min(1.0, rows / self.max_rows)

    def boundaries(self, information: ArrayLike) -> Vector:
        """z to be passed at each look, shape (k,), given the `information` (k,) at the looks so far."""
        return boundaries(information, self.alpha, self.spending, sided=self.sided)


@dataclass(frozen=True, slots=True)
class Look:
    """One look: rows so far, z of the paired test on them, the boundary that z had to pass."""

    rows: int
    z: float
    boundary: float


@dataclass(frozen=True, slots=True)
class SequentialPairedTest:
    """The looks so far under a plan, and their verdict."""

    plan: SequentialPlan
    looks: tuple[Look, ...] = ()
    verdict: Verdict = Verdict.CONTINUE

    def look(self, differences: ArrayLike, groups: ArrayLike | None = None) -> SequentialPairedTest:
        """The test after a look at all `differences` (candidate - baseline) so far, shape (n,), n >= 2.

        `groups`, shape (n,), names rows that go together. ValueError when the verdict is already final or no
        row is new.
        """
        changes = vector(differences, "differences", least=2)
        if self.verdict is not Verdict.CONTINUE:
            raise ValueError(f"the verdict must still be open for another look, but it is {self.verdict.name}")
        seen = self.looks[-1].rows if self.looks else 0
        if changes.size <= seen:
            raise ValueError(f"differences must hold all rows so far, {seen} and new ones, not {changes.size} in all")
        information = [self.plan.information(look.rows) for look in self.looks]
        boundary = float(self.plan.boundaries([*information, self.plan.information(changes.size)])[-1])
        look = Look(changes.size, _normal_score(changes, groups), boundary)
        return replace(self, looks=(*self.looks, look), verdict=self._verdict(look))

    def _verdict(self, look: Look) -> Verdict:
        if look.z >= look.boundary:
            return Verdict.BETTER
        if self.plan.sided == 2 and look.z <= -look.boundary:
            return Verdict.WORSE
        if look.rows >= self.plan.max_rows:
            return Verdict.UNDECIDED
        if self.conditional_power(look) < self.plan.futility:
            return Verdict.FUTILE
        return Verdict.CONTINUE

    def conditional_power(self, look: Look) -> float:
        """Chance of a claim when all rows are in, if the rest goes on as up to `look`.

        Lan and Wittes (1988), "The B-value: a tool for monitoring data", Biometrics 44.
        """
        t = self.plan.information(look.rows)
        before = [self.plan.information(earlier.rows) for earlier in self.looks if earlier.rows < look.rows]
        last = float(self.plan.boundaries([*before, t, 1.0])[-1])
        walk = look.z * math.sqrt(t)
        expected = walk / t  # B(t) + drift (1 - t), with drift B(t) / t
        rest = math.sqrt(1 - t)
        better = float(normal_cdf((expected - last) / rest))
        return better + float(normal_cdf((-expected - last) / rest)) if self.plan.sided == 2 else better


def _normal_score(changes: Vector, groups: ArrayLike | None) -> float:
    """z with the p-value of the paired test; 0/1 outcomes are known by differences of -1, 0 and 1."""
    change = paired_change(np.maximum(changes, 0), np.maximum(-changes, 0), groups)
    tail = student_cdf(-abs(change.t), change.degrees_of_freedom)
    return math.copysign(-normal_quantile(tail), change.t)
