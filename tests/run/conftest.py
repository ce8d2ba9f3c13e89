from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from luthier.run.check import FolderArtifacts
from luthier.run.pool import PoolRunner


@pytest.fixture
def artifacts(tmp_path: Path) -> FolderArtifacts:
    folder = tmp_path / "artifacts"
    folder.mkdir()
    return FolderArtifacts(folder)


@pytest.fixture
def pool(artifacts: FolderArtifacts) -> Iterator[PoolRunner]:
    with PoolRunner(artifacts, 1, threads_per_worker=1) as runner:
        yield runner


@pytest.fixture
def is_running() -> Callable[[int], bool]:
    """Whether a process runs; a zombie that nobody has collected yet doesn't."""

    def look(pid: int) -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        stat = Path(f"/proc/{pid}/stat")
        try:
            return stat.read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
        except FileNotFoundError:
            return not Path("/proc").exists()

    return look


@pytest.fixture
def eventually() -> Callable[[Callable[[], Any]], bool]:
    """Whether something comes true, given much time."""

    def look(condition: Callable[[], Any]) -> bool:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if condition():
                return True
            time.sleep(0.02)
        return False

    return look
