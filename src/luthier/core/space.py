"""A space: named settings, some of them conditional on others, some of them fixed.

Glossary of shapes: d = `space.width`, the number of unit coordinates of all free settings together;
a unit vector is (d,) with NaN where a setting isn't active.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from luthier.core.config import Config
from luthier.core.errors import SpaceError, nearest_first
from luthier.core.parameter import (
    Condition,
    Parameter,
    Value,
    as_condition,
    parameter_from_json,
    satisfies,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Space:
    """Named settings; checked when made: conditions name known settings and form no circle.

    `parameters` keeps its order for people; `order` lists parents before their children. `slices` says which
    unit coordinates each free setting takes, `width` (d) how many they are together. `fixed` holds settings that
    stay as they are: `space.fix(...)` narrows a search to the others.

    Example: `Space({"model": Choice(("svm", "nb")), "C": Float(0.01, 100, log=True, when={"model": "svm"})})`
    has two kinds of config: {"model": "svm", "C": ...} and {"model": "nb"}.
    """

    parameters: Mapping[str, Parameter]
    fixed: Mapping[str, Value] = field(default_factory=dict[str, Value])
    order: tuple[str, ...] = field(init=False, repr=False, compare=False)
    slices: Mapping[str, slice] = field(init=False, repr=False, compare=False)
    width: int = field(init=False, repr=False, compare=False)
    _conditions: Mapping[str, Mapping[str, Condition]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", dict(self.parameters))
        for name, parameter in self.parameters.items():
            if not isinstance(parameter, Parameter):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise SpaceError(
                    f"setting '{name}' must be a Float, Int, Choice, Subset, Order or Text; got {parameter!r}"
                )
        object.__setattr__(self, "_conditions", {n: self._conditions_of(n) for n in self.parameters})
        object.__setattr__(self, "order", self._parents_first())
        fixed = {name: self.check(name, value) for name, value in self.fixed.items()}
        object.__setattr__(self, "fixed", fixed)
        slices: dict[str, slice] = {}
        start = 0
        for name in self.free:
            slices[name] = slice(start, start + self.parameters[name].width)
            start += self.parameters[name].width
        object.__setattr__(self, "slices", slices)
        object.__setattr__(self, "width", start)

    @property
    def free(self) -> tuple[str, ...]:
        """The names that aren't fixed, in the order of `parameters`."""
        return tuple(name for name in self.parameters if name not in self.fixed)

    def conditions(self, name: str) -> Mapping[str, Condition]:
        """What each parent of `name` must satisfy for it to be active; empty where it always is."""
        return self._conditions[name]

    def fix(self, values: Mapping[str, Value]) -> Space:
        """The same space with these settings held; names that it doesn't know are refused."""
        return Space(self.parameters, {**self.fixed, **values})

    def check(self, name: str, value: Any) -> Value:
        """`value` as setting `name` has it in canonical form; raises SpaceError naming the setting."""
        if name not in self.parameters:
            raise SpaceError(
                f"unknown setting '{name}'; known are: {', '.join(nearest_first(name, self.parameters)) or 'none'}"
            )
        try:
            return self.parameters[name].check(value)
        except SpaceError as error:
            raise SpaceError(f"setting '{name}' {error}") from None

    def is_active(self, name: str, values: Mapping[str, Value]) -> bool:
        """Whether `name` exists under `values`, which hold the active settings among its ancestors."""
        return all(
            parent in values and satisfies(values[parent], test) for parent, test in self._conditions[name].items()
        )

    def config(self, values: Mapping[str, Any] | None = None, *, defaults: bool = True) -> Config:
        """A checked config: `values`, the fixed settings, and defaults for the active rest.

        Values of settings that aren't active are dropped. Without `defaults`, every active setting must be
        stated. Raises SpaceError for an unknown name, a value out of range, or a missing one.
        """
        given = dict(values or {})
        for name, value in given.items():
            self.check(name, value)
        result: dict[str, Value] = {}
        for name in self.order:
            if not self.is_active(name, result):
                continue
            if name in self.fixed:
                result[name] = self.fixed[name]
            elif name in given:
                result[name] = self.check(name, given[name])
            elif defaults:
                result[name] = self.parameters[name].default
            else:
                raise SpaceError(f"setting '{name}' is active but has no value; state it")
        return Config({name: result[name] for name in self.parameters if name in result})

    def sample(self, rng: np.random.Generator) -> Config:
        """A config drawn from the priors; conditions are respected. Takes `width` draws, however many are active."""
        return self.draw(rng.random(self.width).tolist())

    def draw(self, uniform: Sequence[float]) -> Config:
        """The config of the priors at `width` uniform draws in [0, 1)."""
        return self._assemble({n: self.parameters[n].draw(uniform[part]) for n, part in self.slices.items()})

    def from_unit(self, unit: Sequence[float] | NDArray[np.float64]) -> Config:
        """The config at a unit vector (d,); coordinates of settings that aren't active are ignored."""
        coordinates = [0.5 if math.isnan(x) else min(max(float(x), 0.0), 1.0) for x in unit]
        return self._assemble({n: self.parameters[n].from_unit(coordinates[p]) for n, p in self.slices.items()})

    def to_unit(self, config: Mapping[str, Value]) -> NDArray[np.float64]:
        """The unit vector (d,) of a config; NaN where a free setting isn't active."""
        import numpy as np

        unit = np.full(self.width, np.nan)
        for name, part in self.slices.items():
            if name in config:
                unit[part] = self.parameters[name].to_unit(config[name])
        return unit

    def grid(self, size: int) -> list[Config]:
        """All different configs of a grid with at most `size` values a number; choices are taken whole."""
        axes = [self.parameters[name].grid(size) for name in self.free]
        configs = (self._assemble(dict(zip(self.free, point, strict=True))) for point in itertools.product(*axes))
        return list(dict.fromkeys(configs))

    def to_json(self) -> dict[str, Any]:
        """The settings as a task file writes them; fixed ones are left as they are."""
        return {name: parameter.to_json() for name, parameter in self.parameters.items()}

    @staticmethod
    def from_json(description: Mapping[str, Any]) -> Space:
        """The inverse of `to_json`; raises SpaceError naming the setting that is wrong."""
        parameters: dict[str, Parameter] = {}
        for name, part in description.items():
            try:
                parameters[name] = parameter_from_json(part)
            except SpaceError as error:
                raise SpaceError(f"setting '{name}': {error}") from None
        return Space(parameters)

    def _assemble(self, values: Mapping[str, Value]) -> Config:
        result: dict[str, Value] = {}
        for name in self.order:
            if self.is_active(name, result):
                result[name] = self.fixed[name] if name in self.fixed else values[name]
        return Config({name: result[name] for name in self.parameters if name in result})

    def _conditions_of(self, name: str) -> dict[str, Condition]:
        conditions: dict[str, Condition] = {}
        for parent, test in (self.parameters[name].when or {}).items():
            if parent not in self.parameters:
                raise SpaceError(
                    f"setting '{name}' depends on the unknown setting '{parent}'; "
                    f"known are: {', '.join(nearest_first(parent, self.parameters))}"
                )
            condition = as_condition(test)
            if isinstance(condition, tuple):
                try:
                    # Canonical values, since `satisfies` compares: of a stepped parent, 0.3 may mean 0.25.
                    canonical: Any = tuple(self.parameters[parent].check(option) for option in condition)
                except SpaceError as error:
                    raise SpaceError(f"setting '{name}' depends on '{parent}', which {error}") from None
                condition = canonical
            conditions[parent] = condition
        return conditions

    def _parents_first(self) -> tuple[str, ...]:
        ordered: dict[str, None] = {}

        def visit(name: str, path: tuple[str, ...]) -> None:
            if name in path:
                raise SpaceError(f"settings depend on each other in a circle: {' -> '.join((*path, name))}")
            if name not in ordered:
                for parent in self._conditions[name]:
                    visit(parent, (*path, name))
                ordered[name] = None

        for name in self.parameters:
            visit(name, ())
        return tuple(ordered)
