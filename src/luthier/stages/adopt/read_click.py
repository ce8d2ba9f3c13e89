"""Settings of click: `@click.option("--lr", default=0.01)` above a command."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from luthier.stages.adopt.found import Form, Kind, Options, Setting
from luthier.stages.adopt.source import Function, Source, called, keywords, last_name

_KINDS = {
    "float": Kind.FLOAT,
    "FLOAT": Kind.FLOAT,
    "FloatRange": Kind.FLOAT,
    "int": Kind.INT,
    "INT": Kind.INT,
    "IntRange": Kind.INT,
    "str": Kind.TEXT,
    "STRING": Kind.TEXT,
    "Path": Kind.TEXT,
    "File": Kind.TEXT,
    "bool": Kind.SWITCH,
    "BOOL": Kind.SWITCH,
}


def read(source: Source) -> Options:
    """The options of the command that trains; with a group around it, its name is the subcommand."""
    if "click" not in source.imports:
        return Options()
    commands = [function for function in source.functions.values() if list(_options(function))]
    if not commands:
        return Options()
    chosen = next((one for one in commands if "train" in one.name), commands[0])
    settings = [setting for call in _options(chosen) if (setting := _setting(source, call)) is not None]
    return Options(tuple(settings), _subcommand(source, chosen))


def _options(function: Function) -> Iterator[ast.Call]:
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and called(decorator) in ("option", "argument"):
            yield decorator


def _subcommand(source: Source, function: Function) -> tuple[str, ...]:
    """Its name, where a group takes it: `@cli.command()` of `def cli` with `@click.group()`."""
    for decorator in function.decorator_list:
        call = decorator.func if isinstance(decorator, ast.Call) else decorator
        if isinstance(call, ast.Attribute) and call.attr == "command" and last_name(call.value) in source.functions:
            arguments = decorator.args if isinstance(decorator, ast.Call) else []
            return (source.text_of(arguments[0]) if arguments else function.name.replace("_", "-"),)
    return ()


def _setting(source: Source, call: ast.Call) -> Setting | None:
    names = [text for argument in call.args if (text := source.text_of(argument))]
    if not names:
        return None
    given = keywords(call)
    flag = next((name for name in names if name.startswith("--")), names[0])
    flag, _, off = flag.partition("/")
    plain = next((name for name in names if not name.startswith("-")), flag.lstrip("-"))
    default = source.scalar(given.get("default"))
    positional = called(call) == "argument"
    common: dict[str, Any] = {
        "name": plain.replace("-", "_"),
        "told": "" if positional else flag,
        "line": call.lineno,
        "help": source.text_of(given.get("help")),
    }
    if off or source.worth(given.get("is_flag")) is True:
        return Setting(**common, form=Form.SWITCH, kind=Kind.SWITCH, default=bool(default), off=off)
    type_ = given.get("type")
    choices = source.worth(type_.args[0]) if isinstance(type_, ast.Call) and type_.args else ()
    is_choice = last_name(type_) == "Choice" and isinstance(choices, tuple)
    kind = _KINDS.get(last_name(type_), Kind.UNKNOWN)
    if type_ is None:
        kind = kind_of(default)
    return Setting(
        **common,
        form=Form.POSITION if positional else Form.OPTION,
        kind=Kind.TEXT if is_choice else kind,
        default=default,
        choices=choices if is_choice else (),
        required=(positional and "default" not in given) or source.worth(given.get("required")) is True,
    )


def kind_of(value: Any) -> Kind:
    """The kind of a default."""
    if isinstance(value, bool):
        return Kind.SWITCH
    if isinstance(value, float):
        return Kind.FLOAT
    return Kind.INT if isinstance(value, int) else Kind.TEXT
