"""What the commands print and leave behind when all goes well."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest

import luthier as package

COMMANDS = ("tune", "init", "adopt", "studies", "show", "report", "export", "predict", "schema")


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_without_arguments_the_commands_are_listed(luthier):
    ended = luthier()
    assert all(command in ended.out + ended.err for command in COMMANDS)


@pytest.mark.parametrize("command", [(), *((one,) for one in COMMANDS)])
def test_help_fits_eighty_columns(luthier, command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    ended = luthier(*command, "--help")
    assert ended.code == 0
    assert "..." not in re.sub(r"ARG(UMENT)?S\]\.\.\.", "", ended.out), "a text is cut off"
    assert max(map(len, ended.out.splitlines())) <= 80


def test_help_keeps_what_stands_in_brackets(luthier):
    assert "[.luthier/studies.db]" in luthier("studies", "-h").out
    assert "[one a core]" in luthier("tune", "-h").out


def test_version(luthier):
    assert luthier("--version").out == f"luthier {luthier_version()}\n"


def luthier_version():
    return package.__version__


def test_tune_shows_progress_on_stderr_and_the_result_on_stdout(luthier, function_task):
    ended = luthier("tune", "task.yaml")
    assert ended.code == 0
    assert "6 trials" in ended.out
    assert "Study 'task': minimize loss by the levers place (1), offset (1); budget 6 trials." in ended.err
    assert "measuring the baseline" in ended.err
    assert "luthier predict" not in ended.out, "a function makes no model"


def test_quiet_keeps_the_result_only(luthier, function_task):
    ended = luthier("tune", "task.yaml", "--quiet")
    assert ended.err == ""
    assert "6 trials" in ended.out


def test_json_is_json_only(luthier, table_task):
    tuned = luthier("tune", "table.yaml", "--json")
    assert (tuned.code, tuned.err) == (0, "")
    assert json.loads(tuned.out)["metric"] == {"name": "accuracy", "direction": "maximize"}
    assert json.loads(luthier("show", "table", "--json").out) == json.loads(tuned.out)
    (line,) = json.loads(luthier("studies", "--json").out)
    assert (line["name"], line["state"]) == ("table", "finished")
    assert len(json.loads(luthier("export", "table", "--to", "json").out)) > 4


def test_no_studies_yet(luthier, folder):
    ended = luthier("studies")
    assert (ended.code, ended.out) == (0, "No studies yet; begin one with: luthier tune DATA.csv --target COLUMN\n")
    assert luthier("studies", "--json").out == "[]\n"
    assert not list(folder.iterdir()), "looking must leave nothing behind"


def test_options_win_over_the_task_file(luthier, function_task):
    options = ["--budget", "3 trials", "--seed", "7", "--name", "mine", "--set", "levers.place.x={float: [0.5, 2]}"]
    luthier("tune", "task.yaml", *options)
    rows = rows_of(luthier("export", "mine").out)
    assert len(rows) == 3
    assert all(0.5 <= float(row["config.place.x"]) <= 2 for row in rows)
    (line,) = json.loads(luthier("studies", "--json").out)
    assert line["name"] == "mine"


def test_a_second_run_gets_a_number(luthier, function_task):
    for _ in range(3):
        assert luthier("tune", "task.yaml", "--quiet").code == 0
    names = {line["name"] for line in json.loads(luthier("studies", "--json").out)}
    assert names == {"task", "task-2", "task-3"}


def test_a_concluded_study_resumes_to_nothing(luthier, function_task):
    first = luthier("tune", "task.yaml", "--quiet")
    again = luthier("tune", "task.yaml", "--resume", "--quiet")
    assert (again.code, again.out) == (0, first.out)
    assert "Study 'task' is concluded; nothing is left to do." in again.err


def test_a_larger_budget_is_no_other_study(luthier, function_task):
    luthier("tune", "task.yaml", "--quiet", "--store", "here/s.db")
    assert "there is no store at '.luthier/studies.db'" in luthier("show", "task").err
    assert "6 trials" in luthier("show", "task", "--store", "here/s.db", "--top", "2").out


def test_show_lists_the_best_trials(luthier, function_task):
    luthier("tune", "task.yaml", "--quiet")
    ended = luthier("show", "task", "--top", "3")
    assert ended.code == 0
    assert "6 trials" in ended.out


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_export_to_a_file(luthier, function_task, folder, form):
    import polars as pl

    luthier("tune", "task.yaml", "--quiet")
    ended = luthier("export", "task", "--to", form, "--out", f"trials.{form}")
    assert (ended.code, ended.out, ended.err) == (0, "", f"6 trials written to trials.{form}\n")
    read = {"csv": pl.read_csv, "json": pl.read_json, "parquet": pl.read_parquet}[form](folder / f"trials.{form}")
    assert read["id"].to_list() == [0, 1, 2, 3, 4, 5]


def test_predict_by_name_and_by_task_file(luthier, table_task, folder):
    tuned = luthier("tune", "table.yaml", "--quiet")
    assert "To predict with the tuned model: luthier predict table ROWS.csv" in tuned.out
    # Columns in another order, one too many, no labels; and the data that it learned from is gone.
    Path("new.csv").write_text("b,note,a\n0.1,x,-2\n0.1,y,3\n")
    Path("rows.csv").unlink()
    said = rows_of(luthier("predict", "table", "new.csv").out)
    assert [(row["row"], row["prediction"]) for row in said] == [("1", "no"), ("2", "yes")]
    assert [*said[0]] == ["row", "prediction", "probability of no", "probability of yes"]
    assert float(said[0]["probability of no"]) + float(said[0]["probability of yes"]) == pytest.approx(1)
    ended = luthier("predict", "table.yaml", "new.csv", "--out", "said.csv")
    assert (ended.code, ended.out) == (0, "")
    assert rows_of((folder / "said.csv").read_text()) == said


def test_a_regression(luthier, table_task, folder):
    text = table_task.read_text().replace("accuracy", "rmse").replace("target: label", "target: b\n  inputs: a")
    table_task.write_text(text.replace("KNeighborsClassifier", "KNeighborsRegressor"))
    assert luthier("tune", "table.yaml", "--quiet").code == 0
    said = rows_of(luthier("predict", "table", "rows.csv").out)
    assert len(said) == 120
    assert [*said[0]] == ["row", "prediction"]


@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_mixed_table_reaches_a_pipeline_as_a_polars_frame(luthier, table_task, folder, workers):
    header, *lines = (folder / "rows.csv").read_text().splitlines()
    mixed = [f"color,{header}"]
    for number, line in enumerate(lines):
        kept = line if number % 7 else line[line.index(",") :]
        mixed.append(f"{('red', 'blue', '')[number % 3]},{kept}")
    (folder / "rows.csv").write_text("\n".join(mixed) + "\n")
    (folder / "model.py").write_text(
        "import polars as pl\n"
        "from sklearn.compose import ColumnTransformer\n"
        "from sklearn.impute import SimpleImputer\n"
        "from sklearn.linear_model import LogisticRegression\n"
        "from sklearn.pipeline import make_pipeline\n"
        "from sklearn.preprocessing import OneHotEncoder\n"
        "class Columns(ColumnTransformer):\n"
        "    def fit_transform(self, frame, labels=None, **rest):\n"
        "        assert isinstance(frame, pl.DataFrame) and frame.columns == ['color', 'a', 'b'], frame\n"
        "        return super().fit_transform(frame, labels, **rest)\n"
        "def build(settings):\n"
        "    numbers = SimpleImputer(strategy=settings['impute'])\n"
        "    colors = OneHotEncoder(handle_unknown='ignore')\n"
        "    columns = Columns([('n', numbers, ['a', 'b']), ('c', colors, ['color'])])\n"
        "    return make_pipeline(columns, LogisticRegression(C=settings['C']))\n"
    )
    text = table_task.read_text().replace("sklearn.neighbors.KNeighborsClassifier", "model.py:build")
    table_task.write_text(
        text.replace("n_neighbors: {int: [1, 15], default: 1}", "C: auto\n    impute: {choice: [mean, median]}")
    )
    ended = luthier("tune", "table.yaml", "--quiet", "--workers", workers)
    assert (ended.code, ended.err) == (0, "")
    assert not any(row["failure"] for row in rows_of(luthier("export", "table").out))
    Path("new.csv").write_text("color,b,a\npurple,0,\nred,0,3\n")
    assert len(rows_of(luthier("predict", "table", "new.csv").out)) == 2


def test_rows_that_come_with_their_parts(luthier, table_task, folder):
    lines = (folder / "rows.csv").read_text().splitlines()
    parts = ("train", "train", "train", "validation", "validation", "test", "test")
    texts = [f"{line},{parts[number % 7]}" for number, line in enumerate(lines[1:])]
    (folder / "rows.csv").write_text("\n".join([f"{lines[0]},part", *texts]) + "\n")
    ended = luthier("tune", "table.yaml", "--json", "--set", "data.split=part")
    assert ended.code == 0
    assert {row["fidelity"] for row in rows_of(luthier("export", "table").out)} == {"1"}


def test_a_chain_of_functions(luthier, function_task, folder):
    (folder / "objective.py").write_text(
        "def first(width):\n    return width\n"
        "def second(depth):\n"
        "    for step in range(1, 4):\n        yield depth / step\n"
    )
    (folder / "task.yaml").write_text(
        "metric: {name: loss, direction: minimize}\n"
        "stages:\n"
        "  - {kind: function, function: objective.py:first, name: first, levers: [a]}\n"
        "  - {kind: function, function: objective.py:second, name: second, levers: [b], fidelity: 3}\n"
        "levers:\n  a: {width: {int: [1, 4]}}\n  b: {depth: {int: [1, 4]}}\n"
        "budget: 6 trials\nworkers: 0\n"
    )
    ended = luthier("tune", "task.yaml", "--json")
    assert (ended.code, ended.err) == (0, "")
    assert min(float(row["value"]) for row in rows_of(luthier("export", "task").out)) == pytest.approx(1 / 3)


def test_a_shell_script_and_its_environment(luthier, folder):
    script = folder / "train.sh"
    script.write_text('#!/bin/sh\necho "warming up"\necho "loss: $(( ($1 - 4) * ($1 - 4) + $BASE ))"\n')
    script.chmod(0o755)
    Path("task.yaml").write_text(
        "metric: {name: loss, direction: minimize}\n"
        'stage: {kind: command, run: "./train.sh {n}", pattern: "loss: ([0-9]+)", env: {BASE: 10}}\n'
        "levers: {settings: {n: {int: [1, 9], default: 1}}}\nsearcher: {name: grid, size: 9}\n"
        "budget: 9 trials\nworkers: 0\n"
    )
    assert luthier("tune", "task.yaml", "--quiet").code == 0
    rows = rows_of(luthier("export", "task").out)
    assert min(float(row["value"]) for row in rows) == 10


def test_a_module_of_the_users_may_bear_any_name(luthier, function_task, folder):
    """A file called json.py is loaded, and the standard library's json stays what it is."""
    (folder / "objective.py").rename(folder / "json.py")
    function_task.write_text(function_task.read_text().replace("objective.py", "json.py"))
    assert luthier("tune", "task.yaml", "--quiet").code == 0
    import sys

    assert sys.modules["json"] is json
