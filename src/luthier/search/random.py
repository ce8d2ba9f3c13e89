"""Random search: draws from the priors, without repeating a config. Bergstra and Bengio (2012), JMLR 13."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import ClassVar

from luthier.core.config import Config
from luthier.core.metric import Metric
from luthier.core.space import Space
from luthier.core.trial import Fidelity
from luthier.search.base import Proposal, TrialSearcher
from luthier.search.fresh import Fresh


class Random(TrialSearcher):
    """Draws from the priors; an empty answer when a finite space is exhausted."""

    name: ClassVar[str] = "random"

    def __init__(self, space: Space, metric: Metric, fidelity: Fidelity, seed: int) -> None:
        super().__init__(space, metric, fidelity, seed)
        self._fresh = Fresh()

    def propose(self, within: Space, proposed: Sequence[Config], taken: AbstractSet[str]) -> Proposal | None:
        config = self._fresh.find(within, taken, self.rng(len(proposed)))
        return None if config is None else Proposal(config)
