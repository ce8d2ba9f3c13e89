import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from luthier.stats import shrink


def test_equal_noise_by_hand():
    """Variance seen 1.0 = spread 0.75 + noise 0.25: each score keeps three quarters of its distance."""
    scores = np.array([-1.0, 0.0, 1.0])
    means, deviations = shrink(scores, [0.5, 0.5, 0.5])
    assert means == pytest.approx([-0.75, 0.0, 0.75], abs=1e-6)
    assert deviations == pytest.approx(np.sqrt([0.25 * 0.75 + 0.25**2 * (1.0 / 3)] * 3), abs=1e-6)


def test_the_lucky_score_loses_to_the_solid_one():
    scores = np.array([0.70, 0.71, 0.69, 0.72, 0.80, 0.78])
    noise = np.array([0.01, 0.01, 0.01, 0.01, 0.08, 0.01])
    assert np.argmax(scores) == 4
    assert np.argmax(shrink(scores, noise)[0]) == 5


def test_posterior_is_nearer_to_the_truth_and_covers_it():
    rng = np.random.default_rng(0)
    noise = rng.uniform(0.2, 2.0, size=4000)
    truth = rng.normal(3.0, 0.7, size=4000)
    seen = truth + noise * rng.normal(size=4000)
    means, deviations = shrink(seen, noise)
    best = np.mean((truth - (3.0 + (seen - 3.0) * 0.49 / (0.49 + noise**2))) ** 2)
    assert np.mean((means - truth) ** 2) <= 1.02 * best
    assert np.mean((seen - truth) ** 2) > 2 * best
    assert np.mean(np.abs(means - truth) < 1.96 * deviations) == pytest.approx(0.95, abs=0.012)


def test_choosing_by_posterior_mean_chooses_better():
    rng = np.random.default_rng(0)
    by_score, by_posterior = [], []
    for _ in range(400):
        truth, noise = rng.normal(size=40), rng.choice([0.2, 2.0], size=40)
        seen = truth + noise * rng.normal(size=40)
        by_score.append(truth[np.argmax(seen)])
        by_posterior.append(truth[np.argmax(shrink(seen, noise)[0])])
    assert np.mean(by_posterior) > np.mean(by_score) + 0.5


def test_without_noise_scores_stand():
    scores = [0.3, 0.9, 0.5]
    for noise in (None, [0.0, 0.0, 0.0]):
        means, deviations = shrink(scores, noise)
        assert np.array_equal(means, scores)
        assert np.array_equal(deviations, np.zeros(3))


def test_one_score_without_noise_stands_among_others():
    means, deviations = shrink([0.3, 0.9, 0.5], [0.1, 0.0, 0.1])
    assert means[1] == pytest.approx(0.9)
    assert deviations[1] == 0
    assert 0.3 < means[0] < 0.9


def test_one_trial_alone_keeps_score_and_noise():
    means, deviations = shrink([0.7], [0.05])
    assert (means[0], deviations[0]) == (pytest.approx(0.7), pytest.approx(0.05))


def test_scores_that_differ_by_noise_alone_become_one():
    means, _ = shrink([0.50, 0.51, 0.49], [0.1, 0.1, 0.2])
    assert means == pytest.approx([means[0]] * 3)


@given(
    st.lists(st.tuples(st.floats(-1e6, 1e6), st.sampled_from([0.0, 1e-3, 1.0, 1e3])), min_size=1, max_size=20),
)
def test_posterior_lies_among_the_scores(trials):
    scores, noise = np.array(trials).T
    means, deviations = shrink(scores, noise)
    slack = 1e-6 * (1 + np.max(np.abs(scores)))
    assert np.all(means >= scores.min() - slack)
    assert np.all(means <= scores.max() + slack)
    assert np.all(deviations <= noise * (1 + 1e-6) + slack)
    assert np.all(np.isfinite(deviations))


def test_ten_thousand_trials_take_no_time():
    rng = np.random.default_rng(0)
    start = time.perf_counter()
    shrink(rng.normal(size=10_000), rng.uniform(0.1, 1, size=10_000))
    assert time.perf_counter() - start < 0.5


def test_negative_noise_is_refused():
    with pytest.raises(ValueError, match="standard_errors must not be negative"):
        shrink([1.0, 2.0], [0.1, -0.1])
    with pytest.raises(ValueError, match="means and standard_errors must be over the same rows"):
        shrink([1.0, 2.0], [0.1])


@pytest.mark.parametrize("scale", [2.0**-900, 1.0, 2.0**1000])
def test_scores_of_any_size_are_pulled_alike(scale: float) -> None:
    means, errors = np.array([0.5, 0.75, 0.625, 1.5]), np.array([0.125, 0.25, 0.125, 0.25])
    expected, deviations = shrink(means, errors)
    scaled, scaled_deviations = shrink(means * scale, errors * scale)
    np.testing.assert_array_equal(scaled, expected * scale)
    np.testing.assert_array_equal(scaled_deviations, deviations * scale)


def test_a_diverged_score_is_taken_as_it_is() -> None:
    means, _ = shrink([1.0, 2.0, 1e300], [0.0, 0.0, 0.0])
    assert means.tolist() == [1.0, 2.0, 1e300]
