"""How numbers, times and settings read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luthier.report import words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.02, "0.1 s"),
        (0.34, "0.3 s"),
        (0.97, "1 s"),
        (48.2, "48 s"),
        (59.6, "1 min 00 s"),
        (125, "2 min 05 s"),
        (3599.7, "1 h 00 min"),
        (3780, "1 h 03 min"),
        (2 * 86400 + 4 * 3600, "2 d 4 h"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


@pytest.mark.parametrize(("spread", "decimals"), [(0.013, 3), (0.0013, 4), (1.3, 1), (25, 0), (4000, 0), (0, 3)])
def test_decimals_show_two_digits(spread: float, decimals: int) -> None:
    assert words.decimals_for(spread) == decimals


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), -1.0])
def test_decimals_of_odd_spreads(odd: float) -> None:
    assert words.decimals_for(odd) == 3


def test_signs() -> None:
    assert words.signed(0.0213, 3) == "+0.021"
    assert words.signed(-0.0213, 3) == "-0.021"
    assert words.signed(-0.0001, 3) == "0.000"
    assert words.signed(0.0001, 3) == "0.000"
    assert words.signed(12345.6, 0) == "+12,346"
    assert words.interval(-0.005, 0.0131, 3) == "-0.005 to +0.013"


@given(st.floats(-1e6, 1e6), st.integers(0, 8))
def test_a_signed_number_is_the_number(value: float, decimals: int) -> None:
    assert float(words.signed(value, decimals).replace(",", "")) == pytest.approx(
        value, abs=0.51 * 10**-decimals, rel=1e-15
    )


def test_settings() -> None:
    assert words.setting(True) == "on"
    assert words.setting(5000) == "5,000"
    assert words.setting(1e-5) == "1e-05"
    assert words.setting(None) == "none"
    assert words.setting(("a", "b")) == "[a, b]"
    assert words.setting("x" * 100) == "x" * 37 + "..."


def test_nothing_that_steers_a_terminal_comes_through() -> None:
    assert words.clean("a\x1b[31mb\nc\r\u202e") == "a?[31mb c ?"


def test_lists_and_counts() -> None:
    assert words.listing(["a"]) == "a"
    assert words.listing(["a", "b", "c"]) == "a, b and c"
    assert words.count(1, "trial") == "1 trial"
    assert words.count(1204, "trial") == "1,204 trials"
    assert words.dollars(1_250_000) == "$1.25"
    assert words.dollars(12_300) == "$0.0123"
    assert words.probability(0.0001) == "< 0.001"
    assert words.probability(0.0031) == "0.0031"
    assert words.probability(0.411) == "0.41"
