"""A store in memory, for tests, throw-away studies and dry runs: gone when the process ends."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from luthier.core.clock import Clock, SystemClock
from luthier.core.contracts import StudyRow
from luthier.core.errors import Conflict
from luthier.core.events import Event, from_texts, to_text
from luthier.store.lease import Lease


@dataclass
class _Study:
    created: float
    updated: float
    rows: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])


class MemoryStore:
    """Keeps events as the text that a file would hold, so that a study in memory behaves as one on disk."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._studies: dict[str, _Study] = {}
        self._leases: dict[str, Lease] = {}
        self._lock = threading.Lock()

    def append(self, study: str, events: Sequence[Event], expected_seq: int) -> int:
        rows = [(event.kind, to_text(event)) for event in events]
        if not rows:
            return expected_seq
        with self._lock:
            now = self._clock.now()
            kept = self._studies.get(study)
            held = len(kept.rows) if kept else 0
            if held != expected_seq:
                raise moved_on(study, expected_seq, held)
            kept = self._studies.setdefault(study, _Study(created=now, updated=now))
            kept.rows.extend(rows)
            kept.updated = now
            return len(kept.rows)

    def events(self, study: str, after: int = 0) -> list[Event]:
        with self._lock:
            kept = self._studies.get(study)
            rows = kept.rows[max(after, 0) :] if kept else []
        return from_texts(rows)

    def studies(self) -> list[StudyRow]:
        with self._lock:
            rows = [StudyRow(name, len(kept.rows), kept.created, kept.updated) for name, kept in self._studies.items()]
        return sorted(rows, key=lambda row: (-row.updated, row.name))

    def acquire(self, study: str, owner: str, seconds: float) -> None:
        with self._lock:
            now = self._clock.now()
            lease = self._leases.get(study)
            if lease is not None and lease.bars(owner, now):
                raise lease.refusal(study, now)
            self._leases[study] = Lease(owner, now + seconds)

    def release(self, study: str, owner: str) -> None:
        with self._lock:
            lease = self._leases.get(study)
            if lease is not None and lease.owner == owner:
                del self._leases[study]

    def close(self) -> None:
        """Nothing to let go of: what is kept stays readable."""


def moved_on(study: str, expected: int, held: int) -> Conflict:
    """What to tell a writer whose view of `study` is no longer what the store holds."""
    return Conflict(
        f"study '{study}' moved on: expected {expected} events, it holds {held}; another process is writing it: "
        f"nothing was written now, so read the study again, or resume it when the other is done"
    )
