"""The JSON Schema of task files: current, and of one mind with the check."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from luthier.study.schema import task_schema
from luthier.study.source import read_source

ROOT = Path(__file__).parents[2]
COPY = ROOT / "docs" / "task.schema.json"
EXAMPLES = sorted((ROOT / "examples").glob("*/task.yaml"))
FUNCTION = {"kind": "function", "function": "f.py:f"}
SOUND = {"metric": "accuracy", "stage": FUNCTION, "levers": {"a": {"x": {"float": [0, 1]}}}, "budget": "1m"}


def test_the_copy_is_current():
    assert json.loads(COPY.read_text("utf-8")) == task_schema(), (
        "write it anew by: luthier schema > docs/task.schema.json"
    )


def test_it_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(task_schema())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_the_examples_pass(path):
    jsonschema.validate(read_source(path)[0], task_schema())


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"metric": {"name": "loss", "direction": "minimize"}},
        {"searcher": {"name": "asha", "eta": 4}, "pruner": "median"},
        {"data": {"path": "a.csv", "target": "y", "inputs": {"a": "number", "b": "date %d.%m.%Y"}}},
        {"data": {"path": "a.csv", "target": "y", "inputs": ["a", "b"]}},
        {"levers": {"a": {"learning_rate": "auto", "b": {"choice": [1, "x", None], "when": {"x": {"at_least": 1}}}}}},
    ],
)
def test_sound_tasks_pass(change):
    jsonschema.validate({**SOUND, **change}, task_schema())


@pytest.mark.parametrize(
    "change",
    [
        {"metrics": "accuracy"},
        {"budget": 60},
        {"stages": [FUNCTION]},
        {"data": {"path": "a.csv"}},
        {"data": {"path": "a.csv", "target": "y", "inputs": {"a": "nubmer"}}},
        {"levers": {"a": {}}},
        {"levers": {"a": {"x": {"flaot": [0, 1]}}}},
        {"levers": {"a": {"x": {"float": [0, 1], "logs": True}}}},
        {"confirm": -1},
    ],
)
def test_others_do_not(change):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**SOUND, **change}, task_schema())
