"""A study as a user holds it: run it, go on with it, look at it, let its winner predict."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from html import escape
from pathlib import Path
from typing import Any

from luthier.core.contracts import Artifacts, Context, Prediction, Runner
from luthier.core.cost import NOTHING
from luthier.core.dataset import Dataset
from luthier.core.errors import StoreError, UsageError
from luthier.core.events import BudgetChanged, StudyCreated
from luthier.core.history import History
from luthier.core.verdict import Verdict
from luthier.data.arrays import as_dataset
from luthier.store.retention import addresses_to_keep
from luthier.study.final import conclude
from luthier.study.home import Home
from luthier.study.journal import Journal, Observer, read_history
from luthier.study.loop import Loop
from luthier.study.problem import Problem

KEPT_TRIALS = 10
"""Of how many of a study's best trials the artifacts outlive it."""

MakeRunner = Callable[[Artifacts], Runner]


class Study:
    """One study under its name. Made by `lt.tune`, or by `study.build` from a task file.

    It can be run again after a crash or Ctrl-C: `run` goes on where the last session ended.
    """

    def __init__(self, name: str, home: Home, problem: Problem, make_runner: MakeRunner) -> None:
        self.name = name
        self.home = home
        self.problem = problem
        self._make_runner = make_runner

    @property
    def history(self) -> History:
        """Everything that happened, read from the store; raises UnknownName before the first run."""
        return read_history(self.home.store, self.name)

    @property
    def exists(self) -> bool:
        """Whether it was ever begun."""
        return bool(self.home.store.events(self.name))

    @property
    def verdict(self) -> Verdict | None:
        """What the held-out test said; None before the end."""
        concluded = self.history.concluded
        return None if concluded is None else concluded.verdict

    @property
    def best(self) -> dict[str, dict[str, Any]]:
        """The winner's settings by lever, or before the end the incumbent's."""
        history = self.history
        if history.concluded is not None:
            return history.trials[history.concluded.winner].config.by_lever()
        if history.incumbent is None:
            raise UsageError(f"study '{self.name}' has measured nothing yet; run it first")
        return history.incumbent.config.by_lever()

    def __repr__(self) -> str:
        return f"<Study '{self.name}'; its show() prints what was found, and what each lever cost and gained>"

    def _repr_html_(self) -> str:
        """The verdict and the bill, where a notebook shows a study."""
        from luthier.report.page import summary_html

        return summary_html(self.history, self.name) if self.exists else f"<p>{escape(repr(self))}</p>"

    def report(self, path: str | Path) -> Path:
        """Write the page of the study, one HTML file that needs nothing else, to `path`; the path.

        Raises UsageError where it can't be written.
        """
        from luthier.report.page import write_page

        return write_page(self.history, self.name, Path(path))

    def show(self) -> None:
        """Print the final screen: the verdict, the bill, what was changed and what to do next."""
        from rich.console import Console

        from luthier.report.screen import FinalScreen

        Console().print(FinalScreen.of(self.history, self.name))

    def run(self, observers: tuple[Observer, ...] = (), *, resume: bool = False) -> History:
        """Tune until the budget is spent, confirm, open the held-out test, and conclude; the history.

        With `resume` an existing study goes on (a concluded one is left as it is); without, its name must be
        new. Ctrl-C ends cleanly: what was measured is kept, and running trials are taken up at the next run.
        """
        journal = self._journal(observers, resume)
        if journal.history.concluded is not None:
            journal.close("nothing left to do")
            return journal.history
        reason = "stopped by an error"
        try:
            runner = self._make_runner(self.home.artifacts)
            try:
                self._tune(journal, runner)
                reason = "concluded"
            finally:
                runner.close()
        except KeyboardInterrupt:
            reason = "stopped by the user"
            raise
        finally:
            journal.close(reason)
        self._evict()
        return journal.history

    def predict(self, inputs: Dataset | Any) -> Prediction:
        """What the winner, fitted on all development rows, says of `inputs`: a Dataset, or a table or array like X.

        Labels are taken off first.
        """
        concluded = self.history.concluded
        if concluded is None or concluded.artifact is None:
            raise UsageError(
                f"study '{self.name}' has no fitted winner to predict with; let it run to its end (--resume)"
            )
        context = Context(1, self.problem.seed, (), self.home.artifacts, _Unmetered())
        return self.problem.stage.predict(concluded.artifact, as_dataset(inputs).without_labels(), context)

    def _evict(self) -> None:
        """Drop the artifacts that no study of this home needs any more; none where that can't be told."""
        with suppress(StoreError):
            names = [row.name for row in self.home.store.studies()]
            kept = [addresses_to_keep(read_history(self.home.store, name), KEPT_TRIALS) for name in names]
            self.home.artifacts.evict(set[str]().union(*kept))

    def _tune(self, journal: Journal, runner: Runner) -> None:
        loop = Loop(self.problem, journal, runner, self.home.artifacts)
        if journal.history.final_set is None:
            try:
                loop.search()
                loop.confirm()
            finally:
                loop.abandon()
        conclude(self.problem, journal, runner, self.home.artifacts, loop.pace, loop.notes)

    def _journal(self, observers: tuple[Observer, ...], resume: bool) -> Journal:
        home, problem = self.home, self.problem
        if not resume:
            created = StudyCreated(
                metric=problem.metric,
                levers={lever.name: lever.to_json() for lever in problem.levers},
                budget=problem.budget,
                fidelity=problem.stage.fidelity,
                seed=problem.seed,
                task=problem.task,
                versions=problem.versions,
                fingerprints=problem.fingerprints,
            )
            return Journal.create(home.store, self.name, created, home.writer, home.clock, observers)
        journal = Journal.resume(home.store, self.name, home.writer, home.clock, observers)
        try:
            self._check_same(journal.history)
        except UsageError:
            journal.close("could not be resumed")
            raise
        if journal.history.ledger.budget != problem.budget:
            journal.write(BudgetChanged(budget=problem.budget))
        return journal

    def _check_same(self, history: History) -> None:
        """Raise UsageError where going on would mix results that can't be compared."""
        before, now = history.created, self.problem
        levers = {lever.name: lever.to_json() for lever in now.levers}
        changed = [name for name, mark in now.fingerprints.items() if before.fingerprints.get(name) != mark]
        if before.metric != now.metric:
            changed.append(f"metric ({before.metric} before, {now.metric} now)")
        if dict(before.levers) != levers:
            changed.append("levers")
        if before.seed != now.seed:
            changed.append(f"seed ({before.seed} before, {now.seed} now)")
        if changed:
            raise UsageError(
                f"study '{self.name}' can't go on: {', '.join(changed)} changed since it was begun, and old and new "
                f"results would not be comparable; start another study by --name, or undo the change"
            )


class _Unmetered:
    """The meter of a prediction outside a study: nothing is counted."""

    spent = NOTHING

    def charge(self, cost: object) -> None:
        pass

    def refund(self, cost: object) -> None:
        pass
