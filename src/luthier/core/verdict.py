"""The verdict: what the held-out test said of a study's final set. Written once, read by every report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Gain:
    """How much better the winner did on held-out rows than `against`, in the metric's unit; positive is better.

    `against` is 'baseline', or the name of the lever that was put back to its baseline. `low` and `high` bound
    a 95% interval, `p_value` is two-sided, `p_adjusted` by Holm over all comparisons of the verdict.
    """

    against: str
    gain: float
    low: float
    high: float
    p_value: float
    p_adjusted: float

    @property
    def is_significant(self) -> bool:
        """Whether the interval lies above zero and the adjusted p-value below .05."""
        return self.low > 0 and self.p_adjusted < 0.05


@dataclass(frozen=True, slots=True)
class Verdict:
    """Held-out scores of baseline and winner, the gains, and how far validation was off.

    `rows` and `groups` count what the test held. `optimism` is the validation score minus the test score of
    what was chosen, in the direction of the metric: positive means that validation promised too much.
    Without held-out rows (a study over a plain function) `rows` is 0 and the scores are those of the
    confirmations.
    """

    metric: str
    rows: int
    groups: int | None
    baseline_score: float
    winner_score: float
    baseline_validation: float | None
    winner_validation: float | None
    optimism: float | None
    overall: Gain | None
    by_lever: tuple[Gain, ...] = ()
    openings: int = 1
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)

    @staticmethod
    def from_json(content: Mapping[str, Any]) -> Verdict:
        """The inverse of `to_json`."""
        fields = dict(content)
        fields["overall"] = None if fields["overall"] is None else Gain(**fields["overall"])
        fields["by_lever"] = tuple(Gain(**gain) for gain in fields["by_lever"])
        fields["notes"] = tuple(fields["notes"])
        return Verdict(**fields)
