"""The final screen: what a study found, what each lever cost and gained, and what to do next.

    from rich.console import Console
    Console().print(FinalScreen.of(history, name="reviews"))

It fits any terminal: a table where there is room, a block a lever where there isn't, plain ASCII where the
encoding isn't UTF-8.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from luthier.core.history import History
from luthier.report.advice import Advice, advise, decimals_of
from luthier.report.bill import Bill, Charge, Evidence, LeverBill, bill_of
from luthier.report.cells import LEFT, WIDEST, arrow, bare_table, fits, indented, line, safe
from luthier.report.changes import describe
from luthier.report.columns import (
    WORDS,
    Column,
    best_first,
    columns_of,
    footnotes,
    interval_cell,
    promise,
    rate_decimals,
    signed_cell,
)
from luthier.report.words import clean, count, dollars, duration

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.table import Table


@dataclass(frozen=True)
class FinalScreen:
    """A renderable for rich: the whole report of one study on one screen."""

    bill: Bill
    advice: Advice
    name: str = ""

    @staticmethod
    def of(history: History, name: str = "") -> FinalScreen:
        """The screen of a history as it now stands."""
        bill = bill_of(history)
        return FinalScreen(bill, advise(bill), name)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        options = options.update(max_width=min(options.max_width, WIDEST))
        yield from (part for section in self._sections(console, options) for part in section)

    def _sections(self, console: Console, options: ConsoleOptions) -> Iterator[list[Any]]:
        yield self._head(options)
        if self.bill.evidence is not Evidence.NOTHING:
            yield ["", *self._bill(console, options)]
            yield self._changes(options)
        yield self._cautions(options)
        yield ["", line("What to do next", "bold", options), indented(line(self.advice.next, "", options))]

    def _head(self, options: ConsoleOptions) -> list[Any]:
        from rich.rule import Rule
        from rich.text import Text

        total = self.bill.total
        spent = f"{count(total.trials, 'trial')} in {duration(total.seconds)} (budget: {self.bill.budget})"
        title = safe(f"{clean(self.name, 40)}: {spent}" if self.name else spent, options.ascii_only)
        has_room = len(title) + 2 <= options.max_width
        head = Text(title)  # nothing in a study's name is markup
        style = "bold green" if self.bill.is_significant else "bold yellow"
        promised = promise(self.bill)
        return [
            Rule(head, align="left", style="dim") if has_room else line(title, "", options),
            line(self.advice.title, style, options),
            indented(line(self.advice.verdict, "", options)),
            *([indented(line(promised, "", options))] if promised else []),
        ]

    def _bill(self, console: Console, options: ConsoleOptions) -> list[Any]:
        columns = columns_of(self.bill)
        wanted = (columns, [one for one in columns if not one.optional])
        for kept, gap in ((wanted[0], 2), (wanted[1], 2), (wanted[1], 1)):
            table = _table(self.bill, kept, gap, options)
            if fits(table, console, options):
                return [
                    line("What each lever cost, and gained", "bold", options),
                    indented(table, 0),
                    *self._notes(options),
                ]
        return [
            line("What each lever cost, and gained", "bold", options),
            *_blocks(self.bill, options),
            *self._notes(options),
        ]

    def _notes(self, options: ConsoleOptions) -> list[Any]:
        return [line(text, "dim", options) for text in footnotes(self.bill)]

    def _changes(self, options: ConsoleOptions) -> list[Any]:
        changed = [lever for lever in best_first(self.bill) if lever.changes]
        if not changed:
            return []
        winner = "" if self.bill.winner is None else f" (trial {self.bill.winner})"
        table = bare_table([("", LEFT)])
        table.show_header = False
        table.add_column(overflow="fold")
        for lever in changed:
            table.add_row(
                safe(lever.name, options.ascii_only),
                line(describe(lever.changes, arrow=arrow(options.ascii_only)), "", options),
            )
        return ["", line(f"What was changed{winner}", "bold", options), indented(table)]

    def _cautions(self, options: ConsoleOptions) -> list[Any]:
        if not self.advice.cautions:
            return []
        notes = (indented(line(text, "", options)) for text in self.advice.cautions)
        return ["", line("Mind", "bold", options), *notes]


def _table(bill: Bill, columns: list[Column], gap: int, options: ConsoleOptions) -> Table:
    from rich.text import Text

    table = bare_table([(column.header, column.side) for column in columns], gap)
    for lever in best_first(bill):
        cells = [column.lever(lever) for column in columns]
        table.add_row(*(Text(safe(text, options.ascii_only), style=style) for text, style in cells))
    for charge in bill.others:
        table.add_row(*(safe(column.charge(charge), options.ascii_only) for column in columns), style="dim")
    table.add_row(*(safe(column.charge(bill.total), options.ascii_only) for column in columns), style="bold")
    return table


def _blocks(bill: Bill, options: ConsoleOptions) -> Iterator[Any]:
    """The same as the table, for narrow terminals."""
    columns = [column for column in columns_of(bill) if not column.optional]
    for lever in best_first(bill):
        word, style = WORDS[lever.outcome]
        suffix = f": {word}" if bill.is_tested else ""
        yield line(lever.name + suffix, style if suffix else "bold", options)
        yield indented(line(_sentence(bill, lever), "", options))
    for charge in bill.others:
        paid = [text for column in columns[1:] if (text := column.charge(charge))]
        yield line(f"{charge.name.capitalize()}: {paid[0]}", "dim", options)
    yield line(f"Total: {_paid_in_words(bill.total)}", "bold", options)


def _sentence(bill: Bill, lever: LeverBill) -> str:
    decimals = decimals_of(bill)
    paid = _paid_in_words(lever.charge)
    if not bill.is_tested:
        return f"{signed_cell(lever.promised or 0.0, decimals)} seen; {paid}"
    bounds = f" (95% {text})" if (text := interval_cell(lever, decimals)) else ""
    rate = (
        "" if not lever.gain_per_minute else f", {signed_cell(lever.gain_per_minute, rate_decimals(bill))} per minute"
    )
    return f"gain {signed_cell(lever.gain, decimals)}{bounds}; {paid}{rate}"


def _paid_in_words(charge: Charge) -> str:
    cost = charge.cost
    parts = [duration(charge.seconds), count(charge.trials, "trial")]
    parts += [count(cost.calls, "call")] if cost.calls else []
    parts += [count(cost.tokens, "token")] if cost.tokens else []
    parts += [dollars(cost.usd_micros)] if cost.usd_micros else []
    return ", ".join(parts)
