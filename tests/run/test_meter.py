from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luthier.core.cost import NOTHING, Cost
from luthier.core.errors import BudgetExceeded
from luthier.run.meter import LocalMeter


@given(st.lists(st.integers(0, 30)), st.integers(1, 100), st.integers(0, 50))
def test_never_passes_its_allowance(charges: list[int], allowance: int, before: int) -> None:
    meter = LocalMeter(Cost(calls=allowance), before=Cost(calls=min(before, allowance)))
    for calls in charges:
        spent = meter.spent.calls
        try:
            meter.charge(Cost(calls=calls))
        except BudgetExceeded:
            assert spent + calls + min(before, allowance) > allowance
            assert meter.spent.calls == spent
        else:
            assert meter.spent.calls == spent + calls
        assert meter.spent.calls + min(before, allowance) <= allowance


def test_an_amount_of_zero_is_no_ceiling() -> None:
    meter = LocalMeter(Cost(usd_micros=5))
    meter.charge(Cost(calls=1_000, tokens=1_000_000))
    LocalMeter(NOTHING).charge(Cost(usd_micros=10**9))
    with pytest.raises(BudgetExceeded, match="pass the money set aside"):
        meter.charge(Cost(usd_micros=6))


def test_refunds_can_be_spent_again_and_never_go_below_zero() -> None:
    meter = LocalMeter(Cost(tokens=900))
    meter.charge(Cost(tokens=900))
    meter.refund(Cost(tokens=400, calls=3))
    meter.charge(Cost(tokens=400))
    assert meter.spent == Cost(tokens=900)


def test_reports_before_charge_returns() -> None:
    heard: list[Cost] = []
    meter = LocalMeter(Cost(calls=2), report=heard.append)
    meter.charge(Cost(calls=2))
    meter.refund(Cost(calls=1))
    with pytest.raises(BudgetExceeded):
        meter.charge(Cost(calls=2))
    assert heard == [Cost(calls=2), Cost(calls=1)]


def test_threads_share_it() -> None:
    meter = LocalMeter(Cost(calls=500))

    def spend(_: int) -> int:
        try:
            meter.charge(Cost(calls=1))
        except BudgetExceeded:
            return 0
        return 1

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(spend, range(800))) == 500
    assert meter.spent.calls == 500


def test_the_message() -> None:
    meter = LocalMeter(Cost(usd_micros=2_000_000), before=Cost(usd_micros=1_500_000))
    with pytest.raises(BudgetExceeded) as caught:
        meter.charge(Cost(usd_micros=600_000))
    assert str(caught.value) == (
        "this would pass the money set aside for the grant: $2.0000 in all, $1.5000 used, $0.6000 wanted; "
        "raise the budget, or make the stage need less"
    )
