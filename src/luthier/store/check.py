"""What every store and every artifact store must do, as checks that anyone's implementation may run.

    from luthier.store.check import check_store
    check_store(lambda clock: MyStore(clock=clock))

A check that fails raises AssertionError, saying what was expected.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from luthier.core.budget import Budget
from luthier.core.clock import Clock, ManualClock
from luthier.core.config import Config
from luthier.core.contracts import Artifacts, Store
from luthier.core.cost import Cost
from luthier.core.errors import Conflict, LeaseHeld, LuthierError, MissingArtifact
from luthier.core.events import (
    KINDS,
    Answered,
    BudgetChanged,
    BudgetReserved,
    BudgetSettled,
    Event,
    FinalSetFrozen,
    GrantEnded,
    Heartbeat,
    IncumbentChosen,
    SearcherSaved,
    SessionClosed,
    SessionOpened,
    StudyConcluded,
    StudyCreated,
    TestOpened,
    TrialMeasured,
    TrialResumed,
    TrialRetried,
    TrialStarted,
)
from luthier.core.history import History
from luthier.core.metric import Direction, Metric
from luthier.core.trial import Examples, Failure, Fidelity, Measurement, Purpose, Status
from luthier.core.verdict import Gain, Verdict

MakeStore = Callable[[Clock], Store]
Reopen = Callable[[Store, Clock], Store]


def check_store(make: MakeStore, reopen: Reopen | None = None) -> None:
    """Run every check of the Store contract.

    `make(clock)` gives a fresh, empty store whose leases go by `clock`. `reopen(store, clock)`, for stores that
    outlive their object, closes the store and opens the same one again.
    """
    checks: tuple[Callable[[Store, ManualClock], None], ...] = (
        check_appending,
        check_conflicts,
        check_names,
        check_every_kind,
        check_listing,
        check_leases,
    )
    for check in checks:
        clock = ManualClock(1000.0)
        store = make(clock)
        check(store, clock)
        store.close()
    if reopen is not None:
        check_reopening(make, reopen)


def check_artifacts(make: Callable[[], Artifacts]) -> None:
    """Run every check of the Artifacts contract; `make()` gives a fresh, empty one that evicts without grace."""
    for check in (check_keeping, check_recalling, check_evicting):
        check(make())


def check_appending(store: Store, clock: ManualClock) -> None:
    """Events come back as they went in, from any place on; appending none changes nothing."""
    events = a_study()
    _same(store.events("s"), [], "the events of an unknown study")
    _same(store.append("s", [], 0), 0, "append of no events to an unknown study")
    _same(store.studies(), [], "the studies after appending nothing")
    _same(store.append("s", events[:2], 0), 2, "append of two events to an empty study")
    _same(store.append("s", [], 2), 2, "append of no events")
    _same(store.append("s", events[2:], 2), len(events), "append of the rest")
    _same(store.events("s"), events, "the events read back")
    _same(store.events("s", 3), events[3:], "the events after 3")
    _same(store.events("s", len(events)), [], "the events after the last")
    _same(store.events("s", len(events) + 5), [], "the events after more than there are")


def check_conflicts(store: Store, clock: ManualClock) -> None:
    """A writer that expects another number of events than there are writes nothing."""
    events = a_study()
    _refused(Conflict, lambda: store.append("s", events[:1], 1), "append at 1 to an empty study")
    _same(store.events("s"), [], "the events after that Conflict")
    store.append("s", events[:3], 0)
    for expected in (0, 2, 4):
        _refused(Conflict, lambda: store.append("s", events[3:5], expected), f"append at {expected} to a study of 3")  # noqa: B023
    _same(store.events("s"), events[:3], "the events after three Conflicts")
    _same(store.append("s", events[3:5], 3), 5, "append at the right place after Conflicts")


def check_names(store: Store, clock: ManualClock) -> None:
    """Names and text of any script stay apart and come back unchanged."""
    names = ("plain", "Plain", "größer 模型 🎻", "it's; -- DROP TABLE %s %(x)s :y", " spaced ", "a/b", "x" * 500)
    for number, name in enumerate(names):
        event = Answered(question=name, answer="\x00 \\ \" ' \n \ud800 ü 模 🎻", elapsed=float(number))
        store.append(name, [event], 0)
    for number, name in enumerate(names):
        read = store.events(name)
        _same([event.elapsed for event in read], [float(number)], f"the events of the study named {name!r}")
        _same(
            [(event.question, event.answer) for event in read if isinstance(event, Answered)],
            [(name, "\x00 \\ \" ' \n \ud800 ü 模 🎻")],
            f"the text kept in the study named {name!r}",
        )


def check_every_kind(store: Store, clock: ManualClock) -> None:
    """Every kind of event comes back as it was, and the fold from the store is the fold of what was appended."""
    events = a_study()
    _same({event.kind for event in events}, set(KINDS), "the kinds of event that this check appends")
    live = History.of(events[:1])
    for number, event in enumerate(events):
        store.append("s", [event], number)
        if number:
            live.apply(event)
    for read, event in zip(store.events("s"), events, strict=True):
        _same(read, event, f"the event '{event.kind}' read back")
    _same(History.of(store.events("s")), live, "the history folded from the store")
    lost = TrialMeasured(trial=0, measurement=Measurement(4, math.nan))
    store.append("s", [lost], len(events))
    read = store.events("s", len(events))[0]
    _must(
        isinstance(read, TrialMeasured) and math.isnan(read.measurement.value),
        f"a value that isn't a number must come back as NaN; got {read}",
    )


def check_listing(store: Store, clock: ManualClock) -> None:
    """Studies are listed with their counts and times, the latest changed first."""
    events = a_study()
    store.append("first", events[:1], 0)
    clock.advance(5)
    store.append("second", events[:2], 0)
    clock.advance(5)
    store.append("first", events[1:3], 1)
    rows = [(row.name, row.events, row.created, row.updated) for row in store.studies()]
    _same(rows, [("first", 3, 1000.0, 1010.0), ("second", 2, 1005.0, 1005.0)], "the list of studies")


def check_leases(store: Store, clock: ManualClock) -> None:
    """One owner at a time; a lease is renewed by its owner, given back, or runs out; it needs no study."""
    store.acquire("s", "ann", 10)
    _refused(LeaseHeld, lambda: store.acquire("s", "bob", 10), "a lease that another holds")
    store.acquire("other", "bob", 10)
    _same(store.studies(), [], "the studies while there are only leases")
    clock.advance(6)
    store.acquire("s", "ann", 10)
    clock.advance(6)
    _refused(LeaseHeld, lambda: store.acquire("s", "bob", 10), "a lease that was renewed")
    store.release("s", "bob")
    _refused(LeaseHeld, lambda: store.acquire("s", "bob", 10), "a lease that someone else tried to give back")
    store.release("s", "ann")
    store.acquire("s", "bob", 10)
    clock.advance(10)
    store.acquire("s", "ann", 10)
    store.release("unknown", "ann")


def check_reopening(make: MakeStore, reopen: Reopen) -> None:
    """What was appended, and who holds a lease, is there when the store is opened again."""
    clock = ManualClock(1000.0)
    events = a_study()
    store = make(clock)
    store.append("s", events, 0)
    store.acquire("s", "ann", 10)
    store = reopen(store, clock)
    _same(store.events("s"), events, "the events after opening again")
    _refused(LeaseHeld, lambda: store.acquire("s", "bob", 10), "a lease held since before opening again")
    _same(store.append("s", [Heartbeat()], len(events)), len(events) + 1, "append after opening again")
    store.close()


def check_keeping(artifacts: Artifacts) -> None:
    """Content comes back by its address, which depends on the content alone."""
    contents = (b"", b"x", b"\x00\xff" * 1000, b"y" * 1_000_000)
    addresses = [artifacts.put(content) for content in contents]
    _same([artifacts.put(content) for content in contents], addresses, "the addresses of the same content put again")
    _same(len(set(addresses)), len(contents), "the number of different addresses")
    for address, content in zip(addresses, contents, strict=True):
        _must(artifacts.get(address) == content, f"the {len(content)} bytes at {address} must come back unchanged")
        _must(artifacts.has(address), f"{address} was put and must be held")
    for unknown in ("sha256:" + "0" * 64, "sha256:../../x", "nonsense", ""):
        _must(not artifacts.has(unknown), f"'{unknown}' was never put and must not be held")
        _refused(MissingArtifact, lambda: artifacts.get(unknown), f"getting the unknown address '{unknown}'")  # noqa: B023


def check_recalling(artifacts: Artifacts) -> None:
    """A fingerprint leads to the latest address noted for it, while that is held."""
    one, two = artifacts.put(b"one"), artifacts.put(b"two")
    _same(artifacts.recall("how"), None, "the address of an unknown fingerprint")
    artifacts.remember("how", one)
    artifacts.remember("wie ü/..", two)
    _same((artifacts.recall("how"), artifacts.recall("wie ü/..")), (one, two), "the addresses noted")
    artifacts.remember("how", two)
    _same(artifacts.recall("how"), two, "the address noted again for a fingerprint")


def check_evicting(artifacts: Artifacts) -> None:
    """What isn't kept is gone, with the fingerprints that led to it, and can be put again."""
    kept, dropped = artifacts.put(b"kept"), artifacts.put(b"dropped")
    artifacts.remember("kept", kept)
    artifacts.remember("dropped", dropped)
    _same(artifacts.evict([kept, "sha256:" + "0" * 64]), 1, "how many were dropped")
    _same((artifacts.has(kept), artifacts.has(dropped)), (True, False), "what is held after eviction")
    _same((artifacts.recall("kept"), artifacts.recall("dropped")), (kept, None), "the fingerprints after eviction")
    _refused(MissingArtifact, lambda: artifacts.get(dropped), "getting what was evicted")
    _same(artifacts.put(b"dropped"), dropped, "the address of evicted content put again")
    _same(artifacts.evict([]), 2, "how many were dropped when nothing is kept")


def a_study() -> list[Event]:
    """The events of a small study, every kind among them, with each field away from its default somewhere."""
    config = Config(
        {"m.rate": 1e-5, "m.depth": 3, "m.kind": "模型", "m.flag": True, "m.none": None, "m.set": ("a", "b")}
    )
    cost = Cost(seconds=0.1, trials=1, calls=2, tokens=300, usd_micros=4, engineer_hours=0.5)
    address = "sha256:" + "ab" * 32
    gain = Gain("baseline", 0.1, 0.05, 0.15, 0.001, 0.002)
    events: Sequence[Event] = (
        StudyCreated(
            metric=Metric("loss", Direction.MINIMIZE),
            levers={"m": {"rate": {"type": "float", "low": 1e-6, "high": 0.1}}},
            budget=Budget(seconds=60.0, trials=10, usd_micros=5_000_000),
            fidelity=Fidelity("epoch", 3, cumulative=False),
            seed=7,
            task={"budget": "60s, 10 trials, $5", "nested": [1, {"a": None}]},
            versions={"luthier": "0.1.0"},
            fingerprints={"data": "0123"},
        ),
        SessionOpened(owner="host:1:token", at=1.7e9),
        BudgetReserved(owner="confirmation", amount=cost, elapsed=0.25),
        TrialStarted(
            trial=0,
            config=config,
            until=3,
            purpose=Purpose.BASELINE,
            levers=("m",),
            seed=11,
            why={"because": ["it", 2]},
            reserved=cost,
            elapsed=0.5,
        ),
        TrialMeasured(
            trial=0,
            measurement=Measurement(
                1,
                0.5,
                standard_error=0.1,
                metrics={"accuracy": 0.75},
                cost=cost,
                examples=Examples(("a", "ü"), (0.0, 1.5)),
                artifact=address,
                drawn={"size": {"parameter": {"type": "int", "low": 1, "high": 9}, "value": 3}},
            ),
            elapsed=1.0,
        ),
        TrialRetried(trial=0, reason="the worker died", elapsed=1.5),
        TrialMeasured(trial=0, measurement=Measurement(2, 0.25, examples=address), elapsed=2.0),
        GrantEnded(trial=0, status=Status.PAUSED, cost=cost, checkpoint=address, elapsed=2.5),
        TrialResumed(trial=0, until=3, why={"rung": 2}, reserved=cost, elapsed=3.0),
        GrantEnded(trial=0, status=Status.COMPLETED, cost=cost, artifact=address, elapsed=3.5),
        TrialStarted(trial=1, config=config, until=1, purpose=Purpose.CONFIRMATION, confirms=0, elapsed=4.0),
        GrantEnded(
            trial=1, status=Status.FAILED, failure=Failure("ValueError", "no\nluck", "Traceback ..."), elapsed=4.5
        ),
        BudgetSettled(owner="confirmation", amount=cost, elapsed=5.0),
        BudgetChanged(budget=Budget(trials=20), elapsed=5.0),
        Heartbeat(elapsed=6.0),
        IncumbentChosen(trial=0, mean=0.25, deviation=0.125, elapsed=6.0),
        SearcherSaved(snapshot={"state": [1, 2.5, None]}, elapsed=6.0),
        Answered(question="why?", answer='because "so"', elapsed=6.0),
        FinalSetFrozen(members={"baseline": config, "winner": config}, trials={"winner": 0}, elapsed=7.0),
        TestOpened(members={"winner": address}, data="0123", forced=True, elapsed=7.5),
        StudyConcluded(
            verdict=Verdict("loss", 100, 10, 0.5, 0.4, 0.45, 0.35, -0.05, gain, (gain, gain), 2, ("a note",)),
            winner=0,
            artifact=address,
            elapsed=8.0,
        ),
        SessionClosed(reason="the budget is used up", elapsed=9.0),
    )
    return list(events)


def _same(got: object, wanted: object, what: str) -> None:
    _must(got == wanted, f"{what} must be {wanted!r}; got {got!r}")


def _must(holds: bool, what: str) -> None:
    if not holds:
        raise AssertionError(what)


def _refused(error: type[LuthierError], act: Callable[[], object], what: str) -> None:
    try:
        got = act()
    except error as raised:
        _must(str(raised) != "", f"{what}: {error.__name__} must say what is wrong; its text is empty")
    else:
        raise AssertionError(f"{what} must raise {error.__name__}; got {got!r}")
