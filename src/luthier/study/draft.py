"""A task from nothing but a table: what seems to be asked of it, and why.

Everything here is a guess that the task file states in words, so that a person can correct it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from luthier.core.budget import Budget
from luthier.core.dataset import Column, Dataset
from luthier.core.errors import DataError, UsageError, nearest_listed
from luthier.core.lever import Lever
from luthier.data.encoding import encoding_of
from luthier.data.kinds import NUMBER_PATTERNS, Kind, bare_numbers, bare_texts, parse_kind
from luthier.data.look import Look, look_at
from luthier.data.read import read_table
from luthier.data.split import MOST_CLASSES
from luthier.data.target import check_target
from luthier.stages.tabular.levers import Table, levers_of
from luthier.stages.tabular.models import BOOSTING, LINEAR, installed_models
from luthier.stats.metrics import get_metric

Classes = tuple[tuple[Any, int], ...]
"""The classes of a target with their rows, the most frequent first."""
USUAL_BUDGET = "60s"
TARGET_NAMES = ("target", "label", "labels", "class", "y", "outcome", "response")
"""What a column to be predicted is usually called."""
FEWEST_ROWS = 10
FEWEST_OF_A_CLASS = 3
"""One row to learn from, one to validate on, one to hold out."""
HELD_OUT = 0.2
IMBALANCED = 3.0
"""Classes are imbalanced where the largest has more than so many times the rows of the smallest."""
FEW_ROWS = 500
"""With fewer rows a linear model is the usual first try."""
FOLDS = ((2_000_000, 5), (20_000_000, 3))
"""How many folds a table of fewer cells than this is parted into; a larger one is split once."""


@dataclass(frozen=True)
class Draft:
    """What a table seems to ask for. `classes` are the target's with their rows, empty for a regression.

    `metric_because` and `default_because` say why, in a clause; the first of `models` is the baseline's.
    """

    path: Path
    rows: int
    target: str
    target_because: str
    classes: Classes
    metric: str
    metric_because: str
    looks: tuple[Look, ...]
    levers: tuple[Lever, ...]
    models: tuple[str, ...]
    default_because: str
    folds: int
    encoding: str
    budget: str

    @property
    def inputs(self) -> tuple[Look, ...]:
        """The columns that go in."""
        return tuple(look for look in self.looks if look.kind is not None)

    @property
    def left_out(self) -> tuple[Look, ...]:
        """The columns that don't."""
        return tuple(look for look in self.looks if look.kind is None)


def draft_of(path: Path, *, target: str | None = None, metric: str | None = None, budget: str | None = None) -> Draft:
    """The draft of a task for the table at `path`.

    Without `target` the one column that is called like one is taken; without `metric` one that suits the target.
    Raises DataError for a table that can't be learned from, UsageError for a metric or budget that isn't one.
    """
    if budget is not None:
        Budget.parse(budget)
    encoding = encoding_of(path)
    table = read_table(path, encoding=encoding)
    chosen, because = _target(table, path, target)
    dataset = read_table(path, target=chosen, encoding=encoding)
    if len(dataset) < FEWEST_ROWS:
        raise DataError(
            f"{path.name} has {len(dataset)} rows; {FEWEST_ROWS} or more are needed to learn from some, validate on "
            f"others and hold some out: add rows"
        )
    try:
        classifies, metric, metric_because = _metric(dataset, metric)
        check_target(dataset, "classification" if classifies else "regression")
        classes = _classes(dataset) if classifies else ()
    except DataError as error:
        raise DataError(f"{path.name}: {error}") from None
    looks = tuple(look_at(dataset))
    kinds = {parse_kind(look.kind)[0] for look in looks if look.kind is not None}
    columns = sum(look.kind is not None for look in looks)
    if not columns:
        told = "; ".join(f"'{look.name}': {look.why}" for look in looks[:5]) or "there is no other column"
        raise DataError(f"{path.name} has no column to predict '{chosen}' from ({told}); add columns")
    default, default_because = _default(kinds, len(dataset), columns)
    models = (default, *(model for model in installed_models() if model != default))
    facts = Table(
        kinds=kinds,
        columns=columns,
        has_gaps=any(look.missing and (look.kind or "").startswith(Kind.NUMBER) for look in looks),
        classes=classifies,
        imbalanced=bool(classes) and _is_imbalanced(classes),
    )
    return Draft(
        path=path,
        rows=len(dataset),
        target=chosen,
        target_because=because,
        classes=classes,
        metric=metric,
        metric_because=metric_because,
        looks=looks,
        levers=levers_of(facts, models),
        models=models,
        default_because=default_because,
        folds=_folds(len(dataset), columns, classes),
        encoding=encoding,
        budget=budget or USUAL_BUDGET,
    )


def _target(table: Dataset, path: Path, target: str | None) -> tuple[str, str]:
    names = list(table.columns)
    if target is not None:
        if target not in names:
            raise DataError(f"{path.name} has no column '{target}'; its columns are: {nearest_listed(target, names)}")
        return target, "as you said"
    named = [name for name in names if name.strip().lower() in TARGET_NAMES]
    if len(named) == 1:
        return named[0], "by its name"
    listed = ", ".join(names[:40]) + (f", ... ({len(names)} in all)" if len(names) > 40 else "")
    raise UsageError(
        f"which column of {path.name} is to be predicted? Name it by --target, in Python target=...; "
        f"the columns are: {listed}"
    )


def _metric(dataset: Dataset, stated: str | None) -> tuple[bool, str, str]:
    """Whether these are classes, the metric, and why it is that one."""
    labels = dataset.labels
    if stated is not None:
        try:
            known = get_metric(stated)
        except ValueError as error:
            raise UsageError(str(error)) from None
        return known.needs != "value", known.name, "as you said"
    if not _are_classes(labels):
        return False, "r2", "the share of the target's variance that is explained: 0 for always saying its mean"
    counts = _counts(labels)
    if len(counts) < 2 or not _is_imbalanced(counts):
        return True, "accuracy", "since no class is rare"
    (most, rows), (least, fewest) = counts[0], counts[-1]
    because = (
        f"the mean over classes, since {least!r} ({fewest:,} rows) is rare: "
        f"always saying {most!r} would have an accuracy of {rows / len(labels):.2f}"
    )
    return True, "balanced_accuracy", because


def _are_classes(labels: Column) -> bool:
    if labels.dtype == object:
        _check_no_numbers_in_texts(labels)
        return True
    if labels.dtype.kind == "M":
        raise DataError("the target holds dates; name a column of numbers or classes")
    if labels.dtype.kind == "b":
        return True
    distinct = np.unique(labels)
    return len(distinct) <= MOST_CLASSES and bool((distinct == np.floor(distinct)).all())


def _check_no_numbers_in_texts(labels: Column) -> None:
    texts = bare_texts(labels).drop_nulls()
    plain = bare_numbers(texts)
    if len(texts) and any(plain.str.contains(pattern).all() for pattern in NUMBER_PATTERNS.values()):
        raise DataError(
            f"the target writes its numbers as {texts[0]!r}; plain numbers such as 1234.5 are needed in this column: "
            "write them so (decimal point, no further signs)"
        )


def _classes(dataset: Dataset) -> Classes:
    """The classes with their rows, the most frequent first; raises DataError where some are too rare."""
    counts = _counts(dataset.labels)
    rare = [(value, rows) for value, rows in counts if rows < FEWEST_OF_A_CLASS]
    if not rare:
        return counts
    such = ", ".join(f"{value!r:.60} ({rows})" for value, rows in rare[:3])
    more = ", ..." if len(rare) > 3 else ""
    numeric = dataset.labels.dtype.kind in "iuf"
    raise DataError(
        f"each class of the target '{dataset.target}' needs {FEWEST_OF_A_CLASS} or more rows: one to learn from, one "
        f"to validate on, one held out; of its {len(counts)} classes in {len(dataset)} rows {len(rare)} have fewer: "
        f"{such}{more}. Drop or merge these, or name another target"
        + (", or a metric of numbers such as r2" if numeric else "")
    )


def _counts(labels: Column) -> Classes:
    """The different labels with their rows, the most frequent first."""
    values: list[Any] = labels.tolist()
    return tuple(Counter(values).most_common())


def _is_imbalanced(classes: Classes) -> bool:
    return classes[0][1] > IMBALANCED * classes[-1][1]


def _default(kinds: set[Kind], rows: int, columns: int) -> tuple[str, str]:
    """The model that one would try first, and why."""
    if Kind.TEXT in kinds:
        return LINEAR, "the usual first try on texts"
    if rows < FEW_ROWS:
        return LINEAR, f"the usual first try on fewer than {FEW_ROWS} rows"
    if columns > rows / 5:
        return LINEAR, "the usual first try where columns are many for the rows"
    return BOOSTING, "the usual first try on a table"


def _folds(rows: int, columns: int, classes: Classes) -> int:
    """As many as the cells allow to be learned from in time, and as every class can be on both sides of."""
    cells = rows * columns
    wanted = next((folds for most, folds in FOLDS if cells < most), 1)
    if not classes or wanted == 1:
        return wanted
    fewest = classes[-1][1]
    held_out = max(1, -int(-fewest * HELD_OUT // 1))
    return max(2, min(wanted, fewest - held_out))
