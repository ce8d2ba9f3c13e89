"""Configs near a given one: a few of its settings moved or redrawn."""

from __future__ import annotations

from typing import Any

import numpy as np

from luthier.core.config import Config
from luthier.core.parameter import Choice, Parameter, Subset, Text, Value
from luthier.core.space import Space


class Neighbors:
    """Moves within a narrowed space. What is fixed stays; conditions hold afterwards."""

    def __init__(self, within: Space) -> None:
        self._within = within
        self._parents = {parent for name in within.parameters for parent in within.conditions(name)}

    def around(self, center: Config, count: int, step: float, rng: np.random.Generator) -> list[Config]:
        """`count` configs, `center` not among them but repeats possible.

        Each moves one setting of `center` at least, and two on average: a number by a normal step of deviation
        `step` in unit coordinates, one coordinate of a subset or order likewise, a choice to another option.
        """
        names = [name for name in self._within.free if name in center]
        if not names:
            return []
        moved = rng.random((count, len(names))) < min(1.0, 1.0 / len(names))
        moved[np.arange(count), rng.integers(len(names), size=count)] = True
        steps = rng.normal(0.0, step, (count, len(names)))
        uniform = rng.random((count, len(names)))
        found: list[Config] = []
        for row in range(count):
            values = dict(center)
            for column in np.flatnonzero(moved[row]):
                name = names[column]
                parameter = self._within.parameters[name]
                values[name] = _moved(parameter, values[name], float(steps[row, column]), float(uniform[row, column]))
            if values != center:
                found.append(self._checked(center, values, rng))
        return found

    def _checked(self, center: Config, values: dict[str, Value], rng: np.random.Generator) -> Config:
        if all(values[name] == center[name] for name in self._parents & center.keys()):
            return Config(values)
        # A parent moved: settings that now become active are drawn, those that no longer are fall away.
        drawn: dict[str, Any] = {}
        for name in self._within.free:
            if name not in values:
                parameter = self._within.parameters[name]
                drawn[name] = parameter.draw(rng.random(parameter.width).tolist())
        return self._within.config({**drawn, **values})


def _moved(parameter: Parameter, value: Value, step: float, uniform: float) -> Value:
    """`value` moved by `step`, or redrawn at `uniform`, wherever the first leaves it where it was."""
    unit = list(parameter.to_unit(value))
    place = min(int(uniform * len(unit)), len(unit) - 1)
    share = uniform * len(unit) - place
    if isinstance(parameter, Choice | Text) and not (isinstance(parameter, Choice) and parameter.ordered):
        return parameter.from_unit((share,))
    if isinstance(parameter, Subset):
        unit[place] = 1.0 - unit[place]
        return parameter.from_unit(unit)
    unit[place] = _reflected(unit[place] + step)
    result = parameter.from_unit(unit)
    if result == value:
        unit[place] = share
        result = parameter.from_unit(unit)
    return result


def _reflected(coordinate: float) -> float:
    """A coordinate that left [0, 1], mirrored back into it."""
    folded = coordinate % 2.0
    return 2.0 - folded if folded > 1.0 else folded
