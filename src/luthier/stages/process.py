"""A running command: its lines of output as they come, the end of its errors, and a sure way to end it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO

from luthier.core.errors import UsageError
from luthier.stages import guard

TAIL_LINES = 20
TICK_SECONDS = 0.1
DRAIN_SECONDS = 1.0

_SECRET = re.compile(r"key|token|secret|passw|credential", re.IGNORECASE)
_POSIX = os.name == "posix"


class Running:
    """A command that was started in a process group of its own; `stop` leaves nothing of it behind.

    It inherits the environment, with `extra` on top. With `both`, `follow` tells of standard error too. `output` and
    `errors` keep its last lines, with the values of variables that are named like secrets blotted out. Raises
    UsageError where the program or the folder doesn't exist.
    """

    def __init__(self, arguments: Sequence[str], folder: Path, extra: Mapping[str, str], *, both: bool = False) -> None:
        environment = {**os.environ, **extra}
        if not folder.is_dir():
            raise UsageError(f"the command is to run in '{folder}', which is no folder; create it, or correct `cwd`")
        program = arguments[0]
        is_path = len(Path(program).parts) > 1
        found = shutil.which(str(folder.absolute() / program) if is_path else program, path=environment.get("PATH"))
        if found is None:
            raise UsageError(
                f"the program '{program}' isn't found (looked in '{folder}' and PATH) or can't be executed; "
                "install it, write its whole path, or write {python} for the Python that runs luthier"
            )
        guarded = [sys.executable, "-I", "-S", guard.__file__] if _POSIX else []
        self._secrets = [value for name, value in environment.items() if _SECRET.search(name) and len(value) >= 6]
        self._process = subprocess.Popen(
            [*guarded, found, *arguments[1:]],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=_POSIX,
        )
        self.output: deque[str] = deque(maxlen=TAIL_LINES)
        self.errors: deque[str] = deque(maxlen=TAIL_LINES)
        self._lines: SimpleQueue[str | None] = SimpleQueue()
        self._both = both
        self._open = 2 if both else 1
        self._readers = (
            threading.Thread(target=self._read_output, args=(self._process.stdout,), daemon=True),
            threading.Thread(target=self._read_errors, args=(self._process.stderr,), daemon=True),
        )
        for reader in self._readers:
            reader.start()

    def follow(self) -> Iterator[str | None]:
        """Each line of output as it comes, and None every so often while none comes; ends with the command."""
        ended_at: float | None = None
        while True:
            try:
                line = self._lines.get(timeout=TICK_SECONDS)
            except Empty:
                if ended_at is None and self._process.poll() is not None:
                    ended_at = time.monotonic()
                if ended_at is not None and time.monotonic() - ended_at > DRAIN_SECONDS:
                    break  # something that it left behind keeps its output open
                yield None
                continue
            if line is not None:
                yield line
                continue
            self._open -= 1
            if not self._open:
                break
        self._process.wait()

    @property
    def status(self) -> int | None:
        """The exit status, 128 + n after signal n; None while it runs."""
        return self._process.poll()

    def stop(self, grace_seconds: float) -> None:
        """End it and all that it started: politely (SIGTERM), and outright after `grace_seconds`."""
        if self._process.poll() is None:
            self._signal("SIGTERM")
            try:
                self._process.wait(grace_seconds)
            except subprocess.TimeoutExpired:
                self._signal("SIGKILL")
                self._process.wait()
        if any(reader.is_alive() for reader in self._readers):
            for reader in self._readers:
                reader.join(DRAIN_SECONDS)
            if any(reader.is_alive() for reader in self._readers):
                # What still holds the output open is of its group, which therefore still exists.
                self._signal("SIGKILL")
                for reader in self._readers:
                    reader.join()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    def _signal(self, name: str) -> None:
        if not _POSIX:
            self._process.kill() if name == "SIGKILL" else self._process.terminate()
            return
        try:
            os.killpg(self._process.pid, getattr(signal, name))
        except ProcessLookupError:
            return

    def _read_output(self, stream: IO[str]) -> None:
        for line in stream:
            self.output.append(self._without_secrets(line.rstrip("\n")))
            self._lines.put(line)
        self._lines.put(None)

    def _read_errors(self, stream: IO[str]) -> None:
        for line in stream:
            self.errors.append(self._without_secrets(line.rstrip("\n")))
            if self._both:
                self._lines.put(line)
        if self._both:
            self._lines.put(None)

    def _without_secrets(self, line: str) -> str:
        for secret in self._secrets:
            line = line.replace(secret, "***")
        return line
