"""A study's report as plain JSON. Keys are stable: a key may be added, none changes its meaning or goes."""

from __future__ import annotations

import math
from typing import Any

from luthier.core.history import History
from luthier.core.verdict import Gain
from luthier.report.advice import Advice, advise
from luthier.report.bill import Bill, Charge, LeverBill, bill_of

FORMAT = 1


def report_json(history: History) -> dict[str, Any]:
    """The bill and the advice. Gains are positive where better; numbers that aren't finite are None.

    `worker_seconds` is what workers spent, `wall_seconds` the share of the time that a person waited.
    """
    bill = bill_of(history)
    return _finite(
        {
            "format": FORMAT,
            "metric": {"name": bill.metric.name, "direction": str(bill.metric.direction)},
            "evidence": str(bill.evidence),
            "is_running": bill.is_running,
            "budget": bill.budget.to_json(),
            "scores": _scores(bill),
            "levers": [_lever(lever) for lever in bill.levers],
            "others": [_charge(charge) for charge in bill.others],
            "total": {**_charge(bill.total), "gain": bill.gain, "gain_per_minute": bill.gain_per_minute},
            "search": _search(bill),
            "winner": {"trial": bill.winner, "artifact": bill.artifact, "config": _config(history, bill)},
            "verdict": bill.verdict.to_json() if bill.verdict else None,
            "advice": _advice(advise(bill)),
        }
    )


def _scores(bill: Bill) -> dict[str, Any]:
    return {
        "baseline": bill.baseline_score,
        "winner": bill.winner_score,
        "gain": _gain(bill.verdict.overall if bill.verdict else None),
        "is_significant": bill.is_significant,
        "validation": {
            "baseline": bill.baseline_validation,
            "winner": bill.winner_validation,
            "gain": bill.promised,
            "optimism": bill.verdict.optimism if bill.verdict else None,
        },
    }


def _gain(gain: Gain | None) -> dict[str, Any] | None:
    if gain is None:
        return None
    return {
        "gain": gain.gain,
        "low": gain.low,
        "high": gain.high,
        "p_value": gain.p_value,
        "p_adjusted": gain.p_adjusted,
        "is_significant": gain.is_significant,
    }


def _charge(charge: Charge) -> dict[str, Any]:
    return {
        "name": charge.name,
        "trials": charge.trials,
        "failed": charge.failed,
        "wall_seconds": charge.seconds,
        "worker_seconds": charge.cost.seconds,
        "calls": charge.cost.calls,
        "tokens": charge.cost.tokens,
        "usd_micros": charge.cost.usd_micros,
    }


def _lever(lever: LeverBill) -> dict[str, Any]:
    return {
        **_charge(lever.charge),
        "outcome": str(lever.outcome),
        "gain": lever.gain,
        "gain_per_minute": lever.gain_per_minute,
        "tested": _gain(lever.tested),
        "validation_gain": lever.promised,
        "changes": [
            {"setting": one.setting, "before": _value(one.before), "after": _value(one.after)} for one in lever.changes
        ],
    }


def _search(bill: Bill) -> dict[str, Any]:
    return {
        "made": bill.search.made,
        "valued": bill.search.valued,
        "failed": bill.search.failed,
        "winner_at": bill.search.winner_at,
        "failures": [
            {"kind": group.kind, "message": group.message, "count": group.count, "first_trial": group.first}
            for group in bill.search.failures
        ],
    }


def _config(history: History, bill: Bill) -> dict[str, Any] | None:
    return None if bill.winner is None else history.trials[bill.winner].config.to_json()


def _advice(advice: Advice) -> dict[str, Any]:
    return {
        "title": advice.title,
        "verdict": advice.verdict,
        "next": advice.next,
        "outlook": str(advice.prospect.outlook),
        "cautions": list(advice.cautions),
    }


def _value(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
