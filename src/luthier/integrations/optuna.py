"""Optuna studies driven by luthier's searchers, and Optuna studies as luthier studies.

    study = optuna.create_study(sampler=LuthierSampler(seed=1))
    study.optimize(objective, n_trials=100)
    study_from_optuna(study, name="mine")  # luthier show mine

The sampler knows the contract of searchers and nothing of what any of them does inside.
"""

from __future__ import annotations

import secrets
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from luthier.core.config import Config
from luthier.core.contracts import Searcher, SearcherFactory
from luthier.core.errors import MissingExtra, SpaceError
from luthier.core.metric import Direction, Metric
from luthier.core.parameter import Value
from luthier.core.seeds import derive_seed
from luthier.core.trial import Failure, Fidelity, Measurement, Start, Status, Trial
from luthier.search.registry import get_searcher

try:
    from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
    from optuna.samplers import BaseSampler
    from optuna.study import StudyDirection
    from optuna.trial import FrozenTrial, TrialState
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] != "optuna":
        raise
    raise MissingExtra("optuna", None, "luthier.integrations.optuna") from None

from luthier.integrations.optuna_space import FittedSpace, ended, fit_space, outward, parameter_of
from luthier.integrations.optuna_study import Imported, study_from_optuna

if TYPE_CHECKING:
    from optuna.study import Study

__all__ = ["Imported", "LuthierSampler", "study_from_optuna"]

MOST_STUDIES = 16  # that one sampler remembers at once; an older one is told anew when it comes back
MOST_STEPS = 100  # units of fidelity that the steps of intermediate values are mapped to
CHEBYSHEV_SUM = 0.05  # rho of Knowles (2006), equation 2


class LuthierSampler(BaseSampler):
    """An Optuna sampler that proposes what a luthier searcher would.

    `searcher` is a name that luthier knows: "model" (the default), "random", "sobol", or one of another package;
    UnknownName is raised for any other. With a `seed`, studies that run one trial at a time can be repeated.

    The searcher looks for values of all parameters together, in the space that the trials so far have shown:
    parameters that exist only under some values of others are proposed where they exist, and ranges that change are
    joined. What no trial has shown yet (all of the first trial, say) is drawn at random, evenly over its range.

    trials that failed, or have a     count as bad, and are avoided
    constraint above 0
    pruned trials                     count at the step that they reached
    running trials, of other          are believed to turn out as expected, so that workers spread out
    threads and machines too
    parameters fixed by               the others are chosen to go with them
    `enqueue_trial`
    several objectives                each trial goes by another weighting of them, drawn at random (ParEGO)

    Knowles (2006), "ParEGO", IEEE Transactions on Evolutionary Computation 10, equation 2.
    """

    def __init__(self, seed: int | None = None, searcher: str = "model") -> None:
        self._make: SearcherFactory = get_searcher(searcher)
        self._seed = secrets.randbits(31) if seed is None else seed
        self._followed: dict[Any, _Followed] = {}
        self._lock = Lock()

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """What the trials of `study` have shown so far; empty before the first has ended."""
        with self._lock:
            trials = study.get_trials(deepcopy=False)
            return dict(self._follow(study, trials).fit(trials).distributions)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Values for those of `search_space` that exist in the config proposed; Optuna asks for others one by one."""
        if not search_space:
            return {}
        with self._lock:
            trials = study.get_trials(deepcopy=False)
            params = self._follow(study, trials).propose(trials, trial)
        return {name: value for name, value in params.items() if name in search_space}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """A value drawn evenly over the range (its logarithm, with `log`); follows from seed, trial and name alone."""
        return _drawn(param_distribution, derive_seed(self._seed, "independent", trial.number, param_name))

    def reseed_rng(self) -> None:
        """Take another seed. Optuna calls it in each of several workers, so that they propose different things."""
        with self._lock:
            self._seed = secrets.randbits(31)
            for followed in self._followed.values():
                followed.reseed(self._seed)

    def __getstate__(self) -> dict[str, Any]:
        """Without what the study itself tells: a copy in another process finds it out by itself."""
        return {"_make": self._make, "_seed": self._seed}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._make, self._seed = state["_make"], state["_seed"]
        self._followed = {}
        self._lock = Lock()

    def _follow(self, study: Study, trials: Sequence[FrozenTrial]) -> _Followed:
        """What is known of `study`. Names repeat over storages, so the start of the first trial tells studies apart."""
        key = study.study_name, trials[0].number, trials[0].datetime_start
        if key not in self._followed:
            while len(self._followed) >= MOST_STUDIES:
                del self._followed[next(iter(self._followed))]
            self._followed[key] = _Followed(self._make, tuple(study.directions), self._seed)
        return self._followed[key]


@dataclass
class _Followed:
    """One Optuna study as a searcher sees it, brought up to date whenever it is asked.

    A trial is told when it has changed, and all of them anew only where the space or the steps no longer fit.
    `running` holds the keys of the configs told as running, `over` the configs told as ended, by trial number.
    """

    make: SearcherFactory
    directions: tuple[StudyDirection, ...]
    seed: int
    fitted: FittedSpace = field(default_factory=lambda: fit_space(()))
    steps: tuple[int, ...] = ()
    searcher: Searcher | None = None
    checked: set[int] = field(default_factory=set[int])
    proposed: dict[int, dict[str, Value]] = field(default_factory=dict[int, dict[str, Value]])
    running: dict[int, str] = field(default_factory=dict[int, str])
    over: dict[int, Config] = field(default_factory=dict[int, Config])

    def reseed(self, seed: int) -> None:
        """Go on with another seed; what was proposed for running trials stays known."""
        self.seed, self.searcher = seed, None

    def fit(self, trials: Sequence[FrozenTrial]) -> FittedSpace:
        """The space that fits all ended trials."""
        fresh = [trial for trial in trials if trial.number not in self.checked and trial.state.is_finished()]
        if fresh:
            self.checked.update(trial.number for trial in fresh)
            if not all(self.fitted.fits(trial) for trial in fresh):
                self.fitted, self.searcher = fit_space(ended(trials)), None
            if self._outgrown(fresh):
                self.steps, self.searcher = _steps(ended(trials)), None
        return self.fitted

    def propose(self, trials: Sequence[FrozenTrial], trial: FrozenTrial) -> dict[str, Any]:
        """The Optuna parameters to try in `trial`, which goes on from those that it has or that the user fixed."""
        fitted = self.fit(trials)
        given = fitted.values({**trial.system_attrs.get("fixed_params", {}), **trial.params})
        within = fitted.space.fix(given)
        if not within.width:
            return fitted.params(within.config())
        grants = self._informed(trials, trial).ask(1, within)
        starts = [grant.config for grant in grants if isinstance(grant, Start)]
        # A searcher has nothing to start where all of a small space was tried; an Optuna study goes on all the same.
        rng = np.random.default_rng(derive_seed(self.seed, "again", trial.number))
        config = starts[0] if starts else within.sample(rng)
        self.proposed[trial.number] = dict(config)
        return fitted.params(config)

    # ---------------------------------------------------------------------------------------- telling

    def _informed(self, trials: Sequence[FrozenTrial], asking: FrozenTrial) -> Searcher:
        """The searcher, told all there is to tell."""
        open_or_new = [trial for trial in trials if trial.number not in self.over]
        fresh = {trial.number: self.fitted.config(trial.params) for trial in ended(open_or_new)}
        # A searcher may keep the config that it was told first, so a proposal that wasn't followed needs another one.
        if self.searcher is None or any(self.running.get(n, config.key) != config.key for n, config in fresh.items()):
            self.searcher = self._new_searcher()
            self.running, self.over, open_or_new = {}, {}, list(trials)
            fresh = {trial.number: self.fitted.config(trial.params) for trial in ended(trials)}
        self.over.update(fresh)
        if len(self.directions) == 1:
            for trial in ended(open_or_new):
                self._tell_ended(self.searcher, trial, _value(trial))
        else:  # another weighting changes all values
            scalars = self._scalars(ended(trials), asking.number)
            for trial in ended(trials):
                self._tell_ended(self.searcher, trial, scalars.get(trial.number))
        for trial in open_or_new:
            if trial.state is TrialState.RUNNING and trial.number != asking.number and trial.number not in self.running:
                self._tell_running(self.searcher, trial)
        return self.searcher

    def _new_searcher(self) -> Searcher:
        several = len(self.directions) > 1
        maximize = not several and self.directions[0] is StudyDirection.MAXIMIZE
        metric = Metric("value", Direction.MAXIMIZE if maximize else Direction.MINIMIZE)
        return self.make(self.fitted.space, metric, self._fidelity, derive_seed(self.seed, "searcher"))

    def _tell_ended(self, searcher: Searcher, trial: FrozenTrial, value: float | None) -> None:
        until, measurements = self._fidelity.maximum, self._measurements(trial, value)
        config = self.over[trial.number]
        if trial.state is TrialState.COMPLETE and value is not None and _is_feasible(trial):
            told = Trial(trial.number, config, Status.COMPLETED, until=until, measurements=measurements)
        elif trial.state is TrialState.PRUNED and measurements:
            told = Trial(trial.number, config, Status.STOPPED, until=until, measurements=measurements)
        else:
            failure = Failure("no value", "it failed, broke a constraint, or was pruned before it showed anything")
            told = Trial(trial.number, config, Status.FAILED, until=until, failure=failure)
        searcher.tell(told)
        self.proposed.pop(trial.number, None)
        self.running.pop(trial.number, None)

    def _tell_running(self, searcher: Searcher, trial: FrozenTrial) -> None:
        """Tell a trial of another worker, once it is known what it tries: by our proposal, or by what it asked for."""
        space = self.fitted.space
        proposal = {n: value for n, value in self.proposed.get(trial.number, {}).items() if n in space.parameters}
        try:
            config = space.config({**proposal, **self.fitted.values(trial.params)}, defaults=False)
        except SpaceError:
            return
        searcher.tell(Trial(trial.number, config, Status.RUNNING, until=self._fidelity.maximum))
        self.running[trial.number] = config.key

    # --------------------------------------------------------------------------------------- fidelity

    @property
    def _fidelity(self) -> Fidelity:
        return Fidelity("step", len(self.steps), cumulative=False) if len(self.steps) > 1 else Fidelity()

    def _outgrown(self, fresh: Sequence[FrozenTrial]) -> bool:
        """Whether there is something pruned to tell of for the first time, or a step beyond all known."""
        if not self.steps:
            return any(trial.state is TrialState.PRUNED and trial.intermediate_values for trial in fresh)
        return any(step > self.steps[-1] for trial in fresh for step in trial.intermediate_values)

    def _measurements(self, trial: FrozenTrial, value: float | None) -> tuple[Measurement, ...]:
        """The intermediate values by unit of fidelity, and the value of a complete trial at the highest."""
        units: dict[int, float] = {}
        if len(self.directions) == 1 and len(self.steps) > 1:
            for step in sorted(trial.intermediate_values):
                units[max(bisect_right(self.steps, step), 1)] = trial.intermediate_values[step]
        if trial.state is TrialState.COMPLETE and value is not None:
            units[self._fidelity.maximum] = value
        elif len(self.steps) == 1 and trial.intermediate_values:
            units[1] = trial.intermediate_values[max(trial.intermediate_values)]
        return tuple(Measurement(unit, units[unit]) for unit in sorted(units))

    # ------------------------------------------------------------------------------ several objectives

    def _scalars(self, over: Sequence[FrozenTrial], number: int) -> dict[int, float]:
        """One number a complete trial, the less the better: the augmented Chebyshev norm under weights of this ask."""
        whole = [trial for trial in over if trial.state is TrialState.COMPLETE and np.isfinite(trial.values).all()]
        if not whole:
            return {}
        signs = [-1.0 if direction is StudyDirection.MAXIMIZE else 1.0 for direction in self.directions]
        values = np.array([trial.values for trial in whole]) * signs
        low, high = values.min(axis=0), values.max(axis=0)
        shares = (values - low) / np.where(high > low, high - low, 1.0)
        weights = np.random.default_rng(derive_seed(self.seed, "weights", number)).dirichlet(np.ones(len(signs)))
        weighted = weights * shares
        norms = weighted.max(axis=1) + CHEBYSHEV_SUM * weighted.sum(axis=1)
        return {trial.number: float(norm) for trial, norm in zip(whole, norms, strict=True)}


def _value(trial: FrozenTrial) -> float | None:
    return trial.values[0] if trial.state is TrialState.COMPLETE else None


def _is_feasible(trial: FrozenTrial) -> bool:
    constraints: Mapping[str, float] = getattr(trial, "constraints", {})  # since Optuna 5
    return all(value <= 0 for value in constraints.values())


def _steps(over: Sequence[FrozenTrial]) -> tuple[int, ...]:
    """At most 100 of the steps at which values were reported, evenly among them, the last included."""
    steps = sorted({step for trial in over for step in trial.intermediate_values})
    count = min(len(steps), MOST_STEPS)
    return tuple(steps[(place + 1) * len(steps) // count - 1] for place in range(count))


def _drawn(distribution: BaseDistribution, seed: int) -> Any:
    """A value of `distribution`, also where luthier has no setting for it: a single value, or very wide bounds."""
    rng = Random(seed)
    try:
        parameter = parameter_of(distribution)
    except SpaceError:
        if isinstance(distribution, FloatDistribution):
            share = rng.random()
            value = distribution.low * (1 - share) + distribution.high * share
            return min(max(value, distribution.low), distribution.high)
        if isinstance(distribution, IntDistribution):
            return rng.randrange(distribution.low, distribution.high + 1, distribution.step)
        raise
    return outward(distribution, parameter, parameter.draw((rng.random(),)))
