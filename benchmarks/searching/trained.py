"""Small scikit-learn models, trained for real on data that scikit-learn carries: cross-validated error, 3 folds.

The folds are fixed, so an evaluation shows the truth; with a few hundred rows, ties are common. What was trained
is kept under `.bench/cache` by the config's key, and never trained again.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from luthier.core.config import Config
from luthier.core.parameter import Choice, Float, Int, Range
from luthier.core.space import Space
from searching.files import append_line
from searching.problem import Vector

FOLDS = 3


def _when(model: str | Sequence[str]) -> Mapping[str, Any]:
    return {"model": model}


MODELS = Space(
    {
        "model": Choice(("logistic", "svm", "forest", "boosting", "knn")),
        "scale": Choice(("standard", "none"), when=_when(["logistic", "svm", "knn"])),
        "logistic_C": Float(1e-4, 1e3, log=True, when=_when("logistic")),
        "svm_C": Float(1e-3, 1e3, log=True, when=_when("svm")),
        "kernel": Choice(("linear", "rbf", "sigmoid"), when=_when("svm")),
        "gamma": Float(1e-5, 1.0, log=True, when={"model": "svm", "kernel": ["rbf", "sigmoid"]}),
        "trees": Int(5, 40, log=True, when=_when("forest")),
        "max_features": Float(0.05, 1.0, when=_when("forest")),
        "leaf": Int(1, 20, log=True, when=_when("forest")),
        "rounds": Int(5, 50, log=True, when=_when("boosting")),
        "learning_rate": Float(1e-2, 1.0, log=True, when=_when("boosting")),
        "depth": Int(1, 6, when=_when("boosting")),
        "subsample": Float(0.3, 1.0, when=_when("boosting")),
        "neighbors": Int(1, 60, log=True, when=_when("knn")),
        "weights": Choice(("uniform", "distance"), when=_when("knn")),
        "power": Float(1.0, 4.0, when=_when("knn")),
    }
)

SUPPORT = Space(
    {
        "C": Float(1e-3, 1e3, log=True),
        "kernel": Choice(("linear", "rbf", "poly", "sigmoid")),
        "gamma": Float(1e-5, 1e1, log=True, when={"kernel": ["rbf", "poly", "sigmoid"]}),
        "degree": Int(2, 5, when={"kernel": "poly"}),
        "coef0": Float(-1.0, 1.0, when={"kernel": ["poly", "sigmoid"]}),
        "shrinking": Choice((True, False)),
    }
)

BOOSTING = Space(
    {
        "rounds": Int(10, 120, log=True),
        "learning_rate": Float(1e-3, 1.0, log=True),
        "limit": Choice(("depth", "leaves")),
        "depth": Int(1, 6, when={"limit": "depth"}),
        "leaves": Int(2, 32, log=True, when={"limit": "leaves"}),
        "leaf": Int(1, 50, log=True),
        "subsample": Float(0.3, 1.0),
        "max_features": Float(0.1, 1.0),
    }
)

PERCEPTRON = Space(
    {
        "layers": Int(1, 2),
        "width_1": Int(8, 96, log=True),
        "width_2": Int(8, 96, log=True, when={"layers": Range(2)}),
        "activation": Choice(("relu", "tanh", "logistic")),
        "solver": Choice(("adam", "sgd")),
        "momentum": Float(0.0, 0.99, when={"solver": "sgd"}),
        "learning_rate": Float(1e-4, 1.0, log=True),
        "batch_size": Int(16, 128, log=True),
        "alpha": Float(1e-6, 1e1, log=True),
    }
)

PIPELINE = Space(
    {
        "scale": Choice(("standard", "minmax", "none")),
        "reduce": Choice(("none", "select", "pca")),
        "kept": Int(1, 13, when={"reduce": ["select", "pca"]}),
        "whiten": Choice((False, True), when={"reduce": "pca"}),
        "model": Choice(("logistic", "svm", "knn")),
        "logistic_C": Float(1e-4, 1e3, log=True, when=_when("logistic")),
        "svm_C": Float(1e-3, 1e3, log=True, when=_when("svm")),
        "gamma": Float(1e-5, 1e1, log=True, when=_when("svm")),
        "neighbors": Int(1, 50, log=True, when=_when("knn")),
    }
)


@dataclass(frozen=True)
class Training:
    """What to train (`build` gives an estimator), on what, and how the folds are scored: an error, minimized."""

    name: str
    space: Space
    rows: Callable[[], tuple[Any, Any]]
    build: Callable[[Mapping[str, Any]], Any]
    regression: bool = False


@dataclass(frozen=True)
class Trained:
    """The mean error over folds by the config; trained where `kept`, a file of JSON lines, doesn't hold it yet."""

    training: Training
    kept: Path
    _known: dict[str, float] = field(default_factory=dict[str, float])

    def __post_init__(self) -> None:
        if self.kept.exists():
            self._known.update(_complete_pairs(self.kept.read_text()))

    def truths(self, configs: Sequence[Config]) -> Vector:
        return np.array([self._error(config) for config in configs])

    def observe(self, config: Config, seed: int, number: int) -> float:
        return self._error(config)

    def everything(self) -> None:
        return None

    def _error(self, config: Config) -> float:
        if config.key not in self._known:
            error = round(cross_validate(self.training, config), 9)
            self._known[config.key] = error
            append_line(self.kept, json.dumps([config.key, error]))
        return self._known[config.key]


def cross_validate(training: Training, settings: Mapping[str, Any]) -> float:
    """Mean over folds of the share misclassified, or of the root mean squared error; NaN where training fails."""
    from sklearn.model_selection import KFold, StratifiedKFold

    X, y = training.rows()
    folds = (KFold if training.regression else StratifiedKFold)(FOLDS, shuffle=True, random_state=0)
    errors: list[float] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a model that didn't converge is judged as it is
        for train, test in folds.split(X, y):
            try:
                guess = training.build(settings).fit(X[train], y[train]).predict(X[test])
            except ValueError:
                return float("nan")
            wrong = guess != y[test]
            errors.append(np.sqrt(np.mean((guess - y[test]) ** 2)) if training.regression else np.mean(wrong))
    mean = float(np.mean(errors))
    return mean if np.isfinite(mean) else float("nan")


def trained(training: Training, cache_folder: Path) -> Trained:
    return Trained(training, cache_folder / f"{training.name}.jsonl")


def _complete_pairs(text: str) -> Iterator[tuple[str, float]]:
    for line in text.splitlines():
        try:
            key, error = json.loads(line)
        except ValueError:
            continue  # a run was stopped while it wrote this line
        yield key, error


# ------------------------------------------------------------------------------------------------- rows


@cache
def _breast_cancer() -> tuple[Any, Any]:
    from sklearn.datasets import load_breast_cancer

    X, y = load_breast_cancer(return_X_y=True)
    return X, y


@cache
def _wine() -> tuple[Any, Any]:
    from sklearn.datasets import load_wine

    X, y = load_wine(return_X_y=True)
    return X, y


@cache
def _diabetes() -> tuple[Any, Any]:
    from sklearn.datasets import load_diabetes

    X, y = load_diabetes(return_X_y=True)
    return X, y


@cache
def _digits() -> tuple[Any, Any]:
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    return X[:500] / 16.0, y[:500]


# ------------------------------------------------------------------------------------------- estimators


def _scalers(settings: Mapping[str, Any]) -> list[Any]:
    from sklearn.preprocessing import MinMaxScaler, StandardScaler

    makers = {"standard": [StandardScaler()], "minmax": [MinMaxScaler()], "none": []}
    return makers[settings.get("scale", "none")]


def _model(settings: Mapping[str, Any]) -> Any:
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.svm import SVC

    match settings["model"]:
        case "logistic":
            return LogisticRegression(C=settings["logistic_C"], max_iter=200)
        case "svm":
            kernel = settings.get("kernel", "rbf")
            # On unscaled rows a linear kernel may take minutes; what hasn't converged is judged as it is.
            return SVC(C=settings["svm_C"], kernel=kernel, gamma=settings.get("gamma", "scale"), max_iter=5000)
        case "forest":
            return RandomForestClassifier(
                settings["trees"],
                max_features=settings["max_features"],
                min_samples_leaf=settings["leaf"],
                random_state=0,
            )
        case "boosting":
            return GradientBoostingClassifier(
                n_estimators=settings["rounds"],
                learning_rate=settings["learning_rate"],
                max_depth=settings["depth"],
                subsample=settings["subsample"],
                random_state=0,
            )
        case _:
            weights = settings.get("weights", "uniform")
            return KNeighborsClassifier(settings["neighbors"], weights=weights, p=settings.get("power", 2.0))


def _models(settings: Mapping[str, Any]) -> Any:
    from sklearn.pipeline import make_pipeline

    return make_pipeline(*_scalers(settings), _model(settings))


def _support(settings: Mapping[str, Any]) -> Any:
    from sklearn.svm import SVC

    return SVC(**settings, max_iter=5000)


def _boosting(settings: Mapping[str, Any]) -> Any:
    from sklearn.ensemble import GradientBoostingRegressor

    depth: Any = settings.get("depth")
    return GradientBoostingRegressor(
        n_estimators=settings["rounds"],
        learning_rate=settings["learning_rate"],
        max_depth=depth,
        max_leaf_nodes=settings.get("leaves"),
        min_samples_leaf=settings["leaf"],
        subsample=settings["subsample"],
        max_features=settings["max_features"],
        random_state=0,
    )


def _perceptron(settings: Mapping[str, Any]) -> Any:
    from sklearn.neural_network import MLPClassifier

    widths = [settings["width_1"], settings["width_2"]] if settings["layers"] == 2 else [settings["width_1"]]
    return MLPClassifier(
        tuple(widths),
        activation=settings["activation"],
        solver=settings["solver"],
        momentum=settings.get("momentum", 0.9),
        learning_rate_init=settings["learning_rate"],
        batch_size=settings["batch_size"],
        alpha=settings["alpha"],
        max_iter=10,
        random_state=0,
    )


def _pipeline(settings: Mapping[str, Any]) -> Any:
    from sklearn.decomposition import PCA
    from sklearn.feature_selection import SelectKBest
    from sklearn.pipeline import make_pipeline

    reducers: dict[str, Callable[[], list[Any]]] = {
        "none": list,
        "select": lambda: [SelectKBest(k=settings["kept"])],
        "pca": lambda: [PCA(settings["kept"], whiten=settings["whiten"], random_state=0)],
    }
    model = _model({name: value for name, value in settings.items() if name not in ("scale", "reduce")})
    return make_pipeline(*_scalers(settings), *reducers[settings["reduce"]](), model)


TRAININGS = (
    Training("models-breast_cancer", MODELS, _breast_cancer, _models),
    Training("svm-digits", SUPPORT, _digits, _support),
    Training("boosting-diabetes", BOOSTING, _diabetes, _boosting, regression=True),
    Training("mlp-digits", PERCEPTRON, _digits, _perceptron),
    Training("pipeline-wine", PIPELINE, _wine, _pipeline),
)
