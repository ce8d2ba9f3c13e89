"""Settings of Hydra and OmegaConf: the YAML beside the script, whose dotted keys are told as `key=value`."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from luthier.core.parameter import Scalar
from luthier.stages.adopt.found import Form, Options, Setting
from luthier.stages.adopt.read_click import kind_of
from luthier.stages.adopt.read_dataclass import as_setting, fields_of
from luthier.stages.adopt.source import Source, keywords, last_name


def read(source: Source) -> Options:
    """The keys of the script's config: of `@hydra.main`, or of OmegaConf where it reads the command line too."""
    for function in source.functions.values():
        for decorator in function.decorator_list:
            if isinstance(decorator, ast.Call) and _is_hydra_main(source, decorator):
                return Options(tuple(_of_hydra(source, decorator)), ends=("hydra.run.dir={output_dir}",))
    if "omegaconf" in source.imports and any(source.calls("from_cli")):
        return Options(tuple(_of_omegaconf(source)))
    return Options()


def _is_hydra_main(source: Source, decorator: ast.Call) -> bool:
    named = ast.unparse(decorator.func)
    return named.endswith("hydra.main") or (named == "main" and "hydra" in source.imports)


def _of_hydra(source: Source, decorator: ast.Call) -> Iterator[Setting]:
    given = keywords(decorator)
    texts = [source.text_of(one) for one in decorator.args]
    folder = source.text_of(given.get("config_path")) or (texts[0] if texts else "")
    name = source.text_of(given.get("config_name")) or (texts[1] if len(texts) > 1 else "config")
    root = source.path.parent / folder
    path = root / (name if name.endswith((".yaml", ".yml")) else f"{name}.yaml")
    content = _yaml(path)
    if content:
        yield from _settings(_composed(content, root))
        return
    for call in source.calls("store"):  # a config that is a dataclass in the script
        stored = keywords(call)
        if source.text_of(stored.get("name")) == name:
            node = stored.get("node")
            for field, statement in fields_of(source, last_name(node)):
                setting = as_setting(source, field, statement, field)
                yield Setting(
                    field, Form.EQUALS, field, setting.kind, setting.default, setting.choices, line=setting.line
                )


def _composed(content: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """The config with the parts that its defaults list names, each under the name of its group."""
    parts: dict[str, Any] = {}
    for entry in content.get("defaults") or ():
        if not isinstance(entry, Mapping):
            if isinstance(entry, str) and entry != "_self_":
                parts |= _yaml(root / f"{entry}.yaml")
            continue
        for group, choice in cast(Mapping[str, Any], entry).items():
            plain = str(group).removeprefix("override ").removeprefix("optional ")
            if isinstance(choice, str) and not plain.startswith("hydra"):
                parts[plain.replace("/", ".")] = _composed(_yaml(root / plain / f"{choice}.yaml"), root / plain)
    return _merged(parts, {key: value for key, value in content.items() if key not in ("defaults", "hydra")})


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(one)
    for key, value in other.items():
        before = merged.get(key)
        both = isinstance(before, Mapping) and isinstance(value, Mapping)
        merged[key] = _merged(cast(Any, before), cast(Any, value)) if both else value
    return merged


def _of_omegaconf(source: Source) -> Iterator[Setting]:
    for call in source.calls("load"):
        if call.args and (name := source.text_of(call.args[0])):
            yield from _settings(_yaml(source.path.parent / name))
    for call in source.calls("create"):
        worth = source.worth(call.args[0]) if call.args else None
        if isinstance(worth, dict):
            yield from _settings(cast(dict[str, Any], worth))
    for call in source.calls("structured"):
        for field, statement in fields_of(source, last_name(call.args[0]) if call.args else ""):
            setting = as_setting(source, field, statement, field)
            yield Setting(field, Form.EQUALS, field, setting.kind, setting.default, setting.choices, line=setting.line)


def _settings(content: Mapping[str, Any], prefix: str = "") -> Iterator[Setting]:
    for key, value in content.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _settings(cast(Mapping[str, Any], value), f"{name}.")
        elif not isinstance(value, list) and not str(key).startswith("_"):
            worth: Scalar = value if isinstance(value, bool | int | float | str) else None
            required = value == "???"
            yield Setting(name, Form.EQUALS, name, kind_of(worth), None if required else worth, required=required)


def _yaml(path: Path) -> dict[str, Any]:
    """The content of a YAML file as plain values; {} where it can't be read as a mapping."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    if not path.is_file():
        return {}
    reader: Any = YAML(typ="safe", pure=True)
    try:
        content = reader.load(path.read_text("utf-8-sig"))
    except (YAMLError, UnicodeDecodeError, OSError):
        return {}
    return dict(cast(Mapping[str, Any], content)) if isinstance(content, Mapping) else {}
