"""Many small tasks while workers are killed at random: every task ends once, and right."""

from __future__ import annotations

import os
import random
import time
from typing import Any

import pytest

from luthier.core.contracts import Context, Failed, Finished, Message, Retrying, Yielded
from luthier.run.check import FolderArtifacts
from luthier.run.pool import PoolRunner
from tests.run.stages import task_of


@pytest.mark.prove
@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_two_hundred_tasks_and_random_kills(artifacts: FolderArtifacts, seed: int) -> None:
    draw = random.Random(seed)

    def small(step: int, settings: Any, context: Context) -> float:
        time.sleep(settings["pause"])
        return settings["base"] + step

    heard: dict[str, list[Message]] = {str(number): [] for number in range(200)}
    kills = 0
    with PoolRunner(artifacts, 2, checkpoint_seconds=0.0) as pool:
        for key in heard:
            pool.submit(task_of(small, key=key, settings={"base": 10.0 * int(key), "pause": draw.uniform(0, 0.02)}))
        deadline = time.monotonic() + 500
        while not all(messages and isinstance(messages[-1], Finished | Failed) for messages in heard.values()):
            assert time.monotonic() < deadline
            for message in pool.poll(0.05):
                heard[message.key].append(message)
            ready = [worker for worker in pool._workers if worker.is_ready]
            if ready and kills < 60 and draw.random() < 0.2:
                os.kill(draw.choice(ready).process.pid, draw.choice([9, 11, 15]))
                kills += 1
        assert pool.free == 2
    assert kills > 20
    for key, messages in heard.items():
        ends = [m for m in messages if isinstance(m, Finished | Failed)]
        retries = [m for m in messages if isinstance(m, Retrying)]
        assert len(ends) == 1
        if isinstance(ends[0], Failed):
            assert ends[0].failure.kind == "worker died", ends[0].failure
            assert len(retries) == 1
            continue
        last = {m.measurement.fidelity: m.measurement.value for m in messages if isinstance(m, Yielded)}
        assert last == {step: 10.0 * int(key) + step for step in (1, 2, 3)}
