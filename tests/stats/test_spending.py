import numpy as np
import pytest
from scipy import stats

from luthier.stats import Spending, boundaries

FIVE_LOOKS = np.arange(1, 6) / 5


def test_obrien_fleming_boundaries_as_published():
    """Lan-DeMets, five equal looks, two-sided 0.05: the values of ldbounds and gsDesign."""
    assert boundaries(FIVE_LOOKS) == pytest.approx([4.8769, 3.3569, 2.6803, 2.2898, 2.0310], abs=2e-4)


def test_pocock_boundaries_as_published():
    expected = [2.4380, 2.4268, 2.4101, 2.3966, 2.3859]
    assert boundaries(FIVE_LOOKS, spending=Spending.POCOCK) == pytest.approx(expected, abs=1e-4)


def test_one_look_is_the_ordinary_test():
    assert boundaries([1.0]) == pytest.approx([1.959964], abs=1e-5)
    assert boundaries([1.0], sided=1) == pytest.approx([1.644854], abs=1e-5)


def test_two_looks_agree_with_the_bivariate_normal():
    """P(|Z1| < b1, |Z2| < b2) = 0.95 with correlation sqrt(t1 / t2), at unequal information."""
    low = boundaries([0.3, 1.0], 0.05, Spending.POCOCK)
    joint = stats.multivariate_normal(cov=[[1, np.sqrt(0.3)], [np.sqrt(0.3), 1]])
    inside = joint.cdf(low, lower_limit=-low, rng=np.random.default_rng(0))
    assert inside == pytest.approx(0.95, abs=1e-4)


@pytest.mark.parametrize("spending", Spending)
@pytest.mark.parametrize("sided", [1, 2])
def test_alpha_is_spent_and_no_more(spending, sided):
    """Brownian motion looked at 12 times at odd moments crosses in 5% of 400,000 walks."""
    rng = np.random.default_rng(0)
    times = np.sort(np.append(rng.random(11), 1.0))
    bounds = boundaries(times, 0.05, spending, sided=sided)
    walk = np.cumsum(rng.normal(size=(400_000, 12)) * np.sqrt(np.diff(times, prepend=0)), axis=1)
    z = walk / np.sqrt(times)
    crossed = np.any((np.abs(z) if sided == 2 else z) >= bounds, axis=1)
    assert crossed.mean() == pytest.approx(0.05, abs=0.0012)


def test_spending_ends_at_alpha():
    for spending in Spending:
        spent = spending.spent(np.linspace(0.01, 1, 50), 0.03)
        assert np.all(np.diff(spent) > 0)
        assert spent[-1] == pytest.approx(0.03)


def test_nothing_to_spend_yet_is_an_infinite_boundary():
    bounds = boundaries([0.001, 1.0])
    assert np.isinf(bounds[0])
    assert bounds[1] == pytest.approx(1.959964, abs=1e-4)


def test_earlier_boundaries_do_not_depend_on_later_looks():
    assert boundaries([0.2, 0.5, 0.9])[:2] == pytest.approx(boundaries([0.2, 0.5]), abs=1e-5)


def test_information_must_rise():
    with pytest.raises(ValueError, match=r"information must rise within \(0, 1\], not \[0.5, 0.5\]"):
        boundaries([0.5, 0.5])
    with pytest.raises(ValueError, match="information must rise"):
        boundaries([0.5, 1.5])
    with pytest.raises(ValueError, match="sided must be 1 or 2, not 3"):
        boundaries([1.0], sided=3)


def test_looks_that_are_very_close_stay_cautious():
    close = boundaries([0.5, 0.5 + 1e-9, 1.0])
    assert close[1] >= boundaries([0.5])[0] - 0.05
    assert close[2] == pytest.approx(boundaries([0.5, 1.0])[1], abs=1e-3)
    assert close[2] >= boundaries([0.5, 1.0])[1] - 1e-6
