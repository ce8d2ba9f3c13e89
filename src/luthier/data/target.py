"""Whether a target column can be learned from."""

from __future__ import annotations

import numpy as np

from luthier.core.dataset import Dataset
from luthier.core.errors import DataError
from luthier.data.columns import is_missing

KINDS = ("classification", "regression")


def check_target(dataset: Dataset, kind: str) -> None:
    """Raise DataError unless the labels suit a `kind` of task, 'classification' or 'regression'.

    Classification needs two or more classes; regression needs finite numbers that aren't all equal.
    """
    if kind not in KINDS:
        raise DataError(f"the kind of a task must be one of {', '.join(KINDS)}; got '{kind}'")
    labels = dataset.labels
    missing = int(is_missing(labels).sum())
    if missing:
        raise DataError(f"the target '{dataset.target}' has no value in {missing} of {len(labels)} rows; drop them")
    distinct = set(labels.tolist())
    if kind == "regression":
        if labels.dtype.kind not in "iufb":
            raise DataError(
                f"the target '{dataset.target}' of a regression must hold numbers; "
                f"got texts or dates, such as {labels.tolist()[0]!r}: name another column, or ask for a classification"
            )
        infinite = int((~np.isfinite(labels.astype(np.float64))).sum())
        if infinite:
            raise DataError(f"the target '{dataset.target}' must be finite; {infinite} rows hold infinities: drop them")
    if len(distinct) < 2:
        what = "classes" if kind == "classification" else "values"
        raise DataError(
            f"the target '{dataset.target}' must hold two or more {what}; "
            f"{_all(len(labels))} {labels.tolist()[0]!r}: name another column, or add rows of another kind"
        )


def _all(rows: int) -> str:
    return "its one row holds" if rows == 1 else f"all {rows} rows hold"
