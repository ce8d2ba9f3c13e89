"""What differs between two configs, setting by setting."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from luthier.core.config import Config
from luthier.core.parameter import Value
from luthier.report.words import setting

_UNUSED = "unused"


@dataclass(frozen=True, slots=True)
class Change:
    """One setting that differs; None on the side where it doesn't exist, as `added` and `dropped` say."""

    lever: str
    setting: str
    before: Value | None
    after: Value | None
    added: bool = False
    dropped: bool = False

    def describe(self, arrow: str = "->") -> str:
        """'ngrams 1 -> 2'; 'alpha unused -> 2.6' where only one of the configs has the setting."""
        before = _UNUSED if self.added else setting(self.before)
        after = _UNUSED if self.dropped else setting(self.after)
        return f"{self.setting} {before} {arrow} {after}"


def changes_between(before: Config, after: Config) -> tuple[Change, ...]:
    """The settings that differ, in the order of `before`, then those that only `after` has."""
    names = dict.fromkeys([*before, *after])
    return tuple(
        Change(*_parted(name), before.get(name), after.get(name), name not in before, name not in after)
        for name in names
        if before.get(name) != after.get(name) or (name in before) != (name in after)
    )


def describe(changes: Iterable[Change], arrow: str = "->") -> str:
    """All changes on one line: 'ngrams 1 -> 2, features 5,000 -> 10,400'."""
    return ", ".join(change.describe(arrow) for change in changes)


def describe_by_lever(changes: Iterable[Change], arrow: str = "->") -> str:
    """The same with the levers' names: 'representation: ngrams 1 -> 2; settings: C 1 -> 4.6'."""
    grouped: dict[str, list[Change]] = {}
    for change in changes:
        grouped.setdefault(change.lever, []).append(change)
    return "; ".join((f"{lever}: " if lever else "") + describe(own, arrow) for lever, own in grouped.items())


def _parted(name: str) -> tuple[str, str]:
    lever, dot, plain = name.partition(".")
    return (lever, plain) if dot else ("", name)
