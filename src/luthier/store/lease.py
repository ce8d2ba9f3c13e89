"""Leases: one writer a study. A writer that died on this machine is known to be dead at once.

A writer's name is `host:pid:token`. The host is told apart from others of the same name (containers) by the
machine and the space of process ids that the writer lives in; the token holds when the process began, so that
a process id that was given out again isn't taken for the old writer.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from luthier.core.errors import LeaseHeld


@dataclass(frozen=True, slots=True)
class Lease:
    """`owner` may write until `until`, in seconds since 1970 UTC."""

    owner: str
    until: float

    def bars(self, owner: str, now: float) -> bool:
        """Whether `owner` must stay out: another holds the lease, it hasn't run out, and its holder may live."""
        return self.owner != owner and self.until > now and not is_dead(self.owner)

    def refusal(self, study: str, now: float) -> LeaseHeld:
        """What to tell the one who stays out."""
        host, pid, _ = _parts(self.owner)
        holder = f"process {pid} on {host.rpartition('-')[0] or host}" if pid else f"'{self.owner}'"
        until = datetime.fromtimestamp(self.until, UTC).strftime("%H:%M:%S UTC")
        return LeaseHeld(
            f"study '{study}' is being written by {holder}, which may do so until {until} (for {self.until - now:.0f} "
            f"more s, longer if it renews); wait for it, end it, or run under another study name"
        )


def writer_name() -> str:
    """A new name for a writer in this process: `host:pid:token`."""
    return f"{_host()}:{os.getpid()}:{_began(os.getpid())}-{secrets.token_hex(4)}"


def is_dead(owner: str) -> bool:
    """Whether the writer `owner` is known to have ended: it ran on this machine, and its process is gone."""
    host, pid, token = _parts(owner)
    if not pid or host != _host():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    began = token.partition("-")[0]
    return began != "" and began != _began(pid)


def _parts(owner: str) -> tuple[str, int, str]:
    """Host, process id and token; the id is 0 where `owner` isn't a name that `writer_name` made."""
    pieces = owner.rsplit(":", 2)
    if len(pieces) != 3 or not pieces[1].isdecimal():
        return owner, 0, ""
    return pieces[0], int(pieces[1]), pieces[2]


@cache
def _host() -> str:
    identity = ""
    with suppress(OSError):
        identity += Path("/etc/machine-id").read_text()
    with suppress(OSError):
        identity += str(Path("/proc/self/ns/pid").readlink())
    return f"{socket.gethostname()}-{hashlib.sha256(identity.encode()).hexdigest()[:8]}"


def _began(pid: int) -> str:
    """When the process began, in ticks since the machine started; empty where the system doesn't tell."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    # The second field, the name, stands in parentheses and may hold anything; the start is field 22 (proc(5)).
    fields = text.rpartition(")")[2].split()
    return "" if fields[0] == "Z" else fields[19]
