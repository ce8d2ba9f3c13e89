"""Which classes there are, in which order their probabilities come, and which one counts as positive.

Shapes: n rows, c classes. Probabilities are (n, c), or (n,) of the positive one of two classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from luthier.stats._rows import Vector

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Classes:
    """The `order` (c,) of probability columns, and the class that counts as `positive` (None: none does)."""

    order: Array
    positive: Any

    @classmethod
    def of(cls, y_true: Array, classes: Sequence[Any] | Array | None, positive: Any) -> Classes:
        """Of the stated classes, or those seen in `y_true`, sorted; of two, the last is positive unless stated."""
        order = np.unique(y_true) if classes is None else np.asarray(classes)
        if positive is not None and positive not in order.tolist():
            raise ValueError(f"positive must be one of the classes {order.tolist()}, not {positive!r}")
        if positive is None and order.size == 2:
            positive = order.tolist()[1]
        return cls(order, positive)

    def columns(self, y_true: Array) -> NDArray[np.intp]:
        """Which column holds the true class of each row, shape (n,)."""
        sorter = np.argsort(self.order, kind="stable")
        found = sorter[np.minimum(np.searchsorted(self.order, y_true, sorter=sorter), self.order.size - 1)]
        strangers = np.unique(y_true[self.order[found] != y_true])
        if strangers.size:
            raise ValueError(f"y_true must hold only the classes {self.order.tolist()}, not {strangers.tolist()}")
        return found

    def positives(self, y_true: Array) -> NDArray[np.bool_]:
        """Which rows are positive, shape (n,). ValueError when no class is."""
        if self.positive is None:
            raise ValueError(
                f"this metric needs a positive class, and the classes are {self.order.tolist()}; state positive, "
                "or classes where one is missing from y_true, or use a metric over all classes such as f1_macro"
            )
        return np.asarray(y_true == self.positive)

    def probabilities(self, prediction: Array) -> Vector:
        """Probabilities (n, c) whose rows add up to 1; ValueError says what is wrong with them."""
        given = np.asarray(prediction, dtype=np.float64)
        if given.ndim == 1 and self.order.size == 2:
            order = [1 - given, given] if self.order[1] == self.positive else [given, 1 - given]
            given = np.stack(order, axis=1)
        if given.ndim != 2 or given.shape[1] != self.order.size:
            raise ValueError(
                f"probabilities must have one column for each of the {self.order.size} classes "
                f"{self.order.tolist()}, not shape {given.shape}; pass classes in the order of the columns"
            )
        if not np.all((given >= 0) & (given <= 1)) or not np.allclose(given.sum(axis=1), 1, atol=1e-3):
            raise ValueError("probabilities must lie in [0, 1] and add up to 1 in each row; pass no logits")
        return given / given.sum(axis=1, keepdims=True)

    def positive_probabilities(self, prediction: Array) -> Vector:
        """Probability of the positive class, shape (n,)."""
        return self.probabilities(prediction)[:, self.order.tolist().index(self.positive)]
