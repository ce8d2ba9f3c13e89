"""Values of any scale and with any outliers, turned into something that a Gaussian process takes well.

Fairly good values keep their distances. Below the median distances shrink, the more the farther down, and end at
a floor, so that a loss of 1e30 is merely bad. Far above the others they shrink too: one value that is much better
than all the rest would otherwise look like noise. Equal values stay equal and near ones near, as they don't under
rank transformations.
"""

from __future__ import annotations

import math

import numpy as np

from luthier.search.numeric import Matrix

FLOOR = -3.0
LEAST_SHARE = 0.1


class Warp:
    """A map from values, where more is better, to about zero median and unit spread of the good half, and back.

    For z = (value - median) / scale: z in [0, 1], 1 + log z above, and -log(1 - z) but no less than `FLOOR` below.
    The scale is the root mean square distance of the good half from the median, and `LEAST_SHARE` of the distance
    from there to the lowest tenth at least: a search that settled somewhere must not forget what lies elsewhere.
    """

    def __init__(self, values: Matrix) -> None:
        """Learn it from `values` (n,), where NaN is a failure."""
        finite = values[np.isfinite(values)]
        # Halves, so that a sum or difference of two huge numbers can't overflow.
        self.median = 2 * float(np.median(finite / 2)) if len(finite) else 0.0
        above = finite[finite > self.median] / 2 - self.median / 2
        largest = float(above.max(initial=0.0))
        if largest <= 0:  # no good half: every value is the median or worse
            above = self.median / 2 - finite[finite < self.median] / 2
            largest = float(above.max(initial=0.0))
        spread = 2 * largest * float(np.sqrt(np.mean((above / largest) ** 2))) if largest > 0 else 1.0
        if len(finite):
            bad = 2 * (self.median / 2 - float(np.quantile(finite / 2, 0.1)))
            spread = max(spread, LEAST_SHARE * bad)
        self.scale = min(max(spread, 1e-300), 1e300)

    def forward(self, values: Matrix) -> Matrix:
        """Warped values (n,). A NaN goes to the floor."""
        z = np.nan_to_num((values / 2 - self.median / 2) / (self.scale / 2), nan=-math.inf, posinf=1e9, neginf=-1e9)
        below = np.maximum(-np.log1p(-np.minimum(z, 0.0)), FLOOR)
        return np.where(z < 0, below, np.where(z <= 1, z, 1 + np.log(np.maximum(z, 1.0))))

    def back(self, warped: float) -> float:
        """The value at a warped one."""
        if warped < 0:
            z = -math.expm1(-max(warped, FLOOR))
        else:
            z = warped if warped <= 1 else math.exp(min(warped - 1, 50.0))
        return self.median + self.scale * z
