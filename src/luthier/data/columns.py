"""Columns in the one form that a Dataset has them, whatever they came from.

Texts are object arrays with None for missing; numbers int64, or float64 with NaN for missing; booleans bool, or
float64 with NaN where some are missing; dates and times datetime64[us] in UTC with NaT for missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from luthier.core.dataset import Column
from luthier.core.errors import DataError

if TYPE_CHECKING:
    import polars as pl

MISSING_MARKS = ("", "NA", "N/A", "n/a", "na", "NaN", "nan", "null", "NULL", "None", "none", "?", "-")
"""Texts that stand for a missing value in a column whose other values are all numbers, booleans or dates."""

_INT64 = np.iinfo(np.int64)
_HOW_TO_FLATTEN = "spread it over plain columns, or write it as one text"


def as_column(name: str, values: Any) -> Column:
    """The column `name` in canonical form, from an array, a list, or a series of polars or pandas.

    Arrays of more than one dimension, (n, ...), are kept if they hold numbers. Raises DataError for values that
    are neither number, text, boolean, date nor missing.
    """
    if type(values).__module__.partition(".")[0] == "polars":
        return from_series(values)
    array = values.to_numpy() if hasattr(values, "to_numpy") else values
    if not isinstance(array, np.ndarray):
        is_array = hasattr(array, "__array__")
        array = np.asarray(array) if is_array else _objects(list(array))
    kind = array.dtype.kind
    if kind == "b":
        return array
    if kind == "f" or (kind == "u" and array.size and array.max() > _INT64.max):
        return array.astype(np.float64)
    if kind in "iu":
        return array.astype(np.int64)
    if array.ndim != 1:
        raise DataError(f"column '{name}' has the shape {array.shape}; only numbers may have more than one dimension")
    if kind == "M":
        return array.astype("datetime64[us]")
    if kind in "UT":
        return _objects(array.tolist())
    if kind == "O":
        return _from_objects(name, array.tolist())
    raise DataError(f"column '{name}' holds values of type {array.dtype}; {_allowed()}")


def from_series(series: pl.Series) -> Column:
    """The canonical form of a typed polars series; raises DataError for nested and other types."""
    import polars as pl

    kind = series.dtype
    if kind == pl.Boolean:
        return series.to_numpy() if not series.has_nulls() else series.cast(pl.Float64).to_numpy()
    if kind == pl.UInt64 and (series.max() or 0) > _INT64.max:  # pyright: ignore[reportOperatorIssue]
        return series.cast(pl.Float64).to_numpy()
    if kind.is_integer():
        return series.cast(pl.Float64 if series.has_nulls() else pl.Int64).to_numpy()
    if kind.is_numeric() or kind == pl.Null:
        return series.cast(pl.Float64).to_numpy()
    if kind in (pl.String, pl.Categorical, pl.Enum):
        return _objects(series.cast(pl.String).to_list())
    if kind in (pl.Date, pl.Datetime):
        return _utc(series).to_numpy().astype("datetime64[us]")
    if kind.is_nested():
        raise DataError(f"column '{series.name}' holds nested values ({kind}); {_HOW_TO_FLATTEN}")
    raise DataError(f"column '{series.name}' holds values of type {kind}; {_allowed()}")


def from_texts(series: pl.Series) -> Column:
    """The canonical form of a column of texts (as a CSV has them), its type inferred over all of its values.

    It is boolean, whole, real, or a date (ISO 8601) if every value is that or one of MISSING_MARKS; else text,
    in which only empty values are missing. Whole numbers that don't fit in 64 bits stay texts.
    """
    import polars as pl

    stripped = series.str.strip_chars()
    known = stripped.filter(stripped.is_not_null() & ~stripped.is_in(MISSING_MARKS))
    if known.is_empty():
        return np.full(len(series), np.nan)
    marked = pl.select(pl.when(~stripped.is_in(MISSING_MARKS)).then(stripped)).to_series().rename(series.name)
    lowered = known.str.to_lowercase()
    if lowered.is_in(("true", "false")).all():
        return from_series(marked.str.to_lowercase() == "true")
    for kind in (pl.Int64, pl.Float64):
        if known.cast(kind, strict=False).has_nulls():
            continue
        if kind == pl.Float64 and known.str.contains(r"^[+-]?\d{18,}$").any():
            break
        return from_series(marked.cast(kind))
    dates = _dates(marked)
    if dates is not None:
        return from_series(dates)
    return _objects([text or None for text in series.to_list()])


def dates_or_texts(column: Column) -> Column:
    """The dates (ISO 8601) that a text column writes, if all of its values are some; else the column itself."""
    import polars as pl

    if column.dtype != object:
        return column
    dates = _dates(pl.Series(column.tolist(), dtype=pl.String))
    return column if dates is None else from_series(dates)


def is_missing(column: Column) -> NDArray[np.bool_]:
    """(n,) whether each value is missing: None, NaN or NaT."""
    if column.dtype == object:
        return np.fromiter((value is None for value in column), dtype=np.bool_, count=len(column))
    if column.dtype.kind == "f":
        return np.asarray(np.isnan(column.reshape(len(column), -1)).all(axis=1), dtype=np.bool_)
    if column.dtype.kind == "M":
        return np.isnat(column)
    return np.zeros(len(column), dtype=np.bool_)


def _dates(texts: pl.Series) -> pl.Series | None:
    known = texts.drop_nulls()
    if known.is_empty() or not known.str.contains(r"^\d{4}-\d{2}-\d{2}").all():
        return None
    import polars as pl

    if known.str.contains(r"^\d{4}-\d{2}-\d{2}$").all():
        dates = texts.str.to_date("%Y-%m-%d", strict=False)
    else:
        try:
            dates = texts.str.to_datetime(strict=False)
        except pl.exceptions.PolarsError:
            return None
    return dates if dates.null_count() == texts.null_count() else None


def _utc(series: pl.Series) -> pl.Series:
    import polars as pl

    if isinstance(series.dtype, pl.Datetime) and series.dtype.time_zone is not None:
        series = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return series.cast(pl.Datetime("us"))


def _objects(values: Sequence[Any]) -> Column:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def _from_objects(name: str, values: list[Any]) -> Column:
    values = [None if _is_nothing(value) else value for value in values]
    kinds = {_kind_of(name, value) for value in values if value is not None}
    if not kinds:
        return np.full(len(values), np.nan)
    has_missing = any(value is None for value in values)
    if kinds <= {"boolean", "whole", "real"} and (kinds == {"boolean"} or "boolean" not in kinds):
        if has_missing or "real" in kinds:
            return np.array([np.nan if value is None else float(value) for value in values])
        if kinds == {"boolean"}:
            return np.array(values, dtype=np.bool_)
        if all(_INT64.min <= value <= _INT64.max for value in values):
            return np.array(values, dtype=np.int64)
    if kinds == {"date"}:
        return np.array([_naive(value) for value in values], dtype="datetime64[us]")
    return _objects([value if value is None or isinstance(value, str) else str(value) for value in values])


def _kind_of(name: str, value: Any) -> str:
    if isinstance(value, str):
        return "text"
    if isinstance(value, bool | np.bool_):
        return "boolean"
    if isinstance(value, int | np.integer):
        return "whole"
    if isinstance(value, float | np.floating | Decimal):
        return "real"
    if isinstance(value, date | np.datetime64):
        return "date"
    if isinstance(value, list | tuple | dict | set | np.ndarray):
        raise DataError(f"column '{name}' holds nested values, such as {value!r:.60}; {_HOW_TO_FLATTEN}")
    raise DataError(f"column '{name}' holds a value of type {type(value).__name__}; {_allowed()}")


def _is_nothing(value: Any) -> bool:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    if isinstance(value, np.datetime64):
        return bool(np.isnat(value))
    return isinstance(value, float | np.floating | Decimal) and value != value


def _naive(value: Any) -> Any:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    return value


def _allowed() -> str:
    return "values must be numbers, texts, booleans, dates or missing: convert them or leave the column out"
