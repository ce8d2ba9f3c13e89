"""All that a reading and the figures are drawn from, worked out once from a history."""

from __future__ import annotations

from dataclasses import dataclass

from luthier.core.history import History
from luthier.core.trial import Trial
from luthier.report.advice import Advice, advise
from luthier.report.bill import Bill, bill_of
from luthier.report.forecast import Forecast, forecast_best
from luthier.report.importance import Importance, importance_of
from luthier.report.observations import Observations, observations_of
from luthier.report.progress import Progress, progress_of


@dataclass(frozen=True)
class Facts:
    """A study as its page sees it. `best` is the winner, before the end the incumbent; None before a baseline."""

    history: History
    bill: Bill
    advice: Advice
    observations: Observations
    progress: Progress
    importance: Importance | None
    forecast: Forecast | None

    @property
    def best(self) -> Trial | None:
        """The trial that the study holds for its best."""
        return None if self.bill.winner is None else self.history.trials[self.bill.winner]

    @property
    def ranked(self) -> list[Trial]:
        """The comparable trials, the best value first."""
        sign = self.history.metric.sign
        return sorted(self.observations.trials, key=lambda trial: (-sign * (trial.value or 0.0), trial.id))


def facts_of(history: History) -> Facts:
    """The facts of a history as it now stands."""
    bill, observations, progress = bill_of(history), observations_of(history), progress_of(history)
    values = [step.value for step in progress.steps]
    return Facts(
        history,
        bill,
        advise(bill),
        observations,
        progress,
        importance_of(observations),
        forecast_best(values, history.metric.sign, len(values)),
    )
