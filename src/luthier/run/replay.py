"""Recorded curves in place of stages, and a simulated clock in place of waiting: a year of training in a second."""

from __future__ import annotations

import heapq
import itertools
import math
from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

from luthier.core.clock import ManualClock
from luthier.core.contracts import Evaluate, Failed, Finished, Message, Settings, Task, Yielded
from luthier.core.cost import NOTHING, Cost
from luthier.core.errors import UsageError
from luthier.core.trial import Decision, Measurement
from luthier.run.drive import time_limit
from luthier.run.failure import Breach, failure_of

Curve = Callable[[Settings, int], Sequence[tuple[float, float]]]
"""(settings, seed) to what each unit of fidelity shows and takes: (value, seconds), from the first unit on."""


class ReplayRunner:
    """Reports what recorded curves say, at the simulated times at which `workers` workers would have.

    A task's stage isn't run; only its fidelity is looked at. `poll` never waits: it moves `clock` on to the
    next message, however far that is, and returns all that come in at that moment. A worker that waits for a
    decision stays taken; `limits.seconds` ends a task at that very moment of simulated time. A checkpoint's
    address is just a note ("replay:3"); a resumed task goes on after `len(job.measured)`.
    """

    def __init__(self, curve: Curve, clock: ManualClock, workers: int = 1) -> None:
        if workers < 1:
            raise UsageError(f"a replay needs at least one worker; got {workers}")
        self._curve = curve
        self._clock = clock
        self._workers = workers
        self._queue: deque[Task] = deque()
        self._running: dict[str, _Run] = {}
        self._due: list[tuple[float, int, _Run, Message]] = []
        self._stopped_early: set[str] = set()
        self._order = itertools.count()
        self._closed = False

    @property
    def free(self) -> int:
        """How many more tasks could start at once."""
        return 0 if self._closed else max(0, self._workers - len(self._running) - len(self._queue))

    def submit(self, task: Task) -> None:
        """Queue a task; raises UsageError for jobs other than Evaluate, for a key in use, and after `close`."""
        if self._closed:
            raise UsageError("this runner is closed; make another to run more tasks")
        if task.key in self._running or any(task.key == other.key for other in self._queue):
            raise UsageError(f"a task with the key '{task.key}' is being worked on; keys must differ")
        if not isinstance(task.job, Evaluate):
            raise UsageError(f"a replay only evaluates; it has no artifact to {type(task.job).__name__.lower()} with")
        self._queue.append(task)
        self._start()

    def poll(self, seconds: float) -> list[Message]:
        """The messages of the next moment at which there are any; none where everything waits or nothing runs."""
        messages: list[Message] = []
        while self._due and (not messages or self._due[0][0] <= self._clock.monotonic()):
            moment, _, run, message = heapq.heappop(self._due)
            if self._running.get(message.key) is not run:
                continue  # cancelled since
            self._clock.advance(max(0.0, moment - self._clock.monotonic()))
            messages.append(message)
            if not isinstance(message, Yielded):
                del self._running[message.key]
                self._start()
            elif message.waiting and run.decision is None:
                run.waiting = True
            else:
                self._schedule(run)
        return messages

    def decide(self, key: str, decision: Decision) -> None:
        """Answer a waiting task, or stop one at its next yield; nothing for other keys."""
        run = self._running.get(key)
        if run is None:
            self._stopped_early |= {task.key for task in self._queue if task.key == key and decision is Decision.STOP}
        elif run.waiting or decision is Decision.STOP:
            run.decision = decision
            if run.waiting:
                run.waiting = False
                self._schedule(run)

    def cancel(self, key: str) -> Cost:
        """Give a task up. Nothing is known of what it took since its last measurement."""
        self._queue = deque(task for task in self._queue if task.key != key)
        self._stopped_early.discard(key)
        self._running.pop(key, None)
        self._start()
        return NOTHING

    def close(self) -> None:
        """Give everything up."""
        self._closed = True
        self._queue.clear()
        self._running.clear()
        self._due.clear()

    def __enter__(self) -> ReplayRunner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self) -> None:
        while self._queue and len(self._running) < self._workers:
            task = self._queue.popleft()
            run = _Run(_replay(task, self._curve), Decision.STOP if task.key in self._stopped_early else None)
            self._stopped_early.discard(task.key)
            self._running[task.key] = run
            seconds, message = next(run.steps)
            heapq.heappush(self._due, (self._clock.monotonic() + seconds, next(self._order), run, message))

    def _schedule(self, run: _Run) -> None:
        decision, run.decision = run.decision, None
        seconds, message = run.steps.send(decision)
        heapq.heappush(self._due, (self._clock.monotonic() + seconds, next(self._order), run, message))


_Steps = Generator[tuple[float, Message], Decision | None, None]


@dataclass(eq=False)
class _Run:
    """A task under way: what is to come, and a decision that came before it was asked for."""

    steps: _Steps
    decision: Decision | None = None
    waiting: bool = False


def _replay(task: Task, curve: Curve) -> _Steps:
    """The messages of `task`, each with the simulated seconds since the one before."""
    cost = NOTHING
    try:
        job = task.job
        if not isinstance(job, Evaluate):
            raise UsageError(f"a replay only evaluates; got {type(job).__name__}")
        points = curve(job.settings, task.seed)
        most = min(len(points), task.stage.fidelity.maximum)
        if not len(job.measured) < job.until <= most:
            raise UsageError(
                f"a grant must end above what was measured and at most where the recorded curve does: "
                f"{len(job.measured)} < until <= {most}; got until={job.until}"
            )
        limit = math.inf if task.limits.seconds is None else task.limits.seconds
        for fidelity in range(len(job.measured) + 1, job.until + 1):
            value, seconds = points[fidelity - 1]
            if cost.seconds + seconds > limit:
                left, cost = limit - cost.seconds, Cost(seconds=limit)
                yield left, Failed(task.key, failure_of(time_limit(limit)), cost)
                return
            cost += Cost(seconds=seconds)
            if not math.isfinite(value):
                what = f"the metric's value at {task.stage.fidelity.unit} {fidelity} is {value}"
                failure = failure_of(Breach("not finite", f"{what}; it must be a finite number"))
                yield seconds, Failed(task.key, failure, cost)
                return
            waiting = fidelity in job.decide_at and fidelity < job.until
            measurement = Measurement(fidelity, float(value), cost=Cost(seconds=seconds))
            decision = yield seconds, Yielded(task.key, measurement, waiting)
            if decision is Decision.STOP and fidelity < job.until:
                yield 0.0, Finished(task.key, cost, stopped=True)
                return
        below = job.until < task.stage.fidelity.maximum
        yield 0.0, Finished(task.key, cost, checkpoint=f"replay:{job.until}" if below else None)
    except Exception as error:
        yield 0.0, Failed(task.key, failure_of(error), cost)
