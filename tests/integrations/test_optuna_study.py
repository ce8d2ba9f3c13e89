"""Optuna studies as luthier studies: every trial arrives, the command line shows them, and searching goes on."""

from __future__ import annotations

import csv
import json
import sys
from datetime import datetime, timedelta

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState

import luthier as lt
from luthier.core.errors import UnknownName, UsageError
from luthier.core.history import History
from luthier.core.trial import Purpose, Status
from luthier.integrations.optuna import LuthierSampler, study_from_optuna
from luthier.interfaces.cli import main
from luthier.search.random import Random
from luthier.store.open import open_store

optuna.logging.set_verbosity(optuna.logging.ERROR)


@pytest.fixture
def luthier(tmp_path, monkeypatch, capsys):
    """The console script in a folder of its own; gives what it printed."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["luthier", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 0
        return capsys.readouterr().out

    return run


def objective(trial):
    """Minimal at kind "svm", C = 10; with 5 steps of which some are pruned, failures and conditions."""
    kind = trial.suggest_categorical("kind", ["svm", "net", None])
    loss = {"svm": 0.0, "net": 1.0, None: 2.0}[kind]
    if kind == "svm":
        loss += abs(trial.suggest_float("svm/C", 1e-2, 1e2, log=True) - 10)
    if kind == "net":
        loss += trial.suggest_int("layers", 1, 4)
    trial.suggest_int("fixed", 3, 3)
    trial.set_user_attr("size", 7)
    trial.set_user_attr("note", "not a number")
    if trial.number % 9 == 4:
        raise ZeroDivisionError
    for step in (10, 20, 30):
        trial.report(loss + 30 / step, step)
        if trial.should_prune():
            raise optuna.TrialPruned
    return loss


def made(trials=30, **options):
    pruner = optuna.pruners.MedianPruner(n_startup_trials=4)
    study = optuna.create_study(sampler=LuthierSampler(1, "random"), pruner=pruner, **options)
    study.optimize(objective, n_trials=trials, catch=(ZeroDivisionError,))
    return study


def history_of(found, store=None):
    return History.of(open_store(store).events(found.name))


def test_what_the_command_line_shows(luthier):
    study = made(study_name="bench")
    found = study_from_optuna(study)
    assert (found.name, found.trials, found.left_out) == ("bench", 30, 0)

    rows = list(csv.DictReader(luthier("export", "bench").splitlines()))
    statuses = {TrialState.COMPLETE: "completed", TrialState.PRUNED: "stopped", TrialState.FAIL: "failed"}
    assert [row["status"] for row in rows] == [statuses[trial.state] for trial in study.trials]
    assert len({row["status"] for row in rows}) == 3, "all kinds of ends are in this study"
    for row, trial in zip(rows, study.trials, strict=True):
        assert row["value"] == ("" if trial.value is None else str(trial.value))
        assert row["config.settings.kind"] == (trial.params["kind"] or "")
        assert row["config.settings.svm_C"] == str(trial.params.get("svm/C", ""))
        assert row["config.settings.layers"] == str(trial.params.get("layers", ""))
        assert row["config.settings.fixed"] == "3"
        assert float(row["seconds"]) == pytest.approx(trial.duration.total_seconds())
        assert row["is_incumbent"] == str(trial.number == study.best_trial.number)
    assert rows[0]["metric.size"] == "7.0"

    shown = luthier("show", "bench")
    assert "What each lever cost, and gained" in shown
    assert f"30 trials: {sum(row['status'] == 'completed' for row in rows)} completed" in shown
    assert "failed in Optuna" in shown
    content = json.loads(luthier("show", "bench", "--json"))
    assert content["scores"]["validation"]["winner"] == study.best_value
    assert "bench" in luthier("studies")


def test_a_searcher_goes_on_from_it(luthier):
    study = made()
    found = study_from_optuna(study, name="more")
    with lt.ask_tell(found.levers, metric=found.metric, name="more", resume=True) as more:
        assert more.best.value == study.best_value
        trials = []
        for _ in range(8):
            trial = more.ask()
            assert more.space.config(trial.config, defaults=False) == trial.config
            loss = {"svm": 0.0, "net": 1.0, None: 2.0}[trial.config["settings.kind"]]
            loss += abs(trial.config.get("settings.svm_C", 10) - 10) + trial.config.get("settings.layers", 0)
            trials.append(more.tell(trial, loss))
        assert [trial.id for trial in trials] == [*range(30, 38)]
        assert {(trial.status, trial.fidelity) for trial in trials} == {(Status.COMPLETED, 3)}
        assert sum(trial.config["settings.kind"] == "svm" for trial in trials) > 4, "it knows where the best was"
        assert more.best.value <= study.best_value


def test_a_searcher_that_goes_on_knows_the_fidelities(luthier, monkeypatch):
    made_with = []

    def factory(space, metric, fidelity, seed):
        made_with.append(fidelity)
        return Random(space, metric, fidelity, seed)

    monkeypatch.setattr("luthier.search.registry.get_searcher", lambda name: factory)
    found = study_from_optuna(made())
    with lt.ask_tell(found.levers, metric=found.metric, name=found.name, resume=True) as more:
        assert more.ask().until == 3
    assert made_with == [lt.Fidelity("step", 3, cumulative=False)]


def test_intermediate_values_are_fidelities(luthier):
    study = made()
    found = study_from_optuna(study)
    history = history_of(found)
    assert (history.created.fidelity.unit, history.created.fidelity.maximum) == ("step", 3)
    for trial, theirs in zip(history.trials, study.trials, strict=True):
        reported = [theirs.intermediate_values[step] for step in sorted(theirs.intermediate_values)]
        if theirs.state is TrialState.COMPLETE:
            reported[-1] = theirs.value
        assert [measured.value for measured in trial.measurements] == reported
        assert [measured.fidelity for measured in trial.measurements] == [*range(1, len(reported) + 1)]
        assert trial.why == {"searcher": "optuna", "number": theirs.number}
    first = next(trial.number for trial in study.trials if trial.state is TrialState.COMPLETE)
    assert [trial.id for trial in history.trials if trial.purpose is Purpose.BASELINE] == [first]


def test_time_while_nothing_ran_is_not_counted(luthier):
    study = optuna.create_study(study_name="slow")
    begin = datetime(2024, 5, 1, 12)  # noqa: DTZ001
    spans = [(0, 60), (30, 100), (4000, 4010), (20, 20)]  # seconds; the last was created last and started second
    for start, end in spans:
        trial = optuna.create_trial(params={"x": 0.5}, distributions={"x": FloatDistribution(0, 1)}, value=start)
        trial.datetime_start = begin + timedelta(seconds=start)
        trial.datetime_complete = begin + timedelta(seconds=end)
        study.add_trial(trial)
    study.enqueue_trial({"x": 0.1})
    found = study_from_optuna(study)
    history = history_of(found)
    assert (found.trials, found.left_out) == (4, 1)
    assert [trial.why["number"] for trial in history.trials] == [0, 3, 1, 2]
    assert [trial.cost.seconds for trial in history.trials] == [60, 0, 70, 10]
    assert history.ledger.elapsed == pytest.approx(110)
    assert history.incumbent.value == 0


def test_several_objectives_and_constraints(luthier):
    study = optuna.create_study(study_name="several", directions=["minimize", "maximize"])
    for number in range(3):
        trial = study.ask({"x": FloatDistribution(0, 1)})
        trial.set_constraint("memory", number - 1.0)
        study.tell(trial, [number, 10 * number])
    history = history_of(study_from_optuna(study, objective=1))
    assert str(history.metric) == "maximize value_1"
    assert [trial.value for trial in history.trials] == [0, 10, None]
    assert [dict(trial.measurements[-1].metrics) for trial in history.trials] == [
        {"constraint memory": -1.0, "value_0": 0.0},
        {"constraint memory": 0.0, "value_0": 1.0},
        {"constraint memory": 1.0, "value_0": 2.0, "value_1": 20.0},
    ]
    assert history.trials[2].status is Status.FAILED
    assert history.trials[2].failure.message == "above 0: memory"
    assert history.incumbent.id == 1
    with pytest.raises(UsageError, match="has 2 objectives, counted from 0; got 2"):
        study_from_optuna(study, objective=2)


def test_parameters_that_luthier_cannot_hold_or_name(luthier):
    study = optuna.create_study(study_name="odd")
    with pytest.warns(UserWarning, match="persistent storage"):
        shapes = CategoricalDistribution([[1], [1, 2]])
    for number in range(4):
        trial = study.ask({"a.b": shapes, "a/b": FloatDistribution(0, 1), "a_b": FloatDistribution(0, 1)})
        trial.suggest_int("0", 0, 2**60)
        study.tell(trial, number)
    found = study_from_optuna(study)
    assert dict(found.names) == {"a.b": "a_b_2", "a/b": "a_b_3", "a_b": "a_b", "0": "_0"}
    for trial, theirs in zip(history_of(found).trials, study.trials, strict=True):
        assert trial.config["settings._0"] == theirs.params["0"]
        assert trial.config["settings.a_b"] == theirs.params["a_b"]
        assert trial.config["settings.a_b_3"] == theirs.params["a/b"]
        assert str(trial.config["settings.a_b_2"]).endswith(f": {theirs.params['a.b']}")


def test_a_study_without_parameters(luthier):
    study = optuna.create_study(study_name="bare")
    study.optimize(lambda trial: 1.0, n_trials=2)
    found = study_from_optuna(study)
    assert found.levers == {}
    assert "bare" in luthier("show", "bare")


def test_names(luthier):
    study = made(3, study_name="again")
    assert [study_from_optuna(study).name for _ in range(2)] == ["again", "again-2"]
    with pytest.raises(UsageError, match="there is a study 'again' already"):
        study_from_optuna(study, name="again")


def test_a_study_by_name_and_what_cannot_be_read(luthier):
    with pytest.raises(UsageError, match="no trial of the Optuna study 'new' has ended"):
        study_from_optuna(optuna.create_study(study_name="new"))
    with pytest.raises(UsageError, match="name its storage, such as"):
        study_from_optuna("new")
    with pytest.raises(UsageError, match=r"there is no file 'none\.db'"):
        study_from_optuna("new", "sqlite:///none.db")
    with pytest.raises(UsageError, match="Optuna can't open the storage"):
        study_from_optuna("new", "nonsense://x")
    with pytest.raises(UsageError, match="knows its storage"):
        study_from_optuna(optuna.create_study(), "sqlite:///none.db")
    made(2, study_name="known", storage="sqlite:///some.db")
    assert study_from_optuna("known", "sqlite:///some.db").trials == 2
    with pytest.raises(UnknownName, match="unknown Optuna study 'knwon'; known are: known"):
        study_from_optuna("knwon", "sqlite:///some.db")
