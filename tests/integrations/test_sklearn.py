"""luthier's searchers in the place of scikit-learn's searches: its own checks, its examples, and what is ours."""

from __future__ import annotations

import pickle
import re
import warnings
from functools import partial

import numpy as np
import pytest
from joblib import parallel_config
from scipy.stats import expon, loguniform, norm, poisson, randint, uniform
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone, is_classifier, is_regressor
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_wine,
    make_classification,
    make_hastie_10_2,
)
from sklearn.decomposition import PCA
from sklearn.exceptions import FitFailedWarning, NotFittedError
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, get_scorer, make_scorer, precision_score, recall_score
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    ParameterGrid,
    StratifiedKFold,
    cross_val_score,
    train_test_split,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.estimator_checks import check_estimator
from tests.integrations.spy import planted

import luthier as lt
from luthier.core.errors import LuthierError, SpaceError, UnknownName, UsageError
from luthier.core.trial import Status
from luthier.integrations import sklearn as integration
from luthier.integrations.sklearn import SearchCV
from luthier.integrations.sklearn_search import Pace, batch_size
from luthier.integrations.sklearn_space import read_space


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


def assert_same_results(ours, theirs):
    """Everything that a fitted search says, but times."""
    assert ours.cv_results_.keys() == theirs.cv_results_.keys()
    for key, theirs_here in theirs.cv_results_.items():
        if key == "params" or key.startswith("param_"):
            assert list(map(repr, ours.cv_results_[key])) == list(map(repr, theirs_here)), key
        elif not key.endswith("_time"):
            np.testing.assert_array_equal(ours.cv_results_[key], theirs_here, err_msg=key)
    for name in ("best_index_", "best_score_", "best_params_", "n_splits_", "multimetric_", "scorer_"):
        assert hasattr(ours, name) == hasattr(theirs, name), name
        assert repr(getattr(ours, name, None)) == repr(getattr(theirs, name, None)), name


# ------------------------------------------------------------------------------- scikit-learn's own checks

DECLARED = {
    # scikit-learn declares both for GridSearchCV and RandomizedSearchCV.
    "check_supervised_y_2d": "DataConversionWarning not caught",
    "check_requires_y_none": "Doesn't fail gracefully",
}


def check_by_scikit_learn(search):
    results = check_estimator(search, expected_failed_checks=DECLARED, on_skip=None, on_fail=None)
    assert len(results) > 50
    failed = {each["check_name"]: each["exception"] for each in results if each["status"] == "failed"}
    assert not failed
    assert {each["check_name"] for each in results if each["status"] == "xfail"} <= DECLARED.keys()


def test_the_expected_failures_are_those_of_grid_search():
    from sklearn.utils._test_common.instance_generator import PER_ESTIMATOR_XFAIL_CHECKS

    assert PER_ESTIMATOR_XFAIL_CHECKS[GridSearchCV] == DECLARED


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "search",
    [
        SearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=2, error_score="raise"),
        SearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2, error_score="raise"),
        SearchCV(Ridge(), {"alpha": lt.Float(0.1, 10, log=True)}, cv=2, budget="2 trials", searcher="random"),
    ],
    ids=["Ridge", "LogisticRegression", "Ridge, searched"],
)
def test_scikit_learn_checks(search):
    check_by_scikit_learn(search)


@pytest.mark.prove
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "search",
    [
        SearchCV(LogisticRegression(), {"C": loguniform(0.1, 10)}, cv=2, budget="6 trials", error_score="raise"),
        SearchCV(make_pipeline(PCA(), Ridge()), {"ridge__alpha": [0.1, 1.0]}, cv=2, error_score="raise"),
        SearchCV(make_pipeline(PCA(), LogisticRegression()), {"logisticregression__C": [0.1, 1.0]}, cv=2),
        SearchCV(Ridge(), {"alpha": loguniform(0.1, 10)}, cv=2, budget="6 trials", error_score="raise"),
    ],
    ids=["LogisticRegression, searched", "PCA, Ridge", "PCA, LogisticRegression", "Ridge, searched"],
)
def test_scikit_learn_checks_of_more(search):
    check_by_scikit_learn(search)


# --------------------------------------- examples of scikit-learn's documentation, with another import alone


def support_vectors(GridSearchCV):
    X, y = load_iris(return_X_y=True)
    return GridSearchCV(SVC(), {"kernel": ("linear", "rbf"), "C": [1, 10]}).fit(X, y)


def digits_by_precision_and_recall(GridSearchCV):
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X[:600], y[:600] == 8, test_size=0.5, random_state=0)

    def precise_then_sensitive(results):
        precision, recall = results["mean_test_precision"], results["mean_test_recall"]
        precise = precision >= min(0.98, precision.max())
        return int(np.argmax(np.where(precise, recall, -1)))

    grid = [
        {"kernel": ["rbf"], "gamma": [1e-3, 1e-4], "C": [10, 100, 1000]},
        {"kernel": ["linear"], "C": [1, 10, 100]},
    ]
    search = GridSearchCV(SVC(), param_grid=grid, scoring=["precision", "recall"], refit=precise_then_sensitive)
    search.fit(X_train, y_train)
    assert precision_score(y_test, search.predict(X_test)) > 0.9
    assert recall_score(y_test, search.predict(X_test)) > 0.8
    return search


def components_before_a_regression(GridSearchCV):
    X, y = load_digits(return_X_y=True)
    steps = Pipeline(
        [("scaler", StandardScaler()), ("pca", PCA()), ("logistic", LogisticRegression(max_iter=10_000, tol=0.1))]
    )
    grid = {"pca__n_components": [5, 15, 30], "logistic__C": np.logspace(-2, 2, 3)}
    return GridSearchCV(steps, grid, cv=3).fit(X[:300], y[:300])


def alternative_reductions(GridSearchCV):
    X, y = load_digits(return_X_y=True)
    steps = Pipeline(
        [("scaling", MinMaxScaler()), ("reduce", "passthrough"), ("classify", SVC(kernel="linear", max_iter=20_000))]
    )
    costs = [0.1, 1, 10]
    grid = [
        {"reduce": [PCA(random_state=0), "passthrough"], "classify__C": costs},
        {"reduce": [SelectKBest(f_classif)], "reduce__k": [8, 16], "classify__C": costs, "scaling": [None]},
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # features of the digits that are constant
        return GridSearchCV(steps, grid, cv=2).fit(X[:400], y[:400])


def two_metrics_of_a_tree(GridSearchCV):
    X, y = make_hastie_10_2(n_samples=500, random_state=42)
    scoring = {"AUC": "roc_auc", "Accuracy": make_scorer(accuracy_score)}
    search = GridSearchCV(
        DecisionTreeClassifier(random_state=42),
        param_grid={"min_samples_split": range(2, 403, 80)},
        scoring=scoring,
        refit="AUC",
        return_train_score=True,
    )
    return search.fit(X, y)


def smallest_good_enough(GridSearchCV):
    X, y = load_digits(return_X_y=True)

    def within_one_deviation(results):
        best = np.argmax(results["mean_test_score"])
        enough = results["mean_test_score"][best] - results["std_test_score"][best]
        sizes = results["param_reduce__n_components"].astype(int)
        return int(np.argmin(np.where(results["mean_test_score"] >= enough, sizes, sizes.max() + 1)))

    steps = Pipeline([("reduce", PCA(random_state=42)), ("classify", LogisticRegression(C=0.01, max_iter=1000))])
    grid = {"reduce__n_components": [6, 8, 10, 15, 20]}
    search = GridSearchCV(steps, grid, scoring="accuracy", refit=within_one_deviation, cv=3)
    return search.fit(X[:400], y[:400])


def kernel_regression(GridSearchCV):
    rng = np.random.RandomState(0)
    X = 5 * rng.rand(100, 1)
    y = np.sin(X).ravel() + rng.randn(100) / 5
    grid = {"alpha": [1e0, 0.1, 1e-2, 1e-3], "gamma": np.logspace(-2, 2, 5)}
    return GridSearchCV(KernelRidge(kernel="rbf", gamma=0.1), param_grid=grid).fit(X, y)


def density_bandwidth(GridSearchCV):
    X = load_digits().data[:300]
    grid = {"bandwidth": np.logspace(-1, 1, 8)}
    return GridSearchCV(KernelDensity(), grid).fit(PCA(n_components=15, whiten=False, random_state=0).fit_transform(X))


EXAMPLES = [
    support_vectors,
    digits_by_precision_and_recall,
    components_before_a_regression,
    alternative_reductions,
    two_metrics_of_a_tree,
    smallest_good_enough,
    kernel_regression,
    density_bandwidth,
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.__name__)
def test_examples_of_the_documentation_give_the_same(example):
    assert_same_results(example(SearchCV), example(GridSearchCV))


def test_nested_cross_validation_gives_the_same(iris):
    def scores(GridSearchCV):
        inner, outer = (KFold(n_splits=3, shuffle=True, random_state=seed) for seed in (0, 1))
        search = GridSearchCV(estimator=SVC(), param_grid={"C": [1, 10, 100], "gamma": [0.01, 0.1]}, cv=inner)
        return cross_val_score(search, X=iris[0], y=iris[1], cv=outer)

    np.testing.assert_array_equal(scores(SearchCV), scores(GridSearchCV))


def test_a_randomized_search_is_a_search_of_as_many(iris):
    distributions = {"C": uniform(loc=0, scale=4), "l1_ratio": [0.0]}
    search = SearchCV(
        estimator=LogisticRegression(max_iter=500),
        param_distributions=distributions,
        n_iter=6,
        random_state=0,
    ).fit(*iris)
    assert len(search.cv_results_["params"]) == 6
    assert all(0 < params["C"] < 4 and params["l1_ratio"] == 0.0 for params in search.cv_results_["params"])


# ------------------------------------------------------------------------------------------ whole grids


def test_a_grid_of_the_default_budget_is_run_whole_and_a_larger_one_searched(iris):
    small, large = {"var_smoothing": np.logspace(-9, 0, 50)}, {"var_smoothing": np.logspace(-9, 0, 51)}

    def fitted(cls, grid, **options):
        return cls(GaussianNB(), grid, cv=2, **options).fit(*iris)

    assert_same_results(fitted(SearchCV, small), fitted(GridSearchCV, small))
    assert fitted(SearchCV, large, budget=None).cv_results_["params"] == list(ParameterGrid(large))
    assert len(fitted(SearchCV, large, searcher="random").cv_results_["params"]) == 50


def test_an_empty_grid_is_the_estimator_as_it_is(iris):
    assert_same_results(SearchCV(GaussianNB(), {}).fit(*iris), GridSearchCV(GaussianNB(), {}).fit(*iris))
    assert SearchCV(GaussianNB(), {"var_smoothing": [1e-9]}, budget="1 hour").fit(*iris).best_params_ == {
        "var_smoothing": 1e-9
    }


def test_finite_settings_of_luthier_are_run_whole(iris):
    space = {"kernel": lt.Choice(("linear", "rbf")), "gamma": lt.Choice((0.1, 1.0), when={"kernel": "rbf"})}
    search = SearchCV(SVC(), space).fit(*iris)
    expected = [{"kernel": "linear"}, {"kernel": "rbf", "gamma": 0.1}, {"kernel": "rbf", "gamma": 1.0}]
    assert search.cv_results_["params"] == expected
    assert search.cv_results_["param_gamma"].mask.tolist() == [True, False, False]


# -------------------------------------------------------------------------------------------- searching


@pytest.fixture
def spies(monkeypatch):
    return planted(monkeypatch, integration)


@pytest.mark.prove
def test_the_model_comes_near_a_whole_grid_by_a_tenth_of_it():
    X, y = load_breast_cancer(return_X_y=True)
    X, y = StandardScaler().fit_transform(X), y
    space = {"C": np.logspace(-3, 3, 13), "gamma": np.logspace(-5, 1, 13)}
    whole = GridSearchCV(SVC(), space, cv=2).fit(X, y)
    better = []
    for seed in range(4):
        search = SearchCV(SVC(), space, budget="17 trials", cv=2, random_state=seed).fit(X, y)
        assert len({(params["C"], params["gamma"]) for params in search.cv_results_["params"]}) == 17
        better.append(np.mean(whole.cv_results_["mean_test_score"] > search.best_score_))
    assert np.mean(better) < 0.03  # the best of 17 drawn at random leaves a share of 1 in 18 above it


def test_it_is_told_what_was_measured(iris, spies):
    search = SearchCV(SVC(), {"C": loguniform(0.1, 10)}, budget="5 trials", random_state=0).fit(*iris)
    (spy,) = spies
    assert [trial.value for trial in spy.heard] == search.cv_results_["mean_test_score"].tolist()
    assert [trial.config["C"] for trial in spy.heard] == search.cv_results_["param_C"].tolist()
    assert all(trial.status is Status.COMPLETED for trial in spy.heard)
    assert [trial.id for trial in spy.heard] == [0, 1, 2, 3, 4]


def test_dicts_are_branches(iris, spies):
    costs = [0.1, 1, 10]
    space = [
        {"kernel": ["linear"], "C": costs},
        {"kernel": ["rbf"], "C": costs, "gamma": loguniform(1e-3, 1)},
        {"kernel": ["poly"], "C": [5, 50], "degree": randint(2, 4)},
    ]
    search = SearchCV(SVC(), space, budget="12 trials", random_state=0).fit(*iris)
    known = spies[0].space.parameters
    assert known["(branch)"] == lt.Choice((0, 1, 2))
    assert known["C (branch 0)"] == lt.Choice((0, 1, 2), ordered=True, when={"(branch)": (0, 1)})
    assert known["gamma"] == lt.Float(1e-3, 1, log=True, when={"(branch)": 1})
    assert known["C (branch 2)"] == lt.Choice((0, 1), ordered=True, when={"(branch)": 2})
    assert known["degree"] == lt.Int(2, 3, when={"(branch)": 2})
    names = {"linear": {"kernel", "C"}, "rbf": {"kernel", "C", "gamma"}, "poly": {"kernel", "C", "degree"}}
    assert {params["kernel"] for params in search.cv_results_["params"]} == set(names)
    assert all(set(params) == names[params["kernel"]] for params in search.cv_results_["params"])


def test_values_may_be_anything(iris):
    def log1p(X):
        return np.log1p(X)

    from sklearn.preprocessing import FunctionTransformer

    steps = Pipeline([("scale", None), ("reduce", "passthrough"), ("classify", SVC())])
    space = {
        "scale": [None, StandardScaler(), FunctionTransformer()],
        "reduce": ["passthrough", PCA(1), PCA(2)],
        "classify__C": loguniform(0.1, 10),
        "classify__class_weight": [None, "balanced", {0: 1, 1: 2, 2: 1}],
    }
    search = SearchCV(steps, space, budget="8 trials", random_state=1).fit(*iris)
    assert search.best_score_ > 0.9
    assert {type(value) for value in search.cv_results_["param_scale"]} <= {
        type(None),
        StandardScaler,
        FunctionTransformer,
    }
    alone = SearchCV(FunctionTransformer(), {"func": [None, log1p]}, scoring=lambda *_: 0.5).fit(iris[0])
    assert alone.cv_results_["param_func"].tolist() == [None, log1p]


def test_equal_random_states_give_equal_searches(iris):
    def tried(random_state, jobs=None):
        space = {"C": loguniform(0.1, 10)}
        search = SearchCV(SVC(), space, cv=2, budget="6 trials", n_jobs=jobs, random_state=random_state)
        return search.fit(*iris).cv_results_["param_C"].tolist()

    assert tried(0) == tried(0) == tried(np.random.RandomState(0))
    assert tried(0) != tried(1)
    with parallel_config(backend="threading"):
        assert tried(0, jobs=2) == tried(0, jobs=2)
    state = np.random.RandomState(0)
    assert tried(state) != tried(state)


def test_processes_get_batches(iris, spies):
    with parallel_config(backend="threading"):
        search = SearchCV(SVC(), {"C": loguniform(0.1, 10)}, cv=2, n_jobs=4, budget="7 trials").fit(*iris)
    assert [count for count, _ in spies[0].asked] == [2, 2, 2, 1]
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_two_processes_find_the_same_where_folds_fill_them(iris):
    def fitted(jobs):
        space = [{"kernel": ["rbf"], "C": loguniform(0.1, 10)}, {"kernel": ["linear"]}]
        search = SearchCV(SVC(), space, cv=2, n_jobs=jobs, budget="5 trials", random_state=0)
        return search.fit(*iris)

    assert_same_results(fitted(2), fitted(None))


@pytest.mark.parametrize(
    ("jobs", "folds", "size"), [(1, 5, 1), (2, 5, 1), (4, 5, 2), (8, 5, 3), (64, 5, 11), (4, 1, 4), (3, 10, 1)]
)
def test_batches_are_as_small_as_keeps_processes_busy(jobs, folds, size):
    assert batch_size(jobs, folds) == size


def test_all_batches_meet_the_same_folds(iris):
    class Fold(KFold):
        splits = 0

        def split(self, *args, **kwargs):
            Fold.splits += 1
            return super().split(*args, **kwargs)

    space = {"random_state": lt.Int(0, 10_000)}  # which changes nothing
    search = SearchCV(Ridge(), space, cv=Fold(3, shuffle=True), budget="5 trials").fit(*iris)
    assert len(set(search.cv_results_["mean_test_score"].tolist())) == 1
    assert Fold.splits == 1
    listed, scores = list(StratifiedKFold(3).split(*iris)), set()
    for cv in (listed, iter(listed), StratifiedKFold(3), 3):
        again = SearchCV(SVC(), {"C": loguniform(0.1, 1)}, cv=cv, budget="3 trials", random_state=0).fit(*iris)
        assert again.n_splits_ == 3
        scores.add(tuple(again.cv_results_["mean_test_score"]))
    assert len(scores) == 1


def test_it_says_what_it_does(iris, capsys):
    SearchCV(GaussianNB(), {"var_smoothing": [1e-9, 1e-3]}, verbose=1).fit(*iris)
    assert "[SearchCV] the whole space, 2 candidates, which the budget (50 trials) covers" in capsys.readouterr().out
    space = {"var_smoothing": [1e-9, 1e-6, 1e-3, 1]}
    SearchCV(GaussianNB(), space, budget="3 trials", verbose=1, random_state=0).fit(*iris)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("[SearchCV]")]
    assert re.fullmatch(r"\[SearchCV\] 1 trial in [\d.]+ s \(budget: 3 trials\), best score 0\.\d+", lines[0])
    assert len(lines) == 3
    SearchCV(GaussianNB(), space, budget="1 hour", verbose=1).fit(*iris)
    assert "[SearchCV] stopped, since every candidate of the space has been tried" in capsys.readouterr().out
    SearchCV(GaussianNB(), space).fit(*iris)
    assert capsys.readouterr().out == ""


# ------------------------------------------------------------------------------------------------- time


class Slow(ClassifierMixin, BaseEstimator):
    """A constant classifier whose fits each take a second of a clock of their own."""

    seconds = 0

    def __init__(self, x=0.0):
        self.x = x

    def fit(self, X, y):
        Slow.seconds += 1
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


@pytest.fixture
def slow_clock(monkeypatch):
    Slow.seconds = 0
    monkeypatch.setattr(integration, "Pace", partial(Pace, now=lambda: float(Slow.seconds)))


@pytest.mark.parametrize(("budget", "fits"), [("20s", 18), ("18s", 18), ("17s", 15), ("1s", 3), ("4 trials, 100s", 12)])
def test_nothing_begins_that_would_end_too_late(iris, slow_clock, budget, fits):
    search = SearchCV(Slow(), {"x": uniform(0, 1)}, budget=budget, cv=3, searcher="random", refit=False).fit(*iris)
    assert Slow.seconds == fits
    assert len(search.cv_results_["params"]) == fits // 3


def test_the_refit_is_within_the_time(iris, slow_clock, monkeypatch):
    monkeypatch.setattr(SearchCV, "_refit_seconds", lambda *_: 1.0)
    SearchCV(Slow(), {"x": uniform(0, 1)}, budget="18s", cv=3, searcher="random").fit(*iris)
    assert Slow.seconds == 15 + 1


# --------------------------------------------------------------------------------------------- failures


class Fragile(ClassifierMixin, BaseEstimator):
    """Predicts the first class; can't be fitted with x below .5, nor with `bad` on rows of which `bad` says so."""

    def __init__(self, x=1.0, bad=0.5):
        self.x = x
        self.bad = bad

    def fit(self, X, y):
        if self.x < self.bad:
            raise RuntimeError(f"x is {self.x}")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[int(self.x > 0.9)])


def fragile_search(**options):
    defaults = {"budget": "12 trials", "cv": 3, "random_state": 2, "searcher": "random"}
    return SearchCV(Fragile(), {"x": uniform(0, 1)}, **{**defaults, **options})


@pytest.mark.filterwarnings("ignore:One or more of the test scores:UserWarning")
@pytest.mark.filterwarnings("ignore:One or more of the train scores:UserWarning")
@pytest.mark.parametrize("several", [False, True])
def test_failures_are_told_and_recorded_where_they_happened(iris, spies, several):
    options = {"scoring": ["accuracy", "f1_macro"], "refit": "accuracy"} if several else {}
    with pytest.warns(FitFailedWarning):
        search = fragile_search(return_train_score=True, **options).fit(*iris)
    name = "accuracy" if several else "score"
    x, scores = search.cv_results_["param_x"].data.astype(float), search.cv_results_[f"mean_test_{name}"]
    assert len(x) == 12
    np.testing.assert_array_equal(np.isnan(scores), x < 0.5)
    np.testing.assert_array_equal(np.isnan(search.cv_results_[f"mean_train_{name}"]), x < 0.5)
    assert 0 < np.isnan(scores).sum() < 12
    assert np.isnan(scores[0]) == (x[0] < 0.5)
    heard = spies[0].heard
    assert [trial.config["x"] for trial in heard] == x.tolist()
    assert [trial.status is Status.FAILED for trial in heard] == np.isnan(scores).tolist()
    assert search.best_params_["x"] >= 0.5
    assert np.isfinite(search.best_score_)
    assert search.cv_results_[f"rank_test_{name}"].max() == 1 + np.isfinite(scores).sum()


def test_a_callable_of_several_scores_bears_failures(iris):
    def scores(model, X, y):
        return {"a": accuracy_score(y, model.predict(X)), "b": 1.0}

    with pytest.warns((FitFailedWarning, UserWarning)):
        search = fragile_search(scoring=scores, refit="a").fit(*iris)
    assert search.multimetric_
    assert np.isnan(search.cv_results_["mean_test_b"]).sum() > 0
    assert search.best_score_ == search.cv_results_["mean_test_a"][search.best_index_]


def test_a_number_stands_for_failures_if_asked(iris, spies):
    with pytest.warns(FitFailedWarning, match="candidates failed on all folds; their scores are set to -1"):
        search = fragile_search(error_score=-1).fit(*iris)
    assert set(search.cv_results_["mean_test_score"][search.cv_results_["param_x"].data < 0.5]) == {-1.0}
    assert -1.0 in [trial.value for trial in spies[0].heard]


def test_a_search_in_which_all_fail_raises(iris):
    with pytest.raises(ValueError, match=r"All the 3 fits failed(.|\n)*RuntimeError: x is "):
        fragile_search(budget="3 trials").set_params(estimator=Fragile(bad=2.0)).fit(*iris)
    with pytest.raises(RuntimeError, match="x is "):
        fragile_search(error_score="raise").fit(*iris)


def test_other_errors_pass_through(iris):
    with pytest.raises(ValueError, match="Invalid parameter 'y' for estimator Fragile"):
        SearchCV(Fragile(), {"y": uniform(0, 1)}).fit(*iris)


# ------------------------------------------------------------------------- metrics, groups, weights, routing


@pytest.mark.parametrize(
    ("scoring", "refit"),
    [
        (None, True),
        ("f1_macro", True),
        (make_scorer(accuracy_score), True),
        (["accuracy", "f1_macro"], "f1_macro"),
        (("accuracy", "f1_macro"), False),
        ({"a": "accuracy", "b": make_scorer(recall_score, average="macro")}, "b"),
        (lambda model, X, y: {"a": model.score(X, y), "b": 0.5}, "a"),
        ("accuracy", False),
        ("accuracy", lambda results: int(results["mean_test_score"].argmin())),
    ],
)
def test_metrics_are_those_of_grid_search(iris, scoring, refit):
    def fitted(cls):
        return cls(SVC(), {"C": [0.01, 0.1, 1]}, scoring=scoring, refit=refit, cv=3).fit(*iris)

    ours, theirs = fitted(SearchCV), fitted(GridSearchCV)
    assert_same_results(ours, theirs)
    if refit and not callable(refit):
        assert ours.score(*iris) == theirs.score(*iris)


def test_the_search_follows_the_metric_of_the_refit_else_the_first(iris, spies):
    scoring = {"a": "accuracy", "b": "neg_log_loss"}
    for refit, followed in (("b", "b"), (False, "a"), (lambda results: 0, "a")):
        search = SearchCV(
            LogisticRegression(max_iter=1000),
            {"C": loguniform(0.01, 1)},
            scoring=scoring,
            refit=refit,
            cv=2,
            budget="3 trials",
        ).fit(*iris)
        assert [trial.value for trial in spies[-1].heard] == search.cv_results_[f"mean_test_{followed}"].tolist()


def test_groups_stay_together():
    X, y = make_classification(n_samples=90, random_state=0)
    groups = np.repeat(np.arange(9), 10)

    def fitted(cls, space, **options):
        return cls(LogisticRegression(), space, cv=GroupKFold(3), **options).fit(X, y, groups=groups)

    assert_same_results(fitted(SearchCV, {"C": [0.1, 1]}), fitted(GridSearchCV, {"C": [0.1, 1]}))
    searched = fitted(SearchCV, {"C": loguniform(0.1, 1)}, budget="3 trials")
    again = fitted(GridSearchCV, {key: [value] for key, value in searched.best_params_.items()})
    assert again.best_score_ == searched.best_score_
    with pytest.raises(ValueError, match="'groups' parameter should not be None"):
        SearchCV(LogisticRegression(), {"C": loguniform(0.1, 1)}, cv=GroupKFold(3)).fit(X, y)


def test_weights_reach_fits_and_scores():
    X, y = make_classification(n_samples=90, flip_y=0.3, random_state=0)
    weights = np.where(y == 1, 10.0, 0.1)

    def fitted(cls, space, sample_weight, **options):
        return cls(LogisticRegression(), space, cv=3, **options).fit(X, y, sample_weight=sample_weight)

    grid = {"C": [0.1, 1]}
    assert_same_results(fitted(SearchCV, grid, weights), fitted(GridSearchCV, grid, weights))
    plain, weighted = (fitted(SearchCV, grid, w).cv_results_["mean_test_score"] for w in (None, weights))
    assert not np.array_equal(plain, weighted)
    searched = fitted(SearchCV, {"C": loguniform(0.1, 1)}, weights, budget="3 trials")
    again = fitted(GridSearchCV, {key: [value] for key, value in searched.best_params_.items()}, weights)
    assert again.best_score_ == searched.best_score_


def test_metadata_is_routed():
    X, y = make_classification(n_samples=90, flip_y=0.3, random_state=0)
    weights, groups = np.where(y == 1, 10.0, 0.1), np.repeat(np.arange(9), 10)
    with config_context(enable_metadata_routing=True):

        def fitted(cls, space, **options):
            model = LogisticRegression().set_fit_request(sample_weight=True)
            scorer = get_scorer("accuracy").set_score_request(sample_weight="importance")
            search = cls(model, space, scoring=scorer, cv=GroupKFold(3), **options)
            return search.fit(X, y, sample_weight=weights, importance=weights, groups=groups)

        ours, theirs = fitted(SearchCV, {"C": [0.1, 1]}), fitted(GridSearchCV, {"C": [0.1, 1]})
        assert_same_results(ours, theirs)
        assert ours.score(X, y, importance=weights) == theirs.score(X, y, importance=weights) != ours.score(X, y)
        assert str(ours.get_metadata_routing()).replace("SearchCV", "") == str(theirs.get_metadata_routing()).replace(
            "GridSearchCV", ""
        )
        searched = fitted(SearchCV, {"C": loguniform(0.1, 1)}, budget="3 trials")
        again = fitted(GridSearchCV, {key: [value] for key, value in searched.best_params_.items()})
        assert again.best_score_ == searched.best_score_
        with pytest.raises(TypeError, match="unexpected argument"):
            SearchCV(LogisticRegression(), {"C": [1]}).fit(X, y, nonsense=weights)


# ---------------------------------------------------------------------------------- an estimator like any other


def test_what_the_best_estimator_offers(iris):
    X, y = iris
    search = SearchCV(SVC(), {"C": [1, 10]}).fit(X, y)
    assert is_classifier(search)
    assert not is_regressor(search)
    assert search.classes_.tolist() == [0, 1, 2]
    assert search.n_features_in_ == 4
    assert search.refit_time_ > 0
    np.testing.assert_array_equal(search.predict(X), search.best_estimator_.predict(X))
    np.testing.assert_array_equal(search.decision_function(X), search.best_estimator_.decision_function(X))
    assert not hasattr(search, "predict_proba")
    assert not hasattr(search, "transform")
    assert not hasattr(search, "set_output")
    proba = SearchCV(GaussianNB(), {}).fit(X, y)
    np.testing.assert_array_equal(proba.predict_proba(X), proba.best_estimator_.predict_proba(X))
    reduced = SearchCV(PCA(), {"n_components": [1, 2, 3]}).fit(X)
    np.testing.assert_array_equal(reduced.transform(X), reduced.best_estimator_.transform(X))
    np.testing.assert_allclose(reduced.inverse_transform(reduced.transform(X)), X, atol=1)
    assert reduced.score_samples(X).shape == (150,)
    with pytest.raises(NotFittedError):
        SearchCV(SVC(), {"C": [1]}).predict(X)


def test_outputs_are_frames_if_asked():
    polars = pytest.importorskip("polars")
    wine = load_wine()
    X = polars.DataFrame(wine.data, schema=list(wine.feature_names))
    search = SearchCV(StandardScaler(), {"with_mean": [True, False]}, scoring=lambda *_: 1.0)
    search.set_output(transform="polars").fit(X)
    assert isinstance(search.transform(X), polars.DataFrame)
    assert search.feature_names_in_.tolist() == wine.feature_names
    assert search.transform(X).columns == wine.feature_names
    assert isinstance(search.set_output(transform="default").transform(X), np.ndarray)
    assert isinstance(clone(search.set_output(transform="polars")).fit(X).transform(X), polars.DataFrame)


def test_it_pickles_and_clones(iris):
    X, y = iris
    space = {"C": loguniform(0.1, 10), "gamma": lt.Float(0.01, 1, log=True), "kernel": ["rbf", "poly"]}
    search = SearchCV(SVC(), space, budget="5 trials", random_state=0, cv=3)
    fitted = pickle.loads(pickle.dumps(search)).fit(X, y)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
    np.testing.assert_array_equal(again.cv_results_["mean_test_score"], fitted.cv_results_["mean_test_score"])
    copy = clone(fitted)
    assert not hasattr(copy, "best_params_")
    assert copy.get_params().keys() == search.get_params().keys()
    assert copy.fit(X, y).best_params_ == fitted.best_params_
    assert set(vars(fitted)) - set(search.get_params()) == {
        name for name in vars(GridSearchCV(SVC(), {"C": [1]}).fit(X, y)) if name.endswith("_") or name.startswith("_")
    } - {"feature_names_in_"}


def test_callbacks_of_scikit_learn_see_it_through(iris, capsys):
    callback = pytest.importorskip("sklearn.callback", reason="callbacks came with scikit-learn 1.9")

    class Count:
        def __init__(self):
            self.begun, self.ended = [], []

        def setup(self, *args, **kwargs):
            pass

        def teardown(self, *args, **kwargs):
            pass

        def on_fit_task_begin(self, context=None, *args, **kwargs):
            self.begun.append(kwargs.get("context", context))

        def on_fit_task_end(self, context=None, *args, **kwargs):
            self.ended.append(kwargs.get("context", context))

    assert isinstance(Count(), callback.FitCallback)
    for space in ({"C": [1, 10]}, {"C": loguniform(1, 10)}):
        count = Count()
        SearchCV(SVC(), space, cv=2, budget="2 trials").set_callbacks(count).fit(*iris)
        assert len(count.begun) == len(count.ended) >= 4 + 3


# ------------------------------------------------------------------------------------------------ spaces


def parameter(content, name="x"):
    return read_space({name: content}).space.parameters.get(name)


def test_distributions_become_ranges():
    assert parameter(loguniform(1e-3, 10)) == lt.Float(1e-3, 10, log=True)
    assert parameter(randint(2, 6)) == lt.Int(2, 5)
    even = parameter(uniform(2, 4))
    assert (even.low, even.high) == pytest.approx((2, 6), abs=1e-5)
    assert 2 < even.low < even.high < 6
    assert parameter(poisson(2)).ordered
    for moved in (loguniform(1, 10, loc=3), expon(scale=100), norm(5, 1)):
        space = read_space({"x": moved})
        assert space.params(space.space.from_unit([0.5]))["x"] == pytest.approx(float(moved.ppf(0.5)))
    counts = read_space({"x": poisson(2)})
    rng = np.random.default_rng(0)
    drawn = [counts.params(counts.space.sample(rng))["x"] for _ in range(2000)]
    assert np.mean(drawn) == pytest.approx(2, abs=0.15)
    many = read_space({"x": poisson(50_000)})
    assert isinstance(many.params(many.space.sample(rng))["x"], int)


def test_single_values_are_no_settings():
    space = read_space({"a": [PCA()], "b": randint(3, 4), "c": [1, 2]})
    assert list(space.space.parameters) == ["c"]
    params = space.params(space.space.config())
    assert isinstance(params["a"], PCA)
    assert (params["b"], params["c"]) == (3, 1)


def test_lists_of_numbers_are_in_order():
    space = read_space({"x": [10, 0.1, 1, 1], "y": [True, False], "z": [None, 5]})
    assert [space.params(config)["x"] for config in space.space.grid(9)][::4] == [0.1, 1, 10]
    assert space.space.parameters["x"].ordered
    assert not space.space.parameters["y"].ordered
    assert not space.space.parameters["z"].ordered
    long = read_space({"x": np.arange(5000)[::-1]})
    assert long.space.parameters["x"] == lt.Int(0, 4999)
    assert long.params(long.space.config({"x": 7}))["x"] == 7


def test_what_names_mean():
    assert parameter("auto", "logisticregression__C").log
    with pytest.raises(UnknownName, match="unknown setting for 'auto' 'kernle'"):
        parameter("auto", "svc__kernle")


def test_conditions_look_at_what_the_estimator_gets():
    space = read_space(
        {
            "kernel": ["linear", "rbf"],
            "gamma": lt.Float(0, 1, when={"kernel": "rbf"}),
            "depth": [2, 8, 4],
            "leaves": lt.Int(1, 9, when={"depth": lt.Range(4)}),
            "mode": ["only"],
            "always": lt.Float(0, 1, when={"mode": "only"}),
            "never": lt.Float(0, 1, when={"mode": "other"}),
        }
    )
    rng = np.random.default_rng(0)
    for _ in range(50):
        params = space.params(space.space.sample(rng))
        assert ("gamma" in params) == (params["kernel"] == "rbf")
        assert ("leaves" in params) == (params["depth"] >= 4)
        assert "always" in params
        assert "never" not in params


def test_a_grid_as_a_space_holds_each_candidate_once():
    grid = [{"a": [3, 1, 2], "b": ["x", None]}, {"a": [1], "c": [True, False, PCA]}, {}]
    space = read_space(grid)
    from luthier.search.finite import all_configs

    listed = all_configs(space.space, 100)
    found = [space.params(config) for config in listed]
    expected = list(ParameterGrid(grid))
    assert len(found) == len(expected) == 10
    assert all(params in expected for params in found)


class OnlyDraws:
    def rvs(self, random_state=None):
        return 1.0


BAD = [
    ({"space": None}, SpaceError, "a space must be a dict of parameters and what to search for each.*got None"),
    ({"space": []}, SpaceError, "or a list of such dicts; got \\[\\]"),
    ({"space": [3]}, SpaceError, "each part of a space must be a dict with the names of parameters as keys; got 3"),
    ({"space": {"C": 1.0}}, SpaceError, "'C' must have values to search, such as .*; got 1.0"),
    (
        {"space": {"kernel": "rbf"}},
        SpaceError,
        "must be a list such as \\['rbf'\\], also where there is one; got 'rbf'",
    ),
    ({"space": {"C": []}}, SpaceError, "'C' must have at least one value; got an empty list"),
    ({"space": {"C": np.ones((2, 3))}}, SpaceError, "a list or a 1-d array; got an array of shape \\(2, 3\\)"),
    ({"space": {"C": OnlyDraws()}}, SpaceError, "must have `ppf`.*got OnlyDraws, which has `rvs` alone"),
    ({"space": {"C": uniform(0, -1)}}, SpaceError, "must have finite quantiles at 0.001 and 0.999; got nan and nan"),
    (
        {"space": {"C": expon(), "gamma": lt.Float(0, 1, when={"C": lt.Range(1)})}},
        SpaceError,
        "setting 'gamma' depends on one that is searched by the quantiles of a distribution",
    ),
    ({"budget": "fifty"}, UsageError, "the budget 'fifty' can't be read"),
    ({"budget": "$5"}, UsageError, "spends trials and time, so its budget must be such as '50 trials'.*got \\$5.00"),
    ({"budget": 5}, InvalidParameterError, "The 'budget' parameter of SearchCV must be .*Got 5 instead"),
    ({"budget": None}, UsageError, "a space without a budget is run whole, so it must be made of lists"),
    ({"searcher": "modle"}, UnknownName, "unknown searcher 'modle'; known are: model"),
    ({"searcher": 3}, InvalidParameterError, "The 'searcher' parameter of SearchCV must be an instance of 'str'"),
    ({"n_iter": 0}, InvalidParameterError, "The 'n_iter' parameter of SearchCV must be an int in the range"),
    ({"param_grid": {"C": [1]}}, UsageError, "takes one space, but space and param_grid were given; keep one"),
    ({"random_state": "x"}, InvalidParameterError, "The 'random_state' parameter of SearchCV"),
    ({"scoring": "acuracy"}, InvalidParameterError, "The 'scoring' parameter of SearchCV must be"),
]


@pytest.mark.parametrize(("change", "error", "text"), BAD, ids=lambda part: str(part)[:30])
def test_bad_input_is_refused_before_anything_is_fitted(iris, change, error, text):
    class Unfittable(SVC):
        def fit(self, *args, **kwargs):
            raise AssertionError("was fitted")

    search = SearchCV(Unfittable(), {"C": loguniform(0.1, 1)}, error_score="raise").set_params(**change)
    with pytest.raises(error, match=text) as raised:
        search.fit(*iris)
    assert isinstance(raised.value, LuthierError | ValueError)


@pytest.mark.prove
def test_real_data_by_every_searcher():
    X, y = load_diabetes(return_X_y=True)
    plain = cross_val_score(KernelRidge(kernel="rbf"), X, y).mean()
    for searcher in ("asha", "cma-es", "grid", "model", "random", "sobol", "tpe"):
        space = {"alpha": loguniform(1e-4, 10), "gamma": "auto"}
        search = SearchCV(KernelRidge(kernel="rbf"), space, budget="20 trials", searcher=searcher, random_state=0)
        assert search.fit(X, y).best_score_ > plain
        assert isinstance(search.best_params_["alpha"], float)
    assert StratifiedKFold().get_n_splits() == search.n_splits_
