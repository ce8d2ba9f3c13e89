"""The normal, Student's t and the binomial distribution; scipy comes in on first use."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from luthier.stats._rows import Vector


def normal_cdf(z: ArrayLike) -> Vector:
    """P(Z <= z), shape as given."""
    return np.asarray(_special().ndtr(z), dtype=np.float64)


def normal_quantile(probability: float) -> float:
    """z with P(Z <= z) = `probability`."""
    return float(_special().ndtri(probability))


def student_cdf(t: float, degrees_of_freedom: float) -> float:
    """P(T <= t)."""
    return float(_special().stdtr(degrees_of_freedom, t))


def student_quantile(probability: float, degrees_of_freedom: float) -> float:
    """t with P(T <= t) = `probability`."""
    return float(_special().stdtrit(degrees_of_freedom, probability))


def fair_coin_cdf(heads: int, tosses: int) -> float:
    """P(X <= heads) of a fair coin tossed `tosses` times."""
    return float(_special().bdtr(heads, tosses, 0.5))


def _special() -> Any:
    return importlib.import_module("scipy.special")
