"""Rows of a CSV or TSV text, with a clear word on what is wrong with it.

Polars reads the text. What it can't read, or would read by guessing (short rows become missing values), is read
again by the standard library's strict reader, which knows line numbers.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from luthier.core.dataset import Column
from luthier.core.errors import DataError
from luthier.data.columns import from_series, from_texts
from luthier.data.frame import check_distinct

if TYPE_CHECKING:
    import polars as pl

_LONGEST_FIELD = 2**31 - 1
_SEPARATORS = (",", "\t", ";", "|")


@dataclass(frozen=True, slots=True)
class _Record:
    """One record: the line (from 1) at which it starts, and its fields."""

    line: int
    fields: list[str]


def read_delimited(
    text: str, source: str, separator: str | None, as_text: str | None
) -> tuple[dict[str, Column], Callable[[int], str]]:
    """The columns of a CSV text, typed over all rows, and a function that says on which line a row stands.

    `separator` None takes the one of , tab ; | that parts the header. The column `as_text` keeps its texts as
    they are. `source` names the file in messages. Raises DataError.
    """
    text = text.removeprefix("\ufeff")
    if "\n" not in text:
        text = text.replace("\r", "\n")
    header, separator = _header(text, source, separator)
    frame = _by_polars(text, separator, header)
    if frame is None:
        frame = _by_records(text, source, separator, header)
    if frame.is_empty():
        raise DataError(f"{source} has a header but no rows; it needs at least one")
    columns = {
        series.name: from_series(series) if series.name == as_text else from_texts(series)
        for series in frame.get_columns()
    }
    return columns, lambda row: f"line {_line_of(text, separator, row)}"


def _header(text: str, source: str, separator: str | None) -> tuple[list[str], str]:
    first = text[: text.find("\n")] if "\n" in text else text
    if separator is None:
        separator = next((one for one in _SEPARATORS if one in first), ",")
    record = next(_records(text, source, separator), None)
    if record is None:
        raise DataError(f"{source} is empty; it needs a header and at least one row")
    names = [name.strip() for name in record.fields]
    for number, name in enumerate(names, start=1):
        if not name:
            raise DataError(
                f"{source}: every column needs a name in the header; column {number} has none: name it"
                + (", or write the file without its index (index=False in pandas)" if number == 1 else "")
            )
    try:
        check_distinct(names)
    except DataError as error:
        raise DataError(f"{source}: {error}") from None
    return names, separator


def _by_polars(text: str, separator: str, header: list[str]) -> pl.DataFrame | None:
    """The frame of texts; None where polars can't read the text or may have filled in what isn't there."""
    import polars as pl

    try:
        frame = pl.read_csv(text.encode("utf-8"), separator=separator, infer_schema=False)
    except pl.exceptions.PolarsError:
        return None
    if frame.width != len(header) or (frame.height and frame[:, -1].has_nulls()):
        return None
    frame.columns = header
    return frame


def _by_records(text: str, source: str, separator: str, header: list[str]) -> pl.DataFrame:
    import polars as pl

    records = _records(text, source, separator)
    next(records)
    rows: list[list[str]] = []
    for record in records:
        if len(record.fields) != len(header):
            raise DataError(
                f"{source}, line {record.line}: every row must have {len(header)} fields, as the header has; "
                f"got {len(record.fields)}. Add or drop the separator '{separator}' there, or put the field in quotes"
            )
        rows.append(record.fields)
    return pl.DataFrame(rows, schema=dict.fromkeys(header, pl.String), orient="row")


def _records(text: str, source: str, separator: str) -> Iterator[_Record]:
    """The records that aren't blank; raises DataError where a quoted field doesn't end."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    line = 1
    while True:
        with _long_fields():
            try:
                fields = next(reader, None)
            except csv.Error as error:
                raise DataError(
                    f"{source}, line {line}: the row that starts here has a quote (\") that opens a field and doesn't "
                    f"end it properly ({error}, at line {reader.line_num}); close it, or double it inside the field"
                ) from None
        if fields is None:
            return
        if fields:
            yield _Record(line, fields)
        line = reader.line_num + 1


def _line_of(text: str, separator: str, row: int) -> int:
    records = _records(text, "the file", separator)
    next(records)
    return next(record.line for number, record in enumerate(records) if number == row)


@contextmanager
def _long_fields() -> Iterator[None]:
    before = csv.field_size_limit(_LONGEST_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(before)
