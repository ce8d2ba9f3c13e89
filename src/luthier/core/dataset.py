"""A dataset: rows with stable ids and named columns. A value; it reads nothing and splits nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from luthier.core.errors import DataError, nearest_listed

Column = NDArray[Any]


@dataclass(frozen=True)
class Dataset:
    """n rows. `columns` maps names to arrays (n,); `ids` (n,) are texts that differ and outlive a reordering.

    `target` names the column to predict; `group` the column whose equal values must not be parted by a split;
    `time` the column that orders rows for splits by time; `split` the column that names each row's part where
    the data came with parts. The columns with a role are no inputs. Texts are object arrays, missing numbers
    NaN, missing texts None.
    """

    columns: Mapping[str, Column]
    ids: Column
    target: str | None = None
    group: str | None = None
    time: str | None = None
    split: str | None = None
    ignored: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", dict(self.columns))
        for name, column in self.columns.items():
            if column.shape[:1] != self.ids.shape:
                raise DataError(
                    f"column '{name}' has {len(column)} values for {len(self.ids)} row ids; they must agree"
                )
        for role in ("target", "group", "time", "split"):
            name = getattr(self, role)
            if name is not None and name not in self.columns:
                known = nearest_listed(name, self.columns)
                raise DataError(f"the {role} column '{name}' is missing; the columns are: {known}")

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, name: str) -> Column:
        if name not in self.columns:
            raise DataError(f"no column '{name}'; the columns are: {nearest_listed(name, self.columns)}")
        return self.columns[name]

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the columns without a role, in order."""
        roles = {self.target, self.group, self.time, self.split, *self.ignored}
        return tuple(name for name in self.columns if name not in roles)

    @property
    def labels(self) -> Column:
        """The target column (n,); raises DataError where there is none."""
        if self.target is None:
            raise DataError("this dataset has no target column; name one with `target`")
        return self.columns[self.target]

    @property
    def groups(self) -> Column | None:
        """The group column (n,), or None."""
        return None if self.group is None else self.columns[self.group]

    def take(self, rows: NDArray[np.intp] | Sequence[int]) -> Dataset:
        """The dataset of these row positions, in their order."""
        if np.asarray(rows).dtype == np.bool_:
            raise DataError("rows are taken by position; got a mask of booleans: pass np.flatnonzero(mask)")
        index = np.asarray(rows, dtype=np.intp)
        return replace(
            self,
            columns={name: column[index] for name, column in self.columns.items()},
            ids=self.ids[index],
        )

    def positions(self, ids: Sequence[str] | Column) -> NDArray[np.intp]:
        """Where each of `ids` stands; raises DataError for one that isn't here."""
        missing = next((row for row in ids if row not in self._position_of), None)
        if missing is not None:
            raise DataError(f"no row has the id {missing!r}; was the data file changed since the split was made?")
        return np.array([self._position_of[row] for row in ids], dtype=np.intp)

    def without_labels(self) -> Dataset:
        """The same rows without the target: what a predictor may see."""
        if self.target is None:
            return self
        kept = {name: column for name, column in self.columns.items() if name != self.target}
        return replace(self, columns=kept, target=None)

    @cached_property
    def _position_of(self) -> dict[str, int]:
        return {row: position for position, row in enumerate(self.ids.tolist())}

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits of the ids, the columns and their roles: equal for equal data, on every machine."""
        digest = hashlib.sha256()
        digest.update(repr((self.target, self.group, self.time, self.split, self.ignored)).encode())
        for name, column in {"": self.ids, **self.columns}.items():
            digest.update(f"\x00{name}\x00{column.shape}".encode())
            if column.dtype == object or column.dtype.kind in "UT":
                digest.update("\x1f".join(map(repr, column.tolist())).encode("utf-8", "surrogatepass"))
            else:
                digest.update(f"{column.dtype.str}".encode())
                digest.update(np.ascontiguousarray(column).tobytes())
        return digest.hexdigest()[:16]
