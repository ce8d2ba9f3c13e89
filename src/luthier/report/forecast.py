"""What another budget would have brought: half of it by replay, twice of it by the tail of the values seen.

Twice: the best of as many trials again follows from how often values pass a high threshold, and by how much. Above
one, values follow a generalized Pareto distribution, whatever the metric (Pickands 1975, Annals of Statistics 3;
Coles 2001, An Introduction to Statistical Modeling of Extreme Values, section 4.2). Its shape and scale are
integrated over a grid, since few values lie in a tail. Shapes below zero have an end: the best that there is.
How often the threshold will be passed is told from the later half, since a searcher that learns does so more often.

Shapes: n values seen, k of them above the threshold, g grid points of the tail, p quantiles of the rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FEWEST = 10
"""Values below which nothing is forecast."""
REACH, REACH_OF_LEARNERS = 0.9, 0.95
"""The quantile of the best to come that the interval reaches to. A searcher that learns does better than the tail of
what it did so far, so that of recorded runs of one only four in five stayed below the first; below the second, nine."""
_LEARNS = 1.645  # standard errors of the rank sum, one-sided 5%
_TAIL_SHARE = 0.25
_FEWEST_IN_TAIL, _MOST_IN_TAIL = 6, 40
_SHAPE_MEAN, _SHAPE_SPREAD = -0.3, 0.3


@dataclass(frozen=True, slots=True)
class Forecast:
    """Of as many trials again: the chance of a better best, its likeliest place (median), and a 90% interval.

    `now`, `middle` and `high` are in the metric's unit, of the value that the search sees. The interval reaches from
    `now`, since a best can't get worse, to `high`, which one future in ten passes. `chance` is that of
    a search that goes on as it did; one that learns has a greater one.
    """

    now: float
    middle: float
    high: float
    chance: float


def forecast_best(values: Sequence[float], sign: int, more: int) -> Forecast | None:
    """The best after `more` trials, from the `values` of those so far in order; None where they are too few.

    `sign` is +1 where more is better, -1 where less is. Values alike everywhere promise nothing better.
    """
    import numpy as np

    if len(values) < FEWEST or more < 1:
        return None
    ahead = sign * np.asarray(values, dtype=float)
    now = float(ahead.max())
    count = min(max(round(_TAIL_SHARE * len(ahead)), _FEWEST_IN_TAIL), _MOST_IN_TAIL, len(ahead) - 2)
    threshold = float(np.sort(ahead)[-count - 1])
    excesses = ahead[ahead > threshold] - threshold
    if not len(excesses) or not excesses.max() > 0:
        return Forecast(sign * now, sign * now, sign * now, 0.0)
    later = ahead[len(ahead) // 2 :]
    return _integrated(
        excesses, threshold, _rates(int((later > threshold).sum()), len(later)), now, sign, more, learns(ahead)
    )


def learns(ahead: NDArray[np.float64]) -> bool:
    """Whether the later half of the values is better than the earlier (Mann and Whitney 1947; more is better)."""
    import numpy as np

    count = len(ahead)
    half = count // 2
    ranks = np.argsort(np.argsort(ahead, kind="stable"), kind="stable")
    lead = float(ranks[half:].mean()) - (count - 1) / 2
    return lead > _LEARNS * float(np.sqrt(half * (count + 1) / 12 / (count - half)))


def _integrated(
    excesses: NDArray[np.float64],
    threshold: float,
    rates: NDArray[np.float64],
    now: float,
    sign: int,
    more: int,
    is_learning: bool,
) -> Forecast:
    import numpy as np

    unit = float(excesses.mean())
    shapes, scales, weights = _tail(excesses / unit)
    best = (now - threshold) / unit
    levels = best + np.concatenate([[0.0], np.geomspace(1e-4, 30.0, 120)])
    survival = _survival(levels[:, None], shapes[None, :], scales[None, :])  # (levels, g)
    reached = np.zeros(len(levels))
    for rate in rates:
        reached += ((1 - rate * survival) ** more) @ weights / len(rates)
    chance = 1 - float(reached[0])

    def quantile(share: float) -> float:
        place = int(np.searchsorted(reached, share))
        return sign * (threshold + unit * float(levels[min(place, len(levels) - 1)]))

    return Forecast(sign * now, quantile(0.5), quantile(REACH_OF_LEARNERS if is_learning else REACH), chance)


def _tail(excesses: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Shape, scale and posterior weight of each grid point (g,), of excesses (k,) whose mean is 1."""
    import numpy as np

    shape, log_scale = (part.ravel() for part in np.meshgrid(np.linspace(-1.5, 0.5, 21), np.linspace(-1.2, 1.5, 21)))
    scale = np.exp(log_scale)
    inside = 1 + shape[:, None] * excesses[None, :] / scale[:, None]  # (g, k)
    flat = np.abs(shape) < 1e-9
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where(inside > 0, np.log(np.where(inside > 0, inside, 1.0)), np.inf).sum(axis=1)
        fit = np.where(flat, -excesses.sum() / scale, -(1 + 1 / np.where(flat, 1.0, shape)) * logs)
    fit = np.where((inside > 0).all(axis=1), fit, -np.inf) - len(excesses) * log_scale
    fit -= 0.5 * ((shape - _SHAPE_MEAN) / _SHAPE_SPREAD) ** 2
    weights = np.exp(fit - fit.max())
    return shape, scale, weights / weights.sum()


def _survival(
    levels: NDArray[np.float64], shapes: NDArray[np.float64], scales: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The share of a tail's values above `levels`."""
    import numpy as np

    flat = np.abs(shapes) < 1e-9
    inside = np.maximum(1 + shapes * levels / scales, 0.0)
    with np.errstate(divide="ignore"):
        powered = np.power(inside, -1 / np.where(flat, 1.0, shapes))
    return np.where(flat, np.exp(-levels / scales), powered)


def _rates(passed: int, trials: int) -> NDArray[np.float64]:
    """Nine equally likely rates (p,) at which trials pass the threshold: the posterior after Jeffreys' prior."""
    import numpy as np
    from scipy.special import betaincinv

    return betaincinv(passed + 0.5, trials - passed + 0.5, (np.arange(9) + 0.5) / 9)
