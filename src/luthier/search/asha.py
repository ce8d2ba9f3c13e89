"""ASHA: asynchronous successive halving by promotion. Li et al. (2018), arXiv 1810.05934, algorithm 2.

Every config starts on the lowest rung. Whenever a worker is free, a paused trial in the top 1/eta of its rung
goes on to the next; if there is none, a new config starts. Nobody ever waits for a rung to fill.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from heapq import nsmallest
from typing import Any, ClassVar

from luthier.core.contracts import Searcher, SearcherFactory
from luthier.core.metric import Metric
from luthier.core.space import Space
from luthier.core.trial import Fidelity, Grant, Resume, Start, Status, Trial
from luthier.search.registry import get_searcher
from luthier.search.rungs import rungs


class Asha:
    """Grants rung by rung; new configs come from `inner`, a searcher or its name, which is told everything too.

    `eta` > 1 is the factor from rung to rung and the share 1/eta that is promoted; `minimum` >= 1 is the
    lowest rung. A failed trial counts as the worst of every rung that it was granted and didn't reach, and so
    does a NaN. Once `inner` has nothing left, the best paused trials go on in turn, the highest rung first.
    """

    name: ClassVar[str] = "asha"

    def __init__(
        self,
        space: Space,
        metric: Metric,
        fidelity: Fidelity,
        seed: int,
        *,
        inner: SearcherFactory | str = "random",
        eta: float = 3.0,
        minimum: int = 1,
    ) -> None:
        self.metric = metric
        self.eta = eta
        self.rungs = rungs(fidelity.maximum, eta, min(minimum, fidelity.maximum))
        make = get_searcher(inner) if isinstance(inner, str) else inner
        self.inner: Searcher = make(space, metric, fidelity, seed)
        self._trials: dict[int, Trial] = {}
        self._losses: list[dict[int, float]] = [{} for _ in self.rungs]

    def ask(self, count: int, within: Space) -> list[Grant]:
        """Promotions first, then new configs in `within`, then whatever is left to promote."""
        grants: list[Grant] = []
        promoted: set[int] = set()
        while len(grants) < count and (grant := self._promotion(promoted)) is not None:
            grants.append(grant)
            promoted.add(grant.trial)
        grants.extend(self._starts(count - len(grants), within))
        while len(grants) < count and (grant := self._leftover(promoted)) is not None:
            grants.append(grant)
            promoted.add(grant.trial)
        return grants

    def tell(self, trial: Trial) -> None:
        """Take in a trial as it now stands."""
        self._trials[trial.id] = trial
        ended = trial.status in (Status.FAILED, Status.STOPPED)
        for losses, rung in zip(self._losses, self.rungs, strict=True):
            losses.pop(trial.id, None)
            if trial.fidelity >= rung or (ended and trial.until >= rung):
                value = trial.value_at(rung)
                losses[trial.id] = math.inf if value is None else -self.metric.sign * value
        self.inner.tell(trial)

    def snapshot(self) -> Mapping[str, Any] | None:
        """That of the inner searcher; nothing of its own."""
        return self.inner.snapshot()

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """For the inner searcher."""
        self.inner.restore(snapshot)

    def _starts(self, count: int, within: Space) -> list[Grant]:
        if count <= 0:
            return []
        return [
            Start(grant.config, self.rungs[0], {**grant.why, "searcher": self.name, "rung": 0})
            if isinstance(grant, Start)
            else grant
            for grant in self.inner.ask(count, within)
        ]

    def _promotion(self, promoted: set[int]) -> Resume | None:
        """The best trial that is due, looking from the highest rung down: algorithm 2, `get_job`."""
        for level in reversed(range(len(self.rungs) - 1)):
            for trial in self._best(level, int(len(self._losses[level]) / self.eta)):
                if self._waits_at(level, trial) and trial not in promoted:
                    return self._resume(trial, level)
        return None

    def _leftover(self, promoted: set[int]) -> Resume | None:
        for level in reversed(range(len(self.rungs) - 1)):
            for trial in self._best(level, len(self._losses[level])):
                if self._waits_at(level, trial) and trial not in promoted:
                    return self._resume(trial, level)
        return None

    def _best(self, level: int, count: int) -> list[int]:
        """The `count` best of a rung, the best first; of equals the older."""
        losses = self._losses[level]
        return nsmallest(count, losses, key=lambda trial: (losses[trial], trial))

    def _waits_at(self, level: int, trial: int) -> bool:
        state = self._trials[trial]
        return state.status is Status.PAUSED and self.rungs[level] <= state.fidelity < self.rungs[level + 1]

    def _resume(self, trial: int, level: int) -> Resume:
        return Resume(trial, self.rungs[level + 1], {"searcher": self.name, "rung": level + 1})
