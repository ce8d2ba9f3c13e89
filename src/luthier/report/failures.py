"""Failed trials, grouped by what they died of."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from luthier.core.trial import Status, Trial

_NUMBERS = re.compile(r"\d+(\.\d+)?")


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """`count` trials that failed alike, told by the first of them."""

    kind: str
    message: str
    count: int
    first: int


def failure_groups(trials: Iterable[Trial]) -> tuple[FailureGroup, ...]:
    """The failures among `trials`, the largest group first. Messages that differ only in numbers are alike."""
    groups: dict[tuple[str, str], list[Trial]] = {}
    for trial in trials:
        if trial.status is Status.FAILED and trial.failure is not None:
            alike = (trial.failure.kind, _NUMBERS.sub("#", trial.failure.message))
            groups.setdefault(alike, []).append(trial)
    found = [
        FailureGroup(kind, failure.message, len(group), group[0].id)
        for (kind, _), group in groups.items()
        if (failure := group[0].failure) is not None
    ]
    return tuple(sorted(found, key=lambda group: (-group.count, group.first)))
