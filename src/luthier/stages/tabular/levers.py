"""What can be turned for a table: the levers `model` and `preparation`, with only what its columns call for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from luthier.core.lever import Lever
from luthier.core.parameter import Choice, Float, Int, Parameter, Prior
from luthier.data.kinds import Kind
from luthier.stages.tabular.models import BOOSTED, FORESTS, LINEAR, XGBOOST

MODEL, PREPARATION = "model", "preparation"
MANY_COLUMNS = 8
"""From so many on, it is worth trying to do without some."""

SAID = {
    "model": "the kind of model",
    "C": "linear: the inverse strength of regularization",
    "alpha": "linear: the strength of regularization",
    "n_estimators": "forests: how many trees",
    "max_features": "forests: the share of the columns that a split may choose from",
    "min_samples_leaf": "forests: the fewest rows of a leaf",
    "learning_rate": "boosting: how much of its error each tree mends",
    "max_iter": "boosting: how many trees",
    "max_leaf_nodes": "boosting: the most leaves of a tree",
    "min_data_in_leaf": "boosting: the fewest rows of a leaf",
    "l2_regularization": "boosting: the strength of regularization",
    "class_weight": "balanced: rare classes weigh as much as frequent ones",
    "numbers": "linear: scaled, or by their rank, or cut into bins",
    "missing": "auto: trees see the gap, a linear model the median",
    "categories": "a column each; the mean of the target; a number each",
    "rare": "categories of fewer rows share one column",
    "dates": "year, month, day, weekday and hour beside the days, or these alone",
    "text": "terms are words, or pieces of 2 to 4 letters, or both",
    "ngrams": "runs of up to so many words",
    "min_df": "terms of fewer rows are left out",
    "keep": "the share of the columns that tell most of the target, one by one",
}
"""What each setting means, in a line."""


@dataclass(frozen=True, slots=True)
class Table:
    """What decides which levers a table has: kinds of its columns, their number, whether numbers are missing."""

    kinds: Collection[Kind]
    columns: int
    has_gaps: bool
    classes: bool
    imbalanced: bool


def levers_of(table: Table, models: tuple[str, ...]) -> tuple[Lever, Lever]:
    """The levers of a table; the first of `models` is the baseline's."""
    return Lever(MODEL, _model(table, models)), Lever(PREPARATION, _preparation(table))


def _model(table: Table, models: tuple[str, ...]) -> dict[str, Parameter]:
    boosted = {"model": [model for model in models if model in BOOSTED]}
    forests = {"model": [model for model in models if model in FORESTS]}
    settings: dict[str, Parameter] = {"model": Choice(models)}
    if table.classes:
        settings["C"] = Float(1e-3, 1e3, log=True, default=1.0, prior=Prior(1.0, 0.3), when={"model": LINEAR})
    else:
        settings["alpha"] = Float(1e-3, 1e4, log=True, default=1.0, when={"model": LINEAR})
    settings |= {
        "n_estimators": Int(50, 300, log=True, default=100, when=forests),
        "max_features": Float(0.05, 1.0, default=0.3, when=forests),
        "min_samples_leaf": Int(1, 30, log=True, default=1, when=forests),
        "learning_rate": Float(0.01, 0.5, log=True, default=0.1, prior=Prior(0.08, 0.3), when=boosted),
        "max_iter": Int(20, 500, log=True, default=100, when=boosted),
        "max_leaf_nodes": Int(4, 128, log=True, default=31, prior=Prior(20, 0.35), when=boosted),
        "min_data_in_leaf": Int(2, 100, log=True, default=20, when=boosted),
        "l2_regularization": Float(1e-6, 1e2, log=True, default=1e-6, when=boosted),
    }
    if table.classes and table.imbalanced:
        weighted = {"model": [model for model in models if model != XGBOOST]}
        settings["class_weight"] = Choice(("none", "balanced"), when=weighted if XGBOOST in models else None)
    return settings


def _preparation(table: Table) -> dict[str, Parameter]:
    linear = {f"{MODEL}.model": LINEAR}
    settings: dict[str, Parameter] = {}
    if Kind.NUMBER in table.kinds:
        settings["numbers"] = Choice(("standard", "quantile", "bins"), when=linear)
    if table.has_gaps:
        settings["missing"] = Choice(("auto", "median", "median_and_flag"))
    if Kind.CATEGORY in table.kinds:
        settings["categories"] = Choice(("one_hot", "target", "ordinal"))
        settings["rare"] = Int(1, 50, log=True, default=1, when={"categories": ["one_hot", "ordinal"]})
    if Kind.DATE in table.kinds:
        settings["dates"] = Choice(("parts", "days"))
    if Kind.TEXT in table.kinds:
        settings["text"] = Choice(("words", "pieces", "both"))
        settings["ngrams"] = Int(1, 3, default=1, when={"text": ["words", "both"]})
        settings["min_df"] = Int(1, 5, default=1)
    if table.columns >= MANY_COLUMNS or not settings:
        settings["keep"] = Choice((1.0, 0.7, 0.4, 0.2, 0.1, 0.05), ordered=True)
    return settings
