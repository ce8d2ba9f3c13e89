"""The mean over rows that come in groups, and how far to trust it.

Questions about one document, frames of one video and turns of one talk go right or wrong together. Counting
them as independent makes every interval too short; here whole groups are the independent units.

Shapes: n rows in g groups of sizes m (g,); the share of a group is h = m / n.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from luthier.stats._rows import Groups, Vector, vector


@dataclass(frozen=True, slots=True)
class ClusteredMean:
    """A mean over n rows in g groups.

    `variance` is that of the estimate; `degrees_of_freedom` those of Student's t for it; `design_effect` >= 1
    says how many grouped rows are worth one independent row.
    """

    estimate: float
    variance: float
    degrees_of_freedom: float
    design_effect: float
    rows: int
    groups: int


def clustered_mean(values: ArrayLike, groups: ArrayLike | None = None) -> ClusteredMean:
    """Mean of `values` (n,), n >= 2, with the CR2 variance and Bell-McCaffrey degrees of freedom.

    Bell and McCaffrey (2002), "Bias reduction in standard errors for linear regression with multi-stage
    samples", Survey Methodology 28. For a mean, the adjustment (I - H_gg)^(-1/2) is division by
    sqrt(1 - h_g); without groups all of this is the ordinary s^2 / n with n - 1 degrees of freedom.
    """
    rows = vector(values, "values", least=2)
    members = Groups.of(groups, rows.size)
    n, sizes = rows.size, members.sizes
    mean = float(rows.mean())
    residuals = members.totals(rows - mean)
    variance = float(np.sum(residuals**2 / (1 - sizes / n))) / n**2
    independent = float(rows.var(ddof=1)) / n
    typical_size = float(np.sum(sizes**2)) / n
    effect = max(1.0, variance / independent) if independent > 0 else typical_size
    correlation = min(1.0, (effect - 1) / (typical_size - 1)) if typical_size > 1 else 0.0
    freedom = bell_mccaffrey(sizes, correlation)
    return ClusteredMean(mean, variance, freedom, effect, n, members.count)


def bell_mccaffrey(sizes: Vector, correlation: float = 0.0) -> float:
    """Degrees of freedom of the CR2 variance of a mean over groups of `sizes` (g,), g >= 2.

    `correlation` in [0, 1] is the intraclass correlation of the working model; Imbens and Kolesar (2016),
    "Robust standard errors in small samples", Review of Economics and Statistics 98, take it from the data.
    The value is tr(M)^2 / tr(M^2), where M_gk = c_g c_k (v_g [g = k] - h_k v_g - h_g v_k + h_g h_k V) is the
    covariance of the adjusted group residuals, v_g that of the group totals, V = sum v, c = (1 - h)^(-1/2).
    Equal groups give g - 1.
    """
    h = sizes / sizes.sum()
    v = sizes * (1 + (sizes - 1) * correlation)
    total = v.sum()
    weights = 1 / (1 - h)
    diagonal = weights * (v - 2 * h * v + h * h * total)
    # The part of M off the diagonal has rank two, so its squares add up in O(g).
    hh, hv, vv = (np.sum(weights * product) for product in (h * h, h * v, v * v))
    everywhere = 2 * hh * vv + 2 * hv**2 - 4 * total * hh * hv + (total * hh) ** 2
    on_diagonal = np.sum((weights * (2 * h * v - h * h * total)) ** 2)
    return float(diagonal.sum() ** 2 / (np.sum(diagonal**2) + everywhere - on_diagonal))
