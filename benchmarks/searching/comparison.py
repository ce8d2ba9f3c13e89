"""From traces to figures: normalized regret, ranks, wins, tests, coverage. Knows no files and prints nothing.

Glossary: a pair is a (problem, seed); a side is a searcher, ours or a peer's. Regret is 0 at the best known value
and 1 at the median of random points, and belongs to the config with the best *observed* value so far, by its truth.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from luthier.stats.holm import holm
from luthier.stats.permutation import sign_flip_test
from searching.problem import LEAST_REGRET, Problem, incumbents
from searching.traces import Trace

Pair = tuple[str, int]
Vector = NDArray[np.float64]

ALL = "all"
LAST_ASKS = 20  # CPU seconds an ask are means over these, since some peers learn only now and then
COVERED_WITHIN = 1.6448536  # standard deviations that hold 90% of a normal distribution
TIE = 1e-9


@dataclass(frozen=True)
class Runs:
    """All traces by side and pair, and the problems that they are of."""

    traces: Mapping[str, Mapping[Pair, Trace]]
    problems: Mapping[str, Problem]

    @staticmethod
    def of(traces: Iterable[Trace], problems: Sequence[Problem]) -> Runs:
        known = {problem.name: problem for problem in problems}
        by_side: dict[str, dict[Pair, Trace]] = {}
        for trace in traces:
            if trace.problem in known:
                by_side.setdefault(trace.side, {})[trace.problem, trace.seed] = trace
        return Runs(by_side, known)

    @cached_property
    def best(self) -> dict[str, float]:
        """The best truth that any run came to, by problem."""
        best: dict[str, float] = {}
        for by_pair in self.traces.values():
            for (problem, _), trace in by_pair.items():
                found = [value for value in trace.truth if not math.isnan(value)]
                best[problem] = min([best.get(problem, math.inf), *found])
        return best

    def common_pairs(self, sides: Sequence[str], evaluations: int) -> list[Pair]:
        """The pairs of which every side has a run of at least so many evaluations, in the order of the problems."""
        places = {name: place for place, name in enumerate(self.problems)}
        sets = [
            {pair for pair, trace in self.traces.get(side, {}).items() if len(trace.observed) >= evaluations}
            for side in sides
        ]
        common = set[Pair].intersection(*sets) if sets else set[Pair]()
        return sorted(common, key=lambda pair: (places[pair[0]], pair[1]))

    def regrets(self, side: str, pairs: Sequence[Pair], at: int) -> Vector:
        """The regret after `at` evaluations, one a pair; a run without any value yet counts as the random median."""
        return np.array([self._regret(self.traces[side][pair], at) for pair in pairs])

    def seconds(self, side: str, pairs: Sequence[Pair]) -> float:
        """Mean CPU seconds of the last asks."""
        return float(np.mean([np.mean(self.traces[side][pair].cpu[-LAST_ASKS:]) for pair in pairs]))

    def total_seconds(self, side: str) -> float:
        """CPU seconds of all runs of a side."""
        return sum(sum(trace.cpu) for trace in self.traces[side].values())

    def coverage(self, side: str, pairs: Sequence[Pair]) -> tuple[int, int]:
        """How many of the 90% predictive intervals held what was then observed, and how many there were."""
        held, count = 0, 0
        for pair in pairs:
            trace = self.traces[side][pair]
            for prediction, value in zip(trace.predicted, trace.observed, strict=False):
                if prediction is not None and not math.isnan(value):
                    count += 1
                    held += abs(value - prediction[0]) <= COVERED_WITHIN * prediction[1]
        return held, count

    def family(self, pair: Pair) -> str:
        return self.problems[pair[0]].family

    def families(self, pairs: Sequence[Pair]) -> list[str]:
        """The families among `pairs`, in order."""
        return list(dict.fromkeys(self.family(pair) for pair in pairs))

    def within(self, family: str, pairs: Sequence[Pair]) -> list[Pair]:
        """The pairs of one family; of all for ALL."""
        return [pair for pair in pairs if family in (ALL, self.family(pair))]

    def _regret(self, trace: Trace, at: int) -> float:
        problem = self.problems[trace.problem]
        truth = incumbents(trace.observed[:at], trace.truth[:at])[-1]
        return problem.regret(truth, self.best[trace.problem]) if math.isfinite(truth) else 1.0


def by_problem(pairs: Sequence[Pair], values: Vector) -> dict[str, float]:
    """The mean over seeds, by problem."""
    groups: dict[str, list[float]] = {}
    for (problem, _), value in zip(pairs, values, strict=True):
        groups.setdefault(problem, []).append(float(value))
    return {problem: float(np.mean(group)) for problem, group in groups.items()}


def mean_over_problems(pairs: Sequence[Pair], values: Vector) -> float:
    """Every problem counts the same, however many seeds of it are there."""
    return float(np.mean(list(by_problem(pairs, values).values())))


def floored_log(regrets: Vector) -> Vector:
    """Natural logarithms of regrets, floored: below a ten-thousandth, differences are of no use to anyone."""
    return np.log(np.maximum(regrets, LEAST_REGRET))


def geometric_mean(pairs: Sequence[Pair], regrets: Vector) -> float:
    """Of floored regrets, every problem counting the same."""
    return math.exp(mean_over_problems(pairs, floored_log(regrets)))


def mean_ranks(pairs: Sequence[Pair], regrets: Mapping[str, Vector]) -> dict[str, float]:
    """1 is best; equal floored regrets share their ranks."""
    from scipy.stats import rankdata

    ranks = rankdata(np.round([floored_log(one) for one in regrets.values()], 9), axis=0)
    return {side: mean_over_problems(pairs, row) for side, row in zip(regrets, ranks, strict=True)}


@dataclass(frozen=True)
class Duel:
    """One side against another, in one family or in all.

    Wins, ties and losses count problems, by the mean over seeds of the logarithm of floored regret. `ratio` is the
    geometric mean of our regret over theirs. `p` is of the two-sided sign-flip test over pairs, signs flipped by
    problem in `all`; `adjusted` after Holm over all duels with the same peer.
    """

    family: str
    pairs: int
    wins: int
    ties: int
    losses: int
    ratio: float
    p: float
    adjusted: float = math.nan


def duels(runs: Runs, ours: str, theirs: str, at: int) -> list[Duel]:
    """Ours against theirs over the pairs that both have: all of them first, then each family."""
    pairs = runs.common_pairs([ours, theirs], at)
    if not pairs:
        return []
    names = [ALL, *runs.families(pairs)]
    fought = [_duel(runs, ours, theirs, name, runs.within(name, pairs), at) for name in names]
    adjusted = holm([duel.p for duel in fought])
    return [replace(duel, adjusted=float(p)) for duel, p in zip(fought, adjusted, strict=True)]


def _duel(runs: Runs, ours: str, theirs: str, family: str, pairs: Sequence[Pair], at: int) -> Duel:
    differences = floored_log(runs.regrets(ours, pairs, at)) - floored_log(runs.regrets(theirs, pairs, at))
    means = by_problem(pairs, differences)
    names = {name: place for place, name in enumerate(means)}
    groups = [names[problem] for problem, _ in pairs] if family == ALL and len(means) > 1 else None
    return Duel(
        family,
        len(pairs),
        wins=sum(mean < -TIE for mean in means.values()),
        ties=sum(abs(mean) <= TIE for mean in means.values()),
        losses=sum(mean > TIE for mean in means.values()),
        ratio=math.exp(np.mean(list(means.values()))),
        p=sign_flip_test(differences, groups),
    )
