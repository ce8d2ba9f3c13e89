"""TaskSet (arXiv 2002.11887): 1,000 recorded runs of Adam with 8 settings, for each of six text models.

An evaluation shows the run recorded nearest to the config, by the distance in unit coordinates (logarithms
scaled to [0, 1]). So the landscape is made of flat cells, as rough as 1,000 points in 8 dimensions are. The value
is the validation loss at the end; where that isn't finite the training failed, and NaN is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from luthier.core.config import Config
from luthier.core.parameter import Float
from luthier.core.space import Space
from searching.problem import Vector

# The betas are searched by their distance from 1, as TaskSet drew them.
SPACE = Space(
    {
        "learning_rate": Float(1e-8, 10.0, log=True),
        "one_minus_beta1": Float(1e-4, 1.0, log=True),
        "one_minus_beta2": Float(1e-6, 1.0, log=True),
        "epsilon": Float(1e-10, 1e3, log=True),
        "l1": Float(1e-8, 10.0, log=True),
        "l2": Float(1e-8, 10.0, log=True),
        "linear_decay": Float(1e-7, 1e-4, log=True),
        "exponential_decay": Float(1e-6, 1e-3, log=True),
    }
)


@dataclass(frozen=True)
class Recorded:
    """`units` (1000, 8) of the recorded configs, and their `losses` (1000,)."""

    units: NDArray[np.float64]
    losses: Vector

    def truths(self, configs: Sequence[Config]) -> Vector:
        return np.array([self.losses[self._nearest(config)] for config in configs])

    def observe(self, config: Config, seed: int, number: int) -> float:
        return float(self.losses[self._nearest(config)])

    def everything(self) -> None:
        return None

    def _nearest(self, config: Config) -> int:
        return int(((self.units - SPACE.to_unit(config)) ** 2).sum(axis=1).argmin())


def tasks(data: Path) -> list[str]:
    """The names of the tasks there are, shortened."""
    return sorted(_short(path) for path in (data / "taskset").glob("*.npz"))


def task(data: Path, name: str) -> Recorded:
    """The recorded runs of one task."""
    path = next(path for path in (data / "taskset").glob("*.npz") if _short(path) == name)
    with np.load(path) as file:
        settings = file["hp"].astype(np.float64)
        losses = file["valid_loss"][:, -1].astype(np.float64)
    settings[:, 1:3] = 1.0 - settings[:, 1:3]
    low = np.log([parameter.low for parameter in SPACE.parameters.values() if isinstance(parameter, Float)])
    high = np.log([parameter.high for parameter in SPACE.parameters.values() if isinstance(parameter, Float)])
    units = (np.log(settings) - low) / (high - low)
    return Recorded(units, np.where(np.isfinite(losses), losses, np.nan))


def _short(path: Path) -> str:
    return path.stem.removeprefix("FixedTextRNNClassification_imdb_")
