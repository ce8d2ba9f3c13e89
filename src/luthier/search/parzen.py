"""A density over the configs of a joint space: a mixture of kernels, one around each config given, and the prior.

A kernel is a product over coordinates. On a number it is a normal distribution cut off at 0 and 1 (Bergstra et al.
2011, NeurIPS 24, section 4); on a grid the mass that such a one puts on a cell; on a category it is most of the
mass on the value itself and the rest on the prior (Aitchison and Aitken 1976, Biometrika 63, with the prior in place
of the uniform distribution). Multivariate, as in Falkner et al. (2018), arXiv 1807.01774, section 3.2.

Configs that differ in their active settings are compared without any split of the space: a kernel draws parents
before children, and where its own config lacks a setting that has become active, it takes the prior there. A branch
that was never seen is scored by its prior. The prior as a whole is a kernel around a config that lacks everything.

Glossary of shapes: u axes; k kernels, the prior among them; m configs to score. NaN: not active.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from luthier.search.axes import Axis, Kind
from luthier.search.numeric import Matrix, normal_cdf, normal_quantile

TINY = 1e-300
SPREAD, LEAST_WIDTH = 0.2, 0.03  # in unit coordinates
CATEGORY_SHARE = 0.2  # of a kernel on a category, the part that goes to the prior


class ParzenEstimator:
    """The density of `rows` (k - 1, u), each of weight 1 unless `weights` (k - 1,) says otherwise, and the prior.

    The prior weighs `prior`, which must be > 0. `widths` (u,) or (k - 1, u) are standard deviations of kernels in
    unit coordinates, for a category the share that goes to the prior; `widths_of` gives sensible ones.
    """

    def __init__(
        self, axes: Sequence[Axis], rows: Matrix, widths: Matrix, weights: Matrix | None = None, prior: float = 1.0
    ) -> None:
        count = len(rows)
        own = np.ones(count) if weights is None else weights
        self._axes = axes
        self._centers = np.vstack([rows, np.full((1, len(axes)), np.nan)])
        self._widths = np.vstack([np.broadcast_to(widths, rows.shape), np.ones((1, len(axes)))])
        with np.errstate(divide="ignore"):
            self._log_weights = np.log(np.append(own, prior) / (own.sum() + prior))

    def log_density(self, rows: Matrix) -> Matrix:
        """(m,) of `rows` (m, u). Cells of grids and categories count by mass, numbers by density."""
        return _log_sum_exp(self._log_weights + self._log_kernels(rows))

    def draw(self, count: int, rng: np.random.Generator, given: Matrix | None = None) -> Matrix:
        """(count, u): draws, given the coordinates of `given` (u,) that aren't NaN. All are set, active or not."""
        log_weights = self._log_weights
        if given is not None:
            log_weights = log_weights + self._log_kernels(given[None, :])[0]
        shares = np.exp(log_weights - log_weights.max())
        chosen = rng.choice(len(shares), size=count, p=shares / shares.sum())
        uniform = rng.random((count, len(self._axes)))
        drawn = np.empty((count, len(self._axes)))
        for index, axis in enumerate(self._axes):
            drawn[:, index] = _draw(axis, self._centers[chosen, index], self._widths[chosen, index], uniform[:, index])
        return drawn if given is None else np.where(np.isnan(given), drawn, given)

    def _log_kernels(self, rows: Matrix) -> Matrix:
        """(m, k): the logarithm of each kernel at each row."""
        total = np.zeros((len(rows), len(self._centers)))
        for index, axis in enumerate(self._axes):
            active = ~np.isnan(rows[:, index])
            if active.any():
                total[active] += _log_kernel(axis, rows[active, index], self._centers[:, index], self._widths[:, index])
        return total


def widths_of(axes: Sequence[Axis], rows: Matrix) -> Matrix:
    """(u,): how wide to make the kernels of `rows` (n, u) on each axis.

    On numbers and grids they narrow with n as Scott's rule has it (1992, Multivariate Density Estimation, equation
    6.42), d being the number of coordinates that a row has on average: spread * n^(-1 / (d + 4)), but no less than
    `LEAST_WIDTH`. The spread is fixed, not measured: good configs that lie close together by chance must not keep
    all others close.
    """
    active = float((~np.isnan(rows)).sum(axis=1).mean()) if len(rows) else 0.0
    width = max(SPREAD * max(len(rows), 1) ** (-1.0 / (active + 4.0)), LEAST_WIDTH)
    return np.array([CATEGORY_SHARE if axis.kind is Kind.CATEGORY else width for axis in axes])


def _log_kernel(axis: Axis, x: Matrix, centers: Matrix, widths: Matrix) -> Matrix:
    """(m, k) at coordinates `x` (m,) for kernels (k,), of which those without a center are the prior."""
    prior = _log_prior(axis, x)
    result = np.repeat(prior[:, None], len(centers), axis=1)
    known = ~np.isnan(centers)
    c, w = centers[known], widths[known]
    if axis.kind is Kind.CATEGORY:
        same = np.abs(x[:, None] - c) < 1e-9
        result[:, known] = np.log(np.maximum((1.0 - w) * same + w * np.exp(prior)[:, None], TINY))
    elif axis.kind is Kind.GRID:
        cumulative = normal_cdf((axis.edges[:, None] - c) / w)
        masses = np.diff(cumulative, axis=0) / (cumulative[-1] - cumulative[0])
        result[:, known] = np.log(np.maximum(masses, TINY))[axis.cells(x)]
    else:
        inside = normal_cdf((1.0 - c) / w) - normal_cdf(-c / w)
        result[:, known] = -0.5 * ((x[:, None] - c) / w) ** 2 - np.log(w * inside * math.sqrt(2 * math.pi))
    return result


def _log_prior(axis: Axis, x: Matrix) -> Matrix:
    """(m,) at coordinates `x` (m,)."""
    if axis.kind is not Kind.NUMBER:
        # Other texts than the candidates (above 1) count as one candidate does.
        return np.log(np.maximum(axis.masses, TINY))[axis.cells(x)]
    if math.isinf(axis.spread):
        return np.zeros_like(x)
    return _log_kernel(Axis(Kind.NUMBER), x, np.array([axis.center]), np.array([axis.spread]))[:, 0]


def _draw(axis: Axis, centers: Matrix, widths: Matrix, uniform: Matrix) -> Matrix:
    """(n,): one draw from each kernel (n,), by one uniform number each; a grid's are the middles of cells."""
    prior = _draw_prior(axis, uniform)
    if axis.kind is Kind.CATEGORY:
        stay = uniform >= widths
        redrawn = _draw_prior(axis, np.where(stay, 0.0, uniform / np.maximum(widths, TINY)))
        drawn = np.where(stay, centers, redrawn)
    else:
        drawn = _truncated_normal(centers, widths, uniform)
        if axis.kind is Kind.GRID:
            drawn = axis.middles[axis.cells(np.nan_to_num(drawn, nan=0.5))]
    return np.where(np.isnan(centers), prior, drawn)


def _draw_prior(axis: Axis, uniform: Matrix) -> Matrix:
    if axis.kind is Kind.NUMBER:
        if math.isinf(axis.spread):
            return uniform
        return _truncated_normal(np.full_like(uniform, axis.center), np.full_like(uniform, axis.spread), uniform)
    cumulative = np.cumsum(axis.masses)
    shares = np.minimum(uniform, 1.0 - 1e-12) * cumulative[-1]  # rounding must not lead to a last cell of no mass
    return axis.middles[np.asarray(np.searchsorted(cumulative, shares, side="right"), dtype=np.int64)]


def _truncated_normal(center: Matrix, deviation: Matrix, uniform: Matrix) -> Matrix:
    """The quantiles at `uniform` of normal distributions cut off at 0 and 1; all (n,)."""
    low, high = normal_cdf(-center / deviation), normal_cdf((1.0 - center) / deviation)
    share = np.clip(low + (high - low) * uniform, 1e-12, 1.0 - 1e-12)
    return np.clip(center + deviation * normal_quantile(share), 0.0, 1.0)


def _log_sum_exp(terms: Matrix) -> Matrix:
    """(m,) of (m, k)."""
    top = terms.max(axis=1)
    return top + np.log(np.exp(terms - top[:, None]).sum(axis=1))
