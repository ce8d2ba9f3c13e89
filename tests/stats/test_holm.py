import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from luthier.stats import holm, simultaneous_level


def test_worked_example():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.floats(0.001, 0.5))
def test_claims_are_those_of_the_step_down_procedure(p_values, alpha):
    """By the definition: go up the sorted p-values, stop at the first above alpha / (those left)."""
    p = np.array(p_values)
    claimed = np.zeros(p.size, dtype=bool)
    for step, index in enumerate(np.argsort(p, kind="stable")):
        if p[index] * (p.size - step) > alpha:
            break
        claimed[index] = True
    assert np.array_equal(holm(p) <= alpha, claimed)


def test_false_claims_among_many():
    rng = np.random.default_rng(0)
    p = rng.random((4000, 6))
    any_false = np.mean([np.any(holm(row) <= 0.05) for row in p])
    assert 0.035 <= any_false <= 0.065


def test_simultaneous_level():
    assert simultaneous_level(0.95, 5) == pytest.approx(0.99)
    assert holm([]).size == 0
    with pytest.raises(ValueError, match=r"p_values must lie in \[0, 1\]"):
        holm([0.2, 1.2])
    with pytest.raises(ValueError, match="intervals must be at least 1, not 0"):
        simultaneous_level(0.95, 0)
