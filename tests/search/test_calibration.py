"""Intervals of a model that is wrong about its own errors come to hold nine values in ten."""

import numpy as np
import pytest

from luthier.search.calibration import FIRST, QUANTILE, widening


def test_starts_wide():
    assert widening([]) == FIRST


@pytest.mark.parametrize("truth", [0.6, 1.0, 4.0])
def test_nine_in_ten_come_to_lie_within(truth):
    errors = truth * np.random.default_rng(0).normal(size=1000)
    held = []
    for error in errors:
        held.append(abs(error) <= QUANTILE * widening(held))
    assert 0.87 <= np.mean(held[100:]) <= 0.93


def test_is_never_absurd():
    assert widening([False] * 100) == pytest.approx(8.0)
    assert widening([True] * 1000) == pytest.approx(0.5)
