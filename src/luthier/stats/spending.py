"""How much of alpha may be spent by the time a share of the information is in, and the boundaries it buys.

Lan and DeMets (1983), "Discrete sequential boundaries for clinical trials", Biometrika 70. Looks may come at
any time; their number need not be fixed ahead. Information t is in (0, 1]; at t = 1 all of alpha is spent.

Shapes: k looks; the walk is S = Z sqrt(t), a Brownian motion at times t (k,).
"""

from __future__ import annotations

import math
from enum import Enum
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from luthier.stats._distributions import normal_cdf, normal_quantile
from luthier.stats._rows import Vector, fraction, vector

FARTHEST = 9.0  # z beyond which the normal tail (1e-19) is taken for 0
FARTHEST_POINT = 7.0  # z beyond which those not stopped are too few to matter
POINTS_PER_STEP = 6  # grid points per standard deviation of the shorter neighboring step
MOST_INTERVALS = 4000
SHORTEST_STEP = 1e-4  # looks closer than this are taken to be this far apart, which errs toward caution
HALVINGS = 60


class Spending(Enum):
    """When to spend alpha. OBRIEN_FLEMING keeps nearly all of it for the end; POCOCK spends it evenly."""

    OBRIEN_FLEMING = "obrien_fleming"
    POCOCK = "pocock"

    def spent(self, information: ArrayLike, alpha: float) -> Vector:
        """Alpha spent by each `information` in (0, 1], shape as given: Lan and DeMets (1983), alpha_1, alpha_2."""
        t = np.asarray(information, dtype=np.float64)
        if self is Spending.OBRIEN_FLEMING:
            return 2 * normal_cdf(normal_quantile(alpha / 2) / np.sqrt(t))
        return np.asarray(alpha * np.log1p((math.e - 1) * t), dtype=np.float64)


def boundaries(
    information: ArrayLike,
    alpha: float = 0.05,
    spending: Spending = Spending.OBRIEN_FLEMING,
    *,
    sided: int = 2,
) -> Vector:
    """z to be passed at each look, shape (k,), so that the chance of ever passing without a gain is alpha.

    `information` (k,) rises within (0, 1]. With `sided=2`, |z| must pass and each side spends alpha / 2; with
    `sided=1`, z must pass. A boundary is inf where there is nothing to spend yet. The density of the walk
    among those that were not stopped is carried from look to look by Simpson's rule: Armitage, McPherson and
    Rowe (1969), "Repeated significance tests on accumulating data", JRSS A 132.
    """
    times = vector(information, "information")
    fraction(alpha, "alpha")
    if sided not in (1, 2):
        raise ValueError(f"sided must be 1 or 2, not {sided!r}")
    if np.any(np.diff(times, prepend=0.0) <= 0) or times[-1] > 1 + 1e-12:
        raise ValueError(f"information must rise within (0, 1], not {times.tolist()}")
    return np.array(_boundaries(tuple(times.tolist()), alpha, spending, sided))


@lru_cache(maxsize=1024)  # many candidates are looked at on one schedule
def _boundaries(information: tuple[float, ...], alpha: float, spending: Spending, sided: int) -> tuple[float, ...]:
    times = np.array(information)
    steps = np.maximum(np.diff(times, prepend=0.0), SHORTEST_STEP)
    to_spend = np.diff(spending.spent(times, alpha / sided), prepend=0.0)
    points, mass = np.zeros(1), np.ones(1)
    passed: list[float] = []
    for look, (time, step) in enumerate(zip(times, steps, strict=True)):
        bound = _bound(points, mass, math.sqrt(step), FARTHEST * math.sqrt(time), to_spend[look])
        passed.append(bound / math.sqrt(time))
        if look + 1 < times.size:
            reach = FARTHEST_POINT * math.sqrt(time)
            high = min(bound, reach)
            low = -high if sided == 2 else -reach
            spacing = math.sqrt(min(step, steps[look + 1])) / POINTS_PER_STEP
            points, mass = _carry(points, mass, math.sqrt(step), low, high, spacing)
    return tuple(passed)


def _bound(points: Vector, mass: Vector, sd: float, farthest: float, to_spend: float) -> float:
    """Where the walk's next position, given `mass` at `points`, lies above with probability `to_spend`."""

    def above(position: float) -> float:
        return float(mass @ normal_cdf((points - position) / sd))

    if to_spend <= above(farthest):
        return math.inf
    low, high = -farthest, farthest
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if above(middle) > to_spend:
            low = middle
        else:
            high = middle
    return high


def _carry(points: Vector, mass: Vector, sd: float, low: float, high: float, spacing: float) -> tuple[Vector, Vector]:
    """Points between `low` and `high`, and the probability mass that one step of the walk brings to each."""
    intervals = min(MOST_INTERVALS, 2 * math.ceil((high - low) / spacing / 2))
    grid = np.linspace(low, high, intervals + 1)
    simpson = np.full(grid.size, 2.0)
    simpson[1::2] = 4.0
    simpson[[0, -1]] = 1.0
    simpson *= (high - low) / intervals / 3
    kernel = np.exp(-0.5 * ((grid[:, None] - points) / sd) ** 2) / (sd * math.sqrt(2 * math.pi))
    return grid, simpson * (kernel @ mass)
