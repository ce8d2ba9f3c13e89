"""What a column holds, for a model: a number, a category, a date, a text; and its values as that.

A kind is a text, so that a task file can state it and a person correct it. Of texts that are numbers or dates it
says how they are written: `number 1.234,5`, `date %d.%m.%Y`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from luthier.core.dataset import Column
from luthier.core.errors import DataError, nearest_first
from luthier.data.columns import MISSING_MARKS, dates_or_texts, is_missing

if TYPE_CHECKING:
    import polars as pl


class Kind(StrEnum):
    """What a column holds.

    NUMBER    a number; booleans are 0 and 1
    CATEGORY  one of a few values, such as a city, a color, a zip code
    DATE      a date, or a date and time
    TEXT      words to be read
    """

    NUMBER = "number"
    CATEGORY = "category"
    DATE = "date"
    TEXT = "text"


DECIMAL_POINT = "1,234.5"
DECIMAL_COMMA = "1.234,5"
NUMBER_PATTERNS = {
    DECIMAL_POINT: r"^[+-]?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?$",
    DECIMAL_COMMA: r"^[+-]?(\d{1,3}(\.\d{3})+|\d+)(,\d+)?$",
}
"""How texts may write numbers, beside a currency or a percent sign."""
_SIGNS_AROUND = r"[\s\x{a0}$€£¥%]"
DATE_FORMATS = ("%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d", "%d-%m-%Y", "%d.%m.%Y %H:%M", "%m/%d/%Y %H:%M")
"""How texts may write dates, beside ISO 8601: the first that suits every value is taken."""


def parse_kind(stated: str) -> tuple[Kind, str]:
    """The kind, and how it is written in texts ('' for the usual way); raises DataError listing the kinds."""
    name, _, written = stated.strip().partition(" ")
    if name not in list(Kind):
        near = ", ".join(nearest_first(name, list(Kind)))
        raise DataError(f"a column is a {near.replace(', ', ' or ')}; got '{stated}'")
    kind, written = Kind(name), written.strip()
    if kind is Kind.NUMBER and written not in ("", *NUMBER_PATTERNS):
        raise DataError(f"numbers in texts are written like {' or '.join(NUMBER_PATTERNS)}; got '{stated}'")
    if kind is Kind.DATE and written and "%" not in written:
        raise DataError(f"the format of a date is written like %d.%m.%Y; got '{stated}'")
    if kind in (Kind.CATEGORY, Kind.TEXT) and written:
        raise DataError(f"'{kind}' takes nothing after it; got '{stated}'")
    return kind, written


def typed(name: str, column: Column, stated: str) -> pl.Series:
    """The values of `column` (n,) as the kind `stated`, missing ones and infinite numbers null.

    Numbers are Float64, categories Categorical, dates Datetime, texts String. Raises DataError for a value that
    is no number or date where the kind is one.
    """
    import polars as pl

    kind, written = parse_kind(stated)
    if column.ndim > 1:
        raise DataError(f"the column '{name}' has the shape {column.shape}; a {kind} is one value a row")
    if kind is Kind.NUMBER:
        numbers = _numbers(name, column, written)
        return pl.Series(name, np.where(np.isfinite(numbers), numbers, np.nan)).fill_nan(None)
    if kind is Kind.DATE:
        return _dates(name, column, written)
    texts = pl.Series(name, as_texts(column), dtype=pl.String)
    return texts.cast(pl.Categorical) if kind is Kind.CATEGORY else texts


def as_texts(column: Column) -> list[str | None]:
    """Numbers, truth values and dates as the texts that they were read from, as far as can be told; None: missing."""
    return [
        None if missing else _as_text(value) for value, missing in zip(column.tolist(), is_missing(column), strict=True)
    ]


def bare_texts(column: Column) -> pl.Series:
    """The texts of a column without the blanks around them, null for those that mark a missing value."""
    import polars as pl

    texts = pl.Series(column.tolist(), dtype=pl.String).str.strip_chars()
    return pl.select(pl.when(~texts.is_in(MISSING_MARKS)).then(texts)).to_series()


def bare_numbers(texts: pl.Series) -> pl.Series:
    """Texts without blanks, currencies and percent signs."""
    return texts.str.replace_all(_SIGNS_AROUND, "")


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _numbers(name: str, column: Column, written: str) -> Any:
    import polars as pl

    if column.dtype.kind in "biuf":
        return column.astype(np.float64)
    if column.dtype != object:
        raise DataError(f"the column '{name}' must hold numbers, but holds dates; call it a date")
    texts = bare_texts(column)
    plain = bare_numbers(texts)
    if written == DECIMAL_COMMA:
        plain = plain.str.replace_all(".", "", literal=True).str.replace_all(",", ".", literal=True)
    else:
        plain = plain.str.replace_all(",", "", literal=True)
    numbers = plain.cast(pl.Float64, strict=False)
    _check_read(name, "number", texts, numbers)
    return numbers.to_numpy()


def _dates(name: str, column: Column, written: str) -> pl.Series:
    import polars as pl

    found = column
    if column.dtype == object and written:
        texts = bare_texts(column)
        dates = texts.str.to_datetime(written, strict=False, time_unit="us")
        _check_read(name, "date", texts, dates)
        return dates.alias(name)
    if column.dtype == object:
        found = dates_or_texts(column)
    if is_missing(found).all():
        return pl.Series(name, [None] * len(column), dtype=pl.Datetime("us"))
    if found.dtype.kind != "M":
        held = next(value for value in column.tolist() if value is not None)
        raise DataError(
            f"the column '{name}' must hold dates such as 2031-12-24, but holds {held!r}; "
            "say how its dates are written, such as `date %d.%m.%Y`, or call it a category or a text"
        )
    return pl.Series(name, found)


def _check_read(name: str, kind: str, texts: pl.Series, values: pl.Series) -> None:
    wrong = texts.filter(texts.is_not_null() & values.is_null())
    if len(wrong):
        raise DataError(
            f"the column '{name}' must hold a {kind} in every row that has a value, but {len(wrong)} hold something "
            f"else, such as {wrong[0]!r}; mend them, or call the column a category or a text"
        )
