"""A history from disk is the live one, whatever a plausible study did."""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.strategies import studies

import luthier.core.events as events_module
from luthier.core.budget import Budget
from luthier.core.config import Config
from luthier.core.cost import NOTHING, Cost, total
from luthier.core.errors import StoreError
from luthier.core.events import (
    KINDS,
    BudgetReserved,
    BudgetSettled,
    Event,
    GrantEnded,
    Heartbeat,
    IncumbentChosen,
    SessionOpened,
    StudyCreated,
    TrialMeasured,
    TrialResumed,
    TrialStarted,
    from_text,
    from_texts,
    to_text,
)
from luthier.core.history import History
from luthier.core.metric import Metric
from luthier.core.trial import Measurement, Purpose, Status

CREATED = StudyCreated(metric=Metric("accuracy"), levers={}, budget=Budget(trials=9))


def _plain(value: Any) -> Any:
    """Values as comparable ones: numbers that aren't finite are all missing, and missing equals missing."""
    if isinstance(value, float) and not math.isfinite(value):
        return "not finite"
    if is_dataclass(value):
        return {part.name: _plain(getattr(value, part.name)) for part in fields(value)}
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, Config):
        return value.key
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


@settings(max_examples=40)
@given(studies())
def test_the_fold_from_text_is_the_live_fold(events: list[Event]) -> None:
    live = History.of(events[:1])
    for event in events[1:]:
        live.apply(event)
    rows = [(event.kind, to_text(event)) for event in events]
    assert all("\n" not in text for _, text in rows)
    assert _plain(History.of(from_texts(rows))) == _plain(live)
    assert _plain(History.of(from_text(*row) for row in rows)) == _plain(live)
    assert live.seq == len(events)


@settings(max_examples=40)
@given(studies(), st.data())
def test_a_history_may_be_folded_in_parts(events: list[Event], data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(events)))
    first = History.of(events[:cut])
    for event in events[cut:]:
        first.apply(event)
    assert _plain(first) == _plain(History.of(events))


@settings(max_examples=40)
@given(studies())
def test_what_a_history_says_follows_from_its_events(events: list[Event]) -> None:
    history = History.of(events)
    assert [trial.id for trial in history.trials] == list(range(len(history.trials)))
    spent = [event.cost for event in events if isinstance(event, GrantEnded)]
    settled = [event.amount for event in events if isinstance(event, BudgetSettled)]
    assert history.ledger.spent == total(spent + settled)
    assert total([trial.cost for trial in history.trials]) == total(spent)
    assert history.ledger.elapsed == max(event.elapsed for event in events)
    for trial in history.trials:
        reached = [measurement.fidelity for measurement in trial.measurements]
        assert reached == sorted(set(reached))
        assert (f"trial {trial.id}" in history.ledger.reserved) == trial.status.is_open
        assert trial.value is None or math.isfinite(trial.value)
    assert sum(len(history.with_status(status)) for status in Status) == len(history.trials)
    chosen = [event.trial for event in events if isinstance(event, IncumbentChosen)]
    assert (history.incumbent.id if history.incumbent else None) == (chosen[-1] if chosen else None)


def _started(trial: int, **more: Any) -> TrialStarted:
    return TrialStarted(trial=trial, config=Config({"a": trial}), until=3, **more)


def test_a_crash_leaves_trials_interrupted_and_their_reservation_stands() -> None:
    history = History.of([CREATED, SessionOpened(owner="one", at=0.0), _started(0, reserved=Cost(trials=1))])
    assert history.trials[0].status is Status.RUNNING
    history.apply(SessionOpened(owner="two", at=1.0))
    assert history.trials[0].status is Status.INTERRUPTED
    assert history.ledger.committed == Cost(trials=1)
    history.apply(TrialResumed(trial=0, until=3))
    assert history.ledger.committed == Cost(trials=1)
    history.apply(GrantEnded(trial=0, status=Status.COMPLETED, cost=Cost(trials=1, seconds=2.0)))
    assert history.ledger.reserved == {}
    assert history.ledger.spent == history.trials[0].cost == Cost(trials=1, seconds=2.0)


def test_measuring_again_replaces_what_came_later() -> None:
    history = History.of([CREATED, _started(0)])
    for fidelity, value in ((1, 0.1), (2, 0.2), (3, 0.3), (2, 0.9)):
        history.apply(TrialMeasured(trial=0, measurement=Measurement(fidelity, value)))
    trial = history.trials[0]
    assert [(m.fidelity, m.value) for m in trial.measurements] == [(1, 0.1), (2, 0.9)]
    assert (trial.fidelity, trial.value, trial.value_at(1), trial.value_at(3)) == (2, 0.9, 0.1, None)


def test_purposes_part_the_trials() -> None:
    history = History.of(
        [
            CREATED,
            _started(0, purpose=Purpose.BASELINE),
            _started(1, levers=("model",)),
            _started(2, purpose=Purpose.CONFIRMATION, confirms=1),
            GrantEnded(trial=1, status=Status.COMPLETED, cost=Cost(calls=2)),
            GrantEnded(trial=2, status=Status.COMPLETED, cost=Cost(calls=5)),
            BudgetReserved(owner="thinking", amount=Cost(calls=9)),
            BudgetSettled(owner="thinking", amount=Cost(calls=3)),
            Heartbeat(elapsed=5.0),
        ]
    )
    assert history.baseline is history.trials[0]
    assert [trial.id for trial in history.searched] == [0, 1]
    assert [trial.id for trial in history.trials if trial.confirms == 1] == [2]
    assert history.tally(["model"]).cost == Cost(calls=2)
    assert history.tally(["other"]).cost == NOTHING
    assert history.spent_by == {"thinking": Cost(calls=3)}
    assert history.ledger.elapsed == 5.0


def test_a_fold_begins_with_the_creation_and_ids_have_no_gaps() -> None:
    with pytest.raises(StoreError, match="first event must be its creation; got Heartbeat"):
        History.of([Heartbeat()])
    with pytest.raises(StoreError, match="expected 0, got 1"):
        History.of([CREATED, _started(1)])


def test_every_kind_of_event_is_known_by_its_name() -> None:
    assert all(cls.kind == kind for kind, cls in KINDS.items())
    made = {value for value in vars(events_module).values() if isinstance(value, type) and issubclass(value, Event)}
    assert made - {Event} == set(KINDS.values())


def test_damaged_and_unknown_events_are_store_errors() -> None:
    for kind, text in (("nonsense", "{}"), ("heartbeat", "{"), ("heartbeat", '{"what": 1}'), ("trial_started", "[]")):
        with pytest.raises(StoreError):
            from_text(kind, text)


@pytest.mark.parametrize("resumed", [False, True])
def test_starting_a_worker_is_what_the_baseline_took_beyond_its_cost(resumed: bool):
    events: list[Event] = [CREATED, TrialStarted(trial=0, config=Config({}), until=1, purpose=Purpose.BASELINE)]
    start = 0.0
    if resumed:
        start = 10.0
        events += [
            SessionOpened(owner="second", at=0.0, elapsed=start),
            TrialResumed(trial=0, until=1, elapsed=start),
        ]
    events += [
        GrantEnded(trial=0, status=Status.COMPLETED, cost=Cost(seconds=2.0), elapsed=start + 5.0),
        TrialStarted(trial=1, config=Config({"x": 1}), until=1, elapsed=start + 5.0),
        GrantEnded(trial=1, status=Status.COMPLETED, cost=Cost(seconds=1.0), elapsed=start + 30.0),
    ]
    assert History.of(events).starting_seconds == 3.0
