"""Tasks in worker processes on this machine: warm, watched, and replaced when they die."""

from __future__ import annotations

import itertools
import math
import os
import selectors
import shutil
import sys
import tempfile
import time
import weakref
from collections import deque
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from luthier.core.contracts import (
    Artifacts,
    Evaluate,
    Failed,
    Finished,
    Limits,
    Message,
    Retrying,
    Task,
    Yielded,
)
from luthier.core.cost import NOTHING, Cost, total
from luthier.core.errors import UsageError
from luthier.core.trial import Decision, Failure, Measurement
from luthier.run.drive import CHECKPOINT_SECONDS, Saved, time_limit
from luthier.run.failure import failure_of
from luthier.run.meter import larger
from luthier.run.process import WorkerProcess
from luthier.run.travel import Held, Spool, pack
from luthier.run.wire import Decided, Order, Ready, Spent

_GRACE_SECONDS = 1.0
_CLOSING_SECONDS = 0.5
_CHECK_SECONDS = 0.5
_MEMORY_CHECK_SECONDS = 0.25
_STARTING_SECONDS = 120.0
_MOST_ROUNDS = 100  # or a worker that never stops talking would hold `poll`
_DIED = "worker died"


class PoolRunner:
    """Runs tasks in `workers` processes (by default one for each core that this process may use).

    Processes start when first needed and stay for the next task. Their numeric libraries use
    `threads_per_worker` threads (by default the cores divided among the workers), or a task's
    `limits.threads` where that differs. What stages print goes to `worker-N.log` in `folder` (by default a
    temporary one, removed by `close`); its last lines are attached to a failure by a worker's death.

    A time limit runs from the moment a worker gets the task, over both attempts, and ends the worker: SIGTERM,
    so that `finally` clauses run, and SIGKILL a second later. Memory is what the worker and the processes that
    it started hold, looked at four times a second (not on Windows). Both are looked at while in `poll`.

    A retry goes on from the last checkpoint written in the grant, else from where the grant began: then
    measurements come a second time, and take the place of the earlier ones.
    """

    def __init__(
        self,
        artifacts: Artifacts,
        workers: int | None = None,
        *,
        threads_per_worker: int | None = None,
        checkpoint_seconds: float = CHECKPOINT_SECONDS,
        folder: Path | None = None,
    ) -> None:
        cores = _cores()
        self._size = cores if workers is None else workers
        if self._size < 1:
            raise UsageError(f"a pool needs at least one worker; got {workers} (for none, use the inline runner)")
        self._threads = threads_per_worker or max(1, cores // self._size)
        self._checkpoint_seconds = checkpoint_seconds
        spool_folder = Path(tempfile.mkdtemp(prefix="luthier-pool-"))
        self._log_folder = folder or spool_folder
        self._log_folder.mkdir(parents=True, exist_ok=True)
        self._spool = Spool(spool_folder)
        self._artifacts = self._spool.hold(artifacts, "the artifact store")
        self._workers: list[_Worker] = []
        self._queue: deque[_Assignment] = deque()
        self._outbox: list[Message] = []
        self._numbers = itertools.count()
        self._logs = itertools.count()
        self._selector = selectors.DefaultSelector()
        self._end = weakref.finalize(self, _end_all, self._workers, self._selector, spool_folder, os.getpid())

    # ------------------------------------------------------------------------------------ the contract

    @property
    def free(self) -> int:
        """How many more tasks could start at once; a worker that is being ended isn't free yet."""
        busy = sum(not worker.is_idle for worker in self._workers)
        return max(0, self._size - busy - len(self._queue)) if self._end.alive else 0

    def submit(self, task: Task) -> None:
        """Queue a task; raises CannotTravel, or UsageError for a key that is being worked on or after `close`."""
        if not self._end.alive:
            raise UsageError("this runner is closed; make another to run more tasks")
        if self._find(task.key) is not None:
            raise UsageError(f"a task with the key '{task.key}' is being worked on; keys must differ")
        self._queue.append(
            _Assignment(
                task=task,
                job=pack(task.job, "the job"),
                stage=self._spool.hold(task.stage, f"stage '{task.stage.name}'"),
                views=self._spool.hold(task.views, "the data"),
            )
        )
        self._dispatch()

    def poll(self, seconds: float) -> list[Message]:
        """Messages that came in, waiting up to `seconds` for the first; at once where nothing is being worked on."""
        deadline = time.monotonic() + seconds
        while self._end.alive:
            self._dispatch()
            self._look_after()
            wait = 0.0 if self._outbox else max(0.0, min(deadline - time.monotonic(), self._next_look()))
            self._receive(wait)
            idle = not self._queue and all(worker.is_idle for worker in self._workers)
            if self._outbox or idle or time.monotonic() >= deadline:
                messages, self._outbox = self._outbox, []
                self._dispatch()
                return messages
        return []

    def decide(self, key: str, decision: Decision) -> None:
        """Answer a waiting worker, or stop a task at its next yield; nothing for a key that isn't worked on."""
        assignment = self._find(key)
        if assignment is None or not (assignment.waiting or decision is Decision.STOP):
            return
        assignment.waiting = False
        assignment.stop = assignment.stop or decision is Decision.STOP
        if assignment.worker is not None and assignment.since is not None:
            assignment.worker.process.send(Decided(assignment.number, decision))

    def cancel(self, key: str) -> Cost:
        """End a task at once; its worker is replaced when next needed. What it took, by what was reported so far."""
        assignment, worker = self._find(key), None
        if assignment is not None:
            worker = assignment.worker
            if worker is None:
                self._queue.remove(assignment)
            else:
                self._drain(worker)  # what it charged a moment ago counts
                if worker.assignment is assignment:
                    worker.assignment = None
                    worker.begin_to_end()
        self._outbox = [message for message in self._outbox if message.key != key]
        return NOTHING if assignment is None else total([*assignment.lost, assignment.cost_so_far()])

    def close(self) -> None:
        """End all workers and what they started; harmless when done twice."""
        self._queue.clear()
        self._outbox.clear()
        self._end()

    def __enter__(self) -> PoolRunner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---------------------------------------------------------------------------------- handing tasks out

    def _find(self, key: str) -> _Assignment | None:
        running = (worker.assignment for worker in self._workers if worker.assignment is not None)
        return next((one for one in (*self._queue, *running) if one.task.key == key), None)

    def _dispatch(self) -> None:
        while self._queue:
            worker = self._idle_worker()
            if worker is None:
                return
            assignment = self._queue.popleft()
            worker.assignment, assignment.worker = assignment, worker
            if worker.is_ready:
                self._hand_over(worker, assignment)

    def _idle_worker(self) -> _Worker | None:
        for worker in [worker for worker in self._workers if worker.is_idle]:
            if not worker.process.is_dead():
                return worker
            self._bury(worker)
        if len(self._workers) >= self._size:
            return None
        process = WorkerProcess(self._log_folder / f"worker-{next(self._logs)}.log", self._threads)
        worker = _Worker(process)
        self._workers.append(worker)
        self._selector.register(process.connection, selectors.EVENT_READ, worker)
        return worker

    def _hand_over(self, worker: _Worker, assignment: _Assignment) -> None:
        task = assignment.task
        assignment.begin_attempt(next(self._numbers), worker.process.log_size())
        worker.process.send(
            Order(
                number=assignment.number,
                key=task.key,
                stage=assignment.stage.parcel,
                views=assignment.views.parcel,
                artifacts=self._artifacts.parcel,
                job=assignment.job,
                seed=task.seed,
                limits=assignment.limits_left(),
                allowance=task.allowance,
                upstream=task.upstream,
                before=total(assignment.lost),
                decision=Decision.STOP if assignment.stop else None,
                checkpoint_seconds=self._checkpoint_seconds,
                directory=str(Path.cwd()),
                path=tuple(part or str(Path.cwd()) for part in sys.path),
            )
        )

    # --------------------------------------------------------------------------------- hearing from workers

    def _receive(self, seconds: float) -> None:
        for round_ in range(_MOST_ROUNDS):
            ready = self._selector.select(0 if round_ else seconds)
            for key, _ in ready:
                worker: _Worker = key.data
                frames, gone = worker.process.receive()
                for frame in frames:
                    self._take(worker, frame)
                if gone:
                    self._bury(worker)
            if not ready:
                return

    def _take(self, worker: _Worker, frame: Any) -> None:
        assignment = worker.assignment
        if isinstance(frame, Ready):
            worker.is_ready = True
            if assignment is not None:
                self._hand_over(worker, assignment)
            return
        if assignment is None:
            return
        match frame:
            case Spent(cost):
                assignment.spent = cost
            case Saved(_, checkpoint, fidelity):
                assignment.go_on_from(checkpoint, fidelity)
            case _ if assignment.verdict is not None:
                return
            case Yielded():
                assignment.note(frame)
                self._outbox.append(frame)
            case Finished() | Failed():
                # A worker that was interrupted outside of the stage's generator has lost the bill.
                cost = frame.cost or assignment.cost_so_far()
                self._outbox.append(replace(frame, cost=total([*assignment.lost, cost])))
                worker.assignment = None
            case _:
                raise RuntimeError(f"a worker sent a frame of an unknown kind: {type(frame).__name__}")

    def _look_after(self) -> None:
        """Limits, workers that are slow to end, and deaths that the sockets don't show."""
        now = time.monotonic()
        for worker in list(self._workers):
            if worker.kill_at is not None and now >= worker.kill_at:
                worker.process.kill()
            if worker.process.is_dead():
                self._drain(worker)
                self._bury(worker)
            elif worker.assignment is not None and worker.assignment.verdict is None:
                worker.assignment.verdict = worker.passed_limit(worker.assignment, now)
                if worker.assignment.verdict is not None:
                    worker.begin_to_end()

    def _next_look(self) -> float:
        """Seconds until `_look_after` may have something to do."""
        now = time.monotonic()
        looks = [_CHECK_SECONDS]
        for worker in self._workers:
            if worker.kill_at is not None:
                looks.append(worker.kill_at - now)
            if worker.assignment is not None and worker.assignment.verdict is None:
                looks.append(worker.assignment.deadline() - now)
                if worker.assignment.task.limits.memory_bytes is not None:
                    looks.append(_MEMORY_CHECK_SECONDS)
        return max(0.0, min(looks))

    def _drain(self, worker: _Worker) -> None:
        """Take what a dead worker still sent; a process that it started may hold the socket open."""
        while worker in self._workers and any(key.data is worker for key, _ in self._selector.select(0)):
            frames, gone = worker.process.receive()
            for frame in frames:
                self._take(worker, frame)
            if gone:
                return

    def _bury(self, worker: _Worker) -> None:
        """Let go of a dead worker, and see to the task that it left."""
        if worker not in self._workers:
            return
        self._workers.remove(worker)
        self._selector.unregister(worker.process.connection)
        reason = worker.process.reap()
        assignment = worker.assignment
        if assignment is None:
            return
        worker.assignment, assignment.worker = None, None
        lost = assignment.end_attempt()
        key, printed = assignment.task.key, worker.process.printed(assignment.log_start)
        if assignment.verdict is not None:
            self._outbox.append(Failed(key, replace(assignment.verdict, traceback=printed), lost))
        elif assignment.stop:
            self._outbox.append(Finished(key, lost, stopped=True))
        elif len(assignment.lost) == 1:
            self._outbox.append(Retrying(key, f"the worker process {reason}"))
            self._queue.appendleft(assignment)
        else:
            failure = Failure(_DIED, f"the worker process {reason}; it was the second to die on this task", printed)
            self._outbox.append(Failed(key, failure, lost))


@dataclass(eq=False)
class _Assignment:
    """A task on its way: queued, or with a worker.

    `number` is that of the order of the current attempt, which began at `since` (None before the worker got
    it); `lost` holds what each attempt cost whose worker died; `verdict` why it was ended from outside.
    """

    task: Task
    job: bytes
    stage: Held
    views: Held
    worker: _Worker | None = None
    number: int = -1
    since: float | None = None
    log_start: int = 0
    waiting: bool = False
    stop: bool = False
    verdict: Failure | None = None
    spent: Cost = NOTHING
    yielded: Cost = NOTHING
    lost: list[Cost] = field(default_factory=list[Cost])
    reported: dict[int, Measurement] = field(default_factory=dict[int, Measurement])

    def begin_attempt(self, number: int, log_start: int) -> None:
        """A worker gets it now."""
        self.number, self.log_start, self.since = number, log_start, time.monotonic()
        self.spent, self.yielded, self.waiting = NOTHING, NOTHING, False

    def end_attempt(self) -> Cost:
        """The worker died; the cost of all attempts."""
        self.lost.append(self.cost_so_far())
        self.since = None
        return total(self.lost)

    def note(self, message: Yielded) -> None:
        """A measurement came in."""
        self.reported[message.measurement.fidelity] = message.measurement
        self.yielded += message.measurement.cost
        self.waiting = message.waiting

    def go_on_from(self, checkpoint: str, fidelity: int) -> None:
        """Another attempt would begin at this checkpoint, written after `fidelity` units."""
        job = self.task.job
        if isinstance(job, Evaluate):
            known = {**{one.fidelity: one for one in job.measured}, **self.reported}
            measured = tuple(known[at] for at in range(1, fidelity + 1))
            self.job = pack(replace(job, measured=measured, checkpoint=checkpoint), "the job")

    def cost_so_far(self) -> Cost:
        """What the current attempt took, as far as can be told from here."""
        counted = larger(self.spent, self.yielded)
        return replace(counted, seconds=0.0 if self.since is None else time.monotonic() - self.since)

    def limits_left(self) -> Limits:
        """The task's limits, less the time that earlier attempts took."""
        limits = self.task.limits
        if limits.seconds is None:
            return limits
        return replace(limits, seconds=max(0.0, limits.seconds - total(self.lost).seconds))

    def deadline(self) -> float:
        """When the time is up, by the monotonic clock."""
        limit = self.limits_left().seconds
        return math.inf if limit is None or self.since is None else self.since + limit


@dataclass(eq=False)
class _Worker:
    """A process with what it is busy with. `kill_at` is set once it is being ended."""

    process: WorkerProcess
    is_ready: bool = False
    assignment: _Assignment | None = None
    kill_at: float | None = None
    memory_looked_at: float = 0.0

    @property
    def is_idle(self) -> bool:
        """Whether it may get a task."""
        return self.assignment is None and self.kill_at is None

    def begin_to_end(self) -> None:
        """Let `finally` clauses run for a moment, then end it."""
        if self.kill_at is None:
            self.process.terminate()
            self.kill_at = time.monotonic() + _GRACE_SECONDS

    def passed_limit(self, assignment: _Assignment, now: float) -> Failure | None:
        """Which limit `assignment` has passed, if any."""
        limits = assignment.task.limits
        if not self.is_ready and now > self.process.started + _STARTING_SECONDS:
            return Failure(_DIED, f"a worker process didn't get ready within {_STARTING_SECONDS:g} s")
        if now >= assignment.deadline():
            return failure_of(time_limit(limits.seconds or 0.0))
        if limits.memory_bytes is not None and now >= self.memory_looked_at + _MEMORY_CHECK_SECONDS:
            self.memory_looked_at = now
            held = self.process.memory_bytes() or 0
            if held > limits.memory_bytes:
                return Failure(
                    "out of memory", f"held {_mib(held)} of memory; its limit is {_mib(limits.memory_bytes)}"
                )
        return None


def _mib(count: int) -> str:
    return f"{count / 2**20:,.0f} MiB"


def _cores() -> int:
    """The processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _end_all(workers: list[_Worker], selector: selectors.BaseSelector, folder: Path, owner: int) -> None:
    if os.getpid() != owner:  # a forked child ends with copies of its parent's objects; the workers aren't its own
        return
    for worker in workers:
        worker.process.terminate()
    deadline = time.monotonic() + _CLOSING_SECONDS
    while time.monotonic() < deadline and not all(worker.process.is_dead() for worker in workers):
        time.sleep(0.005)
    for worker in workers:
        worker.process.kill()
        worker.process.reap()
    workers.clear()
    selector.close()
    shutil.rmtree(folder, ignore_errors=True)
