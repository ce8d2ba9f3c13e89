"""Model-based search: better than random where there is something to learn, and well-behaved elsewhere."""

import math
from dataclasses import replace

import numpy as np
import pytest

from luthier.core.lever import free_only
from luthier.core.metric import Direction, Metric
from luthier.core.parameter import Choice, Float, Int
from luthier.core.space import Space
from luthier.core.trial import Failure, Fidelity, Measurement, Start, Status, Trial
from luthier.search.model import Model, _last_refit
from luthier.search.random import Random

LOSS = Metric("loss", Direction.MINIMIZE)


def _bowl(config):
    return sum((config[f"x{i}"] - 0.3 - 0.1 * i) ** 2 for i in range(4))


def _valley(config):
    return (math.log10(config["rate"]) + 2.6) ** 2 + (config["depth"] - 7) ** 2 / 9 + 0.3 * abs(config["keep"] - 0.8)


def _kinds(config):
    if config["kind"] == "net":
        return 0.1 + (config["width"] - 0.7) ** 2 + (config["x"] - 0.2) ** 2
    return {"linear": 0.5, "tree": 0.3, "bayes": 0.6, "near": 0.4}[config["kind"]] + (config["x"] - 0.9) ** 2


PROBLEMS = {
    "bowl": (Space({f"x{i}": Float(0.0, 1.0) for i in range(4)}), _bowl),
    "valley": (
        Space({"rate": Float(1e-5, 1e-1, log=True), "depth": Int(1, 16), "keep": Float(0.0, 1.0)}),
        _valley,
    ),
    "kinds": (
        Space(
            {
                "kind": Choice(("linear", "tree", "bayes", "near", "net")),
                "x": Float(0.0, 1.0),
                "width": Float(0.0, 1.0, when={"kind": "net"}),
            }
        ),
        _kinds,
    ),
}


def _search(searcher, space, function, count):
    values = []
    for number in range(count):
        (grant,) = searcher.ask(1, space)
        values.append(function(grant.config))
        searcher.tell(Trial(number, grant.config, Status.COMPLETED, measurements=(Measurement(1, values[-1]),)))
    return values


def _regret(searcher, space, function, best):
    return min(_search(searcher, space, function, 32)) - best


def _measured(trial):
    return trial.measurements[-1].value


@pytest.mark.parametrize("problem", PROBLEMS)
def test_beats_random_by_far(problem):
    space, function = PROBLEMS[problem]
    best = function(space.config({"kind": "net", "x": 0.2, "width": 0.7})) if problem == "kinds" else 0.0
    regrets = {
        searcher: [_regret(searcher(space, LOSS, Fidelity(), seed), space, function, best) for seed in range(3)]
        for searcher in (Model, Random)
    }
    assert np.mean(regrets[Model]) < 0.25 * np.mean(regrets[Random])
    assert max(regrets[Model]) < np.mean(regrets[Random])


def test_maximizing_the_negative_is_the_same_search():
    space, function = PROBLEMS["bowl"]
    down = _search(Model(space, LOSS, Fidelity(), 1), space, function, 20)
    up = _search(Model(space, Metric("gain"), Fidelity(), 1), space, lambda config: -function(config), 20)
    assert up == [-value for value in down]


def test_says_why_in_units_of_the_metric():
    space, function = PROBLEMS["bowl"]
    searcher = Model(space, LOSS, Fidelity(), 1)
    _search(searcher, space, lambda config: 1000 + 100 * function(config), 32)
    (grant,) = searcher.ask(1, space)
    assert set(grant.why) == {"searcher", "mean", "deviation", "acquisition"}
    assert grant.why["searcher"] == "model"
    assert abs(grant.why["mean"] - 1000 - 100 * function(grant.config)) < 10
    assert 0 < grant.why["deviation"] < 50
    assert 0 <= grant.why["acquisition"] < 50


def test_learns_across_levers():
    """What one lever's trials showed is there when another lever is turned, and proposals keep to the latter."""
    space = Space({"a.x": Float(0.0, 1.0), "b.y": Float(0.0, 1.0), "b.kind": Choice(("p", "q"))})

    def function(config):
        return (config["a.x"] - 0.8) ** 2 + (config["b.y"] - 0.1) ** 2 + 0.3 * (config["b.kind"] == "p")

    searcher = Model(space, LOSS, Fidelity(), 0)
    trials = []
    best = space.config()
    for number in range(40):
        within = free_only(space, ["a"] if number % 2 else ["b"], best)
        (grant,) = searcher.ask(1, within)
        trials.append(
            Trial(number, grant.config, Status.COMPLETED, measurements=(Measurement(1, function(grant.config)),))
        )
        searcher.tell(trials[-1])
        best = min(trials, key=_measured).config
    assert function(best) < 1e-3


def test_running_trials_keep_workers_apart():
    space, function = PROBLEMS["bowl"]
    searcher = Model(space, LOSS, Fidelity(), 2)
    _search(searcher, space, function, 15)
    grants = searcher.ask(6, space)
    points = np.array([list(grant.config.values()) for grant in grants])
    apart = np.linalg.norm(points[:, None] - points[None], axis=-1)[np.triu_indices(6, 1)]
    assert apart.min() > 1e-3
    for number, grant in enumerate(grants[:3]):
        searcher.tell(Trial(15 + number, grant.config))
    assert searcher.ask(3, space) == grants[3:]


def test_failures_are_avoided():
    space = Space({"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)})
    searcher = Model(space, Metric("score"), Fidelity(), 0)
    failed = []
    for number in range(40):
        (grant,) = searcher.ask(1, space)
        trial = Trial(number, grant.config, Status.FAILED, failure=Failure("MemoryError", "too large"))
        if grant.config["x"] < 0.5:
            measured = (Measurement(1, grant.config["x"] * grant.config["y"]),)
            trial = replace(trial, status=Status.COMPLETED, failure=None, measurements=measured)
        failed.append(trial.status is Status.FAILED)
        searcher.tell(trial)
    assert sum(failed[20:]) <= 10
    assert max(t.value for t in searcher.trials if t.value is not None) > 0.4


def test_low_fidelities_inform_about_the_highest():
    """Of ten epochs most trials ran one; all values rise by one on the way to ten."""
    space = Space({"x": Float(0.0, 1.0)})
    fidelity = Fidelity("epoch", 10, cumulative=False)
    searcher = Model(space, Metric("score"), fidelity, 0)
    for number in range(16):
        x = number / 15
        epochs = 10 if number % 5 == 0 else 1
        measured = tuple(Measurement(unit, math.log10(unit) - (x - 0.63) ** 2) for unit in range(1, epochs + 1))
        status = Status.COMPLETED if epochs == 10 else Status.PAUSED
        searcher.tell(Trial(number, space.config({"x": x}), status, until=epochs, measurements=measured))
    (grant,) = searcher.ask(1, space)
    assert isinstance(grant, Start)
    assert grant.until == 10
    assert abs(grant.config["x"] - 0.63) < 0.15
    assert grant.why["mean"] == pytest.approx(1.0, abs=0.2)


def test_unsure_measurements_weigh_less():
    space = Space({"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)})

    def mean(errors):
        searcher = Model(space, Metric("score"), Fidelity("fold", 5), 0)
        for number in range(21):
            x = number / 20
            value = 1.0 - (x - 0.5) ** 2 + (0.3 if number == 3 else 0.0)
            error = errors if number == 3 else 0.01
            measured = (Measurement(1, value, error),)
            searcher.tell(Trial(number, space.config({"x": x, "y": (7 * x) % 1}), Status.PAUSED, measurements=measured))
        within = space.fix({"x": 0.1501})
        return searcher.ask(1, within)[0].why["mean"]

    assert mean(0.1) < mean(0.01) - 0.02


def test_many_trials_are_thinned_and_stay_a_function_of_the_trials():
    space = Space({"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)})
    rng = np.random.default_rng(0)
    trials = []
    for number in range(702):
        config = space.sample(rng)
        value = -((config["x"] - 0.6) ** 2) - (config["y"] - 0.3) ** 2
        trials.append(Trial(number, config, Status.COMPLETED, measurements=(Measurement(1, value),)))
    live, fresh = Model(space, Metric("score"), Fidelity(), 0), Model(space, Metric("score"), Fidelity(), 0)
    for trial in trials:
        live.tell(trial)
        if trial.id in (100, 350, 650):
            live.ask(1, space)
        fresh.tell(trial)
    assert live.ask(2, space) == fresh.ask(2, space)
    (grant,) = fresh.ask(1, space)
    assert math.dist(grant.config.values(), (0.6, 0.3)) < 0.1


def _explored(function, count):
    """The numbers of the proposals that were draws."""
    space, _ = PROBLEMS["bowl"]
    searcher = Model(space, LOSS, Fidelity(), 0)
    exploring = []
    for number in range(count):
        (grant,) = searcher.ask(1, space)
        exploring += [number] * ("exploring" in grant.why)
        measured = (Measurement(1, function(grant.config)),)
        searcher.tell(Trial(number, grant.config, Status.COMPLETED, why=grant.why, measurements=measured))
    return exploring


def test_one_proposal_in_ten_is_a_draw_once_the_model_has_proven_itself():
    assert _explored(PROBLEMS["bowl"][1], 41)[-3:] == [20, 30, 40]


def test_every_other_proposal_is_a_draw_where_the_model_finds_nothing():
    assert _explored(lambda config: 1.0, 20) == [6, 8, 10, 12, 14, 16, 18]


def test_refits_are_rarer_the_more_trials_there_are():
    sizes = [_last_refit(count) for count in range(1, 1001)]
    assert all(size <= count < 1.12 * size + 1 for count, size in enumerate(sizes, 1))
    assert len(set(sizes)) < 80
