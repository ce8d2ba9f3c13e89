"""Configs near given ones, as rows of coordinates: a few settings moved or redrawn, or one of them at all its values.

Glossary of shapes: k centers, rows (k, u) of the coordinates of a joint space; u = its `width`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from luthier.core.space import Space
from luthier.search.axes import Axis, Kind, axes_of
from luthier.search.coordinates import Coordinates
from luthier.search.numeric import Matrix

MOST_VALUES = 24  # of a grid or category that is looked at value by value; a longer grid is walked like a line


class Neighbors:
    """Moves within a narrowed space. What is fixed stays; conditions hold afterwards."""

    def __init__(self, coordinates: Coordinates, within: Space) -> None:
        self._coordinates = coordinates
        self._within = within
        self._free = np.array(coordinates.columns(within), dtype=np.int64)
        self._axes = axes_of(within)
        self._category = np.array([axis.kind is Kind.CATEGORY for axis in self._axes], dtype=bool)

    def around(self, centers: Matrix, count: int, step: float, rng: np.random.Generator) -> Matrix:
        """(k * count, u): `count` rows near each center, repeats possible; none where nothing is free.

        Each moves one active coordinate at least, and two on average: a number or grid by a normal step of
        deviation `step`, to the end of its range at most, a category to any value. Settings that become active
        thereby are drawn evenly.
        """
        if not len(self._free):
            return np.empty((0, self._coordinates.width))
        base = np.repeat(self._coordinates.snapped(self._within, centers), count, axis=0)
        old = base[:, self._free]
        active = ~np.isnan(old)
        moved = (rng.random(old.shape) < 1.0 / np.maximum(active.sum(axis=1, keepdims=True), 1)) & active
        every = np.arange(len(base))
        surely = np.argmax(rng.random(old.shape) * active, axis=1)
        moved[every, surely] = True
        uniform = rng.random(old.shape)
        stepped = np.where(self._category, uniform, np.clip(old + rng.normal(0.0, step, old.shape), 0.0, 1.0))
        new = np.where(moved, stepped, np.where(active, old, uniform))
        rows = self._snapped(base, new)
        # A step too short to leave its cell moved nothing: redraw that coordinate.
        still = np.flatnonzero(_same(rows, base).all(axis=1))
        new[still, surely[still]] = rng.random(len(still))
        rows[still] = self._snapped(base[still], new[still])
        return rows

    def along(self, centers: Matrix, steps: Sequence[float]) -> Matrix:
        """Rows (m, u) with one coordinate of a center changed: to each value of a category or a short grid, else to
        either end and by each of `steps` up and down. The best values of many settings lie at an end.
        """
        found = [np.empty((0, self._coordinates.width))]
        for center in self._coordinates.snapped(self._within, centers):
            for column, axis in zip(self._free.tolist(), self._axes, strict=True):
                if not np.isnan(center[column]):
                    values = _values(axis, float(center[column]), steps)
                    rows = np.repeat(center[None, :], len(values), axis=0)
                    rows[:, column] = values
                    found.append(rows)
        return self._coordinates.snapped(self._within, np.vstack(found))

    def _snapped(self, base: Matrix, free: Matrix) -> Matrix:
        rows = base.copy()
        rows[:, self._free] = free
        return self._coordinates.snapped(self._within, rows)


def _values(axis: Axis, place: float, steps: Sequence[float]) -> Matrix:
    if 0 < len(axis.masses) <= MOST_VALUES:
        return axis.middles
    moved = np.array([0.0, 1.0, *(place + step for step in steps), *(place - step for step in steps)])
    return np.clip(moved, 0.0, 1.0)


def _same(one: Matrix, other: Matrix) -> np.ndarray:
    return (one == other) | (np.isnan(one) & np.isnan(other))
