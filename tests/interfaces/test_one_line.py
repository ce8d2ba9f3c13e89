"""One line on a CSV: the task is inferred, written down, tuned, and the tuned model predicts."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, r2_score
from tests.interfaces.tables import TABLES

import luthier as lt

SOURCE = Path(__file__).parents[2] / "src"
FEW = ("--budget", "3 trials", "--workers", "0", "--set", "data.folds=3", "--set", "confirm=1")


def luthier_process(folder, *arguments):
    """The real command line, in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "COLUMNS": "100"}
    code = "from luthier.interfaces.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", code, *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip


def predicted(luthier, study):
    ended = luthier("predict", study, "new.csv")
    assert (ended.code, ended.err) == (0, "")
    return [row["prediction"] for row in csv.DictReader(io.StringIO(ended.out))]


def skill(table, answers):
    """0 for any constant answer, 1 for the truth."""
    if isinstance(table.truth[0], float):
        return r2_score(table.truth, np.array(answers, dtype=float))
    return (balanced_accuracy_score(table.truth, answers) - 1 / len(set(table.truth))) / (1 - 1 / len(set(table.truth)))


EXPECTED = {
    "numeric": ("30 numbers", "accuracy", "patient_id (an identifier", 0.8),
    "mixed": (
        "3 categories (clinic, sex, weight)",
        "r2",
        "version (the same value in every row); remark (no value in any row)",
        0.15,
    ),
    "texts": ("1 text", "accuracy", "", 0.3),
    "imbalanced": ("21 numbers", "balanced_accuracy", "", 0.2),
    "wide": ("inputs    6", "accuracy", "pixel 0 (the same value in every row)", 0.2),
}
"""Per table: a piece of what is said of the inputs, the metric, what is left out, the least skill."""


@pytest.mark.parametrize("name", TABLES)
def test_one_line(luthier, folder, name):
    """The line works, says what it inferred, and beats any constant; its file alone gives the same study."""
    inputs, metric, left_out, least = EXPECTED[name]
    table = TABLES[name]()
    table.write(folder, name)
    ended = luthier_process(folder, "tune", f"{name}.csv", "--target", table.target, *FEW, "--name", "first")
    assert ended.returncode == 0, ended.stderr
    assert f"{name}.csv: {len(table.rows)} rows" in ended.stderr
    for piece in (inputs, f"metric    {metric}", left_out, f"Written to {name}.task.yaml"):
        assert piece in ended.stderr, ended.stderr
    assert "What to do next" in ended.stdout
    assert "luthier predict first ROWS.csv" in ended.stdout
    answers = predicted(luthier, "first")
    assert len(answers) == len(table.unseen)
    assert skill(table, answers) > least

    again = luthier("tune", f"{name}.task.yaml", *FEW, "--quiet")
    assert (again.code, again.err) == (0, "")
    assert trials_of(luthier, name) == trials_of(luthier, "first")
    assert predicted(luthier, f"{name}.task.yaml") == answers


def trials_of(luthier, study):
    """Config and value of each trial."""
    rows = csv.DictReader(io.StringIO(luthier("export", study).out))
    return [{key: cell for key, cell in row.items() if key == "value" or key.startswith("config.")} for row in rows]


# ------------------------------------------------------------------------------- the file that is written


@pytest.fixture
def small(folder):
    """rows.csv: 60 rows of a number, a category, and two classes."""
    lines = [f"{row % 7},{'ab'[row % 3 == 0]},{['no', 'yes'][row % 2]}" for row in range(60)]
    (folder / "rows.csv").write_text("\n".join(["amount,kind,label", *lines]) + "\n")
    return folder / "rows.csv"


def test_a_task_file_is_never_overwritten(luthier, small, folder):
    first = luthier("init", "rows.csv")
    assert first.code == 0
    assert "Written to rows.task.yaml.\nTune it by: luthier tune rows.task.yaml\n" in first.out
    assert "rows.task.yaml says so already." in luthier("init", "rows.csv").out
    task = folder / "rows.task.yaml"
    task.write_text(task.read_text().replace("amount: number", "amount: category").replace("60s", "2 trials"))
    mine = task.read_text()
    other = luthier("init", "rows.csv")
    assert "Written to rows-2.task.yaml, since rows.task.yaml is there and says otherwise." in other.out
    assert "rows-2.task.yaml says so already." in luthier("init", "rows.csv").out
    assert task.read_text() == mine
    assert luthier("tune", "rows.task.yaml", "--quiet", "--workers", "0").code == 0
    shown = json.loads(luthier("show", "rows", "--json").out)
    assert shown["evidence"] == "held-out"


def test_a_second_line_with_another_budget_takes_the_file_that_is_there(luthier, small, folder):
    for budget in ("1 trial", "2 trials"):
        assert luthier("tune", "rows.csv", "--quiet", "--workers", "0", "--budget", budget).err == ""
    assert [path.name for path in sorted(folder.glob("*.yaml"))] == ["rows.task.yaml"]
    assert "2 trials" in luthier("show", "rows-2").out


def test_from_python(small, folder, capsys):
    study = lt.tune("rows.csv", budget="2 trials", workers=0, folds=3, seed=4)
    said = capsys.readouterr().err
    assert "target    label (by its name): 2 classes: 'no' (30), 'yes' (30)" in said
    assert "Written to rows.task.yaml." in said
    assert study.problem.metric.name == "accuracy"
    assert study.problem.seed == 4
    assert len(study.problem.rows.folds(0)) == 3
    assert study.verdict is not None
    assert set(study.predict(lt.read_table("rows.csv")).values) <= {"no", "yes"}
    assert (folder / "rows.task.yaml").is_file()


@pytest.mark.parametrize(
    ("what", "options", "told"),
    [
        ("rows.csv", {"levers": {"C": lt.Float(0.1, 1)}}, "of a table, luthier chooses levers itself"),
        ("rows.csv", {"target": "lable"}, "rows.csv has no column 'lable'; its columns are: label"),
        ("rows.csv", {"metric": lt.Metric("loss", "minimize")}, "held-out rows are scored by one of these"),
        ("row.csv", {}, "there is no file 'row.csv'; the nearest names in its folder are: rows.csv"),
        ("rows.task.yaml", {}, "a task file is run by `luthier tune rows.task.yaml`"),
        (abs, {"target": "label"}, "target= names a column of a table that is given by its path"),
        (abs, {}, "metric= is missing"),
    ],
)
def test_from_python_with_what_cannot_be(small, what, options, told):
    with pytest.raises(lt.LuthierError, match=re.escape(told)):
        lt.tune(what, budget="1 trial", **options)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["tune", "row.csv"], "there is no file 'row.csv'; the nearest names in its folder are: rows.csv"),
        (["tune", "rows.csv", "--target", "lable"], "rows.csv has no column 'lable'; its columns are: label, "),
        (["tune", "rows.csv", "--metric", "acuracy"], "no metric is called 'acuracy'; known are accuracy"),
        (["tune", "rows.csv", "--metric", "r2"], "the target 'label' of a regression must hold numbers"),
        (["tune", "rows.csv", "--budget", "soon"], "'soon' can't be read"),
        (["tune", "task.yaml", "--target", "label"], "--target is for a table; the task file 'task.yaml' states its"),
        (["tune", "task.yaml", "--metric", "r2"], "or for once by --set metric=r2"),
        (["init", "task.yaml"], "'task.yaml' looks like a task file already: luthier tune task.yaml"),
        (["init", "rows.txt"], "a table's suffix must be one of .csv"),
        (["init", "empty.csv"], "empty.csv is empty (0 bytes)"),
        (["init", "twice.csv"], "'a' is the name of columns 1 and 2: rename one"),
        (["init", "bare.csv"], "which column of bare.csv is to be predicted? Name it by --target"),
    ],
)
def test_what_cannot_be(luthier, small, folder, arguments, told):
    (folder / "empty.csv").write_text("")
    (folder / "twice.csv").write_text("a,a,label\n" + "1,2,x\n2,3,y\n" * 20)
    (folder / "bare.csv").write_text("a,b\n" + "1,2\n2,3\n" * 20)
    ended = luthier(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert told in ended.err
    assert "Traceback" not in ended.err
    assert not list(folder.glob("*.task.yaml")), "nothing is written for what can't be"


def test_a_kind_that_is_corrected_wrongly(luthier, small, folder):
    luthier("init", "rows.csv")
    task = folder / "rows.task.yaml"
    task.write_text(task.read_text().replace("kind: category", "kind: nubmer"))
    assert "'data.inputs': the column 'kind': a column is a number or" in luthier("tune", "rows.task.yaml").err
    task.write_text(task.read_text().replace("kind: nubmer", "kind: number"))
    ended = luthier("tune", "rows.task.yaml", "--quiet", "--workers", "0")
    assert ended.code == 1
    assert "the column 'kind' must hold a number in every row that has a value, but " in ended.err


def test_a_budget_that_is_too_small(luthier, small):
    ended = luthier("tune", "rows.csv", "--quiet", "--budget", "0.2s", "--workers", "1")
    assert ended.code == 1
    assert "before the baseline was measured; raise it by --budget" in ended.err


@pytest.mark.prove
@pytest.mark.parametrize("name", ["numeric", "wide"])
def test_a_time_budget_is_kept(folder, luthier, name):
    """On few rows and on many columns: with worker processes, as a newcomer runs it."""
    table = TABLES[name]()
    table.write(folder, name)
    began = time.monotonic()
    ended = luthier_process(folder, "tune", f"{name}.csv", "--target", table.target, "--budget", "90s", "--json")
    took = time.monotonic() - began
    assert ended.returncode == 0, ended.stderr
    report = json.loads(ended.stdout)
    assert report["evidence"] == "held-out"
    assert skill(table, predicted(luthier, name)) > EXPECTED[name][3]
    assert report["total"]["wall_seconds"] <= 91
    assert took < 150, "starting and ending included"
