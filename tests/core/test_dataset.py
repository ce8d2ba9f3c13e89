"""Datasets: roles, rows by position and id, and a fingerprint of content and order."""

from __future__ import annotations

import numpy as np
import pytest

from luthier.core.dataset import Dataset
from luthier.core.errors import DataError


def _texts(*values: str | None) -> np.ndarray:
    return np.array(values, dtype=object)


def _dataset(**changed: object) -> Dataset:
    columns = {
        "text": _texts("good", None, "bad"),
        "length": np.array([4, 0, 3], dtype=np.int64),
        "price": np.array([1.5, np.nan, -2.0]),
        "day": np.array(["2031-12-24", "NaT", "2031-12-26"], dtype="datetime64[us]"),
        "who": _texts("ann", "bob", "ann"),
        "y": _texts("p", "n", "n"),
    }
    given = {"columns": columns, "ids": _texts("r1", "r2", "r3"), "target": "y", "group": "who", "time": "day"}
    return Dataset(**{**given, **changed})  # pyright: ignore[reportArgumentType]


def test_columns_with_a_role_are_no_inputs() -> None:
    dataset = _dataset(ignored=("price",))
    assert dataset.inputs == ("text", "length")
    assert dataset.labels.tolist() == ["p", "n", "n"]
    assert dataset.groups is not None
    assert dataset.groups.tolist() == ["ann", "bob", "ann"]
    assert len(dataset) == 3


def test_rows_are_taken_by_position_and_found_by_id() -> None:
    taken = _dataset().take([2, 0])
    assert taken.ids.tolist() == ["r3", "r1"]
    assert taken["length"].tolist() == [3, 4]
    assert taken.target == "y"
    assert taken.positions(["r1", "r3"]).tolist() == [1, 0]
    assert len(_dataset().take([])) == 0
    with pytest.raises(DataError, match="no row has the id 'r9'"):
        taken.positions(["r1", "r9"])
    with pytest.raises(DataError, match="mask of booleans"):
        _dataset().take(np.array([True, False, True]))  # pyright: ignore[reportArgumentType]


def test_without_labels_there_is_no_target() -> None:
    bare = _dataset().without_labels()
    assert "y" not in bare.columns
    assert bare.without_labels() is bare
    with pytest.raises(DataError, match="no target column"):
        _ = bare.labels


def test_roles_and_lengths_are_checked() -> None:
    with pytest.raises(DataError, match="target column 'labl' is missing; the columns are: label"):
        Dataset({"label": np.zeros(1), "x": np.zeros(1)}, _texts("a"), target="labl")
    with pytest.raises(DataError, match="column 'x' has 2 values for 1 row ids"):
        Dataset({"x": np.zeros(2)}, _texts("a"))
    with pytest.raises(DataError, match="no column 'lenght'; the columns are: length"):
        _ = _dataset()["lenght"]


def test_the_fingerprint_is_the_same_on_every_machine() -> None:
    assert _dataset().fingerprint == "1b78d48e745246a9"


def test_the_fingerprint_follows_content_order_and_roles() -> None:
    dataset = _dataset()
    text = _texts("good", "None", "bad")
    others = [
        dataset.take([1, 0, 2]),
        dataset.take([0, 1]),
        dataset.without_labels(),
        _dataset(time=None),
        _dataset(ignored=("price",)),
        _dataset(ids=_texts("r1", "r2", "r4")),
        _dataset(columns={**dataset.columns, "text": text}),
        _dataset(columns={**dataset.columns, "length": np.array([4, 0, 2], dtype=np.int64)}),
        _dataset(columns={("words" if name == "text" else name): c for name, c in dataset.columns.items()}),
    ]
    assert len({dataset.fingerprint, *(other.fingerprint for other in others)}) == len(others) + 1
    assert _dataset().fingerprint == dataset.fingerprint
    assert dataset.take([0, 1, 2]).fingerprint == dataset.fingerprint
