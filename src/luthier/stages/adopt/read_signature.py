"""Settings of functions whose parameters are the command line: typer, python-fire and their kin."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from luthier.stages.adopt.annotation import kind_and_choices
from luthier.stages.adopt.found import Form, Kind, Options, Setting
from luthier.stages.adopt.read_click import kind_of
from luthier.stages.adopt.source import Function, Source, called, keywords, last_name

_ABSENT = ast.Constant(...)


def read_typer(source: Source) -> Options:
    """The parameters of the command that trains: of `typer.run(train)`, or under `@app.command()`."""
    if "typer" not in source.imports:
        return Options()
    commands = [function for function in source.functions.values() if _is_command(function)]
    run = [last_name(call.args[0]) for call in source.calls("run") if call.args]
    direct = [source.functions[name] for name in run if name in source.functions]
    if not (commands or direct):
        return Options()
    chosen = direct[0] if direct else next((one for one in commands if "train" in one.name), commands[0])
    subcommand = (chosen.name.replace("_", "-"),) if not direct and len(commands) > 1 else ()
    return Options(tuple(filter(None, (_typer_setting(source, *one) for one in _parameters(chosen)))), subcommand)


def read_fire(source: Source) -> Options:
    """The parameters of what `fire.Fire(train)` names; of `fire.Fire()`, those of the function that trains."""
    if "fire" not in source.imports:
        return Options()
    for call in source.calls("Fire"):
        name = last_name(call.args[0]) if call.args else ""
        top = [node for node in source.tree.body if isinstance(node, Function)]
        function = source.functions.get(name) or next((one for one in top if "train" in one.name), None)
        if function is not None:
            found = tuple(_fire_setting(source, *one) for one in _parameters(function))
            return Options(found, () if name in source.functions else (function.name,))
    return Options()


def _is_command(function: Function) -> bool:
    return any(last_name(decorator) == "command" for decorator in function.decorator_list)


def _parameters(function: Function) -> Iterator[tuple[ast.arg, ast.expr | None]]:
    """Each parameter with its default, None where it has none."""
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    without = len(positional) - len(arguments.defaults)
    yield from zip(positional, [None] * without + list(arguments.defaults), strict=True)
    yield from zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)


def _typer_setting(source: Source, parameter: ast.arg, default: ast.expr | None) -> Setting | None:
    annotation, declared = parameter.annotation, None
    if isinstance(annotation, ast.Subscript) and last_name(annotation.value) == "Annotated":
        inner = annotation.slice
        parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
        annotation = parts[0]
        declared = next((one for one in parts[1:] if last_name(one) in ("Option", "Argument")), None)
    if last_name(annotation) == "Context":
        return None
    if isinstance(default, ast.Call) and called(default) in ("Option", "Argument"):
        declared, default = default, (default.args[0] if default.args else keywords(default).get("default"))
    names = [text for one in getattr(declared, "args", ()) if (text := source.text_of(one)).startswith("-")]
    flag, _, off = next((n for n in names if n.startswith("--")), f"--{parameter.arg.replace('_', '-')}").partition("/")
    missing = default is None or source.worth(default) is ...
    argument = last_name(declared) == "Argument" or (missing and last_name(declared) != "Option")
    kind, choices = kind_and_choices(source, annotation)
    value = _enum_value(source, default) if isinstance(default, ast.Attribute) else source.scalar(default)
    help_ = source.text_of(keywords(declared).get("help")) if isinstance(declared, ast.Call) else ""
    setting = Setting(
        parameter.arg, Form.OPTION, flag, kind, value, choices, missing, help=help_, line=parameter.lineno
    )
    if argument:
        return replace(setting, form=Form.POSITION, told="")
    if kind is Kind.SWITCH:
        return replace(setting, form=Form.SWITCH, off=off or ("" if names else f"--no-{flag[2:]}"), default=bool(value))
    return setting if kind is not Kind.UNKNOWN or value is None else replace(setting, kind=kind_of(value))


def _fire_setting(source: Source, parameter: ast.arg, default: ast.expr | None) -> Setting:
    value = source.scalar(default)
    kind, choices = kind_and_choices(source, parameter.annotation)
    if kind is Kind.UNKNOWN:
        kind = kind_of(value)
    if kind is Kind.SWITCH:  # fire reads Python's words: `true` would be a text
        kind, choices, value = Kind.TEXT, ("True", "False"), str(value)
    flag = f"--{parameter.arg}"
    return Setting(
        parameter.arg, Form.EQUALS, flag, kind, value, choices, required=default is None, line=parameter.lineno
    )


def _enum_value(source: Source, node: ast.Attribute) -> str | None:
    """The value of `Optimizer.sgd`."""
    body = source.classes[last_name(node.value)].body if last_name(node.value) in source.classes else []
    for statement in body:
        if isinstance(statement, ast.Assign) and last_name(statement.targets[0]) == node.attr:
            return source.text_of(statement.value) or None
    return None
