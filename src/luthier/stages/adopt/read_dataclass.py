"""Settings of dataclasses that become a command line: HfArgumentParser, simple_parsing, tyro, draccus, pyrallis."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from luthier.stages.adopt.annotation import kind_and_choices
from luthier.stages.adopt.found import Form, Kind, Options, Setting
from luthier.stages.adopt.read_click import kind_of
from luthier.stages.adopt.source import Source, keywords, last_name

_TRAINING_ARGUMENTS: dict[str, float | int] = {
    "learning_rate": 5e-5,
    "per_device_train_batch_size": 8,
    "num_train_epochs": 3,
    "weight_decay": 0.0,
    "warmup_ratio": 0.0,
    "gradient_accumulation_steps": 1,
    "max_grad_norm": 1.0,
    "label_smoothing_factor": 0.0,
    "seed": 42,
}
"""What transformers' TrainingArguments adds to a parser that it is given to, of what is worth knowing here."""


def read(source: Source) -> Options:
    """The fields of the dataclasses that the script makes its command line of."""
    for names, flag, dash in (
        (_hf_classes(source), "--", False),
        (_argument_of(source, "cli", "tyro"), "--", True),
        (_argument_of(source, "parse", "simple_parsing", "draccus", "pyrallis"), "--", False),
        (_added_arguments(source), "--", False),
    ):
        settings = [one for name in names for one in _settings(source, name, flag, dash, tyro=dash)]
        if settings:
            ends = ("--output_dir", "{output_dir}") if "TrainingArguments" in names else ()
            return Options(tuple(settings), ends=ends)
    return Options()


def fields_of(source: Source, name: str) -> Iterator[tuple[str, ast.AnnAssign]]:
    """The fields of the dataclass `name` and of its bases, dotted where a field is a dataclass itself."""
    if name not in source.classes:
        return
    for base in source.classes[name].bases:
        yield from fields_of(source, last_name(base))
    for statement in source.classes[name].body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            inner = last_name(statement.annotation)
            if inner in source.classes and not any("Enum" in last_name(one) for one in source.classes[inner].bases):
                yield from ((f"{statement.target.id}.{name}", field) for name, field in fields_of(source, inner))
            else:
                yield statement.target.id, statement


def _settings(source: Source, name: str, prefix: str, dash: bool, *, tyro: bool) -> Iterator[Setting]:
    if name == "TrainingArguments" or _is_training_arguments(source, name):
        for setting, default in _TRAINING_ARGUMENTS.items():
            yield Setting(setting, Form.OPTION, f"--{setting}", kind_of(default), default)
    for field, node in fields_of(source, name):
        yield as_setting(source, field, node, prefix + (field.replace("_", "-") if dash else field), tyro=tyro)


def as_setting(source: Source, name: str, node: ast.AnnAssign, told: str, *, tyro: bool = False) -> Setting:
    """The setting that a field is; `told` is its flag."""
    default, text = _default(source, node.value)
    kind, choices = kind_and_choices(source, node.annotation)
    if kind is Kind.UNKNOWN:
        kind = kind_of(default) if default is not None else kind
    missing = node.value is None or (isinstance(node.value, ast.Call) and _states_none(node.value))
    if kind is Kind.SWITCH and tyro:
        parent, dot, last = told[2:].rpartition(".")
        off = f"--{parent}{dot}no-{last}"
        return Setting(name, Form.SWITCH, told, kind, bool(default), (), off=off, help=text, line=node.lineno)
    return Setting(name, Form.OPTION, told, kind, default, choices, missing, help=text, line=node.lineno)


def _default(source: Source, node: ast.expr | None) -> tuple[bool | int | float | str | None, str]:
    if not isinstance(node, ast.Call):
        return source.scalar(node), ""
    given = keywords(node)
    metadata = source.worth(given.get("metadata"))
    text = metadata.get("help", "") if isinstance(metadata, dict) else ""
    first = node.args[0] if node.args else None  # simple_parsing's field(0.1)
    return source.scalar(given.get("default", first)), text if isinstance(text, str) else ""


def _states_none(call: ast.Call) -> bool:
    return last_name(call) == "field" and not ({"default", "default_factory"} & keywords(call).keys() or call.args)


def _hf_classes(source: Source) -> list[str]:
    for call in source.calls("HfArgumentParser", "TrlParser"):
        given = [*call.args, *keywords(call).values()]
        parts = [part for one in given for part in (one.elts if isinstance(one, ast.Tuple | ast.List) else [one])]
        return [last_name(part) for part in parts]
    return []


def _is_training_arguments(source: Source, name: str) -> bool:
    bases: Sequence[ast.expr] = source.classes[name].bases if name in source.classes else ()
    return any(last_name(base).endswith("TrainingArguments") for base in bases)


def _argument_of(source: Source, function: str, *modules: str) -> list[str]:
    """The class that `module.function` is called with, by position or as `config_class`."""
    if not source.imports & set(modules):
        return []
    for call in source.calls(function):
        named = keywords(call).get("config_class")
        for one in (named, *call.args):
            if last_name(one) in source.classes:
                return [last_name(one)]
    return []


def _added_arguments(source: Source) -> list[str]:
    return [last_name(call.args[0]) for call in source.calls("add_arguments") if call.args]
