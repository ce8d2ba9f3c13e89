"""Budgets: ceilings, reservations against them, and what is left.

An upper bound is reserved before anything is submitted and settled at what it really took, so that
`spent + reserved` never passes a ceiling, however many workers run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from luthier.core.cost import MICROS_PER_USD, NOTHING, Cost, total
from luthier.core.errors import BudgetExceeded, UsageError

_UNIT_SECONDS = {
    **dict.fromkeys(("s", "sec", "second"), 1.0),
    **dict.fromkeys(("m", "min", "minute"), 60.0),
    **dict.fromkeys(("h", "hr", "hour"), 3600.0),
    **dict.fromkeys(("d", "day"), 86400.0),
}
_COUNTED = ("trials", "calls", "tokens", "usd_micros")
_PART = re.compile(r"^\s*(\$?)\s*([0-9]+(?:\.[0-9]+)?)\s*([a-zA-Z]*)\s*$")
_TIMES = re.compile(r"^(?:\s*[0-9]+(?:\.[0-9]+)?\s*[a-zA-Z]+)+\s*$")
_TIME = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([a-zA-Z]+)")
_EXAMPLES = "'60s', '3m', '1h 30m', '100 trials', '600 calls', '200000 tokens', '$5', or several: '2h, $5'"


@dataclass(frozen=True, slots=True)
class Budget:
    """Hard ceilings; None where there is none.

    `seconds` is wall time while the study runs; the others are counts over the whole study.
    A trial is a config that is evaluated, the baseline included; confirming it again costs no further trial.
    """

    seconds: float | None = None
    trials: int | None = None
    calls: int | None = None
    tokens: int | None = None
    usd_micros: int | None = None

    def __post_init__(self) -> None:
        ceilings = self.to_json()
        if not ceilings:
            raise UsageError(f"a budget needs at least one ceiling; write for example {_EXAMPLES}")
        for name, ceiling in ceilings.items():
            if not ceiling > 0:
                raise UsageError(f"the ceiling '{name}' of a budget must be > 0; got {ceiling}")

    @staticmethod
    def parse(text: str) -> Budget:
        """A budget from what a person types: '60s', '3m', '100 trials', '$5', or several parted by commas."""
        ceilings: dict[str, float] = {}
        for part in text.split(","):
            name, amount = _parse_part(part, text)
            if name in ceilings:
                raise UsageError(f"the budget '{text}' states '{name}' twice; state it once")
            ceilings[name] = amount
        return Budget.from_json(ceilings)

    def to_json(self) -> dict[str, float]:
        """The ceilings that are set."""
        ceilings = {
            "seconds": self.seconds,
            "trials": self.trials,
            "calls": self.calls,
            "tokens": self.tokens,
            "usd_micros": self.usd_micros,
        }
        return {name: ceiling for name, ceiling in ceilings.items() if ceiling is not None}

    @staticmethod
    def from_json(ceilings: Mapping[str, float]) -> Budget:
        """The inverse of `to_json`."""
        return Budget(
            **{name: (float(value) if name == "seconds" else int(value)) for name, value in ceilings.items()}  # pyright: ignore[reportArgumentType]
        )

    def __str__(self) -> str:
        return ", ".join(_in_words(name, ceiling) for name, ceiling in self.to_json().items())


@dataclass(frozen=True, slots=True)
class Ledger:
    """What was spent and what is reserved, under the ceilings of a budget.

    `spent` and `reserved` are kept by owner (a trial, the confirmation, the test, a searcher's thinking),
    `elapsed` is wall seconds while the study ran.
    """

    budget: Budget
    spent: Cost = NOTHING
    reserved: Mapping[str, Cost] = field(default_factory=dict[str, Cost])
    elapsed: float = 0.0

    @property
    def committed(self) -> Cost:
        """Spent and reserved together: what the ceilings are held against."""
        return self.spent + total(list(self.reserved.values()))

    def left(self, name: str) -> float | None:
        """What the ceiling `name` still allows; None where there is no such ceiling."""
        ceiling = getattr(self.budget, name)
        if ceiling is None:
            return None
        used = self.elapsed if name == "seconds" else getattr(self.committed, name)
        return max(0, ceiling - used)

    @property
    def fraction_used(self) -> float:
        """The share in [0, 1] of the ceiling that is nearest to being reached."""
        used = self.committed
        shares = [
            (self.elapsed if name == "seconds" else getattr(used, name)) / ceiling
            for name, ceiling in self.budget.to_json().items()
        ]
        return min(1.0, max(shares))

    def lacking(self, amount: Cost) -> str | None:
        """The name of the first ceiling that `amount` would pass; None where it fits."""
        wanted = self.committed + amount
        for name in _COUNTED:
            ceiling = getattr(self.budget, name)
            if ceiling is not None and getattr(wanted, name) > ceiling:
                return name
        if self.budget.seconds is not None and self.elapsed >= self.budget.seconds:
            return "seconds"
        return None

    def reserve(self, owner: str, amount: Cost) -> Ledger:
        """Set `amount`, an upper bound, aside for `owner`.

        Raises BudgetExceeded where it doesn't fit, UsageError where `owner` holds a reservation already.
        """
        if owner in self.reserved:
            raise UsageError(f"'{owner}' holds a reservation already; settle it first")
        lacking = self.lacking(amount)
        if lacking is not None:
            raise BudgetExceeded(
                f"'{owner}' would pass the ceiling '{lacking}' of the budget ({self.budget}); raise it to go on"
            )
        return self.hold(owner, amount)

    def hold(self, owner: str, amount: Cost, elapsed: float = 0.0) -> Ledger:
        """Set `amount` aside, at `elapsed`, without asking whether it fits: for folding what was granted."""
        return Ledger(self.budget, self.spent, {**self.reserved, owner: amount}, max(self.elapsed, elapsed))

    def settle(self, owner: str, actual: Cost, elapsed: float = 0.0) -> Ledger:
        """Replace the reservation of `owner` by what was really spent, at `elapsed`; without one, just spend it."""
        remaining = {name: amount for name, amount in self.reserved.items() if name != owner}
        return Ledger(self.budget, self.spent + actual, remaining, max(self.elapsed, elapsed))

    def at(self, elapsed: float) -> Ledger:
        """The same ledger after `elapsed` wall seconds of running."""
        return Ledger(self.budget, self.spent, self.reserved, max(self.elapsed, elapsed))


def _parse_part(part: str, text: str) -> tuple[str, float]:
    seconds = _seconds(part)
    if seconds is not None:
        return "seconds", seconds
    match = _PART.match(part)
    if match is None:
        raise UsageError(f"the budget '{text}' can't be read; write for example {_EXAMPLES}")
    dollar, amount, unit = match.group(1), float(match.group(2)), match.group(3).lower()
    if dollar or unit == "usd":
        return "usd_micros", round(amount * MICROS_PER_USD)
    plural = unit if unit.endswith("s") else unit + "s"
    if plural in ("trials", "calls", "tokens") and amount == int(amount):
        return plural, int(amount)
    raise UsageError(f"the budget '{text}' can't be read at '{part.strip()}'; write for example {_EXAMPLES}")


def _seconds(part: str) -> float | None:
    """The seconds of '90s', '2 hours' or '1h 30m', whose units get smaller; None for what is no time."""
    times = [(float(amount), _unit_seconds(unit)) for amount, unit in _TIME.findall(part)]
    sizes = [size for _, size in times]
    if not _TIMES.match(part) or 0 in sizes or sizes != sorted(set(sizes), reverse=True):
        return None
    return sum(amount * size for amount, size in times)


def _unit_seconds(unit: str) -> float:
    """The length of a unit of time, in the singular or plural; 0 for no such unit."""
    lowered = unit.lower()
    singular = lowered.removesuffix("s") if len(lowered) > 2 else lowered  # no minutes are meant by 'ms'
    return _UNIT_SECONDS.get(lowered) or _UNIT_SECONDS.get(singular, 0.0)


def _in_words(name: str, ceiling: float) -> str:
    if name == "seconds":
        return _duration(ceiling)
    if name == "usd_micros":
        return f"${ceiling / MICROS_PER_USD:,.2f}"
    return f"{ceiling:,.0f} {name.removesuffix('s') if ceiling == 1 else name}"


def _duration(seconds: float) -> str:
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"
