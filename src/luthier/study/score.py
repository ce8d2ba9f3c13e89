"""Scoring predictions of held-out rows, and comparing two of them on the same rows."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from luthier.core.contracts import Prediction
from luthier.core.dataset import Column
from luthier.core.errors import RunError
from luthier.core.metric import Metric
from luthier.stats.interval import Interval
from luthier.stats.metrics import get_metric
from luthier.stats.paired import paired_interval, paired_test
from luthier.stats.paired_metric import paired_metric_interval


@dataclass(frozen=True)
class Scored:
    """A prediction's score; its outcome on each row (n,) where the metric is a mean over rows; what was predicted."""

    value: float
    outcomes: NDArray[np.float64] | None
    predicted: NDArray[Any]
    classes: tuple[Any, ...] | None


def score(metric: str, labels: Column, prediction: Prediction) -> Scored:
    """Score `prediction` of n rows against their `labels` (n,) by the metric of this name."""
    function = get_metric(metric)
    predicted, classes = prediction.values, None
    if function.needs == "probability":
        if prediction.probabilities is None:
            raise RunError(f"the metric '{metric}' needs probabilities, but the model predicts none")
        predicted, classes = prediction.probabilities, prediction.classes
    outcomes = None
    if function.per_row is not None:
        outcomes = function.outcomes(labels, predicted, classes=classes)
    return Scored(function(labels, predicted, classes=classes), outcomes, np.asarray(predicted), classes)


def compare(
    metric: Metric, labels: Column, groups: Column | None, candidate: Scored, other: Scored
) -> tuple[Interval, float]:
    """95% interval and two-sided p-value of how much better `candidate` is; whole groups count as units.

    Means over rows are compared row by row. Other metrics are bootstrapped; their p-value is that of a normal
    distribution with the interval's width.
    """
    if candidate.outcomes is not None and other.outcomes is not None:
        ours, theirs = metric.sign * candidate.outcomes, metric.sign * other.outcomes
        return paired_interval(ours, theirs, groups), paired_test(ours, theirs, groups)
    function = get_metric(metric.name)

    def value(truth: NDArray[Any], predicted: NDArray[Any]) -> float:
        return metric.sign * function(truth, predicted, classes=candidate.classes)

    interval = paired_metric_interval(value, labels, candidate.predicted, other.predicted, groups)
    return interval, _normal_p_value(interval)


def _normal_p_value(interval: Interval) -> float:
    normal = NormalDist()
    deviation = (interval.high - interval.low) / (2 * normal.inv_cdf(0.975))
    if deviation == 0:
        return 1.0 if interval.estimate == 0 else 0.0
    return 2 * normal.cdf(-abs(interval.estimate) / deviation)
