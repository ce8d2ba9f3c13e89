"""Model-based search: a Gaussian process over the joint space, and the config of greatest log expected improvement.

All trials are data, whichever levers were free when they ran; only proposals keep to the space asked for.
Trials still running are believed to turn out as the model expects, so that workers spread out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from luthier.core.config import Config
from luthier.core.metric import Metric
from luthier.core.space import Space
from luthier.core.trial import Fidelity, Status, Trial
from luthier.search.base import Proposal, TrialSearcher, fixed_key
from luthier.search.calibration import QUANTILE, widening
from luthier.search.coordinates import Coordinates
from luthier.search.features import Features
from luthier.search.finite import all_configs
from luthier.search.fresh import Fresh
from luthier.search.gaussian_process import Kernel, Posterior, fit_kernel
from luthier.search.log_improvement import log_expected_improvement
from luthier.search.neighbors import Neighbors
from luthier.search.numeric import Matrix
from luthier.search.starts import Starts
from luthier.search.warp import Warp

FEWEST = 4  # starts before the model speaks
MOST_DATA = 256  # trials that the process sees at once
EXPLORE_EVERY = 10  # one proposal in so many is a draw from the priors, lest a wrong model keep us in one place
EXPLORE_IN_DOUBT = 2  # the same until the model has found something better than draws did
WORTHWHILE = 0.01  # spreads of the good half; improvement counts from here, lest we polish what is good already
POOL = 700  # draws from the priors
REMEMBERED = 200  # proposals whose outcome tells how wide the next interval must be
MOST_LISTS = 16
LISTED = 512  # a finite space of at most this many configs is looked at whole
LEADERS, AROUND, FIRST_STEP = 8, 60, 0.2  # best configs known, neighbors of each, and their step in unit coordinates
REFINED, REFINEMENTS, ROUNDS = 4, 40, (0.1, 0.03, 0.01)  # the same for the best candidates in each local round
SWEPT, SWEEPS = 3, ((0.2, 0.07), (0.03, 0.01))  # candidates whose every coordinate is walked along, and the steps


class Model(TrialSearcher):
    """A model-based default for a few to a few thousand trials of mixed and conditional settings.

    The first `max(4, d + 1)` different values of the d free coordinates come from a Sobol sequence through the
    priors (`why` says "initial"). Later on one proposal in ten is a draw ("exploring"), since a wrong model would
    otherwise never find out; every other one is, until the model has found something better than all that it didn't
    propose. All others are the model's, with "mean" and "deviation" of the value expected, such that
    nine in ten values lie within 1.645 deviations, and "acquisition", the expected improvement, all three in units of
    the metric.
    """

    name: ClassVar[str] = "model"

    def __init__(self, space: Space, metric: Metric, fidelity: Fidelity, seed: int) -> None:
        super().__init__(space, metric, fidelity, seed)
        self._coordinates = Coordinates(space)
        self._features = Features(space)
        self._fresh = Fresh()
        self._rows: dict[int, Matrix] = {}
        self._shown: dict[int, float] = {}
        self._running: set[int] = set()
        self._starts = Starts(seed, self.name)
        self._lists: dict[str, Matrix | None] = {}
        self._fitted: _Fitted | None = None

    def tell(self, trial: Trial) -> None:
        if trial.id not in self._rows:
            self._rows[trial.id] = self._coordinates.row(trial.config)
        if trial.value is None and trial.status.is_open:
            self._running.add(trial.id)
            self._shown.pop(trial.id, None)
        else:
            self._running.discard(trial.id)
            self._shown[trial.id] = self._value(trial)
        if self._fitted is not None and trial.id <= self._fitted.last:
            self._fitted = None
        super().tell(trial)

    def propose(self, within: Space, proposed: Sequence[Config], taken: AbstractSet[str]) -> Proposal | None:
        rng = self.rng(len(proposed))
        data = self._data()
        tried = self._starts.tried(within, self.arrivals, proposed)
        if tried < max(FEWEST, within.width + 1) or data is None:
            config = self._fresh.find(within, taken, rng, lambda i: self._starts.config(within, tried + i))
            return None if config is None else Proposal(config, {"initial": True})
        every = EXPLORE_EVERY if self._proven(data) else EXPLORE_IN_DOUBT
        if (len(self.arrivals) + len(proposed)) % every == 0:
            config = self._fresh.find(within, taken, rng)
            return None if config is None else Proposal(config, {"exploring": True})
        return self._by_model(within, proposed, taken, data, rng)

    # ------------------------------------------------------------------------------------- what is known

    def _data(self) -> _Data | None:
        """The trials that have ended or shown something, in order of id; None while no value is finite."""
        numbers = sorted(self._shown)
        values = np.array([self._shown[number] for number in numbers])
        return _Data([self._trials[number] for number in numbers], values) if np.isfinite(values).any() else None

    def _proven(self, data: _Data) -> bool:
        """Whether the best that the model proposed is better than all that it didn't, as long as that is known."""
        mine = np.array(["mean" in trial.why for trial in data.trials])
        values = np.nan_to_num(data.values, nan=-np.inf)
        others = float(values.max(initial=-np.inf, where=~mine))
        return not mine.any() or float(values.max(initial=-np.inf, where=mine)) > others

    def _value(self, trial: Trial) -> float:
        """The value, where more is better; NaN for a failure."""
        if trial.value is None or trial.status is Status.FAILED:
            return math.nan
        return self.metric.sign * trial.value

    def _observed(self, data: _Data) -> _Observed:
        """What the process is given of `data`."""
        reached = np.array([max(trial.fidelity, 1) for trial in data.trials], dtype=np.float64)
        # A failure says something of the config at every fidelity, most of all at the highest.
        reached[np.isnan(data.values)] = self.fidelity.maximum
        rows = np.stack([self._rows[trial.id] for trial in data.trials])
        Z = self._features.matrix(rows, self._share(reached))
        y, w = data.warp.forward(data.values), self._noise_weights(data.trials, reached)
        return _Observed(rows, Z, y, w)

    def _share(self, reached: Matrix) -> Matrix:
        """Where a fidelity lies between 1 and the highest, by logarithms; cumulative ones all measure the same."""
        if self.fidelity.cumulative or self.fidelity.maximum == 1:
            return np.ones_like(reached)
        return np.minimum(np.log(reached) / math.log(self.fidelity.maximum), 1.0)

    def _noise_weights(self, told: Sequence[Trial], reached: Matrix) -> Matrix:
        """Noise variance relative to that of a full measurement: by standard errors where all are known."""
        if not self.fidelity.cumulative:
            return np.ones_like(reached)
        errors = np.array([trial.standard_error or 0.0 for trial in told])
        if np.all(np.isfinite(errors) & (errors > 0)):
            return np.clip((errors / np.median(errors)) ** 2, 0.1, 100.0)
        return self.fidelity.maximum / reached

    # --------------------------------------------------------------------------------------- the model

    def _by_model(
        self, within: Space, proposed: Sequence[Config], taken: AbstractSet[str], data: _Data, rng: np.random.Generator
    ) -> Proposal | None:
        used = data.subset(MOST_DATA)
        observed = self._observed(used)
        posterior = Posterior.of(self._kernel(data), self._features.groups, observed.Z, observed.y, observed.w)
        at_top, _ = posterior.predict(self._at_top(observed.rows))
        running = [self._rows[number] for number in sorted(self._running)]
        if pending := [*running, *(self._coordinates.row(config) for config in proposed)]:
            posterior = posterior.believe(self._at_top(np.stack(pending)))
        candidates = _Candidates(partial(self._scores, posterior, best=float(at_top.max()) + WORTHWHILE))
        self._look(within, candidates, observed.rows[_descending(at_top)[:LEADERS]], rng)
        for row, score in candidates.ranked():
            config = self._coordinates.config(row, within)
            if config.key not in taken:
                return Proposal(config, self._why(posterior, row, score, data))
        config = self._fresh.find(within, taken, rng)
        return None if config is None else Proposal(config)

    def _kernel(self, data: _Data) -> Kernel:
        """Fitted to the first m trials, where m rises by a tenth at a time: a function of the trials alone."""
        count = _last_refit(len(data.trials))
        if self._fitted is None or self._fitted.count != count:
            first = data.first(count)
            kernel = self._fit(self._observed(first.subset(MOST_DATA)))
            self._fitted = _Fitted(count, first.trials[-1].id, kernel)
        return self._fitted.kernel

    def _fit(self, observed: _Observed) -> Kernel:
        groups, numbers = self._features.groups, self._features.numbers
        return fit_kernel(observed.Z, groups, observed.y, observed.w, numbers)

    def _scores(self, posterior: Posterior, rows: Matrix, best: float) -> Matrix:
        """(m,) of `rows` (m, u)."""
        mean, deviation = posterior.predict(self._at_top(rows))
        return log_expected_improvement(mean, deviation, best)

    def _why(self, posterior: Posterior, row: Matrix, score: float, data: _Data) -> dict[str, float]:
        """Mean, deviation and expected improvement at the config, in units of the metric."""
        (mean,), (deviation,) = posterior.predict(self._at_top(row[None, :]))
        half = QUANTILE * self._widening(data) * math.hypot(deviation, math.sqrt(posterior.kernel.noise))
        low, high = data.warp.back(float(mean) - half), data.warp.back(float(mean) + half)
        return {
            "mean": self.metric.sign * (low + (high - low) / 2),
            "deviation": (high - low) / (2 * QUANTILE),
            "acquisition": math.exp(min(score, 50.0)) * data.warp.scale,
        }

    def _widening(self, data: _Data) -> float:
        """By how much to widen intervals, from the last ones of which the values are known."""
        held: list[bool] = []
        for trial, value in zip(data.trials[-REMEMBERED:], data.values[-REMEMBERED:].tolist(), strict=True):
            mean, deviation = trial.why.get("mean"), trial.why.get("deviation")
            if isinstance(mean, float) and isinstance(deviation, float) and math.isfinite(value):
                held.append(abs(self.metric.sign * value - mean) <= QUANTILE * deviation)
        return widening(held)

    # ---------------------------------------------------------------------------------- where to look

    def _look(self, within: Space, candidates: _Candidates, leaders: Matrix, rng: np.random.Generator) -> None:
        """All of a small space; else draws from the priors, neighbors of the best known, and of the best found.

        `leaders` (k, u) are the rows of the best known.
        """
        if (listed := self._listed(within)) is not None:
            candidates.add(listed)
            return
        near = Neighbors(self._coordinates, within)
        candidates.add(self._coordinates.draws(within, rng.random((POOL, within.width))))
        candidates.add(near.around(leaders, AROUND, FIRST_STEP, rng))
        for step in ROUNDS:
            candidates.add(near.around(candidates.top(REFINED), REFINEMENTS, step, rng))
        for steps in SWEEPS:
            candidates.add(near.along(candidates.top(SWEPT), steps))

    def _listed(self, within: Space) -> Matrix | None:
        """The rows (m, u) of all configs of a small space; None for a larger one."""
        key = fixed_key(within)
        if key not in self._lists:
            if len(self._lists) >= MOST_LISTS:
                self._lists.clear()
            listed = all_configs(within, LISTED)
            self._lists[key] = None if listed is None else np.stack([self._coordinates.row(one) for one in listed])
        return self._lists[key]

    def _at_top(self, rows: Matrix) -> Matrix:
        """Features (n, p) of `rows` (n, u) at the highest fidelity."""
        return self._features.matrix(rows, np.ones(len(rows)))


class _Candidates:
    """Rows (m, u) of configs with the scores (m,) that `score` gives them."""

    def __init__(self, score: Callable[[Matrix], Matrix]) -> None:
        self._score = score
        self._rows: list[Matrix] = []
        self._scores: list[Matrix] = []

    def add(self, rows: Matrix) -> None:
        if len(rows):
            self._rows.append(rows)
            self._scores.append(self._score(rows))

    def top(self, count: int) -> Matrix:
        """The `count` best rows."""
        rows = np.vstack(self._rows)
        return rows[_descending(np.concatenate(self._scores))[:count]]

    def ranked(self) -> Iterator[tuple[Matrix, float]]:
        """Rows and their scores, the best first."""
        rows, scores = np.vstack(self._rows), np.concatenate(self._scores)
        for index in _descending(scores):
            yield rows[index], float(scores[index])


@dataclass(frozen=True, slots=True)
class _Observed:
    """Rows (n, u), their features Z (n, p), warped values y (n,), relative noise variances w (n,)."""

    rows: Matrix
    Z: Matrix
    y: Matrix
    w: Matrix


@dataclass(frozen=True, slots=True)
class _Fitted:
    """The kernel of the first `count` trials that showed something, of which `last` is the greatest id."""

    count: int
    last: int
    kernel: Kernel


class _Data:
    """n trials in order of id, and their values (n,), where more is better and NaN is a failure."""

    def __init__(self, trials: Sequence[Trial], values: Matrix, warp: Warp | None = None) -> None:
        self.trials = trials
        self.values = values
        self.warp = Warp(values) if warp is None else warp

    def first(self, count: int) -> _Data:
        """The first `count` trials, as if there were no others."""
        return _Data(self.trials[:count], self.values[:count])

    def subset(self, most: int) -> _Data:
        """At most `most` trials: half the best, a quarter the latest, the rest evenly from the others."""
        count = len(self.values)
        if count <= most:
            return self
        keep = np.zeros(count, dtype=bool)
        keep[np.argsort(np.nan_to_num(-self.values, nan=np.inf), kind="stable")[: most // 2]] = True
        keep[-(most // 4) :] = True
        others = np.flatnonzero(~keep)
        keep[others[np.linspace(0, len(others) - 1, most - int(keep.sum())).astype(int)]] = True
        rows = np.flatnonzero(keep)
        return _Data([self.trials[row] for row in rows.tolist()], self.values[rows], self.warp)


def _descending(scores: Matrix) -> list[int]:
    """The indices of `scores` (m,), the greatest first; of equals the earlier."""
    return np.argsort(-scores, kind="stable").tolist()


def _last_refit(count: int) -> int:
    """The largest size <= `count` in 1, 2, ..., 10, 11, ..., each a tenth (and one at least) above the last."""
    size = 1
    while (following := size + max(1, size // 10)) <= count:
        size = following
    return size
