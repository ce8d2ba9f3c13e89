"""Stages by kind: the built-in ones, and those of other packages, by the same door.

A package adds a kind by an entry point of the group `luthier.stages` that names a class or function which makes
a stage from keyword arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from luthier.core.contracts import Stage
from luthier.core.errors import UnknownName

GROUP = "luthier.stages"

_BUILT_IN = {
    "chain": "luthier.stages.chain:Chain",
    "command": "luthier.stages.command:CommandStage",
    "estimator": "luthier.stages.estimator:EstimatorStage",
    "function": "luthier.stages.function:FunctionStage",
}


def get_stage(kind: str) -> Callable[..., Stage]:
    """What makes a stage of `kind`; raises UnknownName listing the known kinds."""
    if kind in _BUILT_IN:
        module, _, name = _BUILT_IN[kind].partition(":")
        return getattr(import_module(module), name)
    outside = _outside()
    if kind not in outside:
        raise UnknownName("stage", kind, known_stages())
    loaded: Any = outside[kind].load()
    return loaded


def known_stages() -> tuple[str, ...]:
    """All kinds, sorted. A built-in kind can't be replaced from outside."""
    return tuple(sorted({*_BUILT_IN, *_outside()}))


def _outside() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}
