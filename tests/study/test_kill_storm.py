"""kill -9 of a whole run at random moments: nothing finished is lost or run twice, and the end is the same."""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from luthier.core.events import Event
from luthier.core.history import History
from luthier.core.trial import Purpose, Status
from tests.study.storm import TRIALS, evaluation_key, home_in, storm_study

ROOT = Path(__file__).parents[2]
KILLS = 10
"""In each of five seeded storms: fifty in all."""
FINISHED = (Status.COMPLETED, Status.STOPPED, Status.FAILED)


def start(folder: Path, *, resume: bool) -> subprocess.Popen[bytes]:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.study.storm", str(folder), *(["--resume"] if resume else [])]
    return subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)


def kill(process: subprocess.Popen[bytes]) -> None:
    """kill -9 of the run alone: its worker must notice by itself that it is an orphan."""
    process.send_signal(signal.SIGKILL)
    process.wait()


def events_in(folder: Path) -> list[Event]:
    home = home_in(folder)
    try:
        names = [row.name for row in home.store.studies()]
        return home.store.events(names[0]) if names else []
    finally:
        home.store.close()


def evaluations(folder: Path) -> Counter[str]:
    log = folder / "evaluations.log"
    lines = log.read_text().splitlines() if log.exists() else []
    return Counter(line.split()[0] for line in lines)


def finished(history: History) -> dict[int, str]:
    return {
        trial.id: evaluation_key(trial.config.by_setting(), trial.seed)
        for trial in history.trials
        if trial.status in FINISHED
    }


def check_budget(events: list[Event]) -> None:
    """No prefix of the events commits more trials than the budget has."""
    history = History.of(events[:1])
    for event in events[1:]:
        history.apply(event)
        assert history.ledger.committed.trials <= TRIALS


def storm(folder: Path, kills: int, rng: random.Random, longest: float) -> tuple[list[Event], int]:
    """Run the study, killing it up to `kills` times at random moments; its events, and how often it was killed."""
    done, frozen, killed = {}, Counter[str](), 0
    while True:
        events = events_in(folder)
        process = start(folder, resume=bool(events))
        if killed < kills:
            time.sleep(rng.uniform(0.3, longest))
        else:
            process.wait(timeout=240)
        survived = process.poll() is None
        if survived:
            kill(process)
            killed += 1
            time.sleep(0.2)  # an orphaned worker's last line may still be on its way
        events = events_in(folder)
        counts = evaluations(folder)
        for trial, key in done.items():
            assert counts[key] == frozen[key], f"trial {trial} was finished, and yet evaluated again"
        if events:
            history = History.of(events)
            now = finished(history)
            assert done.items() <= now.items(), "a finished trial was lost"
            done, frozen = now, Counter({key: counts[key] for key in now.values()})
            check_budget(events)
            if history.concluded is not None:
                return events, killed
        assert survived or process.returncode == 0 or killed < kills, "the run failed on its own"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[History, float]:
    """The same study run through, and how long it took."""
    folder = tmp_path_factory.mktemp("undisturbed")
    began = time.monotonic()
    assert start(folder, resume=False).wait(timeout=240) == 0
    return History.of(events_in(folder)), time.monotonic() - began


@pytest.mark.prove
@pytest.mark.parametrize("seed", range(5))
def test_fifty_kills_lose_nothing(tmp_path: Path, undisturbed: tuple[History, float], seed: int) -> None:
    expected, seconds = undisturbed
    rng, killed = random.Random(seed), 0
    for number in itertools.count():
        if killed == KILLS:
            break
        folder = tmp_path / f"study {number}"
        folder.mkdir()
        events, more = storm(folder, KILLS - killed, rng, longest=seconds)
        killed += more
        check_same_end(storm_study(folder).history, History.of(events), expected)


def check_same_end(stored: History, history: History, expected: History) -> None:
    """The final history is the fold from disk, and what an undisturbed run would have come to."""
    assert history == stored
    assert [trial.config for trial in history.trials] == [trial.config for trial in expected.trials]
    assert [trial.value for trial in history.trials] == [trial.value for trial in expected.trials]
    assert history.concluded is not None
    assert expected.concluded is not None
    assert history.concluded.winner == expected.concluded.winner
    assert history.concluded.verdict == expected.concluded.verdict
    assert len(history.openings) == 1
    assert sum(trial.purpose is not Purpose.CONFIRMATION for trial in history.trials) == TRIALS
