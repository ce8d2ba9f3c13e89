"""Artifacts in memory and in files: the contract, damage, full disks, and processes that evict while others put."""

from __future__ import annotations

import errno
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import luthier
from luthier.core.errors import CannotTravel, MissingArtifact, StoreError
from luthier.store.artifacts import FileArtifacts, MemoryArtifacts, address_of
from luthier.store.check import check_artifacts


@pytest.fixture
def fresh(tmp_path: Path) -> Callable[[], FileArtifacts]:
    count = iter(range(100))
    return lambda: FileArtifacts(tmp_path / str(next(count)), grace_seconds=0.0)


def files(artifacts: FileArtifacts) -> list[Path]:
    return sorted(path for path in artifacts.directory.rglob("*") if path.is_file())


def test_memory_artifacts_keep_the_contract() -> None:
    check_artifacts(MemoryArtifacts)


def test_file_artifacts_keep_the_contract(fresh: Callable[[], FileArtifacts]) -> None:
    check_artifacts(fresh)


def test_memory_artifacts_refuse_to_travel() -> None:
    with pytest.raises(CannotTravel, match="use FileArtifacts"):
        pickle.dumps(MemoryArtifacts())


def test_file_artifacts_travel_as_their_path(fresh: Callable[[], FileArtifacts]) -> None:
    artifacts = fresh()
    address = artifacts.put(b"x")
    content = pickle.dumps(artifacts)
    assert len(content) < 1000
    assert pickle.loads(content).get(address) == b"x"


def test_one_file_an_artifact(fresh: Callable[[], FileArtifacts]) -> None:
    artifacts = fresh()
    address = artifacts.put(b"x" * 100)
    assert artifacts.put(b"x" * 100) == address
    digest = address.removeprefix("sha256:")
    assert files(artifacts) == [artifacts.directory / "objects" / digest[:2] / digest[2:]]


@pytest.mark.parametrize("damage", [b"y" * 100, b"x" * 50, b""])
def test_damage_is_found_and_can_be_mended(fresh: Callable[[], FileArtifacts], damage: bytes) -> None:
    artifacts = fresh()
    address = artifacts.put(b"x" * 100)
    artifacts.remember("how", address)
    files(artifacts)[1].write_bytes(damage)
    with pytest.raises(MissingArtifact, match=r"was damaged on disk.*run the study again"):
        artifacts.get(address)
    assert artifacts.recall("how") is None
    assert artifacts.put(b"x" * 100) == address
    assert artifacts.get(address) == b"x" * 100


def test_a_full_disk_leaves_nothing_half(fresh: Callable[[], FileArtifacts], monkeypatch: pytest.MonkeyPatch) -> None:
    artifacts = fresh()
    before = artifacts.put(b"before")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(StoreError, match="No space left on device; what was kept before is unharmed"):
            artifacts.put(b"after")
    assert not artifacts.has(address_of(b"after"))
    assert len(files(artifacts)) == 1
    assert artifacts.get(before) == b"before"
    assert artifacts.get(artifacts.put(b"after")) == b"after"


TOO_LARGE = """
import resource, sys
from luthier.core.errors import StoreError
from luthier.store.artifacts import FileArtifacts
artifacts = FileArtifacts(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    artifacts.put(b"x" * 300_000)
except StoreError as error:
    print(error)
"""


def run_python(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(luthier.__file__).parents[1])},
    )


@pytest.mark.skipif(sys.platform == "win32", reason="limits on file size are POSIX")
def test_a_disk_that_takes_only_a_part(fresh: Callable[[], FileArtifacts]) -> None:
    artifacts = fresh()
    process = run_python(TOO_LARGE, artifacts.directory)
    out, _ = process.communicate(timeout=60)
    assert "300000 bytes can't be kept" in out
    assert files(artifacts) == []


def test_a_place_that_is_no_directory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    artifacts = FileArtifacts(tmp_path / "file")
    with pytest.raises(StoreError, match=r"can't be kept in .*Not a directory"):
        artifacts.put(b"x")


def test_what_is_young_is_spared(tmp_path: Path) -> None:
    artifacts = FileArtifacts(tmp_path, grace_seconds=100.0)
    old, young, renewed = (artifacts.put(content) for content in (b"old", b"young", b"renewed"))
    artifacts.remember("old", old)
    for path in files(artifacts):
        if path.read_bytes() != b"young":
            os.utime(path, (time.time() - 200, time.time() - 200))
    artifacts.put(b"renewed")
    assert artifacts.evict([]) == 1
    assert [artifacts.has(address) for address in (old, young, renewed)] == [False, True, True]
    assert len(files(artifacts)) == 2, "the fingerprint of what was evicted goes too"


def test_what_a_killed_writer_left_is_cleared(tmp_path: Path) -> None:
    artifacts = FileArtifacts(tmp_path, grace_seconds=0.0)
    artifacts.put(b"x")
    left, being_written = tmp_path / "unfinished" / "left", tmp_path / "unfinished" / "new"
    for path in (left, being_written):
        path.write_bytes(b"half")
    os.utime(left, (time.time() - 7200, time.time() - 7200))
    artifacts.evict([])
    assert files(artifacts) == [being_written]


PUT = """
import sys
from luthier.store.artifacts import FileArtifacts
artifacts = FileArtifacts(sys.argv[1])
for number in range(60):
    content = b"%d" % number * 1000
    address = artifacts.put(content)
    artifacts.remember(f"made {number}", address)
    assert artifacts.get(address) == content
"""


def test_processes_put_the_same_while_another_evicts(tmp_path: Path) -> None:
    writers = [run_python(PUT, tmp_path) for _ in range(3)]
    artifacts = FileArtifacts(tmp_path)
    while any(writer.poll() is None for writer in writers):
        assert artifacts.evict([]) == 0
        time.sleep(0.01)
    for writer in writers:
        writer.communicate()
        assert writer.returncode == 0
    for number in range(60):
        address = artifacts.recall(f"made {number}")
        assert address is not None
        assert artifacts.get(address) == b"%d" % number * 1000
    assert list((tmp_path / "unfinished").iterdir()) == []
