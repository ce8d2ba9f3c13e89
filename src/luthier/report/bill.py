"""The bill of a study: what each lever cost and gained, what else was paid for, and the sum.

Time is counted twice. `Charge.cost.seconds` are worker-seconds; `Charge.seconds` is the row's share, in
proportion to worker-seconds, of the wall seconds that the study ran. The latter add up to what a person waited.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from luthier.core.budget import Budget
from luthier.core.config import Config
from luthier.core.cost import NOTHING, Cost, total
from luthier.core.history import History
from luthier.core.metric import Metric
from luthier.core.trial import Purpose, Status, Trial
from luthier.core.verdict import Gain, Verdict
from luthier.report.changes import Change, changes_between
from luthier.report.credit import JOINT, validation_credits
from luthier.report.failures import FailureGroup, failure_groups

BASELINE = "baseline"
CONFIRMATION = "confirmation"
FINAL = "final test"
THINKING = "planning"


class Evidence(StrEnum):
    """What the numbers rest on.

    NOTHING      no baseline value yet
    VALIDATION   rows that the search looked at; the held-out test, if there is one, wasn't opened
    UNHELD       a finished study without rows to hold out, such as one over a plain function
    HELD_OUT     rows that nothing saw before
    """

    NOTHING = "nothing"
    VALIDATION = "validation"
    UNHELD = "nothing held out"
    HELD_OUT = "held-out"


class Outcome(StrEnum):
    """What is known of a lever.

    HELPED       its gain is significant
    HURT         its loss is significant
    UNPROVEN     its gain can't be told from noise
    UNCHANGED    the winner has it as the baseline did
    UNTESTED     it was changed, but not tested by itself
    """

    HELPED = "helped"
    HURT = "hurt"
    UNPROVEN = "unproven"
    UNCHANGED = "unchanged"
    UNTESTED = "untested"


@dataclass(frozen=True, slots=True)
class Charge:
    """One row of the bill. `cost` is what workers spent, `seconds` the row's share of the wall time.

    `trials` are those that the budget counts: configs, however often they were measured again to confirm them.
    """

    name: str
    cost: Cost = NOTHING
    seconds: float = 0.0
    trials: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class LeverBill:
    """A lever's row. `tested` is what the winner loses with the lever put back, `promised` its credit on validation."""

    charge: Charge
    outcome: Outcome
    changes: tuple[Change, ...] = ()
    tested: Gain | None = None
    promised: float | None = None

    @property
    def name(self) -> str:
        """The lever's name."""
        return self.charge.name

    @property
    def gain(self) -> float | None:
        """In the metric's unit, positive is better: as tested; exactly 0 for a lever left as it was; else None."""
        if self.outcome is Outcome.UNCHANGED:
            return 0.0
        return self.tested.gain if self.tested else None

    @property
    def gain_per_minute(self) -> float | None:
        """`gain` per minute of the row's share of the wall time; None where either is unknown or nothing was spent."""
        return per_minute(self.gain, self.charge.seconds)


@dataclass(frozen=True, slots=True)
class Search:
    """How the search went: trials made by the searcher, and the winner's place among them.

    `made` counts all, `valued` those with a value. `winner_at` counts from 1; None where the baseline is the
    winner or nothing is.
    """

    made: int = 0
    valued: int = 0
    failed: int = 0
    winner_at: int | None = None
    failures: tuple[FailureGroup, ...] = ()


@dataclass(frozen=True, slots=True)
class Bill:
    """All that the final screen says, in numbers. Scores are in the metric's unit, as the metric counts them."""

    metric: Metric
    evidence: Evidence
    budget: Budget
    levers: tuple[LeverBill, ...]
    others: tuple[Charge, ...]
    total: Charge
    search: Search
    verdict: Verdict | None = None
    baseline_validation: float | None = None
    winner_validation: float | None = None
    promised_jointly: float | None = None
    winner: int | None = None
    artifact: str | None = None
    is_running: bool = False
    closed_because: str | None = None

    @property
    def baseline_score(self) -> float | None:
        """The baseline's score on the best evidence there is."""
        return self.verdict.baseline_score if self.verdict else self.baseline_validation

    @property
    def winner_score(self) -> float | None:
        """The winner's score on the best evidence there is; before a verdict the incumbent's."""
        return self.verdict.winner_score if self.verdict else self.winner_validation

    @property
    def gain(self) -> float | None:
        """The winner over the baseline on the best evidence there is; positive is better."""
        if self.verdict and self.verdict.overall:
            return self.verdict.overall.gain
        return _gain(self.metric, self.winner_score, self.baseline_score)

    @property
    def promised(self) -> float | None:
        """What validation said of the same gain."""
        return _gain(self.metric, self.winner_validation, self.baseline_validation)

    @property
    def gain_per_minute(self) -> float | None:
        """`gain` per minute of wall time."""
        return per_minute(self.gain, self.total.seconds)

    @property
    def is_significant(self) -> bool:
        """Whether the winner is better than the baseline by more than noise."""
        return bool(self.verdict and self.verdict.overall and self.verdict.overall.is_significant)

    @property
    def is_tested(self) -> bool:
        """Whether the winner was compared with the baseline by a test, and its gain has an interval."""
        return self.verdict is not None and self.verdict.overall is not None

    @property
    def is_baseline_kept(self) -> bool:
        """Whether nothing that was found differs from the baseline."""
        return all(lever.outcome is Outcome.UNCHANGED for lever in self.levers)

    def with_outcome(self, outcome: Outcome) -> list[LeverBill]:
        """The levers of which `outcome` is known."""
        return [lever for lever in self.levers if lever.outcome is outcome]


def per_minute(gain: float | None, seconds: float) -> float | None:
    """`gain` per 60 `seconds`; None where there is no gain or no time."""
    return None if gain is None or seconds <= 0 else gain / (seconds / 60)


def bill_of(history: History) -> Bill:
    """The bill as the history now stands; before a verdict it rests on validation and says so."""
    charges = _charges(history)
    verdict = history.concluded.verdict if history.concluded else None
    baseline, winner = history.baseline, _winner(history)
    baseline_validation = baseline.value if baseline else None
    winner_validation = history.incumbents[-1].mean if history.incumbents else None
    if verdict:
        baseline_validation, winner_validation = verdict.baseline_validation, verdict.winner_validation
    return Bill(
        history.metric,
        _evidence(verdict, baseline_validation),
        history.ledger.budget,
        _lever_bills(history, charges, verdict, _baseline_config(history), _winner_config(history)),
        tuple(
            charge for name, charge in charges.items() if name not in history.levers and (charge.cost or charge.trials)
        ),
        _sum(history),
        _search(history, winner),
        verdict,
        baseline_validation,
        winner_validation,
        validation_credits(history).get(JOINT),
        winner.id if winner else None,
        history.concluded.artifact if history.concluded else None,
        history.is_open and history.concluded is None,
        history.closed_because,
    )


def heading(trial: Trial, levers: tuple[str, ...]) -> str:
    """The row that a trial is charged to: its lever's, where only one was free."""
    if trial.purpose is Purpose.BASELINE:
        return BASELINE
    if trial.purpose is Purpose.CONFIRMATION:
        return CONFIRMATION
    free = trial.levers or levers
    return free[0] if len(free) == 1 else JOINT


def owner_heading(owner: str) -> str:
    """The row that what is no trial is charged to, by the name under which the study paid for it."""
    name = owner.lower()
    if name.startswith("confirm"):
        return CONFIRMATION
    if name.startswith(("final", "test")):
        return FINAL
    return THINKING


def _charges(history: History) -> dict[str, Charge]:
    levers = tuple(history.levers)
    names = [*levers, JOINT, THINKING, BASELINE, CONFIRMATION, FINAL]
    trials: dict[str, list[Trial]] = {name: [] for name in names}
    costs: dict[str, list[Cost]] = {name: [] for name in names}
    for trial in history.trials:
        name = heading(trial, levers)
        trials.setdefault(name, []).append(trial)
        costs.setdefault(name, []).append(trial.cost)
    for owner, cost in history.spent_by.items():
        costs[owner_heading(owner)].append(cost)
    per_worker_second = _wall_share(history)
    return {
        name: Charge(
            name,
            cost := total(paid),
            cost.seconds * per_worker_second,
            0 if name == CONFIRMATION else len(trials[name]),
            sum(trial.status is Status.FAILED for trial in trials[name]),
        )
        for name, paid in costs.items()
    }


def _wall_share(history: History) -> float:
    """Wall seconds per worker-second; 1 where either is unknown."""
    spent = history.ledger.spent.seconds
    return history.ledger.elapsed / spent if spent > 0 and history.ledger.elapsed > 0 else 1.0


def _sum(history: History) -> Charge:
    spent = history.ledger.spent
    failed = len(history.with_status(Status.FAILED))
    trials = sum(trial.purpose is not Purpose.CONFIRMATION for trial in history.trials)
    return Charge("total", spent, history.ledger.elapsed or spent.seconds, trials, failed)


def _winner(history: History) -> Trial | None:
    return history.trials[history.concluded.winner] if history.concluded else history.incumbent


def _baseline_config(history: History) -> Config | None:
    if history.final_set and "baseline" in history.final_set.members:
        return history.final_set.members["baseline"]
    return history.baseline.config if history.baseline else None


def _winner_config(history: History) -> Config | None:
    if history.concluded and history.final_set and "winner" in history.final_set.members:
        return history.final_set.members["winner"]
    winner = _winner(history)
    return winner.config if winner else None


def _evidence(verdict: Verdict | None, baseline_validation: float | None) -> Evidence:
    if verdict:
        return Evidence.HELD_OUT if verdict.rows else Evidence.UNHELD
    return Evidence.NOTHING if baseline_validation is None else Evidence.VALIDATION


def _lever_bills(
    history: History,
    charges: dict[str, Charge],
    verdict: Verdict | None,
    before: Config | None,
    after: Config | None,
) -> tuple[LeverBill, ...]:
    changes = changes_between(before, after) if before is not None and after is not None else ()
    tested = {gain.against: gain for gain in verdict.by_lever} if verdict else {}
    moved = {change.lever for change in changes}
    if verdict and verdict.overall and len(moved) == 1:
        # The winner with its one changed lever put back is the baseline.
        tested.setdefault(min(moved), verdict.overall)
    promised = validation_credits(history)
    bills: list[LeverBill] = []
    for name in history.levers:
        own = tuple(change for change in changes if change.lever == name)
        gain = tested.get(name) if own else None
        bills.append(LeverBill(charges[name], _outcome(own, gain), own, gain, promised.get(name)))
    return tuple(bills)


def _outcome(changes: tuple[Change, ...], gain: Gain | None) -> Outcome:
    if not changes:
        return Outcome.UNCHANGED
    if gain is None:
        return Outcome.UNTESTED
    if gain.is_significant:
        return Outcome.HELPED
    return Outcome.HURT if gain.high < 0 and gain.p_adjusted < 0.05 else Outcome.UNPROVEN


def _search(history: History, winner: Trial | None) -> Search:
    searched = [trial for trial in history.trials if trial.purpose is Purpose.SEARCH]
    valued = [trial for trial in searched if trial.value is not None]
    places = {trial.id: place for place, trial in enumerate(searched, start=1)}
    chosen = None if winner is None else winner.id if winner.confirms is None else winner.confirms
    return Search(
        len(searched),
        len(valued),
        sum(trial.status is Status.FAILED for trial in searched),
        places.get(chosen) if chosen is not None else None,
        failure_groups(history.trials),
    )


def _gain(metric: Metric, score: float | None, reference: float | None) -> float | None:
    return None if score is None or reference is None else metric.gain(score, reference)
