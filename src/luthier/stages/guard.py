"""Runs a command and ends it when its owner dies: `python -S guard.py <command> ...`, with a pipe as stdin.

It stands between a worker and the user's command, for a worker that is killed outright can't clean up. The
command is of the guard's process group; once stdin is at its end, which is when the owner closes it or dies,
the whole group is ended. The exit status is the command's, 128 + n where signal n ended it. POSIX only; imports
only the standard library, so that it starts fast.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

GRACE_SECONDS = 5.0


def main(command: list[str]) -> int:
    """Run `command`; its exit status."""
    # A handler, unlike SIG_IGN, isn't passed on to the command: it stays free to react to the signal.
    signal.signal(signal.SIGTERM, _stay)
    signal.signal(signal.SIGINT, _stay)
    if os.getpgrp() != os.getpid():
        os.setpgrp()  # never end the group of whoever started it by hand
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    threading.Thread(target=_watch, args=(child,), daemon=True).start()
    status = child.wait()
    # What the command left running in the background ends with it.
    os.killpg(0, signal.SIGTERM)
    return status if status >= 0 else 128 - status


def _stay(*_: object) -> None:
    """Outlive the command, to report how it ended."""


def _watch(child: subprocess.Popen[bytes]) -> None:
    while os.read(0, 1):
        pass
    os.killpg(0, signal.SIGTERM)
    try:
        child.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
