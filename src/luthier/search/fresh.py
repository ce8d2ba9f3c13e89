"""A config that isn't taken yet: by drawing while that is likely to help, then by listing what is left."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet

import numpy as np

from luthier.core.config import Config
from luthier.core.space import Space
from luthier.search.base import fixed_key
from luthier.search.finite import all_configs

REDRAWS = 32
LISTED = 20_000  # configs; larger finite spaces are drawn from, never listed
UNIFORM_REDRAWS = 256


class Fresh:
    """Finds configs that aren't taken. What it keeps is a cache: the answer depends on the arguments alone."""

    def __init__(self) -> None:
        self._lists: dict[str, list[Config] | None] = {}

    def find(
        self,
        within: Space,
        taken: AbstractSet[str],
        rng: np.random.Generator,
        draw: Callable[[int], Config] | None = None,
    ) -> Config | None:
        """A config of `within` whose key isn't in `taken`; None where none was found.

        `draw(i)` gives the i-th try, i < 32; from the priors by default. A space of at most 20,000 configs is
        then listed, so None means that nothing is left. In a larger one it means that 256 draws from all of
        the space, priors aside, gave only taken ones.
        """
        for attempt in range(REDRAWS):
            config = draw(attempt) if draw is not None else within.sample(rng)
            if config.key not in taken:
                return config
        listed = self.listed(within)
        if listed is not None:
            left = [config for config in listed if config.key not in taken]
            return left[int(rng.integers(len(left)))] if left else None
        for _ in range(UNIFORM_REDRAWS):
            config = within.from_unit(rng.random(within.width))
            if config.key not in taken:
                return config
        return None

    def listed(self, within: Space) -> list[Config] | None:
        """All configs of `within` where they are at most 20,000."""
        key = fixed_key(within)
        if key not in self._lists:
            self._lists[key] = all_configs(within, LISTED)
        return self._lists[key]
