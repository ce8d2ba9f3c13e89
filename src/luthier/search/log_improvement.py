"""The logarithm of expected improvement: finite and rising even where the improvement itself underflows."""

from __future__ import annotations

import math

import numpy as np

from luthier.search.numeric import Matrix, normal_cdf, scaled_erfc

_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
_HALF_LOG_HALF_PI = 0.5 * math.log(math.pi / 2)


def log_expected_improvement(mean: Matrix, deviation: Matrix, best: float) -> Matrix:
    """log E[max(Y - best, 0)] for Y normal; `mean` and `deviation` > 0 of shape (m,). More is better.

    Ament et al. (2023), arXiv 2310.20708, eq. 9 and 14.
    """
    return _log_h((mean - best) / deviation) + np.log(deviation)


def _log_h(z: Matrix) -> Matrix:
    """log(phi(z) + z Phi(z)), in three ranges, each stable in its own."""
    result = np.empty_like(z)
    high = z > -1
    far = z < -1e6
    middle = ~high & ~far
    zh = z[high]
    result[high] = np.log(np.exp(-0.5 * zh**2 - _HALF_LOG_2PI) + zh * normal_cdf(zh))
    zm = z[middle]
    share = np.log(scaled_erfc(-zm / math.sqrt(2)) * -zm) + _HALF_LOG_HALF_PI
    result[middle] = -0.5 * zm**2 - _HALF_LOG_2PI + np.log(-np.expm1(np.minimum(share, -1e-300)))
    zf = z[far]
    result[far] = -0.5 * zf**2 - _HALF_LOG_2PI - 2 * np.log(-zf)
    return result
