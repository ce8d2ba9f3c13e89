"""Several claims at once: keep the chance of any false one at alpha."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from luthier.stats._rows import Vector, fraction, vector


def holm(p_values: ArrayLike) -> Vector:
    """Adjusted p-values, shape (m,), in the order given; claim those below alpha.

    Holm (1979), "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
    Statistics 6. ValueError when a p-value is outside [0, 1].
    """
    p = vector(p_values, "p_values", least=0)
    outside = p[(p < 0) | (p > 1)]
    if outside.size:
        raise ValueError(f"p_values must lie in [0, 1], not {outside[0]!r}")
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def simultaneous_level(level: float, intervals: int) -> float:
    """Level for each of `intervals`, so that all of them hold at once in a share `level` of repetitions.

    Bonferroni's inequality: 1 - (1 - level) / intervals. An interval at this level that excludes 0 implies
    that Holm's test claims too; the reverse need not hold, since Holm's test is the sharper one.
    """
    if intervals < 1:
        raise ValueError(f"intervals must be at least 1, not {intervals}")
    return 1 - (1 - fraction(level, "level")) / intervals
