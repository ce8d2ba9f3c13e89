"""CMA-ES over the unit coordinates of a space: evolution strategies, for many cheap evaluations.

Numbers, grids and categories are searched together by CatCMA with margin (Hamano et al. 2025, arXiv 2504.07884) of
the package `cmaes`; on numbers alone it is active CMA-ES. When a run has converged, another starts elsewhere with
twice the population (IPOP: Auger and Hansen 2005, CEC, pages 1769-1776).

What it doesn't know: conditions. A setting that isn't active keeps its coordinates, which then change nothing, so
that their distribution drifts until they matter again. The places of an order are numbers to it, the members of a
subset categories without a size. Trials that others proposed only say where to start. And each space that is asked
within is a search of its own: nothing is learned across different fixed values.
"""

from __future__ import annotations

import copy
import importlib
import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np

from luthier.core.config import Config
from luthier.core.metric import Metric
from luthier.core.seeds import derive_seed, fingerprint
from luthier.core.space import Space
from luthier.core.trial import Fidelity, Grant, Status, Trial
from luthier.search.axes import Kind, axes_of
from luthier.search.base import Proposal, TrialSearcher, lies_within
from luthier.search.fresh import Fresh
from luthier.search.numeric import Matrix

DEVIATION = 0.2  # of the first generation, in unit coordinates
LEAST_SHARE = 0.2  # of the even one: the least first probability of a category
NARROW = 1e-5  # a generation whose coordinates all deviate by less has converged
STAGNANT = 10  # generations, and 30 d / population more, without a better value end a run
TRIES = 32  # draws for a config that is new; where all of them are known, the run has converged
RULE = "cma-es member"
KEPT = 3  # latest generations of which the distribution is kept


class CmaEs(TrialSearcher):
    """Evolves by generations, without waiting for the last member of any.

    The first proposal in a space is its default config. Every later one is a member of a generation, and its `why`
    holds what a replay needs: the "run" and "generation"; the "sample" that the config was made from; and the
    "parents", ids of the trials whose ranks moved the distribution here from the generation before, for a first
    generation the "start", its mean. As soon as a population's worth of members have ended, the next generation
    begins, by the first of them in order of id; a member that comes too late counts in the generation after its own.
    Ranks go by the value at the highest fidelity that all of them reached; failures and NaN come last.
    """

    name: ClassVar[str] = "cma-es"

    def __init__(self, space: Space, metric: Metric, fidelity: Fidelity, seed: int) -> None:
        super().__init__(space, metric, fidelity, seed)
        self._fresh = Fresh()
        self._layouts: dict[str, _Layout] = {}
        self._members: dict[tuple[str, int], _Members] = {}
        self._last_runs: dict[str, int] = {}
        self._asked: list[_Member] = []
        self._orders = _Orders(self._trials, metric)
        self._kept: dict[tuple[str, int], list[_Kept]] = {}

    def tell(self, trial: Trial) -> None:
        if trial.id not in self._trials and (member := _Member.of(trial.why)) is not None:
            generations = self._members.setdefault((member.search, member.run), {})
            generations.setdefault(member.generation, {})[trial.id] = member
            self._last_runs[member.search] = max(member.run, self._last_runs.get(member.search, 0))
        super().tell(trial)
        self._orders.forget(trial.id)

    def ask(self, count: int, within: Space) -> list[Grant]:
        self._asked = []
        return super().ask(count, within)

    def propose(self, within: Space, proposed: Sequence[Config], taken: AbstractSet[str]) -> Proposal | None:
        if not proposed and not any(lies_within(config, within) for config in self.arrivals):
            return Proposal(within.config(), {"rule": "default"})
        search = fingerprint(within.to_json(), Config(within.fixed).to_json())
        layout = self._layouts.setdefault(search, _Layout(within))
        if layout.dimensions:
            place = self._place(search, layout, within)
            found = self._sample(place, layout, within, taken, len(proposed))
            if found is None:
                place = self._beginning(search, place.run + 1, layout, within)
                found = self._sample(place, layout, within, taken, len(proposed))
            if found is not None:
                config, member = found
                self._asked.append(member)
                return Proposal(config, member.why())
        config = self._fresh.find(within, taken, self.rng(len(proposed)))
        return None if config is None else Proposal(config, {"rule": "draw"})

    # ------------------------------------------------------------------------- where the search stands

    def _place(self, search: str, layout: _Layout, within: Space) -> _Place:
        """The run and generation that the next proposal in this space belongs to, as all trials told decide."""
        asked = [member for member in self._asked if member.search == search]
        run = max([self._last_runs.get(search, 0), *(member.run for member in asked)])
        told = self._members.get((search, run), {})
        asked = [member for member in asked if member.run == run]
        generation = max([*told, *(member.generation for member in asked)], default=-1)
        if generation < 0:
            return self._beginning(search, run, layout, within)
        history = self._history(told, asked)
        if history is None:
            return self._beginning(search, run + 1, layout, within)
        start, steps = history
        ended = self._ended(told, generation, steps)
        population = layout.population << run
        if len(ended) >= population:
            steps = (*steps, tuple(ended[:population]))
            generation += 1
            if self._has_converged(told, steps, layout, population):
                return self._beginning(search, run + 1, layout, within)
        return _Place(search, run, generation, start, steps)

    def _beginning(self, search: str, run: int, layout: _Layout, within: Space) -> _Place:
        """The first generation of a run: around the best known or the default, and later on anywhere."""
        if run:
            rng = np.random.default_rng(derive_seed(self.seed, self.name, search, run))
            return _Place(search, run, 0, tuple(rng.random(len(layout.gaussian)).tolist()), ())
        inside = [trial for trial in self.trials if not trial.status.is_open and lies_within(trial.config, within)]
        best = max(inside, key=self._value, default=None)
        known = best is not None and math.isfinite(self._value(best))
        config = within.config({n: v for n, v in best.config.items() if n in within.free}) if best and known else None
        unit = within.to_unit(within.config() if config is None else config)
        return _Place(search, run, 0, tuple(np.nan_to_num(unit[layout.gaussian], nan=0.5).tolist()), ())

    def _history(self, told: _Members, asked: Sequence[_Member]) -> tuple[tuple[float, ...], _Steps] | None:
        """The start of a run and its steps so far, as the first member of each generation states them.

        None where some of them were not told, so that the run can't go on.
        """
        first = {member.generation: member for member in reversed(asked)}
        first |= {number: members[min(members)] for number, members in told.items()}
        if any(number not in first for number in range(len(first))):
            return None
        steps = tuple(first[number].parents for number in range(1, len(first)))
        known = all(number in self._trials for step in steps for number in step)
        return (first[0].start, steps) if known else None

    def _ended(self, told: _Members, generation: int, steps: _Steps) -> list[int]:
        """Ids of the members of this generation and the one before that have ended and moved nothing yet."""
        moved = {number for step in steps for number in step}
        recent = {**told.get(generation - 1, {}), **told.get(generation, {})}
        return sorted(n for n in recent if n not in moved and not self._trials[n].status.is_open)

    def _has_converged(self, told: _Members, steps: _Steps, layout: _Layout, population: int) -> bool:
        members = {number: member for generation in told.values() for number, member in generation.items()}
        samples = np.array([members[number].sample for number in steps[-1]])[:, : layout.numbers]
        if samples.size and float(np.clip(samples, 0.0, 1.0).std(axis=0).max()) < NARROW:
            return True
        patience = STAGNANT + math.ceil(30 * layout.dimensions / population)
        if len(steps) <= patience:
            return False
        best = [max(self._value(self._trials[number]) for number in step) for step in steps]
        return max(best[-patience:]) <= max(best[:-patience])

    def _value(self, trial: Trial) -> float:
        """The value, where more is better."""
        if trial.value is None or trial.status is Status.FAILED:
            return -math.inf
        return self.metric.sign * trial.value

    # --------------------------------------------------------------------------------- what is drawn

    def _sample(
        self, place: _Place, layout: _Layout, within: Space, taken: AbstractSet[str], proposed: int
    ) -> tuple[Config, _Member] | None:
        """A new config at this place; None where all of `TRIES` draws are known."""
        distribution = self._distribution(place, layout)
        count = len(self._trials) + proposed
        distribution.reseed_rng(derive_seed(self.seed, self.name, place.search, place.run, place.generation, count))
        for _ in range(TRIES):
            solution = distribution.ask()
            config = within.from_unit(layout.unit(solution))
            if config.key not in taken:
                return config, layout.member(place, solution)
        return None

    def _distribution(self, place: _Place, layout: _Layout) -> Any:
        """The optimizer after all steps of `place`; from the latest one kept that still holds."""
        members = {
            number: member
            for generation in self._members.get((place.search, place.run), {}).values()
            for number, member in generation.items()
        }
        steps = tuple(self._orders.of(step) for step in place.steps)
        kept = self._kept.setdefault((place.search, place.run), [])
        holding = [one for one in kept if one.start == place.start and one.steps == steps[: len(one.steps)]]
        latest = max(holding, key=lambda one: len(one.steps), default=None)
        if latest is not None and latest.steps == steps:
            return latest.distribution
        done = 0 if latest is None else len(latest.steps)
        distribution = layout.begin(place) if latest is None else copy.deepcopy(latest.distribution)
        for step in steps[done:]:
            distribution.tell([(layout.solution(members[n]), float(rank)) for rank, n in enumerate(step)])
        kept.append(_Kept(place.start, steps, distribution))
        del kept[:-KEPT]
        return distribution


_Steps: TypeAlias = tuple[tuple[int, ...], ...]
"""Ids of the trials that made each step from generation to generation."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A generation of a run of a search, and how the run came to it."""

    search: str
    run: int
    generation: int
    start: tuple[float, ...]
    steps: _Steps


@dataclass(frozen=True, slots=True)
class _Kept:
    """The distribution after steps, each in order of rank."""

    start: tuple[float, ...]
    steps: _Steps
    distribution: Any


@dataclass(frozen=True, slots=True)
class _Member:
    """What the `why` of a proposal holds: normal coordinates before any clipping or rounding, and categories."""

    search: str
    run: int
    generation: int
    sample: tuple[float, ...]
    categories: tuple[int, ...]
    start: tuple[float, ...] = ()
    parents: tuple[int, ...] = ()

    @staticmethod
    def of(why: Mapping[str, Any]) -> _Member | None:
        """The inverse of `why`; None for a proposal of another kind."""
        if why.get("rule") != RULE:
            return None
        return _Member(
            why["search"],
            why["run"],
            why["generation"],
            tuple(why["sample"]),
            tuple(why["categories"]),
            tuple(why.get("start", ())),
            tuple(why.get("parents", ())),
        )

    def why(self) -> dict[str, Any]:
        """Plain JSON."""
        came = {"parents": list(self.parents)} if self.generation else {"start": list(self.start)}
        return {
            "rule": RULE,
            "search": self.search,
            "run": self.run,
            "generation": self.generation,
            "sample": list(self.sample),
            "categories": list(self.categories),
            **came,
        }


_Members: TypeAlias = dict[int, dict[int, _Member]]
"""The members of one run: by generation, then by id of the trial."""


class _Orders:
    """Trials of a step in order of rank, the best first; of equals the older. Kept until one of them changes."""

    def __init__(self, trials: Mapping[int, Trial], metric: Metric) -> None:
        self._trials = trials
        self._metric = metric
        self._orders: dict[tuple[int, ...], tuple[int, ...]] = {}
        self._steps: dict[int, tuple[int, ...]] = {}

    def of(self, step: tuple[int, ...]) -> tuple[int, ...]:
        if step not in self._orders:
            losses = _losses([self._trials[number] for number in step], self._metric)
            ranked = sorted(zip(losses, step, strict=True))
            self._orders[step] = tuple(number for _, number in ranked)
            self._steps.update(dict.fromkeys(step, step))
        return self._orders[step]

    def forget(self, number: int) -> None:
        """A trial has changed."""
        self._orders.pop(self._steps.get(number, ()), None)


def _losses(trials: Sequence[Trial], metric: Metric) -> list[float]:
    """The value of each trial at the highest fidelity that all reached, where less is better."""
    shown = [trial.fidelity for trial in trials if trial.value is not None and trial.status is not Status.FAILED]
    level = min(shown, default=0)
    losses: list[float] = []
    for trial in trials:
        value = trial.value_at(level)
        value = trial.value if value is None else value
        failed = value is None or trial.status is Status.FAILED
        losses.append(math.inf if failed or value is None else -metric.sign * value)
    return losses


class _Layout:
    """Which unit coordinates of a narrowed space are numbers, grids and categories to the optimizer.

    A grid of two values is a category, a coordinate of one value nothing at all. `gaussian` are the columns of the
    first `numbers` numbers, then the grids.
    """

    def __init__(self, within: Space) -> None:
        axes = axes_of(within)
        numbers = [i for i, axis in enumerate(axes) if axis.kind is Kind.NUMBER]
        grids = [i for i, axis in enumerate(axes) if axis.kind is Kind.GRID and len(axis.masses) > 2]
        several = [i for i, axis in enumerate(axes) if len(axis.masses) > 1]
        self._axes = axes
        self.numbers = len(numbers)
        self.gaussian = [*numbers, *grids]
        self._grids = grids
        self._categories = [i for i in several if i not in grids]
        self.dimensions = len(self.gaussian) + len(self._categories)
        self.population = 4 + math.floor(3 * math.log(max(self.dimensions, 1)))

    def begin(self, place: _Place) -> Any:
        """The optimizer before any step."""
        spreads = [min(DEVIATION, self._axes[column].spread) for column in self.gaussian]
        distribution = importlib.import_module("cmaes").CatCMAwM(
            x_space=[[0.0, 1.0]] * self.numbers or None,
            z_space=[self._axes[column].middles.tolist() for column in self._grids] or None,
            c_space=[len(self._axes[column].masses) for column in self._categories] or None,
            population_size=self.population << place.run,
            mean=np.array(place.start) if self.gaussian else None,
            sigma=1.0,
            cov=np.diag(np.square(spreads)) if self.gaussian else None,
            cat_param=self._shares(),
        )
        # Its first draw factors the covariance, which changes the last digits: one that is only told must do so too.
        distribution.ask()
        return distribution

    def unit(self, solution: Any) -> Matrix:
        """(d,): the unit vector of a draw."""
        unit = np.full(len(self._axes), 0.5)
        if self.numbers:
            unit[self.gaussian[: self.numbers]] = solution.x
        if self._grids:
            unit[self._grids] = solution.z
        for column, chosen in zip(self._categories, self._chosen(solution), strict=True):
            unit[column] = self._axes[column].middles[chosen]
        return unit

    def member(self, place: _Place, solution: Any) -> _Member:
        """A draw as a member of the generation at `place`."""
        sample = tuple(solution._v_raw.tolist()) if self.gaussian else ()
        parents = place.steps[-1] if place.steps else ()
        chosen = self._chosen(solution)
        return _Member(place.search, place.run, place.generation, sample, chosen, place.start, parents)

    def solution(self, member: _Member) -> Any:
        """The draw that became a member, as far as the optimizer needs it to be told its rank."""
        widest = max((len(self._axes[column].masses) for column in self._categories), default=0)
        one_hot = np.zeros((len(self._categories), widest), dtype=bool)
        one_hot[np.arange(len(self._categories)), list(member.categories)] = True
        solution = importlib.import_module("cmaes").CatCMAwM.Solution
        return solution(None, None, one_hot if self._categories else None, np.array(member.sample))

    def _chosen(self, solution: Any) -> tuple[int, ...]:
        return tuple(np.argmax(solution.c, axis=1).tolist()) if self._categories else ()

    def _shares(self) -> Matrix | None:
        """First probabilities of the categories, by their priors, none too small to come back from."""
        if not self._categories:
            return None
        counts = [len(self._axes[column].masses) for column in self._categories]
        shares = np.zeros((len(counts), max(counts)))
        for row, (column, count) in enumerate(zip(self._categories, counts, strict=True)):
            masses = np.maximum(self._axes[column].masses, LEAST_SHARE / count)
            shares[row, :count] = masses / masses.sum()
        return shares
