"""McNemar's test: do two classifiers err equally often on the same rows?

Only discordant rows speak: `wins`, where the candidate alone is right, and `losses`, where the baseline
alone is. Without a difference, wins ~ Binomial(wins + losses, 1/2). Rows must be independent; for grouped
rows use `paired_test`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from luthier.stats._distributions import fair_coin_cdf
from luthier.stats._rows import same_length, vector


def discordant(candidate_correct: ArrayLike, baseline_correct: ArrayLike) -> tuple[int, int]:
    """(wins, losses) of 0/1 outcomes, each of shape (n,). ValueError for any other value."""
    candidate = vector(candidate_correct, "candidate_correct")
    baseline = vector(baseline_correct, "baseline_correct")
    same_length(candidate, baseline, "candidate_correct and baseline_correct")
    for name, outcomes in (("candidate_correct", candidate), ("baseline_correct", baseline)):
        other = outcomes[(outcomes != 0) & (outcomes != 1)]
        if other.size:
            raise ValueError(f"{name} must be 0 or 1 in each row, not {other[0]:g}; use paired_test for scores")
    return int(np.count_nonzero(candidate > baseline)), int(np.count_nonzero(candidate < baseline))


def mcnemar_exact(wins: int, losses: int) -> float:
    """Two-sided exact p-value; never claims too often, and therefore too seldom where discordant rows are few."""
    fewer, both = _counts(wins, losses)
    return min(1.0, 2 * fair_coin_cdf(fewer, both))


def mcnemar_mid_p(wins: int, losses: int) -> float:
    """Two-sided mid-p value: the exact one less the probability of the outcome itself.

    Fagerland, Lydersen and Laake (2013), "The McNemar test for binary matched-pairs data: mid-p and
    asymptotic are better than exact conditional", BMC Medical Research Methodology 13.
    """
    fewer, both = _counts(wins, losses)
    return 2 * fair_coin_cdf(fewer, both) - _half_binomial(fewer, both)


def _counts(wins: int, losses: int) -> tuple[int, int]:
    if wins < 0 or losses < 0:
        raise ValueError(f"wins and losses must be counts of rows, not {wins} and {losses}")
    return min(wins, losses), wins + losses


def _half_binomial(successes: int, n: int) -> float:
    log_choose = math.lgamma(n + 1) - math.lgamma(successes + 1) - math.lgamma(n - successes + 1)
    return math.exp(log_choose - n * math.log(2))
