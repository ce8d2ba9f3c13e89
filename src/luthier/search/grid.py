"""Grid search, in an order shuffled by the seed, so that stopping early leaves an even sample of the grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from luthier.core.config import Config
from luthier.core.errors import UsageError
from luthier.core.metric import Metric
from luthier.core.parameter import Value
from luthier.core.seeds import derive_seed
from luthier.core.space import Space
from luthier.core.trial import Fidelity
from luthier.search.base import Proposal, TrialSearcher, fixed_key

MOST_VALUES = 5
MANY_POINTS = 10_000
MOST_POINTS = 2_000_000


class Grid(TrialSearcher):
    """Every config of `within.grid(size)` that isn't known yet, none twice.

    `size` is the number of values of a number; by default the largest in 2 to 5 that keeps the grid at 10,000
    points or fewer (2 where none does). Choices are taken whole. A grid of more than 2,000,000 points raises
    UsageError.
    """

    name: ClassVar[str] = "grid"

    def __init__(self, space: Space, metric: Metric, fidelity: Fidelity, seed: int, *, size: int | None = None) -> None:
        super().__init__(space, metric, fidelity, seed)
        if size is not None and size < 1:
            raise UsageError(f"the size of a grid must be >= 1; got {size}")
        self.size = size
        self._walks: dict[str, _Walk] = {}

    def propose(self, within: Space, proposed: Sequence[Config], taken: AbstractSet[str]) -> Proposal | None:
        key = fixed_key(within)
        if key not in self._walks:
            self._walks[key] = _Walk(within, self.size, derive_seed(self.seed, self.name, *within.free))
        config = self._walks[key].next(self.known, taken, proposed)
        return None if config is None else Proposal(config)


class _Walk:
    """The shuffled grid of one space, and how far it is known without a gap."""

    def __init__(self, within: Space, size: int | None, seed: int) -> None:
        self._within = within
        self._axes = _axes(within, size)
        self._shape = tuple(len(axis) for axis in self._axes)
        points = math.prod(self._shape)
        if points > MOST_POINTS:
            raise UsageError(
                f"a grid over {', '.join(within.free)} has {points:,} points, more than {MOST_POINTS:,}; "
                "state a smaller size, fix some settings, or search by 'sobol'"
            )
        self._order: NDArray[np.int64] = np.random.default_rng(seed).permutation(points)
        self._known_until = 0
        self._places: dict[str, int] = {}

    def next(self, known: AbstractSet[str], taken: AbstractSet[str], proposed: Sequence[Config]) -> Config | None:
        """The first point of the walk that isn't taken; all before the last of `proposed` are."""
        first = self._places[proposed[-1].key] + 1 if proposed else self._known_until
        for place in range(first, len(self._order)):
            config = self._at(int(self._order[place]))
            if config.key not in taken:
                self._places[config.key] = place
                return config
            if place == self._known_until and config.key in known:
                self._known_until += 1
        return None

    def _at(self, index: int) -> Config:
        index_of_axis = np.unravel_index(index, self._shape) if self._shape else ()
        values = (axis[int(i)] for axis, i in zip(self._axes, index_of_axis, strict=True))
        return self._within.config(dict(zip(self._within.free, values, strict=True)))


def _axes(within: Space, size: int | None) -> list[list[Value]]:
    sizes = (size,) if size is not None else range(MOST_VALUES, 1, -1)
    axes: list[list[Value]] = []
    for size in sizes:
        axes = [within.parameters[name].grid(size) for name in within.free]
        if math.prod(map(len, axes)) <= MANY_POINTS:
            break
    return axes
