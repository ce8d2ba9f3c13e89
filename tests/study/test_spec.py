"""The task file: what it says, and what is said of one that is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import luthier as lt
from luthier.core.errors import LuthierError, TaskFileError
from luthier.study.spec import read_task

TASK = """\
data:
  path: rows.csv
  target: label
metric: accuracy
stage:
  kind: estimator
  build: model.py:build
levers:
  model:
    C: auto
    kind: {choice: [svm, tree]}
    depth: {int: [1, 9], when: {kind: tree}}
  data:
    share: {float: [0.1, 1]}
budget: 2h, $5
"""


def read(folder: Path, text: str, *changes: str, name: str = "task.yaml"):
    (folder / name).write_text(text, "utf-8")
    return read_task(folder / name, changes)


def told(folder: Path, text: str, *changes: str, name: str = "task.yaml") -> str:
    with pytest.raises(LuthierError) as caught:
        read(folder, text, *changes, name=name)
    return str(caught.value)


def swap(old: str, new: str) -> str:
    assert TASK.count(old) == 1
    return TASK.replace(old, new)


def test_a_task_as_values(tmp_path):
    task = read(tmp_path, TASK)
    spec = task.spec
    assert (spec.data.path, spec.data.target, spec.data.folds) == ("rows.csv", "label", 5)
    assert (spec.metric.name, spec.metric.direction) == ("accuracy", None)
    assert (spec.stage.kind, spec.stage.options) == ("estimator", {"build": "model.py:build"})
    assert spec.budget == lt.Budget(seconds=7200, usd_micros=5_000_000)
    model, data = spec.lever_values()
    assert model.settings["C"].log, "auto takes what the name means"
    assert model.settings["depth"] == lt.Int(1, 9, when={"kind": "tree"})
    assert data == lt.Lever("data", {"share": lt.Float(0.1, 1)})
    assert (spec.searcher.name, spec.pruner, spec.seed, spec.workers) == ("model", None, 0, None)
    assert task.folder == tmp_path
    assert task.content["levers"]["data"] == {"share": {"float": [0.1, 1]}}


def test_a_searcher_with_options(tmp_path):
    spec = read(tmp_path, TASK + "searcher: {name: asha, eta: 4}\npruner: median\n").spec
    assert (spec.searcher.name, spec.searcher.options) == ("asha", {"eta": 4})
    assert (spec.pruner.name, spec.pruner.options) == ("median", {})


def test_json_is_read_too(tmp_path):
    content = dict(read(tmp_path, TASK).content)
    for indent in (None, 2, "\t"):
        assert read(tmp_path, json.dumps(content, indent=indent), name="task.json").content == content


def test_yaml_1_2(tmp_path):
    """Neither off nor 1e-5 is what YAML 1.1 takes it for."""
    text = swap("{choice: [svm, tree]}", "{choice: [off, on, 1e-5, true, tree]}")
    assert read(tmp_path, text).content["levers"]["model"]["kind"]["choice"] == ["off", "on", 1e-5, True, "tree"]


def test_anchors_and_a_byte_order_mark(tmp_path):
    text = swap("C: auto", "C: &c {float: [1, 2]}\n    D: *c")
    assert read(tmp_path, f"\ufeff{text}").spec.levers["model"]["D"] == lt.Float(1, 2)


@pytest.mark.parametrize(
    ("change", "location", "value"),
    [
        ("data.folds=3", ("data", "folds"), 3),
        ("budget=60s", ("budget",), "60s"),
        ("searcher.name=grid", ("searcher", "name"), "grid"),
        ("levers.model.C={float: [1e-3, 1], log: true}", ("levers", "model", "C"), {"float": [1e-3, 1], "log": True}),
        ("levers.model.kind.choice=[off, tree]", ("levers", "model", "kind", "choice"), ["off", "tree"]),
        ("levers.model.kind.choice.0=forest", ("levers", "model", "kind", "choice", 0), "forest"),
    ],
)
def test_changes(tmp_path, change, location, value):
    content = read(tmp_path, TASK, change).content
    for part in location:
        content = content[part]
    assert content == value


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("data.folds", "a change is written key=value, such as data.folds=3; got 'data.folds'"),
        ("=3", "a change is written key=value"),
        ("data..folds=3", "a change is written key=value"),
        ("data.folds=[3", "the value of 'data.folds=[3' can't be read"),
        ("metric.direction=minimize", "'metric' holds a value, not further keys"),
        ("levers.model.kind.choice.7=a", "'levers.model.kind.choice' is a list; name a position from 0 to 1"),
        ("data.flods=3", "on the command line, data.flods=3: 'data.flods': unknown key; did you mean 'folds'?"),
        ("data.folds=many", "on the command line, data.folds=many: 'data.folds': must be a whole number; got 'many'"),
    ],
)
def test_changes_that_cannot_be_made(tmp_path, change, message):
    assert message in told(tmp_path, TASK, change)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        # keys
        ("budget:", "budgte:", "line 15: 'budgte': unknown key; did you mean 'budget'? Known here are: budget, "),
        ("target:", "taget:", "line 3: 'data.taget': unknown key; did you mean 'target'?"),
        ("metric: accuracy", "metric: {name: a, diretion: up}", "'metric.diretion': unknown key; did you mean"),
        ("metric: accuracy\n", "", "task.yaml: the key 'metric' is missing; add for example `metric: accuracy`"),
        ("  kind: estimator\n", "", "line 5: 'stage': the key 'kind' is missing; add for example `kind: estimator`"),
        ("  target: label\n", "", "line 1: 'data': the key 'target' is missing; add for example `target: label`"),
        # values
        ("budget: 2h, $5", "budget: soon", "line 15: 'budget': the budget 'soon' can't be read; write for example"),
        ("budget: 2h, $5", "budget: 2h, 3m", "line 15: 'budget': the budget '2h, 3m' states 'seconds' twice"),
        ("  target: label", "  target: 3", "line 3: 'data.target': must be a text; got 3"),
        ("  target: label", "  target: y\n  folds: 0", "line 4: 'data.folds': must be at least 1; got 0"),
        ("  target: label", "  target: y\n  held_out: 1", "line 4: 'data.held_out': must be less than 1; got 1"),
        ("  target: label", "  target: y\n  inputs: {a: 1}", "line 4: 'data.inputs': the column 'a': a column is"),
        ("  target: label", "  target: y\n  inputs: 1", "line 4: 'data.inputs': must name columns, as a list or"),
        ("metric: accuracy", "metric: 5", "line 4: 'metric': must map keys to values; got 5"),
        ("metric: accuracy", "metric: accuracy\nworkers: many", "'workers': must be a whole number; got 'many'"),
        ("metric: accuracy", "metric: accuracy\nseed: -1", "line 5: 'seed': must be at least 0; got -1"),
        ("metric: accuracy", "metric: accuracy\nconfirm: 99", "line 5: 'confirm': must be at most 20; got 99"),
        ("metric: accuracy", "metric: accuracy\ntrial_seconds: .inf", "'trial_seconds': must be a finite number"),
        ("stage:\n  kind: estimator\n  build: model.py:build", "stage: estimator", "line 5: 'stage': a stage maps"),
        # settings
        ("C: auto", "C: {flaot: [1, 2]}", "line 10: 'levers.model.C': unknown kind of setting 'flaot'; did you mean"),
        ("C: auto", "C: {float: [1, 2], lgo: true}", "'levers.model.C': 'lgo' is no key of a float; its keys are: log"),
        ("C: auto", "C: {int: [1, 2], lgo: true}", "'lgo' is no key of an int"),
        ("C: auto", "C: {float: [2, 1]}", "line 10: 'levers.model.C': the low bound must be below the high one"),
        ("C: auto", "C: {float: [1, 2], default: 3}", "the default must be a number from 1 to 2; got 3"),
        ("C: auto", "C: {float: [1, 2], int: [1, 2]}", "needs exactly one of the keys float, int"),
        ("C: auto", "C: 3", "line 10: 'levers.model.C': write a range such as {float: [0.01, 100], log: true}"),
        ("C: auto", "c_: auto", "line 10: 'levers.model.c_': unknown setting for 'auto' 'c_'; known are: "),
        ("C: auto", "a.b: {int: [1, 2]}", "line 9: 'levers.model': a setting's name takes letters, digits"),
        ("    share: {float: [0.1, 1]}\n", "", "line 13: 'levers.data': a lever maps the names of its settings"),
        # conditions
        ("{kind: tree}", "{knid: tree}", "line 12: 'levers.model.depth.when.knid': it depends on the unknown setting"),
        ("{kind: tree}", "{knid: tree}", "'knid'; known are: kind, "),
        ("{kind: tree}", "{kind: treee}", "'levers.model.depth': setting 'model.depth' depends on 'model.kind', which"),
        ("{kind: tree}", "tree", "line 12: 'levers.model.depth': 'when' takes settings and what they must be"),
        ("{kind: tree}", "{depth: 1}", "settings depend on each other in a circle: model.depth -> model.depth"),
        # baseline
        ("budget:", "baseline: {modle: {C: 1}}\nbudget:", "'baseline.modle': unknown lever 'modle'; known are: model"),
        ("budget:", "baseline: {model: {c: 1}}\nbudget:", "line 15: 'baseline.model.c': unknown setting 'c'"),
        ("budget:", "baseline: {model: {C: -1}}\nbudget:", "'baseline.model.C': must be a number from 0.001 to 1000"),
        ("budget:", "baseline: {C: 1}\nbudget:", "line 15: 'baseline.C': must map keys to values; got 1"),
        # stages
        ("budget:", "stages: [{kind: a, levers: []}]\nbudget:", "either `stage` (one) or `stages` (a chain); drop one"),
        ("  kind: estimator", "  kind: estimator\n  levers: [model]", "line 7: 'stage.levers': a single stage has all"),
        # YAML
        ("metric: accuracy", "metric: accuracy\nmetric: f1", "line 5: this can't be read as YAML: found duplicate key"),
        ("  target: label", "\ttarget: label", "line 3: this can't be read as YAML: found character '\\t' that cannot"),
        ("[svm, tree]}", "[svm, tree}", "line 11: this can't be read as YAML"),
        ("budget: 2h, $5", "budget: in: 2h", "line 15: this can't be read as YAML: mapping values are not"),
        ("budget: 2h, $5", f"budget: {'[' * 700}", "task.yaml: this can't be read as YAML: it is nested too deeply"),
    ],
)  # fmt: skip
def test_what_is_wrong(tmp_path, old, new, message):
    assert message in told(tmp_path, swap(old, new))


@pytest.mark.parametrize(
    ("text", "held"),
    [("", "nothing"), ("# only this\n", "nothing"), ("- a\n", "a list"), ("hello", "the value 'hello'")],
)
def test_files_that_are_no_task(tmp_path, text, held):
    assert told(tmp_path, text).endswith(f"it holds {held}")


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "other.yml").write_text("a: 1")
    (tmp_path / "task.yaml").write_bytes("metric: \xe9".encode("latin-1"))
    for path, message in [
        (tmp_path / "taks.yaml", "in its folder are: task.yaml, other.yml"),
        (tmp_path / "no" / "task.yaml", "check the path, or write one"),
        (tmp_path, "is a folder; name the task file in it"),
        (tmp_path / "task.yaml", "isn't UTF-8 text (byte 8); save it as UTF-8"),
    ]:
        with pytest.raises(TaskFileError) as caught:
            read_task(path)
        assert message in str(caught.value)


def test_all_that_is_wrong_is_told_at_once(tmp_path):
    lines = told(tmp_path, swap("  target: label", "  target: 3").replace("2h, $5", "soon") + "sed: 3\n").splitlines()
    assert [line.partition(":")[0] for line in lines] == [f"task.yaml, line {number}" for number in (3, 15, 16)]


CHAIN = """\
metric: {name: loss, direction: minimize}
stages:
  - {kind: function, function: "a.py:f", levers: [a]}
  - {kind: function, function: "a.py:g", levers: [b]}
levers: {a: {x: {int: [1, 2]}}, b: {y: {int: [1, 2]}}}
budget: 3 trials
"""


def test_a_chain(tmp_path):
    spec = read(tmp_path, CHAIN).spec
    assert [part.levers for part in spec.stages] == [("a",), ("b",)]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("levers: [b]", "levers: [c]", "line 4: 'stages.1.levers.0': unknown lever 'c'; known are: a, b"),
        ("levers: [b]", "levers: [a, b]", "the lever 'a' is that of stages.0 already; a lever has one stage"),
        ("levers: [b]", "levers: []", "line 5: 'levers.b': no stage takes this lever"),
        (", levers: [b]", "", "line 4: 'stages.1': each stage of a chain says which levers are its own"),
        ("kind: function, function: \"a.py:g\"", "knd: function", "line 4: 'stages.1': the key 'kind' is missing"),
    ],
)  # fmt: skip
def test_a_chain_that_is_wrong(tmp_path, old, new, message):
    assert message in told(tmp_path, CHAIN.replace(old, new))


def test_nothing_to_tune(tmp_path):
    text = TASK[: TASK.index("levers:")] + "levers: {}\n" + TASK[TASK.index("budget:") :]
    assert "'levers': there is nothing to tune; name at least one lever" in told(tmp_path, text)


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("auto"),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | st.just("float"), inner, max_size=3)
    ),
    max_leaves=6,
)
keys = st.sampled_from(
    [
        "data",
        "metric",
        "stage",
        "stages",
        "levers",
        "baseline",
        "budget",
        "searcher",
        "pruner",
        "seed",
        "study",
        "extra",
    ]
)


@given(content=st.dictionaries(keys, junk, max_size=4), where=st.sampled_from(["top", "levers", "setting"]))
def test_whatever_stands_there_it_is_read_or_refused(tmp_path_factory, content, where):
    """A task with junk in it raises nothing but an error of ours, and what is read can be recorded."""
    folder = tmp_path_factory.mktemp("junk")
    task = dict(read(folder, TASK).content)
    if where == "top":
        task |= content
    elif where == "levers":
        task["levers"] = content
    else:
        task["levers"] = {"model": {"C": content}}
    try:
        known = read(folder, json.dumps(task).replace("NaN", ".nan").replace("Infinity", ".inf"))
    except LuthierError as error:
        said = str(error)
    else:
        said = json.dumps(known.content)
    assert said.encode()


def test_an_emoji_in_json(tmp_path):
    text = json.dumps({**read(tmp_path, TASK).content, "study": "🎻"})
    assert "\\ud83c" in text
    assert read(tmp_path, text, name="task.json").spec.study == "🎻"
