"""The trials as a matrix: one row a comparable trial, the settings as unit coordinates.

Shapes: n trials, d coordinates, of which a setting may take several (a subset takes one an option).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from luthier.core.errors import SpaceError
from luthier.core.history import History
from luthier.core.parameter import parameter_from_json
from luthier.core.space import Space
from luthier.core.trial import Trial

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Observations:
    """Trials whose values can be compared. `X` (n, d) holds defaults where a setting isn't active; `y` is (n,)."""

    space: Space
    trials: tuple[Trial, ...]
    X: NDArray[np.float64]
    y: NDArray[np.float64]

    @property
    def varied(self) -> tuple[str, ...]:
        """The settings that took more than one value."""
        return tuple(name for name, part in self.space.slices.items() if (self.X[:, part] != self.X[:1, part]).any())


def space_of(history: History) -> Space:
    """The joint space of a history's levers, with dotted names; settings that no longer can be read are left out."""
    parameters: dict[str, Any] = {}
    for lever, settings in history.levers.items():
        for name, description in settings.items():
            plain = {key: value for key, value in description.items() if key != "when"}
            try:
                parameters[f"{lever}.{name}"] = parameter_from_json(plain)
            except SpaceError:
                continue
    return Space(parameters)


def observations_of(history: History) -> Observations:
    """The observations of a history; X has no rows where nothing was measured."""
    import numpy as np

    space = space_of(history)
    trials = tuple(history.comparable)
    middle = space.to_unit({name: space.parameters[name].default for name in space.free})
    X = np.array([_row(space, trial) for trial in trials]).reshape(len(trials), space.width)
    y = np.array([trial.value for trial in trials], dtype=float)
    return Observations(space, trials, np.where(np.isnan(X), middle, X), y)


def _row(space: Space, trial: Trial) -> Any:
    """Unit coordinates; NaN for what the space doesn't hold, such as a baseline outside of a range."""
    import numpy as np

    row = np.full(space.width, np.nan)
    for name, part in space.slices.items():
        if name in trial.config:
            try:
                row[part] = space.parameters[name].to_unit(trial.config[name])
            except SpaceError:
                continue
    return row
