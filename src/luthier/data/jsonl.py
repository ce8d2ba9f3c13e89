"""Rows of a JSON Lines text: one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from luthier.core.dataset import Column
from luthier.core.errors import DataError
from luthier.data.columns import as_column, dates_or_texts
from luthier.data.frame import columns_of_rows


def read_jsonl(text: str, source: str) -> tuple[dict[str, Column], Callable[[int], str]]:
    """The columns of a JSON Lines text, typed over all rows, and a function that says on which line a row stands.

    Blank lines are passed over; a key that a row lacks is missing there; texts that are all dates (ISO 8601)
    become dates. Raises DataError with the line of what isn't a JSON object, and for nested values.
    """
    rows: list[dict[str, Any]] = []
    lines: list[int] = []
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        if not line.strip():
            continue
        rows.append(_row(line, number, source))
        lines.append(number)
    if not rows:
        raise DataError(f"{source} is empty; it needs at least one line with a JSON object")
    columns: dict[str, Column] = {}
    for name, values in columns_of_rows(rows).items():
        try:
            columns[name] = dates_or_texts(as_column(name, values))
        except DataError as error:
            raise DataError(f"{source}: {error}") from None
    return columns, lambda row: f"line {lines[row]}"


def _row(line: str, number: int, source: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(
            f"{source}, line {number}: every line must be one JSON object; "
            f"this one can't be read at character {error.pos + 1} ({error.msg}): {_shown(line, error.pos)}"
        ) from None
    except RecursionError:
        raise DataError(
            f"{source}, line {number}: every line must be one plain JSON object; this one nests too deep"
        ) from None
    if not isinstance(row, dict):
        raise DataError(
            f'{source}, line {number}: every line must be one JSON object, such as {{"text": "..."}}; '
            f"got a {type(row).__name__}: {_shown(line, 0)}"
        )
    return row  # pyright: ignore[reportUnknownVariableType]


def _shown(line: str, position: int, around: int = 30) -> str:
    start, end = max(0, position - around), position + around
    return ("..." if start else "") + line[start:end].strip() + ("..." if end < len(line) else "")
