import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from luthier.stats import Interval, bootstrap, clustered_mean, mean_t, wilson
from luthier.stats.clustered import bell_mccaffrey


def test_interval_reads_as_a_number_with_its_range():
    interval = Interval(0.031, 0.012, 0.05)
    assert str(interval) == "0.031 [0.012, 0.05]"
    assert interval.format("+.1%") == "+3.1% [+1.2%, +5.0%]"
    assert interval.contains(0.012)
    assert not interval.contains(0.051)
    assert interval.width == pytest.approx(0.038)


def test_interval_refuses_what_can_not_be():
    with pytest.raises(ValueError, match="low must not pass high, but low is 1 and high is 0"):
        Interval(0.5, 1, 0)
    with pytest.raises(ValueError, match="level must lie strictly between 0 and 1, not 95"):
        Interval(0.5, 0, 1, 95)


@given(st.integers(1, 5000), st.floats(0, 1), st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_agrees_with_scipy(n, share, level):
    successes = round(share * n)
    expected = stats.binomtest(successes, n).proportion_ci(level, method="wilson")
    got = wilson(successes, n, level=level)
    assert (got.low, got.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert 0 <= got.low <= got.estimate <= got.high <= 1


def test_wilson_refuses_more_successes_than_rows():
    with pytest.raises(ValueError, match=r"successes must lie in 0..n with n >= 1, but there are 5 of 4"):
        wilson(5, 4)


def test_mean_t_agrees_with_scipy():
    values = np.random.default_rng(0).normal(size=17)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.9)
    got = mean_t(values, level=0.9)
    assert (got.low, got.high) == pytest.approx((expected.low, expected.high))


def test_rows_that_can_not_be_used_are_named():
    with pytest.raises(ValueError, match="values must be finite, but 1 of 3 are not"):
        mean_t([1.0, np.nan, 2.0])
    with pytest.raises(ValueError, match=r"values must have one dimension, not shape \(1, 2\)"):
        mean_t([[1.0, 2.0]])
    with pytest.raises(ValueError, match="values must hold at least 2 rows, not 1"):
        mean_t([1.0])
    with pytest.raises(ValueError, match="groups must name at least 2 groups, not 1"):
        mean_t([1.0, 2.0], ["a", "a"])
    with pytest.raises(ValueError, match=r"groups must name one group for each of the 2 rows, not shape \(1,\)"):
        mean_t([1.0, 2.0], ["a"])


def test_clustered_mean_of_equal_groups_is_the_mean_of_group_means():
    rng = np.random.default_rng(0)
    table = rng.normal(size=(12, 5)) + rng.normal(size=(12, 1))
    got = clustered_mean(table.ravel(), np.repeat([f"doc {i}" for i in range(12)], 5))
    assert got.estimate == pytest.approx(table.mean())
    assert got.variance == pytest.approx(table.mean(axis=1).var(ddof=1) / 12)
    assert got.degrees_of_freedom == pytest.approx(11)
    assert got.design_effect > 1


@given(st.lists(st.integers(1, 8), min_size=2, max_size=9), st.floats(0, 1))
def test_clustered_mean_agrees_with_the_matrix_formulas(sizes, correlation):
    """CR2 and its degrees of freedom by the definition, with n x n matrices."""
    groups = np.repeat(np.arange(len(sizes)), sizes)
    n = groups.size
    values = np.random.default_rng(n).normal(size=n)
    residual_maker = np.eye(n) - 1 / n
    same = groups[:, None] == groups
    model = np.eye(n) * (1 - correlation) + same * correlation
    weights = []
    for group in range(len(sizes)):
        rows = groups == group
        values_of, vectors = np.linalg.eigh(residual_maker[np.ix_(rows, rows)])
        adjustment = vectors @ np.diag(values_of**-0.5) @ vectors.T
        weights.append(residual_maker[rows].T @ adjustment @ np.ones(rows.sum()) / n)
    A = np.array(weights)
    assert clustered_mean(values, groups).variance == pytest.approx(np.sum((A @ values) ** 2), rel=1e-9)
    M = A @ model @ A.T
    assert bell_mccaffrey(np.array(sizes, float), correlation) == pytest.approx(
        np.trace(M) ** 2 / np.sum(M * M), rel=1e-6
    )


def test_rows_of_their_own_are_the_ordinary_variance():
    values = np.random.default_rng(0).normal(size=50)
    got = clustered_mean(values)
    assert got.variance == pytest.approx(values.var(ddof=1) / 50)
    assert got.degrees_of_freedom == pytest.approx(49)
    assert got.design_effect == pytest.approx(1)


def test_bootstrap_of_many_rows_is_the_t_interval():
    values = np.random.default_rng(0).normal(size=3000)
    got, expected = bootstrap(values, resamples=20_000), mean_t(values)
    assert (got.low, got.high) == pytest.approx((expected.low, expected.high), abs=0.03 * expected.width)
    assert bootstrap(values) == bootstrap(values)
    assert bootstrap(values) != bootstrap(values, seed=1)


def test_bootstrap_by_group_is_as_wide_as_the_clustered_interval():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(60), rng.integers(1, 20, size=60))
    values = rng.normal(size=60)[groups] + rng.normal(size=groups.size)
    by_formula = mean_t(values, groups)
    assert bootstrap(values, groups=groups).width == pytest.approx(by_formula.width, rel=0.15)
    assert bootstrap(values, np.mean, groups).width == pytest.approx(by_formula.width, rel=0.15)
    assert bootstrap(values).width < 0.6 * by_formula.width


def test_bootstrap_of_any_statistic():
    values = np.random.default_rng(1).exponential(size=400)
    got = bootstrap(values, lambda rows: float(np.median(rows)), resamples=500)
    assert got.estimate == np.median(values)
    standard_error = 1 / np.sqrt(400)  # of the median of an exponential: 1 / (2 f sqrt(n)), f = 1/2
    assert got.width == pytest.approx(2 * 1.96 * standard_error, rel=0.3)
    assert got.contains(np.log(2))
