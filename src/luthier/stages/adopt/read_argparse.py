"""Settings of argparse and what is built like it: `parser.add_argument("--lr", type=float, default=0.01)`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from luthier.core.parameter import Scalar
from luthier.stages.adopt.found import Form, Kind, Options, Setting
from luthier.stages.adopt.source import UNKNOWN, Source, called, keywords, last_name

_KINDS = {"float": Kind.FLOAT, "int": Kind.INT, "str": Kind.TEXT, "Path": Kind.TEXT}


def read(source: Source) -> Options:
    """All arguments of the script's parsers, groups and parents too; of subcommands, those of the one that trains."""
    chosen, others = _subparsers(source)
    usual = _set_defaults(source)
    settings: list[Setting] = []
    for call in source.calls("add_argument"):
        owner = last_name(call.func.value) if isinstance(call.func, ast.Attribute) else ""
        if owner not in others and (setting := _setting(source, call)) is not None:
            settings.append(replace(setting, default=usual.get(setting.name, setting.default)))
    ordered = sorted(settings, key=lambda one: one.line)
    return Options(tuple({one.name: one for one in ordered}.values()), (chosen,) if chosen else ())


def _setting(source: Source, call: ast.Call) -> Setting | None:
    names = [text for argument in call.args if (text := source.text_of(argument))]
    if not names:
        return None
    given = keywords(call)
    flag = next((name for name in names if name.startswith("--")), names[0])
    name = source.text_of(given.get("dest")) or flag.lstrip("-").replace("-", "_")
    positional = not flag.startswith("-")
    text = source.text_of(given.get("help"))
    common: dict[str, Any] = {"name": name, "told": "" if positional else flag, "help": text, "line": call.lineno}
    action = source.text_of(given.get("action")) or last_name(given.get("action"))
    default = source.scalar(given.get("default"))
    if action in ("store_true", "store_false"):
        return Setting(**common, form=Form.SWITCH, kind=Kind.SWITCH, default=False)
    if action == "BooleanOptionalAction":
        off = f"--no-{flag.lstrip('-')}"
        return Setting(**common, form=Form.SWITCH, kind=Kind.SWITCH, default=bool(default), off=off)
    if action not in ("", "store"):
        return None
    several = "nargs" in given and source.worth(given["nargs"]) != "?"
    optional = positional and source.worth(given.get("nargs")) in ("?", "*")
    kind, default = _kind(given.get("type"), default, several)
    choices = source.worth(given["choices"]) if "choices" in given else ()
    return Setting(
        **common,
        form=Form.POSITION if positional else Form.OPTION,
        kind=kind,
        default=default,
        choices=tuple(choices) if choices is not UNKNOWN and isinstance(choices, tuple) else (),
        required=source.worth(given.get("required")) is True
        or (positional and not optional and "default" not in given),
    )


def _kind(type_: ast.expr | None, default: Scalar, several: bool) -> tuple[Kind, Scalar]:
    """What an argument takes. argparse reads a default that is a text as if it had been typed."""
    if several:
        return Kind.TEXT, default
    name = last_name(type_)
    if isinstance(type_, ast.Lambda):
        name = "bool" if "true" in ast.unparse(type_).lower() else "str"
    if name == "bool":  # every text but '' is true to it, so no value can be told
        return (Kind.SWITCH if isinstance(type_, ast.Lambda) else Kind.TEXT), default
    if "bool" in name.lower():
        return Kind.SWITCH, default
    kind = _KINDS.get(name, Kind.TEXT if type_ is None else Kind.UNKNOWN)
    if kind in (Kind.FLOAT, Kind.INT) and isinstance(default, str):
        try:
            default = float(default) if kind is Kind.FLOAT else int(default)
        except ValueError:
            default = None
    if kind is Kind.UNKNOWN and isinstance(default, int | float) and not isinstance(default, bool):
        kind = Kind.FLOAT if isinstance(default, float) or "float" in name.lower() else Kind.INT
    return kind, default


def _set_defaults(source: Source) -> dict[str, Scalar]:
    return {
        name: source.scalar(node)
        for call in source.calls("set_defaults")
        for name, node in keywords(call).items()
        if source.worth(node) is not UNKNOWN
    }


def _subparsers(source: Source) -> tuple[str, frozenset[str]]:
    """The subcommand that trains, and the variables that hold the parsers of the others."""
    holders = dict(_added_parsers(source))
    if not holders:
        return "", frozenset()
    chosen = next(
        (name for name in holders if any(word in name for word in ("train", "fit", "run"))), next(iter(holders))
    )
    return chosen, frozenset(variable for name, variable in holders.items() if name != chosen and variable)


def _added_parsers(source: Source) -> Iterator[tuple[str, str]]:
    for node in ast.walk(source.tree):
        if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)):
            continue
        if called(node.value) == "add_parser" and (name := source.text_of(next(iter(node.value.args), None))):
            yield name, last_name(node.targets[0])
