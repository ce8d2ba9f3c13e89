"""The kinds of settings: Float, Int, Choice, Subset, Order, Text.

Every kind maps its values to and from coordinates in the unit cube, so that a searcher may think in
vectors. `width` is the number of coordinates; `from_unit(to_unit(v)) == v` for every value v it allows, for an
unstepped Float up to rounding.
A `when` makes a setting conditional: `when={"model": ["svm", "nb"]}` or `when={"layers": Range(2)}`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, ClassVar, Protocol, TypeAlias, runtime_checkable

from luthier.core.errors import SpaceError, nearest_first

Scalar: TypeAlias = bool | int | float | str | None
Value: TypeAlias = Scalar | tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """The numbers from `low` to `high`, both included; a condition on a numeric parent."""

    low: float = -math.inf
    high: float = math.inf

    def __post_init__(self) -> None:
        if not self.low <= self.high or not (math.isfinite(self.low) or math.isfinite(self.high)):
            raise SpaceError(f"a range needs a finite bound, and low <= high; got {self.low} to {self.high}")

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int | float) and self.low <= value <= self.high


_LARGEST = 1e300
_MOST_STEPS = 2**50  # beyond, a float can't tell the coordinates of neighbors apart

_FIRST: Any = object()  # not None, which is a fine option

Condition: TypeAlias = tuple[Scalar, ...] | Range
When: TypeAlias = Mapping[str, Condition | Sequence[Scalar] | Scalar]


@dataclass(frozen=True, slots=True)
class Prior:
    """Knowledge of where good values lie: most likely at `center`, with standard deviation `spread`.

    `center` is a value; `spread` is in unit coordinates, so .25 covers most of the range softly and
    .05 is confident. Values outside the range have no mass (a truncated normal distribution).
    """

    center: float
    spread: float = 0.25

    def __post_init__(self) -> None:
        if not self.spread > 0:
            raise SpaceError(f"the spread of a prior must be > 0; got {self.spread}")

    def quantile(self, uniform: float, center: float) -> float:
        """The unit coordinate below which the share `uniform` of the prior lies."""
        normal = NormalDist(center, self.spread)
        low, high = normal.cdf(0.0), normal.cdf(1.0)
        share = min(max(low + (high - low) * uniform, 1e-12), 1 - 1e-12)
        return min(max(normal.inv_cdf(share), 0.0), 1.0)


@runtime_checkable
class Parameter(Protocol):
    """What every kind of setting offers."""

    kind: ClassVar[str]

    @property
    def when(self) -> When | None:
        """Under which values of which other settings this one exists; None: always."""
        ...

    @property
    def default(self) -> Value:
        """The value of the baseline unless another is stated."""
        ...

    @property
    def width(self) -> int:
        """How many unit coordinates a value takes."""
        ...

    def check(self, value: Any) -> Value:
        """`value` in its canonical form; raises SpaceError where it isn't allowed."""
        ...

    def to_unit(self, value: Value) -> tuple[float, ...]:
        """`width` coordinates in [0, 1]."""
        ...

    def from_unit(self, unit: Sequence[float]) -> Value:
        """The value at `width` coordinates in [0, 1]; every point of the cube is a value."""
        ...

    def draw(self, uniform: Sequence[float]) -> Value:
        """The value of the prior at `width` uniform draws from [0, 1)."""
        ...

    def grid(self, size: int) -> list[Value]:
        """At most `size` values that span the range; all of them where there are fewer."""
        ...

    def to_json(self) -> dict[str, Any]:
        """The parameter as a task file writes it."""
        ...


@dataclass(frozen=True)
class Float:
    """A real number in [low, high]; `log` spreads it evenly over its logarithm, `step` quantizes it from `low`."""

    kind: ClassVar[str] = "float"
    low: float
    high: float
    log: bool = False
    step: float | None = None
    default: float = None  # type: ignore[assignment]
    prior: Prior | None = None
    when: When | None = None

    def __post_init__(self) -> None:
        _check_bounds(self.low, self.high, self.log, positive_from=0.0)
        _canonical(self, low=float(self.low), high=float(self.high), when=_canonical_when(self.when))
        if self.step is not None and not 0 < self.step <= self.high - self.low:
            raise SpaceError(f"the step must lie in (0, high - low]; got {self.step} for {self.low} to {self.high}")
        if self.step is not None and (self.high - self.low) / self.step > _MOST_STEPS:
            raise SpaceError(f"a step may part a range into at most 2**50; got {self.step}: use none")
        if self.step is not None and self.log:
            raise SpaceError("a float can't be both log and stepped; drop one of them")
        default = self.from_unit((0.5,)) if self.default is None else _checked_default(self)  # pyright: ignore[reportUnnecessaryComparison]
        object.__setattr__(self, "default", default)
        _check_prior(self.prior, self.low, self.high)

    @property
    def width(self) -> int:
        return 1

    def check(self, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not self.low <= value <= self.high:
            raise SpaceError(f"must be a number from {self.low:g} to {self.high:g}; got {value!r}")
        return self._quantized(float(value) + 0.0)  # no negative zero: equal values are one text

    def to_unit(self, value: Value) -> tuple[float, ...]:
        number = self.check(value)
        if self.step is not None:
            return ((round((number - self.low) / self.step) + 0.5) / self._steps,)
        low, high = self._scaled(self.low), self._scaled(self.high)
        return (min(max((self._scaled(number) - low) / (high - low), 0.0), 1.0),)

    def from_unit(self, unit: Sequence[float]) -> float:
        if self.step is not None:
            return self._quantized(self.low + self.step * min(int(unit[0] * self._steps), self._steps - 1))
        low, high = self._scaled(self.low), self._scaled(self.high)
        scaled = low + (high - low) * unit[0]
        return min(max(math.exp(scaled) if self.log else scaled, self.low), self.high) + 0.0

    def draw(self, uniform: Sequence[float]) -> float:
        return self.from_unit(_through_prior(self.prior, self, uniform))

    def grid(self, size: int) -> list[Value]:
        count = size if self.step is None else min(size, self._steps)
        return _evenly(self, count)

    def to_json(self) -> dict[str, Any]:
        return _described(self, {"float": [self.low, self.high]}, log=self.log, step=self.step)

    @property
    def _steps(self) -> int:
        assert self.step is not None
        return math.floor((self.high - self.low) / self.step + 1e-9) + 1

    def _scaled(self, number: float) -> float:
        return math.log(number) if self.log else number

    def _quantized(self, number: float) -> float:
        if self.step is None:
            return number
        index = min(round((number - self.low) / self.step), self._steps - 1)
        digits = max(12, 12 - math.floor(math.log10(self.step)))
        return min(max(round(self.low + index * self.step, digits), self.low), self.high) + 0.0


@dataclass(frozen=True)
class Int:
    """A whole number in [low, high], both included; `log` spreads it evenly over its logarithm."""

    kind: ClassVar[str] = "int"
    low: int
    high: int
    log: bool = False
    step: int = 1
    default: int = None  # type: ignore[assignment]
    prior: Prior | None = None
    when: When | None = None

    def __post_init__(self) -> None:
        _check_bounds(self.low, self.high, self.log, positive_from=1)
        if isinstance(self.step, bool) or any(bound != bound // 1 for bound in (self.low, self.high, self.step)):
            raise SpaceError(f"an int needs whole numbers; got {self.low}, {self.high}, step {self.step}")
        _canonical(self, low=int(self.low), high=int(self.high), step=int(self.step), when=_canonical_when(self.when))
        if self.step < 1 or (self.log and self.step != 1):
            raise SpaceError(f"the step of an int must be >= 1, and 1 with log; got {self.step}")
        if self._steps > _MOST_STEPS:
            raise SpaceError(f"an int may take at most 2**50 values; got {self.low} to {self.high}: use a Float")
        default = self.from_unit((0.5,)) if self.default is None else _checked_default(self)  # pyright: ignore[reportUnnecessaryComparison]
        object.__setattr__(self, "default", default)
        _check_prior(self.prior, self.low, self.high)

    @property
    def width(self) -> int:
        return 1

    def check(self, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
            raise SpaceError(f"must be a whole number from {self.low} to {self.high}; got {value!r}")
        if not self.low <= value <= self.high or (int(value) - self.low) % self.step:
            steps = f" in steps of {self.step}" if self.step > 1 else ""
            raise SpaceError(f"must be a whole number from {self.low} to {self.high}{steps}; got {value!r}")
        return int(value)

    def to_unit(self, value: Value) -> tuple[float, ...]:
        number = self.check(value)
        if self.log:
            low, high = math.log(self.low - 0.5), math.log(self.high + 0.5)
            return ((math.log(number) - low) / (high - low),)
        return (((number - self.low) // self.step + 0.5) / self._steps,)

    def from_unit(self, unit: Sequence[float]) -> int:
        if self.log:
            low, high = math.log(self.low - 0.5), math.log(self.high + 0.5)
            return min(max(round(math.exp(low + (high - low) * unit[0])), self.low), self.high)
        return self.low + self.step * min(int(unit[0] * self._steps), self._steps - 1)

    def draw(self, uniform: Sequence[float]) -> int:
        return self.from_unit(_through_prior(self.prior, self, uniform))

    def grid(self, size: int) -> list[Value]:
        if size >= self._steps:  # even spacing over logarithms would leave some out
            return list(range(self.low, self.high + 1, self.step))
        return _evenly(self, size)

    def to_json(self) -> dict[str, Any]:
        step = self.step if self.step != 1 else None
        return _described(self, {"int": [self.low, self.high]}, log=self.log, step=step)

    @property
    def _steps(self) -> int:
        return (self.high - self.low) // self.step + 1


@dataclass(frozen=True)
class Choice:
    """One of several scalars; `ordered` where neighbors are alike (small, medium, large). The first is the default."""

    kind: ClassVar[str] = "choice"
    options: tuple[Scalar, ...]
    ordered: bool = False
    default: Scalar = _FIRST
    weights: tuple[float, ...] | None = None
    when: When | None = None

    def __post_init__(self) -> None:
        _canonical(self, options=_check_options(self.options), when=_canonical_when(self.when))
        default = self.options[0] if self.default is _FIRST else _checked_default(self)
        object.__setattr__(self, "default", default)
        if self.weights is not None:
            object.__setattr__(self, "weights", tuple(self.weights))
            if len(self.weights) != len(self.options) or min(self.weights) < 0 or sum(self.weights) <= 0:
                raise SpaceError(
                    f"weights must be one number >= 0 for each of the {len(self.options)} options; got {self.weights}"
                )

    @property
    def width(self) -> int:
        return 1

    def check(self, value: Any) -> Scalar:
        return self.options[self._index(value)]

    def to_unit(self, value: Value) -> tuple[float, ...]:
        return ((self._index(value) + 0.5) / len(self.options),)

    def from_unit(self, unit: Sequence[float]) -> Scalar:
        return self.options[min(int(unit[0] * len(self.options)), len(self.options) - 1)]

    def draw(self, uniform: Sequence[float]) -> Scalar:
        if self.weights is None:
            return self.from_unit(uniform)
        threshold = uniform[0] * sum(self.weights)
        chosen = self.options[0]
        for option, weight in zip(self.options, self.weights, strict=True):
            if weight:
                chosen = option
            threshold -= weight
            if threshold < 0:
                break
        return chosen

    def grid(self, size: int) -> list[Value]:
        return list(self.options)

    def to_json(self) -> dict[str, Any]:
        weights = None if self.weights is None else list(self.weights)
        return _described(self, {"choice": list(self.options)}, ordered=self.ordered, weights=weights)

    def _index(self, value: Any) -> int:
        for index, option in enumerate(self.options):
            if _same(option, value):
                return index
        raise SpaceError(f"must be one of {_listed(self.options)}; got {value!r}")


@dataclass(frozen=True)
class Subset:
    """Some of several scalars, in the options' order; between `min_size` and `max_size` of them (all by default)."""

    kind: ClassVar[str] = "subset"
    options: tuple[Scalar, ...]
    min_size: int = 0
    max_size: int = None  # type: ignore[assignment]
    default: tuple[Scalar, ...] = None  # type: ignore[assignment]
    when: When | None = None

    def __post_init__(self) -> None:
        _canonical(self, options=_check_options(self.options), when=_canonical_when(self.when))
        largest = len(self.options) if self.max_size is None else self.max_size  # pyright: ignore[reportUnnecessaryComparison]
        object.__setattr__(self, "max_size", largest)
        if not 0 <= self.min_size <= largest <= len(self.options):
            raise SpaceError(
                f"sizes must be 0 <= min_size <= max_size <= {len(self.options)}; got {self.min_size} and {largest}"
            )
        default = self.options[:largest] if self.default is None else self.default  # pyright: ignore[reportUnnecessaryComparison]
        object.__setattr__(self, "default", default)
        object.__setattr__(self, "default", _checked_default(self))

    @property
    def width(self) -> int:
        return len(self.options)

    def check(self, value: Any) -> tuple[Scalar, ...]:
        if not isinstance(value, list | tuple | set | frozenset):
            raise SpaceError(f"must be a list of some of {_listed(self.options)}; got {value!r}")
        wanted: list[Any] = list(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        chosen = tuple(option for option in self.options if any(_same(option, item) for item in wanted))
        if len(chosen) != len(wanted) or not self.min_size <= len(chosen) <= self.max_size:
            raise SpaceError(
                f"must hold {self.min_size} to {self.max_size} different ones of {_listed(self.options)}; got {value!r}"
            )
        return chosen

    def to_unit(self, value: Value) -> tuple[float, ...]:
        chosen = self.check(value)
        return tuple(0.75 if any(_same(option, item) for item in chosen) else 0.25 for option in self.options)

    def from_unit(self, unit: Sequence[float]) -> tuple[Scalar, ...]:
        by_wish = sorted(range(len(self.options)), key=lambda index: (-unit[index], index))
        wished = sum(unit[index] >= 0.5 for index in by_wish)
        size = min(max(wished, self.min_size), self.max_size)
        return tuple(self.options[index] for index in sorted(by_wish[:size]))

    def draw(self, uniform: Sequence[float]) -> tuple[Scalar, ...]:
        return self.from_unit(uniform)

    def grid(self, size: int) -> list[Value]:
        from itertools import chain, combinations, islice

        sizes = range(self.min_size, self.max_size + 1)
        return list(islice(chain.from_iterable(combinations(self.options, count) for count in sizes), size))

    def to_json(self) -> dict[str, Any]:
        return _described(self, {"subset": list(self.options)}, min_size=self.min_size or None, max_size=self.max_size)


@dataclass(frozen=True)
class Order:
    """A permutation of several scalars; the given order is the default."""

    kind: ClassVar[str] = "order"
    options: tuple[Scalar, ...]
    default: tuple[Scalar, ...] = None  # type: ignore[assignment]
    when: When | None = None

    def __post_init__(self) -> None:
        _canonical(self, options=_check_options(self.options), when=_canonical_when(self.when))
        default = self.options if self.default is None else self.default  # pyright: ignore[reportUnnecessaryComparison]
        object.__setattr__(self, "default", default)
        object.__setattr__(self, "default", _checked_default(self))

    @property
    def width(self) -> int:
        return len(self.options)

    def check(self, value: Any) -> tuple[Scalar, ...]:
        if not isinstance(value, list | tuple) or sorted(map(repr, value)) != sorted(map(repr, self.options)):  # pyright: ignore[reportUnknownArgumentType]
            raise SpaceError(f"must be an order of all of {_listed(self.options)}; got {value!r}")
        return tuple(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]

    def to_unit(self, value: Value) -> tuple[float, ...]:
        order = self.check(value)
        places = [next(i for i, item in enumerate(order) if _same(item, option)) for option in self.options]
        return tuple((place + 0.5) / len(self.options) for place in places)

    def from_unit(self, unit: Sequence[float]) -> tuple[Scalar, ...]:
        ranked = sorted(range(len(self.options)), key=lambda index: (unit[index], index))
        return tuple(self.options[index] for index in ranked)

    def draw(self, uniform: Sequence[float]) -> tuple[Scalar, ...]:
        return self.from_unit(uniform)

    def grid(self, size: int) -> list[Value]:
        from itertools import islice, permutations

        return list(islice(permutations(self.options), size))

    def to_json(self) -> dict[str, Any]:
        return _described(self, {"order": list(self.options)})


@dataclass(frozen=True)
class Text:
    """A free text. Sampling takes one of the `candidates` (the first is the default); a proposer may write others.

    A text that isn't a candidate has no unit coordinate of its own: it takes that of the default.
    """

    kind: ClassVar[str] = "text"
    candidates: tuple[str, ...]
    max_length: int = 20_000
    default: str = None  # type: ignore[assignment]
    when: When | None = None

    def __post_init__(self) -> None:
        candidates = (self.candidates,) if isinstance(self.candidates, str) else tuple(self.candidates)
        if not candidates:
            raise SpaceError("a text needs at least one candidate to start from; got none")
        _canonical(self, candidates=candidates, when=_canonical_when(self.when))
        for candidate in candidates:
            self.check(candidate)
        default = candidates[0] if self.default is None else _checked_default(self)  # pyright: ignore[reportUnnecessaryComparison]
        object.__setattr__(self, "default", default)

    @property
    def width(self) -> int:
        return 1

    def check(self, value: Any) -> str:
        if not isinstance(value, str) or len(value) > self.max_length:
            raise SpaceError(f"must be a text of at most {self.max_length} characters; got {value!r:.80}")
        return value

    def to_unit(self, value: Value) -> tuple[float, ...]:
        text = self.check(value)
        known = text if text in self.candidates else self.default
        index = self.candidates.index(known) if known in self.candidates else 0
        return ((index + 0.5) / len(self.candidates),)

    def from_unit(self, unit: Sequence[float]) -> str:
        return self.candidates[min(int(unit[0] * len(self.candidates)), len(self.candidates) - 1)]

    def draw(self, uniform: Sequence[float]) -> str:
        return self.from_unit(uniform)

    def grid(self, size: int) -> list[Value]:
        return list(self.candidates[:size])

    def to_json(self) -> dict[str, Any]:
        return _described(self, {"text": list(self.candidates)}, max_length=self.max_length)


def parameter_from_json(description: Mapping[str, Any]) -> Parameter:
    """The inverse of `Parameter.to_json`: `{"float": [0.01, 100], "log": True}` and its kin.

    Raises SpaceError naming what is wrong.
    """
    if not isinstance(description, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise SpaceError(f"a setting needs a kind and a range, such as {{float: [0.01, 100]}}; got {description!r}")
    settings = dict(description)
    kinds = [kind for kind in _KINDS if kind in settings]
    if len(kinds) != 1:
        raise SpaceError(
            f"a setting needs exactly one of the keys {', '.join(_KINDS)}, such as {{float: [0.01, 100], log: true}}; "
            f"got {dict(description)!r}"
        )
    kind = kinds[0]
    content = settings.pop(kind)
    if settings.get("when") is not None:
        settings["when"] = _when_from_json(settings["when"])
    if settings.get("prior") is not None:
        settings["prior"] = _prior_from_json(settings["prior"])
    try:
        if kind in ("float", "int"):
            if not isinstance(content, list | tuple) or len(content) != 2:  # pyright: ignore[reportUnknownArgumentType]
                raise SpaceError(f"the key '{kind}' takes [low, high]; got {content!r}")
            return _KINDS[kind](*content, **settings)
        return _KINDS[kind](content, **settings)
    except TypeError as error:
        allowed = [name for name in _KINDS[kind].__dataclass_fields__ if name not in ("low", "high", "options", "kind")]
        wrong = [name for name in settings if name not in allowed]
        if wrong:
            near = ", ".join(nearest_first(wrong[0], allowed))
            raise SpaceError(f"'{wrong[0]}' is no key of {_A[kind]}; its keys are: {near}") from error
        raise SpaceError(f"{_A[kind]} can't be made from {dict(description)!r}: {error}") from error


_KINDS: dict[str, Any] = {cls.kind: cls for cls in (Float, Int, Choice, Subset, Order, Text)}
_A = {kind: f"an {kind}" if kind[0] in "aeiou" else f"a {kind}" for kind in _KINDS}


def _check_bounds(low: float, high: float, log: bool, positive_from: float) -> None:
    for bound in (low, high):
        if isinstance(bound, bool) or not isinstance(bound, int | float) or not abs(bound) <= _LARGEST:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise SpaceError(f"bounds must be finite numbers, up to {_LARGEST:g}; got {low!r} to {high!r}")
    if not low < high:
        raise SpaceError(f"the low bound must be below the high one; got {low} to {high}")
    if log and not (low > 0 and low >= positive_from):
        raise SpaceError(f"a log range must start above 0 (an int's at 1); got {low} to {high}")


def _canonical(parameter: Any, **values: Any) -> None:
    for name, value in values.items():
        object.__setattr__(parameter, name, value)


def _checked_default(parameter: Any) -> Any:
    try:
        return parameter.check(parameter.default)
    except SpaceError as error:
        raise SpaceError(f"the default {error}") from None


def _canonical_when(when: When | None) -> When | None:
    return {parent: as_condition(test) for parent, test in when.items()} if when else None


def _check_prior(prior: Prior | None, low: float, high: float) -> None:
    if prior is not None and not low <= prior.center <= high:
        raise SpaceError(f"the center of a prior must lie in its range, {low} to {high}; got {prior.center}")


def _check_options(options: Sequence[Scalar]) -> tuple[Scalar, ...]:
    if isinstance(options, str) or not isinstance(options, list | tuple) or not options:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise SpaceError(f"options must be a list of one or more scalars; got {options!r}")
    for index, option in enumerate(options):
        if option is not None and not isinstance(option, bool | int | float | str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise SpaceError(f"options must be numbers, texts, true, false or null; got {option!r}")
        if isinstance(option, float) and not math.isfinite(option):
            raise SpaceError(f"options must be finite; got {option!r}")
        if any(_same(option, earlier) for earlier in options[:index]):
            raise SpaceError(f"options must differ; got {option!r} twice")
    return tuple(options)


def _same(one: Any, other: Any) -> bool:
    """Equal, and of one kind: True is not 1, but 1 is 1.0."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _through_prior(prior: Prior | None, parameter: Float | Int, uniform: Sequence[float]) -> Sequence[float]:
    if prior is None:
        return uniform
    return (prior.quantile(uniform[0], nearest_unit(parameter, prior.center)),)


def nearest_unit(parameter: Float | Int, number: float) -> float:
    """The unit coordinate of the value of `parameter` that is nearest to `number`, which lies in its range."""
    return parameter.to_unit(_nearest(parameter, number))[0]


def _nearest(parameter: Float | Int, number: float) -> float:
    if isinstance(parameter, Float):
        return parameter.check(number)
    steps = min(round((number - parameter.low) / parameter.step), (parameter.high - parameter.low) // parameter.step)
    return parameter.low + parameter.step * steps


def _evenly(parameter: Float | Int, count: int) -> list[Value]:
    if count < 1:
        raise SpaceError(f"a grid needs a size >= 1; got {count}")
    if count == 1:
        return [parameter.from_unit((0.5,))]
    values = (parameter.from_unit((index / (count - 1),)) for index in range(count))
    return list(dict.fromkeys(values))


def _listed(options: Sequence[Scalar], most: int = 12) -> str:
    shown = ", ".join(map(repr, options[:most]))
    return shown if len(options) <= most else f"{shown}, ... ({len(options)} in all)"


def _described(parameter: Any, content: dict[str, Any], **extras: Any) -> dict[str, Any]:
    description = content | {name: value for name, value in extras.items() if value is not None and value is not False}
    default = parameter.default
    description["default"] = list(default) if isinstance(default, tuple) else default  # pyright: ignore[reportUnknownArgumentType]
    prior = getattr(parameter, "prior", None)
    if prior is not None:
        description["prior"] = {"center": prior.center, "spread": prior.spread}
    if parameter.when:
        description["when"] = {parent: _condition_to_json(test) for parent, test in parameter.when.items()}
    return description


def as_condition(test: Condition | Sequence[Scalar] | Scalar) -> Condition:
    """A condition in its canonical form: a Range, or a tuple of the values that satisfy it."""
    if isinstance(test, Range):
        return test
    return tuple(test) if isinstance(test, list | tuple) else (test,)  # pyright: ignore[reportReturnType]


def satisfies(value: Value, test: Condition) -> bool:
    """Whether a parent's `value` satisfies the condition `test`."""
    if isinstance(test, Range):
        return value in test
    return any(_same(option, value) for option in test)


def _condition_to_json(test: Condition | Sequence[Scalar] | Scalar) -> Any:
    condition = as_condition(test)
    if isinstance(condition, Range):
        bounds = {"at_least": condition.low, "at_most": condition.high}
        return {name: bound for name, bound in bounds.items() if math.isfinite(bound)}
    return list(condition)


def _when_from_json(when: Any) -> When:
    if not isinstance(when, Mapping):
        raise SpaceError(f"'when' takes settings and what they must be, such as {{model: svm}}; got {when!r}")
    tests: Mapping[Any, Any] = when  # pyright: ignore[reportUnknownVariableType]
    return {str(parent): _condition_from_json(test) for parent, test in tests.items()}


def _prior_from_json(prior: Any) -> Prior:
    try:
        return Prior(**prior)
    except TypeError:
        raise SpaceError(f"a prior takes numbers, such as {{center: 0.001, spread: 0.25}}; got {prior!r}") from None


def _condition_from_json(test: Any) -> Condition:
    if isinstance(test, Mapping):
        bounds: dict[str, Any] = dict(test)  # pyright: ignore[reportUnknownArgumentType]
        wrong = [name for name in bounds if name not in ("at_least", "at_most")]
        if wrong or not bounds:
            raise SpaceError(f"a condition takes a value, a list, or at_least / at_most; got {bounds!r}")
        return Range(bounds.get("at_least", -math.inf), bounds.get("at_most", math.inf))
    return as_condition(test)
