"""One line a study, for the list of studies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from luthier.core.history import History
from luthier.report.advice import decimals_of
from luthier.report.bill import Bill, Evidence, bill_of
from luthier.report.cells import LEFT, RIGHT, bare_table
from luthier.report.words import clean, duration, number, signed

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True, slots=True)
class StudyLine:
    """What the list says of one study; `best` and `gain` are texts, empty where unknown."""

    name: str
    state: str
    trials: int
    seconds: float
    metric: str
    best: str
    gain: str


def study_line(name: str, history: History) -> StudyLine:
    """The line of one study."""
    bill = bill_of(history)
    decimals = decimals_of(bill)
    score, gain = bill.winner_score, bill.gain
    return StudyLine(
        name,
        _state(bill),
        bill.total.trials,
        bill.total.seconds,
        bill.metric.name,
        "" if score is None else number(score, decimals),
        "" if gain is None else _gain(bill, gain, decimals),
    )


def studies_table(lines: Sequence[StudyLine]) -> Table:
    """The list of studies."""
    from rich.text import Text

    columns = [("Study", LEFT), ("State", LEFT), ("Trials", RIGHT), ("Time", RIGHT), ("Best", LEFT), ("Gain", LEFT)]
    table = bare_table(columns)
    for column in (table.columns[0], *table.columns[-2:]):
        column.no_wrap, column.overflow = False, "fold"
    for one in lines:
        best = f"{one.metric} {one.best}" if one.best else ""
        cells = (clean(one.name, 40), one.state, f"{one.trials:,}", duration(one.seconds), clean(best, 40), one.gain)
        table.add_row(*(Text(cell) for cell in cells))
    return table


def _state(bill: Bill) -> str:
    if bill.verdict:
        return "finished"
    return "running" if bill.is_running else "unfinished"


def _gain(bill: Bill, gain: float, decimals: int) -> str:
    if bill.is_baseline_kept:
        return "none"
    if bill.evidence is Evidence.VALIDATION:
        return f"{signed(gain, decimals)} on validation"
    return f"{signed(gain, decimals)} {'proven' if bill.is_significant else 'unproven'}"
