"""From a dataset to the rows of a study: development, held-out test, and folds; the split is written down."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

from luthier.core.contracts import Artifacts, View
from luthier.core.dataset import Dataset
from luthier.core.errors import DataError
from luthier.core.seeds import derive_seed
from luthier.data.held_out import HeldOut
from luthier.data.split import Fold, fold_views, given_fold, hold_out, k_folds
from luthier.data.target import check_target
from luthier.stats.metrics import get_metric
from luthier.study.problem import Rows

VALIDATION_SHARE = 0.2
"""Of the development rows, where there is one pair of them and not k folds."""


def split_rows(dataset: Dataset, metric: str, *, held_out: float, folds: int, seed: int, artifacts: Artifacts) -> Rows:
    """Hold out a test, and say how the rest is folded for a seed: as the data's split column names it, or by `folds`.

    With `folds` 1 there is one pair, a fifth of the development rows to validate on.

    Raises DataError where the target doesn't suit the metric, or the rows don't suffice.
    """
    if dataset.target is None:
        raise DataError(
            "a study over rows needs labels: name their column with `target`, or in Python pass the pair (X, y)"
        )
    classification = get_metric(metric).needs != "value"
    check_target(dataset, "classification" if classification else "regression")
    stratify = None if classification else False
    split = hold_out(dataset, held_out, seed=seed, stratify=stratify)
    held = HeldOut(dataset, split)
    development = held.development
    given = given_fold(development)

    def parted(fold_seed: int) -> tuple[Fold, ...]:
        if given is not None:
            return (given,)
        if folds == 1:
            inner = hold_out(development, VALIDATION_SHARE, seed=fold_seed, stratify=stratify)
            return (Fold(inner.development, inner.test),)
        return k_folds(development, folds, seed=fold_seed, stratify=stratify)

    @cache
    def views(fold_seed: int) -> tuple[View, ...]:
        return fold_views(development, parted(fold_seed))

    search_seed = derive_seed(seed, "folds", 0)
    written = replace(split, folds=parted(search_seed))
    address = artifacts.put(json.dumps(written.to_json()).encode())
    return Rows(held, views, search_seed, address)
