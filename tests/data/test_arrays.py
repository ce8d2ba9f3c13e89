"""(X, y) as scikit-learn's users have them."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from luthier.core.errors import DataError
from luthier.data.arrays import as_dataset, from_arrays
from luthier.data.frame import from_frame

NUMBERS = np.arange(12.0).reshape(6, 2)
LABELS = np.array([0, 1] * 3)


def test_an_array_of_numbers_is_one_column_of_vectors():
    dataset = as_dataset((NUMBERS, LABELS))
    assert (dataset.inputs, dataset.target) == (("X",), "y")
    assert dataset["X"].shape == (6, 2)
    assert dataset.labels.tolist() == LABELS.tolist()


@pytest.mark.parametrize("labels", [LABELS.reshape(-1, 1), LABELS.tolist(), pl.Series("y", LABELS)])
def test_labels_in_every_form(labels):
    assert as_dataset((NUMBERS, labels)).labels.tolist() == LABELS.tolist()


def test_a_table_keeps_its_names():
    frame = pl.DataFrame({"a": [1, 2], "y": ["u", "v"]})
    named = as_dataset((frame, "y"))
    assert (named.inputs, named.target) == (("a",), "y")
    beside = as_dataset((frame, pl.Series("y", [0, 1])))
    assert (beside.inputs, beside.target) == (("a", "y"), "y_")
    assert as_dataset(frame).target is None
    assert as_dataset([{"a": 1}, {"a": 2}]).inputs == ("a",)


def test_texts_and_mixed_values():
    assert as_dataset((["good", "bad"], [1, 0]))["X"].dtype == object
    mixed = as_dataset(np.array([["red", 1.5], ["blue", 2.5]], dtype=object))
    assert mixed.inputs == ("x0", "x1")
    assert mixed["x1"].dtype == np.float64


def test_a_dataset_stays_what_it_is():
    dataset = from_frame({"a": [1, 2]})
    assert as_dataset(dataset) is dataset


class Sparse:
    def toarray(self):
        raise AssertionError


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("rows.csv", r"got 'rows.csv': read a file by lt.read_table"),
        ((NUMBERS,), r"the pair \(X, y\); got 1 parts"),
        ((NUMBERS, LABELS[:4]), "all columns must be equally long; got X: 6, y: 4"),
        ((NUMBERS, "label"), "the target column 'label' is missing; the columns are: X"),
        ((NUMBERS, NUMBERS), r"one label a row, an array \(n,\); got the shape \(6, 2\)"),
        ((np.zeros((2, 2, 2)), [0, 1]), r"one row a sample.*got the shape \(2, 2, 2\)"),
        ((np.float64(3), [0, 1]), r"got the shape \(\)"),
        ((Sparse(), [0, 1]), r"X must be dense, but is sparse; pass X.toarray\(\)"),
        (([[1, 2], [3]], [0, 1]), "rows of equal length"),
        ((NUMBERS, [0, 1, None, 1, 0, 1]), "'y' has no value in 1 of 6 rows"),
    ],
)
def test_what_is_no_data(data, message):
    with pytest.raises(DataError, match=message):
        as_dataset(data)


def test_rows_without_labels():
    assert from_arrays(NUMBERS).target is None
