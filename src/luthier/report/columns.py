"""The table of a bill as cells of text, whatever it is drawn on: a terminal, or a page.

A cell is a text with a style in rich's words, which says no more than how it is stressed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from luthier.core.cost import Cost
from luthier.core.metric import Direction
from luthier.core.verdict import Gain
from luthier.report.advice import decimals_of
from luthier.report.bill import Bill, Charge, Evidence, LeverBill, Outcome
from luthier.report.cells import LEFT, RIGHT
from luthier.report.credit import JOINT
from luthier.report.words import decimals_for, dollars, duration, interval, number, probability, signed

WORDS = {
    Outcome.HELPED: ("keep", "bold green"),
    Outcome.UNPROVEN: ("unproven", "yellow"),
    Outcome.HURT: ("put back", "bold red"),
    Outcome.UNTESTED: ("untested", "dim"),
    Outcome.UNCHANGED: ("unchanged", "dim"),
}
"""What is said of a lever, with its style; in the order in which levers are listed."""
_UNKNOWN = "-"


@dataclass(frozen=True)
class Column:
    """A column: what it says of a lever, of another charge, and of the sum. `optional` ones go where room is short."""

    header: str
    side: str
    lever: Callable[[LeverBill], tuple[str, str]]
    charge: Callable[[Charge], str]
    optional: bool = False


def columns_of(bill: Bill) -> list[Column]:
    """The columns that fit what is known: gains with intervals after a test, gains seen before one."""
    decimals = decimals_of(bill)
    total = bill.total
    columns = [
        Column("Lever", LEFT, lambda one: (one.name, "bold"), lambda one: one.name.capitalize()),
        _paid("Time", lambda one: duration(one.seconds)),
        _paid("Trials", lambda one: f"{one.trials:,}" if one.trials else ""),
        *(_paid(header, write) for header, amount, write in _OTHER_COSTS if amount(total.cost)),
    ]
    if not bill.is_tested:
        return [*columns, _promised(bill, decimals)]
    rate = rate_decimals(bill)
    tested = any(lever.tested for lever in bill.levers)
    return [
        *columns,
        Column(
            "Gain",
            RIGHT,
            lambda one: (signed_cell(one.gain, decimals), _style(one)),
            lambda one: signed_cell(bill.gain, decimals) if one is total else "",
        ),
        Column(
            "95% interval",
            RIGHT,
            lambda one: (interval_cell(one, decimals), ""),
            lambda one: _overall_interval(bill, decimals) if one is total else "",
        ),
        *([Column("p (Holm)", RIGHT, _p_value, lambda one: "", optional=True)] if tested else []),
        Column(
            "Per min",
            RIGHT,
            lambda one: (signed_cell(one.gain_per_minute, rate), ""),
            lambda one: signed_cell(bill.gain_per_minute, rate) if one is total else "",
        ),
        Column(
            "Verdict", LEFT, lambda one: WORDS[one.outcome], lambda one: _overall_word(bill) if one is total else ""
        ),
    ]


_OTHER_COSTS: tuple[tuple[str, Callable[[Cost], float], Callable[[Charge], str]], ...] = (
    ("Calls", lambda cost: cost.calls, lambda one: f"{one.cost.calls:,}" if one.cost.calls else ""),
    ("Tokens", lambda cost: cost.tokens, lambda one: f"{one.cost.tokens:,}" if one.cost.tokens else ""),
    ("Cost", lambda cost: cost.usd_micros, lambda one: dollars(one.cost.usd_micros) if one.cost.usd_micros else ""),
)


def _paid(header: str, write: Callable[[Charge], str]) -> Column:
    return Column(header, RIGHT, lambda one: (write(one.charge) or "0", ""), write)


def _promised(bill: Bill, decimals: int) -> Column:
    def of_charge(one: Charge) -> str:
        if one is bill.total:
            return signed_cell(bill.gain, decimals)
        return signed_cell(bill.promised_jointly, decimals) if one.name == JOINT else ""

    return Column("Gain seen", RIGHT, lambda one: (signed_cell(one.promised or 0.0, decimals), ""), of_charge)


def footnotes(bill: Bill) -> Iterator[str]:
    """What a reader of the table must know, a sentence or two each."""
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


def promise(bill: Bill) -> str:
    """What validation said of the gain that held-out rows then measured; empty where there is nothing to compare."""
    if bill.evidence is not Evidence.HELD_OUT or bill.promised is None or bill.is_baseline_kept:
        return ""
    return f"While searching, validation rows had promised {signed_cell(bill.promised, decimals_of(bill))}."


def best_first(bill: Bill) -> list[LeverBill]:
    """Levers that helped, then the others, those left as they were last; the larger gain first."""
    ranks = list(WORDS)
    return sorted(bill.levers, key=lambda one: (ranks.index(one.outcome), -(one.gain or one.promised or 0.0)))


def rate_decimals(bill: Bill) -> int:
    """How many decimals gains per minute share."""
    rates = (lever.gain_per_minute for lever in bill.levers)
    return decimals_for(max([abs(rate) for rate in rates if rate] or [0.0]))


def _style(lever: LeverBill) -> str:
    return "bold" if lever.outcome in (Outcome.HELPED, Outcome.HURT) else ""


def signed_cell(value: float | None, decimals: int) -> str:
    """A gain; a dash where it is unknown, a plain 0 where it is exactly that."""
    if value is None:
        return _UNKNOWN
    return number(0.0, 0) if value == 0 else signed(value, decimals)


def interval_cell(lever: LeverBill, decimals: int) -> str:
    """The interval of a lever's gain; empty where it has none."""
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
