"""Many configs at once, as rows of unit coordinates: drawn from priors, put on the grid of allowed values, checked
for which settings are active.

Glossary of shapes: u = width of the joint space with nothing fixed; m rows. A row (u,) holds NaN where a setting is
not active. Everything here says the same as `Space.draw`, `Space.from_unit` and `Space.to_unit`, row by row, but
hundreds of times as fast.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from luthier.core.config import Config
from luthier.core.parameter import (
    Choice,
    Condition,
    Float,
    Int,
    Order,
    Parameter,
    Range,
    Subset,
    Text,
    Value,
    nearest_unit,
    satisfies,
)
from luthier.core.seeds import derive_seed
from luthier.core.space import Space
from luthier.search.numeric import Matrix, normal_cdf, normal_quantile

MOST_LISTED = 4096  # values of a setting; with more of them its grid is too fine to matter to a model


class Coordinates:
    """The unit coordinates of a joint space."""

    def __init__(self, space: Space) -> None:
        self.space = Space(space.parameters)
        self.width = self.space.width
        self._axes = {name: _axis(parameter) for name, parameter in self.space.parameters.items()}

    def row(self, config: Mapping[str, Value]) -> Matrix:
        """(u,) of a config. A text that is no candidate gets a coordinate of its own, above 1."""
        row = self.space.to_unit(config)
        for name, part in self.space.slices.items():
            parameter = self.space.parameters[name]
            if isinstance(parameter, Text) and name in config and config[name] not in parameter.candidates:
                row[part] = 1.0 + (1 + derive_seed(0, str(config[name]))) / 2**31
        return row

    def config(self, row: Matrix, within: Space) -> Config:
        """The config of `within` at a row (u,)."""
        return within.from_unit(row[self.columns(within)])

    def columns(self, within: Space) -> list[int]:
        """The columns of the settings that are free in `within`, in its order."""
        return [column for name in within.free for column in _columns(self.space.slices[name])]

    def draws(self, within: Space, uniform: Matrix) -> Matrix:
        """Rows (m, u) of the priors of `within` at uniform draws (m, d), d = `within.width`."""
        rows = self._blank(within, len(uniform))
        for name, part in within.slices.items():
            rows[:, self.space.slices[name]] = self._axes[name].drawn(uniform[:, part])
        return self._activated(within, rows)

    def snapped(self, within: Space, rows: Matrix) -> Matrix:
        """The rows (m, u) of the configs nearest to `rows` (m, u) in [0, 1], NaN read as the middle."""
        result = self._blank(within, len(rows))
        for name in within.free:
            part = self.space.slices[name]
            result[:, part] = self._axes[name].snapped(np.clip(np.nan_to_num(rows[:, part], nan=0.5), 0.0, 1.0))
        return self._activated(within, result)

    def _blank(self, within: Space, count: int) -> Matrix:
        """Rows with the fixed settings in place."""
        rows = np.full((count, self.width), 0.5)
        for name, value in within.fixed.items():
            part = self.space.slices[name]
            rows[:, part] = self.row({name: value})[part]
        return rows

    def _activated(self, within: Space, rows: Matrix) -> Matrix:
        """`rows` with NaN where a setting is not active."""
        for name in self.space.order:
            for parent, test in self.space.conditions(name).items():
                held = self._holds(parent, test, rows, within)
                rows[~held, self.space.slices[name]] = np.nan
        return rows

    def _holds(self, parent: str, test: Condition, rows: Matrix, within: Space) -> np.ndarray:
        """(m,) whether the parent is active and satisfies `test`."""
        part = rows[:, self.space.slices[parent]]
        if parent in within.fixed:
            return ~np.isnan(part[:, 0]) & satisfies(within.fixed[parent], test)
        return self._axes[parent].holds(part, test)


def _columns(part: slice) -> range:
    return range(part.start, part.stop)


class _Axis:
    """The coordinates of one setting: any value is its own."""

    def __init__(self, parameter: Parameter) -> None:
        self.parameter = parameter

    def drawn(self, uniform: Matrix) -> Matrix:
        """(m, w) coordinates of the prior at `uniform` (m, w)."""
        return self.snapped(_through_prior(self.parameter, uniform))

    def snapped(self, units: Matrix) -> Matrix:
        """(m, w) coordinates of the values at `units` (m, w)."""
        return units

    def holds(self, units: Matrix, test: Condition) -> np.ndarray:
        """(m,) whether the values at `units` (m, w) satisfy `test`; never where they are NaN."""
        found = np.zeros(len(units), dtype=bool)
        for index in np.flatnonzero(~np.isnan(units[:, 0])).tolist():
            found[index] = satisfies(self.parameter.from_unit(units[index].tolist()), test)
        return found


class _Numbers(_Axis):
    """A number of so many values that it is as good as continuous."""

    def __init__(self, parameter: Float | Int) -> None:
        super().__init__(parameter)
        self._number = parameter

    def snapped(self, units: Matrix) -> Matrix:
        number = self._number
        if number.step is None:
            return units
        if number.log:
            low, high = math.log(number.low - 0.5), math.log(number.high + 0.5)
            values = np.clip(np.round(np.exp(low + (high - low) * units)), number.low, number.high)
            return (np.log(values) - low) / (high - low)
        count = _count(number)
        return (np.minimum(np.floor(units * count), count - 1) + 0.5) / count

    def holds(self, units: Matrix, test: Condition) -> np.ndarray:
        if not isinstance(test, Range):
            return super().holds(units, test)
        column = units[:, 0]  # comparing NaN gives False
        return (column >= _place(self._number, test.low)) & (column <= _place(self._number, test.high))


class _Listed(_Axis):
    """A setting of few values, each with a coordinate of its own and a cell of the unit interval around it."""

    def __init__(self, parameter: Parameter, values: list[Value]) -> None:
        super().__init__(parameter)
        self.values = values
        self.places = np.array([parameter.to_unit(value)[0] for value in values])  # rising
        edges = (self.places[1:] + self.places[:-1]) / 2
        if isinstance(parameter, Int) and parameter.log:
            low, high = math.log(parameter.low - 0.5), math.log(parameter.high + 0.5)
            edges = (np.log(np.arange(parameter.low, parameter.high) + 0.5) - low) / (high - low)
        self.edges = edges
        self._cumulative: Matrix | None = None
        if isinstance(parameter, Choice) and parameter.weights is not None:
            weights = np.array(parameter.weights, dtype=np.float64)
            self._cumulative = np.cumsum(weights / weights.sum())

    def drawn(self, uniform: Matrix) -> Matrix:
        if self._cumulative is None:
            return super().drawn(uniform)
        # The last option of any weight takes what rounding leaves over.
        last = int(np.flatnonzero(np.diff(self._cumulative, prepend=0.0) > 0)[-1])
        return self.places[np.minimum(np.searchsorted(self._cumulative, uniform, side="right"), last)]

    def snapped(self, units: Matrix) -> Matrix:
        return self.places[np.searchsorted(self.edges, units, side="right")]

    def holds(self, units: Matrix, test: Condition) -> np.ndarray:
        satisfied = np.array([satisfies(value, test) for value in self.values])
        column = units[:, 0]
        known = ~np.isnan(column) & (column <= 1.0)
        found = np.zeros(len(units), dtype=bool)
        found[known] = satisfied[np.searchsorted(self.edges, column[known], side="right")]
        return found


class _Members(_Axis):
    """A subset: .25 or .75 a member, as many of the latter as its sizes allow."""

    def __init__(self, parameter: Subset) -> None:
        super().__init__(parameter)
        self._sizes = parameter.min_size, parameter.max_size

    def snapped(self, units: Matrix) -> Matrix:
        sizes = np.clip((units >= 0.5).sum(axis=1), *self._sizes)
        return np.where(_ranks(-units) < sizes[:, None], 0.75, 0.25)


class _Places(_Axis):
    """An order: the place of each member."""

    def snapped(self, units: Matrix) -> Matrix:
        return (_ranks(units) + 0.5) / units.shape[1]


def _axis(parameter: Parameter) -> _Axis:
    if isinstance(parameter, Subset):
        return _Members(parameter)
    if isinstance(parameter, Order):
        return _Places(parameter)
    if isinstance(parameter, Float | Int) and _count(parameter) > MOST_LISTED:
        return _Numbers(parameter)
    return _Listed(parameter, parameter.grid(MOST_LISTED))


def _count(parameter: Float | Int) -> float:
    """How many values it has."""
    if parameter.step is None:
        return math.inf
    return math.floor((parameter.high - parameter.low) / parameter.step + 1e-9) + 1


def _ranks(units: Matrix) -> Matrix:
    """(m, w) the rank of each coordinate in its row, from 0; of equals the earlier first."""
    return np.argsort(np.argsort(units, axis=1, kind="stable"), axis=1, kind="stable").astype(np.float64)


def _place(parameter: Float | Int, number: float) -> float:
    """The unit coordinate of `number`; infinite where it lies out of range."""
    if not parameter.low <= number <= parameter.high:
        return math.copysign(math.inf, number - parameter.low)
    return nearest_unit(parameter, number)


def _through_prior(parameter: Parameter, uniform: Matrix) -> Matrix:
    """`Prior.quantile` for all of `uniform` (m, w); as it is where there is no prior."""
    if not isinstance(parameter, Float | Int) or parameter.prior is None:
        return uniform
    center, spread = nearest_unit(parameter, parameter.prior.center), parameter.prior.spread
    low, high = normal_cdf(np.array([-center / spread, (1.0 - center) / spread]))
    share = np.clip(low + (high - low) * uniform, 1e-12, 1 - 1e-12)
    return np.clip(center + spread * normal_quantile(share), 0.0, 1.0)
