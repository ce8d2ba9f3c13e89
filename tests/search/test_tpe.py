"""TPE: better than random where there is something to learn, as fast with many trials, and well-behaved elsewhere."""

import math
import time
from dataclasses import replace

import numpy as np
import pytest

from luthier.core.lever import free_only
from luthier.core.metric import Direction, Metric
from luthier.core.parameter import Choice, Float, Int, Range, Text
from luthier.core.space import Space
from luthier.core.trial import Failure, Fidelity, Measurement, Start, Status, Trial
from luthier.search.random import Random
from luthier.search.tpe import Ranked, Tpe, split

LOSS = Metric("loss", Direction.MINIMIZE)
SCORE = Metric("score")
SQUARE = Space({"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)})


def _bowl(config):
    return sum((config[f"x{i}"] - 0.3 - 0.1 * i) ** 2 for i in range(5))


def _branches(config):
    size = {"small": 0.2, "medium": 0.0, "large": 0.1}[config["size"]]
    if config["kind"] == "net":
        return size + (math.log10(config["rate"]) + 3) ** 2 / 4 + abs(config["layers"] - 3) / 10
    return size + {"linear": 0.5, "tree": 0.3, "bayes": 0.6}[config["kind"]] + (config["keep"] - 0.9) ** 2


PROBLEMS = {
    "bowl": (Space({f"x{i}": Float(0.0, 1.0) for i in range(5)}), _bowl),
    "branches": (
        Space(
            {
                "kind": Choice(("linear", "tree", "bayes", "net")),
                "size": Choice(("small", "medium", "large"), ordered=True),
                "keep": Float(0.0, 1.0, step=0.05),
                "rate": Float(1e-6, 1.0, log=True, when={"kind": "net"}),
                "layers": Int(1, 8, when={"kind": "net"}),
            }
        ),
        _branches,
    ),
}


def _ended(number, config, value, why=None):
    return Trial(number, config, Status.COMPLETED, measurements=(Measurement(1, value),), why=why or {})


def _search(searcher, space, function, count):
    values = []
    for number in range(count):
        (grant,) = searcher.ask(1, space)
        values.append(function(grant.config))
        searcher.tell(_ended(number, grant.config, values[-1]))
    return values


@pytest.mark.parametrize("problem", PROBLEMS)
def test_beats_random_by_far(problem):
    space, function = PROBLEMS[problem]
    regrets = {
        searcher: [min(_search(searcher(space, LOSS, Fidelity(), seed), space, function, 80)) for seed in range(4)]
        for searcher in (Tpe, Random)
    }
    assert np.mean(regrets[Tpe]) < 0.3 * np.mean(regrets[Random])
    assert max(regrets[Tpe]) < np.mean(regrets[Random])


def test_begins_with_the_default_and_says_which_rule_proposed():
    space, function = PROBLEMS["bowl"]
    searcher = Tpe(space, LOSS, Fidelity(), 1)
    assert searcher.ask(1, space) == [Start(space.config(), 1, {"searcher": "tpe", "rule": "default"})]
    rules = []
    for number in range(24):
        (grant,) = searcher.ask(1, space)
        rules.append(grant.why["rule"])
        searcher.tell(_ended(number, grant.config, function(grant.config)))
    assert rules == ["default", *["start"] * 9, *["ratio"] * 10, "explore", *["ratio"] * 3]
    assert (grant.why["good"], grant.why["bad"]) == (5, 18)
    assert math.isfinite(grant.why["log_ratio"])


def test_a_baseline_already_told_is_not_proposed_again():
    searcher = Tpe(SQUARE, LOSS, Fidelity(), 1)
    searcher.tell(_ended(0, SQUARE.config(), 1.0))
    (grant,) = searcher.ask(1, SQUARE)
    assert grant.why["rule"] == "start"
    assert grant.config != SQUARE.config()


def test_maximizing_the_negative_is_the_same_search():
    space, function = PROBLEMS["branches"]
    down = _search(Tpe(space, LOSS, Fidelity(), 1), space, function, 25)
    up = _search(Tpe(space, SCORE, Fidelity(), 1), space, lambda config: -function(config), 25)
    assert up == [-value for value in down]


def test_learns_across_levers():
    """What one lever's trials showed is there when another lever is turned, and proposals keep to the latter."""
    space = Space({"a.x": Float(0.0, 1.0), "b.y": Float(0.0, 1.0), "b.kind": Choice(("p", "q"))})

    def function(config):
        return (config["a.x"] - 0.8) ** 2 + (config["b.y"] - 0.1) ** 2 + 0.3 * (config["b.kind"] == "p")

    searcher = Tpe(space, LOSS, Fidelity(), 0)
    values = {}
    best = space.config()
    for number in range(60):
        free = ["a"] if number % 2 else ["b"]
        (grant,) = searcher.ask(1, free_only(space, free, best))
        assert all(grant.config[name] == best[name] for name in best if name.split(".")[0] not in free)
        values[grant.config] = function(grant.config)
        searcher.tell(_ended(number, grant.config, values[grant.config]))
        best = min(values, key=values.__getitem__)
    assert values[best] < 0.01


def test_proposals_depend_on_what_is_fixed():
    """The best x is y: where y is fixed, x is looked for near it."""
    searcher = Tpe(SQUARE, LOSS, Fidelity(), 0)
    rng = np.random.default_rng(0)
    for number in range(200):
        config = SQUARE.sample(rng)
        searcher.tell(_ended(number, config, abs(config["x"] - config["y"])))
    for y in (0.15, 0.85):
        grants = searcher.ask(5, SQUARE.fix({"y": y}))
        assert np.median([grant.config["x"] for grant in grants]) == pytest.approx(y, abs=0.2)


def test_running_trials_keep_workers_apart():
    space, function = PROBLEMS["bowl"]
    searcher = Tpe(space, LOSS, Fidelity(), 2)
    _search(searcher, space, function, 21)
    grants = searcher.ask(6, space)
    for number, grant in enumerate(grants[:3]):
        searcher.tell(Trial(21 + number, grant.config))
    assert searcher.ask(3, space) == grants[3:]
    assert [grant.why["bad"] for grant in grants] == [16, 17, 18, 19, 20, 21]


def test_failures_are_avoided():
    searcher = Tpe(SQUARE, SCORE, Fidelity(), 0)
    failed = []
    for number in range(60):
        (grant,) = searcher.ask(1, SQUARE)
        trial = Trial(number, grant.config, Status.FAILED, failure=Failure("MemoryError", "too large"))
        if grant.config["x"] < 0.5:
            measured = (Measurement(1, grant.config["x"] * grant.config["y"]),)
            trial = replace(trial, status=Status.COMPLETED, failure=None, measurements=measured)
        failed.append(trial.status is Status.FAILED)
        searcher.tell(trial)
    assert sum(failed[30:]) <= 10
    assert max(t.value for t in searcher.trials if t.value is not None) > 0.4


def test_nothing_but_failures_goes_on_with_draws():
    searcher = Tpe(SQUARE, SCORE, Fidelity(), 0)
    for number in range(20):
        (grant,) = searcher.ask(1, SQUARE)
        assert grant.why["rule"] in ("default", "start")
        searcher.tell(Trial(number, grant.config, Status.FAILED, failure=Failure("ValueError", "no")))


def _curves(fidelity, epochs):
    """50 trials over x; each value falls by 10 an epoch, and x = .6 is best after any."""
    searcher = Tpe(Space({"x": Float(0.0, 1.0)}), SCORE, fidelity, 0)
    rng = np.random.default_rng(1)
    for number in range(50):
        x = float(rng.random())
        units = range(1, epochs(number) + 1)
        measured = tuple(Measurement(unit, -10.0 * unit - (x - 0.6) ** 2) for unit in units)
        status = Status.COMPLETED if len(units) == fidelity.maximum else Status.STOPPED
        config = searcher.space.config({"x": x})
        searcher.tell(Trial(number, config, status, until=fidelity.maximum, measurements=measured))
    return searcher


def test_values_are_compared_at_the_highest_fidelity_that_enough_reached():
    """A few went on to the end, where values look worse: they are compared where others were, too."""
    searcher = _curves(Fidelity("epoch", 9, cumulative=False), lambda number: 9 if number < 3 else 3)
    ranked = searcher._ranked()
    distance = [abs(searcher.trials[number].config["x"] - 0.6) for number in ranked.ids]
    assert distance == sorted(distance)


def test_what_ended_earlier_ranks_behind():
    searcher = _curves(Fidelity("epoch", 9, cumulative=False), lambda number: (1, 3, 9)[number % 3])
    reached = [searcher.trials[number].fidelity for number in searcher._ranked().ids]
    assert reached == sorted(reached, reverse=True)


def test_estimates_of_one_thing_are_compared_as_they_are():
    searcher = _curves(Fidelity("fold", 9), lambda number: (1, 9)[number % 2])
    values = [searcher.trials[number].value for number in searcher._ranked().ids]
    assert values == sorted(values, reverse=True)


def test_a_branch_never_tried_is_found():
    """Seen are 30 configs of one kind; the other has settings of its own and is better by far."""
    space = Space(
        {
            "kind": Choice(("a", "b")),
            "x": Float(0.0, 1.0, when={"kind": "a"}),
            "y": Float(0.0, 1.0, when={"kind": "b"}),
            "z": Float(0.0, 1.0, when={"y": Range(0.5)}),
        }
    )
    searcher = Tpe(space, LOSS, Fidelity(), 2)
    for number in range(30):
        searcher.tell(_ended(number, space.config({"kind": "a", "x": number / 30}), 1.0 + number / 30))
    for number in range(30, 130):
        (grant,) = searcher.ask(1, space)
        config = grant.config
        value = abs(config["y"] - 0.8) + abs(config.get("z", 0.0) - 0.5) if config["kind"] == "b" else 1 + config["x"]
        searcher.tell(_ended(number, config, value))
    assert min(trial.value for trial in searcher.trials) < 0.3


def test_texts_written_by_others_are_data():
    space = Space({"text": Text(("p", "q")), "x": Float(0.0, 1.0)})
    searcher = Tpe(space, LOSS, Fidelity(), 0)
    for number in range(30):
        config = space.config({"text": f"written {number}" if number % 2 else "p", "x": number / 30})
        searcher.tell(_ended(number, config, float(number % 2 == 0)))
    written = space.fix({"text": "written 7"})
    assert searcher.ask(1, written)[0].config["text"] == "written 7"
    assert searcher.ask(1, space)[0].config["text"] in ("p", "q")


def test_many_trials_are_thinned():
    good, bad = split(Ranked(np.arange(10_000), 9_000))
    assert good == list(range(50))
    assert len(bad) == 250
    assert bad[:125] == list(range(50, 175))
    assert bad[-1] == 9_999
    assert max(np.diff(bad)) < 100


def test_few_trials_are_all_used():
    assert split(Ranked(np.array([4, 2, 7]), 2)) == ([4], [2, 7])
    assert split(Ranked(np.arange(40), 3))[0] == [0, 1, 2]


def test_a_proposal_costs_little_after_thousands_of_trials():
    space, _ = PROBLEMS["branches"]
    searcher = Tpe(space, LOSS, Fidelity(), 0)
    rng = np.random.default_rng(0)
    for number in range(10_000):
        searcher.tell(_ended(number, space.sample(rng), float(rng.random())))
    searcher.ask(1, space)
    began = time.process_time()
    searcher.ask(5, space)
    assert (time.process_time() - began) / 5 < 0.2
