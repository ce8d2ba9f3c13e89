"""What all searchers share: the trials they were told, the configs known, and randomness keyed by both."""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import insort
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from luthier.core.config import Config
from luthier.core.metric import Metric
from luthier.core.seeds import derive_seed
from luthier.core.space import Space
from luthier.core.trial import Fidelity, Grant, Start, Trial


@dataclass(frozen=True, slots=True)
class Proposal:
    """A config to try, and why."""

    config: Config
    why: Mapping[str, Any] = field(default_factory=dict[str, Any])


class TrialSearcher(ABC):
    """A searcher that needs nothing but the trials it was told; a variant writes `name` and `propose`.

    The config of a trial is that of the first telling; later ones change what was measured. Asking for two
    grants at once gives what asking for one, telling it as running, and asking for another would.
    """

    name: ClassVar[str]

    def __init__(self, space: Space, metric: Metric, fidelity: Fidelity, seed: int) -> None:
        self.space = space
        self.metric = metric
        self.fidelity = fidelity
        self.seed = seed
        self.known: set[str] = set()  # keys of the configs told
        self._trials: dict[int, Trial] = {}
        self._ids: list[int] = []
        self._arrivals: list[Config] = []

    @abstractmethod
    def propose(self, within: Space, proposed: Sequence[Config], taken: AbstractSet[str]) -> Proposal | None:
        """The next config in `within`, or None where nothing is left.

        `proposed` are those of the same `ask` so far, to be treated as running trials; `taken` holds the keys
        of all configs known and proposed.
        """

    def ask(self, count: int, within: Space) -> list[Grant]:
        """At most `count` starts in `within`, up to the highest fidelity."""
        grants: list[Grant] = []
        proposed: list[Config] = []
        taken: AbstractSet[str] = self.known
        while len(grants) < count:
            proposal = self.propose(within, proposed, taken)
            if proposal is None:
                break
            why = {"searcher": self.name, **proposal.why}
            grants.append(Start(proposal.config, self.fidelity.maximum, why))
            proposed.append(proposal.config)
            if len(grants) < count:
                taken = {*taken, proposal.config.key}
        return grants

    def tell(self, trial: Trial) -> None:
        """Take in a trial as it now stands; it replaces what was told of the same id."""
        if trial.id not in self._trials:
            insort(self._ids, trial.id)
            self._arrivals.append(trial.config)
            self.known.add(trial.config.key)
        self._trials[trial.id] = trial

    def snapshot(self) -> Mapping[str, Any] | None:
        """None: everything follows from the trials."""
        return None

    def restore(self, snapshot: Mapping[str, Any]) -> None:  # noqa: B027 - a harmless default
        """Nothing to take up."""

    @property
    def trials(self) -> list[Trial]:
        """The latest state of each trial told, in order of id."""
        return [self._trials[number] for number in self._ids]

    @property
    def arrivals(self) -> Sequence[Config]:
        """The configs of all trials in the order they came, which only ever grows. Use it for counts, not order."""
        return self._arrivals

    def rng(self, proposed: int) -> np.random.Generator:
        """The randomness of one proposal: the same whenever as many trials are known or proposed."""
        return np.random.default_rng(derive_seed(self.seed, self.name, len(self._trials) + proposed))


def lies_within(config: Mapping[str, Any], within: Space) -> bool:
    """Whether every active setting that `within` fixes has the fixed value in `config`."""
    return all(config[name] == value for name, value in within.fixed.items() if name in config)


def fixed_key(within: Space) -> str:
    """A key for caches that is equal where the same settings are fixed at the same values."""
    return Config(within.fixed).key
