"""The metrics that predictions are scored by, under the names that scikit-learn gives them.

Shapes: n rows, c classes. `y_true` (n,). Predictions are labels (n,), values (n,), or probabilities (n, c)
with columns in the order of `classes`; of two classes, the probabilities (n,) of the positive one will do.
"""

from __future__ import annotations

import difflib
import importlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from luthier.stats._rows import Vector
from luthier.stats.classes import Array, Classes

Needs = Literal["label", "probability", "value"]
Direction = Literal["maximize", "minimize"]

SMALLEST_PROBABILITY = float(np.finfo(np.float64).eps)


Score = Callable[[Array, Array, Classes], float]
PerRow = Callable[[Array, Array, Classes], Vector]


@dataclass(frozen=True, slots=True)
class ScoreFunction:
    """A metric over arrays: what it `needs` as a prediction and which `direction` is better.

    `per_row` gives outcomes (n,) whose mean is the metric, or is None where the metric is no such mean.
    """

    name: str
    direction: Direction
    needs: Needs
    score: Score
    per_row: PerRow | None = None

    def __call__(
        self,
        y_true: ArrayLike,
        prediction: ArrayLike,
        *,
        classes: Sequence[Any] | Array | None = None,
        positive: Any = None,
    ) -> float:
        """The metric of `prediction` against `y_true` (n,), n >= 1. See the top of this module for shapes."""
        truth, predicted = _same_rows(y_true, prediction)
        return float(self.score(truth, predicted, Classes.of(truth, classes, positive)))

    def outcomes(
        self,
        y_true: ArrayLike,
        prediction: ArrayLike,
        *,
        classes: Sequence[Any] | Array | None = None,
        positive: Any = None,
    ) -> Vector:
        """The outcome of each row, shape (n,). ValueError when the metric is no mean over rows."""
        if self.per_row is None:
            raise ValueError(f"{self.name} is no mean over rows; compare it with paired_metric_interval")
        truth, predicted = _same_rows(y_true, prediction)
        return self.per_row(truth, predicted, Classes.of(truth, classes, positive))


def get_metric(name: str) -> ScoreFunction:
    """The metric called `name`, by its own name or one of `ALIASES`; scikit-learn's `neg_log_loss` is `log_loss`.

    ValueError lists the known names, the nearest first.
    """
    plain = name.removeprefix("neg_")
    metric = METRICS.get(ALIASES.get(plain, plain))
    if metric and (plain == name or metric.direction == "minimize"):
        return metric
    near = difflib.get_close_matches(name, [*METRICS, *ALIASES], n=5, cutoff=0.4)
    known = dict.fromkeys([*(ALIASES.get(other, other) for other in near), *METRICS])
    raise ValueError(f"no metric is called {name!r}; known are {', '.join(known)}")


def _same_rows(y_true: ArrayLike, prediction: ArrayLike) -> tuple[Array, Array]:
    truth, predicted = np.asarray(y_true), np.asarray(prediction)
    if truth.ndim != 1 or predicted.ndim == 0 or len(truth) != len(predicted) or not truth.size:
        raise ValueError(
            f"y_true must have shape (n,) with n >= 1 and the prediction n rows too, "
            f"but their shapes are {truth.shape} and {predicted.shape}"
        )
    return truth, predicted


def _sklearn(function: str) -> Callable[..., float]:
    return cast(Callable[..., float], getattr(importlib.import_module("sklearn.metrics"), function))


def _mean(per_row: PerRow) -> Score:
    return lambda y_true, prediction, classes: float(per_row(y_true, prediction, classes).mean())


def _plain(function: str) -> Score:
    return lambda y_true, prediction, classes: _sklearn(function)(y_true, prediction)


def _of_positives(count: Callable[[int, int, int], float]) -> Score:
    """From true positives, false positives and false negatives; 0 where the ratio is 0 / 0."""

    def score(y_true: Array, prediction: Array, classes: Classes) -> float:
        true, said = classes.positives(y_true), prediction == classes.positive
        hits = int(np.count_nonzero(true & said))
        return count(hits, int(np.count_nonzero(said)) - hits, int(np.count_nonzero(true)) - hits)

    return score


def _f1(hits: int, false: int, missed: int) -> float:
    return 2 * hits / (2 * hits + false + missed) if hits else 0.0


def _precision(hits: int, false: int, missed: int) -> float:
    return hits / (hits + false) if hits else 0.0


def _recall(hits: int, false: int, missed: int) -> float:
    return hits / (hits + missed) if hits else 0.0


def _counts(y_true: Array, prediction: Array) -> tuple[Vector, Vector, Vector]:
    """Rows rightly of each class, truly of it, and said to be of it; over the classes that either holds."""
    labels, codes = np.unique(np.concatenate([y_true, prediction]), return_inverse=True)
    true, said = codes[: len(y_true)], codes[len(y_true) :]

    def count(rows: NDArray[np.intp]) -> Vector:
        return np.bincount(rows, minlength=labels.size).astype(np.float64)

    return count(true[true == said]), count(true), count(said)


def _f1_macro(y_true: Array, prediction: Array, classes: Classes) -> float:
    hits, true, said = _counts(y_true, prediction)
    return float((2 * hits / (true + said)).mean())


def _balanced_accuracy(y_true: Array, prediction: Array, classes: Classes) -> float:
    hits, true, _ = _counts(y_true, prediction)
    return float((hits[true > 0] / true[true > 0]).mean())


def _matthews(y_true: Array, prediction: Array, classes: Classes) -> float:
    """Gorodkin (2004), "Comparing two K-category assignments by a K-category correlation coefficient"."""
    hits, true, said = _counts(y_true, prediction)
    n = len(y_true)
    scale = math.sqrt((n**2 - said @ said) * (n**2 - true @ true))
    return float(n * hits.sum() - true @ said) / scale if scale > 0 else 0.0


def _ranking(of_two: Callable[[Array, Vector], float]) -> Score:
    """Of the positive class if there is one; otherwise the mean over classes, each against the rest."""

    def score(y_true: Array, prediction: Array, classes: Classes) -> float:
        if classes.positive is not None:
            ranks = prediction if prediction.ndim == 1 else classes.positive_probabilities(prediction)
            return of_two(classes.positives(y_true), np.asarray(ranks, dtype=np.float64))
        truth, shares = classes.columns(y_true), classes.probabilities(prediction)
        return float(np.mean([of_two(truth == column, shares[:, column]) for column in range(classes.order.size)]))

    return score


def _hits_and_misses(positive: Array, ranks: Vector) -> tuple[Vector, Vector]:
    """Counts of true and false positives at each threshold, from the highest rank down; ties share a threshold."""
    if not positive.any() or positive.all():
        raise ValueError("ranking metrics need rows of both kinds, but all rows are of one class")
    order = np.argsort(-ranks, kind="stable")
    sorted_ranks = ranks[order]
    last_of_ties = np.append(np.nonzero(np.diff(sorted_ranks))[0], len(ranks) - 1)
    hits = np.cumsum(positive[order])[last_of_ties].astype(np.float64)
    return hits, last_of_ties + 1 - hits


def _roc_auc(positive: Array, ranks: Vector) -> float:
    """The area under hits against misses, by trapezoids."""
    hits, misses = (np.append(0.0, counts) for counts in _hits_and_misses(positive, ranks))
    return float(np.sum(np.diff(misses) * (hits[1:] + hits[:-1]) / 2) / (hits[-1] * misses[-1]))


def _average_precision(positive: Array, ranks: Vector) -> float:
    """Precision at each threshold, weighted by the gain in recall."""
    hits, misses = _hits_and_misses(positive, ranks)
    return float(np.sum(np.diff(hits, prepend=0.0) * hits / (hits + misses)) / hits[-1])


def _spearman(y_true: Array, prediction: Array, classes: Classes) -> float:
    stats = importlib.import_module("scipy.stats")
    return float(stats.spearmanr(y_true, prediction).statistic)


def _correct(y_true: Array, prediction: Array, classes: Classes) -> Vector:
    return (y_true == prediction).astype(np.float64)


def _same_text(y_true: Array, prediction: Array, classes: Classes) -> Vector:
    pairs = zip(y_true.tolist(), prediction.tolist(), strict=True)
    return np.array([str(truth).strip() == str(answer).strip() for truth, answer in pairs], dtype=np.float64)


def _surprise(y_true: Array, prediction: Array, classes: Classes) -> Vector:
    chances = classes.probabilities(prediction)[np.arange(len(y_true)), classes.columns(y_true)]
    return -np.log(np.maximum(chances, SMALLEST_PROBABILITY))


def _brier(y_true: Array, prediction: Array, classes: Classes) -> Vector:
    """Of the positive class if there is one (0 to 1); otherwise summed over classes (0 to 2): Brier (1950)."""
    if classes.positive is not None:
        return (classes.positive_probabilities(prediction) - classes.positives(y_true)) ** 2
    truth = classes.columns(y_true)[:, None] == np.arange(classes.order.size)
    return np.sum((classes.probabilities(prediction) - truth) ** 2, axis=1)


def _absolute(y_true: Array, prediction: Array, classes: Classes) -> Vector:
    return np.abs(prediction.astype(np.float64) - y_true)


def _squared(y_true: Array, prediction: Array, classes: Classes) -> Vector:
    return (prediction.astype(np.float64) - y_true) ** 2


def _relative(y_true: Array, prediction: Array, classes: Classes) -> Vector:
    return _absolute(y_true, prediction, classes) / np.maximum(np.abs(y_true), np.finfo(np.float64).eps)


METRICS: dict[str, ScoreFunction] = {
    metric.name: metric
    for metric in (
        ScoreFunction("accuracy", "maximize", "label", _mean(_correct), _correct),
        ScoreFunction("exact_match", "maximize", "label", _mean(_same_text), _same_text),
        ScoreFunction("balanced_accuracy", "maximize", "label", _balanced_accuracy),
        ScoreFunction("f1", "maximize", "label", _of_positives(_f1)),
        ScoreFunction("f1_macro", "maximize", "label", _f1_macro),
        ScoreFunction("precision", "maximize", "label", _of_positives(_precision)),
        ScoreFunction("recall", "maximize", "label", _of_positives(_recall)),
        ScoreFunction("matthews_corrcoef", "maximize", "label", _matthews),
        ScoreFunction("roc_auc", "maximize", "probability", _ranking(_roc_auc)),
        ScoreFunction("average_precision", "maximize", "probability", _ranking(_average_precision)),
        ScoreFunction("log_loss", "minimize", "probability", _mean(_surprise), _surprise),
        ScoreFunction("brier", "minimize", "probability", _mean(_brier), _brier),
        ScoreFunction("r2", "maximize", "value", _plain("r2_score")),
        ScoreFunction("mae", "minimize", "value", _mean(_absolute), _absolute),
        ScoreFunction("mse", "minimize", "value", _mean(_squared), _squared),
        ScoreFunction("rmse", "minimize", "value", _plain("root_mean_squared_error")),
        ScoreFunction("median_absolute_error", "minimize", "value", _plain("median_absolute_error")),
        ScoreFunction("mape", "minimize", "value", _mean(_relative), _relative),
        ScoreFunction("spearman", "maximize", "value", _spearman),
    )
}

ALIASES: dict[str, str] = {
    "acc": "accuracy",
    "accuracy_score": "accuracy",
    "auc": "roc_auc",
    "auroc": "roc_auc",
    "average_precision_score": "average_precision",
    "brier_score": "brier",
    "brier_score_loss": "brier",
    "cross_entropy": "log_loss",
    "em": "exact_match",
    "f1_binary": "f1",
    "f1_score": "f1",
    "macro_f1": "f1_macro",
    "mcc": "matthews_corrcoef",
    "mean_absolute_error": "mae",
    "mean_absolute_percentage_error": "mape",
    "mean_squared_error": "mse",
    "r2_score": "r2",
    "roc_auc_score": "roc_auc",
    "root_mean_squared_error": "rmse",
    "spearmanr": "spearman",
}
