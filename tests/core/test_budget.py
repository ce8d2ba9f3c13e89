"""Budgets as people write them, costs that add, and a ledger that never passes a ceiling."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.strategies import budgets, costs

from luthier.core.budget import Budget, Ledger
from luthier.core.cost import NOTHING, Cost, total
from luthier.core.errors import BudgetExceeded, UsageError

COUNTED = ("trials", "calls", "tokens", "usd_micros")


@pytest.mark.parametrize(
    ("text", "budget", "words"),
    [
        ("60s", Budget(seconds=60), "1 min"),
        ("45 sec", Budget(seconds=45), "45 s"),
        ("3m", Budget(seconds=180), "3 min"),
        ("2h", Budget(seconds=7200), "2 h"),
        ("1d", Budget(seconds=86400), "24 h"),
        ("1.5 h", Budget(seconds=5400), "90 min"),
        ("1h30m", Budget(seconds=5400), "90 min"),
        ("5 minutes 30 secs", Budget(seconds=330), "330 s"),
        ("2 Hours", Budget(seconds=7200), "2 h"),
        ("100 trials", Budget(trials=100), "100 trials"),
        ("1 trial", Budget(trials=1), "1 trial"),
        ("600calls", Budget(calls=600), "600 calls"),
        ("200000 tokens", Budget(tokens=200_000), "200,000 tokens"),
        ("$5", Budget(usd_micros=5_000_000), "$5.00"),
        ("0.25 usd", Budget(usd_micros=250_000), "$0.25"),
        ("2h, $5, 30 trials", Budget(seconds=7200, trials=30, usd_micros=5_000_000), "2 h, 30 trials, $5.00"),
    ],
)
def test_budgets_are_read_and_written_as_people_do(text: str, budget: Budget, words: str) -> None:
    assert Budget.parse(text) == budget
    assert str(budget) == words


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "can't be read"),
        ("soon", "can't be read"),
        ("-3m", "can't be read"),
        ("3 parsecs", "can't be read at '3 parsecs'"),
        ("1.5 trials", "can't be read at '1.5 trials'"),
        ("500ms", "can't be read at '500ms'"),
        ("30m 1h", "can't be read"),
        ("1h 5 trials", "can't be read"),
        ("2h, 3m", "states 'seconds' twice"),
        ("0s", "must be > 0; got 0"),
        ("2h,", "can't be read"),
    ],
)
def test_what_is_no_budget_is_refused(text: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        Budget.parse(text)
    assert says in str(caught.value)


def test_a_budget_needs_a_ceiling() -> None:
    with pytest.raises(UsageError, match="at least one ceiling"):
        Budget()


@given(budgets())
def test_a_budget_survives_json(budget: Budget) -> None:
    assert Budget.from_json(budget.to_json()) == budget


@given(costs(), costs(), costs())
def test_costs_add(one: Cost, two: Cost, three: Cost) -> None:
    assert one + two == two + one
    assert (one + two) + three == one + (two + three)
    assert one + NOTHING == one
    assert total([one, two, three]) == one + two + three
    assert bool(one) == (one != NOTHING)
    assert Cost.from_json(one.to_json()) == one
    assert not NOTHING
    assert total([]) == NOTHING


def test_costs_are_not_negative_and_money_is_whole() -> None:
    with pytest.raises(UsageError, match=">= 0"):
        Cost(calls=-1)
    assert Cost(usd_micros=1_500_000).usd == 1.5


OWNERS = st.sampled_from(["a", "b", "c"])


@settings(max_examples=60)
@given(st.data(), budgets())
def test_no_sequence_of_reservations_passes_a_ceiling(data: st.DataObject, budget: Budget) -> None:
    ledger = Ledger(budget)
    for _ in range(data.draw(st.integers(0, 20))):
        owner = data.draw(OWNERS)
        if owner in ledger.reserved:
            ledger = ledger.settle(owner, data.draw(costs(at_most=ledger.reserved[owner])))
            assert owner not in ledger.reserved
        else:
            wanted = data.draw(costs())
            before = ledger
            try:
                ledger = ledger.reserve(owner, wanted)
            except BudgetExceeded:
                assert ledger is before
                assert ledger.lacking(wanted) in COUNTED
        for name in COUNTED:
            ceiling = getattr(budget, name)
            if ceiling is not None:
                assert getattr(ledger.committed, name) <= ceiling
                assert ledger.left(name) == ceiling - getattr(ledger.committed, name)
            else:
                assert ledger.left(name) is None
        assert 0 <= ledger.fraction_used <= 1


def test_time_is_a_ceiling_of_its_own() -> None:
    ledger = Ledger(Budget(seconds=10)).at(4.0)
    assert ledger.left("seconds") == 6
    assert ledger.fraction_used == 0.4
    assert ledger.at(3.0).elapsed == 4.0
    assert ledger.reserve("a", Cost(seconds=99)).left("seconds") == 6
    with pytest.raises(BudgetExceeded, match=r"'a' would pass the ceiling 'seconds' of the budget \(10 s\)"):
        ledger.at(10.0).reserve("a", NOTHING)


def test_an_owner_holds_one_reservation() -> None:
    with pytest.raises(UsageError, match="holds a reservation already"):
        Ledger(Budget(trials=3)).reserve("a", NOTHING).reserve("a", NOTHING)
