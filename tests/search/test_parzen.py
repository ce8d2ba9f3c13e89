"""The density against sums and integrals over everything there is, and its draws against the density."""

import numpy as np
import pytest
from scipy.stats import truncnorm

from luthier.core.parameter import Choice, Float, Int, Prior, Text
from luthier.core.space import Space
from luthier.search.axes import axes_of
from luthier.search.coordinates import Coordinates
from luthier.search.finite import all_configs
from luthier.search.parzen import ParzenEstimator, widths_of

TREE = Space(
    {
        "kind": Choice(("linear", "tree", "net"), weights=(1, 1, 2)),
        "depth": Int(1, 6, when={"kind": "tree"}),
        "layers": Int(1, 3, prior=Prior(1, 0.3), when={"kind": "net"}),
        "size": Choice(("s", "m", "l"), ordered=True),
    }
)


def _estimator(space, configs, **options):
    coordinates, axes = Coordinates(space), axes_of(space)
    rows = np.array([coordinates.row(space.config(config)) for config in configs])
    return ParzenEstimator(axes, rows, widths_of(axes, rows), **options)


def _rows(space, configs):
    return np.array([Coordinates(space).row(config) for config in configs])


def test_masses_of_all_configs_of_a_conditional_space_add_up_to_one():
    seen = [{"kind": "tree", "depth": 2, "size": "s"}, {"kind": "tree", "depth": 6, "size": "m"}, {"kind": "linear"}]
    everything = all_configs(TREE, 1000)
    masses = np.exp(_estimator(TREE, seen).log_density(_rows(TREE, everything)))
    assert masses.sum() == pytest.approx(1.0, abs=1e-9)


def test_draws_are_as_frequent_as_the_density_says():
    seen = [{"kind": "tree", "depth": 2, "size": "s"}, {"kind": "net", "layers": 3, "size": "m"}]
    estimator = _estimator(TREE, seen)
    everything = all_configs(TREE, 1000)
    masses = np.exp(estimator.log_density(_rows(TREE, everything)))
    drawn = Coordinates(TREE).snapped(TREE, estimator.draw(20_000, np.random.default_rng(0)))
    place = {config.key: index for index, config in enumerate(everything)}
    found = np.bincount([place[TREE.from_unit(row).key] for row in drawn], minlength=len(everything)) / len(drawn)
    np.testing.assert_allclose(found, masses, atol=5 * np.sqrt(0.25 / len(drawn)))


def test_numbers_are_mixtures_of_truncated_normals_and_the_prior():
    space = Space({"x": Float(0.0, 1.0)})
    axes = axes_of(space)
    estimator = ParzenEstimator(axes, np.array([[0.2], [0.7]]), np.array([0.1]), np.array([3.0, 1.0]), prior=1.0)
    x = np.linspace(0, 1, 11)

    def kernel(center):
        return truncnorm.pdf(x, -center / 0.1, (1 - center) / 0.1, loc=center, scale=0.1)

    expected = (3 * kernel(0.2) + kernel(0.7) + 1.0) / 5
    np.testing.assert_allclose(np.exp(estimator.log_density(x[:, None])), expected)


def test_priors_are_those_of_the_settings():
    space = Space({"x": Float(0.0, 1.0, prior=Prior(0.3, 0.1)), "y": Float(0.0, 1.0)})
    estimator = ParzenEstimator(axes_of(space), np.empty((0, 2)), np.empty((0, 2)))
    rows = np.column_stack([np.linspace(0, 1, 9), np.full(9, 0.5)])
    expected = truncnorm.pdf(rows[:, 0], -3, 7, loc=0.3, scale=0.1)
    np.testing.assert_allclose(np.exp(estimator.log_density(rows)), expected)
    drawn = estimator.draw(4000, np.random.default_rng(0))
    assert abs(drawn[:, 0].mean() - 0.3) < 0.01
    assert abs(drawn[:, 1].mean() - 0.5) < 0.02


def test_a_branch_never_seen_is_scored_by_its_prior():
    estimator = _estimator(TREE, [{"kind": "tree", "depth": 2, "size": "s"}])
    nets = [TREE.config({"kind": "net", "layers": layers, "size": "s"}) for layers in (1, 2, 3)]
    masses = np.exp(estimator.log_density(_rows(TREE, nets)))
    prior = axes_of(TREE)[2].masses
    np.testing.assert_allclose(masses / masses.sum(), prior)


def test_draws_keep_what_is_given_and_depend_on_it():
    """x and y are either both low or both high: given a high y, x is drawn high."""
    space = Space({"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)})
    axes = axes_of(space)
    rows = np.array([[0.1, 0.1], [0.9, 0.9]] * 10)
    estimator = ParzenEstimator(axes, rows, np.array([0.05, 0.05]))
    drawn = estimator.draw(1000, np.random.default_rng(0), np.array([np.nan, 0.88]))
    assert (drawn[:, 1] == 0.88).all()
    assert np.mean(drawn[:, 0] > 0.7) > 0.9


def test_options_of_no_weight_are_never_drawn():
    space = Space({"kind": Choice(("a", "b", "c"), weights=(1, 1, 0))})
    drawn = _estimator(space, [{"kind": "a"}]).draw(5000, np.random.default_rng(0))
    assert {space.from_unit(row)["kind"] for row in drawn} == {"a", "b"}


def test_texts_of_others_are_alike_only_to_themselves():
    space = Space({"text": Text(("p", "q"))})
    theirs, another = space.config({"text": "written"}), space.config({"text": "another"})
    estimator = _estimator(space, [{"text": "written"}])
    same, other, candidate = estimator.log_density(_rows(space, [theirs, another, space.config()]))
    assert same > other == candidate


def test_widths_narrow_with_the_number_of_rows():
    axes = axes_of(Space({"x": Float(0.0, 1.0), "y": Float(0.0, 1.0), "kind": Choice(("a", "b"))}))
    rows = np.tile([0.5, np.nan, 0.25], (10, 1))
    few, many = widths_of(axes, rows), widths_of(axes, np.tile(rows, (30, 1)))
    np.testing.assert_allclose(few[:2], 0.2 * 10 ** (-1 / 6))
    np.testing.assert_allclose(many[:2], 0.2 * 300 ** (-1 / 6))
    assert few[2] == many[2]
    assert widths_of(axes, np.tile(rows, (100_000, 1)))[0] == 0.03
    assert widths_of(axes, np.empty((0, 3))).shape == (3,)
