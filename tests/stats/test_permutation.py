import numpy as np
import pytest
from scipy import stats

from luthier.stats import sign_flip_test


@pytest.mark.parametrize("alternative", ["two-sided", "greater"])
def test_exact_agrees_with_scipy(alternative):
    differences = np.random.default_rng(0).normal(0.4, size=11)
    expected = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=np.inf, alternative=alternative
    ).pvalue
    assert sign_flip_test(differences, alternative=alternative) == pytest.approx(expected)


def test_signs_of_outcomes_are_the_binomial_test():
    differences = np.repeat([1, -1, 0], [9, 2, 500])
    assert sign_flip_test(differences) == pytest.approx(stats.binomtest(9, 11).pvalue)


def test_sampled_approaches_the_t_test():
    differences = np.random.default_rng(1).normal(0.1, size=400)
    expected = stats.ttest_1samp(differences, 0).pvalue
    assert sign_flip_test(differences) == pytest.approx(expected, abs=0.01)
    assert sign_flip_test(differences) == sign_flip_test(differences)


def test_sampled_p_value_is_never_zero():
    assert sign_flip_test(np.ones(50), resamples=999) == pytest.approx(1 / 1000)


def test_groups_flip_together():
    differences = np.ones(60)
    assert sign_flip_test(differences, np.arange(60) // 10) == pytest.approx(2 / 2**6)


def test_without_any_difference_nothing_is_claimed():
    assert sign_flip_test(np.zeros(30)) == 1


def test_false_claims():
    rng = np.random.default_rng(0)
    p = np.array([sign_flip_test(rng.standard_t(3, size=30), resamples=199) for _ in range(600)])
    assert 0.025 <= np.mean(p <= 0.05) <= 0.08


def test_unknown_alternative_is_refused():
    with pytest.raises(ValueError, match="alternative must be 'two-sided' or 'greater', not 'less'"):
        sign_flip_test([1.0], alternative="less")
