"""TPE: a density of the good configs and one of the rest; the draw where their ratio is greatest is proposed.

The tree-structured Parzen estimator of Bergstra et al. (2011), NeurIPS 24, section 4, multivariate as in Falkner et
al. (2018), arXiv 1807.01774. Its many choices follow Watanabe (2023), arXiv 2304.11127, where our own comparisons
(benchmarks/LOG.md) don't say otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from luthier.core.config import Config
from luthier.core.metric import Metric
from luthier.core.space import Space
from luthier.core.trial import Fidelity, Status, Trial
from luthier.search.axes import axes_of
from luthier.search.base import Proposal, TrialSearcher
from luthier.search.coordinates import Coordinates
from luthier.search.fresh import Fresh
from luthier.search.numeric import Matrix
from luthier.search.parzen import ParzenEstimator, widths_of
from luthier.search.starts import Starts

STARTS = 10  # different values of the free settings before the densities speak
EXPLORE_EVERY = 20  # one proposal in so many is a draw from the priors: a branch that was never seen is never likely
CANDIDATES = 64  # draws from the density of the good
GOOD_SHARE = 0.2
MOST_GOOD = 50
MOST_BAD = 250
ENOUGH = 10  # trials that must have reached a fidelity for values to be compared there


class Tpe(TrialSearcher):
    """A proposal costs the same however many trials there are, and a space may be as mixed and conditional as it likes.

    The first proposals are the default config and points of a Sobol sequence through the priors, until 10 different
    values of the free settings were tried (`why`: "default", "start"). From then on the best fifth, 50 trials at most,
    are the good ones. Of the others, at most 250 make the second density: half of them the next best, half spread
    evenly over the rest. Failures, NaN and trials that still run belong to these; so parallel workers spread out.
    `why` gives the numbers of "good" and "bad" kernels, and "log_ratio", the logarithm of good over bad. One proposal
    in 20 is a draw from the priors ("explore").

    Values of cumulative fidelities (folds, blocks) are compared as they are. Others are compared at the highest
    fidelity that 10 trials reached; what ended below it ranks behind, the later the better.
    """

    name: ClassVar[str] = "tpe"

    def __init__(self, space: Space, metric: Metric, fidelity: Fidelity, seed: int) -> None:
        super().__init__(space, metric, fidelity, seed)
        self._coordinates = Coordinates(space)
        self._axes = axes_of(self._coordinates.space)
        self._fresh = Fresh()
        self._rows: dict[int, Matrix] = {}
        self._shown: dict[int, tuple[float, float]] = {}
        self._open: set[int] = set()
        self._starts = Starts(seed, self.name)

    def tell(self, trial: Trial) -> None:
        if trial.id not in self._rows:
            self._rows[trial.id] = self._coordinates.row(trial.config)
        if trial.status.is_open:
            self._open.add(trial.id)
            self._shown.pop(trial.id, None)
        else:
            self._open.discard(trial.id)
            self._shown[trial.id] = self._reached(trial), self._value(trial)
        super().tell(trial)

    def propose(self, within: Space, proposed: Sequence[Config], taken: AbstractSet[str]) -> Proposal | None:
        rng = self.rng(len(proposed))
        tried = self._starts.tried(within, self.arrivals, proposed)
        if not tried and (default := within.config()).key not in taken:
            return Proposal(default, {"rule": "default"})
        ranked = self._ranked()
        if not within.width or tried < STARTS or not ranked.known:
            config = self._fresh.find(within, taken, rng, lambda i: self._starts.config(within, tried + i))
            return None if config is None else Proposal(config, {"rule": "start"})
        if (len(self.arrivals) + len(proposed)) % EXPLORE_EVERY:
            return self._by_ratio(within, proposed, taken, ranked, rng)
        config = self._fresh.find(within, taken, rng)
        return None if config is None else Proposal(config, {"rule": "explore"})

    def _by_ratio(
        self,
        within: Space,
        proposed: Sequence[Config],
        taken: AbstractSet[str],
        ranked: Ranked,
        rng: np.random.Generator,
    ) -> Proposal | None:
        good, bad = split(ranked)
        running = [self._rows[number] for number in sorted(self._open)]
        running += [self._coordinates.row(config) for config in proposed]
        good_rows = self._matrix([self._rows[number] for number in good])
        bad_rows = self._matrix([*(self._rows[number] for number in bad), *running[-MOST_BAD:]])
        likely = ParzenEstimator(self._axes, good_rows, widths_of(self._axes, good_rows))
        rest = ParzenEstimator(self._axes, bad_rows, widths_of(self._axes, bad_rows))
        drawn = likely.draw(CANDIDATES, rng, self._coordinates.row(within.fixed))
        rows = self._coordinates.snapped(within, drawn)
        ratios = likely.log_density(rows) - rest.log_density(rows)
        for index in np.argsort(-ratios, kind="stable").tolist():
            config = self._coordinates.config(rows[index], within)
            if config.key not in taken:
                why = {"good": len(good_rows), "bad": len(bad_rows), "log_ratio": float(ratios[index])}
                return Proposal(config, {"rule": "ratio", **why})
        config = self._fresh.find(within, taken, rng)
        return None if config is None else Proposal(config, {"rule": "draw"})

    def _matrix(self, rows: Sequence[Matrix]) -> Matrix:
        return np.array(rows).reshape(len(rows), len(self._axes))

    # ---------------------------------------------------------------------------------- what is known

    def _ranked(self) -> Ranked:
        """All trials that have ended, the best first; of equals the older."""
        numbers = np.array(list(self._shown), dtype=np.int64)
        shown = np.array(list(self._shown.values()), dtype=np.float64).reshape(len(numbers), 2)
        reached, values = shown[:, 0].copy(), shown[:, 1].copy()
        known = np.isfinite(values)
        if not self._comparable and known.any():
            level = np.sort(reached[known])[::-1][:ENOUGH][-1]
            for index in np.flatnonzero(known & (reached > level)).tolist():
                values[index] = self._value_at(self._trials[int(numbers[index])], int(level))
            reached = np.minimum(reached, level)
        reached[~known] = -1.0
        order = np.lexsort((numbers, -values, -reached))
        return Ranked(numbers[order], int(known.sum()))

    @property
    def _comparable(self) -> bool:
        """Whether values compare whatever fidelity they were measured at."""
        return self.fidelity.cumulative or self.fidelity.maximum == 1

    def _reached(self, trial: Trial) -> float:
        return 1.0 if self._comparable else float(trial.fidelity)

    def _value(self, trial: Trial) -> float:
        """The value, where more is better; -inf for a failure."""
        if trial.value is None or trial.status is Status.FAILED:
            return -math.inf
        return self.metric.sign * trial.value

    def _value_at(self, trial: Trial, level: int) -> float:
        """The value after `level` units, or after the most below that; one that wasn't finite is taken for bad."""
        upto = [one.value for one in trial.measurements if one.fidelity <= level]
        return self.metric.sign * upto[-1] if upto and math.isfinite(upto[-1]) else -math.inf


@dataclass(frozen=True, slots=True)
class Ranked:
    """Ids (n,) of trials that have ended, the best first, and how many of them showed a value."""

    ids: NDArray[np.int64]
    known: int


def split(ranked: Ranked) -> tuple[list[int], list[int]]:
    """The ids of the good, and of those of the rest that are enough to tell where the rest lies."""
    good = max(1, min(math.ceil(GOOD_SHARE * len(ranked.ids)), MOST_GOOD, ranked.known))
    rest = ranked.ids[good:]
    if len(rest) > MOST_BAD:
        next_best, others = rest[: MOST_BAD // 2], rest[MOST_BAD // 2 :]
        evenly = np.linspace(0, len(others) - 1, MOST_BAD - len(next_best)).astype(np.int64)
        rest = np.concatenate([next_best, others[evenly]])
    return ranked.ids[:good].tolist(), rest.tolist()
