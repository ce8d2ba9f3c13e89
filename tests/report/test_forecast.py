"""What as many trials again would bring: intervals that hold as often as they say, in recorded and fresh searches."""

import json
import random
from pathlib import Path

import numpy as np
import pytest

from luthier.core.metric import Direction, Metric
from luthier.core.parameter import Choice, Float
from luthier.core.space import Space
from luthier.core.trial import Fidelity, Measurement, Start, Status, Trial
from luthier.report.forecast import forecast_best, learns
from luthier.search.model import Model
from luthier.search.random import Random

LOSS = Metric("loss", Direction.MINIMIZE)
RECORDED = json.loads((Path(__file__).parent / "runs.json").read_text("utf-8"))
"""Values of model searches as `searched(Model, seed, count)` gives them, one list a seed."""


def searched(searcher, seed: int, count: int) -> list[float]:
    """The values of a search of a random landscape: 2 to 6 numbers, some with a choice, some with noise."""
    rng = np.random.default_rng(seed)
    width = int(rng.integers(2, 7))
    center, weights, kind = rng.random(width), np.exp(rng.normal(0, 1, width)), int(rng.integers(4))
    noise, table = rng.choice([0, 0.02, 0.05]), rng.random(4) * 0.5
    settings = {f"x{place}": Float(0, 1) for place in range(width)}
    space = Space(settings | ({"c": Choice(("a", "b", "e", "f"))} if kind == 3 else {}))
    search, values = searcher(space, LOSS, Fidelity(), seed), []
    for number in range(count):
        (grant,) = search.ask(1, space)
        assert isinstance(grant, Start)
        away = np.array([grant.config[f"x{place}"] for place in range(width)]) - center
        total = float((weights * (np.abs(away) if kind == 1 else away**2)).sum())
        total += 0.1 * float((1 - np.cos(12 * away)).sum()) if kind == 2 else 0.0
        total += table["abef".index(grant.config["c"])] if kind == 3 else 0.0
        values.append(float(1 - np.exp(-total) + noise * rng.normal()))
        measured = (Measurement(1, values[-1]),)
        search.tell(Trial(number, grant.config, Status.COMPLETED, measurements=measured))
    return values


def coverage(runs: list[list[float]], seen: int) -> float:
    """How often the best of twice as many trials lay in the interval told from the first `seen`."""
    inside = []
    for run in runs:
        told = forecast_best(run[:seen], LOSS.sign, seen)
        assert told is not None
        inside.append(min(run[: 2 * seen]) >= told.high - 1e-12)
    return sum(inside) / len(inside)


@pytest.mark.parametrize("seen", [15, 20])
def test_ninety_percent_intervals_hold_in_recorded_model_searches(seen: int) -> None:
    assert len(RECORDED) >= 200
    assert 0.85 <= coverage(RECORDED, seen) <= 0.95


@pytest.mark.prove
@pytest.mark.parametrize(("searcher", "seen"), [(Random, 15), (Random, 30), (Model, 20)])
def test_ninety_percent_intervals_hold_in_fresh_searches(searcher, seen: int) -> None:
    runs = [searched(searcher, 5000 + seed, 2 * seen) for seed in range(240)]
    assert 0.85 <= coverage(runs, seen) <= 0.95


def test_the_interval_holds_what_was_found_and_is_the_metrics_way_up() -> None:
    rng = random.Random(0)
    values = [rng.random() for _ in range(40)]
    less, more = forecast_best(values, -1, 40), forecast_best([-value for value in values], 1, 40)
    assert less is not None
    assert more is not None
    assert less.high <= less.middle <= less.now == min(values)
    assert more.high == -less.high
    assert less.chance == pytest.approx(0.5, abs=0.15)


def test_more_trials_promise_more() -> None:
    rng = random.Random(0)
    values = [rng.gauss(0, 1) for _ in range(60)]
    near, far = forecast_best(values, 1, 10), forecast_best(values, 1, 600)
    assert near is not None
    assert far is not None
    assert far.chance > near.chance
    assert far.high > near.high


def test_values_that_are_all_alike_promise_nothing() -> None:
    told = forecast_best([0.5] * 30, 1, 30)
    assert told is not None
    assert (told.now, told.high, told.chance) == (0.5, 0.5, 0.0)


@pytest.mark.parametrize("count", [0, 1, 9])
def test_too_few_values_for_a_forecast(count: int) -> None:
    assert forecast_best([0.1 * place for place in range(count)], 1, count) is None


def test_a_search_that_learns_is_told_from_one_that_does_not() -> None:
    rng = np.random.default_rng(0)
    assert learns(np.arange(30) + rng.normal(size=30))
    assert not learns(-np.arange(30.0))
    assert np.mean([learns(rng.normal(size=30)) for _ in range(400)]) < 0.1
