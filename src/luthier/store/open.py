"""Where a study lies when the user says little: `.luthier` under the current directory, a path, or a URL."""

from __future__ import annotations

from pathlib import Path

from luthier.core.clock import Clock
from luthier.core.contracts import Artifacts, Store
from luthier.core.errors import StoreError
from luthier.store.artifacts import FileArtifacts, MemoryArtifacts
from luthier.store.memory import MemoryStore
from luthier.store.sql import Durability, SqlStore

HOME = Path(".luthier")
"""Where studies and artifacts lie by default, under the current directory."""

_MEMORY = ("memory:", "memory://")


def open_store(
    where: str | Path | None = None, *, durability: Durability = "power", clock: Clock | None = None
) -> Store:
    """The store at `where`; made where there is none yet.

        None                          .luthier/studies.db
        'memory:'                     a fresh one in memory
        'runs/studies.db'             that SQLite file
        'sqlite:///runs/studies.db'   the same
        'postgresql://user@host/db'   PostgreSQL

    Raises StoreError where it can't be opened, MissingExtra where a driver isn't installed, UsageError for a
    URL of another kind.
    """
    if str(where) in _MEMORY:
        return MemoryStore(clock)
    path = _file(where)
    if path is None:
        return SqlStore(str(where), durability=durability, clock=clock)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"the directory {path.parent} for the store can't be made: {error.strerror}; name another place"
        ) from error
    from sqlalchemy import URL

    url = URL.create("sqlite", database=str(path)).render_as_string()
    return SqlStore(url, durability=durability, clock=clock)


def open_artifacts(where: str | Path | None = None) -> Artifacts:
    """The artifacts that belong to the store at `where`.

    Beside a SQLite file: `artifacts` for one named `studies.db`, else the file's name with `.artifacts` for its
    suffix, so that two stores never evict each other's. In memory for 'memory:'. For PostgreSQL
    `.luthier/artifacts`: name a `FileArtifacts` on a shared disk where several machines work.
    """
    if str(where) in _MEMORY:
        return MemoryArtifacts()
    path = _file(where)
    if path is None:
        return FileArtifacts(HOME / "artifacts")
    return FileArtifacts(path.parent / "artifacts" if path.name == "studies.db" else path.with_suffix(".artifacts"))


def _file(where: str | Path | None) -> Path | None:
    """The SQLite file that `where` names; None where it is a URL of something else."""
    if where is None:
        return HOME / "studies.db"
    text = str(where)
    if text.startswith("sqlite:///") and "?" not in text and text != "sqlite:///:memory:":
        return Path(text.removeprefix("sqlite:///"))
    return None if "://" in text else Path(text).expanduser()
