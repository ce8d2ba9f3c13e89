"""The search benchmark's own arithmetic, on a problem made here: no data, no peers."""

from __future__ import annotations

import math
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from luthier.core.parameter import Float
from luthier.core.space import Space

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


class Bowl:
    """The square of the distance from 1/2; above .9 the training fails."""

    def truths(self, configs):
        values = np.array([(config["x"] - 0.5) ** 2 for config in configs])
        return np.where(np.array([config["x"] for config in configs]) > 0.9, np.nan, values)

    def observe(self, config, seed, number):
        return float(self.truths([config])[0]) + 0.001 * (number % 2)

    def everything(self):
        return None


@pytest.fixture
def searching(monkeypatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import searching.comparison
    import searching.own
    import searching.traces

    return searching


@pytest.fixture
def problem(searching, tmp_path):
    from searching.problem import Problem

    return Problem("toy/bowl", "toy", Space({"x": Float(0.0, 1.0)}), Bowl, tmp_path, random_points=500)


def test_a_reference_is_measured_once_and_kept(problem, tmp_path):
    assert 0 <= problem.best_known < 1e-4
    assert problem.random_median == pytest.approx(0.0625, rel=0.2)
    assert "toy/bowl" in (tmp_path / "references.json").read_text()
    assert problem.regret(problem.random_median) == 1
    assert problem.regret(problem.best_known) == 0


def test_the_incumbent_is_the_best_observed_and_counts_by_its_truth(searching):
    from searching.problem import incumbents

    assert incumbents([math.nan, 3.0, 2.0, 2.5], [math.nan, 1.0, 2.0, 0.0]) == [math.inf, 1.0, 2.0, 2.0]


@pytest.mark.parametrize("workers", [1, 4])
def test_a_run_is_kept_and_compared(searching, problem, tmp_path, workers):
    from searching.comparison import Runs, duels
    from searching.own import OwnRun, run_own
    from searching.traces import Trace, keep, kept

    traces = [run_own(OwnRun("random", "toy/bowl", seed, 12, workers), problem) for seed in (0, 1)]
    for trace in traces:
        keep(tmp_path, trace)
    again = list(kept(tmp_path, [traces[0].side]))
    assert [Trace.from_line(one.to_line()).to_line() for one in again] == [one.to_line() for one in traces]

    runs = Runs.of(again, [problem])
    pairs = runs.common_pairs([traces[0].side], 12)
    assert pairs == [("toy/bowl", 0), ("toy/bowl", 1)]
    regrets = runs.regrets(traces[0].side, pairs, 12)
    assert (regrets >= 0).all()
    assert (regrets <= runs.regrets(traces[0].side, pairs, 3) + 0.1).all()
    everything, toy = duels(runs, traces[0].side, traces[0].side, 12)
    assert (everything.ties, everything.p, toy.ratio) == (1, 1.0, 1.0)


def test_many_workers_save_time(searching):
    from searching.own import speed_up

    assert speed_up(0, 100, 1) == pytest.approx(1)
    assert 10 < speed_up(0, 100, 16) < 16


def test_effects_of_settings_are_told_apart_from_those_of_problems(searching):
    """Regret is 1 or 10 by the problem; `a` = 1 makes it a tenth, `b` changes nothing."""
    from searching.effects import Outcome, effects

    rng = np.random.default_rng(0)
    levels = {"model:a": [0, 1], "model:b": [0, 1]}
    outcomes = [
        Outcome(problem, values, (scale * 0.1 ** values["model:a"] * math.exp(rng.normal(0.0, 0.1)),) * 3)
        for problem, scale in (("easy", 1.0), ("hard", 10.0))
        for values in ({"model:a": i % 2, "model:b": i // 2 % 2} for i in range(40))
    ]
    first, second = effects([Outcome.from_line(one.to_line()) for one in outcomes], levels)
    np.testing.assert_allclose(first.logs, -1.0, atol=0.1)
    np.testing.assert_allclose(second.logs, 0.0, atol=0.1)
    assert np.all(np.abs(second.logs) < 3 * second.log_errors)


def test_a_constant_that_is_not_there_is_named(searching):
    from searching.effects import put

    with pytest.raises(SystemExit, match=r"luthier.search.model must have a constant NOPE"):
        put({"model:NOPE": 1})
