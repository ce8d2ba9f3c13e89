"""A Dataset from what scikit-learn's users hold: (X, y), as arrays, lists, or frames of pandas or polars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from luthier.core.dataset import Dataset
from luthier.core.errors import DataError
from luthier.data.frame import from_frame, named_columns

INPUT, TARGET = "X", "y"
"""What the columns of plain arrays are called."""


def as_dataset(data: Any) -> Dataset:
    """`data` itself if it is a Dataset, else that of the pair (X, y), or of X alone, without labels.

    Raises DataError for anything else, such as a path.
    """
    if isinstance(data, Dataset):
        return data
    if isinstance(data, tuple):
        pair = cast(tuple[Any, ...], data)
        if len(pair) != 2:
            raise DataError(f"data as a tuple is the pair (X, y); got {len(pair)} parts")
        return from_arrays(*pair)
    return from_arrays(data)


def from_arrays(inputs: Any, labels: Any = None) -> Dataset:
    """The Dataset of X and y: n rows of inputs, and n labels or the name of the column of X that holds them.

    X is a table (see `from_frame`), an array (n, d) of numbers, which becomes one column of vectors, an array (n,)
    of numbers or texts, or an array (n, d) of mixed values, whose columns are then called x0, x1, ...

    Raises DataError for other shapes, unequal lengths, missing labels, and values of other types.
    """
    columns = dict(named_columns(inputs)) if _is_table(inputs) else _columns_of(inputs)
    if labels is None:
        return from_frame(columns)
    if isinstance(labels, str):
        return from_frame(columns, target=labels)
    target = str(getattr(labels, "name", None) or TARGET)
    while target in columns:
        target += "_"
    return from_frame({**columns, target: _flat(labels)}, target=target)


def _is_table(inputs: Any) -> bool:
    if isinstance(inputs, Mapping) or (hasattr(inputs, "columns") and not hasattr(inputs, "__array_interface__")):
        return True
    rows = cast(Sequence[Any], inputs) if isinstance(inputs, list) else []
    return bool(rows) and all(isinstance(row, Mapping) for row in rows)


def _columns_of(inputs: Any) -> dict[str, Any]:
    array = _array(inputs, "X")
    if array.ndim == 1 or (array.ndim == 2 and array.dtype.kind in "biuf"):
        return {INPUT: array}
    if array.ndim == 2:
        return {f"x{number}": array[:, number] for number in range(array.shape[1])}
    raise DataError(f"X must have one row a sample, as an array (n,) or (n, d); got the shape {array.shape}")


def _flat(labels: Any) -> Any:
    """Labels (n,), of labels (n,) or (n, 1)."""
    if type(labels).__module__.partition(".")[0] == "polars" and not hasattr(labels, "columns"):
        return labels
    array = _array(labels, "y")
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise DataError(f"y must be one label a row, an array (n,); got the shape {array.shape}")
    return array


def _array(values: Any, name: str) -> Any:
    if isinstance(values, str | bytes) or hasattr(values, "__fspath__"):
        raise DataError(
            f"data is a Dataset, a table, or the pair (X, y); got {values!r:.80}: "
            f"read a file by lt.read_table(path, target=...)"
        )
    if hasattr(values, "toarray"):
        raise DataError(
            f"{name} must be dense, but is sparse; pass {name}.toarray(), or the rows that it was made from, "
            "with what makes it inside of the pipeline"
        )
    try:
        return np.asarray(values)
    except ValueError as error:
        raise DataError(f"{name} must be a table or an array with rows of equal length ({error})") from None
