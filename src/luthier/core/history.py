"""The history of a study: the fold of its events. Live state and the fold from disk are the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from luthier.core.budget import Budget, Ledger
from luthier.core.changed import changed
from luthier.core.config import Config
from luthier.core.cost import NOTHING, Cost
from luthier.core.errors import StoreError
from luthier.core.events import (
    Answered,
    BudgetChanged,
    BudgetReserved,
    BudgetSettled,
    Event,
    FinalSetFrozen,
    GrantEnded,
    Heartbeat,
    IncumbentChosen,
    SearcherSaved,
    SessionClosed,
    SessionOpened,
    StudyConcluded,
    StudyCreated,
    TestOpened,
    TrialMeasured,
    TrialResumed,
    TrialRetried,
    TrialStarted,
    collector_paused,
)
from luthier.core.lever import DRAWN_LEVER
from luthier.core.metric import Metric
from luthier.core.parameter import Value
from luthier.core.trial import Measurement, Purpose, Status, Trial


@dataclass(slots=True)
class Tally:
    """Of the search's trials with the same levers free: how many, how many are open, and what grants have cost.

    Only the fold changes it, in place: a new one for each event would take a tenth of the time of opening a study.
    """

    trials: int = 0
    open: int = 0
    cost: Cost = NOTHING


@dataclass
class History:
    """All that is known of one study. Grows by `apply`; nothing else changes it.

    `seq` counts the events applied. `budget`, `spent`, `reserved` and `elapsed` make up the `ledger`, which is drawn up
    when it is asked for: a new one for each event would take a tenth of the time of opening a study.
    `trials[i].id == i`. `checkpointed` holds, by trial, the fidelity at which its checkpoint was saved: a crash may
    have left later measurements, whose state is lost. `incumbents` lists, in order, what the study held for its best
    config. `starting_seconds` is how much longer the baseline's last grant took than its cost says: getting a worker
    ready. `grown` holds settings that define-by-run functions asked for, `spent_by` what was spent on anything but
    trials, by owner: thinking up proposals, the final fits. `tallies` sums trials up by free levers.
    """

    created: StudyCreated
    budget: Budget
    spent: Cost = NOTHING
    reserved: dict[str, Cost] = field(default_factory=dict[str, Cost])
    elapsed: float = 0.0
    seq: int = 1
    trials: list[Trial] = field(default_factory=list[Trial])
    baseline_id: int | None = None
    baseline_granted: float = 0.0
    starting_seconds: float = 0.0
    checkpointed: dict[int, int] = field(default_factory=dict[int, int])
    incumbents: list[IncumbentChosen] = field(default_factory=list[IncumbentChosen])
    spent_by: dict[str, Cost] = field(default_factory=dict[str, Cost])
    tallies: dict[tuple[str, ...], Tally] = field(default_factory=dict[tuple[str, ...], "Tally"])
    grown: dict[str, Any] = field(default_factory=dict[str, Any])
    snapshot: Mapping[str, Any] | None = None
    answers: dict[str, str] = field(default_factory=dict[str, str])
    final_set: FinalSetFrozen | None = None
    openings: list[TestOpened] = field(default_factory=list[TestOpened])
    concluded: StudyConcluded | None = None
    sessions: list[SessionOpened] = field(default_factory=list[SessionOpened])
    is_open: bool = False
    closed_because: str | None = None

    @staticmethod
    def of(events: Iterable[Event]) -> History:
        """The fold of `events`, whose first must be StudyCreated."""
        iterator = iter(events)
        first = next(iterator, None)
        if not isinstance(first, StudyCreated):
            raise StoreError(f"a study's first event must be its creation; got {type(first).__name__}")
        history = History(created=first, budget=first.budget)
        with collector_paused():
            for event in iterator:
                history.apply(event)
        return history

    def apply(self, event: Event) -> None:
        """Take one more event in."""
        _APPLY[type(event)](self, event)
        self.seq += 1
        if event.elapsed > self.elapsed:
            self.elapsed = event.elapsed

    @property
    def ledger(self) -> Ledger:
        """What was spent and is reserved, under the ceilings of the budget, as it stands now."""
        return Ledger(self.budget, self.spent, dict(self.reserved), self.elapsed)

    @property
    def metric(self) -> Metric:
        """The study's metric."""
        return self.created.metric

    @property
    def levers(self) -> dict[str, dict[str, Any]]:
        """Each lever's settings as a task file writes them, with those that define-by-run functions asked for."""
        levers = {name: dict(settings) for name, settings in self.created.levers.items()}
        if self.grown:
            levers[DRAWN_LEVER] = {**self.grown, **levers.get(DRAWN_LEVER, {})}
        return levers

    @property
    def incumbent(self) -> Trial | None:
        """The trial with the best posterior mean, by the study's latest choice."""
        return self.trials[self.incumbents[-1].trial] if self.incumbents else None

    @property
    def baseline(self) -> Trial | None:
        """The trial that measures the config that the user started from."""
        return None if self.baseline_id is None else self.trials[self.baseline_id]

    @property
    def searched(self) -> Sequence[Trial]:
        """The trials that a searcher knows of: the baseline and its own, not the confirmations."""
        return [trial for trial in self.trials if trial.purpose is not Purpose.CONFIRMATION]

    @property
    def comparable(self) -> list[Trial]:
        """The trials, in order of id, whose values may be set against each other; the best is one of them.

        None that failed, whatever it showed before. Where a model itself changes with fidelity (epochs), only those
        that came as far as the farthest: what half a training shows isn't what all of it would.
        """
        measured = [one for one in self.searched if one.value is not None and one.status is not Status.FAILED]
        if self.created.fidelity.cumulative:
            return measured
        farthest = max((trial.fidelity for trial in measured), default=0)
        return [trial for trial in measured if trial.fidelity == farthest]

    def with_status(self, *statuses: Status) -> list[Trial]:
        """The trials that stand at one of `statuses`."""
        return [trial for trial in self.trials if trial.status in statuses]

    def tally(self, levers: Sequence[str]) -> Tally:
        """What the search has done so far with exactly `levers` free."""
        return self.tallies.get(tuple(levers), Tally())


_NEW = Trial(0, Config({}))


def _owner(trial: int) -> str:
    return f"trial {trial}"


def _settle(history: History, owner: str, actual: Cost) -> None:
    history.reserved.pop(owner, None)
    history.spent += actual


def _session_opened(history: History, event: SessionOpened) -> None:
    history.sessions.append(event)
    history.is_open, history.closed_because = True, None
    for trial in history.trials:
        if trial.status is Status.RUNNING:
            history.trials[trial.id] = changed(trial, status=Status.INTERRUPTED)


def _session_closed(history: History, event: SessionClosed) -> None:
    history.is_open, history.closed_because = False, event.reason


def _heartbeat(history: History, event: Heartbeat) -> None:
    pass


def _budget_changed(history: History, event: BudgetChanged) -> None:
    history.budget = event.budget


def _trial_started(history: History, event: TrialStarted) -> None:
    if event.trial != len(history.trials):
        raise StoreError(f"trial ids count without gaps: expected {len(history.trials)}, got {event.trial}")
    history.reserved[_owner(event.trial)] = event.reserved
    history.trials.append(
        changed(
            _NEW,
            id=event.trial,
            config=event.config,
            purpose=event.purpose,
            until=event.until,
            levers=event.levers,
            seed=event.seed,
            why=event.why,
            confirms=event.confirms,
        )
    )
    if event.purpose is Purpose.BASELINE and history.baseline_id is None:
        history.baseline_id, history.baseline_granted = event.trial, event.elapsed
    if event.purpose is Purpose.SEARCH:
        tally = history.tallies.setdefault(event.levers, Tally())
        tally.trials += 1
        tally.open += 1


def _trial_resumed(history: History, event: TrialResumed) -> None:
    trial = history.trials[event.trial]
    if trial.status is not Status.INTERRUPTED:
        history.reserved[_owner(event.trial)] = event.reserved
        if trial.purpose is Purpose.SEARCH:
            history.tallies[trial.levers].open += 1
    if event.trial == history.baseline_id:
        history.baseline_granted = event.elapsed
    history.trials[event.trial] = changed(trial, status=Status.RUNNING, until=event.until)


def _trial_measured(history: History, event: TrialMeasured) -> None:
    trial = history.trials[event.trial]
    kept = trial.measurements
    if event.measurement.fidelity <= trial.fidelity:
        kept = tuple(m for m in kept if m.fidelity < event.measurement.fidelity)
    config = _with_drawn(history, trial, event.measurement) if event.measurement.drawn else trial.config
    history.trials[event.trial] = changed(trial, config=config, measurements=(*kept, event.measurement))


def _with_drawn(history: History, trial: Trial, measurement: Measurement) -> Config:
    """The trial's config with the settings that its stage drew; the study's levers grow by those never seen."""
    values: dict[str, Value] = dict(trial.config)
    for name, drawn in measurement.drawn.items():
        history.grown.setdefault(name, drawn["parameter"])
        value = drawn["value"]
        values[f"{DRAWN_LEVER}.{name}"] = tuple(value) if isinstance(value, list) else value  # pyright: ignore[reportUnknownArgumentType]
    return Config(values)


def _trial_retried(history: History, event: TrialRetried) -> None:
    trial = history.trials[event.trial]
    history.trials[event.trial] = changed(trial, retries=trial.retries + 1)


def _grant_ended(history: History, event: GrantEnded) -> None:
    trial = history.trials[event.trial]
    _settle(history, _owner(event.trial), event.cost)
    history.trials[event.trial] = changed(
        trial,
        status=event.status,
        cost=trial.cost + event.cost if trial.cost is not NOTHING else event.cost,
        checkpoint=event.checkpoint,
        artifact=event.artifact or trial.artifact,
        failure=event.failure,
    )
    if event.trial == history.baseline_id:
        history.starting_seconds = max(0.0, event.elapsed - history.baseline_granted - event.cost.seconds)
    if event.checkpoint is not None:
        history.checkpointed[event.trial] = trial.fidelity
    if trial.purpose is Purpose.SEARCH:
        tally = history.tallies[trial.levers]
        tally.open -= 1
        tally.cost += event.cost


def _budget_reserved(history: History, event: BudgetReserved) -> None:
    history.reserved[event.owner] = event.amount


def _budget_settled(history: History, event: BudgetSettled) -> None:
    _settle(history, event.owner, event.amount)
    history.spent_by[event.owner] = history.spent_by.get(event.owner, NOTHING) + event.amount


def _incumbent_chosen(history: History, event: IncumbentChosen) -> None:
    history.incumbents.append(event)


def _searcher_saved(history: History, event: SearcherSaved) -> None:
    history.snapshot = event.snapshot


def _answered(history: History, event: Answered) -> None:
    history.answers[event.question] = event.answer


def _final_set_frozen(history: History, event: FinalSetFrozen) -> None:
    history.final_set = event


def _test_opened(history: History, event: TestOpened) -> None:
    history.openings.append(event)


def _study_concluded(history: History, event: StudyConcluded) -> None:
    history.concluded = event


_APPLY: dict[type[Event], Any] = {
    SessionOpened: _session_opened,
    SessionClosed: _session_closed,
    Heartbeat: _heartbeat,
    BudgetChanged: _budget_changed,
    TrialStarted: _trial_started,
    TrialResumed: _trial_resumed,
    TrialMeasured: _trial_measured,
    TrialRetried: _trial_retried,
    GrantEnded: _grant_ended,
    BudgetReserved: _budget_reserved,
    BudgetSettled: _budget_settled,
    IncumbentChosen: _incumbent_chosen,
    SearcherSaved: _searcher_saved,
    Answered: _answered,
    FinalSetFrozen: _final_set_frozen,
    TestOpened: _test_opened,
    StudyConcluded: _study_concluded,
}
