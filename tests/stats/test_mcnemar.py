import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from luthier.stats import discordant, mcnemar_exact, mcnemar_mid_p


@given(st.integers(0, 300), st.integers(0, 300))
def test_exact_is_the_binomial_test(wins, losses):
    expected = stats.binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
    assert mcnemar_exact(wins, losses) == pytest.approx(expected, abs=1e-12)


@given(st.integers(0, 300), st.integers(0, 300))
def test_mid_p_takes_the_outcome_off_once(wins, losses):
    outcome = stats.binom.pmf(wins, wins + losses, 0.5)
    two_tails = 2 * stats.binom.cdf(min(wins, losses), wins + losses, 0.5)
    assert mcnemar_mid_p(wins, losses) == pytest.approx(two_tails - outcome, abs=1e-12)
    assert mcnemar_mid_p(wins, losses) <= 1 + 1e-12


def test_published_example():
    """Bentur et al. (2009) airway data in Fagerland et al. (2013), tables 1 and 4: 1 and 7 discordant."""
    assert mcnemar_exact(1, 7) == pytest.approx(0.0703, abs=5e-5)
    assert mcnemar_mid_p(1, 7) == pytest.approx(0.0391, abs=5e-5)


def test_discordant_rows_are_counted():
    assert discordant([1, 1, 1, 0, 0], [1, 0, 0, 1, 0]) == (2, 1)
    with pytest.raises(ValueError, match=r"baseline_correct must be 0 or 1 in each row, not 0.5"):
        discordant([1, 0], [0.5, 1])
    with pytest.raises(ValueError, match="wins and losses must be counts of rows, not -1 and 3"):
        mcnemar_exact(-1, 3)
