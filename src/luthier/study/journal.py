"""The journal: the one place where a study writes.

Events are taken in at once and committed together by `flush`, which comes before anything leaves the process: a
task for a worker, a decision, a wait. So the end of one trial and the start of the next are one commit, and no work
is ever begun that the store doesn't know of.

It knows no trial logic. It holds the lease, keeps the study's running time, and beats while nothing happens,
so that time counts against the budget even if a crash follows.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from luthier.core.changed import changed
from luthier.core.clock import Clock
from luthier.core.contracts import Store
from luthier.core.errors import Conflict, StoreError, UnknownName, UsageError
from luthier.core.events import Event, Heartbeat, SessionClosed, SessionOpened, StudyCreated
from luthier.core.history import History

Observer = Callable[[Event, History], None]
"""Is called after each event with the history that it led to. It must not raise."""

LEASE_SECONDS = 30.0
HEARTBEAT_SECONDS = 5.0


class Journal:
    """The events of one study, open for writing by one owner.

    `history` is the fold of everything written; `elapsed` the wall seconds that the study has been running,
    over all sessions.
    """

    def __init__(
        self, store: Store, study: str, history: History, owner: str, clock: Clock, observers: tuple[Observer, ...] = ()
    ) -> None:
        self.study = study
        self.history = history
        self._store = store
        self._owner = owner
        self._clock = clock
        self._observers = observers
        self._uncommitted: list[Event] = []
        self._elapsed_before = history.ledger.elapsed
        self._opened_at = clock.monotonic()
        self._renewed_at = clock.monotonic()

    @staticmethod
    def create(
        store: Store, study: str, created: StudyCreated, owner: str, clock: Clock, observers: tuple[Observer, ...] = ()
    ) -> Journal:
        """A new study. Raises UsageError where the name is taken, LeaseHeld where another writer is at it."""
        store.acquire(study, owner, LEASE_SECONDS)
        if store.events(study):
            store.release(study, owner)
            raise UsageError(
                f"there is a study '{study}' already; go on with it by --resume, or choose another name by --name"
            )
        store.append(study, [created], 0)
        journal = Journal(store, study, History.of([created]), owner, clock, observers)
        journal.write(SessionOpened(owner=owner, at=clock.now()))
        journal.flush()
        return journal

    @staticmethod
    def resume(store: Store, study: str, owner: str, clock: Clock, observers: tuple[Observer, ...] = ()) -> Journal:
        """A study that was begun before. Raises UsageError where there is none, LeaseHeld where another has it."""
        store.acquire(study, owner, LEASE_SECONDS)
        history = read_history(store, study)
        journal = Journal(store, study, history, owner, clock, observers)
        journal.write(SessionOpened(owner=owner, at=clock.now()))
        journal.flush()
        return journal

    @property
    def elapsed(self) -> float:
        """Wall seconds that the study has been running, this session and those before."""
        return self._elapsed_before + self._clock.monotonic() - self._opened_at

    def write(self, *events: Event) -> None:
        """Take `events` in, tell the observers, and have them committed by the next `flush`."""
        for event in events:
            stamped = changed(event, elapsed=self.elapsed)
            self._uncommitted.append(stamped)
            self.history.apply(stamped)
            for observe in self._observers:
                observe(stamped, self.history)

    def flush(self) -> None:
        """Commit what was written; durable on return. Raises Conflict where another writer was first."""
        if self._uncommitted:
            events, self._uncommitted = self._uncommitted, []
            self._store.append(self.study, events, self.history.seq - len(events))

    def beat(self) -> None:
        """To be called before each wait: commits, renews the lease, and marks time where nothing happened for long."""
        now = self._clock.monotonic()
        if now - self._renewed_at >= LEASE_SECONDS / 3:
            self._store.acquire(self.study, self._owner, LEASE_SECONDS)
            self._renewed_at = now
        if self.elapsed - self.history.ledger.elapsed >= HEARTBEAT_SECONDS:
            self.write(Heartbeat())
        self.flush()

    def close(self, reason: str) -> None:
        """Write why the session ends and give the lease back; a study that moved on without us is left alone."""
        with suppress(Conflict, StoreError):
            self.write(SessionClosed(reason=reason))
            self.flush()
        with suppress(StoreError):  # a lease that can't be given back runs out
            self._store.release(self.study, self._owner)


def read_history(store: Store, study: str) -> History:
    """The history of `study`; raises UsageError, with the names nearest to it, where there is no such study."""
    events = store.events(study)
    if not events:
        raise UnknownName("study", study, [row.name for row in store.studies()])
    return History.of(events)
