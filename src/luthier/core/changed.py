"""Copies of frozen values with some fields changed."""

from __future__ import annotations

from typing import Any, TypeVar

T = TypeVar("T")


def changed(value: T, **changes: Any) -> T:
    """`value`, a frozen dataclass without slots, with `changes` to its fields.

    What `dataclasses.replace` gives, in a tenth of the time, and unchecked: `__post_init__` doesn't run, and names
    must be those of fields. For folding events, which are copied by the ten thousand.
    """
    copy = object.__new__(type(value))
    copy.__dict__.update(value.__dict__, **changes)
    return copy
