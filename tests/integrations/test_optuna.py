"""luthier's searchers behind Optuna's door: Optuna's own conformance kit, and what it doesn't ask for."""

from __future__ import annotations

import pickle
import subprocess
import sys
import time

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.testing import pytest_samplers as kit
from tests.integrations.spy import planted

from luthier.core.errors import UnknownName
from luthier.core.trial import Resume, Status
from luthier.integrations import optuna as integration
from luthier.integrations.optuna import LuthierSampler
from luthier.search.random import Random
from luthier.search.registry import known_searchers

optuna.logging.set_verbosity(optuna.logging.ERROR)


class _Kit(kit.BasicSamplerTestCase, kit.RelativeSamplerTestCase, kit.MultiObjectiveSamplerTestCase):
    """All of the kit but `SingleOnlySamplerTestCase`, which is for samplers that refuse several objectives."""


class TestModel(_Kit):
    @pytest.fixture
    def sampler(self):
        return lambda: LuthierSampler(seed=0)


class TestRandom(_Kit):
    @pytest.fixture
    def sampler(self):
        return lambda: LuthierSampler(seed=0, searcher="random")


@pytest.mark.prove
class TestOthers(_Kit):
    @pytest.fixture(params=sorted({*known_searchers()} - {"model", "random"}))
    def sampler(self, request):
        return lambda: LuthierSampler(seed=0, searcher=request.param)


@pytest.fixture
def spies(monkeypatch):
    return planted(monkeypatch, integration)


def plane(trial):
    return trial.suggest_float("x", -1, 1) ** 2 + trial.suggest_int("y", 0, 50)


def study_of(objective, trials, sampler=None, **options):
    study = optuna.create_study(sampler=sampler or LuthierSampler(0, "random"), **options)
    study.optimize(objective, n_trials=trials, catch=(ZeroDivisionError,))
    return study


# -------------------------------------------------------------------------------------------- telling


def test_each_trial_is_told_once(spies):
    study_of(plane, 30)
    assert len(spies) == 1
    assert [trial.id for trial in spies[0].heard] == list(range(29)), "the last trial is told with the next ask"
    assert {trial.status for trial in spies[0].heard} == {Status.COMPLETED}


def test_failures_pruned_trials_and_broken_constraints_are_told_as_what_they_are(spies):
    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        if trial.number == 1:
            raise ZeroDivisionError
        if trial.number == 2:
            raise optuna.TrialPruned  # before it showed anything
        for step in range(100, 400, 100):
            trial.report(x + 300 / step, step)
            if trial.number == 4 and step == 200:
                raise optuna.TrialPruned
        if trial.number == 5:
            return float("nan")
        if trial.number == 6:
            return float("inf")
        trial.set_constraint("too large", 1.0 if trial.number == 7 else -1.0)
        return x

    study_of(objective, 12)
    told = {trial.id: trial for trial in spies[-1].heard}
    failed = {number for number, trial in told.items() if trial.status is Status.FAILED}
    assert failed == {1, 2, 5, 7}
    assert told[6].value is None
    assert told[4].status is Status.STOPPED
    assert (told[4].fidelity, told[4].value) == (2, told[4].config["x"] + 1.5)
    assert (told[0].fidelity, told[0].value) == (3, told[0].config["x"])
    assert spies[-1].fidelity.maximum == 3
    assert len(spies) == 2, "made anew once: when the first pruned trial showed steps"


def test_directions(spies):
    study_of(plane, 3, direction="maximize")
    study_of(plane, 3, direction="minimize")
    assert [spy.metric.direction for spy in spies] == ["maximize", "minimize"]


def test_running_trials_of_other_workers_are_told(spies):
    study = study_of(plane, 2)
    running = [study.ask() for _ in range(3)]
    for trial in running:
        plane(trial)
    plane(study.ask())
    told = [trial for trial in spies[-1].heard if trial.status is Status.RUNNING]
    assert [trial.id for trial in told] == [2, 3, 4]
    assert [dict(trial.config) for trial in told] == [trial.params for trial in running]


def test_a_proposal_that_was_not_followed_is_forgotten(spies):
    study = study_of(plane, 2)
    with pytest.warns(optuna.exceptions.ExperimentalWarning, match="PartialFixedSampler"):
        study.sampler = optuna.samplers.PartialFixedSampler({"y": 7}, study.sampler)
    trial = study.ask()
    trial.suggest_float("x", -1, 1)
    plane(study.ask())
    running = spies[-1].heard[-1]
    assert (running.id, running.status) == (2, Status.RUNNING)
    assert running.config["y"] != 7, "this is what was proposed"
    study.tell(trial, plane(trial))
    plane(study.ask())
    assert len(spies) == 2
    assert next(told for told in spies[1].heard if told.id == 2).config["y"] == 7


def test_parameters_that_the_user_fixed_are_kept(spies):
    study = study_of(plane, 2)
    study.enqueue_trial({"y": 33})
    study.enqueue_trial({"x": 0.5, "y": 3})
    study.enqueue_trial({"y": 99})
    study.optimize(plane, n_trials=2)
    with pytest.warns(UserWarning, match="out of range"):
        study.optimize(plane, n_trials=1)
    assert [trial.params["y"] for trial in study.trials[2:]] == [33, 3, 99]
    assert study.trials[3].params["x"] == 0.5
    assert [dict(within.fixed) for _, within in spies[0].asked[-2:]] == [{"y": 33}, {}]


def test_several_objectives_are_weighted_anew_for_each_trial(spies):
    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        return (x, 1 - x) if trial.number % 4 else (2.0, -1.0)  # every fourth is worse in both

    study_of(objective, 12, directions=["minimize", "maximize"])
    assert len(spies) == 1
    last = {trial.id: trial.value for trial in spies[0].heard[-11:]}
    first = {trial.id: trial.value for trial in spies[0].heard[:3]}
    assert sorted(last) == list(range(11))
    assert first[1] != last[1]
    good = [last[number] for number in last if number % 4]
    assert all(last[number] > max(good) for number in (0, 4, 8))
    assert min(good) >= 0


def test_grants_that_a_study_cannot_follow_are_passed_over(monkeypatch):
    class Resuming(Random):
        def ask(self, count, within):
            return [Resume(0, 1)]

    monkeypatch.setattr(integration, "get_searcher", lambda name: Resuming)
    assert len(study_of(plane, 4).trials) == 4


def test_a_small_space_may_be_exhausted():
    study = study_of(lambda trial: trial.suggest_categorical("x", [1, 2]) + trial.suggest_int("y", 0, 1), 12)
    assert len({tuple(trial.params.items()) for trial in study.trials}) == 4


# ---------------------------------------------------------------------------------------------- spaces


def test_conditions_are_found(spies):
    def objective(trial):
        kind = trial.suggest_categorical("kind", ["svm", None, "net"])
        if kind == "svm":
            return trial.suggest_float("C", 1e-3, 1e3, log=True)
        if kind == "net":
            layers = trial.suggest_int("layers", 1, 3)
            return sum(trial.suggest_int(f"units {n}", 1, 9) for n in range(layers))
        return 100

    study_of(objective, 60)
    space = spies[-1].space
    assert space.is_active("C", {"kind": "svm"})
    assert not space.is_active("C", {"kind": "net"})
    assert not space.is_active("layers", {"kind": None})
    assert space.is_active("units 1", {"kind": "net", "layers": 2})
    assert not space.is_active("units 2", {"kind": "net", "layers": 2})
    for trial in spies[-1].heard:
        space.config(trial.config, defaults=False)  # each trial is a config of the space
    assert len(spies) < 15


def test_what_exists_for_no_reason_found_is_searched_all_the_same(spies):
    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        return x + (trial.suggest_float("y", 0, 1) if x > 0.5 else 0)

    study = study_of(objective, 20)
    assert [*spies[-1].space.parameters] == ["x", "y"] or [*spies[-1].space.parameters] == ["y", "x"]
    assert all(("y" in trial.params) == (trial.params["x"] > 0.5) for trial in study.trials)
    assert len(spies) <= 3


def test_changing_ranges_are_joined(spies):
    study = study_of(plane, 4)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 3) + trial.suggest_int("y", 40, 90), n_trials=4)
    x, y = spies[-1].space.parameters["x"], spies[-1].space.parameters["y"]
    assert (x.low, x.high, y.low, y.high) == (-1, 3, 0, 90)
    assert len(spies[-1].heard) == 7, "all trials still count"


@pytest.mark.parametrize(
    "distribution",
    [
        CategoricalDistribution([None, True, 1, "1", 1.5]),
        CategoricalDistribution([float("nan"), 0.0]),
        IntDistribution(0, 2**62, step=2),
        FloatDistribution(-1e308, 1e308),
        FloatDistribution(0.1, 0.7, step=0.2),
        FloatDistribution(3.0, 3.0),
        IntDistribution(1, 1, log=True),
    ],
    ids=repr,
)
def test_values_are_what_optuna_expects(distribution):
    study = optuna.create_study(sampler=LuthierSampler(0, "random"))
    for _ in range(12):
        trial = study.ask({"odd": distribution, "x": FloatDistribution(0, 1)})
        assert distribution._contains(distribution.to_internal_repr(trial.params["odd"]))
        study.tell(trial, 1.0)
    choices = getattr(distribution, "choices", None)
    if choices is not None:
        assert {type(trial.params["odd"]) for trial in study.trials} <= {type(choice) for choice in choices}


def test_choices_that_luthier_cannot_hold():
    lists = [[64], [64, 64], {"a": 1}]

    def objective(trial):
        return len(trial.suggest_categorical("shape", lists)) + trial.suggest_float("x", 0, 1)

    with pytest.warns(UserWarning, match="persistent storage"):
        study = study_of(objective, 10)
    assert all(trial.params["shape"] in lists for trial in study.trials)


def test_a_space_is_found_in_trials_that_failed(spies):
    def objective(trial):
        trial.suggest_float("x", 0, 1)
        raise ZeroDivisionError

    study_of(objective, 5)
    assert len(spies) == 1
    assert [*spies[0].space.parameters] == ["x"]


# -------------------------------------------------------------------------------------------- seeds


@pytest.mark.parametrize("searcher", ["random", "model"])
def test_a_seed_repeats_a_study_and_a_pickled_sampler_goes_on(searcher):
    whole = study_of(plane, 9, LuthierSampler(5, searcher))
    parted = study_of(plane, 6, LuthierSampler(5, searcher))
    parted.sampler = pickle.loads(pickle.dumps(parted.sampler))
    parted.optimize(plane, n_trials=3)
    assert [trial.params for trial in whole.trials] == [trial.params for trial in parted.trials]
    other = study_of(plane, 9, LuthierSampler(6, searcher))
    assert [trial.params for trial in whole.trials] != [trial.params for trial in other.trials]


def test_reseeded_copies_differ():
    study = study_of(plane, 3)
    one, other = pickle.loads(pickle.dumps(study.sampler)), pickle.loads(pickle.dumps(study.sampler))
    one.reseed_rng()
    other.reseed_rng()
    trial = study.trials[-1]
    drawn = [sampler.sample_independent(study, trial, "z", FloatDistribution(0, 1)) for sampler in (one, other)]
    assert drawn[0] != drawn[1]


def test_one_sampler_serves_several_studies(spies):
    sampler = LuthierSampler(0)
    one, other = (optuna.create_study(sampler=sampler, study_name="same") for _ in range(2))
    for _ in range(4):
        one.optimize(plane, n_trials=1)
        other.optimize(lambda trial: trial.suggest_float("z", 0, 1), n_trials=1)
    assert [[*spy.space.parameters] for spy in spies] == [["x", "y"], ["z"]]
    for _ in range(20):
        optuna.create_study(sampler=sampler).optimize(plane, n_trials=2)
    assert len(sampler._followed) == integration.MOST_STUDIES


def test_threads(spies):
    def slow(trial):
        value = plane(trial)
        time.sleep(0.01)
        return value

    study = optuna.create_study(sampler=LuthierSampler(0))
    study.optimize(slow, n_trials=40, n_jobs=4)
    assert len({tuple(trial.params.items()) for trial in study.trials}) == 40
    assert any(trial.status is Status.RUNNING for trial in spies[-1].heard)


def test_hyperband_shows_each_bracket_its_own_trials(spies):
    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        for step in range(9):
            trial.report(x + 1 / (step + 1), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return x

    study = study_of(objective, 40, pruner=optuna.pruners.HyperbandPruner(min_resource=1, max_resource=9))
    followed = [known.over.keys() for known in study.sampler._followed.values()]
    assert len(followed) > 1
    assert sum(map(len, followed)) == len(set().union(*followed))


# --------------------------------------------------------------------------------------------- quality


def test_the_default_finds_what_random_search_does_not():
    def objective(trial):
        if trial.suggest_categorical("kind", ["flat", "bowl"]) == "flat":
            return 1.0
        return sum((trial.suggest_float(f"x{n}", -5, 5) - 1.3) ** 2 for n in range(2))

    best = study_of(objective, 22, LuthierSampler(1, "model")).best_value
    drawn = [study_of(objective, 22, LuthierSampler(seed, "random")).best_value for seed in range(5)]
    assert best < 0.1 < float(np.median(drawn))


# ---------------------------------------------------------------------------------------------- errors


def test_an_unknown_searcher_is_refused_at_once():
    with pytest.raises(UnknownName, match="unknown searcher 'modle'; known are: model"):
        LuthierSampler(searcher="modle")


def test_without_optuna_there_is_one_message_with_the_install_command():
    code = "import sys; sys.modules['optuna'] = None; import luthier.integrations.optuna"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.stderr.splitlines()[-1] == (
        "luthier.core.errors.MissingExtra: luthier.integrations.optuna needs the package 'optuna', which isn't "
        "installed; install it with: pip install optuna"
    )
