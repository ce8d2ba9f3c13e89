"""How many held-out rows it would have taken to tell the gain that was measured from noise."""

from __future__ import annotations

import math

from luthier.core.verdict import Verdict

NORMAL_95 = 1.959964


def rows_needed(verdict: Verdict) -> int | None:
    """Rows for a power of 80% if the measured gain is the true one; None where it is <= 0 or has no noise to go by.

    The noise per row is worked back from the width of the 95% interval, so whatever made it wide (groups, the
    metric itself) counts. The measured gain is uncertain, and so is this number: good for an order of magnitude.
    """
    from luthier.stats.power import PairedDesign  # on use: it brings numpy along

    overall = verdict.overall
    if overall is None or verdict.rows < 2 or not overall.gain > 0:
        return None
    deviation = (overall.high - overall.low) / (2 * NORMAL_95) * math.sqrt(verdict.rows)
    if not 0 < deviation < math.inf:
        return None
    return PairedDesign(sd=deviation).items_needed(overall.gain)
