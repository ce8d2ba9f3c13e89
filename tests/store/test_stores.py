"""Both stores against the contract, and against each other under random operations."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from luthier.core.clock import Clock, ManualClock
from luthier.core.contracts import Store
from luthier.core.errors import Conflict, LeaseHeld, StoreError
from luthier.core.events import Answered, Event, Heartbeat, SearcherSaved
from luthier.store.check import check_store
from luthier.store.memory import MemoryStore
from luthier.store.sql import SqlStore


@pytest.fixture
def fresh_file(tmp_path: Path) -> Callable[[], str]:
    count = iter(range(100))
    return lambda: f"sqlite:///{tmp_path / f'{next(count)}.db'}"


def test_memory_store_keeps_the_contract() -> None:
    check_store(lambda clock: MemoryStore(clock))


@pytest.mark.parametrize("durability", ["power", "process"])
def test_sqlite_store_keeps_the_contract(fresh_file: Callable[[], str], durability: str) -> None:
    urls: dict[int, str] = {}

    def make(clock: Clock) -> Store:
        url = fresh_file()
        store = SqlStore(url, durability=durability, clock=clock)  # pyright: ignore[reportArgumentType]
        urls[id(store)] = url
        return store

    def reopen(store: Store, clock: Clock) -> Store:
        store.close()
        return SqlStore(urls[id(store)], clock=clock)

    check_store(make, reopen)


def test_sqlite_store_without_a_file() -> None:
    check_store(lambda clock: SqlStore("sqlite://", clock=clock))


def test_an_event_that_cannot_be_written_is_refused_whole() -> None:
    for store in (MemoryStore(), SqlStore("sqlite://")):
        with pytest.raises(StoreError, match=r"'searcher_saved' can't be written.*plain numbers"):
            store.append("s", [Heartbeat(), SearcherSaved(snapshot={"a": object()})], 0)
        assert store.events("s") == []
        store.close()


@pytest.mark.parametrize("text", ["plain", "\ud800 half a pair", "\x00"])
def test_many_events_come_back_as_they_went_in(text: str) -> None:
    snapshot = {"large": 10**30, "small": 5e-324, "third": 1 / 3, "text": text}
    events: list[Event] = [SearcherSaved(snapshot=snapshot, elapsed=0.1 * i) for i in range(1500)]
    store = SqlStore("sqlite://")
    store.append("s", events, 0)
    assert store.events("s") == events
    store.close()


class StoresAgree(RuleBasedStateMachine):
    """A memory store and a file, opened again now and then, answer alike."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.url = f"sqlite:///{self.folder.name}/studies.db"
        self.clock = ManualClock(1000.0)
        self.memory = MemoryStore(self.clock)
        self.file = SqlStore(self.url, durability="process", clock=self.clock)

    names = st.sampled_from(["a", "b", "ü"])
    owners = st.sampled_from(["ann", "bob"])

    def both(self, act: Callable[[Store], object]) -> None:
        answers: list[object] = []
        for store in (self.memory, self.file):
            try:
                answers.append(act(store))
            except (Conflict, LeaseHeld) as error:
                answers.append((type(error), str(error)))
        assert answers[0] == answers[1]

    @rule(name=names, texts=st.lists(st.text(max_size=3), max_size=3), off=st.sampled_from([0, 0, 0, 1, -1]))
    def append(self, name: str, texts: list[str], off: int) -> None:
        events: list[Event] = [Answered(question=text, answer=text) for text in texts]
        expected = len(self.memory.events(name)) + off
        self.both(lambda store: store.append(name, events, expected))

    @rule(name=names, owner=owners, seconds=st.sampled_from([1.0, 10.0]))
    def acquire(self, name: str, owner: str, seconds: float) -> None:
        self.both(lambda store: store.acquire(name, owner, seconds))

    @rule(name=names, owner=owners)
    def release(self, name: str, owner: str) -> None:
        self.both(lambda store: store.release(name, owner))

    @rule(seconds=st.sampled_from([0.5, 3.0, 20.0]))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule()
    def open_again(self) -> None:
        self.file.close()
        self.file = SqlStore(self.url, durability="process", clock=self.clock)

    @rule(name=names, after=st.integers(0, 5))
    def read(self, name: str, after: int) -> None:
        self.both(lambda store: store.events(name, after))

    @invariant()
    def same_list(self) -> None:
        self.both(lambda store: store.studies())

    def teardown(self) -> None:
        self.file.close()
        self.folder.cleanup()


TestStoresAgree = StoresAgree.TestCase
TestStoresAgree.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
