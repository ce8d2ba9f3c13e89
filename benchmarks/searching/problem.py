"""A problem to search: a space, what an evaluation shows, what the config is truly worth, and the yardstick.

Values are minimized. Glossary of shapes: n configs, so `truths` are (n,).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from luthier.core.config import Config
from luthier.core.space import Space
from searching.references import Reference, Yardstick

Vector = NDArray[np.float64]
LEAST_REGRET = 1e-4  # the floor under geometric means


class Source(Protocol):
    """Where the values of a problem come from: a surrogate, a table, recorded runs, or training for real."""

    def truths(self, configs: Sequence[Config]) -> Vector:
        """Noise-free values, (n,); NaN where the training failed."""
        ...

    def observe(self, config: Config, seed: int, number: int) -> float:
        """What the evaluation with this number shows in the run with this seed; NaN for a failure."""
        ...

    def everything(self) -> Vector | None:
        """All values that the source holds, where it is finite; else None."""
        ...


@dataclass(frozen=True)
class Problem:
    """A named problem; loads nothing before its first evaluation.

    `best_known` is the best of all entries of a table, or of random points (20,000; 1,000 where training is real),
    and of whatever the caller has seen; `random_median` is the median over the same points.
    """

    name: str
    family: str
    space: Space
    load: Callable[[], Source] = field(repr=False, compare=False)
    folder: Path = field(repr=False, compare=False)
    random_points: int = 20_000

    @cached_property
    def source(self) -> Source:
        return self.load()

    @cached_property
    def reference(self) -> Reference:
        """Measured once, then read from `references.json`."""
        return Yardstick(self.folder).of(self)

    def observe(self, config: Mapping[str, Any], seed: int, number: int) -> float:
        """The value that evaluation `number` of the run with `seed` shows, minimized; NaN for a failure."""
        return self.source.observe(self.checked(config), seed, number)

    def truth(self, config: Mapping[str, Any]) -> float:
        """The value without noise, minimized; NaN for a failure."""
        return float(self.source.truths([self.checked(config)])[0])

    @property
    def best_known(self) -> float:
        return self.reference.best

    @property
    def random_median(self) -> float:
        return self.reference.median

    def regret(self, truth: float, best: float | None = None) -> float:
        """Where `truth` lies from 0, the best known, to 1, the median of random points; may be above 1.

        `best` is the best of all runs that are compared, where one of them found better than the reference.
        """
        least = self.best_known if best is None else min(best, self.best_known)
        return (truth - least) / (self.random_median - least)

    def checked(self, config: Mapping[str, Any]) -> Config:
        return config if isinstance(config, Config) else self.space.config(config, defaults=False)


def incumbents(observed: Sequence[float], truths: Sequence[float]) -> list[float]:
    """The truth of the config with the best *observed* value so far, after each evaluation; inf before any value."""
    found: list[float] = []
    best, truth = math.inf, math.inf
    for seen, true in zip(observed, truths, strict=True):
        if not math.isnan(seen) and seen < best:
            best, truth = seen, true
        found.append(truth)
    return found
