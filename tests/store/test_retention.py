from __future__ import annotations

import pytest

from luthier.core.budget import Budget
from luthier.core.config import Config
from luthier.core.errors import UsageError
from luthier.core.events import (
    Event,
    FinalSetFrozen,
    GrantEnded,
    IncumbentChosen,
    StudyConcluded,
    StudyCreated,
    TestOpened,
    TrialMeasured,
    TrialStarted,
)
from luthier.core.history import History
from luthier.core.metric import Direction, Metric
from luthier.core.trial import Measurement, Purpose, Status
from luthier.core.verdict import Verdict
from luthier.store.retention import addresses_to_keep


def history_of(values: list[float], direction: Direction, *more: Event, last: Status = Status.COMPLETED) -> History:
    """Trials with these values; trial i holds the addresses artifact-i, checkpoint-i, part-i and outcomes-i."""
    events: list[Event] = [StudyCreated(metric=Metric("m", direction), levers={}, budget=Budget(trials=9))]
    for i, value in enumerate(values):
        events.append(TrialStarted(trial=i, config=Config({"a.x": i}), until=1, purpose=Purpose.SEARCH))
        measurement = Measurement(1, value, examples=f"outcomes-{i}", artifact=f"part-{i}")
        events.append(TrialMeasured(trial=i, measurement=measurement))
        status = last if i == len(values) - 1 else Status.COMPLETED
        events.append(GrantEnded(trial=i, status=status, checkpoint=f"checkpoint-{i}", artifact=f"artifact-{i}"))
    return History.of([*events, *more])


def of_trials(*ids: int) -> set[str]:
    return {f"{what}-{i}" for i in ids for what in ("artifact", "checkpoint", "part", "outcomes")}


@pytest.mark.parametrize(
    ("direction", "top_k", "kept"),
    [
        (Direction.MAXIMIZE, 0, ()),
        (Direction.MAXIMIZE, 2, (1, 3)),
        (Direction.MINIMIZE, 2, (2, 0)),
        (Direction.MINIMIZE, 9, (0, 1, 2, 3)),
    ],
)
def test_the_best_stay(direction: Direction, top_k: int, kept: tuple[int, ...]) -> None:
    history = history_of([0.2, 0.9, 0.1, 0.5, float("nan")], direction)
    assert addresses_to_keep(history, top_k) == of_trials(*kept)


@pytest.mark.parametrize("status", [Status.PAUSED, Status.INTERRUPTED, Status.RUNNING])
def test_what_may_go_on_stays(status: Status) -> None:
    history = history_of([0.2, 0.9, 0.1], Direction.MAXIMIZE, last=status)
    assert addresses_to_keep(history, 0) == of_trials(2)


def test_what_is_named_stays() -> None:
    verdict = Verdict("m", 1, None, 0.0, 0.0, None, None, None, None)
    history = history_of(
        [0.1, 0.2, 0.3, 0.4, 0.5],
        Direction.MAXIMIZE,
        IncumbentChosen(trial=1, mean=0.2),
        FinalSetFrozen(members={}, trials={"winner": 2}),
        TestOpened(members={"winner": "refit-winner", "baseline": "refit-baseline"}, data="d"),
        StudyConcluded(verdict=verdict, winner=2, artifact="the-winner"),
    )
    assert addresses_to_keep(history, 0) == of_trials(1, 2) | {"refit-winner", "refit-baseline", "the-winner"}


def test_the_baseline_stays() -> None:
    created = StudyCreated(metric=Metric("m"), levers={}, budget=Budget(trials=9))
    started = TrialStarted(trial=0, config=Config({}), until=1, purpose=Purpose.BASELINE)
    ended = GrantEnded(trial=0, status=Status.COMPLETED, artifact="of-the-baseline")
    assert addresses_to_keep(History.of([created, started, ended]), 0) == {"of-the-baseline"}


def test_fewer_than_none_is_refused() -> None:
    with pytest.raises(UsageError, match=r">= 0; got -1"):
        addresses_to_keep(history_of([], Direction.MAXIMIZE), -1)
