"""Pools in programs of their own: unguarded scripts, modules beside them, and parents that are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.processes import is_running

Look = Callable[[Callable[[], Any]], bool]

_HEAD = """
import os, sys, time
from pathlib import Path
from luthier.core.contracts import Evaluate, Task, Yielded
from luthier.core.trial import Fidelity, Measurement
from luthier.run.check import FolderArtifacts, messages_until_over
from luthier.run.pool import PoolRunner

print("imported", flush=True)

class Mine:
    name, version, levers, fidelity = "mine", "1", (), Fidelity("step", 2)
    def __init__(self, function):
        self.function = function
    def evaluate(self, settings, context):
        for step in (1, 2):
            yield Measurement(step, float(self.function(step)))

def run(function):
    Path("artifacts").mkdir(exist_ok=True)
    pool = PoolRunner(FolderArtifacts(Path("artifacts").absolute()), 2)
    pool.submit(Task("t", Evaluate({}, 2), Mine(function), (), seed=0))
    for message in messages_until_over(pool, "t"):
        print(message.measurement.value if isinstance(message, Yielded) else type(message).__name__)
    return pool
"""


def script(folder: Path, body: str) -> subprocess.Popen[str]:
    file = folder / "script.py"
    file.write_text(_HEAD + body)
    roots = [str(Path(__file__).parents[2] / "src"), os.environ.get("PYTHONPATH", "")]
    # A parent that is killed leaves its temporary folder behind.
    environment = {**os.environ, "TMPDIR": str(folder), "PYTHONPATH": os.pathsep.join(filter(None, roots))}
    return subprocess.Popen(
        [sys.executable, str(file)],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def said(process: subprocess.Popen[str]) -> list[str]:
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    return out.split()


def test_an_unguarded_script(tmp_path: Path) -> None:
    body = """
offset = 10
class Helper:
    def add(self, step):
        return step + offset
run(lambda step: Helper().add(step))
"""
    assert said(script(tmp_path, body)) == ["imported", "11.0", "12.0", "Finished"], (
        "the script ran once, in the parent"
    )


def test_a_module_beside_the_script(tmp_path: Path) -> None:
    (tmp_path / "luthier_test_beside.py").write_text(
        "import luthier_test_other\ndef f(s):\n    return luthier_test_other.g(s)\n"
    )
    (tmp_path / "luthier_test_other.py").write_text("def g(step):\n    return step * 2\n")
    assert said(script(tmp_path, "import luthier_test_beside\nrun(luthier_test_beside.f).close()\n"))[1:] == [
        "2.0",
        "4.0",
        "Finished",
    ]


def test_a_notebook(tmp_path: Path) -> None:
    body = """
cell = compile("def objective(step):\\n    return step / 2\\n", "<ipython-input-1>", "exec")
exec(cell)
run(objective)
"""
    assert said(script(tmp_path, body))[1:] == ["0.5", "1.0", "Finished"]


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_no_worker_outlives_its_parent(tmp_path: Path, how: signal.Signals, eventually: Look) -> None:
    body = """
def objective(step):
    import re, subprocess
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
    Path("pids.part").write_text(f"{os.getpid()} {child.pid}")
    Path("pids.part").rename("pids")
    re.match(r"(a+)+$", "a" * 60 + "b")  # holds the interpreter for longer than anyone lives
run(objective)
"""
    process = script(tmp_path, body)
    pids = tmp_path / "pids"
    try:
        assert eventually(pids.exists)
        worker, child = map(int, pids.read_text().split())
        assert is_running(worker)
        assert is_running(child)
        process.send_signal(how)
        assert eventually(lambda: not is_running(worker) and not is_running(child))
    finally:
        process.kill()
        process.communicate()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_leaves_the_workers_alone(tmp_path: Path) -> None:
    body = """
pool = run(lambda step: step)
if os.fork() == 0:
    sys.exit(0)
os.wait()
pool.submit(Task("u", Evaluate({}, 2), Mine(lambda step: step), (), seed=0))
print(len(messages_until_over(pool, "u")))
"""
    assert said(script(tmp_path, body))[-1] == "3"
