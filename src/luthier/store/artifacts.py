"""Artifacts: bytes by content address, in files or in memory.

An address is 'sha256:' and the 64 hex digits of the content's SHA-256.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from luthier.core.errors import CannotTravel, MissingArtifact, StoreError

_ADDRESS = re.compile(r"sha256:[0-9a-f]{64}")


def address_of(content: bytes) -> str:
    """The address of `content`: 'sha256:' and 64 hex digits."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class MemoryArtifacts:
    """Artifacts in memory: for one process. Refuses to be pickled, since a copy in a worker would share nothing."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}
        self._made: dict[str, str] = {}
        self._lock = threading.Lock()

    def put(self, content: bytes) -> str:
        address = address_of(content)
        with self._lock:
            self._contents.setdefault(address, bytes(content))
        return address

    def get(self, address: str) -> bytes:
        try:
            return self._contents[address]
        except KeyError:
            raise _missing(address) from None

    def has(self, address: str) -> bool:
        return address in self._contents

    def remember(self, fingerprint: str, address: str) -> None:
        with self._lock:
            self._made[fingerprint] = address

    def recall(self, fingerprint: str) -> str | None:
        address = self._made.get(fingerprint)
        return address if address in self._contents else None

    def evict(self, keep: Iterable[str]) -> int:
        with self._lock:
            dropped = self._contents.keys() - set(keep)
            for address in dropped:
                del self._contents[address]
            self._made = {name: address for name, address in self._made.items() if address in self._contents}
        return len(dropped)

    def __reduce__(self) -> NoReturn:
        raise CannotTravel("artifacts in memory can't be shared with worker processes; use FileArtifacts(directory)")


@dataclass(frozen=True)
class FileArtifacts:
    """Artifacts as files under `directory`, shared by any number of processes; pickles as its path.

    A file appears whole or not at all, and is on the disk when `put` returns. `evict` leaves what is younger
    than `grace_seconds`: a worker may have written it for an event that isn't stored yet, and `put` of what is
    there already makes it young again. A file whose content no longer matches its address counts as missing.

        directory/objects/ab/cd...      one file an artifact, named by its SHA-256
        directory/made/12/34...         one file a fingerprint, named by its SHA-256, holding an address
        directory/unfinished/...        what is being written
    """

    directory: Path
    grace_seconds: float = 600.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "directory", Path(self.directory).absolute())
        if self.grace_seconds < 0:
            raise StoreError(f"grace_seconds must be >= 0; got {self.grace_seconds}")

    def put(self, content: bytes) -> str:
        address = address_of(content)
        path = self._object(address)
        try:
            if path.stat().st_size == len(content):
                os.utime(path)
                return address
        except FileNotFoundError:
            pass
        except OSError as error:
            raise self._failed(f"artifact {address} can't be kept", error) from error
        self._write(path, content)
        return address

    def get(self, address: str) -> bytes:
        if not _ADDRESS.fullmatch(address):
            raise _missing(address)
        path = self._object(address)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise _missing(address) from None
        except OSError as error:
            raise self._failed(f"artifact {address} can't be read", error) from error
        if address_of(content) != address:
            # Out of the way, so that whoever makes it again can put it back.
            with suppress(OSError):
                path.unlink()
            raise MissingArtifact(
                f"artifact {address} was damaged on disk: its content no longer matched its address, and {path} was "
                f"removed; run the study again to make it anew"
            )
        return content

    def has(self, address: str) -> bool:
        return _ADDRESS.fullmatch(address) is not None and self._object(address).is_file()

    def remember(self, fingerprint: str, address: str) -> None:
        self._write(self._note(fingerprint), address.encode())

    def recall(self, fingerprint: str) -> str | None:
        try:
            address = self._note(fingerprint).read_text(encoding="ascii", errors="replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._failed("the list of what was made can't be read", error) from error
        return address if self.has(address) else None

    def evict(self, keep: Iterable[str]) -> int:
        kept = {self._object(address) for address in keep if _ADDRESS.fullmatch(address)}
        try:
            dropped = sum(self._drop(path) for path in self.directory.glob("objects/*/*") if path not in kept)
            for note in self.directory.glob("made/*/*"):
                if self._is_old(note) and not self.has(note.read_text(encoding="ascii", errors="replace")):
                    note.unlink(missing_ok=True)
            for unfinished in self.directory.glob("unfinished/*"):
                if self._is_old(unfinished, at_least=3600.0):
                    unfinished.unlink(missing_ok=True)
        except OSError as error:
            raise self._failed("artifacts can't be evicted", error) from error
        return dropped

    def _object(self, address: str) -> Path:
        digest = address.removeprefix("sha256:")
        return self.directory / "objects" / digest[:2] / digest[2:]

    def _note(self, fingerprint: str) -> Path:
        digest = hashlib.sha256(fingerprint.encode()).hexdigest()
        return self.directory / "made" / digest[:2] / digest[2:]

    def _is_old(self, path: Path, at_least: float = 0.0) -> bool:
        try:
            age = time.time() - path.stat().st_mtime
        except FileNotFoundError:
            return False
        return age >= max(self.grace_seconds, at_least)

    def _drop(self, path: Path) -> bool:
        """Remove `path` if it is old; whether it was."""
        if not self._is_old(path):
            return False
        aside = self._unfinished() / f"{path.parent.name}{path.name}.{os.getpid()}"
        try:
            path.rename(aside)
        except FileNotFoundError:
            return False
        # Another process may have put the same content between the look at its age and the move.
        if not self._is_old(aside):
            aside.replace(path)
            return False
        aside.unlink()
        return True

    def _unfinished(self) -> Path:
        directory = self.directory / "unfinished"
        directory.mkdir(parents=True, exist_ok=True)
        return directory

    def _write(self, path: Path, content: bytes) -> None:
        """Write a whole file or none, and have it on the disk before returning."""
        temporary = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=self._unfinished())
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)  # noqa: PTH105
            _sync_directory(path.parent)
        except OSError as error:
            if temporary is not None:
                with suppress(OSError):
                    os.unlink(temporary)  # noqa: PTH108
            raise self._failed(f"{len(content)} bytes can't be kept", error) from error

    def _failed(self, what: str, error: OSError) -> StoreError:
        return StoreError(
            f"{what} in {self.directory}: {error.strerror or error}; what was kept before is unharmed: "
            f"make space or set the permissions right, then resume the study"
        )


def _sync_directory(directory: Path) -> None:
    if os.name != "posix":
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _missing(address: str) -> MissingArtifact:
    return MissingArtifact(
        f"artifact '{address}' isn't held (any more): it was evicted, or never put here; "
        f"run the study again to make it anew, or look whether the right directory is open"
    )
