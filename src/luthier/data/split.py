"""Splits: which rows are the held-out test, and which folds the development rows make.

Everything follows from the row ids and the seed: rows are first put in the order of a hash of seed and id, so
that neither the order of the file nor the machine matters, and a row keeps its place when others are added.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from luthier.core.contracts import View
from luthier.core.dataset import Column, Dataset
from luthier.core.errors import DataError
from luthier.core.seeds import derive_seed
from luthier.data.columns import is_missing
from luthier.data.deal import Positions, cut_without_ties, deal_groups, deal_in_turn, take_share
from luthier.data.row_ids import canonical_texts

MOST_CLASSES = 20
"""A target of whole numbers with more values than this isn't taken for classes unless `stratify` says so."""

_PARTS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
    "held_out": "test",
    "held-out": "test",
}


@dataclass(frozen=True, slots=True)
class Fold:
    """The ids of the rows to learn from and of those to be measured on."""

    train: tuple[str, ...]
    validation: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.train or not self.validation:
            raise DataError(
                f"a fold needs rows on both sides; got {len(self.train)} to train on and {len(self.validation)} "
                "to validate on"
            )
        if not set(self.train).isdisjoint(self.validation):
            raise DataError("a fold's train and validation rows must differ; they share some")


@dataclass(frozen=True, slots=True)
class Split:
    """The ids of test and development rows, and the folds of the latter; checked when made.

    `method` is 'random', 'stratified', 'grouped', 'stratified by group', 'by time', 'as given' or 'all'. `data`
    is the fingerprint of the rows in the order of their ids: equal for the same rows in any order.
    """

    test: tuple[str, ...]
    development: tuple[str, ...]
    folds: tuple[Fold, ...]
    seed: int
    method: str
    data: str

    def __post_init__(self) -> None:
        development = set(self.development)
        if not development.isdisjoint(self.test):
            raise DataError("test and development rows must differ; they share some")
        for fold in self.folds:
            if not development.issuperset(fold.train) or not development.issuperset(fold.validation):
                raise DataError("the rows of every fold must be development rows; some aren't")

    def to_json(self) -> dict[str, Any]:
        """Plain JSON. Folds are written as positions in `development`; `train` is left out where it is the rest."""
        position = {row: number for number, row in enumerate(self.development)}
        folds: list[dict[str, list[int]]] = []
        for fold in self.folds:
            content = {"validation": [position[row] for row in fold.validation]}
            if fold.train != _all_but(self.development, fold.validation):
                content["train"] = [position[row] for row in fold.train]
            folds.append(content)
        return {
            "method": self.method,
            "seed": self.seed,
            "data": self.data,
            "test": list(self.test),
            "development": list(self.development),
            "folds": folds,
        }

    @staticmethod
    def from_json(content: Mapping[str, Any]) -> Split:
        """The inverse of `to_json`; raises DataError for what isn't one."""
        try:
            development = tuple(content["development"])
            folds: list[Fold] = []
            for fold in content["folds"]:
                validation = tuple(development[position] for position in fold["validation"])
                train = fold.get("train")
                folds.append(
                    Fold(
                        _all_but(development, validation) if train is None else tuple(development[p] for p in train),
                        validation,
                    )
                )
            return Split(
                tuple(content["test"]), development, tuple(folds), content["seed"], content["method"], content["data"]
            )
        except (KeyError, TypeError, IndexError, AttributeError) as error:
            raise DataError(f"a split must be as `Split.to_json` writes it; this one isn't ({error!r})") from None


def make_split(
    dataset: Dataset,
    *,
    test_share: float = 0.2,
    folds: int = 5,
    seed: int = 0,
    repeats: int = 1,
    validation_share: float = 0.2,
    stratify: bool | None = None,
) -> Split:
    """The held-out test and the folds of everything else.

    A split column decides what it names; what it doesn't, the rules of `hold_out` and `k_folds` do. With
    `folds` 1 there is one pair, `validation_share` of the development rows to validate.
    Raises DataError where the rows don't suffice.
    """
    outer = hold_out(dataset, test_share, seed=seed, stratify=stratify)
    development = dataset.take(dataset.positions(outer.development))
    given = given_fold(development)
    if given is not None:
        return replace(outer, folds=(given,))
    if folds == 1:
        inner = hold_out(
            _without_split(development), validation_share, seed=derive_seed(seed, "validation"), stratify=stratify
        )
        return replace(outer, folds=(Fold(inner.development, inner.test),))
    return replace(outer, folds=k_folds(development, folds, seed=seed, repeats=repeats, stratify=stratify))


def hold_out(
    dataset: Dataset,
    share: float = 0.2,
    *,
    seed: int = 0,
    stratify: bool | None = None,
    groups: bool = True,
    time: bool = True,
) -> Split:
    """A split without folds: about `share` of the rows, in (0, 1), are the test.

    Where the dataset has them, a split column that names test rows decides; else a time column (the test is
    the last share, equal times are not parted) unless `time` is False; else whole groups are held out unless
    `groups` is False. `stratify` None keeps the classes' shares where the target is text, boolean, or at most
    MOST_CLASSES whole numbers. Raises DataError where the rows, groups or times don't suffice.
    """
    if not 0 < share < 1:
        raise DataError(f"the share to hold out must lie between 0 and 1; got {share:g}")
    _check_unique(dataset)
    parts = _given_parts(dataset)
    if parts is not None and (parts == "test").any():
        return _given_test(dataset, parts, seed)
    rows = _shuffled(dataset, seed, "hold out")
    if len(rows) < 2:
        raise DataError(f"holding a test out needs 2 or more rows; the data set has {len(rows)}: add rows")
    if time and dataset.time is not None:
        in_test, method = _last_by_time(dataset, rows, share, groups), "by time"
    else:
        codes = _class_codes(dataset, rows, stratify, 2, "hold a test out")
        method = "random" if codes is None else "stratified"
        codes = np.zeros(len(rows), dtype=np.intp) if codes is None else codes
        if groups and dataset.group is not None:
            codes_of_groups = _group_codes(dataset, rows, 2)
            part = deal_groups(codes_of_groups, codes, np.array([1 - share, share]))
            in_test, method = part == 1, "grouped" if method == "random" else "stratified by group"
        else:
            in_test = take_share(codes, share)
    return _as_split(dataset, rows[in_test], rows[~in_test], seed, method)


def k_folds(
    dataset: Dataset,
    k: int = 5,
    *,
    seed: int = 0,
    repeats: int = 1,
    stratify: bool | None = None,
    groups: bool = True,
    time: bool = True,
) -> tuple[Fold, ...]:
    """k folds, `repeats` times over: each row is validated on once a repeat.

    With a time column the k folds have a rolling origin instead: fold i trains on the first i of k + 1 stretches
    of time and validates on the next one. Groups, classes and the switches are as in `hold_out`.
    Raises DataError where the rows, groups, times or members of a class don't suffice.
    """
    if k < 2 or repeats < 1:
        raise DataError(f"folds need k >= 2 and repeats >= 1; got k={k}, repeats={repeats}")
    _check_unique(dataset)
    if time and dataset.time is not None:
        if repeats > 1:
            raise DataError(f"folds by time are the same every time; repeats must be 1, got {repeats}")
        return _rolling_origin(dataset, k, seed, groups)
    if len(dataset) < k:
        raise DataError(f"{k} folds need {k} or more rows; there are {len(dataset)}: ask for fewer folds or add rows")
    folds: list[Fold] = []
    for repeat in range(repeats):
        rows = _shuffled(dataset, seed, f"folds {repeat}")
        codes = _class_codes(dataset, rows, stratify, k, f"make {k} folds")
        codes = np.zeros(len(rows), dtype=np.intp) if codes is None else codes
        if groups and dataset.group is not None:
            part = deal_groups(_group_codes(dataset, rows, k), codes, np.full(k, 1 / k))
        else:
            part = deal_in_turn(codes, k)
        ids = dataset.ids[rows]
        folds += [Fold(tuple(ids[part != one].tolist()), tuple(ids[part == one].tolist())) for one in range(k)]
    return tuple(folds)


def given_fold(development: Dataset) -> Fold | None:
    """The one fold that a split column with validation rows makes; None where there is no such column."""
    parts = _given_parts(development)
    if parts is None or not (parts == "validation").any():
        return None
    ids = development.ids
    return Fold(tuple(ids[parts == "train"].tolist()), tuple(ids[parts == "validation"].tolist()))


def all_development(dataset: Dataset, *, seed: int = 0) -> Split:
    """A split that holds nothing out: every row is for development."""
    _check_unique(dataset)
    rows = _shuffled(dataset, seed, "hold out")
    return _as_split(dataset, rows[:0], rows, seed, "all")


def fold_views(development: Dataset, folds: Sequence[Fold]) -> tuple[View, ...]:
    """The rows of each fold; raises DataError for an id that `development` lacks."""
    return tuple(
        View(
            development.take(development.positions(fold.train)),
            development.take(development.positions(fold.validation)),
        )
        for fold in folds
    )


def _as_split(dataset: Dataset, test: Positions, development: Positions, seed: int, method: str) -> Split:
    return Split(
        tuple(dataset.ids[test].tolist()),
        tuple(dataset.ids[development].tolist()),
        (),
        seed,
        method,
        dataset.take(np.argsort(dataset.ids.astype(str), kind="stable")).fingerprint,
    )


def _all_but(rows: Sequence[str], left_out: Sequence[str]) -> tuple[str, ...]:
    out = set(left_out)
    return tuple(row for row in rows if row not in out)


def _shuffled(dataset: Dataset, seed: int, purpose: str) -> Positions:
    """All positions, in the order of a hash of seed, purpose and row id."""
    key = hashlib.sha256(repr((seed, purpose)).encode()).digest()
    hashes = [
        hashlib.blake2b(row.encode("utf-8", "surrogatepass"), digest_size=16, key=key).digest() for row in dataset.ids
    ]
    return np.array(sorted(range(len(hashes)), key=hashes.__getitem__), dtype=np.intp)


def _check_unique(dataset: Dataset) -> None:
    repeated = len(dataset) - len(set(dataset.ids.tolist()))
    if repeated:
        raise DataError(f"row ids must differ for a split; {repeated} of {len(dataset)} rows repeat one: split first")


def _codes(column: Column) -> tuple[Positions, list[str]]:
    """(n,) numbers from 0 for the values of `column`, and the values' texts in the order of their numbers."""
    texts = canonical_texts(column)
    values = sorted(set(texts))
    number = {text: code for code, text in enumerate(values)}
    return np.array([number[text] for text in texts], dtype=np.intp), values


def _class_codes(
    dataset: Dataset, rows: Positions, stratify: bool | None, members: int, purpose: str
) -> Positions | None:
    """(n,) the classes of `rows`, each of which must have `members`; None where there is nothing to stratify by."""
    if stratify is False or dataset.target is None:
        if stratify:
            raise DataError("a stratified split needs a target column; name one, or pass stratify=False")
        return None
    labels = dataset.labels[rows]
    codes, values = _codes(labels)
    if stratify is None and not _look_like_classes(labels, len(values)):
        return None
    sizes = np.bincount(codes, minlength=len(values))
    rare = np.flatnonzero(sizes < members)
    if len(rare):
        listing = ", ".join(f"'{values[code]}' has {sizes[code]}" for code in rare[:5].tolist())
        raise DataError(
            f"to {purpose} with all classes on both sides, each class of '{dataset.target}' needs {members} or more "
            f"rows; {listing}{', ...' if len(rare) > 5 else ''}: add rows, merge or drop rare classes, or ask for "
            "fewer folds"
        )
    return codes


def _look_like_classes(labels: Column, values: int) -> bool:
    if labels.dtype == object or labels.dtype.kind == "b":
        return True
    return labels.dtype.kind in "if" and values <= MOST_CLASSES and bool(np.all(labels == np.floor(labels)))


def _group_codes(dataset: Dataset, rows: Positions, least: int) -> Positions:
    """(n,) the groups of `rows`, numbered in the order in which `rows` first meets them."""
    assert dataset.group is not None
    column = dataset[dataset.group][rows]
    missing = int(is_missing(column).sum())
    if missing:
        raise DataError(
            f"the group column '{dataset.group}' has no value in {missing} of {len(rows)} rows; "
            "fill it in, or drop them"
        )
    codes, values = _codes(column)
    if len(values) < least:
        raise DataError(
            f"to part the rows into {least} with no group on both sides, the group column '{dataset.group}' must hold "
            f"{least} or more groups; it has {len(values)}: ask for fewer folds, or name no group column if rows of "
            "one group may lie on both sides"
        )
    _, first = np.unique(codes, return_index=True)
    rank = np.empty(len(values), dtype=np.intp)
    rank[np.argsort(first)] = np.arange(len(values))
    return rank[codes]


def _times(dataset: Dataset, rows: Positions) -> tuple[Positions, NDArray[np.int64]]:
    """`rows` in the order of time, and their times as ranks (n,), equal for equal times."""
    assert dataset.time is not None
    column = dataset[dataset.time]
    if column.dtype.kind not in "iufM":
        raise DataError(
            f"the time column '{dataset.time}' must hold numbers or dates; it holds texts such as {column[0]!r}: "
            "write dates as 2031-12-24 or 2031-12-24T18:00:00"
        )
    missing = int(is_missing(column).sum())
    if missing:
        raise DataError(
            f"the time column '{dataset.time}' has no value in {missing} of {len(rows)} rows; fill it in, or drop them"
        )
    _, rank = np.unique(column[rows], return_inverse=True)
    order = np.argsort(rank, kind="stable")
    return rows[order], rank[order].astype(np.int64)


def _last_by_time(dataset: Dataset, rows: Positions, share: float, groups: bool) -> NDArray[np.bool_]:
    in_order, ranks = _times(dataset, rows)
    cuts = cut_without_ties(ranks, [len(rows) * (1 - share)])
    if cuts is None:
        raise DataError(
            f"a test by time needs 2 or more different times; '{dataset.time}' holds one: "
            "name another time column, or none"
        )
    test = in_order[cuts[0] :]
    if groups:
        _check_no_group_parted(dataset, in_order[: cuts[0]], test)
    return np.isin(rows, test)


def _rolling_origin(dataset: Dataset, k: int, seed: int, groups: bool) -> tuple[Fold, ...]:
    in_order, ranks = _times(dataset, _shuffled(dataset, seed, "folds 0"))
    cuts = cut_without_ties(ranks, [len(dataset) * number / (k + 1) for number in range(1, k + 1)])
    if cuts is None:
        distinct = len(np.unique(ranks))
        raise DataError(
            f"{k} folds by time need {k + 1} or more different times; '{dataset.time}' holds {distinct}: "
            "ask for fewer folds, or name no time column"
        )
    folds: list[Fold] = []
    for start, end in zip(cuts, [*cuts[1:], len(dataset)], strict=True):
        train, validation = in_order[:start], in_order[start:end]
        if groups:
            _check_no_group_parted(dataset, train, validation)
        folds.append(Fold(tuple(dataset.ids[train].tolist()), tuple(dataset.ids[validation].tolist())))
    return tuple(folds)


def _check_no_group_parted(dataset: Dataset, earlier: Positions, later: Positions) -> None:
    if dataset.group is None:
        return
    texts = canonical_texts(dataset[dataset.group])
    parted = sorted({texts[row] for row in earlier} & {texts[row] for row in later})
    if parted:
        raise DataError(
            f"a split by time can't keep groups whole: {len(parted)} groups of '{dataset.group}' lie on both sides, "
            f"such as '{parted[0]}'; name either a time or a group column, not both"
        )


def _given_parts(dataset: Dataset) -> Column | None:
    """(n,) 'train', 'validation' or 'test' from the split column; None where there is none."""
    if dataset.split is None:
        return None
    texts = canonical_texts(dataset[dataset.split])
    unknown = sorted({text for text in texts if text.strip().lower() not in _PARTS})
    if unknown:
        raise DataError(
            f"the split column '{dataset.split}' must hold train, validation or test in every row; "
            f"it also holds {', '.join(map(repr, unknown[:5]))}: rename these, or name no split column"
        )
    parts = np.array([_PARTS[text.strip().lower()] for text in texts])
    if not (parts == "train").any():
        raise DataError(f"the split column '{dataset.split}' names no row 'train'; some must be")
    return parts


def _given_test(dataset: Dataset, parts: Column, seed: int) -> Split:
    rows = _shuffled(dataset, seed, "hold out")
    in_test = parts[rows] == "test"
    return _as_split(dataset, rows[in_test], rows[~in_test], seed, "as given")


def _without_split(dataset: Dataset) -> Dataset:
    if dataset.split is None:
        return dataset
    return replace(dataset, split=None, ignored=(*dataset.ignored, dataset.split))
