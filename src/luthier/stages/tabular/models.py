"""The models of a table: linear, forests, gradient boosting, each of a mapping of settings: the lever `model`.

Without a setting each is as its library makes it. XGBoost and LightGBM are imported only where they are chosen.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge

from luthier.core.errors import MissingExtra, UnknownName

Settings = Mapping[str, Any]

LINEAR, FOREST, EXTRA_TREES, BOOSTING, XGBOOST, LIGHTGBM = MODELS = (
    "linear",
    "forest",
    "extra_trees",
    "boosting",
    "xgboost",
    "lightgbm",
)
FORESTS = (FOREST, EXTRA_TREES)
BOOSTED = (BOOSTING, XGBOOST, LIGHTGBM)
OPTIONAL = {XGBOOST: "xgboost", LIGHTGBM: "lightgbm"}
"""Models that need a package which the base install doesn't bring."""


def installed_models() -> tuple[str, ...]:
    """The models that can be fitted here."""
    return tuple(name for name in MODELS if name not in OPTIONAL or find_spec(OPTIONAL[name]) is not None)


def model_of(settings: Settings, *, classes: bool) -> Any:
    """The unfitted classifier (`classes`) or regressor that `settings["model"]` names; linear where it names none."""
    make: Any
    name = settings.get("model", LINEAR)
    weight: Settings = {"class_weight": "balanced"} if classes and settings.get("class_weight") == "balanced" else {}
    match name:
        case "linear":
            return _linear(settings, weight, classes)
        case "forest":
            make = RandomForestClassifier if classes else RandomForestRegressor
            return make(**_forest(settings), **weight)
        case "extra_trees":
            make = ExtraTreesClassifier if classes else ExtraTreesRegressor
            return make(**_forest(settings), **weight)
        case "boosting":
            make = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
            return make(**_named(settings, _OF_SKLEARN), **weight)
        case "xgboost":
            make = _optional(XGBOOST, "XGBClassifier" if classes else "XGBRegressor")
            # Trees that grow leaf by leaf, as those of the others do, so that one setting means one thing.
            return make(tree_method="hist", grow_policy="lossguide", max_depth=0, **_named(settings, _OF_XGBOOST))
        case "lightgbm":
            make = _optional(LIGHTGBM, "LGBMClassifier" if classes else "LGBMRegressor")
            return make(verbose=-1, **_named(settings, _OF_LIGHTGBM), **weight)
        case _:
            raise UnknownName("model", str(name), MODELS)


_OF_SKLEARN = {
    "learning_rate": "learning_rate",
    "max_iter": "max_iter",
    "max_leaf_nodes": "max_leaf_nodes",
    "min_data_in_leaf": "min_samples_leaf",
    "l2_regularization": "l2_regularization",
}
_OF_XGBOOST = {
    "learning_rate": "learning_rate",
    "max_iter": "n_estimators",
    "max_leaf_nodes": "max_leaves",
    "min_data_in_leaf": "min_child_weight",
    "l2_regularization": "reg_lambda",
}
_OF_LIGHTGBM = {
    "learning_rate": "learning_rate",
    "max_iter": "n_estimators",
    "max_leaf_nodes": "num_leaves",
    "min_data_in_leaf": "min_child_samples",
    "l2_regularization": "reg_lambda",
}
"""What each library calls the settings of gradient boosting."""


def _linear(settings: Settings, weight: Settings, classes: bool) -> Any:
    if classes:
        return LogisticRegression(C=settings.get("C", 1.0), max_iter=1000, **weight)
    return Ridge(alpha=settings.get("alpha", 1.0))


def _forest(settings: Settings) -> dict[str, Any]:
    return _named(settings, {name: name for name in ("n_estimators", "max_features", "min_samples_leaf")})


def _named(settings: Settings, names: Mapping[str, str]) -> dict[str, Any]:
    """Those of `names` that are set, under the names of a library."""
    return {theirs: settings[ours] for ours, theirs in names.items() if ours in settings}


def _optional(model: str, attribute: str) -> Any:
    package = OPTIONAL[model]
    if find_spec(package) is None:
        raise MissingExtra(package, None, f"the model '{model}'")
    return getattr(import_module(package), attribute)
