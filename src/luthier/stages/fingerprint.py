"""Fingerprints: equal for things that were made alike, on every machine."""

from __future__ import annotations

import functools
import hashlib
import inspect
import json
import types
from collections.abc import Mapping, Sequence
from typing import Any

from luthier.core.contracts import Settings, Stage, View


def artifact_fingerprint(
    stage: Stage, settings: Settings, seed: int, views: Sequence[View], upstream: str | None
) -> str:
    """64 hex digits of all that decides what `stage.finalize` makes: two equal ones need only one run.

    Taken from the stage's name, version and highest fidelity, its own `settings`, the `seed`, the rows of
    `views`, and the fingerprint (or address) of what lies `upstream` of it.
    """
    described = {
        "stage": [stage.name, stage.version],
        "settings": {name: settings[name] for name in sorted(settings)},
        "seed": seed,
        "fidelity": [stage.fidelity.unit, stage.fidelity.maximum],
        "data": [[view.train.fingerprint, view.validation.fingerprint] for view in views],
        "upstream": upstream,
    }
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


def code_version(code: Any) -> str:
    """12 hex digits that change with the code of a function, class or callable object.

    It sees the source text (the bytecode where there is none) of `code` itself, and the plain values that are
    bound to it: by `functools.partial`, as defaults, or from the function around it. It doesn't see the functions
    that it calls, nor what an object holds: state a version of your own where those change results.
    """
    return hashlib.sha256(_described(code).encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _described(code: Any) -> str:
    if isinstance(code, functools.partial):
        bound = {**{str(place): value for place, value in enumerate(code.args)}, **code.keywords}
        return f"{_described(code.func)}{_plain(bound)}"
    if isinstance(code, types.MethodType):
        return _described(code.__func__)
    if not inspect.isroutine(code) and not inspect.isclass(code):
        code = type(code)
    return f"{_text(code)}{_plain(_bound(code))}"


def _text(code: Any) -> str:
    inner = getattr(code, "__code__", None)
    # The source of a lambda is its whole line, on which there may be others.
    from_bytecode = "" if inner is None or code.__name__ != "<lambda>" else _bytecode(inner)
    try:
        return inspect.getsource(code) + from_bytecode
    except (OSError, TypeError):
        return f"{code.__module__}.{code.__qualname__}" if inner is None else _bytecode(inner)


def _bound(code: Any) -> dict[str, Any]:
    """The default values of a function, and what it took from the function around it."""
    values = {f"default {place}": value for place, value in enumerate(getattr(code, "__defaults__", None) or ())}
    values |= getattr(code, "__kwdefaults__", None) or {}
    for name, cell in zip(*_closure(code), strict=True):
        try:
            values[name] = cell.cell_contents
        except ValueError:  # not filled yet
            continue
    return values


def _closure(code: Any) -> tuple[tuple[str, ...], tuple[types.CellType, ...]]:
    cells: tuple[types.CellType, ...] | None = getattr(code, "__closure__", None)
    return ((), ()) if cells is None else (code.__code__.co_freevars, cells)


def _plain(values: Mapping[str, Any]) -> str:
    kept = {name: value for name, value in values.items() if isinstance(value, bool | int | float | str | None)}
    return repr(sorted(kept.items(), key=lambda item: item[0]))


def _bytecode(code: types.CodeType) -> str:
    constants = [_bytecode(item) if isinstance(item, types.CodeType) else repr(item) for item in code.co_consts]
    return f"{code.co_code.hex()}{code.co_names}{constants}"
