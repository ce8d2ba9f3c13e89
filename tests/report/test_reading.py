"""Each finding is made where it should be, and not where it shouldn't."""

import random

import pytest
from tests.report import histories, studies

from luthier.core.history import History
from luthier.core.trial import Fidelity
from luthier.report.facts import facts_of
from luthier.report.reading import RULES, Finding, read

ONE = {"settings": {"x": {"float": [1.0, 2.0]}, "k": {"float": [0.0, 1.0]}}}


def found(history: History, kind: str) -> list[Finding]:
    return [finding for finding in read(facts_of(history)) if finding.kind == kind]


def slope(best: float, *, levers=ONE, count: int = 40, errors: float | None = None, **rest) -> History:
    """A bowl over x with its bottom at `best`; k counts for nothing."""
    rng = random.Random(1)
    rows = []
    for _ in range(count):
        x, k = rng.uniform(1, 2), rng.random()
        rows.append(({"settings.x": x, "settings.k": k}, [1 + (x - best) ** 2]))
    return studies.history_of(rows, levers=levers, errors=errors, **rest)


def crashing(where) -> History:
    rng = random.Random(2)
    rows = []
    for number in range(60):
        config = studies.draw(rng)
        rows.append((config, [studies.loss(config)] if not number or not where(config, rng) else None))
    return studies.history_of(rows)


def flat(equal: int) -> History:
    rows = [({"settings.x": 1 + 0.01 * k, "settings.k": 0.5}, [1.0 if k < equal else 1.0 + k]) for k in range(30)]
    return studies.history_of(rows, levers=ONE, seconds=lambda number: 9.0 - (number == 2) * 5)


HAS = {
    "edge": lambda: slope(2.2),
    "idle": lambda: slope(1.5, count=150),
    "noise": lambda: slope(1.5, errors=0.4),
    "still improving": lambda: studies.trained(20, pace=0.1),
    "failures": lambda: crashing(lambda config, rng: config["settings.layers"] > 9),
    "plateau": lambda: flat(8),
    "too few trials": lambda: slope(1.5, count=8),
    "budget": lambda: slope(1.5),
}
HAS_NOT = {
    "edge": lambda: slope(1.5),
    "idle": lambda: studies.searched(20),
    "noise": lambda: slope(1.5, errors=1e-6),
    "still improving": lambda: studies.trained(20, pace=2.0),
    "failures": lambda: crashing(lambda config, rng: rng.random() < 0.2),
    "plateau": lambda: slope(1.5),
    "too few trials": lambda: slope(1.5, count=40),
    "budget": lambda: slope(1.5, count=5),
}


@pytest.mark.parametrize("kind", HAS)
def test_a_finding_where_there_is_one(kind: str) -> None:
    findings = found(HAS[kind](), kind)
    assert findings
    assert all(one.title and one.detail.endswith(".") for one in findings)


@pytest.mark.parametrize("kind", HAS_NOT)
def test_no_finding_where_there_is_none(kind: str) -> None:
    assert found(HAS_NOT[kind](), kind) == []


def test_every_rule_is_shown() -> None:
    assert len(RULES) == len(HAS) == len(HAS_NOT)


def test_an_edge_says_how_far_to_go() -> None:
    (finding,) = found(slope(2.2), "edge")
    assert finding.title == "settings.x is best at the upper end of its range"
    assert finding.action == "Widen it, where that makes sense, to 2.5."
    assert found(slope(0.9), "edge")[0].action == "Widen it, where that makes sense, to 0.5."


def test_nothing_lies_below_a_natural_end() -> None:
    rows = [({"settings.k": k / 40, "settings.x": 1.5}, [k / 40]) for k in range(40)]
    assert found(studies.history_of(rows, levers=ONE), "edge") == []


def test_a_wide_range_that_is_best_at_its_low_end_wants_logarithms() -> None:
    levers = {"settings": {"x": {"float": [0.01, 100.0]}}}
    rows = [({"settings.x": 0.5 + 99 * k / 40}, [float(k)]) for k in range(40)]
    (finding,) = found(studies.history_of(rows, levers=levers), "edge")
    assert finding.action == "Search it on a log scale, which spends half of the trials below 1."


def test_what_does_not_matter_is_named_alone() -> None:
    (finding,) = found(slope(1.5, count=150), "idle")
    assert finding.title == "settings.k doesn't matter here"


def test_the_part_that_fails_is_named() -> None:
    (finding,) = found(HAS["failures"](), "failures")
    assert finding.title.startswith("Trials fail where settings.layers is above")
    (finding,) = found(crashing(lambda config, rng: config["settings.optimizer"] == "lion"), "failures")
    assert finding.title == "Trials fail where settings.optimizer is lion"


def test_among_ties_the_cheapest_is_named() -> None:
    (finding,) = found(flat(8), "plateau")
    assert finding.title == "8 trials are tied for the best"
    assert "trial 2, which took 4 s" in finding.action


def test_a_gain_whose_interval_holds_zero_is_noise() -> None:
    assert found(histories.no_gain(), "noise")
    assert not found(histories.demo(), "noise")


def test_half_is_the_incumbent_at_half_of_the_spending() -> None:
    rows = [({"settings.x": 1.5, "settings.k": 0.5}, [10.0 - number]) for number in range(10)]
    dear_end = studies.history_of(rows, levers=ONE, seconds=lambda number: 9.0 if number == 9 else 1.0)
    assert facts_of(dear_end).progress.best_after(9.0) == 2.0
    (finding,) = found(dear_end, "budget")
    assert "After half of the search (18 s of work in all) you had loss 2; now it is 1." in finding.detail


def test_epochs_of_unlike_length_are_not_compared() -> None:
    rows = [({"settings.x": 1.5, "settings.k": 0.5}, [3.0, 2.0]), ({"settings.x": 1.4, "settings.k": 0.5}, [0.1])]
    history = studies.history_of(rows, levers=ONE, fidelity=Fidelity("epoch", 2, cumulative=False))
    assert [step.trial for step in facts_of(history).progress.steps] == [0]
