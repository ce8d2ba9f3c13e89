"""The paired permutation test: without a difference, each sign of a difference is as likely as the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from luthier.stats._rows import Groups, Vector, vector
from luthier.stats.paired import Alternative

EXACT_UP_TO = 14  # groups with a difference, so 16,384 sign patterns
SIGNS_AT_ONCE = 1 << 22


def sign_flip_test(
    differences: ArrayLike,
    groups: ArrayLike | None = None,
    alternative: Alternative = "two-sided",
    *,
    resamples: int = 9999,
    seed: int = 0,
) -> float:
    """p-value for a mean of `differences` (candidate - baseline), shape (n,), by flipping signs.

    With `groups`, shape (n,), the signs of a whole group flip together. All sign patterns are counted where
    at most 14 groups hold a difference; otherwise `resamples` are drawn and (hits + 1) / (resamples + 1) is
    returned, which never claims too often: Phipson and Smyth (2010), "Permutation p-values should never be
    zero", SAGMB 9. Assumes that differences are symmetric about 0 when there is no gain.
    """
    if alternative not in ("two-sided", "greater"):
        raise ValueError(f"alternative must be 'two-sided' or 'greater', not {alternative!r}")
    rows = vector(differences, "differences")
    totals = Groups.of(groups, rows.size).totals(rows)
    totals = totals[totals != 0]
    if alternative == "two-sided":
        observed = abs(totals.sum())
    else:
        observed = totals.sum()
    threshold = observed - 1e-12 * np.abs(totals).sum()  # sums that differ only by rounding are ties
    if totals.size <= EXACT_UP_TO:
        flipped = _all_signs(totals.size) @ totals
        return float(np.mean(_extreme(flipped, threshold, alternative)))
    rng = np.random.default_rng(seed)
    block = max(1, SIGNS_AT_ONCE // totals.size)
    hits = 0
    for start in range(0, resamples, block):
        signs = _random_signs(min(block, resamples - start), totals.size, rng)
        hits += int(np.count_nonzero(_extreme(signs @ totals, threshold, alternative)))
    return (hits + 1) / (resamples + 1)


def _extreme(sums: Vector, threshold: float, alternative: Alternative) -> NDArray[np.bool_]:
    return (np.abs(sums) if alternative == "two-sided" else sums) >= threshold


def _all_signs(n: int) -> Vector:
    patterns: NDArray[np.int64] = np.arange(2**n, dtype=np.int64).reshape(-1, 1)
    flips = (patterns >> np.arange(n, dtype=np.int64)) & 1
    return 1.0 - 2.0 * flips.astype(np.float64)


def _random_signs(patterns: int, n: int, rng: np.random.Generator) -> Vector:
    return 1.0 - 2.0 * rng.integers(2, size=(patterns, n), dtype=np.int8).astype(np.float64)
