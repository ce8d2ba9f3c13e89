import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from luthier.stats import get_metric, paired_interval, paired_metric_interval, paired_test


def outcomes(both, wins, losses, neither):
    candidate = np.repeat([1, 1, 0, 0], [both, wins, losses, neither])
    baseline = np.repeat([1, 0, 1, 0], [both, wins, losses, neither])
    return candidate, baseline


@given(st.integers(0, 40), st.integers(0, 40), st.integers(60, 200))
def test_outcomes_give_agresti_and_mins_interval(wins, losses, same):
    """Half a row added to each cell of the table; t in place of z."""
    n = wins + losses + same
    got = paired_interval(*outcomes(same // 2, wins, losses, same - same // 2))
    b, c, total = wins + 0.5, losses + 0.5, n + 2
    center = (b - c) / total
    rest = (n * (wins + losses) - (wins - losses) ** 2) / n  # sum of squares about the mean
    reach = stats.t.ppf(0.975, n - 1) * np.sqrt(rest * n / (n - 1) + 1) / total
    assert got.estimate == pytest.approx((wins - losses) / n)
    assert (got.low, got.high) == pytest.approx((center - reach, center + reach))
    classic = 1.96 * np.sqrt(b + c - (b - c) ** 2 / total) / total
    assert reach == pytest.approx(classic, rel=0.05)


def test_no_change_at_all_is_no_proof_of_none():
    same = np.random.default_rng(0).integers(2, size=100)
    interval = paired_interval(same, same)
    assert interval.estimate == 0
    assert interval.high == pytest.approx(-interval.low)
    assert 0.01 < interval.high < 0.03
    assert paired_test(same, same) == 1
    in_groups = paired_interval(same, same, np.arange(100) // 10)
    assert in_groups.high > 2 * interval.high


def test_equal_real_scores_are_judged_by_their_range():
    scores = np.linspace(0, 10, 200)
    assert 0.05 < paired_interval(scores, scores).high < 0.2
    assert paired_interval(np.ones(9) * 7, np.ones(9) * 7).width == 0


def test_dense_differences_give_the_t_test():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=80), rng.normal(size=80)
    expected = stats.ttest_rel(first, second)
    got = paired_interval(first, second)
    assert paired_test(first, second) == pytest.approx(expected.pvalue)
    ci = expected.confidence_interval(0.95)
    assert (got.low, got.high) == pytest.approx((ci.low, ci.high))
    one_sided = stats.ttest_rel(first, second, alternative="greater").pvalue
    assert paired_test(first, second, alternative="greater") == pytest.approx(one_sided)


@given(st.integers(0, 10_000), st.booleans(), st.sampled_from([0.8, 0.95, 0.99]))
def test_test_and_interval_agree(seed, by_group, level):
    rng = np.random.default_rng(seed)
    candidate, baseline = rng.random(60) < 0.6, rng.random(60) < 0.5
    groups = rng.integers(12, size=60) if by_group else None
    interval = paired_interval(candidate, baseline, groups, level)
    assert (paired_test(candidate, baseline, groups) < 1 - level) == (not interval.contains(0))
    assert (paired_test(candidate, baseline, groups, "greater") < (1 - level) / 2) == (interval.low > 0)


@given(st.integers(0, 10_000))
def test_swapping_the_two_turns_the_interval_around(seed):
    rng = np.random.default_rng(seed)
    first, second, groups = rng.integers(2, size=50), rng.integers(2, size=50), rng.integers(9, size=50)
    there, back = paired_interval(first, second, groups), paired_interval(second, first, groups)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))


def test_constant_gain_is_certain():
    assert paired_test(np.arange(20) + 1.0, np.arange(20)) == 0
    assert paired_test(np.arange(20), np.arange(20) + 1.0, alternative="greater") == 1


def test_wrong_input_is_named():
    with pytest.raises(ValueError, match="candidate_scores and baseline_scores must be over the same rows"):
        paired_interval([1, 0, 1], [1, 0])
    with pytest.raises(ValueError, match="alternative must be 'two-sided' or 'greater', not 'less'"):
        paired_test([1, 0, 1], [1, 0, 0], alternative="less")


def test_metric_interval_of_a_mean_is_the_paired_interval():
    rng = np.random.default_rng(0)
    truth = rng.integers(3, size=500)
    candidate = np.where(rng.random(500) < 0.8, truth, 0)
    baseline = np.where(rng.random(500) < 0.7, truth, 1)
    groups = rng.integers(80, size=500)
    by_rows = paired_interval(candidate == truth, baseline == truth, groups)
    by_metric = paired_metric_interval(get_metric("accuracy"), truth, candidate, baseline, groups)
    assert by_metric.estimate == pytest.approx(by_rows.estimate)
    assert (by_metric.low, by_metric.high) == pytest.approx((by_rows.low, by_rows.high), abs=0.2 * by_rows.width)


def test_metric_that_most_resamples_leave_undefined_is_refused():
    truth = np.zeros(40, int)
    truth[0] = 1
    noise = np.random.default_rng(0).random((2, 40))

    def needs_three_positives(y_true, scores):
        if y_true.sum() < 3:
            raise ValueError("too few")
        return float(scores[y_true == 1].mean())

    with pytest.raises(ValueError, match="too few"):
        paired_metric_interval(needs_three_positives, truth, *noise)

    def needs_two_when_resampled(y_true, scores):
        return needs_three_positives(y_true, scores) if y_true[0] != 1 or y_true.sum() > 1 else 0.0

    with pytest.raises(ValueError, match="metric must be defined on most resamples, but was on"):
        paired_metric_interval(needs_two_when_resampled, truth, *noise, resamples=200)
    with pytest.raises(ValueError, match="over the same rows, but there are 40, 3 and 40"):
        paired_metric_interval(needs_three_positives, truth, noise[0][:3], noise[1])
