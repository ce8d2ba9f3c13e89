"""Time as a value that can be swapped: a simulated year takes a second."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> float:
        """Seconds since 1970-01-01 UTC; for people, and for leases between machines."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary origin that never go back; for durations."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


class ManualClock:
    """A clock that moves only when told to."""

    def __init__(self, start: float = 0.0) -> None:
        self._seconds = start

    def now(self) -> float:
        return self._seconds

    def monotonic(self) -> float:
        return self._seconds

    def advance(self, seconds: float) -> None:
        """Move on by `seconds` >= 0."""
        if seconds < 0:
            raise ValueError(f"a clock only moves forward; got {seconds} s")
        self._seconds += seconds
