"""Which levers the next trial may turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from luthier.core.history import History


@dataclass(frozen=True)
class EqualShare:
    """Equal budget shares: one for each lever with the others held at the incumbent, and a last joint one.

    With L levers, the first L / (L + 1) of the search's budget go to single levers, always to the one that
    has got the least so far, so that every lever is tried early whatever the budget; the rest is spent with
    all of them free. With one lever there is nothing to part.
    """

    levers: Sequence[str]

    def choose(self, history: History, share_used: float) -> tuple[str, ...]:
        """The lever with the least spent on it (ties go to the earlier one), or all of them at the end."""
        everything = tuple(self.levers)
        if len(everything) == 1 or share_used >= len(everything) / (len(everything) + 1):
            return everything
        tallies = {lever: history.tally((lever,)) for lever in everything}
        if history.ledger.budget.seconds is None:
            return (min(everything, key=lambda lever: tallies[lever].trials),)
        ended = sum(tally.trials - tally.open for tally in tallies.values())
        typical = sum(tally.cost.seconds for tally in tallies.values()) / max(1, ended)
        # What runs has no cost yet, but will have.
        return (min(everything, key=lambda lever: tallies[lever].cost.seconds + typical * tallies[lever].open),)
