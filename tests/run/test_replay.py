from __future__ import annotations

import math
from typing import Any

import pytest

from luthier.core.clock import ManualClock
from luthier.core.contracts import Failed, Finalize, Finished, Limits, Task, Yielded
from luthier.core.errors import UsageError
from luthier.core.trial import Decision
from luthier.run.check import CountingStage, evaluation
from luthier.run.replay import ReplayRunner
from tests.run.stages import FunctionStage

DAY = 86_400.0


def slopes(settings: Any, seed: int) -> list[tuple[float, float]]:
    return [(settings["slope"] * k, settings["slope"] * 10.0) for k in (1, 2, 3)]


def test_workers_run_side_by_side_in_simulated_time() -> None:
    clock = ManualClock()
    runner = ReplayRunner(slopes, clock, workers=2)
    for key, slope in (("slow", 3.0), ("quick", 1.0), ("later", 1.0)):
        runner.submit(evaluation(key, slope=slope))
    assert runner.free == 0
    told: list[tuple[float, str]] = []
    while messages := runner.poll(1.0):
        told += [(clock.now(), m.key) for m in messages if isinstance(m, Finished)]
    assert told == [(30.0, "quick"), (60.0, "later"), (90.0, "slow")]
    assert runner.free == 2


def test_a_year_of_training_in_one_go() -> None:
    clock = ManualClock()
    runner = ReplayRunner(lambda settings, seed: [(1.0, DAY)] * 365, clock)
    stage = FunctionStage(lambda step, settings, context: 0.0, maximum=365)
    runner.submit(evaluation("a", until=365, stage=stage))
    count = 0
    while messages := runner.poll(0.0):
        count += len(messages)
    assert count == 366
    assert clock.now() == 365 * DAY


def test_waiting_holds_the_worker_and_takes_no_time() -> None:
    clock = ManualClock()
    runner = ReplayRunner(slopes, clock, workers=1)
    runner.submit(evaluation("a", decide_at=(1,)))
    (first,) = runner.poll(0.0)
    assert isinstance(first, Yielded)
    assert first.waiting
    assert runner.poll(60.0) == []
    assert clock.now() == 10.0
    runner.decide("a", Decision.STOP)
    (end,) = runner.poll(0.0)
    assert isinstance(end, Finished)
    assert end.stopped
    assert end.cost.seconds == clock.now() == 10.0


def test_a_time_limit_ends_it_at_that_moment() -> None:
    clock = ManualClock()
    runner = ReplayRunner(slopes, clock)
    runner.submit(Task("a", evaluation("a").job, CountingStage(), (), 0, Limits(seconds=25.0)))
    messages = [*runner.poll(0.0), *runner.poll(0.0), *runner.poll(0.0)]
    assert isinstance(messages[-1], Failed)
    assert messages[-1].failure.kind == "time limit"
    assert messages[-1].cost.seconds == clock.now() == 25.0


@pytest.mark.parametrize(
    ("curve", "kind", "words"),
    [
        (lambda settings, seed: [(math.nan, 1.0)] * 3, "not finite", "the metric's value at step 1 is nan"),
        (lambda settings, seed: [(1.0, 1.0)] * 2, "UsageError", "0 < until <= 2; got until=3"),
        (lambda settings, seed: {}["no such record"], "KeyError", "no such record"),
    ],
)
def test_curves_that_fail(curve: Any, kind: str, words: str) -> None:
    runner = ReplayRunner(curve, ManualClock())
    runner.submit(evaluation("a"))
    (end,) = runner.poll(0.0)
    assert isinstance(end, Failed)
    assert end.failure.kind == kind
    assert words in end.failure.message


def test_it_only_evaluates() -> None:
    runner = ReplayRunner(slopes, ManualClock())
    with pytest.raises(UsageError, match="it has no artifact to finalize with"):
        runner.submit(Task("f", Finalize({}), CountingStage(), (), seed=0))
