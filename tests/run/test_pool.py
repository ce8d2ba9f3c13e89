from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from luthier.core.contracts import (
    Context,
    Evaluate,
    Failed,
    Finished,
    Limits,
    Message,
    Predict,
    Prediction,
    Retrying,
    Task,
    View,
    Yielded,
)
from luthier.core.cost import Cost
from luthier.core.dataset import Dataset
from luthier.core.errors import UsageError
from luthier.core.trial import Decision, Measurement
from luthier.run.check import CountingStage, FolderArtifacts, evaluation, messages_until_over
from luthier.run.pool import PoolRunner
from tests.processes import is_running
from tests.run.stages import FunctionStage, die, spawn_child, task_of

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")

Look = Callable[[Callable[[], Any]], bool]


@pytest.fixture
def warm_pool(pool: PoolRunner) -> PoolRunner:
    """A pool whose worker has started and imported what it needs: time limits measure the stage alone."""
    run(pool, evaluation("warm"))
    return pool


def run(pool: PoolRunner, task: Task) -> list[Message]:
    pool.submit(task)
    return messages_until_over(pool, task.key)


def values(messages: list[Message]) -> list[float]:
    return [m.measurement.value for m in messages if isinstance(m, Yielded)]


def failure(messages: list[Message]) -> Any:
    assert isinstance(messages[-1], Failed), messages
    return messages[-1].failure


# --------------------------------------------------------------------------------------- what travels


def test_lambdas_and_closures_over_data(pool: PoolRunner) -> None:
    import polars as pl

    frame, array = pl.DataFrame({"x": [1.0, 2.0]}), np.arange(3.0)
    task = task_of(lambda step, settings, context: frame["x"].sum() + array[-1] + step)
    assert values(run(pool, task)) == [6.0, 7.0, 8.0]


def test_prints_go_to_the_log(artifacts: FolderArtifacts, tmp_path: Path) -> None:
    def noisy(step: int, settings: Any, context: Context) -> float:
        print("to stdout", step)
        print("x" * 100_000, file=sys.stderr)
        os.write(1, b"\x00\x00\x00\x00 native noise\n")
        return 1.0

    with PoolRunner(artifacts, 1, folder=tmp_path / "logs") as pool:
        assert values(run(pool, task_of(noisy))) == [1.0, 1.0, 1.0]
    log = (tmp_path / "logs" / "worker-0.log").read_text()
    assert "to stdout 3" in log
    assert log.count("native noise") == 3


def test_equal_views_travel_once(artifacts: FolderArtifacts) -> None:
    packed: list[int] = []

    class Watched(Dataset):
        def __getstate__(self) -> dict[str, Any]:
            packed.append(1)
            return dict(self.__dict__)

    rows = Watched({"x": np.arange(3.0)}, np.array(["a", "b", "c"], dtype=object))
    stage = FunctionStage(lambda step, settings, context: float(np.sum(context.views[0].train["x"])))
    with PoolRunner(artifacts, 1) as pool:
        for key in "abc":
            pool.submit(Task(key, Evaluate({}, 3), stage, (View(rows, rows),), seed=0))
        assert values(messages_until_over(pool, *"abc")) == [3.0] * 9
    assert packed == [1]


def test_predictions_come_back(pool: PoolRunner) -> None:
    class Verdict(str):
        """Labels of a class that only the user's code knows."""

    class Judge(CountingStage):
        def predict(self, artifact: str, inputs: Dataset, context: Context) -> Prediction:
            return Prediction(np.full(len(inputs), 1), np.ones((len(inputs), 1)), (Verdict("good"),))

    inputs = Dataset({"x": np.arange(200_000.0)}, np.arange(200_000).astype(str).astype(object))
    end = run(pool, Task("p", Predict("any", inputs), Judge(), (), seed=0))[-1]
    assert isinstance(end, Finished)
    assert end.prediction is not None
    assert end.prediction.classes == ("good",)
    assert len(end.prediction.values) == 200_000


def test_exceptions_that_cannot_be_pickled(pool: PoolRunner) -> None:
    def fails(step: int, settings: Any, context: Context) -> float:
        class Local(Exception):
            def __init__(self, lock: Any) -> None:
                super().__init__("holds a lock")
                self.lock = lock

            def __reduce__(self) -> Any:
                raise TypeError("no")

        import threading

        raise Local(threading.Lock())

    assert failure(run(pool, task_of(fails))).message == "holds a lock"


def test_a_module_that_a_worker_lacks(pool: PoolRunner) -> None:
    class Absent:
        def __reduce__(self) -> Any:
            return __import__, ("no_such_module_anywhere",)

    absent = Absent()
    found = failure(run(pool, task_of(lambda step, settings, context: float(bool(absent)))))
    assert found.kind == "CannotTravel"
    assert "No module named 'no_such_module_anywhere'" in found.message
    assert values(run(pool, evaluation("after"))) == [1.0, 2.0, 3.0]


def test_workers_are_warm_and_share_directory_path_and_threads(
    artifacts: FolderArtifacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(step: int, settings: Any, context: Context) -> Measurement:
        threads = int(os.environ["OPENBLAS_NUM_THREADS"])
        return Measurement(step, float(os.getpid()), metrics={"threads": threads, "here": Path("here.txt").exists()})

    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    (tmp_path / "here.txt").touch()
    with PoolRunner(artifacts, 1, threads_per_worker=2) as pool:
        first = run(pool, task_of(told, limits=Limits(threads=2)))
        monkeypatch.chdir(tmp_path)
        second = run(pool, task_of(told, limits=Limits(threads=1)))
    assert values(first) == values(second)
    assert values(first)[0] != os.getpid()
    assert isinstance(first[0], Yielded)
    assert isinstance(second[0], Yielded)
    assert first[0].measurement.metrics == {"threads": 2.0, "here": 0.0}
    assert second[0].measurement.metrics == {"threads": 1.0, "here": 1.0}


# ------------------------------------------------------------------------------------------- deaths


def dies_once(artifacts: FolderArtifacts, how: str, at: int) -> Callable[..., float]:
    def function(step: int, settings: Any, context: Context) -> float:
        if step == at and artifacts.recall("died") is None:
            artifacts.remember("died", artifacts.put(b"yes"))
            die(how)
        return float(step)

    return function


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("SIGKILL", "was killed by SIGKILL (often the system running out of memory)"),
        ("segfault", "crashed with SIGSEGV (a memory error in native code)"),
        ("exit", "exited with status 3 (os._exit, or a fatal error in native code)"),
    ],
)
def test_a_death_costs_one_retry(pool: PoolRunner, artifacts: FolderArtifacts, how: str, words: str) -> None:
    messages = run(pool, task_of(dies_once(artifacts, how, at=2)))
    assert Retrying("t", f"the worker process {words}") in messages
    assert values(messages) == [1.0, 1.0, 2.0, 3.0], "without a checkpoint it begins again"
    assert isinstance(messages[-1], Finished)
    kinds = [type(m).__name__ for m in messages]
    assert kinds == ["Yielded", "Retrying", "Yielded", "Yielded", "Yielded", "Finished"]


def test_a_retry_goes_on_from_the_last_checkpoint(artifacts: FolderArtifacts) -> None:
    with PoolRunner(artifacts, 1, checkpoint_seconds=0.0) as pool:
        messages = run(pool, task_of(dies_once(artifacts, "SIGKILL", at=3), until=4))
    assert values(messages) == [1.0, 2.0, 3.0, 4.0]


def test_a_second_death_is_final(pool: PoolRunner) -> None:
    def dies(step: int, settings: Any, context: Context) -> float:
        if step == 2:
            print("last words")
            context.meter.charge(Cost(calls=5))
            die("SIGKILL")
        return float(step)

    messages = run(pool, task_of(dies, allowance=Cost(calls=100)))
    assert [type(m).__name__ for m in messages] == ["Yielded", "Retrying", "Yielded", "Failed"]
    found = failure(messages)
    assert found.kind == "worker died"
    assert found.message == (
        "the worker process was killed by SIGKILL (often the system running out of memory); "
        "it was the second to die on this task"
    )
    assert "last words" in found.traceback
    assert isinstance(messages[-1], Failed)
    assert messages[-1].cost.calls == 10, "what was charged before a death is spent"
    assert messages[-1].cost.seconds > 0
    assert values(run(pool, evaluation("after"))) == [1.0, 2.0, 3.0]


def test_both_attempts_share_the_allowance(pool: PoolRunner, artifacts: FolderArtifacts) -> None:
    function = dies_once(artifacts, "SIGKILL", at=1)

    def spends(step: int, settings: Any, context: Context) -> float:
        context.meter.charge(Cost(calls=6))
        return function(step, settings, context)

    messages = run(pool, task_of(spends, allowance=Cost(calls=10)))
    assert failure(messages).kind == "BudgetExceeded"
    assert isinstance(messages[-1], Failed)
    assert messages[-1].cost.calls == 6


def test_a_stop_outlives_the_worker(pool: PoolRunner) -> None:
    pool.submit(task_of(lambda step, settings, context: die("SIGKILL") if step == 2 else 1.0, decide_at=(1,)))
    while not pool.poll(1.0):
        pass
    worker = pool._workers[0]
    os.kill(worker.process.pid, 9)
    pool.decide("t", Decision.STOP)
    end = messages_until_over(pool, "t")
    assert [type(m) for m in end] == [Finished]
    assert isinstance(end[0], Finished)
    assert end[0].stopped


def test_an_idle_worker_may_die_unnoticed(pool: PoolRunner, eventually: Look) -> None:
    run(pool, evaluation("a"))
    process = pool._workers[0].process
    os.kill(process.pid, 9)
    assert eventually(process.is_dead)
    assert not any(isinstance(m, Retrying) for m in run(pool, evaluation("b")))


# ------------------------------------------------------------------------------------------- limits


def busy(step: int, settings: Any, context: Context) -> float:
    if step == 2:
        import re

        re.match(r"(a+)+$", "a" * 60 + "b")  # holds the interpreter for longer than anyone lives
    return float(step)


def sleeping(step: int, settings: Any, context: Context) -> float:
    if step == 2:
        time.sleep(3_600)
    return float(step)


@pytest.mark.parametrize("stage", [sleeping, busy])
def test_a_time_limit_ends_the_worker(warm_pool: PoolRunner, stage: Any) -> None:
    messages = run(warm_pool, task_of(stage, limits=Limits(seconds=3.0)))
    found = failure(messages)
    assert (found.kind, found.message) == (
        "time limit",
        "took longer than its limit of 3 s; what it measured until then is kept",
    )
    assert values(messages) == [1.0]
    assert isinstance(messages[-1], Failed)
    assert messages[-1].cost.seconds >= 3.0
    assert values(run(warm_pool, evaluation("after"))) == [1.0, 2.0, 3.0]


def test_finally_runs_when_a_limit_is_passed(warm_pool: PoolRunner, artifacts: FolderArtifacts) -> None:
    def tidy(step: int, settings: Any, context: Context) -> float:
        try:
            return sleeping(step, settings, context)
        finally:
            context.artifacts.remember(f"tidied {step}", context.artifacts.put(b"x"))

    assert failure(run(warm_pool, task_of(tidy, limits=Limits(seconds=3.0)))).kind == "time limit"
    assert artifacts.recall("tidied 2") is not None


def test_a_stage_that_swallows_everything_still_ends(warm_pool: PoolRunner) -> None:
    def swallows(step: int, settings: Any, context: Context) -> float:
        try:
            return sleeping(step, settings, context)
        except BaseException:
            return 7.0

    messages = run(warm_pool, task_of(swallows, limits=Limits(seconds=3.0)))
    assert failure(messages).kind == "time limit"
    assert values(messages) == [1.0]


@linux_only
def test_a_time_limit_ends_what_the_stage_started(warm_pool: PoolRunner, eventually: Look) -> None:
    def starts(step: int, settings: Any, context: Context) -> float:
        return float(spawn_child()) if step == 1 else sleeping(step, settings, context)

    messages = run(warm_pool, task_of(starts, limits=Limits(seconds=3.0)))
    assert failure(messages).kind == "time limit"
    child = int(values(messages)[0])
    assert eventually(lambda: not is_running(child))


@pytest.mark.skipif(os.name != "posix", reason="memory is only watched on POSIX")
def test_a_memory_limit_ends_the_worker(pool: PoolRunner) -> None:
    def grows(step: int, settings: Any, context: Context) -> float:
        if step == 2:
            held = [np.ones(2**17) for _ in range(600)]  # 600 MiB
            time.sleep(3_600)
            return float(len(held))
        return 1.0

    messages = run(pool, task_of(grows, limits=Limits(memory_bytes=400 * 2**20)))
    found = failure(messages)
    assert found.kind == "out of memory"
    assert "its limit is 400 MiB" in found.message
    assert values(messages) == [1.0]


# ------------------------------------------------------------------------------------- cancel and close


@linux_only
def test_cancel_ends_a_running_task_and_its_children(pool: PoolRunner, eventually: Look) -> None:
    def starts(step: int, settings: Any, context: Context) -> float:
        return float(spawn_child()) if step == 1 else sleeping(step, settings, context)

    pool.submit(task_of(starts))
    first: list[Message] = []
    while not first:
        first = pool.poll(1.0)
    pool.cancel("t")
    assert pool.free == 0, "the worker is still being ended"
    assert pool.poll(60.0) == []
    assert pool.free == 1
    assert eventually(lambda: not is_running(int(values(first)[0])))
    assert values(run(pool, evaluation("t"))) == [1.0, 2.0, 3.0]


def test_cancel_tells_what_was_charged_until_then(pool: PoolRunner, tmp_path: Path, eventually: Look) -> None:
    charged = tmp_path / "charged"

    def charges(step: int, settings: Any, context: Context) -> float:
        context.meter.charge(Cost(calls=step))
        if step == 2:
            charged.write_text("all")
            sleeping(step, settings, context)
        return float(step)

    pool.submit(task_of(charges, allowance=Cost(calls=10)))
    while not pool.poll(1.0):
        pass
    assert eventually(charged.exists)
    assert pool.cancel("t").calls == 3
    assert pool.cancel("t") == Cost()


def test_cancel_a_queued_task(pool: PoolRunner) -> None:
    for key in "ab":
        pool.submit(evaluation(key, decide_at=(1,)))
    assert pool.free == 0
    pool.cancel("b")
    assert [m.key for m in pool.poll(60.0)] == ["a"]
    pool.decide("a", Decision.STOP)
    assert {m.key for m in messages_until_over(pool, "a")} == {"a"}


@linux_only
def test_close_ends_everything_and_removes_its_folder(artifacts: FolderArtifacts) -> None:
    runner = PoolRunner(artifacts, 1)
    runner.submit(task_of(lambda step, settings, context: float(spawn_child()) if step == 1 else busy(2, {}, context)))
    first: list[Message] = []
    while not first:
        first = runner.poll(1.0)
    processes = [worker.process.pid for worker in runner._workers]
    folder = runner._log_folder
    assert folder.exists()
    runner.close()
    runner.close()
    assert not any(map(is_running, processes))
    assert not is_running(int(values(first)[0]))
    assert not folder.exists()
    with pytest.raises(UsageError, match="this runner is closed"):
        runner.submit(evaluation("b"))


def test_a_pool_needs_a_worker(artifacts: FolderArtifacts) -> None:
    with pytest.raises(UsageError, match="at least one worker; got 0"):
        PoolRunner(artifacts, 0)
