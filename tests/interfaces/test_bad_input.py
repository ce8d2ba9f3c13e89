"""Whatever is wrong, a stranger gets one message that says what to do, the right exit code, and no traceback."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"
SLOW = "import time\n\ndef loss(x, y):\n    time.sleep(0.1)\n    return (x - 1) ** 2 + y\n"
PATIENCE = 120


def assert_told(ended, code, *words):
    """One message on standard error that holds `words`; nothing on standard output, no traceback."""
    assert ended.code == code, ended
    assert ended.out == ""
    assert "Traceback" not in ended.err
    assert "has no word for" not in ended.err
    for word in words:
        assert word in ended.err, ended.err


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


# ----------------------------------------------------------------------------------------- command line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["tnue"], ["No such command 'tnue'", "tune"]),
        (["tune"], ["Missing argument"]),
        (["tune", "task.yaml", "--bugdet", "3m"], ["No such option", "--budget"]),
        (["tune", "task.yaml", "--workers", "many"], ["'--workers'", "valid integer"]),
        (["tune", "taks.yaml"], ["there is no task file 'taks.yaml'; in its folder are: task.yaml"]),
        (["tune", "."], ["is a folder; name the task file in it"]),
        (["tune", "task.yaml", "--budget", "soon"], ["on the command line, budget=", "'soon' can't be read", "'60s'"]),
        (["tune", "task.yaml", "--budget", "60"], ["'60' can't be read"]),
        (["tune", "task.yaml", "--workers", "-1"], ["on the command line, workers=-1", "must be at least 0; got -1"]),
        (["tune", "task.yaml", "--set", "workers"], ["a change is written key=value"]),
        (["tune", "task.yaml", "--set", "levers.plaec.x=3"], ["levers.plaec.x", "write a range such as"]),
        (["tune", "task.yaml", "--name", "-x"], ["'-' not first; got '-x'"]),
        (["tune", "task.yaml", "--name", " "], ["a study's name takes 1 to 200 letters"]),
        (["tune", "task.yaml", "--resume"], ["unknown study 'task'; known are: none"]),
        (["tune", "task.yaml", "--resume", "--name", "other"], ["unknown study 'other'; known are: none"]),
        (["show", "task"], ["there is no store at '.luthier/studies.db'", "--store"]),
        (["studies", "--store", "no.db"], ["there is no store at 'no.db'"]),
        (["export", "task", "--to", "xml"], ["--to", "xml", "parquet"]),
        (["export", "task", "--to", "parquet"], ["needs a file to go to; name one by --out FILE"]),
        (["show", "task", "--store", "mysql://u:secret@host/db"], ["mysql"]),
    ],
)
def test_arguments(luthier, function_task, arguments, words):
    ended = luthier(*arguments)
    assert_told(ended, 2, *words)
    assert "secret" not in ended.err


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("budget:", "budgte:", ["task.yaml, line 7: 'budgte': unknown key; did you mean 'budget'?"]),
        ("objective.py:loss", "objectiv.py:loss", ["line 3: 'stage.function': there is no file", "objective.py"]),
        ("objective.py:loss", "objective.py:los", ["'objective.py' has no 'los'; the nearest names in it are: loss"]),
        ("kind: function", "kind: fnction", ["'stage.kind': unknown stage 'fnction'; known are: function"]),
        ("{name: loss, direction: minimize}", "loss", ["'metric': no metric is called 'loss'", "direction: minimize"]),
        ("{x: {float", "{z: {float", ["'stage': the function of stage 'function'", "no parameter for the setting 'z'"]),
        ("{float: [-3, 3]}", "[1, 2]", ["'levers.place.x': write a range", "to choose among these, {choice: [1, 2]}"]),
        ("workers: 0", "workers: [", ["line 9: this can't be read as YAML"]),
    ],
)
def test_task_files(luthier, function_task, old, new, words):
    edit(function_task, old, new)
    assert_told(luthier("tune", "task.yaml"), 2, *words)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import nothing_of_this_name", ["'nothing_of_this_name' isn't installed or doesn't exist"]),
        ("def loss(x, y:\n  pass", ["can't be loaded: line 1"]),
        ("1 / 0", ["importing it raised ZeroDivisionError: division by zero"]),
    ],
)
def test_code_that_cannot_be_loaded(luthier, function_task, folder, code, words):
    (folder / "objective.py").write_text(code)
    assert_told(luthier("tune", "task.yaml"), 2, "task.yaml, line 3: 'stage.function'", *words)


# ------------------------------------------------------------------------------------------------- data


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["rows.csv is empty"]),
        (b"a,b,label\n", ["rows.csv has a header but no rows"]),
        (b"a,b,label\n1,2,x\n", ["must hold two or more classes; its one row holds 'x'"]),
        (b",b,label\n1,2,x\n", ["column 1 has none: name it, or write the file without its index"]),
        (b"a,b,label\n" + b"1,2,x\n" * 30, ["must hold two or more classes; all 30 rows hold 'x'"]),
        (b"a,b,lable\n1,2,x\n3,4,y\n", ["the target column 'label' is missing; the columns are: lable"]),
        (b"a,a,label\n1,2,x\n3,4,y\n", ["column names must differ; 'a' is the name of columns 1 and 2"]),
        (b"a,b,label\n1,K\xf6ln,x\n", ["(line 2)", "save the file as UTF-8", "`encoding`"]),
        (b"a,b,label\n1,2,x\n3,y\n", ["line 3: every row must have 3 fields"]),
        (b"a,b,label\n1,2,x\n3,4,\n", ["has no value in 1 of 2 rows (line 3)"]),
        (b'a,b,label\n1,"2,x\n3,4,y\n', ["line 2", "quote"]),
        (b"a,b,label\n1,2,x\n3,4,y\n", ["each class of 'label' needs 2 or more rows"]),
        (b"a,b,label\n" + b"1,2,x\n3,4,y\n" * 3, ["folds", "add rows"]),
    ],
)
def test_data_files(luthier, table_task, folder, content, words):
    (folder / "rows.csv").write_bytes(content)
    assert_told(luthier("tune", "table.yaml"), 2, "table.yaml, line 2: 'data'", *words)
    assert not (folder / ".luthier" / "studies.db").exists() or luthier("studies", "--json").out == "[]\n"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("rows.csv", "row.csv", ["there is no file", "rows.csv"]),
        ("accuracy", "acuracy", ["line 6: 'metric': no metric is called 'acuracy'; known are accuracy"]),
        ("accuracy", "rmse", ["the target 'label' of a regression must hold numbers", "such as 'no'"]),
        ("metric: accuracy", "metric: {name: accuracy, direction: minimize}", ["the direction of 'accuracy' is to"]),
        ("n_neighbors", "neighbors", ["'stage'", "no parameter 'neighbors'; nearest are: n_neighbors"]),
        ("kind: estimator\n  build:", "kind: function\n  function:", ["a function makes no model"]),
        ("kind: estimator\n  build:", "kind: command\n  run:", ["a command needs the key 'predict'"]),
    ],
)
def test_tasks_over_data(luthier, table_task, old, new, words):
    edit(table_task, old, new)
    assert_told(luthier("tune", "table.yaml"), 2, *words)


def test_a_line_of_ten_megabytes_is_no_hindrance(luthier, table_task, folder):
    with (folder / "rows.csv").open("a") as rows:
        rows.write(f"1.5,{'0' * 10_000_000}.5,yes\n")
    ended = luthier("tune", "table.yaml", "--quiet", "--budget", "1 trial")
    assert (ended.code, ended.err) == (0, "")


def test_text_for_an_estimator_of_numbers(luthier, table_task, folder):
    edit(folder / "rows.csv", "a,b,label", "color,b,label")
    lines = (folder / "rows.csv").read_text().splitlines()
    (folder / "rows.csv").write_text("\n".join([lines[0], *(f"red{line}" for line in lines[1:])]) + "\n")
    ended = luthier("tune", "table.yaml", "--quiet")
    assert_told(ended, 1, "the baseline could not be measured", "takes numbers only", "ColumnTransformer")


# ------------------------------------------------------------------------------------------------ stages


FAILURES = {
    "raise ValueError('no such file')": "ValueError: no such file",
    "return 'good'": "'good'",
    "return None": "None",
    "return float('nan')": "nan",
    "if False:\n        yield 1": "yielded 0 of the 1 values",
    "raise SystemExit('bye')": "SystemExit",
}


@pytest.mark.parametrize(("body", "word", "workers"), [
    *((body, word, 0) for body, word in FAILURES.items()),
    *((body, FAILURES[body], 1) for body in ("return float('nan')", "raise SystemExit('bye')")),
])  # fmt: skip
def test_a_baseline_that_fails(luthier, function_task, folder, body, word, workers):
    (folder / "objective.py").write_text(f"def loss(x, y):\n    {body}\n")
    arguments = ["tune", "task.yaml", "--quiet", "--workers", str(workers)]
    assert_told(luthier(*arguments), 1, "the baseline could not be measured, so there is nothing to improve on", word)
    (row,) = csv.DictReader(io.StringIO(luthier("export", "task").out))
    assert row["status"] == "failed"

    # What made it fail is mended: the same command begins afresh.
    (folder / "objective.py").write_text("def loss(x, y):\n    return x + y\n")
    assert luthier(*arguments).code == 0
    assert {line["name"] for line in json.loads(luthier("studies", "--json").out)} == {"task", "task-2"}


@pytest.mark.parametrize("workers", [0, 1])
def test_all_but_the_baseline_fail(luthier, function_task, folder, workers):
    (folder / "objective.py").write_text(
        "def loss(x, y):\n    if (x, y) != (0, 2): raise OSError('disk')\n    return 1\n"
    )
    ended = luthier("tune", "task.yaml", "--quiet", "--workers", str(workers))
    assert ended.code == 0
    assert "OSError" in ended.out
    assert "disk" in ended.out
    summary = json.loads(luthier("show", "task", "--json").out)
    assert summary["is_running"] is False
    (line,) = json.loads(luthier("studies", "--json").out)
    assert line["state"] == "finished"


def test_all_but_the_baseline_fail_over_rows(luthier, table_task):
    edit(table_task, "{int: [1, 15], default: 1}", "{int: [1, 900], default: 1}")
    edit(table_task, "metric:", "baseline: {model: {n_neighbors: 3}}\nsearcher: {name: grid, size: 2}\nmetric:")
    ended = luthier("tune", "table.yaml", "--quiet")
    assert ended.code == 0
    assert "luthier predict table" in ended.out


def test_a_command_that_fails_or_says_nothing(luthier, folder):
    task = folder / "task.yaml"
    task.write_text(
        "metric: {name: loss, direction: minimize}\n"
        'stage: {kind: command, run: "{python} train.py {n}"}\n'
        "levers: {settings: {n: {int: [1, 9]}}}\nbudget: 3 trials\nworkers: 0\n"
    )
    (folder / "train.py").write_text("raise SystemExit('no data here')")
    assert_told(luthier("tune", "task.yaml", "--quiet"), 1, "ended with exit status 1", "no data here")
    (folder / "train.py").write_text("print('done')")
    assert_told(luthier("tune", "task.yaml", "--quiet"), 1, "without telling its 'loss'", 'print lines such as {"loss"')
    (folder / "train.py").write_text("print('{\"loss\": NaN}')")
    assert_told(luthier("tune", "task.yaml", "--quiet"), 1, "gave nan as its 'loss'")
    edit(task, "train.py {n}", "train.py {m}")
    assert_told(
        luthier("tune", "task.yaml", "--quiet"), 2, "unknown placeholder {m}; known are: checkpoint_dir, device, n"
    )
    edit(task, "{python} train.py {m}", "./trian {n}")
    assert_told(luthier("tune", "task.yaml", "--quiet"), 1, "the program './trian' isn't found")


def test_no_time_for_the_baseline(luthier, function_task, folder):
    (folder / "objective.py").write_text("import time\n\ndef loss(x, y):\n    time.sleep(1)\n    return x\n")
    ended = luthier("tune", "task.yaml", "--quiet", "--budget", "0.3s", "--workers", "1")
    assert_told(ended, 1, "before the baseline was measured")


# ----------------------------------------------------------------------------------------------- studies


def test_a_name_that_is_taken(luthier, function_task):
    luthier("tune", "task.yaml", "--quiet", "--name", "mine")
    ended = luthier("tune", "task.yaml", "--quiet", "--name", "mine")
    assert_told(
        ended, 2, "there is a study 'mine' already; go on with it by --resume, or choose another name by --name"
    )


@pytest.mark.parametrize(
    ("arguments", "changed"),
    [
        (["--seed", "9"], "seed"),
        (["--set", "levers.place.x={float: [0, 5]}"], "levers"),
        (["--set", "metric={name: loss, direction: maximize}"], "metric"),
    ],
)
def test_resuming_another_task(luthier, function_task, arguments, changed):
    unfinished(luthier, function_task)
    ended = luthier("tune", "task.yaml", "--resume", "--quiet", *arguments)
    assert_told(ended, 2, "study 'task' can't go on", changed, "start another study by --name, or undo the change")
    assert_told(luthier("tune", "task.yaml", "--quiet"), 2, "there is an unfinished study 'task'", "--name task-2")
    assert luthier("tune", "task.yaml", "--resume", "--quiet").code == 0


def test_resuming_with_other_data(luthier, table_task, folder):
    (folder / "stop.py").write_text(STOPPING_ESTIMATOR)
    edit(table_task, "sklearn.neighbors.KNeighborsClassifier", "stop.py:build")
    assert luthier("tune", "table.yaml", "--quiet").code == 130
    with (folder / "rows.csv").open("a") as rows:
        rows.write("1,1,yes\n")
    assert_told(luthier("tune", "table.yaml", "--resume", "--quiet"), 2, "can't go on", "start another study by --name")
    assert_told(luthier("predict", "table", "rows.csv"), 2, "study 'table' isn't finished", "--resume")


STOPPING = """
from pathlib import Path

def loss(x, y):
    if (x, y) != (0, 2) and not Path("stopped").exists():
        Path("stopped").touch()
        raise KeyboardInterrupt
    return (x - 1) ** 2 + y
"""
STOPPING_ESTIMATOR = """
from sklearn.neighbors import KNeighborsClassifier

def build(settings):
    if settings["n_neighbors"] != 1:
        raise KeyboardInterrupt
    return KNeighborsClassifier(**settings)
"""


def unfinished(luthier, task):
    """Leaves the study 'task' behind, stopped by Ctrl-C in its second trial."""
    (task.parent / "objective.py").write_text(STOPPING)
    ended = luthier("tune", task.name, "--quiet")
    assert ended.code == 130
    assert "Stopped; nothing is lost. Go on with: luthier tune task.yaml --resume\n" in ended.err


def test_the_way_to_go_on_repeats_what_was_asked(luthier, function_task):
    (function_task.parent / "objective.py").write_text(STOPPING)
    options = ["--seed", "3", "--budget", "5 trials", "--name", "my study", "--store", "s.db", "--set", "confirm=1"]
    ended = luthier("tune", "task.yaml", "--quiet", *options)
    assert ended.err.endswith(
        "Go on with: luthier tune task.yaml --resume --budget '5 trials' --seed 3 --set confirm=1 --name 'my study' "
        "--store s.db\n"
    )
    assert luthier("tune", "task.yaml", "--quiet", *options, "--resume").code == 0


def test_resuming_with_a_budget_that_is_spent_already(luthier, function_task):
    unfinished(luthier, function_task)
    ended = luthier("tune", "task.yaml", "--resume", "--quiet", "--budget", "1 trial")
    assert ended.code == 0
    assert "budget: 1 trial" in ended.out


def test_predictions_that_cannot_be_made(luthier, table_task, function_task, folder):
    luthier("tune", "table.yaml", "--quiet")
    luthier("tune", "task.yaml", "--quiet")
    Path("less.csv").write_text("a\n1\n")
    Path("texts.csv").write_text("a,b\nx,1\n")
    assert_told(luthier("predict", "tabel", "less.csv"), 2, "unknown study 'tabel'; known are: table, task")
    assert_told(luthier("predict", "tabel.yaml", "less.csv"), 2, "there is no task file 'tabel.yaml'")
    assert_told(luthier("predict", "table", "none.csv"), 2, "there is no file 'none.csv'")
    assert_told(luthier("predict", "table", "less.csv"), 2, "the input column 'b' is missing; the columns are: a")
    assert_told(luthier("predict", "table", "texts.csv"), 2, "the column 'a' must hold numbers")
    assert_told(luthier("predict", "table", "rows.csv", "--out", "no/p.csv"), 2, "can't be written to 'no/p.csv'")
    assert_told(luthier("predict", "task", "less.csv"), 2, "tuned something that makes no model of rows")
    assert_told(luthier("export", "task", "--out", "no/t.csv"), 1, "can't be written to no/t.csv")


def test_a_study_of_python_has_no_code_in_the_store(luthier, folder):
    import luthier as lt

    lt.tune(lambda x: x, metric=lt.Metric("loss", "minimize"), budget="2 trials", workers=0, progress=False,
            levers={"a": {"x": lt.Int(1, 5)}}, name="mine")  # fmt: skip
    assert_told(luthier("predict", "mine", "rows.csv"), 2, "study 'mine' was made by a Python call", ".predict(...)")


# ------------------------------------------------------------------------------------------------- store


def test_stores_that_are_none(luthier, function_task, folder):
    (folder / "text.db").write_text("this is no database, only a text that is long enough to be looked at" * 20)
    assert_told(luthier("tune", "task.yaml", "--store", "text.db"), 1, "text.db", "database")
    assert_told(luthier("studies", "--store", "text.db"), 1, "text.db")
    assert_told(luthier("tune", "task.yaml", "--store", "task.yaml/s.db"), 1, "task.yaml")


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write everywhere")
def test_a_store_that_cannot_be_written(luthier, function_task, folder):
    (folder / "locked").mkdir(mode=0o555)
    assert_told(luthier("tune", "task.yaml", "--store", "locked/s.db"), 1, "locked")


# ---------------------------------------------------------------------------------- processes of their own


def command(*arguments, **options):
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    code = "from luthier.interfaces.cli import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def wait_for_trials(luthier, count, process):
    for _ in range(PATIENCE * 10):
        if Path(".luthier/studies.db").exists():
            lines = json.loads(luthier("studies", "--json").out or "[]")
            if lines and lines[0]["trials"] >= count:
                return
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    process.kill()
    raise AssertionError("the study never got that far")


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly_and_it_goes_on(luthier, function_task, folder, sent):
    (folder / "objective.py").write_text(SLOW)
    process = command("tune", "task.yaml", "--workers", "2", "--budget", "40 trials", start_new_session=True)
    wait_for_trials(luthier, 4, process)
    if sent == signal.SIGINT:
        os.killpg(process.pid, sent)  # as a terminal does: the workers get it too
    else:
        process.send_signal(sent)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, err
    assert (out, "Traceback" in err) == ("", False)
    again = "luthier tune task.yaml --resume --budget '40 trials' --workers 2"
    assert f"Stopped; nothing is lost. Go on with: {again}" in err

    before = list(csv.DictReader(io.StringIO(luthier("export", "task").out)))
    (folder / "objective.py").write_text(SLOW)
    ended = luthier(
        "tune", "task.yaml", "--resume", "--quiet", "--workers", "0", "--budget", f"{len(before) + 3} trials"
    )
    assert ended.code == 0
    after = list(csv.DictReader(io.StringIO(luthier("export", "task").out)))
    done = [row for row in before if row["status"] == "completed"]
    assert [after[int(row["id"])]["value"] for row in done] == [row["value"] for row in done]
    assert all(row["status"] == "completed" for row in after)


def test_two_writers_at_once(luthier, function_task, folder):
    (folder / "objective.py").write_text(SLOW)
    process = command("tune", "task.yaml", "--workers", "1", "--budget", "900 trials")
    try:
        wait_for_trials(luthier, 2, process)
        ended = luthier("tune", "task.yaml", "--resume", "--quiet", "--budget", "900 trials")
        assert_told(ended, 1, "study 'task' is being written by process", "wait for it, end it")
        assert luthier("show", "task").code == 0, "looking on is free"
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 130


@pytest.mark.parametrize("arguments", [["export", "task"], ["show", "task"], ["studies", "--json"]])
def test_a_reader_that_goes_away(luthier, function_task, arguments):
    luthier("tune", "task.yaml", "--quiet")
    process = command(*arguments)
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=PATIENCE)
    assert err == ""
    assert process.returncode == 1


def test_debug_shows_the_traceback(luthier, function_task):
    process = command("tune", "taks.yaml", "--debug")
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "Traceback" in err
    assert "TaskFileError" in err


@pytest.mark.filterwarnings("default")
def test_a_warning_is_one_line_without_a_place_in_the_code(luthier, table_task):
    edit(table_task, "kind: estimator", "kind: estimator\n  allow_pickle: true")
    ended = luthier("tune", "table.yaml", "--quiet", "--budget", "1 trial")
    assert ended.code == 0
    assert ended.err.startswith("luthier: mind: the stage 'estimator' may store models by pickle")
    assert ended.err.count("\n") == 1
