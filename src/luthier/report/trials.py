"""The trials of a study: how they ended, the best of them with what they changed, and why others failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from luthier.core.history import History
from luthier.core.metric import Metric
from luthier.core.trial import Status, Trial
from luthier.report.bill import BASELINE, heading
from luthier.report.cells import LEFT, RIGHT, arrow, bare_table, indented, line, safe
from luthier.report.changes import Change, changes_between, describe_by_lever
from luthier.report.failures import FailureGroup, failure_groups
from luthier.report.words import clean, count, decimals_for, duration, listing, number, signed

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.table import Table

NARROW = 72


@dataclass(frozen=True, slots=True)
class TrialLine:
    """One trial: its row on the bill, value and gain on validation rows, and how it differs from the baseline."""

    id: int
    charged_to: str
    status: Status
    fidelity: int
    value: float
    gain: float | None
    seconds: float
    changes: tuple[Change, ...]
    is_incumbent: bool


@dataclass(frozen=True)
class TrialsScreen:
    """A renderable for rich. `lines` are the best trials, measured furthest first and then by value."""

    metric: Metric
    unit: str
    counts: tuple[tuple[Status, int], ...]
    lines: tuple[TrialLine, ...]
    failures: tuple[FailureGroup, ...]

    @staticmethod
    def of(history: History, top: int = 10) -> TrialsScreen:
        """The `top` best trials of a history, and the incumbent wherever it stands; confirmations aren't listed."""
        valued = [one for one in history.searched if one.value is not None]
        best = sorted(valued, key=lambda one: (-one.fidelity, -history.metric.sign * (one.value or 0.0), one.id))
        shown = best[:top]
        if history.incumbent in best[top:]:
            shown.append(history.incumbent)
        statuses = Counter(trial.status for trial in history.trials)
        return TrialsScreen(
            history.metric,
            history.created.fidelity.unit if history.created.fidelity.maximum > 1 else "",
            tuple((status, statuses[status]) for status in Status if statuses[status]),
            tuple(_line(history, trial) for trial in shown),
            failure_groups(history.trials),
        )

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from self._parts(options)

    def _parts(self, options: ConsoleOptions) -> Iterator[Any]:
        if not self.counts:
            yield line("No trial was made.", "", options)
            return
        total = sum(number for _, number in self.counts)
        ended = listing([f"{number:,} {status}" for status, number in self.counts])
        yield line(f"{count(total, 'trial')}: {ended}", "bold", options)
        if self.lines:
            yield ""
            yield self._table(options)
            yield line(
                f"Values of {self.metric.name} on validation rows. * the best, by the study's choice.", "dim", options
            )
        if self.failures:
            yield ""
            yield line("Failures", "bold", options)
            for group in self.failures:
                told = f"{group.count:,} x {clean(group.kind, 40)}: {clean(group.message)} (first: trial {group.first})"
                yield indented(line(told, "", options))

    def _table(self, options: ConsoleOptions) -> Table:
        from rich.text import Text

        decimals = _decimals(self.lines)
        is_wide = options.max_width >= NARROW
        columns = [("Trial", RIGHT), ("Value", RIGHT), ("Gain", RIGHT)]
        columns += [(self.unit.capitalize(), RIGHT)] if self.unit else []
        columns += [("Time", RIGHT), ("Lever", LEFT)] if is_wide else []
        table = bare_table(columns)
        table.add_column("Differs from the baseline in", overflow="fold")
        for one in self.lines:
            cells = [
                f"{one.id}{'*' if one.is_incumbent else ' '}",
                number(one.value, decimals),
                "" if one.gain is None or one.charged_to == BASELINE else signed(one.gain, decimals),
                *([f"{one.fidelity}"] if self.unit else []),
                *([duration(one.seconds), one.charged_to] if is_wide else []),
                describe_by_lever(one.changes, arrow(options.ascii_only)),
            ]
            style = "bold" if one.is_incumbent else ""
            table.add_row(*(Text(safe(cell, options.ascii_only)) for cell in cells), style=style)
        return table


def _line(history: History, trial: Trial) -> TrialLine:
    baseline, incumbent = history.baseline, history.incumbent
    assert trial.value is not None
    return TrialLine(
        trial.id,
        heading(trial, tuple(history.levers)),
        trial.status,
        trial.fidelity,
        trial.value,
        None if baseline is None or baseline.value is None else history.metric.gain(trial.value, baseline.value),
        trial.cost.seconds,
        () if baseline is None else changes_between(baseline.config, trial.config),
        incumbent is not None and incumbent.id == trial.id,
    )


def _decimals(lines: tuple[TrialLine, ...]) -> int:
    gains = [abs(one.gain) for one in lines if one.gain]
    return decimals_for(max(gains) / 10) if gains else decimals_for(max(abs(one.value) for one in lines) / 100)
