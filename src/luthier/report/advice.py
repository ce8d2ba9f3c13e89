"""What a bill means, in plain sentences: the verdict, what to do next, and what to be careful about.

Every rule is a small function of the bill that gives a sentence, or None where it has nothing to say.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from luthier.report.bill import Bill, Evidence, LeverBill, Outcome
from luthier.report.outlook import Outlook, Prospect, doubled, prospect_of
from luthier.report.rows_needed import rows_needed
from luthier.report.words import clean, count, decimals_for, duration, interval, listing, number, sentence, signed

MANY_FAILURES = 0.3
REACHABLE = 100


@dataclass(frozen=True, slots=True)
class Advice:
    """`title` in a few words, `verdict` in a sentence or two, `next` in one.

    `cautions` are sentences too, the verdict's own notes among them; there may be none.
    """

    title: str
    verdict: str
    next: str
    prospect: Prospect
    cautions: tuple[str, ...] = ()


def advise(bill: Bill) -> Advice:
    """The advice that follows from a bill."""
    prospect = prospect_of(bill)
    found = [text for rule in _CAUTIONS if (text := rule(bill))]
    notes = bill.verdict.notes if bill.verdict and bill.evidence is Evidence.HELD_OUT else ()
    cautions = tuple(sentence(clean(text)) for text in (*found, *notes))
    return Advice(_title(bill), sentence(_verdict(bill)), sentence(_next(bill, prospect)), prospect, cautions)


def decimals_of(bill: Bill) -> int:
    """How many decimals all numbers of a bill share: two significant digits of the gain's uncertainty, or of it."""
    overall = bill.verdict.overall if bill.verdict else None
    if overall and overall.high > overall.low and math.isfinite(overall.high - overall.low):
        return decimals_for((overall.high - overall.low) / 2)
    scores = [abs(one) for one in (bill.baseline_score, bill.winner_score) if one]
    return decimals_for(abs(bill.gain or 0.0) or (max(scores) / 100 if scores else 0.0))


# ------------------------------------------------------------------------------------------------ the verdict


def _title(bill: Bill) -> str:
    if bill.evidence is Evidence.NOTHING:
        return "Nothing measured yet"
    if bill.evidence is Evidence.VALIDATION:
        return "Still running, or cut off" if bill.is_running else "Not finished: nothing is proven yet"
    if bill.is_significant:
        return "The tuned model is better"
    if not bill.is_tested and not bill.is_baseline_kept:
        return "Better settings were found, but not tested"
    return "No significant gain: keep what you have"


def _verdict(bill: Bill) -> str:
    metric = bill.metric.name
    if bill.baseline_score is None or bill.winner_score is None:
        if bill.baseline_score is None:
            return "the baseline has no value, so there is nothing to compare with"
        return f"only the baseline was measured: {metric} {number(bill.baseline_score, decimals_of(bill))}"
    if bill.is_baseline_kept:
        return (
            f"nothing that was tried looked better than what you started from, "
            f"{metric} {number(bill.baseline_score, decimals_of(bill))}{_where(bill)}"
        )
    return f"{metric} {_moved(bill)}{_where(bill)}{_by_how_much(bill)}"


def _moved(bill: Bill) -> str:
    assert bill.baseline_score is not None
    assert bill.winner_score is not None
    decimals = decimals_of(bill)
    before, after = number(bill.baseline_score, decimals), number(bill.winner_score, decimals)
    if before == after:
        return f"stayed at {before}"
    verb = "rose" if bill.winner_score > bill.baseline_score else "fell"
    return f"{verb} from {before} to {after}"


def _where(bill: Bill) -> str:
    if bill.verdict and bill.evidence is Evidence.HELD_OUT:
        groups = f" from {count(bill.verdict.groups, 'group')}" if bill.verdict.groups else ""
        return f" on {count(bill.verdict.rows, 'held-out row')}{groups}"
    if bill.evidence is Evidence.UNHELD:
        return ", with nothing held out"
    return " on the rows that the search looked at; no held-out row was used so far"


def _by_how_much(bill: Bill) -> str:
    overall = bill.verdict.overall if bill.verdict else None
    if overall is None:
        return ""
    decimals = decimals_of(bill)
    gain = (
        f"a gain of {signed(overall.gain, decimals)}"
        if overall.gain >= 0
        else f"{number(-overall.gain, decimals)} worse"
    )
    text = f": {gain} (95% interval {interval(overall.low, overall.high, decimals)})"
    if not overall.is_significant:
        return f"{text}, which can't be told from noise" if overall.high >= 0 else text
    return text


# ------------------------------------------------------------------------------------------------- what next


def _next(bill: Bill, prospect: Prospect) -> str:
    for rule in (_mend_first, _finish_first, _no_gain, _keep):
        text = rule(bill, prospect)
        if text:
            return text
    return f"{_use(bill)}; {_go_on(bill, prospect)}"


def _use(bill: Bill) -> str:
    if bill.is_tested:
        return "keep the tuned model as a whole"
    return "measure the new settings afresh a few times before you rely on them"


def _mend_first(bill: Bill, prospect: Prospect) -> str | None:
    search = bill.search
    if bill.evidence is Evidence.NOTHING:
        reason = f" ('{clean(search.failures[0].message, 120)}')" if search.failures else ""
        return f"make the baseline run first{reason}; nothing can be compared without it"
    if not bill.is_significant and search.made and search.failed > search.made / 2:
        return f"mend what made {search.failed:,} of {count(search.made, 'trial')} fail, then tune again"
    return None


def _finish_first(bill: Bill, prospect: Prospect) -> str | None:
    if bill.evidence is not Evidence.VALIDATION:
        return None
    if bill.is_running:
        return "let it run, since the gain is proven only at the end; if it was cut off, take it up again by --resume"
    return "take the study up again (--resume) and let it finish: gains seen while searching look larger than they are"


def _no_gain(bill: Bill, prospect: Prospect) -> str | None:
    if bill.is_significant or (not bill.is_tested and not bill.is_baseline_kept):
        return None
    needed = rows_needed(bill.verdict) if bill.verdict and bill.evidence is Evidence.HELD_OUT else None
    if needed and bill.verdict and bill.verdict.rows < needed <= REACHABLE * bill.verdict.rows:
        gain = signed(bill.gain or 0.0, decimals_of(bill))
        return (
            f"keep what you have: if {gain} is real, it would take about {_roughly(needed)} held-out rows to show it "
            f"({bill.verdict.rows:,} were used), so more data to test on helps before more tuning does"
        )
    if prospect.outlook is Outlook.STOP:
        return f"keep what you have, and try other levers or wider ranges rather than more time: {prospect.reason}"
    return f"keep what you have for now; {_go_on(bill, prospect)}"


def _keep(bill: Bill, prospect: Prospect) -> str | None:
    helped, hurt = bill.with_outcome(Outcome.HELPED), bill.with_outcome(Outcome.HURT)
    if not helped:
        return None
    back = f", put {listing(_names(hurt))} back to what it was" if hurt else ""
    return f"keep {listing([_worth(bill, lever) for lever in helped])}{back}; {_go_on(bill, prospect)}"


def _worth(bill: Bill, lever: LeverBill) -> str:
    assert lever.gain is not None
    cost = f" for {duration(lever.charge.seconds)}" if lever.charge.seconds > 0 else ""
    return f"{lever.name} ({signed(lever.gain, decimals_of(bill))}{cost})"


def _go_on(bill: Bill, prospect: Prospect) -> str:
    if prospect.outlook is Outlook.STOP:
        return f"going on is unlikely to pay, since {prospect.reason}"
    if prospect.outlook is Outlook.GO_ON:
        return f"going on may pay (try a budget of {doubled(bill.budget)}), since {prospect.reason}"
    return f"a larger budget (say {doubled(bill.budget)}) would tell more, since {prospect.reason}"


# -------------------------------------------------------------------------------------------------- cautions


def _unproven_levers(bill: Bill) -> str | None:
    unproven = _names(bill.with_outcome(Outcome.UNPROVEN))
    if not bill.is_significant or not unproven:
        return None
    if not bill.with_outcome(Outcome.HELPED):
        return "no single lever's gain can be told from noise, only that of all changes together"
    return f"what {listing(unproven)} brought can't be told from noise"


def _harmful_levers(bill: Bill) -> str | None:
    hurt = _names(bill.with_outcome(Outcome.HURT))
    return f"the model does better with {listing(hurt)} as it was" if hurt else None


def _promised_too_much(bill: Bill) -> str | None:
    overall = bill.verdict.overall if bill.verdict else None
    if bill.evidence is not Evidence.HELD_OUT or overall is None or bill.promised is None:
        return None
    if bill.promised <= overall.high:
        return None
    decimals = decimals_of(bill)
    return (
        f"validation promised too much: {signed(bill.promised, decimals)}, where held-out rows gave "
        f"{signed(overall.gain, decimals)}; many looks at the same rows do that"
    )


def _many_failures(bill: Bill) -> str | None:
    search = bill.search
    if not search.failures or search.failed < MANY_FAILURES * search.made or not search.failed:
        return None
    worst = search.failures[0]
    return (
        f"{search.failed:,} of {count(search.made, 'trial')} failed, {worst.count:,} of all failures with "
        f"{clean(worst.kind, 40)}: '{clean(worst.message, 120)}'"
    )


def _opened_again(bill: Bill) -> str | None:
    if bill.verdict is None or bill.verdict.openings < 2:
        return None
    return (
        f"the held-out test was opened {bill.verdict.openings} times, by force: these numbers are no longer a fair test"
    )


def _nothing_held_out(bill: Bill) -> str | None:
    if bill.evidence is not Evidence.UNHELD:
        return None
    return "there were no rows to hold out, so these are numbers that the search itself picked, and likely too good"


_CAUTIONS: tuple[Callable[[Bill], str | None], ...] = (
    _opened_again,
    _nothing_held_out,
    _harmful_levers,
    _unproven_levers,
    _promised_too_much,
    _many_failures,
)


def _names(levers: list[LeverBill]) -> list[str]:
    return [lever.name for lever in levers]


def _roughly(amount: int) -> str:
    """Two significant digits."""
    size = 10 ** max(0, len(str(amount)) - 2)
    return f"{round(amount / size) * size:,}"
