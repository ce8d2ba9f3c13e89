"""Trials as flat rows, for spreadsheets and data frames."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, Any, Literal, TypeAlias

from luthier.core.errors import StoreError, UnknownName
from luthier.core.history import History
from luthier.core.trial import Trial

Format: TypeAlias = Literal["csv", "json", "parquet"]
FORMATS: tuple[Format, ...] = ("csv", "json", "parquet")
"""What `write_rows` writes."""


def trial_rows(history: History) -> list[dict[str, Any]]:
    """One row a trial, all with the same columns in the same order; None where a trial has nothing to say.

    `id`, `status`, `purpose`, `levers`, `confirms`, `seed`, `until`, `fidelity`, `value`, `standard_error`,
    `is_incumbent`; `metric.NAME` of the last measurement; `seconds`, `calls`, `tokens`, `usd`,
    `engineer_hours`; `config.LEVER.SETTING`; `retries`, `failure`, `artifact`.
    """
    settings = dict.fromkeys(name for trial in history.trials for name in trial.config)
    metrics = dict.fromkeys(name for trial in history.trials for name in _metrics(trial))
    incumbent = history.incumbent
    return [
        {
            "id": trial.id,
            "status": str(trial.status),
            "purpose": str(trial.purpose),
            "levers": list(trial.levers),
            "confirms": trial.confirms,
            "seed": trial.seed,
            "until": trial.until,
            "fidelity": trial.fidelity,
            "value": trial.value,
            "standard_error": trial.standard_error,
            "is_incumbent": incumbent is not None and trial.id == incumbent.id,
            **{f"metric.{name}": _metrics(trial).get(name) for name in metrics},
            "seconds": trial.cost.seconds,
            "calls": trial.cost.calls,
            "tokens": trial.cost.tokens,
            "usd": trial.cost.usd,
            "engineer_hours": trial.cost.engineer_hours,
            **{f"config.{name}": _setting(trial, name) for name in settings},
            "retries": trial.retries,
            "failure": None if trial.failure is None else f"{trial.failure.kind}: {trial.failure.message}",
            "artifact": trial.artifact,
        }
        for trial in history.trials
    ]


def write_rows(rows: Sequence[Mapping[str, Any]], target: str | Path | IO[Any], form: Format) -> None:
    """Write `rows`, which share their columns, as CSV, JSON (a list of objects) or Parquet.

    `target` is a path or a stream: of text for CSV and JSON, of bytes for Parquet. Lists become JSON text in CSV
    and Parquet, as do columns of mixed kinds in Parquet. Raises StoreError where it can't be written.
    """
    if form not in FORMATS:
        raise UnknownName("format", str(form), FORMATS)
    try:
        if form == "parquet":
            content = _as_parquet(rows)
            with _opened(target, "wb") as stream:
                stream.write(content)
        else:
            text = _as_csv(rows) if form == "csv" else _as_json(rows)
            with _opened(target, "w") as stream:
                stream.write(text)
    except BrokenPipeError:
        raise  # who read the stream went away: there is nothing to name instead
    except OSError as error:
        raise StoreError(
            f"{len(rows)} rows can't be written to {target}: {error.strerror or error}; name another place"
        ) from error


def _metrics(trial: Trial) -> Mapping[str, float]:
    return trial.measurements[-1].metrics if trial.measurements else {}


def _setting(trial: Trial, name: str) -> Any:
    value = trial.config.get(name)
    return list(value) if isinstance(value, tuple) else value


def _opened(target: str | Path | IO[Any], mode: str) -> AbstractContextManager[IO[Any]]:
    if not isinstance(target, str | Path):
        return nullcontext(target)
    if mode == "wb":
        return Path(target).open("wb")
    return Path(target).open("w", encoding="utf-8", newline="")


def _as_json(rows: Sequence[Mapping[str, Any]]) -> str:
    finite = [{name: _finite(value) for name, value in row.items()} for row in rows]
    return json.dumps(finite, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return text.getvalue()


def _as_parquet(rows: Sequence[Mapping[str, Any]]) -> bytes:
    import polars as pl

    columns: dict[str, list[Any]] = {}
    for name in rows[0] if rows else ():
        values = [_cell(row[name]) for row in rows]
        kinds = {type(value) for value in values if value is not None}
        if kinds == {int, float}:
            values = [None if value is None else float(value) for value in values]
        elif len(kinds) > 1:
            values = [None if value is None else json.dumps(value) for value in values]
        columns[name] = values
    buffer = io.BytesIO()
    pl.DataFrame(columns, strict=True).write_parquet(buffer)
    return buffer.getvalue()


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
