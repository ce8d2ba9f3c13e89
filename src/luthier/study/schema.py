"""The JSON Schema of task files, from the models that check them, for editors that complete and check as one types.

It is a little wider than the check: what depends on another key (conditions, the options of a stage) is left to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from luthier.core.meaning import known_meanings
from luthier.study.spec import TaskSpec

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_NUMBERS: dict[str, Any] = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
_SCALAR: dict[str, Any] = {"type": ["string", "number", "boolean", "null"]}
_SCALARS: dict[str, Any] = {"type": "array", "items": _SCALAR, "minItems": 1}
_WHEN: dict[str, Any] = {
    "type": "object",
    "description": "Under which values of which other settings this one exists.",
    "additionalProperties": {
        "anyOf": [
            _SCALAR,
            _SCALARS,
            {
                "type": "object",
                "properties": {"at_least": {"type": "number"}, "at_most": {"type": "number"}},
                "additionalProperties": False,
            },
        ]
    },
}
_PRIOR: dict[str, Any] = {
    "type": "object",
    "properties": {"center": {"type": "number"}, "spread": {"type": "number", "exclusiveMinimum": 0}},
    "required": ["center"],
    "additionalProperties": False,
}
_KIND = r"^(number|category|date|text)( .+)?$"


def task_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a task file."""
    schema = cast(dict[str, Any], _plain(TaskSpec.model_json_schema()))
    parts: dict[str, Any] = schema.pop("$defs")
    properties: dict[str, Any] = schema["properties"]
    metric, component, stage = parts["MetricSpec"], parts["ComponentSpec"], parts["StageSpec"]
    for open_ended in (component, stage):
        del open_ended["properties"]["options"]
        open_ended["additionalProperties"] = True
    names = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
    kinds = {"type": "object", "additionalProperties": {"type": "string", "pattern": _KIND}}
    parts["DataSpec"]["properties"]["inputs"] |= {"anyOf": [*names["anyOf"], kinds]}
    properties["metric"] = _or({"type": "string"}, metric, properties["metric"])
    properties["budget"] = {"type": "string", **_described(properties["budget"])}
    for name in ("searcher", "pruner"):
        properties[name] = _or({"type": "string"}, component, properties[name])
    properties["stage"] = {**_reference("StageSpec"), **_described(properties["stage"])}
    properties["stages"] = {
        "type": "array",
        "items": _reference("StageSpec"),
        "minItems": 1,
        **_described(properties["stages"]),
    }
    properties["data"] = {**_reference("DataSpec"), **_described(properties["data"])}
    properties["levers"] = {
        "type": "object",
        "additionalProperties": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": _reference("Setting"),
        },
        **_described(properties["levers"]),
    }
    return {
        "$schema": DIALECT,
        "title": "A task of luthier",
        **{key: value for key, value in schema.items() if key != "title"},
        "oneOf": [{"required": ["stage"]}, {"required": ["stages"]}],
        "$defs": {"DataSpec": parts["DataSpec"], "StageSpec": stage, "Setting": _setting()},
    }


def _setting() -> dict[str, Any]:
    common: dict[str, Any] = {"default": True, "when": _WHEN}
    number = {**common, "log": {"type": "boolean"}, "step": {"type": "number"}, "prior": _PRIOR}
    return {
        "description": "What a setting may be; 'auto' where its name says what it means.",
        "anyOf": [
            {"const": "auto"},
            _kind("auto", {"enum": list(known_meanings())}, {}),
            _kind("float", _NUMBERS, number),
            _kind("int", _NUMBERS, number),
            _kind(
                "choice",
                _SCALARS,
                {**common, "ordered": {"type": "boolean"}, "weights": {"type": "array", "items": {"type": "number"}}},
            ),
            _kind("subset", _SCALARS, {**common, "min_size": {"type": "integer"}, "max_size": {"type": "integer"}}),
            _kind("order", _SCALARS, common),
            _kind(
                "text",
                {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]},
                {**common, "max_length": {"type": "integer"}},
            ),
        ],
    }


def _kind(name: str, content: Mapping[str, Any], keys: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: dict(content), **keys},
        "required": [name],
        "additionalProperties": False,
    }


def _or(short: Mapping[str, Any], long: Mapping[str, Any], about: Mapping[str, Any]) -> dict[str, Any]:
    return {"anyOf": [dict(short), dict(long)], **_described(about)}


def _reference(name: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{name}"}


def _described(about: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": about["description"]} if "description" in about else {}


def _plain(node: Any) -> Any:
    """Without the titles that repeat names, and with `X or null` as X: a task file leaves out what it doesn't state."""
    if isinstance(node, list):
        return [_plain(part) for part in cast(list[Any], node)]
    if not isinstance(node, dict):
        return node
    parts = cast(dict[str, Any], node)
    kept = {key: value for key, value in parts.items() if not (key == "title" and isinstance(value, str))}
    if kept.get("default", 0) is None:
        del kept["default"]
    options = [part for part in kept.get("anyOf", []) if part != {"type": "null"}]
    if options and len(options) < len(kept["anyOf"]):
        del kept["anyOf"]
        kept |= options[0] if len(options) == 1 else {"anyOf": options}
    return {key: _plain(value) for key, value in kept.items()}
