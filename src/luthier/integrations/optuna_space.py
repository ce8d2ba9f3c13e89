"""Optuna's distributions as luthier's settings, and a space that fits the trials of an Optuna study.

Optuna has no space: an objective asks for one parameter after the other, and some only under some values of
others. `fit_space` finds a space that explains what was asked for: `gamma` only where `kernel` was "rbf",
`units_3` only where `layers` was 3 or more. What it can't know yet it takes to exist; a trial that doesn't fit
is the sign to look anew.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from luthier.core.config import Config
from luthier.core.errors import SpaceError
from luthier.core.parameter import Choice, Condition, Float, Int, Parameter, Range, Value, satisfies
from luthier.core.space import Space

# ------------------------------------------------------------------------------------- one distribution


def parameter_of(distribution: BaseDistribution) -> Parameter:
    """The setting that holds the values of `distribution`, which must have more than one.

    Choices that luthier can't hold (lists, NaN, equal ones) stand as texts with their place: "0: [1, 2]".
    Raises SpaceError for bounds beyond luthier's: floats up to 1e300, integers of at most 2**50 values.
    """
    if isinstance(distribution, FloatDistribution):
        return Float(distribution.low, distribution.high, log=distribution.log, step=distribution.step)
    if isinstance(distribution, IntDistribution):
        return Int(distribution.low, distribution.high, log=distribution.log, step=distribution.step)
    if isinstance(distribution, CategoricalDistribution):
        return choice_of(distribution.choices)
    raise SpaceError(f"luthier knows Optuna's float, int and categorical distributions; got {distribution!r}")


def choice_of(choices: Sequence[Any]) -> Choice:
    """The choices themselves where luthier can hold them, otherwise texts that begin with their places."""
    try:
        return Choice(tuple(choices))
    except SpaceError:
        return Choice(tuple(f"{place}: {choice!r:.60}" for place, choice in enumerate(choices)))


def inward(distribution: BaseDistribution, parameter: Parameter, value: Any) -> Value:
    """An Optuna value as luthier has it; raises SpaceError where it lies outside."""
    if isinstance(distribution, CategoricalDistribution) and isinstance(parameter, Choice):
        return parameter.options[int(distribution.to_internal_repr(value))]
    if isinstance(distribution, FloatDistribution):  # Optuna lets a value pass the bounds by a rounding error
        nearest = min(max(value, distribution.low), distribution.high)
        return parameter.check(nearest if math.isclose(value, nearest, rel_tol=1e-9, abs_tol=1e-12) else value)
    return parameter.check(value)


def outward(distribution: BaseDistribution, parameter: Parameter, value: Value) -> Any:
    """The inverse of `inward`: a plain float or int, or one of the choices."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[int(parameter.to_unit(value)[0] * len(distribution.choices))]
    return value


def joined(one: BaseDistribution, other: BaseDistribution) -> BaseDistribution | None:
    """The distribution that holds the values of both; None where they are of different kinds.

    Float(0, 1) and Float(0, 5): Float(0, 5). Int(0, 4, step=2) and Int(1, 9, step=2): Int(0, 9).
    """
    if one == other:
        return one
    if isinstance(one, FloatDistribution) and isinstance(other, FloatDistribution) and one.log == other.log:
        step = one.step if one.step == other.step else None
        if step is not None and abs((other.low - one.low) / step - round((other.low - one.low) / step)) > 1e-8:
            step = None
        return FloatDistribution(min(one.low, other.low), max(one.high, other.high), log=one.log, step=step)
    if isinstance(one, IntDistribution) and isinstance(other, IntDistribution) and one.log == other.log:
        step = math.gcd(one.step, other.step, one.low - other.low)
        return IntDistribution(min(one.low, other.low), max(one.high, other.high), log=one.log, step=step)
    return None


# -------------------------------------------------------------------------------------- many trials


@dataclass(frozen=True)
class FittedSpace:
    """A space that fits the trials it was made from.

    `distributions` are those of the settings of `space`, wide enough for all trials. `seen` holds every name that
    was asked for, None where its distributions can't be joined; of these, single values and what luthier can't hold
    are no settings. `loose` names settings that some trials lack for no reason found.
    """

    space: Space
    distributions: Mapping[str, BaseDistribution]
    seen: Mapping[str, BaseDistribution | None]
    loose: frozenset[str] = field(default_factory=frozenset)

    def values(self, params: Mapping[str, Any]) -> dict[str, Value]:
        """Optuna parameters as luthier's settings, without those that the space doesn't hold."""
        found: dict[str, Value] = {}
        for name, distribution in self.distributions.items():
            if name in params:
                try:
                    found[name] = inward(distribution, self.space.parameters[name], params[name])
                except (SpaceError, ValueError, TypeError):
                    continue
        return found

    def config(self, params: Mapping[str, Any]) -> Config:
        """The config of a trial, as far as the space holds it."""
        return Config(self.values(params))

    def params(self, config: Mapping[str, Value]) -> dict[str, Any]:
        """The Optuna parameters of a config."""
        return {
            name: outward(self.distributions[name], self.space.parameters[name], value)
            for name, value in config.items()
        }

    def fits(self, trial: FrozenTrial) -> bool:
        """Whether the space explains what an ended trial asked for; one that was cut short may have asked for less."""
        for name, distribution in trial.distributions.items():
            known = self.seen.get(name)
            if name not in self.seen or (known is not None and joined(known, distribution) != known):
                return False
        values = self.values(trial.params)
        active = {name for name in self.space.parameters if self.space.is_active(name, values)}
        lacks = active - self.loose - values.keys() if trial.state is TrialState.COMPLETE else set[str]()
        return not lacks and values.keys() <= active


def fit_space(trials: Sequence[FrozenTrial]) -> FittedSpace:
    """The space of what ended `trials` asked for, conditions included."""
    seen: dict[str, BaseDistribution | None] = {}
    for trial in trials:
        for name, distribution in trial.distributions.items():
            before = seen.get(name, distribution)
            seen[name] = None if before is None else joined(before, distribution)
    distributions: dict[str, BaseDistribution] = {}
    parameters: dict[str, Parameter] = {}
    for name, distribution in seen.items():
        if distribution is None or distribution.single():
            continue
        try:
            parameters[name] = parameter_of(distribution)
        except SpaceError:
            continue
        distributions[name] = distribution
    plain = FittedSpace(Space(parameters), distributions, seen)
    rows = [_Row(plain.values(trial.params), trial.state is TrialState.COMPLETE) for trial in trials]
    loose: set[str] = set()
    for name, parameter in plain.space.parameters.items():
        conditions = _conditions(name, plain.space.parameters, rows)
        if conditions is None:
            loose.add(name)
        elif conditions:
            kind: Any = parameter
            parameters[name] = replace(kind, when=conditions)
    return FittedSpace(Space(parameters), distributions, seen, frozenset(loose))


@dataclass(frozen=True, slots=True)
class _Row:
    """What one trial asked for; `whole` where it came to its end, so that what it lacks it had no use for."""

    values: Mapping[str, Value]
    whole: bool


def _conditions(name: str, parameters: Mapping[str, Parameter], rows: Sequence[_Row]) -> dict[str, Condition] | None:
    """When `name` was asked for, in terms of other settings; empty where always, None where that can't be told.

    Greedy: the condition that explains most of the trials without `name` comes first.
    """
    having = [row for row in rows if name in row.values]
    unexplained = [row for row in rows if row.whole and name not in row.values]
    parents = _parents(parameters, rows, having) if unexplained else {}
    found: dict[str, Condition] = {}
    while unexplained:
        best: tuple[str, Condition, list[_Row]] | None = None
        for parent, parameter in parents.items():
            condition = _condition(parent, parameter, having, unexplained)
            if condition is None or parent in found:
                continue
            left = [row for row in unexplained if parent in row.values and satisfies(row.values[parent], condition)]
            if best is None or len(left) < len(best[2]):
                best = parent, condition, left
        if best is None or len(best[2]) == len(unexplained):
            return None
        found[best[0]] = best[1]
        unexplained = best[2]
    return found


def _parents(
    parameters: Mapping[str, Parameter], rows: Sequence[_Row], having: Sequence[_Row]
) -> Mapping[str, Parameter]:
    """What a setting may depend on, choices first: asked for wherever it was, and more often, so in no circle."""
    asked = {
        parent: parameter
        for parent, parameter in parameters.items()
        if all(parent in row.values for row in having) and sum(parent in row.values for row in rows) > len(having)
    }
    choices = {parent: parameter for parent, parameter in asked.items() if isinstance(parameter, Choice)}
    return choices | {parent: parameter for parent, parameter in asked.items() if isinstance(parameter, Int)}


def _condition(parent: str, parameter: Parameter, having: Sequence[_Row], lacking: Sequence[_Row]) -> Condition | None:
    """The widest condition on `parent` that all of `having` satisfy and not all of `lacking`; None: there is none."""
    with_it = [row.values[parent] for row in having]
    without = [row.values[parent] for row in lacking if parent in row.values]
    not_all_asked = len(without) < len(lacking)
    if isinstance(parameter, Choice):
        places = {_place(parameter, value) for value in with_it}
        never = {_place(parameter, value) for value in without} - places
        if never or not_all_asked:
            return tuple(option for place, option in enumerate(parameter.options) if place not in never)
        return None
    numbers = [value for value in with_it if isinstance(value, int)]
    others = [value for value in without if isinstance(value, int)]
    below = [value for value in others if value < min(numbers)]
    above = [value for value in others if value > max(numbers)]
    if not below and not above:
        return Range(parameter.low, parameter.high) if isinstance(parameter, Int) and not_all_asked else None
    return Range(max(below) + 1 if below else -math.inf, min(above) - 1 if above else math.inf)


def _place(choice: Choice, value: Value) -> int:
    return int(choice.to_unit(value)[0] * len(choice.options))


def ended(trials: Iterable[FrozenTrial]) -> list[FrozenTrial]:
    """Those that completed, were pruned or failed."""
    return [trial for trial in trials if trial.state.is_finished()]
