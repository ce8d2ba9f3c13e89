from __future__ import annotations

from pathlib import Path

import pytest

from luthier.core.errors import MissingExtra, StoreError, UsageError
from luthier.core.events import Heartbeat
from luthier.store.artifacts import FileArtifacts, MemoryArtifacts
from luthier.store.memory import MemoryStore
from luthier.store.open import open_artifacts, open_store
from luthier.store.sql import SqlStore


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("where", "file", "artifacts"),
    [
        (None, ".luthier/studies.db", ".luthier/artifacts"),
        ("work/studies.db", "work/studies.db", "work/artifacts"),
        (Path("work") / "other.db", "work/other.db", "work/other.artifacts"),
        ("sqlite:///deep/er/x y.db", "deep/er/x y.db", "deep/er/x y.artifacts"),
        ("100% #1.db", "100% #1.db", "100% #1.artifacts"),
    ],
)
def test_where_things_lie(here: Path, where: str | Path | None, file: str, artifacts: str) -> None:
    store = open_store(where)
    store.append("s", [Heartbeat()], 0)
    store.close()
    assert (here / file).is_file()
    assert open_artifacts(where) == FileArtifacts(here / artifacts)
    again = open_store(here / file)
    assert again.events("s") == [Heartbeat()]
    again.close()


def test_memory() -> None:
    assert isinstance(open_store("memory:"), MemoryStore)
    assert isinstance(open_artifacts("memory:"), MemoryArtifacts)
    store = open_store("sqlite://")
    assert isinstance(store, SqlStore)
    store.close()


def test_a_directory_that_cannot_be_made(here: Path) -> None:
    (here / "file").write_text("")
    with pytest.raises(StoreError, match=r"can't be made: .*name another place"):
        open_store("file/inside/studies.db")


def test_other_databases(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="SQLite or PostgreSQL; got a URL of 'mysql'"):
        open_store("mysql://me:secret@host/db")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match="psycopg"):
        open_store("postgresql://me:secret@host/db")
    assert open_artifacts("postgresql://me:secret@host/db") == FileArtifacts(Path(".luthier/artifacts"))
