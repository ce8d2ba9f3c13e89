"""scikit-learn's grids and distributions as a space of luthier's, and its configs as estimators' parameters.

What a dict may hold under the name of a parameter:

    a list, tuple or 1-d array      its values, whatever they are; numbers are ordered by size
    a distribution of scipy.stats   uniform, loguniform and randint as ranges; others by their quantiles
    a setting of luthier's          lt.Float(1e-3, 1e3, log=True), lt.Choice(...), also with `when`
    "auto"                          the usual range of a well-known name, such as C or max_depth

Several dicts are branches: a choice between them, and settings that exist only in some of them. What is the same
in several dicts is one setting. It knows nothing of estimators.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from luthier.core.errors import SpaceError
from luthier.core.meaning import by_meaning
from luthier.core.parameter import Choice, Condition, Float, Int, Parameter, Value, as_condition, satisfies
from luthier.core.space import Space

BRANCH = "(branch)"
TAIL = 1e-3  # of a distribution's probability, left out at either end, where quantiles may be infinite
MOST_LISTED = 200  # values of a choice whose values lie in order; more are a range of places
OPEN = 1e-6  # of a range, left out at the ends of a uniform distribution: drawing never gives them, and 0 may be bad

_SHARES = Float(TAIL, 1 - TAIL)
_EXAMPLES = "[0.1, 1, 10], scipy.stats.loguniform(1e-3, 1e3) or lt.Float(1e-3, 1e3, log=True)"


# ---------------------------------------------------------------------------------------- one parameter


class Setting(Protocol):
    """One parameter of an estimator: how luthier searches it."""

    @property
    def parameter(self) -> Parameter | None:
        """The setting in luthier's space; None for what has a single value."""
        ...

    def outward(self, value: Value) -> Any:
        """What the estimator gets for a value of `parameter`."""
        ...

    def condition(self, test: Condition) -> Condition:
        """A condition on what the estimator gets, as one on `parameter`."""
        ...


@dataclass(frozen=True)
class Plain:
    """A setting of luthier's, whose values the estimator gets as they are."""

    parameter: Parameter

    def outward(self, value: Value) -> Any:
        return value

    def condition(self, test: Condition) -> Condition:
        return test


@dataclass(frozen=True)
class Listed:
    """Values of any kind; a choice between their places. `ordered` where neighbors are alike."""

    values: tuple[Any, ...]
    ordered: bool = False
    weights: tuple[float, ...] | None = None
    parameter: Parameter | None = field(init=False, compare=False, default=None)

    def __post_init__(self) -> None:
        count = len(self.values)
        if self.ordered and count > MOST_LISTED:
            object.__setattr__(self, "parameter", Int(0, count - 1))
        elif count > 1:
            object.__setattr__(self, "parameter", Choice(tuple(range(count)), self.ordered, weights=self.weights))

    def outward(self, value: Value) -> Any:
        assert isinstance(value, int)
        return self.values[value]

    def condition(self, test: Condition) -> Condition:
        return tuple(place for place, value in enumerate(self.values) if _is_scalar(value) and satisfies(value, test))


@dataclass(frozen=True)
class Quantiles:
    """A distribution, searched over its probabilities from TAIL to 1 - TAIL."""

    distribution: Any
    discrete: bool = False
    parameter: Parameter = _SHARES

    def outward(self, value: Value) -> Any:
        drawn = float(self.distribution.ppf(value))
        return int(drawn) if self.discrete else drawn

    def condition(self, test: Condition) -> Condition:
        raise SpaceError(
            "depends on one that is searched by the quantiles of a distribution, which has no conditions; "
            "state that one as a list, or as a range such as lt.Float(0.1, 10)"
        )


def setting_of(name: str, content: Any) -> Setting:
    """How `content`, what a dict holds under `name`, is searched; raises SpaceError for what can't be."""
    if isinstance(content, Parameter):
        return Plain(content)
    if isinstance(content, str):
        if content == "auto":
            return Plain(by_meaning(name.rpartition("__")[2]))
        raise SpaceError(
            f"the values of '{name}' must be a list such as [{content!r}], also where there is one; got {content!r}"
        )
    if isinstance(content, np.ndarray | Sequence):
        return _listed(name, content)
    if hasattr(content, "rvs"):
        return _distributed(name, content)
    raise SpaceError(f"'{name}' must have values to search, such as {_EXAMPLES}; got {content!r:.80}")


def _listed(name: str, values: Any) -> Listed:
    if isinstance(values, np.ndarray) and values.ndim != 1:
        raise SpaceError(
            f"the values of '{name}' must be a list or a 1-d array; got an array of shape {values.shape}: "
            "make it flat, or a list of what is one value each"
        )
    if len(values) == 0:
        raise SpaceError(f"'{name}' must have at least one value; got an empty list: state one, or leave '{name}' out")
    if all(_is_number(value) for value in values):
        return Listed(tuple(sorted(dict.fromkeys(values))), ordered=True)
    return Listed(tuple(values))


def _distributed(name: str, distribution: Any) -> Setting:
    """A frozen distribution of scipy.stats, or anything else with `rvs` and `ppf`."""
    if not hasattr(distribution, "ppf"):
        raise SpaceError(
            f"the distribution of '{name}' must have `ppf`, as those of scipy.stats do, since it is searched by its "
            f"quantiles; got {type(distribution).__name__}, which has `rvs` alone: state a range, such as "
            "lt.Float(0.001, 1000, log=True)"
        )
    low, high = (float(distribution.ppf(share)) for share in (TAIL, 1 - TAIL))
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise SpaceError(
            f"the distribution of '{name}' must have finite quantiles at {TAIL:g} and {1 - TAIL:g}; got {low:g} and "
            f"{high:g}: mend its arguments, or state a range such as lt.Float(0.001, 1000, log=True)"
        )
    if low == high:
        return Listed((int(low) if hasattr(distribution, "pmf") else low,))
    known = _as_range(distribution)
    if known is not None:
        return Plain(known)
    discrete = hasattr(distribution, "pmf")
    if not discrete or high - low >= MOST_LISTED:
        return Quantiles(distribution, discrete)
    weights = {value: float(distribution.pmf(value)) for value in range(int(low), int(high) + 1)}
    likely = {value: weight for value, weight in weights.items() if weight > 0}
    return Listed(tuple(likely), ordered=True, weights=tuple(likely.values()))


def _as_range(distribution: Any) -> Parameter | None:
    """The range in which `distribution` is even, or even over the logarithm; None for any other."""
    kind = getattr(getattr(distribution, "dist", None), "name", "")
    if kind not in ("uniform", "loguniform", "reciprocal", "randint"):
        return None
    low, high = (float(bound) for bound in distribution.support())
    if kind == "randint":
        return Int(int(low), int(high))
    if kind == "uniform":
        return Float(low + OPEN * (high - low), high - OPEN * (high - low))
    return Float(low, high, log=True) if _is_loguniform(distribution, low, high) else None


def _is_loguniform(distribution: Any, low: float, high: float) -> bool:
    """Whether the middle quantile is the geometric mean: not so where the distribution was moved by `loc`."""
    return low > 0 and math.isclose(float(distribution.ppf(0.5)), math.sqrt(low) * math.sqrt(high), rel_tol=1e-6)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool) and bool(np.isfinite(value))


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str | np.generic)


# ------------------------------------------------------------------------------------------- all of them


@dataclass(frozen=True)
class SearchSpace:
    """A space of luthier's, and how its configs become parameters of an estimator.

    `branches` holds, for each dict, settings by the name of the estimator's parameter, each with its name in `space`.
    `grids` are the dicts themselves.
    """

    space: Space
    branches: tuple[Mapping[str, tuple[str, Setting]], ...]
    grids: tuple[Mapping[str, Any], ...]

    @property
    def is_grid(self) -> bool:
        """Whether it is made of lists alone, as scikit-learn's ParameterGrid takes them."""
        contents = [content for grid in self.grids for content in grid.values()]
        return all(isinstance(content, np.ndarray | Sequence) and not isinstance(content, str) for content in contents)

    def params(self, config: Mapping[str, Value]) -> dict[str, Any]:
        """The parameters of the estimator that `config` stands for."""
        branch = config.get(BRANCH, 0)
        assert isinstance(branch, int)
        found: dict[str, Any] = {}
        for name, (key, setting) in self.branches[branch].items():
            if setting.parameter is None:
                found[name] = setting.outward(0)
            elif key in config:
                found[name] = setting.outward(config[key])
        return found


def read_space(given: Any) -> SearchSpace:
    """The space of a dict, or of a list of dicts; raises SpaceError saying what can't be searched."""
    grids = _grids(given)
    branches = [_reachable({name: setting_of(name, content) for name, content in grid.items()}) for grid in grids]
    keys = _keys(branches)
    named = tuple({name: (keys[i, name], part) for name, part in branch.items()} for i, branch in enumerate(branches))
    parameters: dict[str, Parameter] = {}
    if len(branches) > 1:
        parameters[BRANCH] = Choice(tuple(range(len(branches))))
    for branch in named:
        for name, (key, setting) in branch.items():
            if setting.parameter is None or key in parameters:
                continue
            having = tuple(i for i, other in enumerate(named) if key in {known for known, _ in other.values()})
            when: dict[str, Any] = {} if len(having) == len(named) else {BRANCH: having}
            when |= _conditions(name, setting.parameter, branch)
            kind: Any = setting.parameter
            parameters[key] = replace(kind, when=when or None)
    return SearchSpace(Space(parameters), named, grids)


def _conditions(name: str, parameter: Parameter, branch: Mapping[str, tuple[str, Setting]]) -> dict[str, Condition]:
    """When `parameter` exists, in terms of the space; parents of one single value are settled already."""
    conditions: dict[str, Condition] = {}
    for parent, test in (parameter.when or {}).items():
        key, above = branch.get(parent, (parent, None))
        try:
            if above is None:
                conditions[key] = as_condition(test)
            elif above.parameter is not None:
                conditions[key] = above.condition(as_condition(test))
        except SpaceError as error:
            raise SpaceError(f"setting '{name}' {error}") from None
    return conditions


def _grids(given: Any) -> tuple[Mapping[str, Any], ...]:
    grids = [given] if isinstance(given, Mapping) else given
    if not isinstance(grids, list | tuple) or not grids:
        raise SpaceError(
            "a space must be a dict of parameters and what to search for each, such as "
            f"{{'C': [0.1, 1, 10]}}, or a list of such dicts; got {given!r:.80}"
        )
    for grid in grids:
        if not isinstance(grid, Mapping) or not all(isinstance(name, str) for name in grid):
            raise SpaceError(
                f"each part of a space must be a dict with the names of parameters as keys; got {grid!r:.80}"
            )
    return tuple(grids)


def _reachable(settings: Mapping[str, Setting]) -> dict[str, Setting]:
    """Without those whose condition a parent of one single value can't satisfy."""

    def exists(setting: Setting) -> bool:
        when = (setting.parameter.when if setting.parameter is not None else None) or {}
        alone = {name: settings[name] for name in when if name in settings and settings[name].parameter is None}
        return all(bool(parent.condition(as_condition(when[name]))) for name, parent in alone.items())

    return {name: setting for name, setting in settings.items() if exists(setting)}


def _keys(branches: Sequence[Mapping[str, Setting]]) -> dict[tuple[int, str], str]:
    """Names in the space, by branch and parameter: the parameter's own where it is the same in all that have it."""
    keys: dict[tuple[int, str], str] = {}
    for index, branch in enumerate(branches):
        for name, setting in branch.items():
            others = [(i, other[name]) for i, other in enumerate(branches) if name in other]
            same = [i for i, other in others if _same(setting, other)]
            keys[index, name] = name if len(same) == len(others) else f"{name} (branch {same[0]})"
    return keys


def _same(one: Setting, other: Setting) -> bool:
    """Whether two branches search a parameter in the same way, so that they may learn from one another."""
    if one is other:
        return True
    if isinstance(one, Plain) and isinstance(other, Plain):
        return one.parameter == other.parameter and not one.parameter.when
    if isinstance(one, Listed) and isinstance(other, Listed):
        pairs = zip(one.values, other.values, strict=False)
        return (one.ordered, len(one.values), one.weights) == (other.ordered, len(other.values), other.weights) and all(
            left is right or (_is_scalar(left) and type(left) is type(right) and left == right) for left, right in pairs
        )
    return False
