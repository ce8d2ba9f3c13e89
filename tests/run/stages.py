"""Stages for the tests of the runners, made from functions."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from typing import Any

from luthier.core.contracts import Context, Evaluate, Settings, Task
from luthier.core.trial import Fidelity, Measurement
from luthier.run.check import CountingStage


class FunctionStage(CountingStage):
    """Calls `function(step, settings, context)` for each unit; it returns the value, or a Measurement."""

    name = "function"

    def __init__(self, function: Callable[[int, Settings, Context], Any], maximum: int = 3) -> None:
        self.function = function
        self.fidelity = Fidelity("step", maximum)

    def evaluate(self, settings: Settings, context: Context) -> Generator[Measurement, None, None]:
        for step in range(len(context.measured) + 1, self.fidelity.maximum + 1):
            context.save_state = lambda step=step: str(step).encode()
            value = self.function(step, settings, context)
            yield value if isinstance(value, Measurement) else Measurement(step, value)


def task_of(function: Callable[[int, Settings, Context], Any], key: str = "t", until: int = 3, **more: Any) -> Task:
    settings = more.pop("settings", {})
    decide_at = more.pop("decide_at", ())
    stage = FunctionStage(function, maximum=max(3, until))
    return Task(key, Evaluate(settings, until, decide_at=decide_at), stage, (), seed=0, **more)


def die(how: str) -> None:
    """End this process in the way `how`; doesn't return."""
    if how == "exit":
        os._exit(3)
    if how == "segfault":
        import ctypes

        ctypes.string_at(0)
    os.kill(os.getpid(), getattr(signal, how))
    time.sleep(60)


def spawn_child() -> int:
    """Start a process that would run for an hour; its number."""
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"]).pid
