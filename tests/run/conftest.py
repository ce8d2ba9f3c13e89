from __future__ import annotations

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
