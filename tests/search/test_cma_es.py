"""CMA-ES: better than random where there is something to learn, and a function of the trials however they come in."""

import math
from dataclasses import replace

import numpy as np
import pytest

from luthier.core.metric import Direction, Metric
from luthier.core.parameter import Choice, Float, Int, Order, Subset
from luthier.core.space import Space
from luthier.core.trial import Failure, Fidelity, Measurement, Status, Trial
from luthier.search.cma_es import CmaEs
from luthier.search.random import Random

LOSS = Metric("loss", Direction.MINIMIZE)
BOWL = Space({f"x{i}": Float(0.0, 1.0) for i in range(5)})
MIXED = Space(
    {
        "kind": Choice(("linear", "tree", "net")),
        "flag": Choice((True, False)),
        "rate": Float(1e-6, 1.0, log=True, when={"kind": "net"}),
        "layers": Int(1, 8, when={"kind": "net"}),
        "keep": Float(0.0, 1.0, step=0.05),
    }
)


def _bowl(config):
    return sum((config[f"x{i}"] - 0.1 - 0.2 * i) ** 2 for i in range(5))


def _mixed(config):
    size = (config["keep"] - 0.8) ** 2 + 0.2 * config["flag"]
    if config["kind"] == "net":
        return size + (math.log10(config["rate"]) + 4) ** 2 / 9 + (config["layers"] - 6) ** 2 / 25
    return size + {"linear": 0.6, "tree": 0.4}[config["kind"]]


def _search(searcher, space, function, count, first=0, workers=1):
    """Trials that end in the order they began, `workers` of them at a time."""
    trials, running = [], []
    while len(trials) < count:
        while len(running) < workers:
            (grant,) = searcher.ask(1, space)
            running.append(Trial(first + len(trials) + len(running), grant.config, why=grant.why))
            searcher.tell(running[-1])
        trial = running.pop(0)
        ended = replace(trial, status=Status.COMPLETED, measurements=(Measurement(1, function(trial.config)),))
        trials.append(ended)
        searcher.tell(ended)
    return trials


@pytest.mark.parametrize(("space", "function"), [(BOWL, _bowl), (MIXED, _mixed)], ids=["bowl", "mixed"])
def test_beats_random_by_far(space, function):
    regrets = {
        make: [
            min(t.value for t in _search(make(space, LOSS, Fidelity(), seed), space, function, 200))
            for seed in range(4)
        ]
        for make in (CmaEs, Random)
    }
    assert np.mean(regrets[CmaEs]) < 0.2 * np.mean(regrets[Random])
    assert max(regrets[CmaEs]) < np.mean(regrets[Random])


def test_members_say_where_they_belong():
    trials = _search(CmaEs(BOWL, LOSS, Fidelity(), 0), BOWL, _bowl, 25)
    assert trials[0].why["rule"] == "default"
    assert trials[0].config == BOWL.config()
    whys = [trial.why for trial in trials[1:]]
    assert {why["rule"] for why in whys} == {"cma-es member"}
    assert [why["generation"] for why in whys] == [0] * 8 + [1] * 8 + [2] * 8
    assert whys[0]["start"] == [0.5] * 5
    assert whys[8]["parents"] == list(range(1, 9))
    assert [BOWL.from_unit(why["sample"]) for why in whys] == [trial.config for trial in trials[1:]]


def test_stragglers_count_in_the_generation_after_their_own():
    searcher = CmaEs(BOWL, LOSS, Fidelity(), 0)
    _search(searcher, BOWL, _bowl, 1)
    grants = searcher.ask(10, BOWL)
    trials = [Trial(1 + n, grant.config, why=grant.why) for n, grant in enumerate(grants)]

    def end(number):
        trial = trials[number - 1]
        measured = (Measurement(1, _bowl(trial.config)),)
        searcher.tell(replace(trial, status=Status.COMPLETED, measurements=measured))

    for trial in trials:
        searcher.tell(trial)
    for number in (2, 4, 5, 6, 7, 8, 9):
        end(number)
    assert searcher.ask(1, BOWL)[0].why["generation"] == 0
    end(10)
    (grant,) = searcher.ask(1, BOWL)
    assert (grant.why["generation"], grant.why["parents"]) == (1, [2, 4, 5, 6, 7, 8, 9, 10])
    trials.append(Trial(11, grant.config, why=grant.why))
    searcher.tell(trials[-1])
    end(1)
    end(3)
    end(11)
    assert searcher.ask(1, BOWL)[0].why["parents"] == [2, 4, 5, 6, 7, 8, 9, 10]
    for number, grant in enumerate(searcher.ask(5, BOWL), 12):
        trials.append(Trial(number, grant.config, why=grant.why))
        end(number)
    (grant,) = searcher.ask(1, BOWL)
    assert (grant.why["generation"], grant.why["parents"]) == (2, [1, 3, 11, 12, 13, 14, 15, 16])


@pytest.mark.parametrize("space", [BOWL, MIXED], ids=["bowl", "mixed"])
def test_a_fresh_one_told_in_any_order_goes_on_alike(space):
    function = _bowl if space is BOWL else _mixed
    searcher = CmaEs(space, LOSS, Fidelity(), 3)
    trials = _search(searcher, space, function, 120, workers=4)
    fresh = CmaEs(space, LOSS, Fidelity(), 3)
    for index in np.random.default_rng(0).permutation(len(trials)):
        fresh.tell(trials[index])
    expected = searcher.ask(3, space)
    for trial in searcher.trials[len(trials) :]:
        fresh.tell(trial)
    assert fresh.ask(3, space) == expected


def test_a_value_that_changes_afterwards_is_taken_into_account():
    searcher, fresh = (CmaEs(BOWL, LOSS, Fidelity("fold", 5), 3) for _ in range(2))
    trials = _search(searcher, BOWL, _bowl, 60)
    trials[5] = replace(trials[5], measurements=(Measurement(1, -1.0),))
    before = searcher.ask(1, BOWL)
    searcher.tell(trials[5])
    for trial in trials:
        fresh.tell(trial)
    assert searcher.ask(1, BOWL) == fresh.ask(1, BOWL) != before


def test_members_are_ranked_at_the_fidelity_that_all_reached():
    """Those that went on show larger losses later; that must not matter."""
    fidelity = Fidelity("epoch", 9, cumulative=False)
    searchers = [CmaEs(BOWL, LOSS, fidelity, 3) for _ in range(2)]
    trials = _search(searchers[0], BOWL, _bowl, 9)
    for trial in trials:
        searchers[1].tell(
            replace(trial, measurements=(*trial.measurements, Measurement(2, 50.0 + trial.id)))
            if trial.id < 5
            else trial
        )
    assert searchers[1].ask(2, BOWL) == searchers[0].ask(2, BOWL)


def test_starts_around_the_best_that_others_found():
    searcher = CmaEs(BOWL, LOSS, Fidelity(), 0)
    rng = np.random.default_rng(0)
    for number in range(10):
        config = BOWL.sample(rng)
        searcher.tell(Trial(number, config, Status.COMPLETED, measurements=(Measurement(1, _bowl(config)),)))
    best = min(searcher.trials, key=lambda trial: trial.value)
    assert searcher.ask(1, BOWL)[0].why["start"] == pytest.approx(list(best.config.values()))


def test_what_others_propose_meanwhile_changes_nothing():
    alone, beside = (CmaEs(BOWL, LOSS, Fidelity(), 0) for _ in range(2))
    trials = _search(alone, BOWL, _bowl, 40)
    for trial in trials:
        beside.tell(trial)
    # Same number of trials, so that only their origin differs.
    alone.tell(Trial(40, BOWL.config({"x0": 0.9}), Status.FAILED, failure=Failure("ValueError", "no")))
    beside.tell(Trial(40, BOWL.config({"x0": 0.8}), Status.COMPLETED, measurements=(Measurement(1, -9.0),)))
    assert alone.ask(1, BOWL) == beside.ask(1, BOWL)


def test_a_narrowed_space_is_a_search_of_its_own():
    narrow = MIXED.fix({"kind": "net", "flag": False, "keep": 0.8})
    trials = _search(CmaEs(MIXED, LOSS, Fidelity(), 0), narrow, _mixed, 80)
    assert all(trial.config["kind"] == "net" and trial.config["keep"] == 0.8 for trial in trials)
    assert min(trial.value for trial in trials) < 0.01


def test_restarts_elsewhere_with_twice_the_population_once_converged():
    space = Space({"x": Float(0.0, 1.0)})
    trials = _search(CmaEs(space, LOSS, Fidelity(), 0), space, lambda config: (config["x"] - 0.3) ** 2, 250)
    runs = [trial.why.get("run", 0) for trial in trials]
    assert max(runs) >= 1
    assert runs == sorted(runs)
    second = [trial.why["generation"] for trial in trials if trial.why.get("run") == 1]
    assert second[:8] == [0] * 8
    assert second[8] == 1
    assert min(trial.value for trial in trials) < 1e-8


def test_values_that_never_differ_end_a_run():
    space = Space({"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)})
    trials = _search(CmaEs(space, LOSS, Fidelity(), 0), space, lambda config: 1.0, 250)
    assert max(trial.why.get("run", 0) for trial in trials) >= 1


def test_failures_rank_last():
    searcher = CmaEs(BOWL, LOSS, Fidelity(), 1)
    failed = []
    for number in range(160):
        (grant,) = searcher.ask(1, BOWL)
        trial = Trial(number, grant.config, Status.FAILED, failure=Failure("MemoryError", "too large"), why=grant.why)
        if grant.config["x0"] < 0.6:
            trial = replace(trial, status=Status.COMPLETED, measurements=(Measurement(1, -grant.config["x0"]),))
        failed.append(trial.status is Status.FAILED)
        searcher.tell(trial)
    assert max(t.config["x0"] for t in searcher.trials if t.value is not None) > 0.59
    assert sum(failed) < 90


@pytest.mark.parametrize(
    "space",
    [
        Space({"kind": Choice(tuple("abcdefgh")), "other": Choice(tuple("abcdefgh")), "third": Choice(tuple("abcd"))}),
        Space({"a": Int(0, 30), "b": Int(0, 30)}),
        Space({"members": Subset(tuple("abcdef"), max_size=3), "order": Order(tuple("abcd"))}),
        Space({"x": Float(0.0, 1.0), "only": Choice(("one",))}),
    ],
    ids=["categories", "grids", "sets", "constant"],
)
def test_spaces_of_one_kind(space):
    trials = _search(CmaEs(space, LOSS, Fidelity(), 0), space, lambda config: float(int(config.key[:4], 16)), 60)
    assert len({trial.config.key for trial in trials}) == 60


def test_a_history_with_holes_begins_another_run():
    trials = _search(CmaEs(BOWL, LOSS, Fidelity(), 0), BOWL, _bowl, 30)
    searcher = CmaEs(BOWL, LOSS, Fidelity(), 0)
    for trial in trials[12:]:
        searcher.tell(trial)
    (grant,) = searcher.ask(1, BOWL)
    assert (grant.why["run"], grant.why["generation"]) == (1, 0)
