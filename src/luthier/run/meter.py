"""A meter that counts inside one process, against the allowance of one task."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import fields

from luthier.core.cost import MICROS_PER_USD, NOTHING, Cost, less
from luthier.core.errors import BudgetExceeded

_CEILINGS = {"calls": "calls", "tokens": "tokens", "usd_micros": "money"}


class LocalMeter:
    """Counts what a stage spends inside one grant. Implements `core.contracts.Meter`.

    `allowance` holds the ceilings for calls, tokens and money; an amount of zero is no ceiling, so that a
    budget of '$5' alone leaves calls and tokens free. (Where a ceiling of the budget is used up, nothing can be
    reserved under it, and so no task is submitted; a task never has to say "nothing is left".)
    Seconds aren't held against it: `Limits.seconds` ends a task that takes too long.

    `before` is what an earlier attempt at the same grant spent: it uses the allowance, but isn't in `spent`.
    `report`, if given, is called with `spent` after each change and before `charge` returns. Several threads
    may share a meter.

        allowance              charged before     charge                    outcome
        nothing                any                any                       counted
        calls=10               9 calls            1 call, 500 tokens        counted
        calls=10               10 calls           1 call                    BudgetExceeded; nothing counted
    """

    def __init__(
        self, allowance: Cost = NOTHING, before: Cost = NOTHING, report: Callable[[Cost], None] | None = None
    ) -> None:
        self._allowance = allowance
        self._before = before
        self._report = report
        self._spent = NOTHING
        self._lock = threading.Lock()

    @property
    def spent(self) -> Cost:
        """Everything charged so far, less what was refunded."""
        return self._spent

    def charge(self, cost: Cost) -> None:
        """Count `cost`, an upper bound, before it is spent; raises BudgetExceeded where it isn't covered."""
        with self._lock:
            for name, words in _CEILINGS.items():
                ceiling, more = getattr(self._allowance, name), getattr(cost, name)
                used = getattr(self._before, name) + getattr(self._spent, name)
                if ceiling and used + more > ceiling:
                    raise BudgetExceeded(
                        f"this would pass the {words} set aside for the grant: {_in_words(name, ceiling)} in all, "
                        f"{_in_words(name, used)} used, {_in_words(name, more)} wanted; "
                        f"raise the budget, or make the stage need less"
                    )
            self._count(self._spent + cost)

    def refund(self, cost: Cost) -> None:
        """Give back what a charge didn't need; never below zero."""
        with self._lock:
            self._count(less(self._spent, cost))

    def _count(self, spent: Cost) -> None:
        self._spent = spent
        if self._report is not None:
            self._report(spent)


def larger(one: Cost, other: Cost) -> Cost:
    """The larger of each amount."""
    return Cost(**{part.name: max(getattr(one, part.name), getattr(other, part.name)) for part in fields(Cost)})


def _in_words(name: str, amount: int) -> str:
    return f"${amount / MICROS_PER_USD:,.4f}" if name == "usd_micros" else f"{amount:,} {name}"
