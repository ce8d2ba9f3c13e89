"""Every runner against the conformance check, and the check against runners that are wrong."""

from __future__ import annotations

import pytest

from luthier.core.clock import ManualClock
from luthier.core.contracts import Artifacts, Message, Runner, Yielded
from luthier.run.check import check_runner
from luthier.run.inline import InlineRunner
from luthier.run.pool import PoolRunner
from luthier.run.replay import ReplayRunner


def replay(artifacts: Artifacts) -> Runner:
    return ReplayRunner(lambda settings, seed: [(settings["slope"] * k, 60.0) for k in (1, 2, 3)], ManualClock(), 2)


def test_inline() -> None:
    check_runner(InlineRunner, kills=False)


def test_pool() -> None:
    check_runner(lambda artifacts: PoolRunner(artifacts, 1))


@pytest.mark.prove
def test_pool_of_two() -> None:
    check_runner(lambda artifacts: PoolRunner(artifacts, 2))


def test_replay() -> None:
    check_runner(replay, runs_stages=False, kills=False)


class Forgetful(InlineRunner):
    """Loses the first measurement."""

    def poll(self, seconds: float) -> list[Message]:
        return [m for m in super().poll(seconds) if not (isinstance(m, Yielded) and m.measurement.fidelity == 1)]


class Chatty(InlineRunner):
    """Goes on after `close`."""

    def close(self) -> None:
        pass


class Stubborn(InlineRunner):
    """Never stops."""

    def decide(self, key: str, decision: object) -> None:
        pass


@pytest.mark.parametrize("broken", [Forgetful, Chatty])
def test_the_check_finds_what_is_wrong(broken: type[InlineRunner]) -> None:
    with pytest.raises(AssertionError, match="expected"):
        check_runner(broken, kills=False)


def test_the_check_finds_a_runner_that_never_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("luthier.run.check._PATIENCE_SECONDS", 0.2)
    with pytest.raises(AssertionError, match="expected"):
        check_runner(Stubborn, kills=False)
