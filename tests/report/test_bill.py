"""What the bill says of each lever, and that it adds up."""

import pytest
from tests.report import histories

from luthier.core.budget import Budget
from luthier.core.history import History
from luthier.core.trial import Purpose
from luthier.report.bill import Bill, Evidence, LeverBill, Outcome, bill_of
from luthier.report.credit import JOINT, validation_credits


def lever(bill: Bill, name: str) -> LeverBill:
    return next(one for one in bill.levers if one.name == name)


@pytest.mark.parametrize("tell", histories.STUDIES)
def test_rows_add_up_to_the_ledger(tell) -> None:
    history: History = tell()
    bill = bill_of(history)
    rows = [one.charge for one in bill.levers] + list(bill.others)
    assert sum(row.cost.seconds for row in rows) == pytest.approx(history.ledger.spent.seconds)
    assert sum(row.seconds for row in rows) == pytest.approx(history.ledger.elapsed)
    searched = [trial for trial in history.trials if trial.purpose is not Purpose.CONFIRMATION]
    assert sum(row.trials for row in rows) == bill.total.trials == len(searched)
    assert sum(row.failed for row in rows) == bill.total.failed


def test_the_demo() -> None:
    bill = bill_of(histories.demo())
    assert bill.evidence is Evidence.HELD_OUT
    assert bill.is_significant
    assert bill.gain == 0.0278
    assert bill.promised == pytest.approx(0.7843 - 0.7498)
    representation = lever(bill, "representation")
    assert representation.outcome is Outcome.HELPED
    assert representation.gain == 0.0213
    assert representation.charge.trials == 30
    assert representation.charge.cost.seconds == pytest.approx(30 * 3.7)
    assert representation.charge.seconds == pytest.approx(30 * 3.7 / 2)
    assert representation.gain_per_minute == pytest.approx(0.0213 / (30 * 3.7 / 2 / 60))
    assert [(one.setting, one.before, one.after) for one in representation.changes] == [
        ("ngrams", 1, 2),
        ("features", 5000, 10400),
    ]
    assert lever(bill, "settings").outcome is Outcome.UNPROVEN
    assert lever(bill, "data").outcome is Outcome.UNCHANGED
    assert lever(bill, "data").gain == 0.0
    assert [one.name for one in bill.others] == [JOINT, "planning", "baseline", "confirmation", "final test"]


def test_a_lever_that_did_harm() -> None:
    tale = histories.Tale().start(0.75)
    tale.trial(0.77, levers=["data", "settings"], data__min_words=2, settings__C=3.0)
    tale.best(1, 0.77).freeze(1)
    gains = [histories.gain("data", -0.02, -0.03, -0.01), histories.gain("settings", 0.03, 0.02, 0.04)]
    bill = bill_of(tale.conclude(1, histories.verdict(histories.gain("baseline", 0.01, 0.0, 0.02), gains)).history())
    assert lever(bill, "data").outcome is Outcome.HURT
    assert lever(bill, "settings").outcome is Outcome.HELPED


def test_a_changed_lever_whose_ablation_is_missing_is_untested() -> None:
    tale = histories.Tale().start(0.75)
    tale.trial(0.77, levers=["data", "settings"], data__min_words=2, settings__C=3.0)
    tale.best(1, 0.77).freeze(1)
    bill = bill_of(tale.conclude(1, histories.verdict(histories.gain("baseline", 0.03, 0.02, 0.04))).history())
    assert lever(bill, "data").outcome is Outcome.UNTESTED
    assert lever(bill, "data").gain is None


def test_the_only_lever_that_moved_has_the_whole_gain() -> None:
    bill = bill_of(histories.no_gain())
    assert lever(bill, "settings").gain == bill.gain == 0.005


def test_before_a_verdict_there_is_only_validation() -> None:
    bill = bill_of(histories.interrupted())
    assert bill.evidence is Evidence.VALIDATION
    assert bill.gain == pytest.approx(0.018)
    assert not bill.is_significant
    assert lever(bill, "data").promised == pytest.approx(0.008)
    assert lever(bill, "representation").promised == pytest.approx(0.010)
    assert lever(bill, "settings").promised is None
    assert all(one.tested is None for one in bill.levers)


def test_a_function_study_has_no_test() -> None:
    bill = bill_of(histories.function_study())
    assert bill.evidence is Evidence.UNHELD
    assert bill.gain == pytest.approx(23.0)
    assert not bill.is_tested
    assert not bill.is_significant


def test_a_broken_baseline_leaves_nothing_to_compare() -> None:
    bill = bill_of(histories.broken_baseline())
    assert bill.evidence is Evidence.NOTHING
    assert bill.gain is None
    assert bill.search.failures[0].message == "column 'label' is empty"


def test_failures_that_differ_in_numbers_are_one_group() -> None:
    (group,) = bill_of(histories.failing()).search.failures
    assert (group.kind, group.count, group.first) == ("MemoryError", 12, 1)


def test_a_lone_lever_takes_trials_that_name_none() -> None:
    tale = histories.Tale(levers={"settings": {}}, budget=Budget(trials=5), baseline={"settings.C": 1.0}).start(0.5)
    tale.trial(0.6, settings__C=2.0)
    assert lever(bill_of(tale.history()), "settings").charge.trials == 1


def test_other_costs_are_charged_to_their_lever() -> None:
    tale = histories.Tale().start(0.5)
    tale.trial(0.6, levers=["data"], cost={"calls": 3, "usd_micros": 2000}, data__min_words=2)
    bill = bill_of(tale.history())
    assert lever(bill, "data").charge.cost.calls == bill.total.cost.calls == 3
    assert lever(bill, "settings").charge.cost.usd_micros == 0


def test_credits_add_up_to_the_gain_on_validation() -> None:
    history = histories.demo()
    found = validation_credits(history)
    assert set(found) == {"representation", "settings"}
    assert sum(found.values()) == pytest.approx(history.incumbents[-1].mean - 0.7498)


def test_a_step_over_two_levers_is_credited_to_neither() -> None:
    tale = histories.Tale().start(0.5)
    tale.trial(0.6, levers=["data"], data__min_words=2, settings__C=3.0)
    assert validation_credits(tale.best(1, 0.6).history()) == {JOINT: pytest.approx(0.1)}


def test_the_place_of_a_winner_counts_searched_trials_only() -> None:
    tale = histories.Tale().start(0.5)
    first = tale.trial(0.6, levers=["data"], data__min_words=2)
    tale.trial(0.6, purpose=Purpose.CONFIRMATION, confirms=first)
    second = tale.trial(0.7, levers=["data"], data__min_words=3)
    search = bill_of(tale.best(second, 0.7).history()).search
    assert (search.made, search.winner_at) == (2, 2)
