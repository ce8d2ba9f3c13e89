"""Columns as scikit-learn takes them."""

from __future__ import annotations

import numpy as np

from luthier.core.dataset import Dataset
from luthier.stages.inputs import Inputs


def test_a_column_of_texts_stays_one_where_new_rows_hold_only_numbers() -> None:
    ids = np.array(["r1", "r2"], dtype=object)
    train = Dataset({"zip": np.array(["1010", "A-20"], dtype=object), "age": np.array([3.0, 4.0])}, ids)
    inputs = Inputs.of(train)
    new = Dataset({"zip": np.array([1010.0, np.nan]), "age": np.array([5.0, 6.0])}, ids)
    assert inputs.take(new)["zip"].to_list() == ["1010", None]
    only_text = Inputs.of(train, ["zip"])
    assert only_text.take(new).tolist() == ["1010", None]
