"""Rows of coordinates say what the space says of one config at a time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.strategies import spaces

from luthier.search.check import CASES
from luthier.search.coordinates import Coordinates

PRECISION = 1e-6  # a range that is narrow beside its numbers holds no more digits


def _near(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert value == (pytest.approx(other[name], rel=1e-9) if isinstance(value, float) else other[name])


def _agree(within, seed):
    coordinates = Coordinates(within)
    uniform = np.random.default_rng(seed).random((20, within.width))
    rows = coordinates.draws(within, uniform)
    for row, draws in zip(rows, uniform, strict=True):
        config = within.draw(draws.tolist())
        _near(coordinates.config(row, within), config)
        np.testing.assert_allclose(row, coordinates.row(config), atol=PRECISION)
    everywhere = np.random.default_rng(seed).random((20, coordinates.width))
    snapped = coordinates.snapped(within, everywhere)
    for row, units in zip(snapped, everywhere, strict=True):
        config = within.from_unit(units[coordinates.columns(within)])
        np.testing.assert_allclose(row, coordinates.row(config), atol=PRECISION)
    np.testing.assert_allclose(coordinates.snapped(within, snapped), snapped, atol=PRECISION)


def test_agrees_with_the_spaces_of_the_conformance_checks():
    for _, within, _ in CASES:
        _agree(within, 1)


@settings(max_examples=50, deadline=None)
@given(spaces(), st.integers(0, 2**31))
def test_agrees_with_any_space(space, seed):
    _agree(space, seed)
