"""Frames between a pool and its worker processes: a length in 8 bytes, then that many bytes of pickle.

The sockets are pairs that the parent made and handed to its own children; nothing from a network comes in here.
"""

from __future__ import annotations

import pickle
import socket
import struct
from dataclasses import dataclass
from typing import Any

from luthier.core.contracts import Limits
from luthier.core.cost import Cost
from luthier.core.trial import Decision

_LENGTH = struct.Struct("!Q")
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Ready:
    """Worker to parent: started, and waiting for a task."""


@dataclass(frozen=True, slots=True)
class Spent:
    """Worker to parent: where the meter of the current task stands, sent before the money is spent."""

    cost: Cost


@dataclass(frozen=True, slots=True)
class Parcel:
    """Where a packed object lies, by the digest of its content. Equal parcels are unpacked once a worker."""

    digest: str
    path: str


@dataclass(frozen=True, slots=True)
class Order:
    """Parent to worker: carry this task out. `number` differs in all orders of a pool.

    `job` is packed; the other fields of the task go as they are. `before` is what an earlier attempt spent,
    `decision` the answer to the first yield where it was given in advance. `directory` and `path` are the
    parent's working directory and its `sys.path`.
    """

    number: int
    key: str
    stage: Parcel
    views: Parcel
    artifacts: Parcel
    job: bytes
    seed: int
    limits: Limits
    allowance: Cost
    upstream: str | None
    before: Cost
    decision: Decision | None
    checkpoint_seconds: float
    directory: str
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Decided:
    """Parent to worker: the decision for order `number`."""

    number: int
    decision: Decision


class Inbox:
    """Puts frames together from the chunks that come in."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def add(self, chunk: bytes) -> list[Any]:
        """The frames that are complete with `chunk`."""
        self._bytes += chunk
        frames: list[Any] = []
        while len(self._bytes) >= _LENGTH.size:
            end = _LENGTH.size + _LENGTH.unpack_from(self._bytes)[0]
            if len(self._bytes) < end:
                break
            frames.append(pickle.loads(self._bytes[_LENGTH.size : end]))  # noqa: S301  (see the module's head)
            del self._bytes[:end]
        return frames


def receive_chunk(connection: socket.socket) -> bytes:
    """What has come in; b'' where the other side is gone. Blocks while there is nothing."""
    try:
        return connection.recv(_CHUNK)
    except (ConnectionError, TimeoutError):
        return b""


def send(connection: socket.socket, frame: Any) -> None:
    """Send `frame`; raises OSError where the other side is gone, and what pickle raises where it can't travel."""
    content = _to_bytes(frame)
    connection.sendall(_LENGTH.pack(len(content)) + content)


def _to_bytes(frame: Any) -> bytes:
    try:
        return pickle.dumps(frame, protocol=5)
    except (pickle.PicklingError, AttributeError, TypeError):
        # Labels of a class that itself travelled by value are known to cloudpickle only.
        import cloudpickle

        return cloudpickle.dumps(frame, protocol=5)
