"""A whole study, small and in this process: phases, budgets, failures, stopping, going on."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

import luthier as lt
from luthier.core.clock import ManualClock
from luthier.core.contracts import Pruner, Runner
from luthier.core.errors import Conflict, LeaseHeld, StageError, TestAlreadyOpened, UsageError
from luthier.core.events import Event, Heartbeat, TrialStarted
from luthier.core.history import History
from luthier.core.trial import Fidelity, Purpose, Status
from luthier.run.inline import InlineRunner
from luthier.run.replay import ReplayRunner
from luthier.search.asha import Asha
from luthier.search.median import MedianPruner
from luthier.search.random import Random
from luthier.stages.function import FunctionStage
from luthier.store.artifacts import MemoryArtifacts
from luthier.store.memory import MemoryStore
from luthier.study.allocate import EqualShare
from luthier.study.home import Home
from luthier.study.problem import Problem
from luthier.study.study import Study
from tests.study.simulated import Simulated, study_of

LOSS = lt.Metric("loss", "minimize")
LEVERS = (
    lt.Lever("first", {"x": lt.Float(0.0, 1.0)}),
    lt.Lever("second", {"y": lt.Float(0.0, 1.0), "kind": lt.Choice(("a", "b"))}),
)


def bowl(x: float, y: float, kind: str) -> float:
    return (x - 0.2) ** 2 + (y - 0.7) ** 2 + (kind == "a") * 0.1


def function_study(
    function: Callable[..., Any] = bowl,
    *,
    budget: lt.Budget | None = None,
    levers: tuple[lt.Lever, ...] = LEVERS,
    fidelity: Fidelity | None = None,
    searcher: Any = Random,
    pruner: Pruner | None = None,
    home: Home | None = None,
    make_runner: Callable[..., Runner] = InlineRunner,
    name: str = "bowl",
) -> Study:
    stage = FunctionStage(function, levers, fidelity or Fidelity(), metric="loss", version="1")
    problem = Problem(
        metric=LOSS,
        stage=stage,
        levers=levers,
        budget=budget or lt.Budget(trials=20),
        make_searcher=partial(searcher, metric=LOSS, fidelity=stage.fidelity, seed=0),
        allocator=EqualShare([lever.name for lever in levers]),
        pruner=pruner,
    )
    return Study(name, home or memory(), problem, make_runner)


def memory(clock: ManualClock | None = None) -> Home:
    if clock is None:
        return Home(MemoryStore(), MemoryArtifacts(), "test")
    return Home(MemoryStore(clock), MemoryArtifacts(), "test", clock)


def test_levers_get_equal_shares_and_then_a_joint_round() -> None:
    history = function_study(budget=lt.Budget(trials=31)).run()
    searched = [trial for trial in history.trials if trial.purpose is Purpose.SEARCH]
    counts = [
        sum(trial.levers == levers for trial in searched) for levers in (("first",), ("second",), ("first", "second"))
    ]
    assert sum(counts) == 30
    assert max(counts) - min(counts) <= 2
    for trial in searched:
        if trial.levers == ("first",):
            before = [event for event in history.incumbents if event.trial < trial.id]
            held = history.trials[before[-1].trial].config
            assert trial.config.lever("second") == held.lever("second")


def test_the_baseline_is_the_defaults_unless_stated() -> None:
    study = function_study()
    study.problem = replace(study.problem, baseline={"first.x": 0.9})
    history = study.run()
    assert history.baseline is not None
    assert history.baseline.config["first.x"] == 0.9
    assert history.baseline.config["second.y"] == 0.5


def test_the_history_is_the_fold_from_the_store() -> None:
    study = function_study()
    assert study.run() == study.history


def test_a_study_over_a_function_says_that_nothing_was_held_out() -> None:
    verdict = function_study().run().concluded.verdict
    assert verdict.rows == 0
    assert verdict.overall is None
    assert "nothing was held out" in verdict.notes[0]


@pytest.mark.parametrize("workers", [1, 4, 16])
def test_no_prefix_of_the_events_passes_a_ceiling(workers: int) -> None:
    clock = ManualClock()
    home = memory(clock)
    runner = partial(replayed, clock=clock, workers=workers)
    study = function_study(budget=lt.Budget(trials=23), home=home, make_runner=runner)
    study.run()
    history = History.of(home.store.events("bowl")[:1])
    for event in home.store.events("bowl")[1:]:
        history.apply(event)
        assert history.ledger.committed.trials <= 23
    assert len(history.trials) == 23


def replayed(artifacts: Any, clock: ManualClock, workers: int, seconds: float = 10.0) -> Runner:
    """Trials that take `seconds` of simulated time."""

    def curve(settings: Any, seed: int) -> list[tuple[float, float]]:
        return [(bowl(**settings), seconds)]

    return ReplayRunner(curve, clock, workers)


@pytest.mark.parametrize("workers", [1, 4])
def test_a_time_budget_is_wall_time_and_is_not_passed(workers: int) -> None:
    clock = ManualClock()
    study = function_study(
        budget=lt.Budget(seconds=95), home=memory(clock), make_runner=partial(replayed, clock=clock, workers=workers)
    )
    history = study.run()
    assert history.ledger.elapsed <= 95 + 10  # replay jumps to its next event
    completed = [trial for trial in history.trials if trial.status is Status.COMPLETED]
    assert len(completed) >= 8 * workers - workers
    assert all(trial.status in (Status.COMPLETED, Status.STOPPED) for trial in history.trials)


def test_failing_trials_are_counted_and_the_rest_goes_on() -> None:
    def picky(x: float, y: float, kind: str) -> float:
        if kind == "b":
            raise ValueError("no b today")
        return bowl(x, y, kind)

    history = function_study(picky).run()
    failed = history.with_status(Status.FAILED)
    assert failed
    assert all(trial.failure.message == "no b today" for trial in failed)
    assert history.concluded is not None
    assert history.trials[history.concluded.winner].config["second.kind"] == "a"


def test_when_everything_but_the_baseline_fails_the_baseline_is_kept() -> None:
    def only_default(x: float, y: float, kind: str) -> float:
        if (x, y, kind) != (0.5, 0.5, "a"):
            raise RuntimeError("out of order")
        return 1.0

    history = function_study(only_default).run()
    assert history.concluded is not None
    assert history.concluded.winner == 0


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (lambda x, y, kind: "good", "'good'"),
        (lambda x, y, kind: math.nan, "nan"),
        (lambda x, y, kind: None, "None"),
        (lambda x, y, kind: 1 / 0, "division by zero"),
    ],
)
def test_a_baseline_that_cant_be_measured_ends_the_study_with_its_reason(outcome: Any, words: str) -> None:
    study = function_study(outcome)
    with pytest.raises(StageError, match="baseline could not be measured") as caught:
        study.run()
    assert words in str(caught.value)
    assert study.history.trials[0].status is Status.FAILED


def test_ctrl_c_loses_nothing_and_the_study_goes_on() -> None:
    home = memory()

    def interrupted(event: Event, history: History) -> None:
        if isinstance(event, TrialStarted) and event.trial == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        function_study(home=home).run((interrupted,))
    history = function_study(home=home).history
    assert history.closed_because == "stopped by the user"
    assert [trial.status for trial in history.trials[:7]] == [Status.COMPLETED] * 7
    resumed = function_study(home=home).run(resume=True)
    straight = function_study().run()
    assert [trial.config for trial in resumed.trials] == [trial.config for trial in straight.trials]
    assert [trial.value for trial in resumed.trials] == [trial.value for trial in straight.trials]
    assert resumed.concluded.winner == straight.concluded.winner


def test_a_name_is_taken_once() -> None:
    home = memory()
    function_study(home=home).run()
    with pytest.raises(UsageError, match="already"):
        function_study(home=home).run()


def test_what_changed_since_keeps_a_study_from_going_on() -> None:
    home = memory()
    function_study(home=home).run()
    wider = (lt.Lever("first", {"x": lt.Float(0.0, 2.0)}), LEVERS[1])
    with pytest.raises(UsageError, match="levers changed"):
        function_study(home=home, levers=wider).run(resume=True)


def test_a_larger_budget_goes_on_where_the_smaller_ended() -> None:
    def stop_at_ten(event: Event, history: History) -> None:
        if isinstance(event, TrialStarted) and event.trial == 10:
            raise KeyboardInterrupt

    home = memory()
    with pytest.raises(KeyboardInterrupt):
        function_study(home=home).run((stop_at_ten,))
    history = function_study(home=home, budget=lt.Budget(trials=30)).run(resume=True)
    assert len(history.trials) == 30
    assert history.ledger.budget == lt.Budget(trials=30)


def test_a_second_writer_is_refused_while_the_first_is_at_it() -> None:
    home = memory()
    other = Home(home.store, home.artifacts, "another")
    refused: list[str] = []

    def second(event: Event, history: History) -> None:
        if isinstance(event, TrialStarted) and event.trial == 3:
            with pytest.raises(LeaseHeld) as caught:
                function_study(home=other).run(resume=True)
            refused.append(str(caught.value))

    function_study(home=home).run((second,))
    assert len(refused) == 1


def test_a_writer_that_was_overtaken_gets_a_conflict_and_writes_nothing() -> None:
    home = memory()

    def overtake(event: Event, history: History) -> None:
        if isinstance(event, TrialStarted) and event.trial == 3:
            events = home.store.events("bowl")
            home.store.append("bowl", [Heartbeat(elapsed=99.0)], len(events))

    with pytest.raises(Conflict):
        function_study(home=home).run((overtake,))
    assert isinstance(home.store.events("bowl")[-1], Heartbeat)


def epochs(x: float, y: float, kind: str) -> Generator[float, None, None]:
    for epoch in range(1, 10):
        yield bowl(x, y, kind) + 1 / epoch


def test_grants_pause_and_resume_rung_by_rung() -> None:
    history = function_study(
        epochs, fidelity=Fidelity("epoch", 9, cumulative=False), searcher=Asha, budget=lt.Budget(trials=40)
    ).run()
    reached = [trial.fidelity for trial in history.trials]
    assert reached.count(1) > reached.count(3) > 0
    assert all(trial.status is Status.PAUSED for trial in history.trials if trial.fidelity in (1, 3))
    assert all(trial.status is Status.COMPLETED for trial in history.trials if trial.fidelity == 9)


def test_a_pruner_stops_trials_inside_their_grant() -> None:
    fidelity = Fidelity("epoch", 9, cumulative=False)
    history = function_study(epochs, fidelity=fidelity, pruner=MedianPruner(LOSS, fidelity)).run()
    stopped = history.with_status(Status.STOPPED)
    assert stopped
    assert all(trial.fidelity < 9 for trial in stopped)


def test_settings_that_a_function_asks_for_join_the_search() -> None:
    def objective(trial: Any) -> float:
        x = trial.suggest_float("x", -1.0, 1.0)
        depth = trial.suggest_int("depth", 1, 9)
        extra = trial.suggest_float("extra", 0.0, 1.0) if depth > 4 else 0.0
        return x * x + extra + abs(depth - 3)

    study = function_study(objective, levers=(), budget=lt.Budget(trials=30))
    history = study.run()
    assert set(history.levers["settings"]) == {"x", "depth", "extra"}
    assert set(study.best["settings"]) >= {"x", "depth"}
    assert len({trial.config for trial in history.trials}) == 30
    assert history == study.history


def test_the_test_is_opened_once_even_when_finished_twice() -> None:
    stage = Simulated(lambda settings: 0.7 + 0.05 * settings["a"])
    study = study_of(stage)
    history = study.run()
    assert len(history.openings) == 1
    assert study.run(resume=True).openings == history.openings
    rows = study.problem.rows
    assert rows is not None
    with pytest.raises(TestAlreadyOpened):
        rows.held_out.open(history, {"winner": "another"})


def test_crashing_between_opening_and_verdict_finishes_the_same_opening() -> None:
    stage = Simulated(lambda settings: 0.7 + 0.05 * settings["a"])
    whole = study_of(stage)
    expected = whole.run()
    events = whole.home.store.events(whole.name)
    opened = next(number for number, event in enumerate(events) if event.kind == "test_opened")
    home = Home(MemoryStore(), whole.home.artifacts, "test")
    home.store.append(whole.name, events[: opened + 1], 0)
    history = study_of(stage, home=home).run(resume=True)
    assert len(history.openings) == 1
    assert history.concluded.verdict == expected.concluded.verdict


def test_the_final_set_holds_an_ablation_for_each_lever_that_changed() -> None:
    study = study_of(Simulated(lambda settings: 0.6 + 0.1 * settings["a"] + 0.1 * settings["b"]), trials=25)
    history = study.run()
    members = history.final_set.members
    for lever in ("data", "settings"):
        changed = members["winner"].lever(lever) != members["baseline"].lever(lever)
        assert (f"without {lever}" in members) == changed
        if changed:
            assert members[f"without {lever}"].lever(lever) == members["baseline"].lever(lever)
    verdict = history.concluded.verdict
    assert verdict.rows == 360
    assert {gain.against for gain in verdict.by_lever} == {"data", "settings"}


def test_predictions_see_no_labels() -> None:
    study = study_of(Simulated(lambda settings: 0.9))
    study.run()
    rows = study.problem.rows.development.take([0, 1, 2])
    assert len(study.predict(rows).values) == 3
    unfitted = function_study()
    unfitted.run()
    with pytest.raises(UsageError, match="no fitted winner"):
        unfitted.predict(rows)
