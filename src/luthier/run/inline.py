"""Tasks in this very process, one at a time: for code that can't travel, for debugging, and for small studies."""

from __future__ import annotations

from collections import deque

from luthier.core.contracts import Artifacts, Message, Task, Yielded
from luthier.core.cost import NOTHING, Cost
from luthier.core.errors import UsageError
from luthier.core.trial import Decision
from luthier.run.drive import CHECKPOINT_SECONDS, Drive, Saved, drive


class InlineRunner:
    """Runs tasks cooperatively: each `poll` runs the current task up to its next message.

    A poll takes as long as the stage does up to its next yield, whatever `seconds` says; a time limit is
    looked at only there, and memory and thread limits not at all. A KeyboardInterrupt inside the stage closes
    its generator, gives the task up and leaves `poll`.
    """

    def __init__(self, artifacts: Artifacts, *, checkpoint_seconds: float = CHECKPOINT_SECONDS) -> None:
        self._artifacts = artifacts
        self._checkpoint_seconds = checkpoint_seconds
        self._queue: deque[Task] = deque()
        self._key: str | None = None
        self._drive: Drive | None = None
        self._waiting = False
        self._spent = NOTHING
        self._decisions: dict[str, Decision] = {}
        self._closed = False

    @property
    def free(self) -> int:
        """1 while nothing runs or waits, else 0."""
        return int(not self._keys() and not self._closed)

    def submit(self, task: Task) -> None:
        """Queue a task; raises UsageError for a key that is still being worked on, or after `close`."""
        if self._closed:
            raise UsageError("this runner is closed; make another to run more tasks")
        if task.key in self._keys():
            raise UsageError(f"a task with the key '{task.key}' is being worked on; keys must differ")
        self._queue.append(task)

    def poll(self, seconds: float) -> list[Message]:
        """The next message of the current task; none where nothing runs, or it waits for a decision."""
        if self._drive is None:
            if not self._queue:
                return []
            task = self._queue.popleft()
            self._key, self._waiting = task.key, False
            self._spent = NOTHING
            self._drive = drive(
                task,
                self._artifacts,
                checkpoint_seconds=self._checkpoint_seconds,
                report_spending=self._note_spending,
            )
            return [self._advance(self._drive, task.key, start=True)]
        if self._key is None or (self._waiting and self._key not in self._decisions):
            return []
        return [self._advance(self._drive, self._key)]

    def decide(self, key: str, decision: Decision) -> None:
        """Answer a waiting task, or stop one at its next yield; nothing for a key that isn't being worked on."""
        asked = key == self._key and self._waiting
        if asked or (decision is Decision.STOP and key in self._keys()):
            self._decisions[key] = decision

    def cancel(self, key: str) -> Cost:
        """Give a task up; its stage's generator is closed. What its meter counted."""
        self._queue = deque(task for task in self._queue if task.key != key)
        self._decisions.pop(key, None)
        if key != self._key:
            return NOTHING
        spent = self._spent
        self._end()
        return spent

    def close(self) -> None:
        """Give everything up."""
        self._closed = True
        self._queue.clear()
        self._end()

    def __enter__(self) -> InlineRunner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _note_spending(self, spent: Cost) -> None:
        self._spent = spent

    def _keys(self) -> list[str]:
        return [task.key for task in self._queue] + ([self._key] if self._key is not None else [])

    def _advance(self, current: Drive, key: str, *, start: bool = False) -> Message:
        try:
            step = next(current) if start else current.send(self._decisions.pop(key, None))
            while isinstance(step, Saved):
                step = next(current)
        except BaseException:
            self._end()
            raise
        if isinstance(step, Yielded):
            self._waiting = step.waiting
        else:
            self._end()
        return step

    def _end(self) -> None:
        current, key = self._drive, self._key
        self._drive, self._key, self._waiting = None, None, False
        if key is not None:
            self._decisions.pop(key, None)
        if current is not None:
            current.close()
