"""Costs: what evaluating, and thinking up, a trial takes. They add.

Money is counted in integer micro-dollars, so that sums are exact. Seconds are worker-seconds: two workers
busy for a minute cost 120. (A budget's time ceiling is wall time while the study runs; see `budget`.)
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from luthier.core.errors import UsageError

MICROS_PER_USD = 1_000_000


@dataclass(frozen=True, slots=True)
class Cost:
    """Amounts of everything that can be spent; all >= 0."""

    seconds: float = 0.0
    trials: int = 0
    calls: int = 0
    tokens: int = 0
    usd_micros: int = 0
    engineer_hours: float = 0.0

    def __post_init__(self) -> None:
        if (
            self.seconds < 0
            or self.trials < 0
            or self.calls < 0
            or self.tokens < 0
            or self.usd_micros < 0
            or self.engineer_hours < 0
        ):
            raise UsageError(f"amounts of a cost must be >= 0; got {self}")

    @property
    def usd(self) -> float:
        """Dollars, for people; sums are taken over `usd_micros`."""
        return self.usd_micros / MICROS_PER_USD

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.seconds + other.seconds,
            self.trials + other.trials,
            self.calls + other.calls,
            self.tokens + other.tokens,
            self.usd_micros + other.usd_micros,
            self.engineer_hours + other.engineer_hours,
        )

    def __bool__(self) -> bool:
        return self != NOTHING

    def to_json(self) -> dict[str, float]:
        """The amounts that aren't zero."""
        amounts = {
            "seconds": self.seconds,
            "trials": self.trials,
            "calls": self.calls,
            "tokens": self.tokens,
            "usd_micros": self.usd_micros,
            "engineer_hours": self.engineer_hours,
        }
        return {name: amount for name, amount in amounts.items() if amount}

    @staticmethod
    def from_json(amounts: dict[str, float]) -> Cost:
        """The inverse of `to_json`."""
        return Cost(**amounts)  # pyright: ignore[reportArgumentType]


NOTHING = Cost()


def less(cost: Cost, other: Cost) -> Cost:
    """`cost` without `other`; no amount falls below zero."""
    return Cost(**{part.name: max(0, getattr(cost, part.name) - getattr(other, part.name)) for part in fields(Cost)})


def total(costs: list[Cost]) -> Cost:
    """The sum of `costs`; nothing for an empty list."""
    result = NOTHING
    for cost in costs:
        result += cost
    return result
