"""Row ids that follow from what a row holds, so that they outlive a reordering of the file.

Numbers are written so that a column that becomes real because another row lacks a value keeps its ids: 1 and 1.0
are one text, as are True and 1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

import numpy as np

from luthier.core.dataset import Column
from luthier.core.errors import DataError

_MISSING = "\x00"


def ids_from_content(columns: Mapping[str, Column]) -> Column:
    """(n,) 16 hex digits of each row's values, by column name; a row like an earlier one gets '#2', '#3', ..."""
    names = sorted(columns)
    header = "\x1f".join(names).encode("utf-8", "surrogatepass")
    seen: dict[str, int] = {}
    ids: list[str] = []
    for cells in zip(*(canonical_texts(columns[name]) for name in names), strict=True):
        digest = hashlib.blake2b(header, digest_size=8)
        digest.update("\x1f".join(cells).encode("utf-8", "surrogatepass"))
        row = digest.hexdigest()
        seen[row] = seen.get(row, 0) + 1
        ids.append(row if seen[row] == 1 else f"{row}#{seen[row]}")
    return np.array(ids, dtype=object)


def ids_from_column(name: str, column: Column, place: Callable[[int], str]) -> Column:
    """(n,) the texts of the column `name`; raises DataError where one is missing or comes twice.

    `place(row)` says where a row stands, such as 'line 12'.
    """
    first: dict[str, int] = {}
    ids = canonical_texts(column)
    for row, text in enumerate(ids):
        if text == _MISSING:
            raise DataError(f"the id column '{name}' has no value at {place(row)}; every row needs an id")
        if text in first:
            raise DataError(
                f"the id column '{name}' holds {text!r} twice, at {place(first[text])} and {place(row)}; "
                "ids must differ: drop the repeated row, or name no id column to have ids made from the content"
            )
        first[text] = row
    return np.array(ids, dtype=object)


def canonical_texts(column: Column) -> list[str]:
    """The values of a column as texts that are equal for equal values, on every machine."""
    if column.ndim > 1:
        plain = np.ascontiguousarray(column.astype(np.float64), dtype="<f8")
        return [hashlib.blake2b(row.tobytes(), digest_size=8).hexdigest() for row in plain]
    kind = column.dtype.kind
    if kind in "biu":
        return list(map(str, column.astype(np.int64).tolist()))
    if kind == "f":
        return list(map(_number, column.tolist()))
    if kind == "M":
        texts = np.datetime_as_string(column, unit="us").tolist()
        return [_MISSING if text == "NaT" else text for text in texts]
    return [_MISSING if value is None else str(value) for value in column.tolist()]


def _number(value: float) -> str:
    if value != value:
        return _MISSING
    return str(int(value)) if value.is_integer() else repr(value)
