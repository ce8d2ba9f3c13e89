"""The pace of a study: how its budget is parted among search, confirmation and the final fits and test.

What the end needs is set aside before the search starts. Counted ceilings (calls, tokens, dollars) are parted
by a fixed share; time by what the trials so far have shown that confirming and fitting takes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from luthier.core.cost import NOTHING, Cost
from luthier.core.history import History
from luthier.core.trial import Trial
from luthier.study.problem import Problem

COUNTED = ("calls", "tokens", "usd_micros")
RESERVED_SHARE = 0.25
"""Of each counted ceiling, what is kept for confirmation and test."""
FINAL_SHARE = 0.5
"""Of that, what is kept for the final fits and the test while the best are confirmed."""
END = "confirmation and test"
FINAL = "final fits and test"
"""Who holds these parts in the ledger."""
MOST_TIME_RESERVED = 0.5
"""Of the time ceiling, the most that is kept for confirmation and test, however slow the best trials are."""
SAFETY = 1.4
"""How much longer than estimated the confirmations may take before the time ceiling cuts them off."""
FINAL_SAFETY = 2.0
"""The same for the final fits: without them there is no verdict, and the machine may be busier by then."""
FIXED_SECONDS = 2.0
"""Predicting and testing, beyond the fits themselves."""
OVERTIME_SECONDS = 1.0
"""By how much predicting may pass the time ceiling: once the test is opened, a verdict a moment late beats none."""
STORING_SECONDS = 1.0
"""Storing a fitted model."""


@dataclass(frozen=True)
class Pace:
    """Pure functions of a problem and its history; times are elapsed seconds of the study."""

    problem: Problem
    workers: int

    @property
    def counted(self) -> list[str]:
        """The counted ceilings that the budget has."""
        return [name for name in COUNTED if getattr(self.problem.budget, name) is not None]

    @property
    def hard_stop(self) -> float:
        """When the time ceiling is reached; infinite without one."""
        return math.inf if self.problem.budget.seconds is None else self.problem.budget.seconds

    @property
    def predict_until(self) -> float:
        """When the held-out rows must have been predicted."""
        return self.hard_stop + OVERTIME_SECONDS

    @property
    def fit_until(self) -> float:
        """When the final fits must be over, so that the test can be predicted and scored in time."""
        return self.hard_stop - FIXED_SECONDS / 2

    def confirm_until(self, history: History) -> float:
        """When the confirmations must be over, so that the final fits can be made."""
        if math.isinf(self.hard_stop):
            return math.inf
        return self.hard_stop - min(self._final_seconds(history), self.hard_stop * MOST_TIME_RESERVED / 2)

    def search_until(self, history: History) -> float:
        """When the search must be over, so that the best can be confirmed and fitted."""
        if math.isinf(self.hard_stop):
            return math.inf
        needed = self._final_seconds(history) + self._confirm_seconds(history)
        return self.hard_stop - min(needed, self.hard_stop * MOST_TIME_RESERVED)

    def share_used(self, history: History, elapsed: float) -> float:
        """The share in [0, 1] of the search's part of the budget that is gone."""
        budget, ledger = self.problem.budget, history.ledger
        shares = [0.0]
        if budget.seconds is not None:
            shares.append(elapsed / self.search_until(history))
        if budget.trials is not None:
            shares.append(ledger.committed.trials / budget.trials)
        kept = self.set_aside()
        for name in self.counted:
            # What running grants hold is far more than most of them take.
            searched = getattr(budget, name) - getattr(kept, name)
            shares.append(getattr(ledger.spent, name) / searched)
        return min(1.0, max(shares))

    def reservation(self, history: History, free: int, units: int = 1) -> Cost:
        """The bound to set aside for a grant of `units` more: a fair part of what is left of each counted ceiling.

        No less than what the dearest trial so far took for as many units: a grant that would be cut short isn't
        worth starting. And at least one of each, so that a ceiling that is used up is found lacking.
        """
        amounts = {"trials": 1}
        for name in self.counted:
            left = int(history.ledger.left(name) or 0)
            amounts[name] = max(1, left // max(1, free), self._dearest(history, name, units))
        return Cost(**amounts)

    def set_aside(self) -> Cost:
        """What is reserved of the counted ceilings for confirmation and test, before the search starts."""
        return self._part(RESERVED_SHARE)

    def set_aside_for_the_test(self) -> Cost:
        """What of it is still reserved while the best are confirmed."""
        return self._part(RESERVED_SHARE * FINAL_SHARE)

    def left(self, history: History, owner: str) -> Cost:
        """What is left of the counted ceilings, with what `owner` holds of them."""
        held = history.ledger.reserved.get(owner, NOTHING)
        return Cost(**{name: int(history.ledger.left(name) or 0) + getattr(held, name) for name in self.counted})

    def _part(self, share: float) -> Cost:
        if self.problem.rows is None:
            return Cost()
        return Cost(**{name: int(getattr(self.problem.budget, name) * share) for name in self.counted})

    def _dearest(self, history: History, name: str, units: int) -> int:
        per_unit = (getattr(trial.cost, name) / trial.fidelity for trial in history.trials if trial.measurements)
        return math.ceil(units * max(per_unit, default=0))

    def final_fit_seconds(self, trial: Trial) -> float:
        """About how long one fit of the trial's config on all development rows takes."""
        fidelity = self.problem.stage.fidelity
        per_unit = trial.cost.seconds / max(1, trial.fidelity)
        if not fidelity.cumulative:
            return per_unit * fidelity.maximum
        folds = fidelity.maximum
        return per_unit * folds / max(1, folds - 1)

    def _final_seconds(self, history: History) -> float:
        """For the whole final set: baseline, winner, and the winner with each lever put back.

        And for new workers, since those whose grants the end of a phase cuts off are ended with them.
        """
        if self.problem.rows is None:
            return 0.0
        rounds = math.ceil((len(self.problem.levers) + 2) / self.workers)
        slowest = max((self.final_fit_seconds(trial) for trial in self._leading(history)), default=0.0)
        fits = rounds * (FINAL_SAFETY * slowest + STORING_SECONDS)
        return FINAL_SAFETY * history.starting_seconds + fits + FIXED_SECONDS

    def _confirm_seconds(self, history: History) -> float:
        """For new workers, and for measuring the best few and the baseline again at the highest fidelity."""
        if self.problem.rows is None or self.problem.confirm == 0:
            return 0.0
        rounds = math.ceil((self.problem.confirm + 1) / self.workers)
        maximum = self.problem.stage.fidelity.maximum
        slowest = max(
            (trial.cost.seconds * maximum / max(1, trial.fidelity) for trial in self._leading(history)), default=0.0
        )
        return SAFETY * (history.starting_seconds + rounds * slowest)

    def _leading(self, history: History) -> list[Trial]:
        """The baseline and the trials that the study has held for its best of late."""
        latest = [history.trials[event.trial] for event in history.incumbents[-3:]]
        baseline = history.baseline
        return [trial for trial in [baseline, *latest] if trial is not None and trial.measurements]
