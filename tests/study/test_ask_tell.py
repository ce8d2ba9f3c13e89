"""A study that the user drives."""

from __future__ import annotations

from pathlib import Path

import pytest

import luthier as lt
from luthier.core.errors import BudgetExceeded, UsageError
from luthier.core.trial import Status

LOSS = lt.Metric("loss", "minimize")
LEVERS = {"settings": {"x": lt.Float(-1.0, 1.0), "kind": lt.Choice(("a", "b"))}}


def loss(trial: lt.Trial) -> float:
    return trial.config["settings.x"] ** 2 + (trial.config["settings.kind"] == "a")


def asked(study: lt.AskTell, count: int) -> list[lt.Trial]:
    told = []
    for _ in range(count):
        trial = study.ask()
        told.append(study.tell(trial, loss(trial)))
    return told


def test_the_first_trial_is_the_baseline_and_the_best_is_kept() -> None:
    with lt.ask_tell(LEVERS, metric=LOSS, searcher="random", store="memory:") as study:
        trials = asked(study, 20)
        assert trials[0].config == {"settings.x": 0.0, "settings.kind": "a"}
        assert study.best is not None
        assert study.best.value == min(trial.value for trial in trials)


def test_a_failed_trial_is_told_as_none() -> None:
    with lt.ask_tell(LEVERS, metric=LOSS, searcher="random", store="memory:") as study:
        trial = study.tell(study.ask(), None)
        assert trial.status is Status.FAILED
        assert study.best is None


def test_a_trial_is_told_once() -> None:
    with lt.ask_tell(LEVERS, metric=LOSS, searcher="random", store="memory:") as study:
        trial = study.ask()
        study.tell(trial, 1.0)
        with pytest.raises(UsageError, match="told before"):
            study.tell(trial, 1.0)
        with pytest.raises(UsageError, match="never asked for"):
            study.tell(7, 1.0)


def test_several_trials_asked_for_together_differ() -> None:
    with lt.ask_tell(LEVERS, metric=LOSS, store="memory:") as study:
        trials = study.ask_many(8)
        assert len({trial.config for trial in trials}) == 8
        assert [trial.id for trial in study.open_trials] == list(range(8))


def test_a_budget_ends_the_asking() -> None:
    with lt.ask_tell(LEVERS, metric=LOSS, searcher="random", budget="3 trials", store="memory:") as study:
        asked(study, 3)
        with pytest.raises(BudgetExceeded, match="3 trials"):
            study.ask()


def test_taken_up_again_it_proposes_what_it_would_have(tmp_path: Path) -> None:
    def study_in(folder: str, *, resume: bool = False) -> lt.AskTell:
        return lt.ask_tell(LEVERS, metric=LOSS, seed=3, store=str(tmp_path / folder / "studies.db"), resume=resume)

    with study_in("straight") as study:
        straight = asked(study, 12)
    with study_in("broken") as study:
        before = asked(study, 7)
        waiting = study.ask()
    with study_in("broken", resume=True) as study:
        assert [trial.id for trial in study.open_trials] == [waiting.id]
        after = [study.tell(waiting, loss(waiting)), *asked(study, 4)]
    assert [trial.config for trial in straight] == [trial.config for trial in [*before, *after]]
