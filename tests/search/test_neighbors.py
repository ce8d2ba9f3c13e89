"""Neighbors lie near, keep what is fixed, respect conditions, and reach the ends of ranges."""

import numpy as np
import pytest

from luthier.core.parameter import Choice, Float, Int
from luthier.core.space import Space
from luthier.search.check import CASES
from luthier.search.coordinates import Coordinates
from luthier.search.neighbors import Neighbors

SPACE = Space(
    {
        "kind": Choice(("linear", "tree", "net")),
        "rate": Float(0.0, 1.0),
        "size": Choice(("s", "m", "l", "xl"), ordered=True),
        "depth": Int(1, 6, when={"kind": "tree"}),
    }
)


def _setup(within, centers):
    coordinates = Coordinates(SPACE)
    return coordinates, Neighbors(coordinates, within), np.stack([coordinates.row(SPACE.config(c)) for c in centers])


def _configs(coordinates, within, rows):
    return [coordinates.config(row, within) for row in rows]


def test_each_differs_from_its_center_most_often_in_one_or_two_settings():
    coordinates, near, centers = _setup(SPACE, [{"kind": "tree", "rate": 0.5, "size": "m", "depth": 3}])
    center = SPACE.config({"kind": "tree", "rate": 0.5, "size": "m", "depth": 3})
    found = _configs(coordinates, SPACE, near.around(centers, 400, 0.05, np.random.default_rng(0)))
    changed = [sum(config.get(name) != center.get(name) for name in SPACE.parameters) for config in found]
    assert np.mean(np.array(changed) == 0) < 0.1  # a redraw may fall on the same value
    assert 1.0 < np.mean(changed) < 2.2
    moves = [abs(c["rate"] - 0.5) for c in found if c["rate"] != 0.5]
    assert np.quantile(moves, 0.5) < 0.06


def test_what_is_fixed_stays_and_inactive_settings_fall_away():
    within = SPACE.fix({"kind": "linear"})
    coordinates, near, centers = _setup(within, [{"kind": "tree", "rate": 0.2, "size": "s", "depth": 3}])
    rows = np.vstack([near.around(centers, 50, 0.2, np.random.default_rng(1)), near.along(centers, (0.1,))])
    for config in _configs(coordinates, within, rows):
        assert config["kind"] == "linear"
        assert "depth" not in config


def test_walking_along_visits_every_value_and_both_ends():
    coordinates, near, centers = _setup(SPACE, [{"kind": "tree", "rate": 0.45, "size": "m", "depth": 3}])
    found = _configs(coordinates, SPACE, near.along(centers, (0.1, 0.02)))
    assert {config["kind"] for config in found} == {"linear", "tree", "net"}
    assert {config["size"] for config in found} == {"s", "m", "l", "xl"}
    assert {config["depth"] for config in found if "depth" in config} == {1, 2, 3, 4, 5, 6}
    rates = sorted({round(config["rate"], 9) for config in found})
    assert rates == pytest.approx([0.0, 0.35, 0.43, 0.45, 0.47, 0.55, 1.0])


def test_steps_end_at_the_ends_of_a_range():
    coordinates, near, centers = _setup(SPACE, [{"kind": "linear", "rate": 0.01, "size": "s"}])
    found = _configs(coordinates, SPACE, near.around(centers, 200, 0.1, np.random.default_rng(0)))
    assert any(config["rate"] == 0.0 for config in found)


def test_rows_are_those_of_configs_in_the_spaces_of_the_conformance_checks():
    for _, within, _ in CASES:
        coordinates = Coordinates(within)
        near = Neighbors(coordinates, within)
        rng = np.random.default_rng(0)
        centers = np.stack([coordinates.row(within.sample(rng)) for _ in range(3)])
        for row in np.vstack([near.around(centers, 10, 0.2, rng), near.along(centers, (0.1,))]):
            np.testing.assert_allclose(row, coordinates.row(coordinates.config(row, within)), atol=1e-9)
