"""A study that the user drives: ask for a trial, measure it however you like, tell its value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from luthier.core.budget import Budget
from luthier.core.cost import Cost
from luthier.core.errors import BudgetExceeded, UsageError
from luthier.core.events import GrantEnded, IncumbentChosen, StudyCreated, TrialMeasured, TrialStarted
from luthier.core.history import History
from luthier.core.lever import Lever, joint_space
from luthier.core.metric import Metric
from luthier.core.seeds import derive_seed
from luthier.core.trial import Failure, Measurement, Start, Status, Trial
from luthier.study.home import Home
from luthier.study.journal import Journal
from luthier.study.problem import MakeSearcher
from luthier.study.standing import challenges, standings

ONE_TRIAL = Cost(trials=1)

UNBOUNDED = Budget(trials=10**9)
"""What the user drives, the user ends."""


class AskTell:
    """Ask and tell over a stored study; made by `lt.ask_tell`. Both are committed when they return.

        with lt.ask_tell({"settings": {"x": lt.Float(-1, 1)}}, metric=lt.Metric("loss", "minimize")) as study:
            trial = study.ask()
            study.tell(trial, loss(trial.config["settings.x"]))

    The first trial asked for is the baseline. Trials that were asked for but never told stay open; they are
    `open_trials` when the study is taken up again.
    """

    def __init__(
        self,
        name: str,
        home: Home,
        metric: Metric,
        levers: tuple[Lever, ...],
        make_searcher: MakeSearcher,
        *,
        budget: Budget = UNBOUNDED,
        seed: int = 0,
        resume: bool = False,
    ) -> None:
        self.name = name
        self.space = joint_space(levers)
        self._home = home
        if resume:
            self._journal = Journal.resume(home.store, name, home.writer, home.clock)
        else:
            described = {lever.name: lever.to_json() for lever in levers}
            created = StudyCreated(metric=metric, levers=described, budget=budget, seed=seed)
            self._journal = Journal.create(home.store, name, created, home.writer, home.clock)
        self._searcher = make_searcher(self.space)
        for trial in self.history.trials:
            self._searcher.tell(trial)

    @property
    def history(self) -> History:
        """Everything that happened so far."""
        return self._journal.history

    @property
    def _whole(self) -> int:
        """The fidelity of a value that is told: the highest, which is 1 but for studies that were taken over."""
        return self.history.created.fidelity.maximum

    @property
    def open_trials(self) -> list[Trial]:
        """The trials that were asked for and not yet told."""
        return self.history.with_status(Status.RUNNING, Status.INTERRUPTED)

    @property
    def best(self) -> Trial | None:
        """The trial with the best value so far."""
        return self.history.incumbent

    def ask(self) -> Trial:
        """A trial to measure. Raises BudgetExceeded where the budget has none left, or the space is exhausted."""
        return self.ask_many(1)[0]

    def ask_many(self, count: int) -> list[Trial]:
        """`count` different trials, asked for together: one commit for all of them."""
        if count < 1:
            raise UsageError(f"ask for at least one trial; got {count}")
        first = len(self.history.trials)
        grants = [Start(self.space.config())] if first == 0 else []
        if count > len(grants):
            asked = self._searcher.ask(count - len(grants), self.space)
            grants += [grant for grant in asked if isinstance(grant, Start)]
        if len(grants) < count:
            raise BudgetExceeded("every config of the space has been asked for; there is nothing left to try")
        for number, grant in enumerate(grants, start=first):
            lacking = self.history.ledger.lacking(ONE_TRIAL)
            if lacking is not None:
                raise BudgetExceeded(f"the budget ({self.history.ledger.budget}) has no {lacking} left")
            seed = derive_seed(self.history.created.seed, "search", number)
            self._journal.write(
                TrialStarted(
                    trial=number,
                    config=grant.config,
                    until=self._whole,
                    seed=seed,
                    why=dict(grant.why),
                    reserved=ONE_TRIAL,
                )
            )
            self._searcher.tell(self.history.trials[number])
        self._journal.beat()
        return self.history.trials[first:]

    def tell(
        self,
        trial: Trial | int,
        value: float | None,
        *,
        metrics: Mapping[str, float] | None = None,
        seconds: float = 0.0,
    ) -> Trial:
        """The trial with its value; None says that it failed. `seconds` is what measuring it took.

        Raises UsageError for a trial that was told before.
        """
        number = trial if isinstance(trial, int) else trial.id
        if not 0 <= number < len(self.history.trials) or not self.history.trials[number].status.is_open:
            raise UsageError(f"trial {number} isn't open: it was never asked for, or was told before")
        cost = Cost(seconds=seconds, trials=1) if seconds else ONE_TRIAL
        if value is None:
            failure = Failure("told as failed", "its value was told as None")
            self._journal.write(GrantEnded(trial=number, status=Status.FAILED, cost=cost, failure=failure))
        else:
            self._journal.write(
                TrialMeasured(trial=number, measurement=Measurement(self._whole, value, metrics=metrics or {})),
                GrantEnded(trial=number, status=Status.COMPLETED, cost=cost),
            )
        told = self.history.trials[number]
        self._searcher.tell(told)
        if challenges(self.history, told):
            best = standings(self.history)[0]
            self._journal.write(IncumbentChosen(trial=best.trial.id, mean=best.mean, deviation=best.deviation))
        self._journal.beat()
        return told

    def close(self) -> None:
        """End the session and give the lease back; the study can be taken up again."""
        self._journal.close("closed")

    def __enter__(self) -> AskTell:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()
