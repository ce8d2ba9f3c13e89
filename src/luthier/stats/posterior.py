"""What a trial is really worth: its score, pulled toward the others as far as its noise says.

The best of many noisy scores is mostly the luckiest. The best *posterior mean* is the choice to make.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from luthier.stats._rows import Vector, same_length, vector

HALVINGS = 60


def shrink(means: ArrayLike, standard_errors: ArrayLike | None = None) -> tuple[Vector, Vector]:
    """(posterior means, posterior standard deviations), each (n,), of a normal-normal model of n >= 1 trials.

    `means` (n,) are observed scores, `standard_errors` (n,) >= 0 their noise in the same units; a score with
    noise 0, and every score when None, is taken at its word. One trial alone keeps its score and its noise.
    The spread between trials comes from Paule and Mandel's equation. Empirical Bayes with the uncertainty of
    the common mean: Morris (1983), "Parametric empirical Bayes inference", JASA 78. O(n).
    """
    observed = vector(means, "means")
    if standard_errors is None:
        return observed.copy(), np.zeros_like(observed)
    errors = vector(standard_errors, "standard_errors")
    same_length(observed, errors, "means and standard_errors")
    if np.any(errors < 0):
        raise ValueError("standard_errors must not be negative; pass 0 for a score without noise")
    # A diverged trial may score 1e200, and squares of that are no numbers. A power of two scales exactly.
    scale = _power_of_two(max(float(np.max(np.abs(observed))), float(np.max(errors))))
    centers, deviations = _shrunk(observed / scale, (errors / scale) ** 2)
    return centers * scale, deviations * scale


def _power_of_two(largest: float) -> float:
    """The power of two at or just below `largest`; 1 for 0."""
    return math.ldexp(1.0, math.frexp(largest)[1] - 1) if largest > 0 else 1.0


def _shrunk(observed: Vector, noise: Vector) -> tuple[Vector, Vector]:
    between = between_variance(observed, noise)
    common, common_variance = _common_mean(observed, noise, between)
    total = noise + between
    pull = np.divide(noise, total, out=np.zeros_like(noise), where=total > 0)
    posterior_variance = noise * (1 - pull) + pull**2 * common_variance
    return observed + pull * (common - observed), np.sqrt(posterior_variance)


def between_variance(means: Vector, noise: Vector) -> float:
    """Variance of the true scores, given observed `means` (n,) with variances `noise` (n,).

    The root of sum (y - mu)^2 / (tau^2 + noise) = n - 1, or 0 when there is none: Paule and Mandel (1982),
    "Consensus values and weighting factors", Journal of Research of the NBS 87. The left side falls in tau^2.
    """
    high = float(np.var(means, ddof=1)) if means.size > 1 else 0.0
    if high == 0 or _excess(means, noise, 0.0) <= 0:
        return 0.0
    low = 0.0
    while _excess(means, noise, high) > 0:
        low, high = high, 2 * high
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if _excess(means, noise, middle) > 0:
            low = middle
        else:
            high = middle
    return high


def _excess(means: Vector, noise: Vector, between: float) -> float:
    common, _ = _common_mean(means, noise, between)
    return float(np.sum((means - common) ** 2 * _precision(means, noise, between))) - (means.size - 1)


def _common_mean(means: Vector, noise: Vector, between: float) -> tuple[float, float]:
    precision = _precision(means, noise, between)
    return float(precision @ means / precision.sum()), float(1 / precision.sum())


def _precision(means: Vector, noise: Vector, between: float) -> Vector:
    floor = max(1e-18 * float(np.max(np.abs(means))) ** 2, 1e-300)  # a score without noise weighs much, not inf
    return 1 / np.maximum(noise + between, floor)
