"""The paired interval for metrics that are no mean over rows: F1, AUC, R2, a rank correlation."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from luthier.stats._rows import Groups
from luthier.stats.bootstrap import widened_percentile
from luthier.stats.interval import Interval

Metric = Callable[[NDArray[Any], NDArray[Any]], float]


def paired_metric_interval(
    metric: Metric,
    y_true: ArrayLike,
    candidate: ArrayLike,
    baseline: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """Interval for metric(y_true, candidate) - metric(y_true, baseline), by resampling rows (or groups).

    `y_true` (n, ...), `candidate` (n, ...) and `baseline` (n, ...) are indexed by row; both predictions see
    the same rows in each resample. `metric` is called 2 * (resamples + 1) times. Resamples in which it is
    undefined (a class is missing) are left out; ValueError when they are more than half, or when the metric
    is undefined on the rows themselves. Equal predictions give [0, 0]: resampling can't see changes that
    never happened. For metrics that are a mean over rows use `paired_interval`, which can.
    """
    target, better, worse = np.asarray(y_true), np.asarray(candidate), np.asarray(baseline)
    if not len(target) == len(better) == len(worse):
        raise ValueError(
            f"y_true, candidate and baseline must be over the same rows, but there are {len(target)}, "
            f"{len(better)} and {len(worse)}"
        )
    members = Groups.of(groups, len(target))
    if members.count < 2:
        raise ValueError(f"y_true must hold at least 2 rows, not {members.count}")

    def gain(rows: NDArray[np.intp]) -> float:
        return float(metric(target[rows], better[rows])) - float(metric(target[rows], worse[rows]))

    estimate = gain(np.arange(len(target)))
    if not np.isfinite(estimate):
        raise ValueError("metric must be finite on the rows themselves; are all classes among them?")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        drawn = members.resampled_rows(resamples, np.random.default_rng(seed))
        replicates = np.array([_or_nan(gain, rows) for rows in drawn])
    defined = replicates[np.isfinite(replicates)]
    if 2 * defined.size < resamples:
        raise ValueError(
            f"metric must be defined on most resamples, but was on {defined.size} of {resamples}: "
            "too few rows of a class; use more rows or another metric"
        )
    return widened_percentile(estimate, defined, members.sizes, level)


def _or_nan(gain: Callable[[NDArray[np.intp]], float], rows: NDArray[np.intp]) -> float:
    try:
        return gain(rows)
    except (ValueError, ZeroDivisionError):
        return float("nan")
