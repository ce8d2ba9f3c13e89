"""`luthier adopt`: the corpus as a whole, what it never does to a script, and what it says."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.adopt.corpus import CASES, SCRIPTS, Case, environment

from luthier.interfaces.adopt import adopt_script
from luthier.stages.adopt.worth import Role
from luthier.study.spec import read_task

RUNNABLE = [case for case in CASES if case.is_runnable]
QUICK = ("notebook_constants.py", "flags.sh")
"""What is tuned by the fast tests, beside the examples; `make prove` tunes all that can run."""


def named(case: Case) -> str:
    return case.script


def hashes(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The console script, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", "from luthier.interfaces.cli import main; main()", *arguments],
        cwd=folder, env=environment(), capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def tuned_unaided(case: Case, folder: Path) -> str:
    """Adopt and tune by the real command line; what went wrong, '' if nothing did."""
    for arguments in (
        ("adopt", str(case.path), "--output", "task.yaml"),
        (
            "tune",
            "task.yaml",
            "--budget",
            "3 trials",
            "--workers",
            "1",
            "--set",
            "confirm=0",
            "--name",
            "it",
            "--quiet",
        ),
        ("export", "it", "--to", "json"),
    ):
        done = command(folder, *arguments)
        if done.returncode:
            return f"{arguments[0]}: {done.stderr or done.stdout}"
    rows = json.loads(done.stdout)
    failed = [row for row in rows if row["status"] == "failed"]
    return f"{failed}" if failed or len(rows) < 3 else ""


# ------------------------------------------------------------------------------------------------- the corpus


@pytest.mark.parametrize("case", CASES, ids=named)
def test_what_is_chosen_of_each_script(folder, case):
    adopted = adopt_script(case.path, output=Path("task.yaml"))
    assert adopted.todo == ""
    spec = read_task(adopted.path).spec
    assert (spec.metric.name, spec.metric.direction) == (case.metric, case.direction)
    assert spec.stage.options.get("fidelity", {"maximum": 1})["maximum"] == case.fidelity
    assert {one.setting.name for one in adopted.proposal.tuned} >= set(case.tuned)
    for one in adopted.proposal.tuned:
        assert one.parameter.default == one.setting.default, "the baseline is what the script has today"


def test_learning_rates_batch_sizes_and_epochs_are_found(folder):
    """In nine of ten cases at least. Epochs count where they are known as such, the others where they are tuned."""
    missed, all_ = [], 0
    for case in CASES:
        proposal = adopt_script(case.path, output=Path("task.yaml"), force=True).proposal
        tuned = {one.setting.name for one in proposal.tuned}
        epochs = {one.setting.name for one in proposal.others if one.role is Role.EPOCHS}
        for meaning, name in case.settings.items():
            all_ += 1
            if name not in (epochs if meaning == "epochs" else tuned):
                missed.append(f"{meaning} of {case.script}")
    assert len(missed) <= 0.1 * all_, f"{missed} of {all_}"


def test_a_written_task_runs_unaided(tmp_path):
    before = hashes(SCRIPTS)
    assert tuned_unaided(next(case for case in CASES if case.script == "argparse_groups.py"), tmp_path) == ""
    assert hashes(SCRIPTS) == before, "a script is read, and run, but never written"


@pytest.mark.parametrize("case", [case for case in RUNNABLE if case.script in QUICK], ids=named)
def test_written_tasks_run_in_this_process_too(luthier, case):
    before = hashes(SCRIPTS)
    assert luthier("adopt", str(case.path), "--output", "task.yaml").code == 0
    quickly = ("--budget", "2 trials", "--workers", "0", "--set", "confirm=0", "--name", "it")
    assert luthier("tune", "task.yaml", *quickly).code == 0
    assert {row["status"] for row in json.loads(luthier("export", "it", "--to", "json").out)} <= {
        "completed",
        "stopped",
    }
    assert hashes(SCRIPTS) == before


@pytest.mark.prove
def test_four_of_five_tasks_run_unaided(tmp_path):
    before, failures = hashes(SCRIPTS), {}
    for case in RUNNABLE:
        (tmp_path / case.path.stem).mkdir()
        if said := tuned_unaided(case, tmp_path / case.path.stem):
            failures[case.script] = said
    print(f"{len(RUNNABLE) - len(failures)} of {len(RUNNABLE)} run unaided; {failures}")
    assert len(failures) <= 0.2 * len(RUNNABLE), failures
    assert hashes(SCRIPTS) == before


# --------------------------------------------------------------------------------------------- what it never does

LOUD = """
import argparse
from pathlib import Path

Path("it-ran").write_text("the script was run")
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--data", required=True)
args = parser.parse_args()
print("val_loss:", args.lr)
"""


def test_nothing_of_the_script_is_run_or_edited(luthier, folder):
    (folder / "loud.py").write_text(LOUD)
    before = hashes(folder)
    luthier("adopt", "loud.py")
    assert not (folder / "it-ran").exists()
    (folder / "loud.task.yaml").unlink()
    assert hashes(folder) == before
    assert "loud" not in sys.modules


def test_a_file_that_is_there_is_kept(luthier, folder):
    shutil.copy(SCRIPTS / "notebook_constants.py", folder / "train.py")
    (folder / "train.task.yaml").write_text("mine")
    ended = luthier("adopt", "train.py")
    assert ended.code == 2
    assert ended.err == (
        "luthier: 'train.task.yaml' is there already; write over it by --force, or name another file by --output\n"
    )
    assert (folder / "train.task.yaml").read_text() == "mine"
    assert luthier("adopt", "train.py", "--force").code == 0
    assert luthier("adopt", "train.py", "--output", "other.yaml").code == 0


# ------------------------------------------------------------------------------------------------- what it says


def test_the_screen_says_what_why_and_how_to_go_on(luthier, folder):
    shutil.copy(SCRIPTS / "argparse_groups.py", folder / "train.py")
    ended = luthier("adopt", "train.py")
    assert (ended.code, ended.err) == (0, "")
    said = " ".join(ended.out.split())
    assert "train: 8 settings (argparse)" in said
    assert "lr 0.05 1e-05 to 0.5 (log) learning rate: the usual range" in said
    assert "Metric: maximize val_acc (once an epoch, line 50), read from its lines of JSON" in said
    assert "Epochs: 6: the script tells its metric once an epoch" in said
    assert said.endswith("luthier tune train.task.yaml")


def test_a_script_that_tells_nothing_gets_a_task_and_the_line_to_add(luthier, folder):
    (folder / "mute.py").write_text("LEARNING_RATE = 0.1\nmodel = LEARNING_RATE ** 2\n")
    ended = luthier("adopt", "mute.py")
    assert ended.code == 2
    assert 'print(json.dumps({"score": value}), flush=True)' in ended.err
    with (folder / "mute.py").open("a") as script:
        script.write('import json\nprint(json.dumps({"score": -model}), flush=True)\n')
    quickly = ("--budget", "2 trials", "--workers", "0", "--set", "confirm=0")
    assert luthier("tune", "mute.task.yaml", *quickly).code == 0


def test_what_the_script_needs_is_named_or_given_after_dashes(luthier, folder):
    (folder / "train.py").write_text(LOUD)
    ended = luthier("adopt", "train.py")
    assert ended.code == 2
    assert "the script needs --data" in ended.err
    assert "FILL_IN_DATA" in (folder / "train.task.yaml").read_text()
    ended = luthier("adopt", "train.py", "--force", "--", "--data", "my rows.csv", "--lr", "0.02")
    assert ended.code == 0
    task = read_task(folder / "train.task.yaml")
    assert "--data 'my rows.csv'" in task.spec.stage.options["run"]
    assert task.spec.levers["training"]["lr"].default == 0.02


def test_a_metric_can_be_named(luthier, folder):
    script = str(SCRIPTS / "argparse_groups.py")
    luthier("adopt", script, "--output", "a.yaml", "--metric", "val_loss")
    assert read_task(folder / "a.yaml").spec.metric.direction == "minimize"
    luthier("adopt", script, "--output", "b.yaml", "--metric", "quality:maximize")
    assert read_task(folder / "b.yaml").spec.metric.name == "quality"
    ended = luthier("adopt", script, "--output", "c.yaml", "--metric", "quality")
    assert ended.code == 2
    assert "--metric quality:minimize" in ended.err
    assert not (folder / "c.yaml").exists()


def test_a_budget_is_checked_and_written(luthier, folder):
    script = str(SCRIPTS / "notebook_constants.py")
    assert luthier("adopt", script, "--output", "a.yaml", "--budget", "soon").code == 2
    assert luthier("adopt", script, "--output", "a.yaml", "--budget", "2h, 50 trials").code == 0
    assert read_task(folder / "a.yaml").spec.budget.trials == 50


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("train.py", "def broken(:\n", "line 1 isn't Python that can be parsed"),
        ("train.py", "print('hello')\n", "has no setting that could be found"),
        ("train.jl", "lr = 0.1\n", "Python (.py), R (.R) and shell (.sh) can"),
        ("train.py", "BANNER = 'x'\nprint(BANNER)\n", "none of the settings of 'train'"),
    ],
)
def test_what_cannot_be_adopted_says_what_to_do(luthier, folder, name, text, said):
    (folder / name).write_text(text)
    ended = luthier("adopt", name)
    assert ended.code == 2
    assert said in ended.err
    assert not (folder / "train.task.yaml").exists()


def test_a_script_that_is_not_there(luthier, folder):
    assert luthier("adopt", "nowhere.py").err == "luthier: there is no script 'nowhere.py'; check the path\n"


def test_the_task_file_may_lie_elsewhere(luthier, folder):
    """Paths in the script start where the user stands, so the command runs there."""
    (folder / "tasks").mkdir()
    shutil.copy(SCRIPTS / "notebook_constants.py", folder / "train.py")
    luthier("adopt", "train.py", "--output", "tasks/mine.yaml")
    quickly = ("--budget", "2 trials", "--workers", "0", "--set", "confirm=0")
    assert luthier("tune", str(Path("tasks/mine.yaml")), *quickly).code == 0
