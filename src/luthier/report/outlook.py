"""Is going on likely to pay? Told from where in the search the best came.

A rule of thumb, not a forecast: a best that came among the last trials says that the search was still getting
better; many trials after it without a better one say that it wasn't.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from luthier.core.budget import Budget
from luthier.report.bill import Bill
from luthier.report.words import count

FEW_TRIALS = 10
LATE = 0.75


class Outlook(StrEnum):
    """What going on with the same search promises."""

    STOP = "stop"
    GO_ON = "go on"
    TOO_EARLY = "too early to say"


@dataclass(frozen=True, slots=True)
class Prospect:
    """An outlook with its reason, which is half a sentence."""

    outlook: Outlook
    reason: str


def prospect_of(bill: Bill) -> Prospect:
    """Whether to go on, and why."""
    search = bill.search
    if search.valued < FEW_TRIALS:
        return Prospect(Outlook.TOO_EARLY, f"only {count(search.valued, 'trial')} gave a value, too few to judge by")
    if search.winner_at is None:
        return Prospect(Outlook.STOP, f"none of {count(search.made, 'trial')} looked better than the baseline")
    place = f"the best was trial {search.winner_at:,} of {search.made:,}"
    later = search.made - search.winner_at
    if search.winner_at > LATE * search.made:
        return Prospect(Outlook.GO_ON, f"{place}, so the search was still finding better ones")
    return Prospect(Outlook.STOP, f"{place}, and the {later:,} after it found nothing better")


def doubled(budget: Budget) -> Budget:
    """Twice every ceiling."""
    return Budget.from_json({name: 2 * ceiling for name, ceiling in budget.to_json().items()})
