"""One worker process as its parent sees it: start it, talk to it, end it, and tell what it died of.

It knows no tasks. On POSIX a worker leads a session of its own, so that Ctrl-C in the terminal reaches only
the parent, and so that ending its process group ends what the stage started as well.
"""

from __future__ import annotations

import base64
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from luthier.core.errors import RunError
from luthier.run.wire import Inbox, receive_chunk, send

_POSIX = os.name == "posix"
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "RAYON_NUM_THREADS",
    "LOKY_MAX_CPU_COUNT",
)
_LONGEST_LOG = 16 * 1024 * 1024
_TAIL = 2_000
_DEATHS = {
    "SIGKILL": "was killed by SIGKILL (often the system running out of memory)",
    "SIGSEGV": "crashed with SIGSEGV (a memory error in native code)",
    "SIGABRT": "aborted with SIGABRT (native code gave up)",
    "SIGBUS": "crashed with SIGBUS (a memory error in native code, or a full shared memory)",
    "SIGFPE": "crashed with SIGFPE (an arithmetic error in native code)",
    "SIGILL": "crashed with SIGILL (native code built for another processor)",
}


class WorkerProcess:
    """A running `python -m luthier.run.worker`, with `threads` threads for its numeric libraries.

    What it prints goes to the file `log`. `started` is when it was started, by the monotonic clock.
    """

    def __init__(self, log: Path, threads: int) -> None:
        self.log = log
        self.started = time.monotonic()
        self._inbox = Inbox()
        self._code: int | None = None
        try:
            self.connection, theirs = socket.socketpair()
            self._lifeline, their_lifeline = socket.socketpair()
            with theirs, their_lifeline, log.open("ab") as output:
                self._process = _start((theirs, their_lifeline), output, _environment(threads))
        except OSError as error:
            raise RunError(
                f"a worker process can't be started: {error.strerror or error}; free what the system is short of "
                f"(memory, processes, open files, space in {log.parent}), or take fewer workers, then resume the study"
            ) from error

    @property
    def pid(self) -> int:
        """Its process id, and on POSIX that of its process group."""
        return self._process.pid

    def send(self, frame: Any) -> None:
        """Send a frame. That it is dead shows when receiving, so it is no error here."""
        with suppress(OSError):
            send(self.connection, frame)

    def receive(self) -> tuple[list[Any], bool]:
        """Frames that came in, and whether the other end is gone. Blocks while there is nothing."""
        chunk = receive_chunk(self.connection)
        return self._inbox.add(chunk), not chunk

    def is_dead(self) -> bool:
        """Whether it has ended; it stays a zombie, so that its process group's number isn't given away yet."""
        if not hasattr(os, "waitid"):
            return self._process.poll() is not None
        if self._code is not None:
            return True
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def terminate(self) -> None:
        """Ask it, and what it started, to end: a stage's `finally` still runs."""
        self._signal("SIGTERM")

    def kill(self) -> None:
        """End it and what it started at once."""
        self._signal("SIGKILL")

    def reap(self) -> str:
        """Kill what is left of its group, let go of everything, and say what it died of."""
        if self._code is None:
            with suppress(subprocess.TimeoutExpired):  # the other end closed first; its exit status follows
                self._wait_unreaped(1.0)
            self.kill()
            self._code = self._process.wait()
            self.connection.close()
            self._lifeline.close()
        return _death(self._code)

    def printed(self, since: int) -> str:
        """The last of what it printed from byte `since` of the log on."""
        try:
            with self.log.open("rb") as file:
                end = file.seek(0, os.SEEK_END)
                file.seek(max(since, end - _TAIL))
                return file.read().decode(errors="replace").strip()
        except FileNotFoundError:
            return ""

    def log_size(self) -> int:
        """Bytes in the log; one that has grown long is emptied first."""
        try:
            size = self.log.stat().st_size
            if size > _LONGEST_LOG:
                os.truncate(self.log, 0)
                return 0
        except FileNotFoundError:
            return 0
        return size

    def memory_bytes(self) -> int | None:
        """What it and what it started hold in memory now; None where the system doesn't tell."""
        if Path("/proc/self/statm").exists():
            return _group_memory_linux(self.pid)
        return _group_memory_ps(self.pid) if _POSIX else None

    def _wait_unreaped(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self.is_dead():
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("worker", seconds)
            time.sleep(0.005)

    def _signal(self, name: str) -> None:
        if self._code is not None:
            return
        with suppress(ProcessLookupError, PermissionError):
            if _POSIX:
                os.killpg(self.pid, getattr(signal, name))
            else:
                self._process.kill()


def _start(sockets: tuple[socket.socket, ...], output: Any, environment: dict[str, str]) -> subprocess.Popen[Any]:
    # -P: a file of the user's working directory must not hide a module that the worker itself needs.
    command = [sys.executable, "-P", "-u", "-X", "faulthandler", "-m", "luthier.run.worker", str(os.getpid())]
    streams: dict[str, Any] = {"stdout": output, "stderr": output, "env": environment}
    if _POSIX:
        numbers = [one.fileno() for one in sockets]
        return subprocess.Popen(
            [*command, *map(str, numbers)],
            stdin=subprocess.DEVNULL,
            pass_fds=numbers,
            start_new_session=True,
            **streams,
        )
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0), **streams
    )
    shares: list[bytes] = [one.share(process.pid) for one in sockets]  # pyright: ignore[reportAttributeAccessIssue]
    if process.stdin is not None:
        process.stdin.write(b"".join(base64.b64encode(share) + b"\n" for share in shares))
        process.stdin.close()
    return process


def _environment(threads: int) -> dict[str, str]:
    environment = dict(os.environ)
    for name in THREAD_VARIABLES:
        given = environment.get(name, "")
        environment[name] = str(min(threads, int(given)) if given.isdigit() and int(given) > 0 else threads)
    # Two workers must agree on the order of sets of texts, or equal seeds give unequal results.
    environment.setdefault("PYTHONHASHSEED", "0")
    root = Path(__file__).resolve().parents[2]
    if not {"site-packages", "dist-packages"} & set(root.parts):
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(root), environment.get("PYTHONPATH", "")]))
    return environment


def _death(code: int) -> str:
    if code >= 0:
        return f"exited with status {code} (os._exit, or a fatal error in native code)"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return _DEATHS.get(name, f"was killed by {name}")


def _group_memory_linux(group: int) -> int | None:
    members: list[Path] = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError):
            after_name = stat.read_text().rpartition(")")[2].split()
            if int(after_name[2]) == group:
                members.append(stat.parent)
    if len(members) == 1:
        with suppress(OSError):
            return int((members[0] / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        return None
    return sum(map(_proportional_bytes, members))


def _proportional_bytes(process: Path) -> int:
    """Pages shared with forked children count in part, or a loader's processes would be counted several times."""
    with suppress(OSError, ValueError):
        for line in (process / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def _group_memory_ps(group: int) -> int | None:
    listing = subprocess.run(["ps", "-A", "-o", "pgid=,rss="], capture_output=True, text=True, check=False).stdout
    rows = [line.split() for line in listing.splitlines()]
    return sum(int(kilobytes) * 1024 for owner, kilobytes in rows if int(owner) == group)
