"""A Dataset from a table that is in memory already."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from luthier.core.dataset import Column, Dataset
from luthier.core.errors import DataError, nearest_listed
from luthier.data.columns import as_column, is_missing
from luthier.data.row_ids import ids_from_column, ids_from_content


def from_frame(
    frame: Any,
    *,
    target: str | None = None,
    group: str | None = None,
    time: str | None = None,
    split: str | None = None,
    id_column: str | None = None,
    ignore: Sequence[str] = (),
    inputs: Sequence[str] | None = None,
) -> Dataset:
    """The Dataset of a polars or pandas frame, a mapping of names to arrays (n,), or a list of mappings.

    `ignore` names columns that are no inputs; `inputs`, where given, names the only ones that are. Row ids are
    the texts of `id_column`, or else follow from each row's content.

    Raises DataError for no rows, unknown or repeated names, arrays of unequal length, values of other types,
    missing labels, and ids that come twice.
    """
    columns = {name: as_column(name, values) for name, values in named_columns(frame)}
    return assemble(
        columns,
        place=lambda row: f"row {row + 1}",
        target=target,
        group=group,
        time=time,
        split=split,
        id_column=id_column,
        ignore=ignore,
        inputs=inputs,
    )


def assemble(
    columns: Mapping[str, Column],
    *,
    place: Callable[[int], str],
    target: str | None,
    group: str | None,
    time: str | None,
    split: str | None,
    id_column: str | None,
    ignore: Sequence[str],
    inputs: Sequence[str] | None,
) -> Dataset:
    """The checked Dataset of canonical columns; `place(row)` says where a row stands, such as 'line 12'."""
    lengths = {name: len(column) for name, column in columns.items()}
    if not lengths or not max(lengths.values()):
        raise DataError("the table has no rows; it needs at least one")
    if len(set(lengths.values())) > 1:
        listing = ", ".join(f"{name}: {length}" for name, length in lengths.items())
        raise DataError(f"all columns must be equally long; got {listing}")
    roles = {"target": target, "group": group, "time": time, "split": split, "id": id_column}
    _check_names(columns, roles, ignore, inputs)
    if target is not None:
        _check_labels(target, columns[target], place)
    if id_column is None:
        ids = ids_from_content(columns)
    else:
        ids = ids_from_column(id_column, columns[id_column], place)
    with_role = {name for role, name in roles.items() if name is not None and role != "id"}
    left_out = set(ignore) if inputs is None else set(columns) - set(inputs)
    if id_column is not None:
        left_out.add(id_column)
    ignored = tuple(name for name in columns if name in left_out - with_role)
    return Dataset(columns, ids, target=target, group=group, time=time, split=split, ignored=ignored)


def check_distinct(names: Iterable[str]) -> None:
    """Raise DataError where two columns have one name."""
    seen: dict[str, int] = {}
    for number, name in enumerate(names, start=1):
        if name in seen:
            raise DataError(
                f"column names must differ; '{name}' is the name of columns {seen[name]} and {number}: rename one"
            )
        seen[name] = number


def named_columns(frame: Any) -> list[tuple[str, Any]]:
    library = type(frame).__module__.partition(".")[0]
    if library == "polars":
        whole = frame.collect() if hasattr(frame, "collect") else frame
        return [(series.name, series) for series in whole.get_columns()]
    if library == "pandas":
        names = [str(name) for name in frame.columns]
        check_distinct(names)
        return [(name, frame.iloc[:, position]) for position, name in enumerate(names)]
    if isinstance(frame, Mapping):
        return [(str(name), values) for name, values in frame.items()]  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    if isinstance(frame, Sequence) and all(isinstance(row, Mapping) for row in frame):  # pyright: ignore[reportUnknownVariableType]
        return list(columns_of_rows(frame).items())  # pyright: ignore[reportUnknownArgumentType]
    raise DataError(
        f"a table must be a polars or pandas frame, a mapping of names to arrays, or a list of mappings; "
        f"got {type(frame).__name__}"
    )


def columns_of_rows(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The columns of rows that are mappings, in order of first appearance; None where a row lacks one."""
    columns: dict[str, list[Any]] = {}
    for position, row in enumerate(rows):
        for name, value in row.items():
            column = columns.get(name)
            if column is None:
                column = columns[str(name)] = [None] * len(rows)
            column[position] = value
    return columns


def _check_names(
    columns: Mapping[str, Column],
    roles: Mapping[str, str | None],
    ignore: Sequence[str],
    inputs: Sequence[str] | None,
) -> None:
    asked = [(f"the {role} column", name) for role, name in roles.items() if name is not None]
    asked += [("the ignored column", name) for name in ignore]
    asked += [("the input column", name) for name in inputs or ()]
    for what, name in asked:
        if name not in columns:
            raise DataError(f"{what} '{name}' is missing; the columns are: {nearest_listed(name, columns)}")
    target = roles["target"]
    for role, name in roles.items():
        if name is not None and role != "target" and name == target:
            raise DataError(f"the column '{name}' can't be both target and {role}; name another one")
        if inputs is not None and name is not None and name in inputs:
            raise DataError(f"the {role} column '{name}' can't be an input too; take it out of `inputs`")
    both = [name for name in inputs or () if name in ignore]
    if both:
        raise DataError(f"column '{both[0]}' is both in `inputs` and in `ignore`; take it out of one")


def _check_labels(target: str, labels: Column, place: Callable[[int], str]) -> None:
    missing = np.flatnonzero(is_missing(labels))
    if not len(missing):
        return
    if len(missing) == len(labels):
        raise DataError(f"the target column '{target}' has no value in any of {len(labels)} rows; name another column")
    first = ", ".join(place(int(row)) for row in missing[:3]) + (", ..." if len(missing) > 3 else "")
    raise DataError(
        f"the target column '{target}' has no value in {len(missing)} of {len(labels)} rows ({first}); "
        "every row needs a label: drop these rows or fill the labels in"
    )
