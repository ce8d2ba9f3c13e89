"""Bends of the unit interval, so that a setting may matter much at one end of its range and little at the other.

x is taken to the distribution function of Kumaraswamy (1980, J. Hydrology 46), 1 - (1 - x^a)^b with a, b > 0, as in
Snoek et al. (2014), arXiv 1402.0929, who use its relative, the beta distribution. a = b = 1 bends nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from luthier.search.numeric import Matrix

EDGE = 1e-6  # where slopes would be infinite


@dataclass(frozen=True, slots=True)
class Bends:
    """Which `columns` (c,) of a matrix are bent, and their a and b (c,)."""

    columns: NDArray[np.int64]
    a: Matrix
    b: Matrix

    def __call__(self, Z: Matrix) -> Matrix:
        """Z (n, p) with its columns bent."""
        if not len(self.columns):
            return Z
        result = Z.copy()
        result[:, self.columns] = bent(Z[:, self.columns], self.a, self.b)
        return result


STRAIGHT = Bends(np.empty(0, dtype=np.int64), np.empty(0), np.empty(0))


def bent(units: Matrix, a: Matrix, b: Matrix) -> Matrix:
    """`units` (n, c) in [0, 1], each column bent by its own a and b (c,)."""
    return 1.0 - (1.0 - _inside(units) ** a) ** b


def slopes(units: Matrix, a: Matrix, b: Matrix) -> tuple[Matrix, Matrix]:
    """Derivatives (n, c) of `bent` by log a and by log b."""
    x = _inside(units)
    power = x**a
    left = np.maximum(1.0 - power, 1e-12)
    return a * b * left ** (b - 1.0) * power * np.log(x), -b * left**b * np.log(left)


def _inside(units: Matrix) -> Matrix:
    return np.clip(units, EDGE, 1.0 - EDGE)
