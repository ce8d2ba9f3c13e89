"""What a fitted estimator says of rows, and what metrics make of it, row by row and over all rows so far."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from luthier.core.contracts import Prediction
from luthier.core.errors import StageError
from luthier.stats.clustered import clustered_mean
from luthier.stats.metrics import ScoreFunction

RANK_BASED = frozenset({"roc_auc", "average_precision"})
"""Metrics of probabilities that see only their order, so that any rising function of them will do."""


@dataclass(frozen=True)
class Score:
    """A metric on one set of rows, and each row's outcome (n,) where the metric is a mean over rows."""

    value: float
    outcomes: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Scores:
    """The scores of one metric, fold by fold, in the order in which they were measured."""

    metric: ScoreFunction
    folds: tuple[Score, ...] = ()

    @property
    def value(self) -> float:
        """The estimate so far: over all rows where the metric is a mean over rows, over folds otherwise."""
        if self.metric.per_row is None:
            return math.fsum(fold.value for fold in self.folds) / len(self.folds)
        rows = [outcome for fold in self.folds for outcome in fold.outcomes or ()]
        return math.fsum(rows) / len(rows)

    def standard_error(self, groups: NDArray[Any] | None) -> float | None:
        """That of `value`: over rows, which move together within `groups` (n,), or over two folds or more."""
        if self.metric.per_row is None:
            if len(self.folds) < 2:
                return None
            return float(np.std([fold.value for fold in self.folds], ddof=1) / math.sqrt(len(self.folds)))
        rows = np.array([outcome for fold in self.folds for outcome in fold.outcomes or ()])
        if len(rows) < 2 or (groups is not None and len(set(groups.tolist())) < 2):
            return None
        return math.sqrt(clustered_mean(rows, groups).variance)


@dataclass(frozen=True)
class Labels:
    """The classes of a problem, sorted as the estimator sorts them; empty where the target is a number."""

    classes: tuple[Any, ...] = ()
    positive: Any = None

    @staticmethod
    def of(targets: Sequence[NDArray[Any]], positive: Any) -> Labels:
        """The classes in any of the `targets`."""
        return Labels(tuple(np.unique(np.concatenate(targets)).tolist()), positive)


def predict_with(model: Any, inputs: Any, rank_only: bool, name: str) -> Prediction:
    """What `model` says of `inputs`: values, and probabilities over its classes where it has them.

    With `rank_only` a model of two classes without probabilities gives its decision function instead, squeezed
    into [0, 1] in the same order: fit to rank by, not to believe. Raises StageError where it can't.
    """
    values = np.asarray(model.predict(inputs))
    if values.ndim > 1 and values.shape[1:] == (1,):
        values = values[:, 0]
    classes = getattr(model, "classes_", None)
    if classes is None or isinstance(classes, list):
        return Prediction(values)
    order = tuple(np.asarray(classes).tolist())
    if hasattr(model, "predict_proba"):
        return Prediction(values, np.asarray(model.predict_proba(inputs), dtype=np.float64), order)
    if not rank_only:
        return Prediction(values, None, order)
    if not hasattr(model, "decision_function") or len(order) != 2:
        raise StageError(
            f"{name} has neither predict_proba nor a decision function of two classes, which the metric needs; "
            "wrap it in sklearn.calibration.CalibratedClassifierCV, or choose a metric of labels"
        )
    margin = np.asarray(model.decision_function(inputs), dtype=np.float64)
    upper = 0.5 + 0.5 * margin / (1 + np.abs(margin))
    return Prediction(values, np.stack([1 - upper, upper], axis=1), order)


def score_with(metric: ScoreFunction, truth: NDArray[Any], said: Prediction, labels: Labels, where: str) -> Score:
    """The metric of a prediction against `truth` (n,); raises StageError where it has no value there."""
    classes = list(labels.classes) or None
    answer: Any = said.values
    if metric.needs == "probability":
        if said.probabilities is None or said.classes is None:
            raise StageError(
                f"the metric '{metric.name}' needs probabilities, but the estimator has no predict_proba; wrap it in "
                "sklearn.calibration.CalibratedClassifierCV, or choose a metric of labels, such as accuracy"
            )
        answer, classes = said.probabilities, list(said.classes)
        strangers = [label for label in labels.classes if label not in said.classes]
        if strangers:
            raise StageError(
                f"{where}: the rows to learn from hold no row of class {strangers[0]!r}, so the metric "
                f"'{metric.name}' can't be measured; use stratified or fewer folds, or drop the rare class"
            )
    try:
        if metric.per_row is not None:
            outcomes = metric.outcomes(truth, answer, classes=classes, positive=labels.positive)
            score = Score(float(outcomes.mean()), tuple(outcomes.tolist()))
        else:
            score = Score(metric(truth, answer, classes=classes, positive=labels.positive))
    except (ValueError, TypeError) as error:
        raise StageError(f"{where}: the metric '{metric.name}' can't be measured: {error}") from error
    if not math.isfinite(score.value):
        raise StageError(
            f"{where}: the metric '{metric.name}' is {score.value} on the {len(truth)} validation rows; are all "
            "classes among them, and all predictions finite?"
        )
    return score
