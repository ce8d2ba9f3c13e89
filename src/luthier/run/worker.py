"""A worker process: `python -m luthier.run.worker PARENT CONTROL LIFELINE`, started by a pool.

It takes one order at a time from the control socket, carries it out, and sends what comes of it. What the user's
code prints goes to the standard streams, which nothing here uses. It never imports the parent's `__main__`.
When the parent is gone, it ends at once, and what it started with it.
"""

from __future__ import annotations

import base64
import importlib
import os
import pickle
import select
import signal
import socket
import sys
import threading
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from typing import Any

from luthier.core.contracts import Artifacts, Failed, Task, Yielded
from luthier.core.trial import Decision, Failure
from luthier.run.drive import Drive, drive
from luthier.run.failure import failure_of, user_traceback
from luthier.run.process import THREAD_VARIABLES
from luthier.run.wire import Decided, Inbox, Order, Parcel, Ready, Spent, receive_chunk, send

_UNPACKED = 6
_PARENT_CHECK_SECONDS = 1.0


class _Terminated(BaseException):
    """The parent asked for an end; passes through the stage, whose `finally` runs."""


def main(arguments: list[str]) -> None:
    """Serve the parent until it is gone or closes the control socket."""
    parent = int(arguments[0])
    control, lifeline = _sockets(arguments[1:])
    _end_with_parent(lifeline, parent)
    worker = _Worker(control)
    try:
        signal.signal(signal.SIGTERM, worker.terminate)
        worker.serve()
    except _Terminated:
        # Hooks that wait for threads or child processes would keep a dying worker alive; the parent ends those.
        os._exit(0)


class _Worker:
    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._inbox = Inbox()
        self._frames: list[Any] = []
        self._unpacked: OrderedDict[str, Any] = OrderedDict()
        self._is_ending = False
        self._sending = threading.Lock()  # a stage may charge its meter from several threads

    def terminate(self, *_: object) -> None:
        """The handler of SIGTERM; raises once, so that a second signal doesn't cut the stage's `finally` short."""
        if not self._is_ending:
            self._is_ending = True
            raise _Terminated

    def serve(self) -> None:
        """Carry out orders until the parent closes the socket."""
        send(self._control, Ready())
        while (frame := self._next_frame()) is not None:
            if isinstance(frame, Order):  # a late decision on an order that has ended is nobody's
                self._carry_out(frame)

    def _carry_out(self, order: Order) -> None:
        key = order.key
        try:
            os.chdir(order.directory)
            if sys.path != list(order.path):
                sys.path[:] = order.path
                importlib.invalidate_caches()
            task = Task(
                key,
                pickle.loads(order.job),  # noqa: S301  (from the parent, through a private socket)
                self._unpack(order.stage),
                self._unpack(order.views),
                order.seed,
                order.limits,
                order.allowance,
                order.upstream,
            )
            artifacts: Artifacts = self._unpack(order.artifacts)
            _limit_threads(task.limits.threads)
        except (Exception, SystemExit) as error:
            self._send(Failed(key, _not_rebuilt(error)), key)
            return
        steps = drive(
            task,
            artifacts,
            checkpoint_seconds=order.checkpoint_seconds,
            before=order.before,
            report_spending=lambda cost: self._send(Spent(cost), key),
        )
        try:
            self._follow(steps, order)
        except _Terminated:
            with suppress(Exception):
                steps.close()
            raise
        except OSError:
            raise
        except BaseException as error:  # KeyboardInterrupt, and whatever libraries derive from BaseException
            self._send(Failed(key, failure_of(error)), key)

    def _follow(self, steps: Drive, order: Order) -> None:
        given, decision = order.decision, None
        while True:
            try:
                step = steps.send(decision)
            except StopIteration:
                return
            self._send(step, order.key)
            decision = None
            if isinstance(step, Yielded):
                decision = given or self._decision(order.number, wait=step.waiting)
                given = None

    def _decision(self, number: int, *, wait: bool) -> Decision | None:
        decision: Decision | None = None
        while (wait and decision is None) or self._has_frame():
            frame = self._next_frame()
            if frame is None:
                raise _Terminated
            if isinstance(frame, Decided) and frame.number == number:
                decision = frame.decision
        return decision

    def _has_frame(self) -> bool:
        return bool(self._frames) or bool(select.select([self._control], [], [], 0)[0])

    def _next_frame(self) -> Any:
        """The next frame; None where the parent closed the socket."""
        while not self._frames:
            chunk = receive_chunk(self._control)
            if not chunk:
                return None
            self._frames += self._inbox.add(chunk)
        return self._frames.pop(0)

    def _send(self, step: Any, key: str) -> None:
        if self._is_ending:
            # Something swallowed the exception: a bare `except`, or native code amid an import.
            raise _Terminated
        with self._sending:
            try:
                send(self._control, step)
            except OSError:
                raise
            except Exception as error:
                reason = failure_of(error).message
                failure = Failure("StageError", f"what the stage answered can't be sent back: {reason}")
                send(self._control, Failed(key, failure))

    def _unpack(self, parcel: Parcel) -> Any:
        if parcel.digest not in self._unpacked:
            with Path(parcel.path).open("rb") as file:
                self._unpacked[parcel.digest] = pickle.load(file)  # noqa: S301  (written by the parent)
            if len(self._unpacked) > _UNPACKED:
                self._unpacked.popitem(last=False)
        self._unpacked.move_to_end(parcel.digest)
        return self._unpacked[parcel.digest]


def _limit_threads(threads: int) -> None:
    """Let numeric libraries use `threads` threads; the environment already says how many unless a task differs."""
    if os.environ.get("OMP_NUM_THREADS") == str(threads):
        return
    for name in THREAD_VARIABLES:  # read by the libraries that aren't loaded yet
        os.environ[name] = str(threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    with suppress(ImportError):
        from threadpoolctl import threadpool_limits

        threadpool_limits(limits=threads)


def _not_rebuilt(error: BaseException) -> Failure:
    found = failure_of(error)
    return Failure(
        "CannotTravel",
        f"the worker process couldn't rebuild what was sent to it: {found.kind}: {found.message}; "
        f"install what is missing, or run in this process (workers=0, the inline runner)",
        user_traceback(error),
    )


def _sockets(arguments: list[str]) -> tuple[socket.socket, socket.socket]:
    """The control socket and the lifeline, from their numbers, or on Windows from what the parent shares."""
    if arguments:
        control, lifeline = (socket.socket(fileno=int(number)) for number in arguments)
    else:
        lines = [base64.b64decode(sys.stdin.buffer.readline()) for _ in range(2)]
        control, lifeline = map(socket.fromshare, lines)  # pyright: ignore[reportAttributeAccessIssue]
    control.set_inheritable(False)
    lifeline.set_inheritable(False)
    return control, lifeline


def _end_with_parent(lifeline: socket.socket, parent: int) -> None:
    """See to it that the end of the parent, even by SIGKILL, ends this process and those that it started.

    On Linux the kernel does it: it signals the whole process group when the lifeline's other end closes, even
    while native code keeps the interpreter busy (fcntl(2): F_SETOWN, F_SETSIG). Elsewhere, and where a forked
    child of the parent still holds the other end, a thread does.
    """
    if sys.platform == "linux":
        import fcntl

        fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    threading.Thread(target=_watch, args=(lifeline, parent), daemon=True).start()


def _watch(lifeline: socket.socket, parent: int) -> None:
    while not select.select([lifeline], [], [], _PARENT_CHECK_SECONDS)[0] and os.getppid() == parent:
        pass
    if hasattr(os, "killpg"):
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
