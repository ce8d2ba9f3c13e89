"""Rows as checked arrays, and the groups that rows belong to.

Shapes: n rows in g groups; without groups each row is its own, so g = n.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Vector = NDArray[np.float64]
Rows = NDArray[np.intp]

DRAWS_AT_ONCE = 1 << 21  # 16 MiB of row numbers


def vector(values: ArrayLike, name: str, *, least: int = 1) -> Vector:
    """`values` as finite floats, shape (n,) with n >= `least`; ValueError says what is wrong with `name`."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(f"{name} must have one dimension, not shape {array.shape}; pass one number per row")
    if array.size < least:
        raise ValueError(f"{name} must hold at least {least} rows, not {array.size}")
    broken = int(np.count_nonzero(~np.isfinite(array)))
    if broken:
        raise ValueError(f"{name} must be finite, but {broken} of {array.size} are not; drop or score those rows")
    return array


def same_length(first: Vector, second: Vector, names: str) -> None:
    """ValueError unless both have one number per row of the same rows."""
    if first.size != second.size:
        raise ValueError(f"{names} must be over the same rows, but there are {first.size} and {second.size}")


def fraction(value: float, name: str) -> float:
    """`value` when it lies strictly between 0 and 1; ValueError otherwise."""
    if not 0.0 < value < 1.0:
        raise ValueError(f"{name} must lie strictly between 0 and 1, not {value!r}; 95% is written 0.95")
    return value


@dataclass(frozen=True, slots=True)
class Groups:
    """Which group each row belongs to: `of_row` (n,) in 0..g-1, `sizes` (g,) rows of each group."""

    of_row: Rows
    sizes: Vector

    @classmethod
    def of(cls, groups: ArrayLike | None, rows: int) -> Groups:
        """Groups from one label per row (text or numbers), or each row on its own when None.

        ValueError when there is not one label per row, or fewer than two groups.
        """
        if groups is None:
            return cls(np.arange(rows), np.ones(rows))
        labels = np.asarray(groups)
        if labels.shape != (rows,):
            raise ValueError(f"groups must name one group for each of the {rows} rows, not shape {labels.shape}")
        of_row = np.unique(labels, return_inverse=True)[1]
        sizes = np.bincount(of_row).astype(np.float64)
        if sizes.size < 2:
            raise ValueError(
                "groups must name at least 2 groups, not 1: how much groups differ can't be told from one; "
                "group by something finer, or pass groups=None if the rows are independent"
            )
        return cls(of_row, sizes)

    @property
    def count(self) -> int:
        """g."""
        return self.sizes.size

    def totals(self, values: Vector) -> Vector:
        """Sum of `values` over the rows of each group, shape (g,)."""
        return np.bincount(self.of_row, weights=values, minlength=self.count).astype(np.float64)

    def draws(self, resamples: int, rng: np.random.Generator) -> Iterator[Rows]:
        """Groups drawn with replacement, in blocks of shape (resamples of the block, g)."""
        block = max(1, DRAWS_AT_ONCE // self.count)
        for start in range(0, resamples, block):
            yield rng.integers(self.count, size=(min(block, resamples - start), self.count))

    def resampled_rows(self, resamples: int, rng: np.random.Generator) -> Iterator[Rows]:
        """The rows of groups drawn with replacement, one array of row numbers per resample."""
        if self.count == self.of_row.size:
            for block in self.draws(resamples, rng):
                yield from block
            return
        members: list[Rows] = np.split(
            np.argsort(self.of_row, kind="stable"), np.cumsum(self.sizes).astype(np.intp)[:-1]
        )
        for block in self.draws(resamples, rng):
            for drawn in block:
                yield np.concatenate([members[int(group)] for group in drawn])
