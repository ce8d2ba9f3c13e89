"""The final test: the set is frozen, fitted, and only then is the held-out test opened, once, for all of it.

Nothing is selected afterwards. After a crash the same opening is finished: everything is taken up from events
and from artifacts that are remembered by fingerprint.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from luthier.core.config import Config
from luthier.core.contracts import Artifacts, Failed, Finalize, Finished, Predict, Prediction, Runner, Task, View
from luthier.core.cost import NOTHING, Cost, less, total
from luthier.core.dataset import Column, Dataset
from luthier.core.errors import MissingArtifact, RunError
from luthier.core.events import BudgetReserved, BudgetSettled, FinalSetFrozen, StudyConcluded
from luthier.core.history import History
from luthier.core.lever import lever_names
from luthier.core.seeds import derive_seed, fingerprint
from luthier.core.verdict import Gain, Verdict
from luthier.stats.holm import holm
from luthier.stats.interval import Interval
from luthier.study.journal import Journal
from luthier.study.loop import raise_if_of_the_store
from luthier.study.pace import END, FINAL, Pace
from luthier.study.problem import Problem, Rows
from luthier.study.score import compare, score
from luthier.study.standing import Standing, standings

BASELINE, WINNER = "baseline", "winner"
POLL_SECONDS = 0.5


def without(lever: str) -> str:
    """The role of the winner with `lever` put back to its baseline."""
    return f"without {lever}"


def conclude(
    problem: Problem,
    journal: Journal,
    runner: Runner,
    artifacts: Artifacts,
    pace: Pace,
    notes: tuple[str, ...] = (),
) -> None:
    """Freeze, fit, open, score, and write the verdict, with `notes` on the search added to its own.

    Does nothing where it is written already.
    """
    if journal.history.concluded is not None:
        return
    if problem.rows is None:
        _conclude_without_rows(problem, journal, notes)
        return
    if journal.history.final_set is None:
        journal.write(_frozen(problem, journal, pace))
    final_set = journal.history.final_set
    assert final_set is not None
    work = _Work(journal, runner, pace)
    reasons: dict[str, str] = {}
    if journal.history.openings:
        addresses = dict(journal.history.openings[-1].members)
        if not all(artifacts.has(address) for address in addresses.values()):
            _fit_again(problem, problem.rows, work, artifacts, final_set.members, addresses)
    else:
        addresses, reasons = _fitted(problem, problem.rows, work, artifacts, final_set.members)
        lacking = [role for role in (BASELINE, WINNER) if role not in addresses]
        if lacking:
            raise RunError(
                f"{' and '.join(lacking)} could not be fitted on all development rows: "
                f"{'; '.join(dict.fromkeys(reasons[role] for role in lacking))}"
            )
    opening = problem.rows.held_out.open(journal.history, addresses)
    if opening not in journal.history.openings:
        journal.write(opening)
        journal.flush()
    inputs = problem.rows.held_out.inputs(opening)
    predictions = _predicted(problem, work, inputs, addresses)
    work.over()
    labels = problem.rows.held_out.labels(opening)
    verdict = judge(problem, journal.history, final_set.members, predictions, labels, inputs.groups, reasons)
    verdict = replace(verdict, notes=(*verdict.notes, *notes))
    journal.write(StudyConcluded(verdict=verdict, winner=final_set.trials[WINNER], artifact=addresses[WINNER]))


def members_of(space_levers: tuple[str, ...], baseline: Config, winner: Config, problem: Problem) -> dict[str, Config]:
    """Baseline, winner, and for each lever that the winner changed the winner with that lever put back."""
    members = {BASELINE: baseline, WINNER: winner}
    for lever in space_levers:
        if winner.lever(lever) != baseline.lever(lever):
            members[without(lever)] = _put_back(problem, lever, baseline, winner)
    return members


def _put_back(problem: Problem, lever: str, baseline: Config, winner: Config) -> Config:
    kept = {name: value for name, value in winner.items() if name.partition(".")[0] != lever}
    restored = {name: value for name, value in baseline.items() if name.partition(".")[0] == lever}
    return problem.space.config({**kept, **restored})


def choose_winner(history: History, seconds_left: float, pace: Pace) -> Standing:
    """The best by posterior mean: among the confirmed where there are any, and only what can still be fitted."""
    ranking = standings(history)
    confirmed = {trial.confirms for trial in history.trials if trial.confirms is not None and trial.value is not None}
    baseline = history.baseline
    candidates = [
        one
        for one in ranking
        if (not confirmed or one.trial.id in confirmed)
        and (one.trial is baseline or pace.final_fit_seconds(one.trial) <= seconds_left)
    ]
    return (candidates or [one for one in ranking if one.trial is baseline])[0]


def _frozen(problem: Problem, journal: Journal, pace: Pace) -> FinalSetFrozen:
    history = journal.history
    baseline = history.baseline
    assert baseline is not None
    winner = choose_winner(history, pace.hard_stop - journal.elapsed, pace).trial
    members = members_of(lever_names(problem.space), baseline.config, winner.config, problem)
    return FinalSetFrozen(members=members, trials={BASELINE: baseline.id, WINNER: winner.id})


def _conclude_without_rows(problem: Problem, journal: Journal, notes: tuple[str, ...]) -> None:
    """A study over something that has no rows: nothing was held out, and the verdict says so."""
    ranking = standings(journal.history)
    baseline = journal.history.baseline
    assert baseline is not None
    assert baseline.value is not None
    best = ranking[0].trial
    assert best.value is not None
    verdict = Verdict(
        problem.metric.name,
        0,
        None,
        baseline.value,
        best.value,
        baseline.value,
        best.value,
        None,
        None,
        openings=0,
        notes=("nothing was held out: these are the values that the search itself saw", *notes),
    )
    journal.write(StudyConcluded(verdict=verdict, winner=best.id, artifact=best.artifact))


def judge(
    problem: Problem,
    history: History,
    members: Mapping[str, Config],
    predictions: Mapping[str, Prediction],
    labels: Column,
    groups: Column | None,
    reasons: Mapping[str, str],
) -> Verdict:
    """The verdict from all members' predictions of the test rows: gains with intervals, Holm-adjusted; optimism.

    `reasons` says of members without predictions why that is so, as far as it is known.
    """
    scored = {role: score(problem.metric.name, labels, prediction) for role, prediction in predictions.items()}
    baseline, winner = scored[BASELINE], scored[WINNER]
    levers = lever_names(problem.space)
    others = {"baseline": BASELINE} | {lever: without(lever) for lever in levers if without(lever) in scored}
    distinct = {members[role].key: role for role in others.values() if members[role] != members[WINNER]}
    comparisons = {key: compare(problem.metric, labels, groups, winner, scored[role]) for key, role in distinct.items()}
    adjusted = dict(zip(comparisons, holm([p_value for _, p_value in comparisons.values()]), strict=True))
    gains = {
        name: _gain(name, *comparisons[members[role].key], adjusted[members[role].key])
        for name, role in others.items()
        if members[role].key in comparisons
    }
    validation = {one.trial.config: one.mean for one in standings(history)}
    promised = validation.get(members[WINNER])
    sign = problem.metric.sign
    dropped = [role for role in members if role not in predictions]
    notes = [
        f"the fit '{role}' could not be made: {reasons.get(role, 'an earlier session failed at it')}"
        for role in dropped
    ]
    return Verdict(
        metric=problem.metric.name,
        rows=len(labels),
        groups=None if groups is None else len(set(groups.tolist())),
        baseline_score=baseline.value,
        winner_score=winner.value,
        baseline_validation=validation.get(members[BASELINE]),
        winner_validation=promised,
        optimism=None if promised is None else sign * (promised - winner.value),
        overall=gains.get("baseline", _no_gain("baseline")),
        by_lever=tuple(gains.get(lever, _no_gain(lever)) for lever in levers if without(lever) not in dropped),
        openings=len(history.openings),
        notes=tuple(notes),
    )


def _gain(against: str, interval: Interval, p_value: float, adjusted: float) -> Gain:
    return Gain(against, interval.estimate, interval.low, interval.high, p_value, float(adjusted))


def _no_gain(against: str) -> Gain:
    return Gain(against, 0.0, 0.0, 0.0, 1.0, 1.0)


def _fitted(
    problem: Problem, rows: Rows, work: _Work, artifacts: Artifacts, members: Mapping[str, Config]
) -> tuple[dict[str, str], dict[str, str]]:
    """Addresses of the fitted members by role, and of each that could not be fitted the reason.

    Equal configs are fitted once, and none whose artifact is remembered. Winner and baseline come first.
    """
    view = (View(rows.development, rows.development.take([])),)
    seed = derive_seed(problem.seed, "final")
    ordered = sorted(members, key=lambda role: role not in (WINNER, BASELINE))
    configs = {members[role].key: members[role] for role in ordered}
    marks = {key: fingerprint("final", problem.fingerprints, seed, config.to_json()) for key, config in configs.items()}
    fitted = {key: address for key, mark in marks.items() if (address := _recalled(artifacts, mark)) is not None}
    tasks = {
        key: Task(f"final {key}", Finalize(config.by_setting()), problem.stage, view, seed, problem.limits)
        for key, config in configs.items()
        if key not in fitted
    }
    reasons = dict.fromkeys(configs, "the budget was used up; raise it by --budget, then go on by --resume")

    def done(key: str, message: Finished | Failed) -> None:
        if isinstance(message, Finished) and message.artifact is not None:
            artifacts.remember(marks[key], message.artifact)
            fitted[key] = message.artifact
        elif isinstance(message, Failed):
            raise_if_of_the_store("a final fit", message.failure)
            reasons[key] = f"{message.failure.kind}: {message.failure.message}"

    work.run(tasks, done, work.pace.fit_until, later=len(configs))
    return (
        {role: fitted[config.key] for role, config in members.items() if config.key in fitted},
        {role: reasons[config.key] for role, config in members.items() if config.key not in fitted},
    )


def _fit_again(
    problem: Problem,
    rows: Rows,
    work: _Work,
    artifacts: Artifacts,
    members: Mapping[str, Config],
    opened: Mapping[str, str],
) -> None:
    """Make lost models anew after the test was opened for them; raises RunError where they don't come out the same."""
    fitted, _ = _fitted(problem, rows, work, artifacts, {role: members[role] for role in opened})
    changed = [role for role, address in opened.items() if fitted.get(role) != address]
    if changed:
        raise RunError(
            f"the held-out test was opened for models that are no longer kept, and {' and '.join(changed)} could not "
            f"be fitted again just as before; restore the artifacts from a copy and go on by --resume, or begin "
            f"another study by --name"
        )


def _recalled(artifacts: Artifacts, mark: str) -> str | None:
    """The address of what an earlier session fitted, if it can still be read: the test is about to be opened for it."""
    address = artifacts.recall(mark)
    if address is not None:
        try:
            artifacts.get(address)
        except MissingArtifact:
            return None
    return address


def _predicted(problem: Problem, work: _Work, inputs: Dataset, addresses: Mapping[str, str]) -> dict[str, Prediction]:
    """What each fitted member says of the test rows, which come without labels."""
    tasks = {
        address: Task(f"test {address}", Predict(address, inputs), problem.stage, (), problem.seed, problem.limits)
        for address in addresses.values()
    }
    predictions: dict[str, Prediction] = {}

    def done(address: str, message: Finished | Failed) -> None:
        if isinstance(message, Failed):
            raise RunError(
                f"the held-out rows could not be predicted: {message.failure.kind}: {message.failure.message}; "
                f"put that right and go on by --resume: the same opening will be finished"
            )
        assert message.prediction is not None
        predictions[address] = message.prediction

    work.run(tasks, done, work.pace.predict_until)
    if len(predictions) < len(tasks):
        raise RunError(
            "the budget was used up before the held-out rows were predicted; raise it by --budget and go on by "
            "--resume: the same opening will be finished"
        )
    return {role: predictions[address] for role, address in addresses.items()}


class _Work:
    """Runs the tasks of the end, out of what is left of the budget: all of it is theirs now."""

    def __init__(self, journal: Journal, runner: Runner, pace: Pace) -> None:
        self.pace = pace
        self._journal = journal
        self._runner = runner
        self._granted: dict[str, Cost] = {}
        ledger = journal.history.ledger
        if END in ledger.reserved:
            journal.write(BudgetSettled(owner=END, amount=NOTHING))
        left = pace.left(journal.history, FINAL)
        if left != ledger.reserved.get(FINAL, NOTHING):
            journal.write(BudgetReserved(owner=FINAL, amount=left))

    def over(self) -> None:
        """Nothing more will be spent."""
        if FINAL in self._journal.history.ledger.reserved:
            self._journal.write(BudgetSettled(owner=FINAL, amount=NOTHING))

    def run(
        self, tasks: Mapping[str, Task], done: Callable[[str, Finished | Failed], None], until: float, later: int = 0
    ) -> None:
        """Run `tasks` and hand each one's end to `done(name, message)`; at `until` (elapsed seconds) cancel the rest.

        What is left is parted evenly among those that haven't begun, and `later` ones; where that is nothing of
        some ceiling, none begins.
        """
        journal, runner = self._journal, self._runner
        waiting = dict(tasks)
        running: dict[str, str] = {}
        while waiting or running:
            allowance = self._allowance(len(waiting) + later)
            while waiting and allowance is not None and runner.free > 0 and journal.elapsed < until:
                name, task = next(iter(waiting.items()))
                journal.flush()
                runner.submit(replace(waiting.pop(name), allowance=allowance))
                running[task.key] = name
                self._granted[task.key] = allowance
                allowance = self._allowance(len(waiting) + later)
            left = until - journal.elapsed
            if left <= 0 or (allowance is None and not running):
                for key in running:
                    self._settle(key, runner.cancel(key))
                return
            journal.beat()
            for message in runner.poll(min(POLL_SECONDS, left)):
                if message.key in running and isinstance(message, Finished | Failed):
                    self._settle(message.key, message.cost)
                    done(running.pop(message.key), message)

    def _allowance(self, shares: int) -> Cost | None:
        """What the next of `shares` tasks may spend; None where some ceiling leaves nothing, or none is to come."""
        if shares == 0:
            return None
        reserved = self._journal.history.ledger.reserved.get(FINAL, NOTHING)
        unspoken = less(reserved, total(list(self._granted.values())))
        amounts = {name: getattr(unspoken, name) // shares for name in self.pace.counted}
        return Cost(**amounts) if all(amounts.values()) else None

    def _settle(self, key: str, cost: Cost) -> None:
        """Write down what a task took; what the others may still take is set aside anew."""
        del self._granted[key]
        reserved = self._journal.history.ledger.reserved.get(FINAL, NOTHING)
        self._journal.write(BudgetSettled(owner=FINAL, amount=cost))
        if reserved:
            self._journal.write(BudgetReserved(owner=FINAL, amount=less(reserved, cost)))
