"""Whole studies, disturbed as the world disturbs them: budgets, deaths of workers, full disks, lost artifacts."""

from __future__ import annotations

import errno
import hashlib
import math
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import luthier as lt
from luthier.core.clock import ManualClock
from luthier.core.contracts import Context, Limits, Prediction
from luthier.core.cost import Cost
from luthier.core.errors import (
    BudgetExceeded,
    Conflict,
    LeaseHeld,
    MissingArtifact,
    RunError,
    StageError,
    StoreError,
)
from luthier.core.events import Event, TrialMeasured, TrialStarted
from luthier.core.history import History
from luthier.core.trial import Fidelity, Purpose, Status
from luthier.run.inline import InlineRunner
from luthier.search.asha import Asha
from luthier.search.race import Race
from luthier.search.registry import get_searcher
from luthier.stages.chain import Chain
from luthier.store.artifacts import FileArtifacts, MemoryArtifacts
from luthier.store.memory import MemoryStore
from luthier.study.home import Home
from luthier.study.journal import Observer
from luthier.study.loop import MOST_FAILURES
from luthier.study.pace import END, FINAL
from luthier.study.study import Study
from tests.study.faulty import Blocks, Faulty, Interleaved, accuracy, home_in, is_default, study_in
from tests.study.simulated import ACCURACY, Simulated
from tests.study.test_study import function_study

ROOT = Path(__file__).parents[2]
posix_only = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")


def in_memory(clock: ManualClock | None = None, writer: str = "test") -> Home:
    if clock is None:
        return Home(MemoryStore(), MemoryArtifacts(), writer)
    return Home(MemoryStore(clock), MemoryArtifacts(), writer, clock)


def inline(home: Home, stage: Simulated, budget: lt.Budget, **more: Any) -> Study:
    return study_in(home, stage, budget, make_runner=InlineRunner, **more)


def statuses(history: History) -> Counter[Status]:
    return Counter(trial.status for trial in history.trials)


# ----------------------------------------------------------------------------- calls, tokens and dollars


@dataclass
class Charges:
    """Trouble that charges the meter, and counts what really was let through."""

    per_unit: int
    real: int = 0
    refused: int = 0

    def __call__(self, what: str, settings: Mapping[str, Any], context: Context) -> None:
        for _ in range(self.per_unit + settings.get("c", 0) % 3):
            try:
                context.meter.charge(Cost(calls=1, tokens=7, usd_micros=50))
            except BudgetExceeded:
                self.refused += 1
                raise
            self.real += 1


CEILINGS = {"calls": 1, "tokens": 7, "usd_micros": 50}
"""What one charge takes of each."""


def check_ceiling(events: list[Event], budget: lt.Budget) -> None:
    history = History.of(events[:1])
    for event in events[1:]:
        history.apply(event)
        for name in CEILINGS:
            ceiling = getattr(budget, name)
            assert ceiling is None or getattr(history.ledger.committed, name) <= ceiling, event
        if isinstance(event, TrialStarted) and history.trials[event.trial].purpose is Purpose.CONFIRMATION:
            assert history.ledger.reserved[FINAL]
            assert END not in history.ledger.reserved


def why_it_ended(study: Study, *observers: Observer, resume: bool = False) -> str:
    """What kept the study from its end; '' where it concluded."""
    try:
        study.run(observers, resume=resume)
    except RunError as error:
        return str(error)
    except KeyboardInterrupt:
        return "interrupted"
    return ""


@settings(max_examples=40)
@given(
    name=st.sampled_from(sorted(CEILINGS)),
    charges=st.integers(1, 260),
    per_unit=st.integers(1, 5),
    workers=st.integers(1, 8),
    confirm=st.integers(0, 3),
)
def test_a_counted_ceiling_is_never_passed(name: str, charges: int, per_unit: int, workers: int, confirm: int) -> None:
    budget = lt.Budget(**{name: charges * CEILINGS[name]})
    home, trouble = in_memory(), Charges(per_unit)
    study = study_in(
        home,
        Faulty(accuracy, trouble=trouble),
        budget,
        make_runner=partial(Interleaved, workers=workers),
        confirm=confirm,
        rows=120,
    )
    reason = why_it_ended(study)
    history = study.history
    # Short of money it may end before a verdict, but then it says so and means it.
    assert history.concluded is not None or "budget" in reason
    assert len(history.openings) <= 1
    assert history.concluded is None or not history.ledger.reserved
    check_ceiling(home.store.events(study.name), budget)
    assert trouble.real <= charges
    assert getattr(history.ledger.spent, name) == trouble.real * CEILINGS[name]


@settings(max_examples=25)
@given(charges=st.integers(20, 200), at=st.integers(0, 40))
def test_a_counted_ceiling_holds_when_a_study_goes_on(charges: int, at: int) -> None:
    budget, home, trouble = lt.Budget(calls=charges), in_memory(), Charges(2)
    measured = 0

    def interrupt(event: Event, history: History) -> None:
        nonlocal measured
        measured += isinstance(event, TrialMeasured)
        if isinstance(event, TrialMeasured) and measured == at:
            raise KeyboardInterrupt

    study = inline(home, Faulty(accuracy, trouble=trouble), budget, rows=120)
    for resume in (False, True):
        why_it_ended(study, interrupt, resume=resume)
    check_ceiling(home.store.events(study.name), budget)
    assert trouble.real <= charges


def test_the_baseline_may_take_more_than_one_workers_share() -> None:
    trouble = Charges(4)  # six calls a unit, so eighteen for the baseline
    study = study_in(
        in_memory(),
        Faulty(accuracy, trouble=trouble),
        lt.Budget(calls=200),
        make_runner=partial(Interleaved, workers=8),
        rows=120,
    )
    history = study.run()
    assert trouble.refused == 0, "no grant is given that would be cut short"
    assert statuses(history).keys() == {Status.COMPLETED}
    assert any(trial.purpose is Purpose.CONFIRMATION for trial in history.trials)
    assert len([t for t in history.trials if t.levers in (("data",), ("settings",))]) >= 2, "levers are tried singly"


# -------------------------------------------------------------------------------------------------- time


def endless_python(settings: Mapping[str, Any]) -> None:
    while True:
        pass


def deaf(settings: Mapping[str, Any]) -> None:
    while True:
        try:
            time.sleep(60)
        except BaseException:
            continue


def native(settings: Mapping[str, Any]) -> None:
    hashlib.pbkdf2_hmac("sha512", b"x", b"y", 200_000_000)


def slow_baseline(what: str, settings: Mapping[str, Any], context: Context) -> None:
    time.sleep(60)


def test_a_baseline_slower_than_the_budget_ends_with_a_message_and_can_go_on(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(RunError, match="time was up before the baseline was measured"):
        study_in(home_in(tmp_path), Faulty(accuracy, trouble=slow_baseline), lt.Budget(seconds=1), workers=1).run()
    assert time.monotonic() - began < 30
    history = inline(home_in(tmp_path), Faulty(accuracy), lt.Budget(trials=5)).run(resume=True)
    assert history.concluded is not None
    assert history.baseline.status is Status.COMPLETED


@pytest.mark.prove
@posix_only
@pytest.mark.parametrize("stuck", [endless_python, deaf, native])
def test_stages_that_ignore_stopping_dont_pass_the_budget(tmp_path: Path, stuck: Callable[..., None]) -> None:
    def trouble(what: str, settings: Mapping[str, Any], context: Context) -> None:
        if what == "unit" and settings["b"] > 0.5:
            stuck(settings)

    began = time.monotonic()
    history = study_in(home_in(tmp_path), Faulty(accuracy, trouble=trouble), lt.Budget(seconds=20)).run()
    assert history.ledger.elapsed <= 22
    assert time.monotonic() - began < 40
    assert history.concluded is not None
    assert {trial.failure.kind for trial in history.with_status(Status.STOPPED)} == {"out of budget"}


@pytest.mark.prove
def test_slow_predictions_end_with_the_budget_and_the_same_opening_is_finished(tmp_path: Path) -> None:
    def trouble(what: str, settings: Mapping[str, Any], context: Context) -> None:
        if what == "predict":
            time.sleep(60)

    began = time.monotonic()
    with pytest.raises(RunError, match="the same opening will be finished"):
        study_in(home_in(tmp_path), Faulty(accuracy, trouble=trouble), lt.Budget(seconds=20)).run()
    assert time.monotonic() - began < 40
    history = study_in(home_in(tmp_path), Faulty(accuracy), lt.Budget(seconds=60)).run(resume=True)
    assert len(history.openings) == 1
    assert history.concluded is not None


# ------------------------------------------------------------------------------------- deaths of workers


def die(how: str) -> None:
    if how == "exit":
        os._exit(3)
    if how == "segfault":
        import ctypes

        ctypes.string_at(0)
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


@posix_only
@pytest.mark.parametrize("how", ["kill", "segfault", "exit"])
def test_a_dead_worker_costs_one_retry_of_one_trial(tmp_path: Path, how: str) -> None:
    def trouble(what: str, settings: Mapping[str, Any], context: Context) -> None:
        died = tmp_path / "died"
        if what == "unit" and not is_default(settings) and not died.exists():
            died.write_text("once")
            die(how)

    history = study_in(home_in(tmp_path), Faulty(accuracy, trouble=trouble), lt.Budget(trials=5), workers=1).run()
    straight = inline(in_memory(), Faulty(accuracy), lt.Budget(trials=5)).run()
    assert sorted(trial.retries for trial in history.trials) == [0] * (len(history.trials) - 1) + [1]
    assert statuses(history).keys() == {Status.COMPLETED}
    assert [trial.value for trial in history.trials] == [trial.value for trial in straight.trials]
    assert history.concluded.verdict == straight.concluded.verdict


@posix_only
def test_a_stage_that_always_kills_its_worker_ends_the_study(tmp_path: Path) -> None:
    def trouble(what: str, settings: Mapping[str, Any], context: Context) -> None:
        die("exit")

    with pytest.raises(StageError, match=r"worker died.*exited with status 3"):
        study_in(home_in(tmp_path), Faulty(accuracy, trouble=trouble), lt.Budget(calls=100), workers=1).run()


def test_trials_that_only_fail_end_the_search_though_they_cost_nothing() -> None:
    ill = True

    def trouble(what: str, settings: Mapping[str, Any], context: Context) -> None:
        if ill and what == "unit" and not is_default(settings):
            raise ConnectionError("the server is down")

    study = inline(in_memory(), Faulty(accuracy, trouble=trouble), lt.Budget(usd_micros=10**9, trials=100))
    with pytest.raises(RunError, match=r"30 trials all failed.*ConnectionError: the server is down.*--resume"):
        study.run()
    assert len(study.history.trials) == 1 + MOST_FAILURES
    ill = False
    history = study.run(resume=True)
    assert history.concluded is not None
    assert statuses(history)[Status.COMPLETED] >= 70


@pytest.mark.prove
@posix_only
def test_a_memory_hog_is_ended_and_the_rest_goes_on(tmp_path: Path) -> None:
    def trouble(what: str, settings: Mapping[str, Any], context: Context) -> None:
        if what == "unit" and settings["b"] > 0.5:
            kept = []
            while True:
                kept.append(bytearray(50_000_000))
                time.sleep(0.05)

    study = study_in(
        home_in(tmp_path),
        Faulty(accuracy, trouble=trouble),
        lt.Budget(trials=10),
        limits=Limits(memory_bytes=600 * 2**20),
    )
    history = study.run()
    assert {trial.failure.kind for trial in history.with_status(Status.FAILED)} == {"out of memory"}
    assert history.concluded is not None


# ------------------------------------------------------------------------------------------- a full disk


def test_a_full_disk_for_artifacts_stops_the_study_and_fails_no_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = 0

    def trouble(what: str, settings: Mapping[str, Any], context: Context) -> None:
        nonlocal stored
        context.artifacts.put(f"{what} {stored}".encode())
        stored += 1
        if stored == 8:
            monkeypatch.setattr(os, "fsync", full)

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    study = inline(home_in(tmp_path), Faulty(accuracy, trouble=trouble), lt.Budget(trials=6))
    with pytest.raises(StoreError, match=r"trial 2 .*No space left.*make space.*resume") as caught:
        study.run()
    assert caught.value.exit_code == 1
    before = study.history
    assert statuses(before) == {Status.COMPLETED: 2, Status.RUNNING: 1}
    monkeypatch.undo()
    history = study.run(resume=True)
    assert history.trials[:2] == before.trials[:2]
    assert statuses(history).keys() == {Status.COMPLETED}
    assert history.concluded is not None


def test_a_stage_that_finds_the_disk_full_stops_the_study_too() -> None:
    def trouble(what: str, settings: Mapping[str, Any], context: Context) -> None:
        if not is_default(settings):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "work.bin")

    study = inline(in_memory(), Faulty(accuracy, trouble=trouble), lt.Budget(trials=6))
    with pytest.raises(StoreError, match=r"trial 1 had no space to write: OSError.*--resume"):
        study.run()
    assert study.history.trials[1].status is Status.RUNNING


def test_a_full_disk_for_events_loses_nothing(tmp_path: Path) -> None:
    home = home_in(tmp_path)

    def fill(event: Event, history: History) -> None:
        if isinstance(event, TrialStarted) and event.trial == 4:
            pages(home, at_most=1)

    study = inline(home, Faulty(accuracy), lt.Budget(trials=400))
    with pytest.raises(StoreError, match=r"the disk is full.*make space, then resume") as caught:
        study.run((fill,))
    assert caught.value.exit_code == 1
    before = study.history
    assert len(before.trials) >= 4
    pages(home, at_most=2**30)
    history = inline(home, Faulty(accuracy), lt.Budget(trials=len(before.trials) + 5)).run(resume=True)
    assert history.trials[: len(before.trials) - 1] == before.trials[:-1]
    assert history.concluded is not None
    assert history == study.history


def pages(home: Home, at_most: int) -> None:
    """Let the database grow no further than `at_most` pages, or than it is now: SQLite then finds the disk full."""
    store: Any = home.store
    store._connection.cursor().execute(f"PRAGMA max_page_count={at_most}")


# --------------------------------------------------------------------------------------------- artifacts


def spoil(home: Home, address: str, how: str) -> None:
    path = home.artifacts._object(address)
    if how == "deleted":
        path.unlink(missing_ok=True)
    else:
        path.write_bytes(b"rubbish")


@pytest.mark.parametrize("how", ["deleted", "damaged"])
def test_lost_checkpoints_and_models_are_made_anew(tmp_path: Path, how: str) -> None:
    home = home_in(tmp_path)
    spoiled: list[str] = []

    def lose(event: Event, history: History) -> None:
        if event.kind == "grant_ended" and event.status is Status.PAUSED:
            spoiled.append(event.checkpoint)
            spoil(home, event.checkpoint, how)
        if event.kind == "final_set_frozen":
            raise KeyboardInterrupt

    stage = Faulty(accuracy, fidelity=Fidelity("fold", 3, cumulative=False))
    study = inline(home, stage, lt.Budget(trials=12), searcher=Asha)
    with pytest.raises(KeyboardInterrupt):
        study.run((lose,))
    assert spoiled
    assert Status.FAILED not in statuses(study.history)
    resumed = [trial for trial in study.history.trials if trial.until == 3 and trial.purpose is Purpose.SEARCH]
    assert resumed
    assert all([m.fidelity for m in trial.measurements] == [1, 2, 3] for trial in resumed)

    def lose_models(event: Event, history: History) -> None:
        if event.kind == "test_opened":
            spoil(home, event.members["winner"], how)

    with pytest.raises(RunError, match=r"MissingArtifact.*the same opening will be finished"):
        study.run((lose_models,), resume=True)
    history = study.run(resume=True)
    assert len(history.openings) == 1
    rows = study.problem.rows.development.take([0, 1])
    assert len(study.predict(rows).values) == 2
    spoil(home, history.concluded.artifact, how)
    with pytest.raises(MissingArtifact, match=r"run the study again to make it anew"):
        study.predict(rows)


@dataclass
class Walk(Simulated):
    """A model that changes by its own state from epoch to epoch: with another one's state it comes out differently."""

    fidelity: Fidelity = field(default_factory=lambda: Fidelity("epoch", 9, cumulative=False))

    def evaluate(self, settings: Mapping[str, Any], context: Context) -> Generator[lt.Measurement, None, None]:
        state = float(context.checkpoint or settings["b"])
        for epoch in range(len(context.measured) + 1, context.until + 1):
            state = math.sin(3 * state + epoch)
            context.save_state = lambda state=state: repr(state).encode()
            yield lt.Measurement(epoch, state)


@pytest.mark.parametrize("at", [10, 40, 60, 61, 62, 63, 70, 90])
def test_a_grant_that_was_cut_off_goes_on_from_its_checkpoint(at: int) -> None:
    measured = 0

    def interrupt(event: Event, history: History) -> None:
        nonlocal measured
        measured += isinstance(event, TrialMeasured)
        if isinstance(event, TrialMeasured) and measured == at:
            raise KeyboardInterrupt

    budget = lt.Budget(trials=30)
    straight = inline(in_memory(), Walk(accuracy), budget, searcher=Asha, confirm=0).run()
    study = inline(in_memory(), Walk(accuracy), budget, searcher=Asha, confirm=0)
    assert why_it_ended(study, interrupt) == "interrupted"
    history = study.run(resume=True)
    assert curves(history) == curves(straight)


def curves(history: History) -> list[list[float]]:
    return [[one.value for one in trial.measurements] for trial in history.trials]


def test_a_model_that_comes_out_differently_after_the_opening_is_refused(tmp_path: Path) -> None:
    fits = 0

    @dataclass
    class Moody(Simulated):
        def finalize(self, settings: Mapping[str, Any], context: Context) -> str:
            nonlocal fits
            fits += 1
            return context.artifacts.put(repr(sorted({**settings, "fit": fits}.items())).encode())

    home = home_in(tmp_path)

    def lose(event: Event, history: History) -> None:
        if event.kind == "test_opened":
            spoil(home, event.members["winner"], "deleted")

    study = inline(home, Moody(accuracy), lt.Budget(trials=4))
    with pytest.raises(RunError, match="MissingArtifact"):
        study.run((lose,))
    with pytest.raises(RunError, match="winner could not be fitted again just as before"):
        study.run(resume=True)
    assert len(study.history.openings) == 1


def test_studies_that_share_a_store_leave_each_other_what_they_need(tmp_path: Path) -> None:
    home = replace(home_in(tmp_path), artifacts=FileArtifacts(tmp_path / "artifacts", grace_seconds=0))
    studies = [inline(home, Faulty(accuracy, seed), lt.Budget(trials=5), name=f"s{seed}") for seed in range(3)]
    for study in studies:
        study.run()
    for study in studies:
        assert len(study.predict(study.problem.rows.development.take([0])).values) == 1


def test_a_store_with_one_unreadable_study_still_concludes_others(tmp_path: Path) -> None:
    home = home_in(tmp_path)
    inline(home, Faulty(accuracy), lt.Budget(trials=2), name="old").run()
    store: Any = home.store
    store._connection.cursor().execute("UPDATE luthier_events SET kind = 'of_the_future' WHERE place % 4294967296 = 3")
    history = inline(home, Faulty(accuracy), lt.Budget(trials=2), name="new").run()
    assert history.concluded is not None


# ------------------------------------------------------------------------------------- clocks and leases


class Jumping(ManualClock):
    """A clock whose time of day jumps back an hour at each look."""

    def __init__(self) -> None:
        super().__init__(1e9)
        self.looks = 0

    def now(self) -> float:
        self.looks += 1
        return 1e9 - 3600.0 * self.looks


def test_a_clock_that_jumps_back_disturbs_nothing() -> None:
    clock = Jumping()
    home = Home(MemoryStore(clock), MemoryArtifacts(), "test", clock)
    history = inline(home, Faulty(accuracy), lt.Budget(trials=5)).run()
    assert clock.looks > 10
    assert history.concluded is not None
    elapsed = [event.elapsed for event in home.store.events("faulty")]
    assert elapsed == sorted(elapsed)


@pytest.mark.parametrize("other_is_done", [True, False])
def test_who_slept_past_its_lease_writes_nothing_more(other_is_done: bool) -> None:
    clock = ManualClock()
    home = in_memory(clock)
    other = replace(home, writer="other")
    held: list[Event] = []

    def sleep(event: Event, history: History) -> None:
        if isinstance(event, TrialStarted) and event.trial == 3 and not held:
            clock.advance(1000.0)
            if other_is_done:
                inline(other, Faulty(accuracy), lt.Budget(trials=6)).run(resume=True)
            else:
                home.store.acquire("faulty", "other", 30.0)
                home.store.append("faulty", [], len(home.store.events("faulty")))
            held.extend(home.store.events("faulty"))

    with pytest.raises((Conflict, LeaseHeld)):
        inline(home, Faulty(accuracy), lt.Budget(trials=6)).run((sleep,))
    after = home.store.events("faulty")
    assert after[: len(held)] == held
    if other_is_done:
        assert after == held
        assert study_history(home).concluded is not None


def study_history(home: Home) -> History:
    return History.of(home.store.events("faulty"))


def start(folder: Path, trouble: str, *, name: str = "faulty", lease: float = 30.0, resume: bool = False) -> Any:
    """A study in a process of its own, which writes what it tells into the file `told`."""
    command = [sys.executable, "-m", "tests.study.faulty", str(folder), name, trouble, str(lease)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    with (folder / "told").open("a") as told:
        return subprocess.Popen([*command, *(["--resume"] if resume else [])], cwd=ROOT, env=environment, stdout=told)


def wait_for(folder: Path, kind: str, name: str = "faulty", count: int = 1) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if (folder / "studies.db").exists():
            home = home_in(folder)
            events = home.store.events(name)
            home.store.close()
            if sum(event.kind == kind for event in events) >= count:
                return
        time.sleep(0.02)
    raise AssertionError(f"no event '{kind}' came")


@pytest.mark.prove
@posix_only
@pytest.mark.parametrize("moment", ["final_set_frozen", "budget_settled", "test_opened"])
def test_killed_in_the_final_phase_a_study_opens_the_test_once(tmp_path: Path, moment: str) -> None:
    process = start(tmp_path, "fits")
    wait_for(tmp_path, moment)
    process.kill()
    process.wait()
    assert no_orphans_of(process.pid)
    before = study_history(home_in(tmp_path))
    assert before.concluded is None
    assert start(tmp_path, "fits", resume=True).wait(timeout=120) == 0
    history = study_history(home_in(tmp_path))
    assert history.final_set == before.final_set
    assert history.trials == before.trials
    assert len(history.openings) == 1
    assert history.openings[: len(before.openings)] == before.openings
    assert history.concluded is not None


def no_orphans_of(parent: int) -> bool:
    """Whether all workers of a dead process end, given much time."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        listing = subprocess.run(["ps", "-A", "-o", "args="], capture_output=True, text=True, check=True).stdout
        if f"luthier.run.worker {parent} " not in listing:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.prove
@posix_only
@pytest.mark.parametrize("other_is_done", [True, False])
def test_a_suspended_process_finds_that_another_took_over(tmp_path: Path, other_is_done: bool) -> None:
    first = start(tmp_path, "units", lease=2.0)
    wait_for(tmp_path, "trial_started", count=3)
    first.send_signal(signal.SIGSTOP)
    time.sleep(3.0)
    second = start(tmp_path, "units", lease=2.0, resume=True)
    if other_is_done:
        assert second.wait(timeout=120) == 0
    else:
        wait_for(tmp_path, "session_opened", count=2)
    first.send_signal(signal.SIGCONT)
    assert first.wait(timeout=120) == 1
    assert (tmp_path / "told").read_text().startswith(("Conflict", "LeaseHeld"))
    assert second.wait(timeout=120) == 0
    history = study_history(home_in(tmp_path))
    assert len(history.sessions) == 2
    assert history.concluded is not None


@pytest.mark.prove
def test_two_processes_run_two_studies_in_one_file(tmp_path: Path) -> None:
    home_in(tmp_path).store.close()
    processes = [start(tmp_path, "units", name=name) for name in ("one", "two")]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    histories = [History.of(home_in(tmp_path).store.events(name)) for name in ("one", "two")]
    assert all(history.concluded is not None for history in histories)
    assert all(statuses(history).keys() == {Status.COMPLETED} for history in histories)


# --------------------------------------------------------------------------------------- chains and races


PREPARED: Counter[str] = Counter()


@dataclass
class Prepare(Simulated):
    """The first stage of a chain: its artifact is its setting."""

    levers: tuple[lt.Lever, ...] = (lt.Lever("data", {"a": lt.Choice((0, 1, 2))}),)
    name: str = "prepare"

    def finalize(self, settings: Mapping[str, Any], context: Context) -> str:
        PREPARED[f"{settings['a']} on {len(context.views[0].train)}"] += 1
        return context.artifacts.put(repr(settings["a"]).encode())


@dataclass
class Finish(Faulty):
    """The last stage: works on what the first made."""

    levers: tuple[lt.Lever, ...] = (lt.Lever("settings", {"b": lt.Float(0.0, 1.0, default=0.0)}),)
    fidelity: Fidelity = field(default_factory=Fidelity)

    def whole(self, settings: Mapping[str, Any], context: Context) -> dict[str, Any]:
        return {**settings, "a": int(context.artifacts.get(context.upstream))}

    def evaluate(self, settings: Mapping[str, Any], context: Context) -> Any:
        return super().evaluate(self.whole(settings, context), context)

    def finalize(self, settings: Mapping[str, Any], context: Context) -> str:
        return super().finalize(self.whole(settings, context), context)

    def predict(self, artifact: str, inputs: lt.Dataset, context: Context) -> Prediction:
        assert context.artifacts.has(context.upstream)
        return super().predict(artifact, inputs, context)


def test_a_chain_runs_its_first_stage_once_a_setting(tmp_path: Path) -> None:
    home = replace(home_in(tmp_path), artifacts=FileArtifacts(tmp_path / "artifacts", grace_seconds=0))
    PREPARED.clear()
    chain = Chain((Prepare(accuracy), Finish(accuracy)))
    study = inline(home, chain, lt.Budget(trials=25), folds=1, rows=500)
    history = study.run()
    assert len({trial.config["settings.b"] for trial in history.trials}) > 10
    assert {trial.config["data.a"] for trial in history.trials} == {0, 1, 2}
    # Searching and confirming have one pair of rows each, equal in size; the final fits learn from all of them.
    by_rows = Counter(entry.partition(" on ")[2] for entry in PREPARED.elements())
    assert max(PREPARED.values()) <= 2
    assert by_rows["240"] <= 6
    assert set(by_rows) == {"240", "300"}
    again = inline(home, chain, lt.Budget(trials=6), folds=1, rows=500, name="again")
    again.run()  # what the first study's end evicted is made again
    for one in (study, again):
        assert len(one.predict(one.problem.rows.development.take([0])).values) == 1


def steep(settings: Mapping[str, Any]) -> float:
    return 0.6 + 0.12 * settings["a"] + 0.1 * settings["b"]


def test_races_find_the_same_winner_for_far_less() -> None:
    same = spent = spent_racing = 0
    for seed in range(3):
        stage = Blocks(steep, seed)
        race = Race(ACCURACY, stage.fidelity)
        make = partial(inline, stage=stage, budget=lt.Budget(trials=20), folds=1, rows=4000, seed=seed)
        plain, racing = make(in_memory()).run(), make(in_memory(), pruner=race).run()
        same += plain.concluded.winner == racing.concluded.winner
        spent += sum(trial.fidelity for trial in plain.trials)
        spent_racing += sum(trial.fidelity for trial in racing.trials)
        assert statuses(racing)[Status.STOPPED] >= 5
    assert same >= 2
    assert spent_racing < 0.75 * spent


# ----------------------------------------------------------------------------------- searchers at the edge

SMALL = {
    "finite": (lt.Lever("s", {"k": lt.Choice(("a", "b", "c")), "n": lt.Int(1, 3)}),),
    "two levers": (lt.Lever("s", {"k": lt.Choice(("a", "b"))}), lt.Lever("t", {"n": lt.Int(1, 3)})),
    "one config": (lt.Lever("s", {"k": lt.Choice(("a",))}),),
    "conditional": (lt.Lever("s", {"k": lt.Choice((0, 1)), "n": lt.Int(1, 4, when={"k": 1})}),),
}
SIZES = {"finite": 9, "two levers": 6, "one config": 1, "conditional": 5}
SEARCHERS = ("random", "sobol", "grid", "asha", "model")


def small(**settings: Any) -> float:
    return sum((value == "a") * 0.3 if isinstance(value, str) else (value - 2) ** 2 for value in settings.values())


def small_epochs(**settings: Any) -> Any:
    return (small(**settings) + 1 / epoch for epoch in range(1, 10))


@pytest.mark.parametrize("searcher", SEARCHERS)
@pytest.mark.parametrize("space", SMALL)
def test_an_exhausted_space_ends_the_study_early_and_says_so(searcher: str, space: str) -> None:
    epochs = searcher == "asha"
    # Conditions are for functions that take what there is; the stage asks for defaults.
    function: Callable[..., Any] = small_epochs if epochs else small
    history = function_study(
        function,
        levers=SMALL[space],
        budget=lt.Budget(trials=200),
        searcher=get_searcher(searcher),
        fidelity=Fidelity("epoch", 9, cumulative=False) if epochs else None,
    ).run()
    assert len({trial.config for trial in history.trials}) == len(history.trials)
    assert len(history.trials) == SIZES[space]
    assert "the search had nothing left to try" in history.concluded.verdict.notes[-1]


def test_a_budget_that_is_used_up_isnt_called_exhausted() -> None:
    history = function_study(budget=lt.Budget(trials=8)).run()
    assert not any("nothing left to try" in note for note in history.concluded.verdict.notes)
