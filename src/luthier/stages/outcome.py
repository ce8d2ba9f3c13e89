"""What a user's function may hand back for one unit of fidelity, and the Measurement that it stands for."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from luthier.core.errors import StageError
from luthier.core.trial import Measurement


def as_measurement(outcome: Any, fidelity: int, metric: str | None, source: str) -> Measurement:
    """The Measurement at `fidelity` that `outcome` stands for: a number, a dict of numbers, or a Measurement.

    A dict holds the study's `metric` under its name, and other metrics beside it. `source` names who handed it
    back, for the error. Raises StageError where it is none of these or isn't finite.
    """
    if isinstance(outcome, Measurement):
        if outcome.fidelity != fidelity:
            raise StageError(
                f"{source} gave a measurement of fidelity {outcome.fidelity} where {fidelity} comes next; "
                "count the units from 1 and leave none out"
            )
        as_number(outcome.value, source)
        return outcome
    if isinstance(outcome, Mapping):
        return _from_mapping(outcome, fidelity, metric, source)
    return Measurement(fidelity, as_number(outcome, source))


def as_number(value: Any, source: str) -> float:
    """`value` as a finite float; raises StageError saying what `source` gave instead."""
    number = _number(value)
    if number is None:
        hint = "; does it lack a `return`?" if value is None else ""
        raise StageError(
            f"{source} must give a number, a dict of numbers or a Measurement, but gave {value!r:.80} "
            f"({type(value).__name__}){hint}"
        )
    if not math.isfinite(number):
        raise StageError(f"{source} must give a finite number, but gave {number}; a diverged run should raise an error")
    return number


def with_drawn(measurement: Measurement, drawn: Mapping[str, Any], metrics: Mapping[str, float]) -> Measurement:
    """`measurement` with the settings that were `drawn` and further `metrics`."""
    if not drawn and not metrics:
        return measurement
    return replace(measurement, drawn=dict(drawn), metrics={**measurement.metrics, **metrics})


def _from_mapping(outcome: Mapping[Any, Any], fidelity: int, metric: str | None, source: str) -> Measurement:
    name = metric if metric is not None or len(outcome) != 1 else next(iter(outcome))
    if name is None or name not in outcome:
        wanted = "the study's metric" if metric is None else f"'{metric}'"
        listed = ", ".join(map(str, outcome)) or "nothing"
        advice = "; say which is the metric with `metric=`" if metric is None else ""
        raise StageError(f"{source} must give {wanted} among its metrics, but gave {listed}{advice}")
    others = {str(key): value for key, value in outcome.items() if key != name}
    for key, value in others.items():
        if _number(value) is None:
            raise StageError(f"{source} must give numbers, but '{key}' is {value!r:.80} ({type(value).__name__})")
    value = as_number(outcome[name], f"{source}, under '{name}',")
    return Measurement(fidelity, value, metrics={key: float(value) for key, value in others.items()})


def _number(value: Any) -> float | None:
    """A float of any real number, or of an array or tensor with one element; None of anything else."""
    if isinstance(value, str | bytes | Mapping) or value is None:
        return None
    if isinstance(value, numbers.Real):
        return float(value)
    item = getattr(value, "item", None)
    if item is None:
        return None
    try:
        single = item()
    except (ValueError, RuntimeError, TypeError):
        return None
    return float(single) if isinstance(single, numbers.Real) else None
