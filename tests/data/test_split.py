"""Splits, by property: nothing lost, nothing shared, groups whole, classes even, time forward, order irrelevant."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from luthier.core.dataset import Dataset
from luthier.core.errors import DataError
from luthier.data.frame import from_frame
from luthier.data.split import Fold, Split, all_development, fold_views, hold_out, k_folds, make_split

SEEDS = st.integers(0, 2**32)
SHARES = st.floats(0.05, 0.9)


def _dataset(labels: list[str], **columns: list[object]) -> Dataset:
    roles = {role: role for role in columns}
    return from_frame({"x": list(range(len(labels))), "y": labels, **columns}, target="y", **roles)


@st.composite
def labeled(draw: st.DrawFn, least: int = 2) -> Dataset:
    """Rows of 1 to 4 classes, each with `least` or more members."""
    sizes = draw(st.lists(st.integers(least, 40), min_size=1, max_size=4))
    labels = [f"class {code}" for code, size in enumerate(sizes) for _ in range(size)]
    return _dataset(draw(st.permutations(labels)))


@st.composite
def grouped(draw: st.DrawFn, least: int) -> Dataset:
    """Rows of `least` or more groups of uneven size, with 2 classes that lean to some groups."""
    sizes = draw(st.lists(st.integers(1, 15), min_size=least, max_size=least + 20))
    groups = [f"group {number}" for number, size in enumerate(sizes) for _ in range(size)]
    labels = [draw(st.sampled_from("aab" if len(group) % 2 else "abb")) for group in groups]
    return _dataset(labels, group=groups)


def _reordered(dataset: Dataset, order: int) -> Dataset:
    return dataset.take(np.random.default_rng(order).permutation(len(dataset)))


def _labels(dataset: Dataset, ids: tuple[str, ...]) -> Counter[str]:
    return Counter(dataset.labels[dataset.positions(ids)].tolist())


def _of(dataset: Dataset, name: str, ids: tuple[str, ...]) -> list[object]:
    return dataset[name][dataset.positions(ids)].tolist()


@settings(max_examples=50)
@given(labeled(), SHARES, SEEDS)
def test_a_hold_out_parts_the_rows_and_keeps_the_classes(dataset: Dataset, share: float, seed: int) -> None:
    split = hold_out(dataset, share, seed=seed)
    assert split.method == "stratified"
    assert sorted((*split.test, *split.development)) == sorted(dataset.ids)
    held, everything = _labels(dataset, split.test), _labels(dataset, tuple(dataset.ids))
    for label, size in everything.items():
        assert abs(held[label] - share * size) <= 1
        assert 1 <= held[label] < size


@settings(max_examples=50)
@given(labeled(5), st.integers(2, 5), st.integers(1, 2), SEEDS)
def test_folds_validate_each_row_once_a_repeat_and_keep_the_classes(
    dataset: Dataset, k: int, repeats: int, seed: int
) -> None:
    folds = k_folds(dataset, k, seed=seed, repeats=repeats)
    assert len(folds) == k * repeats
    everything = _labels(dataset, tuple(dataset.ids))
    for start in range(0, len(folds), k):
        assert sorted(row for fold in folds[start : start + k] for row in fold.validation) == sorted(dataset.ids)
        sizes = [len(fold.validation) for fold in folds[start : start + k]]
        assert max(sizes) - min(sizes) <= 1
    for fold in folds:
        assert sorted((*fold.train, *fold.validation)) == sorted(dataset.ids)
        held = _labels(dataset, fold.validation)
        assert all(abs(held[label] - size / k) < 1 for label, size in everything.items())


def test_repeats_differ_and_seeds_differ() -> None:
    dataset = _dataset(["a", "b"] * 50)
    folds = k_folds(dataset, 2, seed=3, repeats=2)
    assert set(folds[0].validation) != set(folds[2].validation)
    assert folds != k_folds(dataset, 2, seed=4, repeats=2)
    assert set(hold_out(dataset, seed=3).test) != set(hold_out(dataset, seed=4).test)


def test_the_split_is_the_same_on_every_machine() -> None:
    split = make_split(_dataset(["a", "b"] * 6), folds=2, seed=7)
    assert split.data == "49f7b3a02de0d732"
    assert split.test == ("11ae46fe41fdf1dd", "317d405c579d1bd5")


@settings(max_examples=50)
@given(grouped(2), SHARES, SEEDS)
def test_a_grouped_hold_out_parts_no_group(dataset: Dataset, share: float, seed: int) -> None:
    split = hold_out(dataset, share, seed=seed, stratify=False)
    assert split.method == "grouped"
    assert split.test
    assert split.development
    assert set(_of(dataset, "group", split.test)).isdisjoint(_of(dataset, "group", split.development))
    largest = max(Counter(dataset["group"].tolist()).values())
    assert abs(len(split.test) - share * len(dataset)) <= largest


@settings(max_examples=50)
@given(grouped(5), st.integers(2, 5), SEEDS)
def test_grouped_folds_part_no_group(dataset: Dataset, k: int, seed: int) -> None:
    folds = k_folds(dataset, k, seed=seed, stratify=False)
    assert sorted(row for fold in folds for row in fold.validation) == sorted(dataset.ids)
    for fold in folds:
        assert set(_of(dataset, "group", fold.train)).isdisjoint(_of(dataset, "group", fold.validation))
    sizes = [len(fold.validation) for fold in folds]
    assert max(sizes) - min(sizes) <= max(Counter(dataset["group"].tolist()).values())


@pytest.mark.parametrize("seed", range(10))
def test_grouped_folds_keep_the_classes_near_their_shares(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = rng.geometric(0.15, 120)
    groups = np.repeat(np.arange(120), sizes)
    lean = rng.beta(0.7, 1.4, 120)[groups]
    dataset = _dataset(np.where(rng.random(len(groups)) < lean, "rare", "usual").tolist(), group=groups.tolist())
    for fold in k_folds(dataset, 5, seed=seed):
        whole, held = _labels(dataset, tuple(dataset.ids)), _labels(dataset, fold.validation)
        for label in ("rare", "usual"):
            assert abs(held[label] / (whole[label] / 5) - 1) < 0.05
    split = hold_out(dataset, 0.2, seed=seed)
    assert split.method == "stratified by group"
    held = _labels(dataset, split.test)
    for label in ("rare", "usual"):
        assert abs(held[label] / (whole[label] * 0.2) - 1) < 0.05


@settings(max_examples=50)
@given(st.lists(st.integers(0, 30), min_size=4, max_size=60), SHARES, SEEDS)
def test_a_hold_out_by_time_lies_after_development(times: list[int], share: float, seed: int) -> None:
    assume(len(set(times)) >= 2)
    dataset = _dataset(["a"] * len(times), time=list(times))
    split = hold_out(dataset, share, seed=seed)
    assert split.method == "by time"
    assert max(_of(dataset, "time", split.development)) < min(_of(dataset, "time", split.test))  # pyright: ignore
    assert sorted((*split.test, *split.development)) == sorted(dataset.ids)
    most_tied = max(Counter(times).values())
    assert abs(len(split.test) - share * len(times)) <= most_tied + 1


@settings(max_examples=50)
@given(st.lists(st.integers(0, 30), min_size=6, max_size=60), st.integers(2, 5), SEEDS)
def test_folds_by_time_roll_forward(times: list[int], k: int, seed: int) -> None:
    assume(len(set(times)) > k)
    dataset = _dataset(["a"] * len(times), time=list(times))
    folds = k_folds(dataset, k, seed=seed)
    assert len(folds) == k
    for fold in folds:
        assert max(_of(dataset, "time", fold.train)) < min(_of(dataset, "time", fold.validation))  # pyright: ignore
    for earlier, later in itertools.pairwise(folds):
        assert set(later.train) == {*earlier.train, *earlier.validation}
    assert sorted((*folds[-1].train, *folds[-1].validation)) == sorted(dataset.ids)


def test_dates_split_by_time() -> None:
    days = [f"2031-01-{day:02}" for day in range(1, 11)]
    column = np.array(days, dtype="datetime64[us]")
    split = hold_out(from_frame({"t": column, "x": range(10)}, time="t"), 0.3)
    assert len(split.test) == 3


@settings(max_examples=50)
@given(st.one_of(labeled(10), grouped(8)), SEEDS, st.integers(0, 99))
def test_the_order_of_the_file_is_irrelevant(dataset: Dataset, seed: int, order: int) -> None:
    stratify = None if dataset.group is None else False
    split = make_split(dataset, folds=3, seed=seed, stratify=stratify)
    assert make_split(_reordered(dataset, order), folds=3, seed=seed, stratify=stratify) == split


@settings(max_examples=50)
@given(st.lists(st.integers(0, 30), min_size=20, max_size=60), st.integers(0, 99))
def test_the_order_of_the_file_is_irrelevant_by_time(times: list[int], order: int) -> None:
    assume(len(set(times)) > 8)
    dataset = _dataset(["a"] * len(times), time=list(times))
    assert make_split(_reordered(dataset, order), folds=2) == make_split(dataset, folds=2)


@settings(max_examples=50)
@given(labeled(10), st.sampled_from([1, 2, 3]), st.sampled_from([1, 2]), SEEDS)
def test_a_split_survives_json(dataset: Dataset, folds: int, repeats: int, seed: int) -> None:
    split = make_split(dataset, folds=folds, seed=seed, repeats=repeats)
    assert Split.from_json(json.loads(json.dumps(split.to_json()))) == split


def test_a_split_by_time_survives_json() -> None:
    split = make_split(_dataset(["a"] * 20, time=list(range(20))), folds=3)
    assert Split.from_json(json.loads(json.dumps(split.to_json()))) == split


@pytest.mark.parametrize("content", [{}, {"development": 3}, {"development": ["a"], "folds": [{"validation": [5]}]}])
def test_what_is_no_split_is_refused(content: dict[str, object]) -> None:
    with pytest.raises(DataError, match=r"as `Split\.to_json` writes it"):
        Split.from_json(content)


def test_splits_are_checked_when_made() -> None:
    with pytest.raises(DataError, match="test and development rows must differ"):
        Split(("a",), ("a", "b"), (), 0, "random", "")
    with pytest.raises(DataError, match="must be development rows"):
        Split(("a",), ("b", "c"), (Fold(("a",), ("b",)),), 0, "random", "")
    with pytest.raises(DataError, match="they share some"):
        Fold(("a",), ("a",))
    with pytest.raises(DataError, match="0 to train on and 1"):
        Fold((), ("a",))


def test_one_fold_is_one_pair() -> None:
    split = make_split(_dataset(["a", "b"] * 50), folds=1, test_share=0.2, validation_share=0.25)
    (fold,) = split.folds
    assert (len(split.test), len(fold.train), len(fold.validation)) == (20, 60, 20)


def test_nothing_held_out_leaves_all_rows_for_development() -> None:
    dataset = _dataset(["a", "b"] * 5)
    split = all_development(dataset)
    assert (split.test, split.method) == ((), "all")
    assert sorted(split.development) == sorted(dataset.ids)


def test_a_split_column_decides_what_it_names() -> None:
    parts = ["train"] * 6 + ["valid"] * 2 + ["Test "] * 2
    dataset = _dataset(["a", "b"] * 5, split=list(parts))
    split = make_split(dataset)
    assert split.method == "as given"
    assert sorted(_of(dataset, "x", split.test)) == [8, 9]  # pyright: ignore[reportArgumentType]
    (fold,) = split.folds
    assert sorted(_of(dataset, "x", fold.validation)) == [6, 7]  # pyright: ignore[reportArgumentType]
    only_test = replace(dataset, columns={**dataset.columns, "split": np.array(["train"] * 8 + ["test"] * 2)})
    assert len(make_split(only_test, folds=3).folds) == 3
    assert len(make_split(only_test, folds=1).folds) == 1
    only_validation = replace(dataset, columns={**dataset.columns, "split": np.array(["train"] * 6 + ["dev"] * 4)})
    split = make_split(only_validation, test_share=0.2)
    assert split.method == "stratified"
    assert set(split.folds[0].validation) == set(only_validation.ids[6:]) - set(split.test)


def test_views_hold_the_rows_of_the_folds() -> None:
    dataset = _dataset(["a", "b"] * 10)
    folds = k_folds(dataset, 4)
    for fold, view in zip(folds, fold_views(dataset, folds), strict=True):
        assert tuple(view.train.ids) == fold.train
        assert tuple(view.validation.ids) == fold.validation
        assert view.train.target == "y"


def test_real_targets_are_not_stratified_unless_they_look_like_classes() -> None:
    prices = from_frame({"y": np.linspace(0, 1, 30)}, target="y")
    assert hold_out(prices).method == "random"
    counts = from_frame({"y": np.arange(30), "x": range(30)}, target="y")
    assert hold_out(counts).method == "random"
    flags = from_frame({"y": [0.0, 1.0] * 15, "x": range(30)}, target="y")
    assert hold_out(flags).method == "stratified"
    assert hold_out(flags, stratify=False).method == "random"


def test_a_switch_passes_over_group_and_time() -> None:
    dataset = _dataset(["a", "b"] * 5, group=["g"] * 10, time=list(range(10)))
    assert hold_out(dataset, groups=False, time=False).method == "stratified"
    assert hold_out(dataset, groups=False).method == "by time"
    assert len(k_folds(dataset, 2, groups=False, time=False)) == 2


TOO_LITTLE: list[tuple[Dataset, dict[str, object], list[str]]] = [
    (_dataset(["a"] * 9 + ["b"]), {}, ["each class of 'y' needs 2", "'b' has 1", "fewer folds"]),
    (_dataset(["a"] * 9 + ["b"] * 3), {}, ["make 5 folds", "'b' has 2"]),
    (_dataset(["a"]), {"stratify": False}, ["2 or more rows", "has 1"]),
    (_dataset(["a"] * 4), {"stratify": False}, ["5 folds need 5 or more rows; there are 3"]),
    (_dataset(["a"] * 9, group=["g"] * 9), {}, ["it has 1"]),
    (_dataset(["a"] * 8, group=[1, 2, 3, 4] * 2), {"stratify": False}, ["5 or more groups; it has 3"]),
    (_dataset(["a"] * 3, group=["g", None, "h"]), {}, ["'group' has no value in 1 of 3 rows"]),
    (_dataset(["a"] * 9, time=[1] * 9), {}, ["'time' holds one"]),
    (_dataset(["a"] * 9, time=[1, 2, 3] * 3), {}, ["6 or more different times; 'time' holds 2"]),
    (_dataset(["a"] * 3, time=["x", "y", "z"]), {}, ["must hold numbers or dates", "'x'"]),
    (_dataset(["a"] * 3, time=[1, None, 2]), {}, ["'time' has no value in 1 of 3"]),
    (_dataset(["a"] * 40, time=list(range(40))), {"repeats": 2}, ["repeats must be 1, got 2"]),
    (_dataset(["a"] * 9, time=list(range(9)), group=[1] * 9), {}, ["can't keep groups whole: 1 groups", "'1'"]),
    (_dataset(["a"] * 3, split=["train", "holdout", "test"]), {}, ["it also holds 'holdout'"]),
    (_dataset(["a"] * 2, split=["dev", "test"]), {}, ["names no row 'train'"]),
    (_dataset(["a"] * 9), {"test_share": 1.0}, ["between 0 and 1; got 1"]),
    (_dataset(["a"] * 9), {"folds": 0}, ["k >= 2 and repeats >= 1; got k=0"]),
    (from_frame({"x": [1, 2]}), {"stratify": True}, ["needs a target column"]),
    (_dataset(["a"] * 9).take([0, 0, 1]), {}, ["ids must differ", "1 of 3"]),
]


@pytest.mark.parametrize(("dataset", "options", "says"), TOO_LITTLE)
def test_too_little_to_split_is_one_clear_error(dataset: Dataset, options: dict[str, object], says: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        make_split(dataset, **options)  # pyright: ignore[reportArgumentType]
    for part in says:
        assert part in str(caught.value)
