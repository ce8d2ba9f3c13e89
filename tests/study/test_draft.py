"""What is drafted for a table, and that the text of the draft says the same as the draft."""

from __future__ import annotations

import random

import pytest

from luthier.core.errors import DataError, UsageError
from luthier.study.draft import draft_of
from luthier.study.draft_text import flow, scalar, summary_lines, task_text
from luthier.study.source import read_source
from luthier.study.spec import read_task


def write(folder, header, *columns, name="data.csv", separator=",", encoding="utf-8"):
    path = folder / name
    lines = [separator.join(header), *(separator.join(map(str, row)) for row in zip(*columns, strict=True))]
    path.write_bytes(("\n".join(lines) + "\n").encode(encoding))
    return path


def numbers(count, seed=0):
    rng = random.Random(seed)
    return [round(rng.gauss(0, 1), 4) for _ in range(count)]


@pytest.mark.parametrize(
    ("labels", "metric", "classes"),
    [
        (["a", "b"] * 30, "accuracy", 2),
        ([0, 1, 2] * 20, "accuracy", 3),
        (["true", "false"] * 30, "accuracy", 2),
        (["a"] * 50 + ["b"] * 10, "balanced_accuracy", 2),
        ([0] * 50 + [1] * 10, "balanced_accuracy", 2),
        (list(range(60)), "r2", 0),
        ([0.5, 1.5] * 30, "r2", 0),
    ],
)
def test_task_and_metric(tmp_path, labels, metric, classes):
    draft = draft_of(write(tmp_path, ("x", "label"), numbers(60), labels))
    assert (draft.metric, len(draft.classes), draft.target_because) == (metric, classes, "by its name")


def test_a_metric_says_whether_classes_or_numbers_are_meant(tmp_path):
    path = write(tmp_path, ("x", "stars"), numbers(60), [1, 2, 3, 4, 5] * 12)
    assert draft_of(path, target="stars").metric == "accuracy"
    draft = draft_of(path, target="stars", metric="mae")
    assert (draft.classes, draft.metric) == ((), "mae")
    assert "build: luthier.stages.tabular:regressor" in task_text(draft, tmp_path, "data")


@pytest.mark.parametrize(("rows", "fewest", "folds"), [(60, 30, 5), (60, 6, 4), (60, 5, 4), (60, 4, 3), (60, 3, 2)])
def test_folds_leave_each_class_on_both_sides(tmp_path, rows, fewest, folds):
    path = write(tmp_path, ("x", "label"), numbers(rows), ["rare"] * fewest + ["b"] * (rows - fewest))
    assert draft_of(path).folds == folds


@pytest.mark.parametrize(("rows", "columns", "model"), [(600, 3, "boosting"), (200, 3, "linear"), (600, 130, "linear")])
def test_the_baseline(tmp_path, rows, columns, model):
    names = [f"c{number}" for number in range(columns)]
    values = [numbers(rows, number) for number in range(columns)]
    draft = draft_of(write(tmp_path, (*names, "label"), *values, ["a", "b"] * (rows // 2)))
    assert draft.models[0] == draft.levers[0].settings["model"].default == model


def test_levers_are_those_that_the_columns_call_for(tmp_path):
    plain = draft_of(write(tmp_path, ("x", "label"), numbers(60), ["a", "b"] * 30))
    assert list(plain.levers[1].settings) == ["numbers"]
    assert "class_weight" not in plain.levers[0].settings
    texts = [f"some words to be read {number}" for number in range(60)]
    header = ("x", "color", "day", "remark", "label")
    columns = ([*numbers(59), ""], ["red", "blue"] * 30, ["2031-01-02", "2031-02-03"] * 30, texts)
    rich = draft_of(write(tmp_path, header, *columns, ["a"] * 50 + ["b"] * 10))
    assert list(rich.levers[1].settings) == [
        "numbers", "missing", "categories", "rare", "dates", "text", "ngrams", "min_df",
    ]  # fmt: skip
    assert "class_weight" in rich.levers[0].settings
    assert "the usual first try on texts" in "\n".join(summary_lines(rich))


def test_the_text_says_what_the_draft_says(tmp_path):
    """Odd names survive; left out columns stand there as comments; levers come back equal."""
    header = ("a: b", "#", "yes", "x y", '"q ""u"""', "größe", "id", "the label")
    values = [numbers(60, seed) for seed in range(6)]
    draft = draft_of(write(tmp_path, header, *values, range(60), ["no", "yes"] * 30), target="the label")
    path = tmp_path / "data.task.yaml"
    path.write_text(task_text(draft, tmp_path, "data"), "utf-8")
    task = read_task(path)
    assert task.spec.lever_values() == draft.levers
    assert task.spec.data is not None
    assert task.spec.data.inputs == dict.fromkeys(("a: b", "#", "yes", "x y", 'q "u"', "größe"), "number")
    assert (task.spec.data.path, task.spec.data.target) == ("data.csv", "the label")
    assert "# id: category" in path.read_text("utf-8")
    assert str(task.spec.budget) == "1 min"


@pytest.mark.parametrize(
    "value", ["a", "no", "", "1e5", "60s", "10 min", "$5", "a: b", "a #b", "-", "ä", "{x}", "x\ny"]
)
def test_scalars_are_read_as_they_were(tmp_path, value):
    path = tmp_path / "task.yaml"
    path.write_text(f"plain: {scalar(value)}  # said\nflow: {flow({'k': [value, 1, True, None, 0.5]})}\n", "utf-8")
    assert read_source(path)[0] == {"plain": value, "flow": {"k": [value, 1, True, None, 0.5]}}


def test_files_of_other_makes(tmp_path):
    """Semicolons, decimal commas, other encodings: read, and said in the task file."""
    header = ("größe", "stadt", "label")
    columns = ([f"{value:.2f}".replace(".", ",") for value in numbers(60)], ["Köln", "Mainz"] * 30, ["a", "b"] * 30)
    draft = draft_of(write(tmp_path, header, *columns, separator=";", encoding="cp1252"))
    assert {look.name: look.kind for look in draft.looks} == {"größe": "number 1.234,5", "stadt": "category"}
    assert "read as cp1252, since it isn't UTF-8" in summary_lines(draft)[0]
    assert "  encoding: cp1252" in task_text(draft, tmp_path, "data")


NAMES = [f"name {number}" for number in range(60)]


@pytest.mark.parametrize(
    ("header", "columns", "target", "told"),
    [
        (("x", "z"), (numbers(60), numbers(60)), None, "which column of data.csv is to be predicted"),
        (("x", "z"), (numbers(60), numbers(60)), None, "--target, in Python target=...; the columns are: x, z"),
        (("y", "label"), (numbers(60), numbers(60)), None, "the columns are: y, label"),
        (("x", "z"), (numbers(60), numbers(60)), "zz", "data.csv has no column 'zz'; its columns are: z, x"),
        (("x", "label"), (numbers(60), ["a"] * 60), None, "must hold two or more classes; all 60 rows hold 'a'"),
        (("x", "label"), (numbers(60), [1.5] * 60), None, "must hold two or more values; all 60 rows hold 1.5"),
        (("x", "label"), (numbers(60), NAMES), None, "of its 60 classes in 60 rows 60 have fewer: 'name 0' (1)"),
        (("x", "label"), (numbers(60), ["a"] * 58 + ["b"] * 2), None, "1 have fewer: 'b' (2). Drop or merge"),
        (("x", "label"), (numbers(60), [""] * 60), None, "has no value in any of 60 rows"),
        (("x", "label"), (numbers(60), ["", *"ab" * 29, "a"]), None, "has no value in 1 of 60 rows (line 2)"),
        (("x", "label"), (numbers(60), ["$1.5", "$2.5"] * 30), None, "the target writes its numbers as '$1.5'"),
        (("x", "label"), (numbers(60), ["2031-01-02", "2031-01-03"] * 30), None, "the target holds dates"),
        (("x", "label"), (numbers(8), ["a", "b"] * 4), None, "has 8 rows; 10 or more are needed"),
        (("x", "label"), ([""] * 60, ["a", "b"] * 30), None, "no column to predict 'label' from ('x': no value in"),
        (("label",), (["a", "b"] * 30,), None, "there is no other column"),
        (("x", "x", "label"), (numbers(60), numbers(60), [1, 0] * 30), None, "'x' is the name of columns 1 and 2"),
    ],
)  # fmt: skip
def test_tables_that_cannot_be_learned_from(tmp_path, header, columns, target, told):
    path = write(tmp_path, header, *columns)
    with pytest.raises(UsageError) as caught:
        draft_of(path, target=target)
    assert told in str(caught.value)


def test_options_that_are_none(tmp_path):
    path = write(tmp_path, ("x", "label"), numbers(60), ["a", "b"] * 30)
    with pytest.raises(UsageError, match="no metric is called 'acuracy'; known are accuracy"):
        draft_of(path, metric="acuracy")
    with pytest.raises(UsageError, match="'soon' can't be read"):
        draft_of(path, budget="soon")
    with pytest.raises(DataError, match="of a regression must hold numbers"):
        draft_of(path, metric="rmse")
