"""The held-out test: rows that nothing sees until the end, opened once.

Whether it may be opened follows from the study's events alone: the opening is an event, stored before any test row
is handed out. This module stores nothing; it says what to store.
"""

from __future__ import annotations

from collections.abc import Mapping

from luthier.core.dataset import Column, Dataset
from luthier.core.errors import TestAlreadyOpened, UsageError
from luthier.core.events import TestOpened
from luthier.core.history import History
from luthier.data.split import Split


class HeldOut:
    """Owns the test rows of a split. What they hold comes out only against a stored opening.

    Worked example:

        held_out = HeldOut(dataset, split)
        held_out.development                              the rows to search on
        opening = held_out.open(history, members)         may raise TestAlreadyOpened; append it if it is new
        held_out.inputs(opening)                          the test rows without their labels
        held_out.labels(opening)                          what the predictions are scored against
    """

    def __init__(self, dataset: Dataset, split: Split) -> None:
        """Part `dataset` as `split` has it; raises DataError where it lacks one of the split's rows."""
        self.development = dataset.take(dataset.positions(split.development))
        self._test = dataset.take(dataset.positions(split.test))

    def __len__(self) -> int:
        """How many rows are held out."""
        return len(self._test)

    @property
    def fingerprint(self) -> str:
        """Of the test rows, labels included."""
        return self._test.fingerprint

    def open(self, history: History, members: Mapping[str, str], *, force: bool = False) -> TestOpened:
        """The opening of these rows for `members`, as `may_open` allows it."""
        return may_open(history, members, self.fingerprint, force=force)

    def inputs(self, opening: TestOpened) -> Dataset:
        """The test rows without labels."""
        self._check(opening)
        return self._test.without_labels()

    def labels(self, opening: TestOpened) -> Column:
        """The labels (n,) of the test rows, in the order of `inputs`."""
        self._check(opening)
        return self._test.labels

    def _check(self, opening: TestOpened) -> None:
        if opening.data != self.fingerprint:
            raise UsageError(
                f"an opening must be of these held-out rows, {self.fingerprint}; got one of {opening.data}: "
                "was the data changed since?"
            )


def may_open(history: History, members: Mapping[str, str], data: str, *, force: bool = False) -> TestOpened:
    """The event that opens the test rows with the fingerprint `data` for `members`, artifact addresses by role.

    openings so far          asked for          outcome
    none                     members A          a new opening
    of A                     A, same data       that very opening: finishing after a crash adds none
    of A                     B, or other data   TestAlreadyOpened
    of A                     B, with force      a new opening, marked `forced`
    """
    if not members:
        raise UsageError("opening the held-out test needs the final set; got no members")
    for opening in history.openings:
        if dict(opening.members) == dict(members) and opening.data == data:
            return opening
    if history.openings and not force:
        last = history.openings[-1]
        changed = "the held-out rows changed since" if last.data != data else f"it was for {_differing(last, members)}"
        raise TestAlreadyOpened(
            f"the held-out test of this study was opened before, and {changed}; a second opening makes its numbers too "
            "good to be true. Start a new study with new test rows, or force it: every report will then say so"
        )
    return TestOpened(members=dict(members), data=data, forced=bool(history.openings), elapsed=history.ledger.elapsed)


def _differing(opening: TestOpened, members: Mapping[str, str]) -> str:
    roles = [role for role in sorted({*opening.members, *members}) if opening.members.get(role) != members.get(role)]
    return f"another final set (it differs in: {', '.join(roles)})"
