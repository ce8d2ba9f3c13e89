"""The one loop: levers are chosen, grants asked for, reserved, run, measured, pruned, told.

`Loop.search` measures the baseline and spends the search's part of the budget, `Loop.confirm` measures the best again
on fresh folds; the final test comes after (see `final`). Each phase can be taken up again after a crash, because
everything it needs is in the history.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from luthier.core.contracts import (
    Artifacts,
    Evaluate,
    Failed,
    Finished,
    Message,
    Retrying,
    Runner,
    Searcher,
    Task,
    View,
    Yielded,
)
from luthier.core.cost import NOTHING, Cost, less, total
from luthier.core.errors import RunError, StageError, StoreError
from luthier.core.events import (
    BudgetReserved,
    BudgetSettled,
    GrantEnded,
    IncumbentChosen,
    SearcherSaved,
    TrialMeasured,
    TrialResumed,
    TrialRetried,
    TrialStarted,
)
from luthier.core.history import History
from luthier.core.lever import Lever, free_only, joint_space, lever_names
from luthier.core.parameter import parameter_from_json
from luthier.core.seeds import derive_seed
from luthier.core.space import Space
from luthier.core.trial import Failure, Grant, Purpose, Start, Status, Trial
from luthier.study.journal import Journal
from luthier.study.pace import COUNTED, END, FINAL, Pace
from luthier.study.problem import Problem
from luthier.study.standing import challenges, standings

POLL_SECONDS = 0.5
CONFIRMATION_ROUND = 1
PLANNING = "planning"
THINKING_SECONDS = 1.0
"""Thinking up proposals is written down in portions of this size."""
MOST_FAILURES = 30
"""After so many search trials in a row without a measurement, more of them would teach nothing."""


@dataclass(frozen=True, slots=True)
class _Running:
    """A grant at work: its trial, when it was submitted, what an attempt before took, and whether it is the last."""

    trial: int
    since: float
    before: Cost = NOTHING
    again: bool = False


class Loop:
    """Runs a problem's trials through a runner and writes what happens into a journal.

    `notes` say what else is worth knowing of the search: that it ended early, and why.
    """

    def __init__(self, problem: Problem, journal: Journal, runner: Runner, artifacts: Artifacts) -> None:
        self.problem = problem
        self.journal = journal
        self.runner = runner
        self.artifacts = artifacts
        self.pace = Pace(problem, runner.free)
        self._running: dict[str, _Running] = {}
        self._grants = 0
        self._thinking = 0.0
        self._failures = 0
        self.notes: tuple[str, ...] = ()
        self._searcher: Searcher | None = None
        self._space = problem.space

    @property
    def history(self) -> History:
        return self.journal.history

    @property
    def levers(self) -> tuple[Lever, ...]:
        """The problem's levers, with the settings that define-by-run functions have asked for so far."""
        if not self.history.grown:
            return self.problem.levers
        return tuple(
            Lever(name, {setting: parameter_from_json(content) for setting, content in settings.items()})
            for name, settings in self.history.levers.items()
        )

    def search(self) -> None:
        """Measure the baseline, then spend the search's part of the budget."""
        self._set_aside_the_end()
        self._take_up_interrupted()
        if self.history.baseline is None:
            grant = Start(self.problem.baseline_config, self.problem.stage.fidelity.maximum)
            self._start(grant, Purpose.BASELINE, self._reservation(grant.until, free=1))
        while self.history.baseline is None or self.history.baseline.status.is_open:
            if self.journal.elapsed >= self.pace.hard_stop:
                raise RunError(
                    "the time was up before the baseline was measured; raise it by --budget, then go on by --resume"
                )
            self._step(self.pace.hard_stop)
        self._require_baseline()
        if any(trial.purpose is Purpose.CONFIRMATION for trial in self.history.trials):
            return
        if self.history.incumbent is None:  # grants that a crash cut off must not change the choice midway
            self._refresh_incumbent()
        self._searcher = self._told_searcher()
        exhausted = False
        while True:
            while not exhausted and self.runner.free > 0 and self._may_search():
                exhausted = not self._grant_next()
            if not self._running:
                self._note_why_it_ended(exhausted)
                return
            self._step(self.pace.search_until(self.history))
            exhausted = False

    def confirm(self) -> None:
        """Measure the best few, and the baseline, again on fresh folds, so that luck is seen for what it is."""
        if self.problem.rows is None or self.problem.confirm == 0:
            return
        baseline = self.history.baseline
        assert baseline is not None
        self._release_the_end()
        best = [one.trial for one in standings(self.history, confirmed=False) if one.trial.id != baseline.id]
        chosen = [*best[: self.problem.confirm], baseline] if best else []
        done = {trial.confirms for trial in self.history.trials if trial.purpose is Purpose.CONFIRMATION}
        waiting = [trial for trial in chosen if trial.id not in done]
        while waiting or self._running:
            may_start = self._may_confirm(len(waiting))
            while waiting and may_start and self.runner.free > 0:
                reserved, trial = self._for_confirming(len(waiting)), waiting.pop(0)
                grant = Start(trial.config, self.problem.stage.fidelity.maximum)
                self._start(grant, Purpose.CONFIRMATION, reserved, confirms=trial.id)
                may_start = self._may_confirm(len(waiting))
            if not may_start and not self._running:
                return
            self._step(self.pace.confirm_until(self.history))

    def _note_why_it_ended(self, exhausted: bool) -> None:
        in_time = self.journal.elapsed < self.pace.search_until(self.history)
        if exhausted and in_time and self._lacking(self._reservation(self.problem.stage.fidelity.maximum)) is None:
            self.notes = ("the search had nothing left to try, and ended before its budget was used up",)

    def abandon(self) -> None:
        """Cancel what runs; the trials stay open and are taken up when the study goes on."""
        for key in self._running:
            self.runner.cancel(key)
        self._running.clear()

    # -------------------------------------------------------------------------------------- granting

    def _may_search(self) -> bool:
        in_time = self.journal.elapsed < self.pace.search_until(self.history)
        return in_time and self._lacking(self._reservation()) in (None, "trials")

    def _may_confirm(self, waiting: int) -> bool:
        in_time = self.journal.elapsed < self.pace.confirm_until(self.history)
        return in_time and self._lacking(self._for_confirming(waiting)) is None

    def _for_confirming(self, waiting: int) -> Cost:
        """What to set aside for one of `waiting` confirmations; they count as no trials."""
        return replace(self._reservation(self.problem.stage.fidelity.maximum, free=waiting), trials=0)

    def _lacking(self, amount: Cost) -> str | None:
        return self.history.ledger.lacking(amount)

    def _grant_next(self) -> bool:
        """Let the allocator choose levers and the searcher a grant; False where nothing more can be granted.

        Where a lever has nothing left to try, all of them are set free. When no further trial may be started,
        paused ones may still be resumed.
        """
        history, problem = self.history, self.problem
        assert self._searcher is not None
        everything = lever_names(self._space)
        levers = everything
        if problem.levers:
            levers = problem.allocator.choose(history, self.pace.share_used(history, self.journal.elapsed))
        incumbent = history.incumbent
        held = incumbent.config if incumbent is not None else problem.baseline_config
        for free in (levers, everything):
            for grant in self._ask(self._searcher, free_only(self._space, free, held)):
                reserved = self._reservation_for(grant)
                if self._lacking(reserved) is None:
                    self._start_or_resume(grant, reserved, free)
                    return True
        return False

    def _ask(self, searcher: Searcher, within: Space) -> list[Grant]:
        """One grant, if there is one; the thinking is paid for, and the searcher's snapshot written where it is new."""
        before = self.journal.elapsed
        grants = searcher.ask(1, within)
        self._thinking += self.journal.elapsed - before
        if self._thinking >= THINKING_SECONDS:
            self.journal.write(BudgetSettled(owner=PLANNING, amount=Cost(seconds=self._thinking)))
            self._thinking = 0.0
        snapshot = searcher.snapshot()
        if snapshot is not None and snapshot != self.history.snapshot:
            self.journal.write(SearcherSaved(snapshot=snapshot))
        return grants

    def _start_or_resume(self, grant: Grant, reserved: Cost, levers: tuple[str, ...]) -> None:
        if isinstance(grant, Start):
            self._start(grant, Purpose.SEARCH, reserved, levers)
        else:
            self.journal.write(
                TrialResumed(trial=grant.trial, until=grant.until, why=dict(grant.why), reserved=reserved)
            )
            self._submit(self.history.trials[grant.trial], reserved)
        self._tell(self.history.trials[grant.trial] if not isinstance(grant, Start) else self.history.trials[-1])

    def _start(
        self,
        grant: Start,
        purpose: Purpose,
        reserved: Cost,
        levers: tuple[str, ...] = (),
        confirms: int | None = None,
    ) -> None:
        number = len(self.history.trials)
        seed_of = number if confirms is None else CONFIRMATION_ROUND
        self.journal.write(
            TrialStarted(
                trial=number,
                config=grant.config,
                until=grant.until,
                purpose=purpose,
                levers=levers,
                seed=derive_seed(self.problem.seed, purpose, seed_of),
                why=dict(grant.why),
                reserved=reserved,
                confirms=confirms,
            )
        )
        self._submit(self.history.trials[number], reserved)

    def _reservation(self, units: int = 1, free: int | None = None) -> Cost:
        return self.pace.reservation(self.history, self.runner.free if free is None else free, units)

    def _reservation_for(self, grant: Grant) -> Cost:
        """A resumed trial is no further one, and has the units behind it that it measured."""
        if isinstance(grant, Start):
            return self._reservation(grant.until)
        return replace(self._reservation(grant.until - self.history.trials[grant.trial].fidelity), trials=0)

    def _submit(self, trial: Trial, allowance: Cost, before: Cost = NOTHING, *, again: bool = False) -> None:
        """Let a worker measure `trial` to its grant's end, from its checkpoint, or from the start if that is lost."""
        pruner = self.problem.pruner if trial.purpose is Purpose.SEARCH else None
        self._grants += 1
        key = f"trial {trial.id} grant {self._grants}"
        checkpoint, saved_at = trial.checkpoint, self.history.checkpointed.get(trial.id, 0)
        if checkpoint is not None and not self.artifacts.has(checkpoint):
            checkpoint = None
        job = Evaluate(
            trial.config.by_setting(),
            trial.until,
            tuple(one for one in trial.measurements if checkpoint is not None and one.fidelity <= saved_at),
            checkpoint,
            pruner.decision_points(trial.until) if pruner is not None else (),
        )
        self.journal.flush()
        self.runner.submit(
            Task(
                key,
                job,
                self.problem.stage,
                self._views_for(trial),
                trial.seed,
                self.problem.limits,
                replace(allowance, trials=0),
            )
        )
        self._running[key] = _Running(trial.id, self.journal.elapsed, before, again)

    def _views_for(self, trial: Trial) -> tuple[View, ...]:
        rows = self.problem.rows
        if rows is None:
            return ()
        fresh = trial.purpose is Purpose.CONFIRMATION
        return rows.folds(derive_seed(self.problem.seed, "fresh folds") if fresh else rows.search_seed)

    # --------------------------------------------------------------------------------------- working

    def _step(self, deadline: float) -> None:
        """Take in what the workers report; end what runs past `deadline` (elapsed seconds)."""
        left = deadline - self.journal.elapsed
        if left <= 0:
            self._stop_running()
            return
        self.journal.beat()
        for message in self.runner.poll(min(POLL_SECONDS, left)):
            if message.key in self._running:
                self._take(message)

    def _take(self, message: Message) -> None:
        running = self._running[message.key]
        number = running.trial
        if isinstance(message, Yielded):
            known = len(self.history.grown)
            self.journal.write(TrialMeasured(trial=number, measurement=message.measurement))
            if len(self.history.grown) > known and self._searcher is not None:
                self._searcher = self._told_searcher()
            self._decide(message)
        elif isinstance(message, Retrying):
            self.journal.write(TrialRetried(trial=number, reason=message.reason))
        else:
            del self._running[message.key]
            if not (isinstance(message, Failed) and self._is_taken_up_again(running, message)):
                self._end(running, message)

    def _is_taken_up_again(self, running: _Running, failed: Failed) -> bool:
        """Whether the failure was of an artifact that was evicted or damaged: then the grant is tried once more.

        Raises StoreError for a failure that says nothing of the config; the trial stays open.
        """
        trial, kind = self.history.trials[running.trial], failed.failure.kind
        raise_if_of_the_store(f"trial {trial.id}", failed.failure)
        if kind != "MissingArtifact" or running.again:
            return False
        spent = failed.cost + running.before
        reserved = self.history.ledger.reserved.get(f"trial {trial.id}", NOTHING)
        if _is_used_up(reserved, spent):
            return False
        self._submit(trial, less(reserved, spent), spent, again=True)
        return True

    def _decide(self, message: Yielded) -> None:
        pruner = self.problem.pruner
        if not message.waiting or pruner is None:
            return
        trial = self.history.trials[self._running[message.key].trial]
        others = [other for other in self.history.searched if other.id != trial.id]
        self.journal.flush()
        self.runner.decide(message.key, pruner.decide(trial, others))

    def _end(self, running: _Running, message: Finished | Failed) -> None:
        number = running.trial
        trial = self.history.trials[number]
        cost = _counted(trial, message.cost + running.before)
        if isinstance(message, Failed):
            ended = GrantEnded(trial=number, status=Status.FAILED, cost=cost, failure=message.failure)
        else:
            status = _status(trial, message, self.problem.stage.fidelity.maximum)
            ended = GrantEnded(
                trial=number, status=status, cost=cost, checkpoint=message.checkpoint, artifact=message.artifact
            )
        self.journal.write(ended)
        self._tell(self.history.trials[number])
        if trial.purpose is not Purpose.CONFIRMATION and challenges(self.history, self.history.trials[number]):
            self._refresh_incumbent()
        if trial.purpose is Purpose.SEARCH:
            self._count_failures(self.history.trials[number])

    def _count_failures(self, ended: Trial) -> None:
        """Raise RunError where trials have only failed for long; those of earlier sessions don't count."""
        self._failures = self._failures + 1 if ended.status is Status.FAILED and ended.value is None else 0
        if self._failures >= MOST_FAILURES and ended.failure is not None:
            raise RunError(
                f"the last {self._failures} trials all failed, so the search is stopped; "
                f"the latest, trial {ended.id}: {ended.failure.kind}: {ended.failure.message}; "
                f"mend the stage or narrow its levers, then go on by --resume"
            )

    def _stop_running(self) -> None:
        """The time is up: end the workers' grants; what was measured stays."""
        for key, running in list(self._running.items()):
            spent = self.runner.cancel(key) + running.before
            del self._running[key]
            number = running.trial
            measured = _since_last_grant(self.history.trials[number])
            seconds = self.journal.elapsed - running.since + running.before.seconds
            taken = replace(spent + less(measured, spent), seconds=seconds)
            cost = _counted(self.history.trials[number], taken)
            failure = Failure("out of budget", "the time of this phase was up before the grant's end")
            self.journal.write(GrantEnded(trial=number, status=Status.STOPPED, cost=cost, failure=failure))
            self._tell(self.history.trials[number])

    # ---------------------------------------------------------------------------------------- states

    def _set_aside_the_end(self) -> None:
        amount = self.pace.set_aside()
        if amount != self.history.ledger.reserved.get(END, NOTHING) and END not in self.history.spent_by:
            self.journal.write(BudgetReserved(owner=END, amount=amount))

    def _release_the_end(self) -> None:
        """Free what the confirmations may take; what the final fits and the test need stays set aside."""
        if END in self.history.ledger.reserved:
            self.journal.write(
                BudgetSettled(owner=END, amount=NOTHING),
                BudgetReserved(owner=FINAL, amount=self.pace.set_aside_for_the_test()),
            )

    def _take_up_interrupted(self) -> None:
        for trial in self.history.with_status(Status.INTERRUPTED):
            self.journal.write(TrialResumed(trial=trial.id, until=trial.until))
            reserved = self.history.ledger.reserved.get(f"trial {trial.id}", NOTHING)
            used = _since_last_grant(trial)
            if _is_used_up(reserved, used):
                failure = Failure("out of budget", "what was set aside for it was used up before its grant's end")
                ended = GrantEnded(trial=trial.id, status=Status.STOPPED, cost=_counted(trial, used), failure=failure)
                self.journal.write(ended)
            else:
                self._submit(self.history.trials[trial.id], less(reserved, used), used)

    def _told_searcher(self) -> Searcher:
        self._space = joint_space(self.levers)
        searcher = self.problem.make_searcher(self._space)
        if self.history.snapshot is not None:
            searcher.restore(self.history.snapshot)
        for trial in self.history.searched:
            searcher.tell(trial)
        return searcher

    def _tell(self, trial: Trial) -> None:
        if self._searcher is not None and trial.purpose is not Purpose.CONFIRMATION:
            self._searcher.tell(trial)

    def _refresh_incumbent(self) -> None:
        ranking = standings(self.history)
        if not ranking:
            return
        best = ranking[0]
        last = self.history.incumbents[-1] if self.history.incumbents else None
        if last is None or last.trial != best.trial.id:
            self.journal.write(IncumbentChosen(trial=best.trial.id, mean=best.mean, deviation=best.deviation))

    def _require_baseline(self) -> None:
        baseline = self.history.baseline
        assert baseline is not None
        if baseline.status is Status.FAILED and baseline.failure is not None:
            raise StageError(
                f"the baseline could not be measured, so there is nothing to improve on: "
                f"{baseline.failure.kind}: {baseline.failure.message}"
            )
        if baseline.status is not Status.COMPLETED:
            raise RunError("the budget was used up before the baseline was measured; start anew with a larger one")


def raise_if_of_the_store(who: str, failure: Failure) -> None:
    """Raise StoreError for a failure that says nothing of a config, so that what failed stays to be done."""
    if failure.kind == "StoreError":
        raise StoreError(f"{who} could not keep what it made: {failure.message}")
    if failure.kind == "disk full":
        raise StoreError(f"{who} had no space to write: {failure.message}; make space, then go on by --resume")


def _status(trial: Trial, message: Finished, maximum: int) -> Status:
    if message.stopped:
        return Status.STOPPED
    return Status.COMPLETED if trial.fidelity >= maximum else Status.PAUSED


def _counted(trial: Trial, taken: Cost) -> Cost:
    """What a grant took; the first grant of a config also counts one trial (measuring it again counts none)."""
    first = trial.cost.trials == 0 and trial.purpose is not Purpose.CONFIRMATION
    return replace(taken, trials=1 if first else 0)


def _since_last_grant(trial: Trial) -> Cost:
    """What the measurements of the grant that a crash or a deadline cut off say that it took."""
    measured = total([measurement.cost for measurement in trial.measurements])
    return less(measured, trial.cost)


def _is_used_up(reserved: Cost, used: Cost) -> bool:
    """Whether nothing is left of something that was reserved; an allowance of zero would be no ceiling."""
    return any(0 < getattr(reserved, name) <= getattr(used, name) for name in COUNTED)
