import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from luthier.stats import PairedDesign, design_effect, paired_test


@pytest.mark.parametrize(("effect", "power", "rows"), [(0.5, 0.8, 34), (0.2, 0.8, 199), (0.5, 0.9, 44), (0.8, 0.8, 15)])
def test_means_as_published(effect, power, rows):
    """G*Power 3.1, t tests, matched pairs, two-sided 0.05."""
    assert PairedDesign(sd=1).items_needed(effect, power) == rows


def test_proportions_by_hand():
    """Connor: (1.95996 sqrt(0.1) + 0.84162 sqrt(0.1 - 0.03^2))^2 / 0.03^2 = 869.1"""
    by_hand = ((1.95996 * 0.1**0.5 + 0.84162 * 0.0991**0.5) / 0.03) ** 2
    assert PairedDesign(discordance=0.1).items_needed(0.03) == np.ceil(by_hand)


@pytest.mark.parametrize(("difference", "discordance"), [(0.03, 0.1), (0.05, 0.2), (0.1, 0.3)])
def test_power_for_outcomes_agrees_with_simulation(difference, discordance):
    design = PairedDesign(discordance=discordance)
    rows = design.items_needed(difference)
    rng = np.random.default_rng(0)
    wins, found = (discordance + difference) / 2, 0
    for _ in range(1000):
        u = rng.random(rows)
        found += paired_test(u < wins, (u >= wins) & (u < discordance)) < 0.05
    assert found / 1000 == pytest.approx(0.8, abs=0.045)


def test_power_for_scores_agrees_with_simulation():
    design = PairedDesign(sd=2.0)
    rng = np.random.default_rng(0)
    found = np.mean([paired_test(rng.normal(0.5, 2, size=100), np.zeros(100)) < 0.05 for _ in range(1000)])
    assert found == pytest.approx(design.power(100, 0.5), abs=0.045)


@given(st.sampled_from([{"sd": 0.4}, {"discordance": 0.15}]), st.integers(200, 20_000), st.floats(0.3, 0.98))
def test_the_three_questions_have_one_answer(noise, items, power):
    design = PairedDesign(**noise, design_effect=1.5)
    difference = design.detectable_difference(items, power)
    assert design.power(items, difference) == pytest.approx(power, abs=1e-6)
    assert design.items_needed(difference, power) in (items, items + 1)


def test_design_effect():
    assert design_effect(0.05, 20) == pytest.approx(1.95)
    assert design_effect(0.05, 20, 0.5) == pytest.approx(1 + (1.25 * 20 - 1) * 0.05)
    plain, grouped = PairedDesign(sd=1), PairedDesign(sd=1, design_effect=1.95)
    assert grouped.items_needed(0.1) == pytest.approx(1.95 * plain.items_needed(0.1), rel=0.01)
    with pytest.raises(ValueError, match="intraclass_correlation"):
        design_effect(1.2, 20)


def test_one_sided_needs_fewer():
    assert PairedDesign(sd=1, sided=1).items_needed(0.5) < PairedDesign(sd=1).items_needed(0.5)


def test_what_can_not_be_is_refused():
    with pytest.raises(ValueError, match="exactly one of discordance"):
        PairedDesign(discordance=0.1, sd=1)
    with pytest.raises(ValueError, match="exactly one of discordance"):
        PairedDesign()
    with pytest.raises(ValueError, match=r"discordance must be a share of rows in \(0, 1\], not 10"):
        PairedDesign(discordance=10)
    with pytest.raises(ValueError, match=r"difference must not exceed discordance, .*: 0.2 > 0.1"):
        PairedDesign(discordance=0.1).items_needed(0.2)
    with pytest.raises(ValueError, match="items must be more than 20 to show any difference"):
        PairedDesign(discordance=0.1).detectable_difference(20)
    with pytest.raises(ValueError, match="difference must be finite and not 0"):
        PairedDesign(sd=1).items_needed(0)
