"""Columns of one kind as arrays: of categories, dates and texts. Functions of a polars DataFrame, stored by name.

They know which columns are of a kind by the types that `luthier.data.kinds.typed` gives them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import TruncatedSVD

MISSING = "(missing)"
"""The category of a missing value."""
_SECONDS_A_DAY = 86_400.0


def numbers_of(frame: Any) -> list[str]:
    """The names of the columns of numbers."""
    return [name for name, kind in frame.schema.items() if kind.is_numeric()]


def categories_of(frame: Any) -> list[str]:
    """The names of the columns of categories."""
    return [name for name, kind in frame.schema.items() if kind.base_type().__name__ == "Categorical"]


def dates_of(frame: Any) -> list[str]:
    """The names of the columns of dates."""
    return [name for name, kind in frame.schema.items() if kind.is_temporal()]


def texts_of(frame: Any) -> list[str]:
    """The names of the columns of texts."""
    return [name for name, kind in frame.schema.items() if kind.base_type().__name__ == "String"]


def as_numbers(frame: Any) -> NDArray[np.float64]:
    """(n, d) numbers, NaN where missing."""
    return np.column_stack([_floats(series) for series in frame.get_columns()])


def as_categories(frame: Any) -> NDArray[Any]:
    """(n, d) texts; a missing value is a category of its own."""
    columns = [np.array([text or MISSING for text in _texts(series)], dtype=object) for series in frame.get_columns()]
    return np.column_stack(columns).astype(object)


def as_days(frame: Any) -> NDArray[np.float64]:
    """(n, d) days since 1970, with the time as a part of the day; NaN where missing."""
    return np.column_stack([_days(series) for series in frame.get_columns()])


def as_date_parts(frame: Any) -> NDArray[np.float64]:
    """(n, 6 d) days since 1970, year, month, day of the month, weekday (Monday is 1) and hour of each date."""
    parts: list[NDArray[np.float64]] = []
    for series in frame.get_columns():
        clock = series.dt
        parts.append(_days(series))
        parts += [_floats(part) for part in (clock.year(), clock.month(), clock.day(), clock.weekday(), clock.hour())]
    return np.column_stack(parts)


def as_one_text(frame: Any) -> NDArray[Any]:
    """(n,) the texts of each row, one under the other."""
    columns = [_texts(series) for series in frame.get_columns()]
    rows = ["\n".join(text for text in row if text) for row in zip(*columns, strict=True)]
    return np.array([*rows, None], dtype=object)[:-1]


class Shortened(TruncatedSVD):
    """Truncated SVD to `n_components` numbers, or as many as there are columns where these are fewer."""

    def fit_transform(self, X: Any, y: Any = None) -> NDArray[np.float64]:
        """(n, at most n_components) the rows of X, (n, d), in their main directions."""
        wanted = self.n_components
        self.n_components = max(1, min(wanted, X.shape[1], X.shape[0]))
        try:
            return super().fit_transform(X, y)
        finally:
            self.n_components = wanted


def _floats(series: Any) -> NDArray[np.float64]:
    numbers = series.cast(float).to_numpy()
    return np.asarray(numbers, dtype=np.float64)


def _days(series: Any) -> NDArray[np.float64]:
    return _floats(series.dt.epoch("s")) / _SECONDS_A_DAY


def _texts(series: Any) -> list[str | None]:
    return series.cast(str).to_list()
