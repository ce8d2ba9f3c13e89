"""The unit coordinates of a space one by one: which are numbers, which are grids, which are categories.

Glossary of shapes: d = `space.width` axes, one for each coordinate; m cells of an axis; n coordinates on it.

    setting                                     axis         cells
    float, number of more than 64 values,       NUMBER       none
      place of an item in an order
    whole or stepped number, ordered choice     GRID         one a value, neighbors side by side
    choice, text, member of a subset            CATEGORY     one a value, in no order
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from luthier.core.parameter import Choice, Float, Int, Parameter, Subset, Text, nearest_unit
from luthier.core.space import Space
from luthier.search.numeric import Matrix, normal_cdf

MOST_CELLS = 64  # a finer grid is as good as a line


class Kind(StrEnum):
    """What an axis knows of nearness: values of a CATEGORY are the same or not, the others lie nearer or farther."""

    NUMBER = "number"
    GRID = "grid"
    CATEGORY = "category"


def _no_cells() -> Matrix:
    return np.empty(0)


@dataclass(frozen=True, slots=True)
class Axis:
    """One coordinate in [0, 1].

    `edges` (m + 1,) part it into cells, and `masses` (m,) are their prior probabilities; both are empty for a
    NUMBER, whose prior is a normal one around `center` with standard deviation `spread`, cut off at 0 and 1; an
    infinite spread makes it uniform.
    """

    kind: Kind
    edges: Matrix = field(default_factory=_no_cells)
    masses: Matrix = field(default_factory=_no_cells)
    center: float = 0.5
    spread: float = math.inf

    @property
    def middles(self) -> Matrix:
        """(m,): the middle of each cell."""
        return (self.edges[1:] + self.edges[:-1]) / 2

    def cells(self, coordinates: Matrix) -> NDArray[np.int64]:
        """The cell (n,) that each coordinate (n,) lies in, from 0."""
        found = np.searchsorted(self.edges, coordinates, side="right") - 1
        return np.clip(found, 0, len(self.masses) - 1).astype(np.int64)


def axes_of(space: Space) -> tuple[Axis, ...]:
    """One axis for each unit coordinate of `space`, that is, of its free settings."""
    return tuple(axis for name in space.free for axis in _axes(space.parameters[name]))


def _axes(parameter: Parameter) -> list[Axis]:
    if isinstance(parameter, Choice):
        return [_choice(parameter)]
    if isinstance(parameter, Text):
        return [_even(Kind.CATEGORY, len(parameter.candidates))]
    if isinstance(parameter, Subset):
        return [_even(Kind.CATEGORY, 2)] * parameter.width
    if isinstance(parameter, Float | Int):
        return [_number(parameter)]
    return [Axis(Kind.NUMBER)] * parameter.width


def _even(kind: Kind, count: int) -> Axis:
    return Axis(kind, np.linspace(0.0, 1.0, count + 1), np.full(count, 1.0 / count))


def _choice(parameter: Choice) -> Axis:
    axis = _even(Kind.GRID if parameter.ordered else Kind.CATEGORY, len(parameter.options))
    if parameter.weights is None:
        return axis
    return Axis(axis.kind, axis.edges, np.array(parameter.weights) / sum(parameter.weights))


def _number(parameter: Float | Int) -> Axis:
    center, spread = 0.5, math.inf
    if parameter.prior is not None:
        center, spread = nearest_unit(parameter, parameter.prior.center), parameter.prior.spread
    edges = _edges(parameter)
    if not len(edges):
        return Axis(Kind.NUMBER, center=center, spread=spread)
    masses = np.diff(edges if math.isinf(spread) else normal_cdf((edges - center) / spread))
    return Axis(Kind.GRID, edges, masses / masses.sum())


def _edges(parameter: Float | Int) -> Matrix:
    """The cells of a number of few values; none otherwise."""
    count = _count(parameter)
    if count > MOST_CELLS:
        return _no_cells()
    if isinstance(parameter, Int) and parameter.log:
        bounds = np.log(np.arange(parameter.low, parameter.high + 2) - 0.5)
        return (bounds - bounds[0]) / (bounds[-1] - bounds[0])
    return np.linspace(0.0, 1.0, int(count) + 1)


def _count(parameter: Float | Int) -> float:
    if parameter.step is None:
        return math.inf
    return math.floor((parameter.high - parameter.low) / parameter.step + 1e-9) + 1
