"""Quasi-random search against scipy's own sequence."""

import numpy as np
from scipy.stats import qmc

from luthier.core.metric import Metric
from luthier.core.parameter import Choice, Float, Prior
from luthier.core.seeds import derive_seed
from luthier.core.space import Space
from luthier.core.trial import Fidelity, Trial
from luthier.search.sobol import Sobol, SobolPoints

CUBE = Space({name: Float(0.0, 1.0) for name in "xyz"})


def _asked_one_by_one(space, within, count):
    searcher = Sobol(space, Metric("score"), Fidelity(), 4)
    points = []
    for number in range(count):
        (grant,) = searcher.ask(1, within)
        searcher.tell(Trial(number, grant.config))
        points.append(grant.config)
    return points


def test_points_are_those_of_scipy():
    points = [list(config.values()) for config in _asked_one_by_one(CUBE, CUBE, 100)]
    expected = qmc.Sobol(3, scramble=True, seed=derive_seed(4, "sobol", "x", "y", "z")).random(128)[:100]
    np.testing.assert_allclose(points, expected)


def test_blocks_join_without_a_seam():
    points = SobolPoints(2, 9)
    late = points[300]
    expected = qmc.Sobol(2, scramble=True, seed=9).random(512)
    np.testing.assert_allclose(
        [points[i] for i in (0, 63, 64, 127, 128, 255, 256)], expected[[0, 63, 64, 127, 128, 255, 256]]
    )
    np.testing.assert_allclose(late, expected[300])


def test_points_fill_the_cube_more_evenly_than_chance():
    points = np.array([list(config.values()) for config in _asked_one_by_one(CUBE, CUBE, 64)])
    chance = [qmc.discrepancy(np.random.default_rng(seed).random((64, 3))) for seed in range(20)]
    assert qmc.discrepancy(points) < min(chance)


def test_priors_shape_the_points():
    space = Space({"x": Float(0.0, 1.0, prior=Prior(0.3, 0.02)), "y": Float(0.0, 1.0)})
    drawn = np.array([list(config.values()) for config in _asked_one_by_one(space, space, 64)])
    assert abs(drawn[:, 0] - 0.3).max() < 0.1
    assert drawn[:, 1].min() < 0.1 < 0.9 < drawn[:, 1].max()


def test_a_narrowed_space_has_its_own_sequence():
    space = Space({"kind": Choice(("a", "b")), "x": Float(0.0, 1.0)})
    narrow = space.fix({"kind": "b"})
    searcher = Sobol(space, Metric("score"), Fidelity(), 4)
    for number in range(5):
        searcher.tell(Trial(number, space.config({"kind": "a", "x": number / 10})))
    alone = Sobol(space, Metric("score"), Fidelity(), 4)
    assert searcher.ask(3, narrow) == alone.ask(3, narrow)


def test_more_dimensions_than_the_sequence_has():
    points = SobolPoints(21_210, 0)
    assert len(points[0]) == 21_210
    assert 0 <= min(points[1]) < max(points[1]) < 1
