"""From task files and names to studies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import luthier as lt
from luthier.core.errors import LuthierError, TaskFileError, UsageError
from luthier.core.metric import Direction
from luthier.core.trial import Fidelity
from luthier.store.artifacts import FileArtifacts
from luthier.study.build import pairs, resolve_metric, study_from_file
from luthier.study.home import free_name, home_at, is_there, latest_name, next_name, open_home

FUNCTION = """\
metric: {name: loss, direction: minimize}
stage:
  kind: function
  function: objective.py:loss
levers: {a: {x: {int: [1, 9]}}}
budget: 3 trials
workers: 0
"""
COMMAND = FUNCTION.replace("kind: function\n  function: objective.py:loss", "kind: command\n  run: echo {x}")


@pytest.fixture(autouse=True)
def objective(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "objective", raising=False)
    (tmp_path / "objective.py").write_text("def loss(x):\n    return x\n")


def study_of(folder: Path, text: str, *changes: str, **options):
    (folder / "task.yaml").write_text(text)
    return study_from_file(folder / "task.yaml", changes, store=str(folder / "studies.db"), **options)


def told(folder: Path, text: str, *changes: str, **options) -> str:
    with pytest.raises(LuthierError) as caught:
        study_of(folder, text, *changes, **options)
    return str(caught.value)


def test_a_function(tmp_path):
    study = study_of(tmp_path, FUNCTION, "seed=4", "confirm=2")
    problem = study.problem
    assert (study.name, problem.seed, problem.confirm, problem.rows) == ("task", 4, 2, None)
    assert problem.metric == lt.Metric("loss", "minimize")
    assert problem.baseline_config == {"a.x": 5}
    assert problem.task["folder"] == str(tmp_path)
    assert problem.task["content"]["seed"] == 4


def test_limits_and_fidelity(tmp_path):
    text = COMMAND.replace("echo {x}", "echo {x}\n  fidelity: {unit: epoch, maximum: 7}\n  env: {A: 1, B: two}")
    problem = study_of(tmp_path, text, "memory_mb=10", "trial_seconds=3").problem
    assert problem.stage.fidelity == Fidelity("epoch", 7, cumulative=False)
    assert (problem.limits.memory_bytes, problem.limits.seconds) == (10 * 2**20, 3)
    assert problem.stage.env == {"A": "1", "B": "two"}
    assert Path(problem.stage.cwd) == tmp_path


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("kind: function", "kind: fnction", "line 3: 'stage.kind': unknown stage 'fnction'; known are: function"),
        ("objective.py:loss", "objective.py:los", "line 4: 'stage.function': 'objective.py' has no 'los'"),
        ("objective.py:loss", "objective.py:loss\n  fidelty: 3", "line 5: 'stage.fidelty': the stage 'function' has"),
        ("objective.py:loss", "objective.py:loss\n  fidelity: x", "line 5: 'stage.fidelity': a fidelity is a number"),
        ("objective.py:loss", "objective.py:loss\n  fidelity: 0", "the highest fidelity must be >= 1; got 0"),
        ("objective.py:loss", "objective.py:loss\n  metric: f1", "'stage.metric': the stage 'function' has no option"),
        ("  function: objective.py:loss\n", "", "line 2: 'stage': the stage 'function' needs the option 'function'"),
        ("{name: loss, direction: minimize}", "loss", "line 1: 'metric': no metric is called 'loss'; known are "),
        ("{name: loss, direction: minimize}", "{name: r2, direction: minimize}", "the direction of 'r2' is to max"),
        ("workers:", "searcher: modle\nworkers:", "'searcher': unknown searcher 'modle'; known are: model"),
        ("workers:", "searcher: {name: asha, ita: 4}\nworkers:", "'searcher.ita': the searcher 'asha' has no option"),
        ("workers:", "searcher: {name: asha, eta: 0}\nworkers:", "line 7: 'searcher': eta, the factor"),
        ("workers:", "searcher: {name: asha, seed: 0}\nworkers:", "its options are: eta, "),
        ("workers:", "pruner: medain\nworkers:", "line 7: 'pruner': unknown pruner 'medain'; known are: median"),
        ("workers:", "pruner: {name: median, others: -1}\nworkers:", "line 7: 'pruner'"),
        ("metric:", "study: ' '\nmetric:", "line 1: 'study': a study's name takes 1 to 200 letters"),
    ],
)  # fmt: skip
def test_what_cannot_be_built(tmp_path, old, new, message):
    assert FUNCTION.count(old) == 1
    assert message in told(tmp_path, FUNCTION.replace(old, new))


def test_stages_that_the_held_out_test_would_fail_with(tmp_path):
    data = "data: {path: a.csv, target: y}\n"
    with_metric = {"metric: {name: loss, direction: minimize}": "metric: accuracy"}
    for text, message in [
        (data + FUNCTION, "'data': a function makes no model"),
        (
            data + COMMAND,
            "'stage': with `data`, the held-out rows are predicted at the end, so a command needs the key",
        ),
        (FUNCTION.replace("kind: function\n  function", "kind: estimator\n  build"), "an estimator learns from rows"),
    ]:
        for old, new in with_metric.items():
            text = text.replace(old, new)
        assert message in told(tmp_path, text)


def test_names_follow_one_another(tmp_path):
    assert study_of(tmp_path, FUNCTION).run().concluded is not None
    assert study_of(tmp_path, FUNCTION).name == "task-2"
    assert study_of(tmp_path, FUNCTION, resume=True).name == "task"
    assert study_of(tmp_path, FUNCTION, name="mine").name == "mine"
    assert study_of(tmp_path, FUNCTION, "study=other").name == "other"
    assert "unknown study 'other'; known are: task" in told(tmp_path, FUNCTION, "study=other", resume=True)


def test_an_unfinished_study_bars_the_next_of_its_name(tmp_path):
    home = open_home(str(tmp_path / "studies.db"))
    study = study_of(tmp_path, FUNCTION)
    study._journal((), resume=False).close("left alone")
    with pytest.raises(UsageError, match=r"unfinished study 'task'; go on with it by --resume, or .* --name task-2"):
        next_name(home, "task")
    assert free_name(home, "task") == "task-2"
    assert latest_name(home, "task") == "task"
    assert free_name(home, "tas") == "tas"


def test_a_baseline_that_failed_bars_nothing(tmp_path):
    (tmp_path / "objective.py").write_text("def loss(x):\n    raise OSError('full')\n")
    with pytest.raises(LuthierError, match="full"):
        study_of(tmp_path, FUNCTION).run()
    assert study_of(tmp_path, FUNCTION).name == "task-2"


def test_looking_for_a_store_makes_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert not is_there()
    with pytest.raises(UsageError, match=r"there is no store at '.luthier/studies.db'"):
        home_at()
    assert not (tmp_path / ".luthier").exists()
    open_home()
    assert is_there()
    assert home_at().store.studies() == []


def test_the_artifacts_of_a_store_in_memory_go_with_it():
    home = open_home("memory:")
    address = home.artifacts.put(b"x")
    assert isinstance(home.artifacts, FileArtifacts)
    folder = home.artifacts.directory
    assert home.artifacts.get(address) == b"x"
    del home
    assert not folder.exists()


@pytest.mark.parametrize(
    ("arguments", "direction"),
    [(("accuracy", None), "maximize"), (("rmse", None), "minimize"), (("mine", "minimize"), "minimize")],
)
def test_metrics(arguments, direction):
    assert resolve_metric(*arguments) == lt.Metric(arguments[0], Direction(direction))


def test_rows_that_come_with_their_parts_are_one_pair():
    parts = np.array(["train", "validation", "test"] * 4, dtype=object)
    columns = {"a": np.arange(12.0), "y": np.arange(12.0), "part": parts}
    assert pairs(lt.from_frame(columns, target="y", split="part"), 5) == 1
    assert pairs(lt.from_frame(columns, target="y"), 5) == 5
    columns["part"] = np.where(parts == "validation", "train", parts)
    assert pairs(lt.from_frame(columns, target="y", split="part"), 5) == 5


def test_errors_of_the_rows_name_the_key(tmp_path):
    (tmp_path / "rows.csv").write_text("a,y\n1,x\n2,x\n")
    text = FUNCTION.replace("{name: loss, direction: minimize}", "accuracy\ndata: {path: rows.csv, target: y}")
    text = text.replace("kind: function\n  function: objective.py:loss", "kind: estimator\n  build: sklearn.svm.SVC")
    (tmp_path / "task.yaml").write_text(text.replace("x: {int: [1, 9]}", "C: auto"))
    with pytest.raises(TaskFileError, match=r"task.yaml, line 2: 'data': the target 'y' must hold two or more classes"):
        study_from_file(tmp_path / "task.yaml", store="memory:")
