"""Large look-up tables of a fitted model, such as a vocabulary of terms, written beside it.

skops writes a node for every entry of a dict: half a million terms take a quarter of a gigabyte and many seconds. So
dicts from text to whole numbers are taken out before a model is written, kept as two plain lists each, and put back
after it is read. They are found, and found again, by their path through attributes, lists and tuples.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

LARGE = 1000
"""Smaller tables stay where they are."""
DEEPEST = 16
"""How many steps a path may take; a circle of references ends there."""

Path = tuple[str | int, ...]
Table = dict[str, int]


def tables_of(model: Any) -> Iterator[tuple[Path, Any, str]]:
    """(path, owner, attribute) of each large table in `model`."""
    yield from _walk(model, ())


@contextmanager
def taken_out(model: Any) -> Iterator[list[dict[str, Any]]]:
    """`model` without its large tables for as long as the block lasts; the tables as plain JSON."""
    found = [(path, owner, name, vars(owner)[name]) for path, owner, name in tables_of(model)]
    try:
        for _, owner, name, _ in found:
            setattr(owner, name, {})
        yield [
            {"path": list(path), "keys": list(table), "values": [int(value) for value in table.values()]}
            for path, _, _, table in found
        ]
    finally:
        for _, owner, name, table in found:
            setattr(owner, name, table)


def put_back(model: Any, tables: Sequence[Mapping[str, Any]]) -> None:
    """Put `tables`, as `taken_out` gave them, back into `model`."""
    for table in tables:
        *way, name = table["path"]
        owner = model
        for step in way:
            owner = getattr(owner, step) if isinstance(step, str) else owner[step]
        setattr(owner, name, dict(zip(table["keys"], table["values"], strict=True)))


def _walk(node: Any, path: Path) -> Iterator[tuple[Path, Any, str]]:
    if len(path) >= DEEPEST:
        return
    if isinstance(node, list | tuple):
        for number, item in enumerate(node):
            if isinstance(item, list | tuple) or hasattr(item, "__dict__"):
                yield from _walk(item, (*path, number))
    elif hasattr(node, "__dict__") and not isinstance(node, type):
        for name, value in list(vars(node).items()):
            if _is_large_table(value):
                yield (*path, name), node, name
            elif isinstance(value, list | tuple) or hasattr(value, "get_params"):
                yield from _walk(value, (*path, name))


def _is_large_table(value: Any) -> bool:
    import numpy as np

    return (
        type(value) is dict
        and len(value) >= LARGE
        and all(isinstance(key, str) for key in value)
        and all(isinstance(number, int | np.integer) for number in value.values())
    )
