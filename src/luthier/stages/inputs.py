"""Columns of a dataset as scikit-learn takes them.

A single column of text becomes a 1-D array of objects, numbers a 2-D array of float64, and a mixture a polars
DataFrame, whose columns a ColumnTransformer picks by name (pandas isn't needed). Where the kinds of the columns are
stated it is always a DataFrame, with the types of `luthier.data.kinds.typed`. Knows nothing of labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from luthier.core.dataset import Dataset
from luthier.core.errors import DataError, nearest_listed
from luthier.data.columns import is_missing
from luthier.data.kinds import as_texts, typed


class Form(StrEnum):
    """What an estimator is given.

    TEXT     one column of texts: (n,) objects
    NUMBERS  (n, d) float64; a column that holds a vector a row counts for several
    TABLE    a polars DataFrame of n rows
    """

    TEXT = "text"
    NUMBERS = "numbers"
    TABLE = "table"


@dataclass(frozen=True)
class Inputs:
    """Which columns go in, and as what: settled by the rows to learn from, kept for the rows to predict.

    `texts` are those that held texts: where new rows happen to hold only numbers in one, they are texts still.
    `kinds` are those of `columns`, where they were stated.
    """

    columns: tuple[str, ...]
    form: Form
    texts: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()

    @staticmethod
    def of(dataset: Dataset, columns: Sequence[str] | Mapping[str, str] | None = None) -> Inputs:
        """The stated `columns`, or all without a role; raises DataError where one is missing or there is none."""
        chosen = dataset.inputs if columns is None else tuple(columns)
        _check_present(dataset, chosen)
        if not chosen:
            raise DataError("there is no input column: all columns have a role; name the inputs with `inputs`")
        if isinstance(columns, Mapping):
            return Inputs(chosen, Form.TABLE, kinds=tuple(columns.values()))
        numeric = [_is_numeric(dataset[name]) for name in chosen]
        if all(numeric):
            return Inputs(chosen, Form.NUMBERS)
        texts = tuple(name for name in chosen if dataset[name].dtype == object)
        return Inputs(chosen, Form.TEXT if len(chosen) == 1 else Form.TABLE, texts)

    def take(self, dataset: Dataset) -> Any:
        """The inputs of `dataset`; raises DataError naming a column that is missing or no longer numeric."""
        _check_present(dataset, self.columns)
        if self.form is Form.TEXT:
            return self._column(dataset, self.columns[0]).astype(object)
        if self.form is Form.TABLE:
            import polars as pl

            if self.kinds:
                stated = zip(self.columns, self.kinds, strict=True)
                return pl.DataFrame([typed(name, dataset[name], kind) for name, kind in stated])
            return pl.DataFrame({name: _plain(self._column(dataset, name)) for name in self.columns}, strict=False)
        for name in self.columns:
            if not _is_numeric(dataset[name]):
                raise DataError(
                    f"the column '{name}' must hold numbers, as it did in training, but holds "
                    f"{dataset[name].dtype}; read it as numbers, or train with it as text"
                )
        rows = len(dataset)
        return np.hstack([dataset[name].reshape(rows, -1).astype(np.float64) for name in self.columns])

    def _column(self, dataset: Dataset, name: str) -> Any:
        column = dataset[name]
        return (
            np.array([*as_texts(column), None], dtype=object)[:-1]
            if name in self.texts and column.dtype != object
            else column
        )


def unfit(error: str, estimator: str, inputs: Inputs, rows: Dataset) -> str | None:
    """What to do about an `error` of fitting `estimator`, where it comes of what the columns hold; else None."""
    if "could not convert string to float" in error:
        return (
            f"{estimator} takes numbers only, but there is text in the columns {_listed(inputs.texts)} ({error}); "
            "encode it in a pipeline with a ColumnTransformer, or name the numeric columns with `inputs`"
        )
    missing = [name for name in inputs.columns if is_missing(rows[name]).any()]
    if "contains NaN" in error and missing:
        return (
            f"{estimator} takes no missing values, but there are some in the columns {_listed(missing)}; put a "
            "SimpleImputer before it in a pipeline, or take an estimator that handles them, such as "
            "HistGradientBoostingClassifier"
        )
    return None


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(columns[:8]) + (", ..." if len(columns) > 8 else "")


def _check_present(dataset: Dataset, columns: Sequence[str]) -> None:
    for name in columns:
        if name not in dataset.columns:
            listed = nearest_listed(name, dataset.columns)
            raise DataError(f"the input column '{name}' is missing; the columns are: {listed}")


def _is_numeric(column: Any) -> bool:
    return column.dtype.kind in "biuf"


def _plain(column: Any) -> Any:
    return column.tolist() if column.dtype == object else column
