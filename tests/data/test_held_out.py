"""The held-out test is opened once; the same opening may be finished; a forced one is marked."""

from __future__ import annotations

import pytest

from luthier.core.budget import Budget
from luthier.core.errors import DataError, TestAlreadyOpened, UsageError
from luthier.core.events import Event, Heartbeat, StudyCreated, TestOpened, from_text, to_text
from luthier.core.history import History
from luthier.core.metric import Metric
from luthier.data.frame import from_frame
from luthier.data.held_out import HeldOut, may_open
from luthier.data.split import hold_out

MEMBERS = {"baseline": "sha256:aa", "winner": "sha256:bb"}
OTHERS = {"baseline": "sha256:aa", "winner": "sha256:cc", "without C": "sha256:dd"}
DATASET = from_frame({"x": range(20), "y": ["a", "b"] * 10}, target="y")


def _history(*events: Event) -> History:
    created = StudyCreated(metric=Metric("accuracy"), levers={}, budget=Budget(trials=3))
    return History.of([created, Heartbeat(elapsed=7.0), *events])


def test_the_first_opening_is_new_and_says_when() -> None:
    opening = may_open(_history(), MEMBERS, "d1")
    assert opening == TestOpened(members=MEMBERS, data="d1", forced=False, elapsed=7.0)


def test_the_same_opening_may_be_finished_after_a_crash() -> None:
    first = may_open(_history(), MEMBERS, "d1")
    stored = from_text(first.kind, to_text(first))
    again = may_open(_history(stored, Heartbeat(elapsed=99.0)), dict(reversed(MEMBERS.items())), "d1")
    assert again == first
    assert again.forced is False


@pytest.mark.parametrize(
    ("members", "data", "says"),
    [(OTHERS, "d1", "it differs in: winner, without C"), (MEMBERS, "d2", "rows changed since")],
)
def test_a_second_opening_is_refused_and_if_forced_marked(members: dict[str, str], data: str, says: str) -> None:
    history = _history(may_open(_history(), MEMBERS, "d1"))
    with pytest.raises(TestAlreadyOpened) as caught:
        may_open(history, members, data)
    assert says in str(caught.value)
    forced = may_open(history, members, data, force=True)
    assert forced.forced
    assert forced.members == members
    assert may_open(_history(*history.openings, forced), members, data) == forced


def test_forcing_the_first_opening_does_not_mark_it() -> None:
    assert not may_open(_history(), MEMBERS, "d1", force=True).forced


def test_an_opening_needs_members() -> None:
    with pytest.raises(UsageError, match="got no members"):
        may_open(_history(), {}, "d1")


def test_test_rows_come_out_only_against_their_opening() -> None:
    split = hold_out(DATASET, 0.2)
    held_out = HeldOut(DATASET, split)
    assert len(held_out) == 4
    assert tuple(held_out.development.ids) == split.development
    opening = held_out.open(_history(), MEMBERS)
    inputs = held_out.inputs(opening)
    assert tuple(inputs.ids) == split.test
    assert "y" not in inputs.columns
    assert held_out.labels(opening).tolist() == DATASET.take(DATASET.positions(split.test)).labels.tolist()
    foreign = may_open(_history(), MEMBERS, "other data")
    for ask in (held_out.inputs, held_out.labels):
        with pytest.raises(UsageError, match="got one of other data"):
            ask(foreign)


def test_changed_data_is_noticed() -> None:
    split = hold_out(DATASET, 0.2)
    changed = from_frame({"x": range(1, 21), "y": ["a", "b"] * 10}, target="y")
    with pytest.raises(DataError, match="was the data file changed"):
        HeldOut(changed, split)


def test_the_order_of_the_file_does_not_change_what_is_held_out() -> None:
    split = hold_out(DATASET, 0.2)
    turned = DATASET.take(range(len(DATASET) - 1, -1, -1))
    assert HeldOut(turned, split).fingerprint == HeldOut(DATASET, split).fingerprint
