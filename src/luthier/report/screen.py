"""The final screen: what a study found, what each lever cost and gained, and what to do next.

    from rich.console import Console
    Console().print(FinalScreen.of(history, name="reviews"))

It fits any terminal: a table where there is room, a block a lever where there isn't, plain ASCII where the
encoding isn't UTF-8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from luthier.core.cost import Cost
from luthier.core.history import History
from luthier.core.metric import Direction
from luthier.core.verdict import Gain
from luthier.report.advice import Advice, advise, decimals_of
from luthier.report.bill import Bill, Charge, Evidence, LeverBill, Outcome, bill_of
from luthier.report.cells import LEFT, RIGHT, WIDEST, arrow, bare_table, fits, indented, line, safe
from luthier.report.changes import describe
from luthier.report.credit import JOINT
from luthier.report.words import clean, count, decimals_for, dollars, duration, interval, number, probability, signed

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.table import Table

_WORDS = {
    Outcome.HELPED: ("keep", "bold green"),
    Outcome.UNPROVEN: ("unproven", "yellow"),
    Outcome.HURT: ("put back", "bold red"),
    Outcome.UNTESTED: ("untested", "dim"),
    Outcome.UNCHANGED: ("unchanged", "dim"),
}
_UNKNOWN = "-"


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
        promise = _promise(self.bill)
        return [
            Rule(head, align="left", style="dim") if has_room else line(title, "", options),
            line(self.advice.title, style, options),
            indented(line(self.advice.verdict, "", options)),
            *([indented(line(promise, "", options))] if promise else []),
        ]

    def _bill(self, console: Console, options: ConsoleOptions) -> list[Any]:
        columns = _columns(self.bill)
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
        return [line(text, "dim", options) for text in _footnotes(self.bill)]

    def _changes(self, options: ConsoleOptions) -> list[Any]:
        changed = [lever for lever in _best_first(self.bill) if lever.changes]
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


@dataclass(frozen=True)
class _Column:
    """A column: what it says of a lever, of another charge, and of the sum. `optional` ones go where room is short."""

    header: str
    side: str
    lever: Callable[[LeverBill], tuple[str, str]]
    charge: Callable[[Charge], str]
    optional: bool = False


def _columns(bill: Bill) -> list[_Column]:
    decimals = decimals_of(bill)
    total = bill.total
    columns = [
        _Column("Lever", LEFT, lambda one: (one.name, "bold"), lambda one: one.name.capitalize()),
        _paid("Time", lambda one: duration(one.seconds)),
        _paid("Trials", lambda one: f"{one.trials:,}" if one.trials else ""),
        *(_paid(header, write) for header, amount, write in _OTHER_COSTS if amount(total.cost)),
    ]
    if not bill.is_tested:
        return [*columns, _promised(bill, decimals)]
    rate = _rate_decimals(bill)
    tested = any(lever.tested for lever in bill.levers)
    return [
        *columns,
        _Column(
            "Gain",
            RIGHT,
            lambda one: (_signed(one.gain, decimals), _style(one)),
            lambda one: _signed(bill.gain, decimals) if one is total else "",
        ),
        _Column(
            "95% interval",
            RIGHT,
            lambda one: (_interval(one, decimals), ""),
            lambda one: _overall_interval(bill, decimals) if one is total else "",
        ),
        *([_Column("p (Holm)", RIGHT, _p_value, lambda one: "", optional=True)] if tested else []),
        _Column(
            "Per min",
            RIGHT,
            lambda one: (_signed(one.gain_per_minute, rate), ""),
            lambda one: _signed(bill.gain_per_minute, rate) if one is total else "",
        ),
        _Column(
            "Verdict", LEFT, lambda one: _WORDS[one.outcome], lambda one: _overall_word(bill) if one is total else ""
        ),
    ]


_OTHER_COSTS: tuple[tuple[str, Callable[[Cost], float], Callable[[Charge], str]], ...] = (
    ("Calls", lambda cost: cost.calls, lambda one: f"{one.cost.calls:,}" if one.cost.calls else ""),
    ("Tokens", lambda cost: cost.tokens, lambda one: f"{one.cost.tokens:,}" if one.cost.tokens else ""),
    ("Cost", lambda cost: cost.usd_micros, lambda one: dollars(one.cost.usd_micros) if one.cost.usd_micros else ""),
)


def _paid(header: str, write: Callable[[Charge], str]) -> _Column:
    return _Column(header, RIGHT, lambda one: (write(one.charge) or "0", ""), write)


def _promised(bill: Bill, decimals: int) -> _Column:
    def of_charge(one: Charge) -> str:
        if one is bill.total:
            return _signed(bill.gain, decimals)
        return _signed(bill.promised_jointly, decimals) if one.name == JOINT else ""

    return _Column("Gain seen", RIGHT, lambda one: (_signed(one.promised or 0.0, decimals), ""), of_charge)


def _table(bill: Bill, columns: list[_Column], gap: int, options: ConsoleOptions) -> Table:
    from rich.text import Text

    table = bare_table([(column.header, column.side) for column in columns], gap)
    for lever in _best_first(bill):
        cells = [column.lever(lever) for column in columns]
        table.add_row(*(Text(safe(text, options.ascii_only), style=style) for text, style in cells))
    for charge in bill.others:
        table.add_row(*(safe(column.charge(charge), options.ascii_only) for column in columns), style="dim")
    table.add_row(*(safe(column.charge(bill.total), options.ascii_only) for column in columns), style="bold")
    return table


def _blocks(bill: Bill, options: ConsoleOptions) -> Iterator[Any]:
    """The same as the table, for narrow terminals."""
    columns = [column for column in _columns(bill) if not column.optional]
    for lever in _best_first(bill):
        word, style = _WORDS[lever.outcome]
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
        return f"{_signed(lever.promised or 0.0, decimals)} seen; {paid}"
    bounds = f" (95% {text})" if (text := _interval(lever, decimals)) else ""
    rate = "" if not lever.gain_per_minute else f", {_signed(lever.gain_per_minute, _rate_decimals(bill))} per minute"
    return f"gain {_signed(lever.gain, decimals)}{bounds}; {paid}{rate}"


def _paid_in_words(charge: Charge) -> str:
    cost = charge.cost
    parts = [duration(charge.seconds), count(charge.trials, "trial")]
    parts += [count(cost.calls, "call")] if cost.calls else []
    parts += [count(cost.tokens, "token")] if cost.tokens else []
    parts += [dollars(cost.usd_micros)] if cost.usd_micros else []
    return ", ".join(parts)


def _footnotes(bill: Bill) -> Iterator[str]:
    metric = bill.metric.name
    if any(lever.tested for lever in bill.levers):
        yield (
            f"Gain: how much worse {metric} gets on held-out rows when that lever alone is put back. "
            f"Levers overlap, so the gains need not add up.{_above_zero(bill)}"
        )
    if not bill.is_tested:
        yield f"Gain seen: what each lever added to {metric} while searching; not proven, and likely too large."
    if bill.metric.direction is Direction.MINIMIZE:
        yield f"Less {metric} is better; a gain of +1 means {metric} is lower by 1."
    if bill.total.cost.seconds > 1.1 * bill.total.seconds > 0:
        yield (
            f"Time adds up to the {duration(bill.total.seconds)} that you waited; workers side by side "
            f"did {duration(bill.total.cost.seconds)} of work."
        )


def _above_zero(bill: Bill) -> str:
    """Why a lever may be unproven although its interval says otherwise; empty where none is."""
    if not any(one.tested and one.tested.low > 0 for one in bill.with_outcome(Outcome.UNPROVEN)):
        return ""
    return " Unproven with an interval above 0: several levers were compared at once, which the verdict allows for."


def _promise(bill: Bill) -> str:
    """What validation said of the gain that held-out rows then measured; empty where there is nothing to compare."""
    if bill.evidence is not Evidence.HELD_OUT or bill.promised is None or bill.is_baseline_kept:
        return ""
    return f"While searching, validation rows had promised {_signed(bill.promised, decimals_of(bill))}."


def _best_first(bill: Bill) -> list[LeverBill]:
    """Levers that helped, then the others, those left as they were last; the larger gain first."""
    ranks = list(_WORDS)
    return sorted(bill.levers, key=lambda one: (ranks.index(one.outcome), -(one.gain or one.promised or 0.0)))


def _rate_decimals(bill: Bill) -> int:
    rates = (lever.gain_per_minute for lever in bill.levers)
    return decimals_for(max([abs(rate) for rate in rates if rate] or [0.0]))


def _style(lever: LeverBill) -> str:
    return "bold" if lever.outcome in (Outcome.HELPED, Outcome.HURT) else ""


def _signed(value: float | None, decimals: int) -> str:
    if value is None:
        return _UNKNOWN
    return number(0.0, 0) if value == 0 else signed(value, decimals)


def _interval(lever: LeverBill, decimals: int) -> str:
    return _bounds(lever.tested, decimals)


def _overall_interval(bill: Bill, decimals: int) -> str:
    return _bounds(bill.verdict.overall if bill.verdict else None, decimals)


def _bounds(gain: Gain | None, decimals: int) -> str:
    return interval(gain.low, gain.high, decimals) if gain and gain.low < gain.high else ""


def _overall_word(bill: Bill) -> str:
    if bill.is_baseline_kept:
        return ""
    return "proven" if bill.is_significant else "unproven"


def _p_value(lever: LeverBill) -> tuple[str, str]:
    return (probability(lever.tested.p_adjusted) if lever.tested else "", "")
