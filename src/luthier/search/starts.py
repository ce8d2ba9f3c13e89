"""The first points of a search in each narrowed space: a Sobol sequence, and how far along it a search has come."""

from __future__ import annotations

from collections.abc import Sequence

from luthier.core.config import Config
from luthier.core.seeds import derive_seed
from luthier.core.space import Space
from luthier.search.sobol import SobolPoints


class Starts:
    """What it keeps are caches: its answers follow from the arguments alone."""

    def __init__(self, seed: int, name: str) -> None:
        self._seed = seed
        self._name = name
        self._points: dict[tuple[str, ...], SobolPoints] = {}
        self._parts: dict[tuple[str, ...], tuple[int, set[str]]] = {}

    def tried(self, within: Space, arrivals: Sequence[Config], proposed: Sequence[Config]) -> int:
        """How many different values of the free settings of `within` were ever started, whatever the fixed ones were.

        `arrivals` are the configs of all trials in the order they came; `proposed` those of the same ask.
        """
        names = within.free
        seen, parts = self._parts.get(names, (0, set[str]()))
        parts.update(_part(config, names) for config in arrivals[seen:])
        self._parts[names] = (len(arrivals), parts)
        return len(parts | {_part(config, names) for config in proposed}) if proposed else len(parts)

    def config(self, within: Space, index: int) -> Config:
        """Point `index` of the sequence of `within`, through the priors."""
        names = within.free
        if names not in self._points:
            self._points[names] = SobolPoints(within.width, derive_seed(self._seed, self._name, *names))
        return within.draw(self._points[names][index])


def _part(config: Config, names: Sequence[str]) -> str:
    return Config({name: config[name] for name in names if name in config}).key
