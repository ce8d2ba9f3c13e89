"""Targets that can't be learned from are refused with the reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from luthier.core.errors import DataError
from luthier.data.frame import from_frame
from luthier.data.target import check_target


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        (["a", "b"], "classification"),
        ([0, 1], "classification"),
        ([True, False], "classification"),
        ([0.5, 1.5], "regression"),
        ([1, 2], "regression"),
    ],
)
def test_labels_that_suit_pass(labels: list[object], kind: str) -> None:
    check_target(from_frame({"y": labels}, target="y"), kind)


@pytest.mark.parametrize(
    ("labels", "kind", "says"),
    [
        (["a", "a"], "classification", "two or more classes; all 2 rows hold 'a'"),
        ([1.0, 1.0], "regression", "two or more values"),
        (["a", "b"], "regression", "must hold numbers; got texts or dates, such as 'a'"),
        ([1.0, float("inf")], "regression", "1 rows hold infinities"),
        ([1, 2], "ranking", "classification, regression; got 'ranking'"),
    ],
)
def test_labels_that_do_not_suit_are_refused(labels: list[object], kind: str, says: str) -> None:
    with pytest.raises(DataError) as caught:
        check_target(from_frame({"y": labels}, target="y"), kind)
    assert says in str(caught.value)


def test_missing_labels_and_missing_targets_are_refused() -> None:
    holey = from_frame({"y": ["a", None], "x": [1, 2]})
    with pytest.raises(DataError, match="no target column"):
        check_target(holey, "classification")
    with pytest.raises(DataError, match="no value in 1 of 2 rows"):
        check_target(replace(holey, target="y"), "classification")
