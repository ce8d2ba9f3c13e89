"""The rungs of successive halving: the fidelities at which trials are compared."""

from __future__ import annotations

import math

from luthier.core.errors import UsageError


def rungs(maximum: int, eta: float = 3.0, minimum: int = 1) -> tuple[int, ...]:
    """minimum, minimum * eta, ... rounded, and last `maximum`; strictly rising.

    A rung nearer to `maximum` than a factor of sqrt(eta) is left out: a promotion there would add next to
    nothing. rungs(9) is (1, 3, 9); rungs(10) is (1, 3, 10); rungs(1) is (1,).
    """
    if not eta > 1:
        raise UsageError(f"eta, the factor from rung to rung, must be > 1; got {eta}")
    if minimum < 1:
        raise UsageError(f"the lowest rung must be >= 1; got {minimum}")
    below: list[int] = []
    for power in range(64):
        rung = round(minimum * eta**power)
        if rung * math.sqrt(eta) > maximum:
            break
        if not below or rung > below[-1]:
            below.append(rung)
    return (*(rung for rung in below if rung < maximum), maximum)
