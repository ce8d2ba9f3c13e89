"""Quasi-random search: points of a scrambled Sobol sequence, pushed through the priors.

The sequence is Owen-scrambled (Owen 1998, "Scrambling Sobol' and Niederreiter-Xing points", J. Complexity 14)
by scipy. Its first points fill a space more evenly than independent draws do.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import ClassVar

import numpy as np

from luthier.core.config import Config
from luthier.core.metric import Metric
from luthier.core.seeds import derive_seed
from luthier.core.space import Space
from luthier.core.trial import Fidelity
from luthier.search.base import Proposal, TrialSearcher, fixed_key, lies_within
from luthier.search.fresh import Fresh
from luthier.search.numeric import Matrix, sobol_engine

FIRST_BLOCK = 64
MOST_DIMENSIONS = 21_201  # as far as the direction numbers of Joe and Kuo (2008) go


class SobolPoints:
    """The scrambled sequence in `width` dimensions; point i costs O(1) on average."""

    def __init__(self, width: int, seed: int) -> None:
        self._engine = sobol_engine(min(width, MOST_DIMENSIONS), seed)
        self._width = width
        self._seed = seed
        self._points: Matrix = np.empty((0, width))

    def __getitem__(self, index: int) -> list[float]:
        """Point `index` (from 0), in [0, 1)^width."""
        while index >= len(self._points):
            count = max(FIRST_BLOCK, len(self._points))
            block = np.asarray(self._engine.random(count), dtype=np.float64)
            beyond = np.random.default_rng((self._seed, len(self._points)))
            rest = beyond.random((count, self._width - block.shape[1]))
            self._points = np.vstack([self._points, np.hstack([block, rest])])
        return self._points[index].tolist()


class Sobol(TrialSearcher):
    """The n-th start within a narrowed space is point n of that space's own sequence."""

    name: ClassVar[str] = "sobol"

    def __init__(self, space: Space, metric: Metric, fidelity: Fidelity, seed: int) -> None:
        super().__init__(space, metric, fidelity, seed)
        self._fresh = Fresh()
        self._points: dict[tuple[str, ...], SobolPoints] = {}
        self._counts: dict[str, tuple[int, int]] = {}

    def propose(self, within: Space, proposed: Sequence[Config], taken: AbstractSet[str]) -> Proposal | None:
        start = self._starts(within) + len(proposed)
        if not within.width:
            config = within.config()
            return None if config.key in taken else Proposal(config, {"point": start})
        points = self._sequence(within)
        found = self._fresh.find(within, taken, self.rng(len(proposed)), lambda i: within.draw(points[start + i]))
        return None if found is None else Proposal(found, {"point": start})

    def _sequence(self, within: Space) -> SobolPoints:
        if within.free not in self._points:
            self._points[within.free] = SobolPoints(within.width, derive_seed(self.seed, self.name, *within.free))
        return self._points[within.free]

    def _starts(self, within: Space) -> int:
        """How many known trials lie in `within`; each is looked at once for each such space."""
        key = fixed_key(within)
        seen, count = self._counts.get(key, (0, 0))
        count += sum(lies_within(config, within) for config in self.arrivals[seen:])
        self._counts[key] = (len(self.arrivals), count)
        return count
