"""Model-based search: a Gaussian process over the joint space, and the config of greatest log expected improvement.

All trials are data, whichever levers were free when they ran; only proposals keep to the space asked for.
Trials still running are believed to turn out as the model expects, so that workers spread out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from luthier.core.config import Config
from luthier.core.metric import Metric
from luthier.core.seeds import derive_seed
from luthier.core.space import Space
from luthier.core.trial import Fidelity, Status, Trial
from luthier.search.base import Proposal, TrialSearcher, fixed_key
from luthier.search.features import Features
from luthier.search.finite import all_configs
from luthier.search.fresh import Fresh
from luthier.search.gaussian_process import Kernel, Posterior, default_kernel, fit_kernel
from luthier.search.log_improvement import log_expected_improvement
from luthier.search.neighbors import Neighbors
from luthier.search.numeric import Matrix
from luthier.search.sobol import SobolPoints
from luthier.search.warp import Warp

FEWEST = 4  # starts before the model speaks
MOST_DATA = 300  # trials that the process sees at once
EXPLORE_EVERY = 10  # one proposal in so many is a draw from the priors, lest a wrong model keep us in one place
WORTHWHILE = 0.01  # spreads of the good half; improvement counts from here, lest we polish what is good already
POOL = 512  # draws from the priors, kept for all proposals in a space
MOST_POOLS = 16
LISTED = 512  # a finite space of at most this many configs is looked at whole
CENTERS = 3
AROUND = 60  # neighbors of each center in the first round
ROUNDS = (0.1, 0.03, 0.01)  # steps of the local rounds, in unit coordinates
REFINED, REFINEMENTS = 4, 25  # centers of each local round, neighbors of each


class Model(TrialSearcher):
    """A plain model-based default for a few to a few thousand trials of mixed and conditional settings.

    The first `max(4, d + 1)` different values of the d free coordinates come from a Sobol sequence through the
    priors (`why` says "initial"), and so does one draw in ten later on ("exploring"), since a wrong model would
    otherwise never find out. All others are the model's, with "mean" and "deviation" of the value expected and
    "acquisition", the expected improvement, all three in units of the metric.
    """

    name: ClassVar[str] = "model"

    def __init__(self, space: Space, metric: Metric, fidelity: Fidelity, seed: int) -> None:
        super().__init__(space, metric, fidelity, seed)
        self._features = Features(space)
        self._fresh = Fresh()
        self._rows: dict[int, Matrix] = {}
        self._points: dict[tuple[str, ...], SobolPoints] = {}
        self._parts: dict[tuple[str, ...], tuple[int, set[str]]] = {}
        self._pools: dict[str, _Candidates] = {}
        self._fitted: tuple[bytes, Kernel] = b"", default_kernel(int(self._features.groups.max()) + 1, 1)

    def tell(self, trial: Trial) -> None:
        if trial.id not in self._rows:
            self._rows[trial.id] = self._features.coordinates(trial.config)
        super().tell(trial)

    def propose(self, within: Space, proposed: Sequence[Config], taken: AbstractSet[str]) -> Proposal | None:
        rng = self.rng(len(proposed))
        data = self._data()
        parts = self._different_parts(within, proposed)
        if parts < max(FEWEST, within.width + 1) or data is None:
            config = self._fresh.find(within, taken, rng, lambda i: within.draw(self._sobol(within)[parts + i]))
            return None if config is None else Proposal(config, {"initial": True})
        if (len(self.arrivals) + len(proposed)) % EXPLORE_EVERY == 0:
            config = self._fresh.find(within, taken, rng)
            return None if config is None else Proposal(config, {"exploring": True})
        return self._by_model(within, proposed, taken, data, rng)

    # ------------------------------------------------------------------------------------- what is known

    def _data(self) -> _Data | None:
        """The trials that have ended or shown something, in order of id; None while no value is finite."""
        told = [trial for trial in self.trials if trial.value is not None or not trial.status.is_open]
        values = np.array([self._value(trial) for trial in told])
        return _Data(told, values) if np.isfinite(values).any() else None

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
        coordinates = np.stack([self._rows[trial.id] for trial in data.trials])
        Z = self._features.matrix(coordinates, self._share(reached))
        return _Observed(Z, data.warp.forward(data.values), self._noise_weights(data.trials, reached))

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

    def _different_parts(self, within: Space, proposed: Sequence[Config]) -> int:
        """How many different values of the free settings were ever started, whatever the fixed ones were."""
        names = within.free
        seen, parts = self._parts.get(names, (0, set[str]()))
        parts.update(_part(config, names) for config in self.arrivals[seen:])
        self._parts[names] = (len(self.arrivals), parts)
        return len(parts | {_part(config, names) for config in proposed})

    def _sobol(self, within: Space) -> SobolPoints:
        if within.free not in self._points:
            self._points[within.free] = SobolPoints(within.width, derive_seed(self.seed, self.name, *within.free))
        return self._points[within.free]

    # --------------------------------------------------------------------------------------- the model

    def _by_model(
        self, within: Space, proposed: Sequence[Config], taken: AbstractSet[str], data: _Data, rng: np.random.Generator
    ) -> Proposal | None:
        used = data.subset(MOST_DATA)
        observed = self._observed(used)
        posterior = Posterior.of(self._kernel(data), self._features.groups, observed.Z, observed.y, observed.w)
        tried = [trial.config for trial in used.trials]
        at_top, _ = posterior.predict(self._at_top(tried))
        running = [trial.config for trial in self.trials if trial.value is None and trial.status.is_open]
        if pending := [*running, *proposed]:
            posterior = posterior.believe(self._at_top(pending))
        best = float(at_top.max()) + WORTHWHILE
        candidates = self._pool(within)
        scores = self._scores(posterior, candidates.Z, best)
        if not candidates.complete:
            centers = [tried[i] for i in _descending(at_top)[:CENTERS]]
            candidates, scores = self._refine(within, posterior, best, centers, candidates, scores, rng)
        for index in _descending(scores):
            config = candidates.configs[index]
            if config.key not in taken:
                return Proposal(config, self._why(posterior, candidates.Z[index], float(scores[index]), used.warp))
        config = self._fresh.find(within, taken, rng)
        return None if config is None else Proposal(config)

    def _kernel(self, data: _Data) -> Kernel:
        """Fitted to the first m trials, where m rises by a tenth at a time: a function of the trials alone."""
        first = data.first(_last_refit(len(data.trials)))
        content = first.content()
        if self._fitted[0] != content:
            observed = self._observed(first.subset(MOST_DATA))
            self._fitted = content, fit_kernel(observed.Z, self._features.groups, observed.y, observed.w)
        return self._fitted[1]

    def _scores(self, posterior: Posterior, Z: Matrix, best: float) -> Matrix:
        mean, deviation = posterior.predict(Z)
        return log_expected_improvement(mean, deviation, best)

    def _why(self, posterior: Posterior, row: Matrix, score: float, warp: Warp) -> dict[str, float]:
        """Mean, deviation and expected improvement at the config, in units of the metric."""
        mean, deviation = posterior.predict(row[None, :])
        return {
            "mean": self.metric.sign * warp.back(float(mean[0])),
            "deviation": float(deviation[0]) * warp.scale,
            "acquisition": math.exp(min(score, 50.0)) * warp.scale,
        }

    # ---------------------------------------------------------------------------------- where to look

    def _pool(self, within: Space) -> _Candidates:
        """All of a small space; otherwise draws from the priors, the same for every proposal in this space."""
        key = fixed_key(within)
        if key not in self._pools:
            listed = all_configs(within, LISTED)
            rng = np.random.default_rng(derive_seed(self.seed, self.name, "pool", *within.free))
            configs = [within.sample(rng) for _ in range(POOL)] if listed is None else listed
            if len(self._pools) >= MOST_POOLS:
                self._pools.clear()
            self._pools[key] = _Candidates(configs, self._at_top(configs), listed is not None)
        return self._pools[key]

    def _refine(
        self,
        within: Space,
        posterior: Posterior,
        best: float,
        centers: Sequence[Config],
        candidates: _Candidates,
        scores: Matrix,
        rng: np.random.Generator,
    ) -> tuple[_Candidates, Matrix]:
        """The candidates with neighbors of the best known, then of the best candidates, by shrinking steps."""
        near = Neighbors(within)
        inside = dict.fromkeys(within.config({n: v for n, v in c.items() if n in within.parameters}) for c in centers)
        found = [config for center in inside for config in near.around(center, AROUND, 0.2, rng)]
        for step in (*ROUNDS, None):
            if found:
                more = _Candidates(found, self._at_top(found), False)
                scores = np.concatenate([scores, self._scores(posterior, more.Z, best)])
                candidates = _Candidates([*candidates.configs, *found], np.vstack([candidates.Z, more.Z]), False)
            if step is not None:
                top = [candidates.configs[i] for i in _descending(scores)[:REFINED]]
                found = [config for center in top for config in near.around(center, REFINEMENTS, step, rng)]
        return candidates, scores

    def _at_top(self, configs: Sequence[Config]) -> Matrix:
        """Features (n, p) of `configs` at the highest fidelity."""
        coordinates = np.stack([self._features.coordinates(config) for config in configs])
        return self._features.matrix(coordinates, np.ones(len(configs)))


@dataclass(frozen=True, slots=True)
class _Candidates:
    """Configs, their features (m, p) at the highest fidelity, and whether there are no others."""

    configs: list[Config]
    Z: Matrix
    complete: bool


@dataclass(frozen=True, slots=True)
class _Observed:
    """Features Z (n, p), warped values y (n,), relative noise variances w (n,)."""

    Z: Matrix
    y: Matrix
    w: Matrix


class _Data:
    """n trials in order of id, and their values (n,), where more is better and NaN is a failure."""

    def __init__(self, trials: Sequence[Trial], values: Matrix, warp: Warp | None = None) -> None:
        self.trials = trials
        self.values = values
        self.warp = Warp(values) if warp is None else warp

    def first(self, count: int) -> _Data:
        """The first `count` trials, as if there were no others."""
        return _Data(self.trials[:count], self.values[:count])

    def content(self) -> bytes:
        """Equal just where the same trials showed the same."""
        shown = [(trial.id, trial.fidelity, trial.standard_error or 0.0) for trial in self.trials]
        return np.array(shown, dtype=np.float64).tobytes() + self.values.tobytes()

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


def _part(config: Config, names: Sequence[str]) -> str:
    return Config({name: config[name] for name in names if name in config}).key


def _last_refit(count: int) -> int:
    """The largest size <= `count` in 1, 2, ..., 10, 11, ..., each a tenth (and one at least) above the last."""
    size = 1
    while (following := size + max(1, size // 10)) <= count:
        size = following
    return size
