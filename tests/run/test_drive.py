from __future__ import annotations

import math
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from luthier.core.clock import ManualClock
from luthier.core.contracts import (
    Context,
    Evaluate,
    Failed,
    Finalize,
    Finished,
    Limits,
    Predict,
    Prediction,
    Task,
    Yielded,
)
from luthier.core.cost import Cost
from luthier.core.dataset import Dataset
from luthier.core.trial import Decision, Examples, Measurement
from luthier.run.check import CountingStage, FolderArtifacts, evaluation
from luthier.run.drive import MOST_EXAMPLES_IN_A_MESSAGE, Saved, drive
from luthier.run.outcomes import outcomes_from_bytes
from tests.run.stages import task_of


def steps_of(task: Task, artifacts: FolderArtifacts, **more: Any) -> list[Any]:
    return list(drive(task, artifacts, **more))


def failure_of(task: Task, artifacts: FolderArtifacts) -> Any:
    last = steps_of(task, artifacts)[-1]
    assert isinstance(last, Failed)
    return last.failure


class Timed:
    """A unit that takes `seconds` of a simulated clock."""

    def __init__(self, seconds: float) -> None:
        self.clock = ManualClock()
        self.seconds = seconds

    def __call__(self, step: int, settings: Any, context: Context) -> float:
        self.clock.advance(self.seconds)
        return float(step)


def test_wall_seconds_fill_what_the_stage_left_out(artifacts: FolderArtifacts) -> None:
    timed = Timed(2.0)
    steps = steps_of(task_of(timed), artifacts, clock=timed.clock)
    assert [s.measurement.cost.seconds for s in steps[:3]] == [2.0, 2.0, 2.0]
    assert steps[-1] == Finished("t", Cost(seconds=6.0))


def test_stated_seconds_replace_the_wall(artifacts: FolderArtifacts) -> None:
    timed = Timed(2.0)

    def stated(step: int, settings: Any, context: Context) -> Measurement:
        return Measurement(step, timed(step, settings, context), cost=Cost(seconds=100.0))

    assert steps_of(task_of(stated), artifacts, clock=timed.clock)[-1].cost == Cost(seconds=300.0)


def test_time_spent_waiting_costs_nothing(artifacts: FolderArtifacts) -> None:
    timed = Timed(1.0)
    run = drive(task_of(timed, decide_at=(1,)), artifacts, clock=timed.clock)
    assert next(run).waiting  # pyright: ignore[reportAttributeAccessIssue]
    timed.clock.advance(1_000)
    assert run.send(Decision.CONTINUE).measurement.cost.seconds == 1.0  # pyright: ignore[reportAttributeAccessIssue]
    assert list(run)[-1].cost.seconds == 3.0  # pyright: ignore[reportAttributeAccessIssue]


def test_what_is_both_stated_and_metered_counts_once(artifacts: FolderArtifacts) -> None:
    def calls(step: int, settings: Any, context: Context) -> Measurement:
        context.meter.charge(Cost(calls=3, usd_micros=7))
        return Measurement(step, 1.0, cost=Cost(calls=3, tokens=50, seconds=1.0))

    steps = steps_of(task_of(calls), artifacts)
    assert steps[0].measurement.cost == Cost(seconds=1.0, calls=3, tokens=50, usd_micros=7)
    assert steps[-1].cost.calls == 9
    assert steps[-1].cost.tokens == 150


def test_failed_units_are_paid_for(artifacts: FolderArtifacts) -> None:
    def fails(step: int, settings: Any, context: Context) -> float:
        context.meter.charge(Cost(calls=1))
        return 1.0 if step == 1 else math.inf

    steps = steps_of(task_of(fails), artifacts)
    assert steps[-1].failure.message == "the metric's value at step 2 is inf; it must be a finite number"
    assert steps[-1].cost.calls == 2


def test_checkpoints_come_every_so_often_and_at_the_grants_end(artifacts: FolderArtifacts) -> None:
    timed = Timed(10.0)
    steps = steps_of(task_of(timed, until=8), artifacts, clock=timed.clock, checkpoint_seconds=25.0)
    assert [s.fidelity for s in steps if isinstance(s, Saved)] == [3, 6]
    assert [artifacts.get(s.checkpoint) for s in steps if isinstance(s, Saved)] == [b"3", b"6"]
    assert steps[-1].checkpoint is None, "nothing is left to go on with at the highest fidelity"
    paused = steps_of(task_of(timed, until=2), artifacts, clock=timed.clock)[-1]
    assert artifacts.get(paused.checkpoint) == b"2"


def test_save_state_must_give_bytes(artifacts: FolderArtifacts) -> None:
    class Careless(CountingStage):
        def evaluate(self, settings: Any, context: Context) -> Generator[Measurement, None, None]:
            context.save_state = lambda: "text"  # pyright: ignore[reportAttributeAccessIssue]
            yield Measurement(1, 1.0)

    failure = failure_of(evaluation("a", until=1, stage=Careless()), artifacts)
    assert failure.message == "stage 'counting': save_state must return bytes; it returned 'text'"


def test_a_time_limit_is_looked_at_between_units(artifacts: FolderArtifacts) -> None:
    timed = Timed(10.0)
    steps = steps_of(task_of(timed, limits=Limits(seconds=15.0)), artifacts, clock=timed.clock)
    assert [s.measurement.fidelity for s in steps if isinstance(s, Yielded)] == [1, 2]
    assert steps[-1].failure.kind == "time limit"
    assert steps[-1].failure.message == "took longer than its limit of 15 s; what it measured until then is kept"
    one = steps_of(task_of(timed, until=1, limits=Limits(seconds=5.0)), artifacts, clock=timed.clock)
    assert isinstance(one[-1], Finished), "a grant that reached its end has kept its word"


def test_many_outcomes_become_an_artifact(artifacts: FolderArtifacts) -> None:
    def with_outcomes(step: int, settings: Any, context: Context) -> Measurement:
        count = MOST_EXAMPLES_IN_A_MESSAGE + step - 1
        return Measurement(step, 0.5, examples=Examples(tuple(map(str, range(count))), (0.5,) * count))

    first, second, *_ = (s.measurement.examples for s in steps_of(task_of(with_outcomes), artifacts)[:3])
    assert isinstance(first, Examples)
    assert isinstance(second, str)
    assert len(outcomes_from_bytes(artifacts.get(second)).ids) == MOST_EXAMPLES_IN_A_MESSAGE + 1


def test_numbers_become_plain(artifacts: FolderArtifacts) -> None:
    def numpy_numbers(step: int, settings: Any, context: Context) -> Measurement:
        return Measurement(np.int64(step), np.float32(0.5), np.float64("nan"), {"f1": np.float32(0.25)})  # pyright: ignore[reportArgumentType]

    measurement = steps_of(task_of(numpy_numbers), artifacts)[0].measurement
    assert [type(measurement.fidelity), type(measurement.value)] == [int, float]
    assert measurement.standard_error is None
    assert type(measurement.metrics["f1"]) is float


def raises(error: BaseException) -> Callable[..., float]:
    def function(step: int, settings: Any, context: Context) -> float:
        raise error

    return function


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (ValueError("two\n  lines"), "ValueError", "two lines"),
        (KeyError(), "KeyError", "the stage raised KeyError without a message"),
        (MemoryError(), "out of memory", "the stage ran out of memory"),
        (SystemExit("done"), "SystemExit", "the stage called sys.exit(done); it must return or raise"),
        (Unprintable(), "Unprintable", "(its message couldn't be made into text)"),
        (ValueError("x" * 10_000), "ValueError", "x" * 497 + "..."),
        (StopIteration(4), "RuntimeError", "generator raised StopIteration"),
        (ExceptionGroup("several", [ValueError("inner")]), "ExceptionGroup", "several (1 sub-exception)"),
    ],
)
def test_failures(error: BaseException, kind: str, message: str, artifacts: FolderArtifacts) -> None:
    failure = failure_of(task_of(raises(error)), artifacts)
    assert (failure.kind, failure.message) == (kind, message)


def test_tracebacks_begin_with_the_users_code(artifacts: FolderArtifacts) -> None:
    def outer(step: int, settings: Any, context: Context) -> float:
        try:
            return 1 / (step - step)
        except ZeroDivisionError as error:
            raise ValueError("told differently") from error

    text = failure_of(task_of(outer), artifacts).traceback
    assert "1 / (step - step)" in text
    assert "ValueError: told differently" in text
    assert "luthier/run" not in text
    assert failure_of(evaluation("a", until=9), artifacts).traceback == "", "our own words need no traceback"


def test_keyboard_interrupt_passes_through_and_closes_the_stage(artifacts: FolderArtifacts) -> None:
    closed: list[bool] = []

    class Interrupted(CountingStage):
        def evaluate(self, settings: Any, context: Context) -> Generator[Measurement, None, None]:
            try:
                yield Measurement(1, 1.0)
                raise KeyboardInterrupt
            finally:
                closed.append(True)

    run = drive(evaluation("a", stage=Interrupted()), artifacts)
    next(run)
    with pytest.raises(KeyboardInterrupt):
        next(run)
    assert closed == [True]


def test_closing_the_drive_closes_the_stage(artifacts: FolderArtifacts) -> None:
    closed: list[bool] = []

    class Watched(CountingStage):
        def evaluate(self, settings: Any, context: Context) -> Generator[Measurement, None, None]:
            try:
                yield from super().evaluate(settings, context)
            finally:
                closed.append(True)
                raise RuntimeError("and complains")

    run = drive(evaluation("a", stage=Watched()), artifacts)
    next(run)
    run.close()
    assert closed == [True]


class Answering(CountingStage):
    """Gives `answer` to finalize and predict."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def finalize(self, settings: Any, context: Context) -> Any:
        return self.answer

    def predict(self, artifact: str, inputs: Dataset, context: Context) -> Any:
        return self.answer


def test_wrong_answers_of_finalize_and_predict(artifacts: FolderArtifacts) -> None:
    inputs = Dataset({"x": np.arange(2.0)}, np.array(["a", "b"], dtype=object))
    for answer in (None, "elsewhere", 3):
        failure = failure_of(Task("f", Finalize({}), Answering(answer), (), 0), artifacts)
        assert failure.kind == "StageError"
        assert failure.message.startswith("stage 'counting': finalize must return the address")
    for answer, words in (
        ([1.0, 2.0], "must return a Prediction; it returned [1.0, 2.0] (a list)"),
        (Prediction(np.ones(1)), "must return one value a row; got 1 for 2 rows"),
    ):
        failure = failure_of(Task("p", Predict("any", inputs), Answering(answer), (), 0), artifacts)
        assert failure.message == f"stage 'counting': predict {words}"


@pytest.mark.parametrize("returned", ["abc", 0.5, None, [Measurement(1, 0.5)]])
def test_evaluate_that_yields_nothing_at_all(returned: Any, artifacts: FolderArtifacts) -> None:
    class Returning(CountingStage):
        def evaluate(self, settings: Any, context: Context) -> Any:
            return returned

    failure = failure_of(evaluation("a", stage=Returning()), artifacts)
    assert failure.kind == "StageError"
    assert failure.message.startswith("stage 'counting': evaluate must yield Measurements; it returned ")


def test_a_missing_checkpoint_is_named(artifacts: FolderArtifacts, tmp_path: Path) -> None:
    job = Evaluate({"slope": 1.0}, 3, (Measurement(1, 1.0),), "sha256:gone")
    failure = failure_of(Task("a", job, CountingStage(), (), 0), artifacts)
    assert (failure.kind, failure.message) == ("MissingArtifact", "nothing is held at sha256:gone")
