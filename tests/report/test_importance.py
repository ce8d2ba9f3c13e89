"""Functional ANOVA against functions whose shares are known."""

import numpy as np
import pytest

from luthier.core.parameter import Choice, Float, Subset
from luthier.core.space import Space
from luthier.report.importance import Importance, importance_of
from luthier.report.observations import Observations


def importance(
    function, count: int = 300, width: int = 3, noise: float = 0.0, space: Space | None = None
) -> Importance:
    rng = np.random.default_rng(0)
    space = space or Space({f"x{place}": Float(0, 1) for place in range(width)})
    X = np.array([space.to_unit(space.from_unit(rng.random(space.width))) for _ in range(count)])
    found = importance_of(Observations(space, (), X, function(X) + noise * rng.normal(size=count)))
    assert found is not None
    return found


def shares(found: Importance) -> dict[str, float]:
    return {share.setting: share.mean for share in found.shares}


ADDITIVE = {
    "lines": (lambda X: 3 * X[:, 0] + 2 * X[:, 1] + X[:, 2], (9 / 14, 4 / 14, 1 / 14)),
    "one alone": (lambda X: np.sin(6 * X[:, 1]), (0, 1, 0)),
    "waves and a step": (lambda X: np.sin(2 * np.pi * X[:, 0]) + 2.0 * (X[:, 2] > 0.5), (1 / 3, 0, 2 / 3)),
    "bowl": (lambda X: 2 * (X[:, 0] - 0.5) ** 2 + (X[:, 1] - 0.5) ** 2, (0.8, 0.2, 0)),
}


@pytest.mark.parametrize("name", ADDITIVE)
@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_shares_of_additive_functions(name: str, noise: float) -> None:
    function, truth = ADDITIVE[name]
    found = importance(function, noise=noise)
    assert [shares(found)[f"x{place}"] for place in range(3)] == pytest.approx(truth, abs=0.1)
    assert all(share.low <= share.mean <= share.high for share in found.shares)


def test_what_only_two_settings_together_explain_is_no_ones_share() -> None:
    found = importance(lambda X: np.sign(X[:, 0] - 0.5) * np.sign(X[:, 1] - 0.5), count=600)
    assert found.together > 0.7


def test_choices_and_subsets() -> None:
    space = Space({"kind": Choice(("a", "b", "c")), "some": Subset(("p", "q", "r"))})
    found = importance(lambda X: 2.0 * (X[:, 0] > 0.6) + 1.0 * (X[:, 2] > 0.5), space=space)
    truth = 4 * 2 / 9, 1 / 4
    assert shares(found)["kind"] == pytest.approx(truth[0] / sum(truth), abs=0.1)
    assert shares(found)["some"] == pytest.approx(truth[1] / sum(truth), abs=0.1)


def test_the_mean_over_the_others_follows_the_function() -> None:
    axis, mean, _ = importance(lambda X: 4 * X[:, 0] + X[:, 1]).marginals["x0"]
    assert np.abs(mean - (4 * axis + 0.5)).max() < 0.5


def test_noise_alone_is_not_explained() -> None:
    assert importance(lambda X: 0 * X[:, 0], noise=1.0).explained < 0.1


def test_one_diverged_trial_is_not_all_that_counts() -> None:
    def function(X):
        y = 3 * X[:, 0]
        y[5] = 1e9
        return y

    assert shares(importance(function))["x0"] > 0.8


@pytest.mark.parametrize(("count", "value"), [(5, 1.0), (50, 0.0)])
def test_nothing_is_said_of_few_trials_or_equal_values(count: int, value: float) -> None:
    X = np.random.default_rng(0).random((count, 1))
    assert importance_of(Observations(Space({"x": Float(0, 1)}), (), X, value * X[:, 0])) is None
