"""The little of scipy that searchers use, with types; scipy comes in on first use."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Matrix: TypeAlias = NDArray[np.float64]
"""Floats of any shape; docstrings say which."""


def normal_cdf(z: Matrix) -> Matrix:
    """P(Z <= z), shape as given."""
    return np.asarray(_scipy("special").ndtr(z), dtype=np.float64)


def normal_quantile(probability: Matrix) -> Matrix:
    """z with P(Z <= z) = `probability`, shape as given."""
    return np.asarray(_scipy("special").ndtri(probability), dtype=np.float64)


def scaled_erfc(x: Matrix) -> Matrix:
    """exp(x^2) erfc(x), shape as given."""
    return np.asarray(_scipy("special").erfcx(x), dtype=np.float64)


def solve_lower(factor: Matrix, right: Matrix) -> Matrix:
    """L^-1 b for a lower triangular L (n, n) and b (n,) or (n, m)."""
    solve = _scipy("linalg").solve_triangular
    return np.asarray(solve(factor, right, lower=True, check_finite=False), dtype=np.float64)


def inverse_from_factor(factor: Matrix) -> Matrix:
    """(L L^T)^-1 for a lower triangular L (n, n)."""
    lower = np.tril(np.asarray(_scipy("linalg.lapack").dpotri(factor, lower=1)[0], dtype=np.float64))
    return lower + np.tril(lower, -1).T


def minimize(
    objective: Callable[[Matrix], tuple[float, Matrix]],
    start: Matrix,
    bounds: Sequence[tuple[float, float]],
    steps: int,
) -> Matrix:
    """Where L-BFGS-B stands after at most `steps`, or when a step gains less than a millionth."""
    options = {"maxiter": steps, "ftol": 1e-6}
    found = _scipy("optimize").minimize(
        objective, start, jac=True, method="L-BFGS-B", bounds=list(bounds), options=options
    )
    return np.asarray(found.x, dtype=np.float64)


def sobol_engine(width: int, seed: int) -> Any:
    """A scrambled Sobol sequence in `width` dimensions; `random(n)` gives its next n points (n, width)."""
    return _scipy("stats.qmc").Sobol(width, scramble=True, seed=seed)


def _scipy(part: str) -> Any:
    return importlib.import_module(f"scipy.{part}")
