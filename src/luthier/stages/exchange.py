"""Rows and predictions as files, for programs in any language: CSV out, JSON lines back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from luthier.core.contracts import Prediction
from luthier.core.dataset import Dataset
from luthier.core.errors import DataError, StageError


def write_rows(dataset: Dataset, path: Path) -> None:
    """All columns as CSV with a header, the ids first as `row_id`; raises DataError for a vector a row."""
    import polars as pl

    for name, column in dataset.columns.items():
        if column.ndim > 1:
            raise DataError(f"the column '{name}' holds a vector a row, which a CSV file can't; leave it out")
    columns = {"row_id": dataset.ids, **dataset.columns}
    plain = {name: column.tolist() if column.dtype == object else column for name, column in columns.items()}
    pl.DataFrame(plain, strict=False).write_csv(path)


def read_predictions(path: Path, rows: int) -> Prediction:
    """One line of JSON a row: a value, or `{"value": ..., "probabilities": {class: number}}`.

    Raises StageError where the file is missing, has another number of lines, or holds anything else.
    """
    if not path.is_file():
        raise StageError("the predict command wrote no file {predictions}; write one line of JSON a row to it")
    try:
        answers: list[Any] = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    except ValueError as error:
        raise StageError(f"a line of {{predictions}} is no JSON: {error}; write texts in double quotes") from None
    if len(answers) != rows:
        raise StageError(f"the predict command must write one line a row: {rows} rows, but {len(answers)} lines")
    if not any(isinstance(answer, dict) for answer in answers):
        return Prediction(_values(answers))
    try:
        values = _values([answer["value"] for answer in answers])
        names: list[str] = list(answers[0].get("probabilities") or ())
        chances = [[float(answer["probabilities"][name]) for name in names] for answer in answers] if names else []
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise StageError(
            f"a line of {{predictions}} can't be read ({type(error).__name__}: {error}); give every row a value, "
            "and either none or all of them probabilities of the same classes"
        ) from None
    if not names:
        return Prediction(values)
    classes = tuple(names if values.dtype == object else map(json.loads, names))
    return Prediction(values, np.array(chances, dtype=np.float64), classes)


def _values(values: list[Any]) -> np.ndarray[Any, Any]:
    """Texts as objects, everything else as what it is."""
    return np.array(values, dtype=object if any(isinstance(value, str) for value in values) else None)
