"""Every error that luthier raises on purpose.

LuthierError
├── UsageError              the input must change            (exit code 2)
│   ├── SpaceError          a parameter, condition or config that can't be
│   ├── DataError           rows, columns or labels that can't be used
│   ├── TaskFileError       a task file, with line and key
│   ├── UnknownName         a name that nothing is registered under
│   ├── MissingExtra        an optional package that isn't installed
│   └── CannotTravel        user code that can't be sent to a worker
└── RunError                the input was fine, the run wasn't  (exit code 1)
    ├── StageError          a stage raised, or broke its contract
    ├── BudgetExceeded      a reservation or a call would pass a ceiling
    ├── Conflict            the study moved on since it was read
    ├── LeaseHeld           another writer holds the study
    ├── StoreError          the store can't be read or written
    ├── MissingArtifact     an address that the artifact store no longer holds
    └── TestAlreadyOpened   a second opening of a held-out test
"""

# ruff: noqa: N818  (names say what happened, as `StopIteration` does; the tree says that they are errors)

from __future__ import annotations

import difflib
from collections.abc import Iterable


class LuthierError(Exception):
    """Base of all errors raised on purpose; its text is meant for the user."""

    exit_code = 1


class UsageError(LuthierError):
    """What was asked can't be done as asked: the input must change."""

    exit_code = 2


class SpaceError(UsageError):
    """A parameter, condition or config that can't be."""


class DataError(UsageError):
    """Rows, columns or labels that can't be used."""


class TaskFileError(UsageError):
    """A task file that can't be read as one; the text names line and key."""


class UnknownName(UsageError):
    """A name that nothing is registered under; the text lists the known ones, nearest first."""

    def __init__(self, what: str, name: str, known: Iterable[str]) -> None:
        super().__init__(f"unknown {what} '{name}'; known are: {nearest_listed(name, known)}")


class MissingExtra(UsageError):
    """An optional package that isn't installed; `extra` names luthier's extra that brings it, None where none does."""

    def __init__(self, package: str, extra: str | None, purpose: str) -> None:
        wanted = package if extra is None else f"'luthier[{extra}]'"
        super().__init__(
            f"{purpose} needs the package '{package}', which isn't installed; install it with: pip install {wanted}"
        )


class CannotTravel(UsageError):
    """User code or data that can't be sent to a worker process."""


class RunError(LuthierError):
    """The input was fine, but the run couldn't go on."""


class StageError(RunError):
    """A stage raised, or broke the contract of stages."""


class BudgetExceeded(RunError):
    """A reservation or a call would pass a ceiling of the budget."""


class Conflict(RunError):
    """The study moved on since it was read: another writer appended first."""


class LeaseHeld(RunError):
    """Another writer holds the study."""


class StoreError(RunError):
    """The store can't be read or written."""


class MissingArtifact(RunError):
    """An address that the artifact store no longer holds."""


class TestAlreadyOpened(RunError):
    """The held-out test was opened before, for another final set."""

    __test__ = False  # keeps pytest from collecting it


def nearest_first(name: str, known: Iterable[str]) -> list[str]:
    """`known`, sorted so that the spelling nearest to `name` comes first."""
    return sorted(known, key=lambda other: (-difflib.SequenceMatcher(None, name, other).ratio(), other))


def nearest_listed(name: str, known: Iterable[str], most: int = 20) -> str:
    """The `most` nearest of `known` as a text, with how many there are in all where there are more."""
    ordered = nearest_first(name, known)
    more = f", ... ({len(ordered)} in all)" if len(ordered) > most else ""
    return (", ".join(ordered[:most]) + more) or "none"
