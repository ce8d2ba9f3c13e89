"""How much wider a model's intervals must be for nine values in ten to lie within, learned from what it said before.

Adaptive conformal inference, Gibbs and Candes (2021), arXiv 2106.00170, on the logarithm of a factor: a value outside
widens what follows by nine times as much as a value inside narrows it, so in the long run one in ten lies outside,
whatever is wrong with the model.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

SHARE = 0.9
QUANTILE = 1.6448536269514722  # of the standard normal distribution at (1 + SHARE) / 2
FIRST = 1.4  # such models are too sure of themselves
RATE = 0.15
NARROWEST, WIDEST = 0.5, 8.0


def widening(inside: Iterable[bool]) -> float:
    """The factor for the next interval, after intervals of which each did (True) or didn't hold its value."""
    log_factor = math.log(FIRST)
    for held in inside:
        log_factor += RATE * ((SHARE - 1.0) if held else SHARE)
        log_factor = min(max(log_factor, math.log(NARROWEST)), math.log(WIDEST))
    return math.exp(log_factor)
