"""A metric: a named number and which way is better."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from luthier.core.errors import UsageError


class Direction(StrEnum):
    """Which way a metric gets better."""

    MAXIMIZE = "maximize"
    MINIMIZE = "minimize"


@dataclass(frozen=True, slots=True)
class Metric:
    """A named number and which way is better. It doesn't know how the number is computed."""

    name: str
    direction: Direction = Direction.MAXIMIZE

    def __post_init__(self) -> None:
        if not self.name:
            raise UsageError("a metric needs a name; got an empty one")
        if self.direction not in tuple(Direction):
            raise UsageError(
                f"the direction of metric '{self.name}' must be 'maximize' or 'minimize'; got {self.direction!r}"
            )
        object.__setattr__(self, "direction", Direction(self.direction))

    def __str__(self) -> str:
        return f"{self.direction} {self.name}"

    @property
    def sign(self) -> int:
        """+1 where more is better, -1 where less is."""
        return 1 if self.direction is Direction.MAXIMIZE else -1

    @property
    def worst(self) -> float:
        """The infinity that every value is at least as good as."""
        return -self.sign * math.inf

    def gain(self, candidate: float, baseline: float) -> float:
        """How much better `candidate` is than `baseline`; positive is better, whichever the direction."""
        return self.sign * (candidate - baseline)

    def better(self, candidate: float, other: float) -> bool:
        """Whether `candidate` is strictly better than `other`; NaN never is."""
        return self.gain(candidate, other) > 0
