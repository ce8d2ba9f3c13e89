"""Hypothesis strategies for the values of core: spaces of every kind, costs, and whole studies as events.

Other tests import them: `from tests.core.strategies import spaces`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import strategies as st

from luthier.core.budget import Budget
from luthier.core.config import Config
from luthier.core.cost import NOTHING, Cost
from luthier.core.events import (
    Answered,
    BudgetChanged,
    BudgetReserved,
    BudgetSettled,
    Event,
    FinalSetFrozen,
    GrantEnded,
    Heartbeat,
    IncumbentChosen,
    SearcherSaved,
    SessionClosed,
    SessionOpened,
    StudyConcluded,
    StudyCreated,
    TestOpened,
    TrialMeasured,
    TrialResumed,
    TrialRetried,
    TrialStarted,
)
from luthier.core.metric import Direction, Metric
from luthier.core.parameter import Choice, Float, Int, Order, Parameter, Prior, Range, Scalar, Subset, Text
from luthier.core.space import Space
from luthier.core.trial import Examples, Failure, Fidelity, Measurement, Purpose, Status
from luthier.core.verdict import Gain, Verdict

UNIT = st.floats(0.0, 1.0)
DRAW = st.floats(0.0, 1.0, exclude_max=True)
NUMBERS = st.floats(-1e6, 1e6)
SCALARS: st.SearchStrategy[Scalar] = st.one_of(
    st.none(), st.booleans(), st.integers(-9, 9), st.floats(-5, 5), st.text(max_size=5)
)


def _differ(options: list[Scalar]) -> bool:
    return len({(isinstance(option, bool), option) for option in options}) == len(options)


def options(least: int = 1) -> st.SearchStrategy[tuple[Scalar, ...]]:
    """Scalars of mixed types that differ as options must: True is not 1, but 1 is 1.0."""
    return st.lists(SCALARS, min_size=least, max_size=5).filter(_differ).map(tuple)


@st.composite
def floats(draw: st.DrawFn) -> Float:
    """Plain, log and stepped ones, with and without default and prior."""
    log = draw(st.booleans())
    low = draw(st.floats(1e-9, 1e3) if log else NUMBERS)
    high = low * draw(st.floats(1.01, 1e6)) if log else low + draw(st.floats(1e-3, 1e6))
    step = None if log else draw(st.none() | st.integers(1, 50).map(lambda parts: (high - low) / parts))
    default = draw(st.none() | st.floats(low, high))
    prior = draw(st.none() | st.builds(Prior, st.floats(low, high), st.floats(0.02, 2.0)))
    return Float(low, high, log, step, default, prior)  # pyright: ignore[reportArgumentType]


@st.composite
def ints(draw: st.DrawFn) -> Int:
    """Plain, log and stepped ones, narrow and wide, with and without default and prior."""
    log = draw(st.booleans())
    low = draw(st.integers(1, 100) if log else st.integers(-1000, 1000))
    high = low + draw(st.integers(1, 20) | st.integers(1, 10**6))
    step = 1 if log else draw(st.integers(1, 7))
    default = draw(st.none() | st.integers(0, (high - low) // step).map(lambda steps: low + steps * step))
    prior = draw(st.none() | st.builds(Prior, st.floats(low, high), st.floats(0.02, 2.0)))
    return Int(low, high, log, step, default, prior)  # pyright: ignore[reportArgumentType]


@st.composite
def choices(draw: st.DrawFn) -> Choice:
    """With and without order, default and weights, some of which are zero."""
    among = draw(options())
    weights = draw(
        st.none()
        | st.lists(st.sampled_from([0.0, 0.1, 1.0, 7.0]), min_size=len(among), max_size=len(among))
        .filter(any)
        .map(tuple)
    )
    kwargs = {"default": draw(st.sampled_from(among))} if draw(st.booleans()) else {}
    return Choice(among, draw(st.booleans()), weights=weights, **kwargs)  # pyright: ignore[reportArgumentType]


@st.composite
def subsets(draw: st.DrawFn) -> Subset:
    """Of every size that is allowed."""
    among = draw(options())
    least = draw(st.integers(0, len(among)))
    most = draw(st.integers(least, len(among)))
    return Subset(among, least, most)


@st.composite
def orders(draw: st.DrawFn) -> Order:
    """With and without a default."""
    among = draw(options())
    default = draw(st.none() | st.permutations(among).map(tuple))
    return Order(among, default)  # pyright: ignore[reportArgumentType]


@st.composite
def texts(draw: st.DrawFn) -> Text:
    """One or several candidates."""
    candidates = draw(st.lists(st.text(max_size=8), min_size=1, max_size=4, unique=True))
    return Text(tuple(candidates))


PARAMETERS: st.SearchStrategy[Parameter] = st.one_of(floats(), ints(), choices(), subsets(), orders(), texts())
"""A setting of any kind, always active."""


@st.composite
def conditions(draw: st.DrawFn, parent: Parameter) -> Any:
    """Something that `parent` must satisfy, in one of the ways to write it."""
    if isinstance(parent, Float | Int) and draw(st.booleans()):
        bounds = sorted(draw(st.tuples(*[st.floats(parent.low, parent.high)] * 2)))
        return draw(st.sampled_from([Range(*bounds), Range(bounds[0]), Range(high=bounds[1])]))
    values = [parent.from_unit((x,)) for x in draw(st.lists(UNIT, min_size=1, max_size=3))]
    return draw(st.sampled_from([values, tuple(values), values[0]]))


@st.composite
def spaces(draw: st.DrawFn, most: int = 6) -> Space:
    """Spaces of up to `most` settings, conditional on each other at any depth, parents and children in any order."""
    made: dict[str, Parameter] = {}
    for number in range(draw(st.integers(1, most))):
        able = [name for name, parent in made.items() if not isinstance(parent, Subset | Order)]
        parents = draw(st.lists(st.sampled_from(able), max_size=2, unique=True)) if able else []
        when = {name: draw(conditions(made[name])) for name in parents}
        kind: Any = draw(PARAMETERS)
        made[f"s{number}"] = replace(kind, when=when)
    names = draw(st.permutations(list(made)))
    return Space({name: made[name] for name in names})


@st.composite
def cubes(draw: st.DrawFn, space: Space) -> list[float]:
    """A point (d,) of the unit cube of `space`."""
    return draw(st.lists(UNIT, min_size=space.width, max_size=space.width))


@st.composite
def configs(draw: st.DrawFn, space: Space) -> Config:
    """A config of `space`."""
    return space.from_unit(draw(cubes(space)))


def costs(at_most: Cost | None = None) -> st.SearchStrategy[Cost]:
    """Costs, each amount at most that of `at_most`. Seconds are dyadic, so that sums are exact."""
    top = Cost(1024.0, 5, 1000, 10**6, 10**8, 64.0) if at_most is None else at_most
    return st.builds(
        Cost,
        st.integers(0, int(top.seconds * 16)).map(lambda parts: parts / 16),
        st.integers(0, top.trials),
        st.integers(0, top.calls),
        st.integers(0, top.tokens),
        st.integers(0, top.usd_micros),
        st.integers(0, int(top.engineer_hours * 16)).map(lambda parts: parts / 16),
    )


def budgets() -> st.SearchStrategy[Budget]:
    """Budgets with one ceiling or more."""
    count = st.none() | st.integers(1, 10**6)
    return (
        st.tuples(st.none() | st.floats(0.5, 1e6), count, count, count, count)
        .filter(lambda ceilings: any(ceiling is not None for ceiling in ceilings))
        .map(lambda ceilings: Budget(*ceilings))
    )


_NAMES = st.text("abcdefgh", min_size=1, max_size=6)
_ADDRESSES = st.none() | _NAMES.map(lambda name: f"sha256:{name}")
_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-5, 5) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3),
    max_leaves=5,
)
_MAPPINGS: st.SearchStrategy[Mapping[str, Any]] = st.dictionaries(_NAMES, _JSON, max_size=3)
_VALUES = st.floats(-10, 10) | st.sampled_from([math.nan, math.inf, -math.inf])
_DRAWN: list[Mapping[str, Any]] = [
    {},
    {},
    {"rate": {"parameter": Float(0.0, 1.0).to_json(), "value": 0.5}},
    {"parts": {"parameter": Subset(("a", "b")).to_json(), "value": ["a"]}},
]
_COSTS = costs()
_GAINS = st.builds(Gain, _NAMES, *[st.floats(-1, 1)] * 5)


@st.composite
def _examples(draw: st.DrawFn) -> Examples | str | None:
    ids = draw(st.lists(_NAMES, max_size=3))
    scores = draw(st.lists(st.floats(0, 1), min_size=len(ids), max_size=len(ids)))
    return draw(st.sampled_from([None, "sha256:ex", Examples(tuple(ids), tuple(scores))]))


@dataclass
class _Live:
    """What the generator of studies must know to stay plausible, and what it takes values from."""

    configs: list[Config]
    costs: list[Cost]
    mappings: list[Mapping[str, Any]]
    maximum: int
    statuses: list[Status] = field(default_factory=list)
    measured: list[int] = field(default_factory=list)
    until: list[int] = field(default_factory=list)
    reserved: set[str] = field(default_factory=set)
    elapsed: float = 0.0

    def at(self, *statuses: Status) -> list[int]:
        return [trial for trial, status in enumerate(self.statuses) if status in statuses]


@st.composite
def studies(draw: st.DrawFn, most: int = 30) -> list[Event]:
    """The events of a plausible study: grants start, are measured, paused, resumed, retried, interrupted and ended."""
    space = draw(spaces(3))
    live = _Live(
        draw(st.lists(configs(space), min_size=1, max_size=3)),
        draw(st.lists(_COSTS, min_size=1, max_size=4)),
        draw(st.lists(_MAPPINGS, min_size=1, max_size=3)),
        draw(st.integers(1, 6)),
    )
    events: list[Event] = [
        StudyCreated(
            metric=Metric(draw(_NAMES), draw(st.sampled_from(Direction))),
            levers={"lever": space.to_json()},
            budget=draw(budgets()),
            fidelity=Fidelity(draw(_NAMES), live.maximum, draw(st.booleans())),
            seed=draw(st.integers(0, 2**31)),
            task=draw(_MAPPINGS),
        ),
        SessionOpened(owner="one", at=0.0),
    ]
    for _ in range(draw(st.integers(0, most))):
        live.elapsed += draw(st.integers(0, 40)) / 8
        events.append(_next_event(draw, live))
    return events


def _next_event(draw: st.DrawFn, live: _Live) -> Event:
    running = live.at(Status.RUNNING)
    resumable = live.at(Status.PAUSED, Status.INTERRUPTED)
    moves = ["start", "session", "other"]
    moves += ["measure", "measure", "retry", "end"] if running else []
    moves += ["resume"] if resumable else []
    move = draw(st.sampled_from(moves))
    elapsed = live.elapsed
    if move == "start":
        until = draw(st.integers(1, live.maximum))
        purpose = draw(st.sampled_from(Purpose)) if live.statuses else Purpose.BASELINE
        confirms = draw(st.integers(0, len(live.statuses) - 1)) if purpose is Purpose.CONFIRMATION else None
        live.statuses.append(Status.RUNNING)
        live.measured.append(0)
        live.until.append(until)
        return TrialStarted(
            trial=len(live.statuses) - 1,
            config=draw(st.sampled_from(live.configs)),
            until=until,
            purpose=purpose,
            levers=("lever",) if purpose is Purpose.SEARCH else (),
            seed=draw(st.integers(0, 99)),
            why=draw(st.sampled_from(live.mappings)),
            reserved=draw(st.sampled_from(live.costs)),
            confirms=confirms,
            elapsed=elapsed,
        )
    if move == "resume":
        trial = draw(st.sampled_from(resumable))
        was_open = live.statuses[trial] is Status.INTERRUPTED
        live.statuses[trial] = Status.RUNNING
        live.until[trial] = live.until[trial] if was_open else draw(st.integers(live.until[trial], live.maximum))
        return TrialResumed(
            trial=trial,
            until=live.until[trial],
            why=draw(st.sampled_from(live.mappings)),
            reserved=NOTHING if was_open else draw(st.sampled_from(live.costs)),
            elapsed=elapsed,
        )
    if move == "measure":
        trial = draw(st.sampled_from(running))
        # A retried or resumed trial may measure again what came after its last checkpoint.
        fidelity = draw(st.integers(max(1, live.measured[trial] - 1), live.measured[trial] + 1))
        live.measured[trial] = fidelity
        measurement = Measurement(
            fidelity,
            draw(_VALUES),
            draw(st.none() | st.floats(0, 1)),
            draw(st.dictionaries(_NAMES, st.floats(-5, 5), max_size=2)),
            draw(st.sampled_from(live.costs)),
            draw(_examples()),
            draw(_ADDRESSES),
            draw(st.sampled_from(_DRAWN)),
        )
        return TrialMeasured(trial=trial, measurement=measurement, elapsed=elapsed)
    if move == "retry":
        return TrialRetried(trial=draw(st.sampled_from(running)), reason="the worker died", elapsed=elapsed)
    if move == "end":
        trial = draw(st.sampled_from(running))
        status = draw(st.sampled_from([Status.PAUSED, Status.COMPLETED, Status.STOPPED, Status.FAILED]))
        live.statuses[trial] = status
        return GrantEnded(
            trial=trial,
            status=status,
            cost=draw(st.sampled_from(live.costs)),
            checkpoint=draw(_ADDRESSES),
            artifact=draw(_ADDRESSES),
            failure=Failure("ValueError", draw(st.text(max_size=9))) if status is Status.FAILED else None,
            elapsed=elapsed,
        )
    if move == "session":
        if draw(st.booleans()):
            return SessionClosed(reason="done for today", elapsed=elapsed)
        live.statuses = [Status.INTERRUPTED if status is Status.RUNNING else status for status in live.statuses]
        return SessionOpened(owner=draw(_NAMES), at=elapsed, elapsed=elapsed)
    return _other_event(draw, live)


def _other_event(draw: st.DrawFn, live: _Live) -> Event:
    elapsed, owner = live.elapsed, draw(st.sampled_from(["confirmation", "test", "thinking"]))
    gain = draw(st.none() | _GAINS)
    verdict = Verdict("accuracy", 9, None, 0.5, 0.6, 0.5, None, None, gain, tuple(draw(st.lists(_GAINS, max_size=2))))
    others: list[Event] = [
        Heartbeat(elapsed=elapsed),
        BudgetChanged(budget=draw(budgets()), elapsed=elapsed),
        BudgetSettled(owner=owner, amount=draw(st.sampled_from(live.costs)), elapsed=elapsed)
        if owner in live.reserved
        else BudgetReserved(owner=owner, amount=draw(st.sampled_from(live.costs)), elapsed=elapsed),
        SearcherSaved(snapshot=draw(st.sampled_from(live.mappings)), elapsed=elapsed),
        Answered(question=draw(_NAMES), answer=draw(st.text(max_size=9)), elapsed=elapsed),
        FinalSetFrozen(members={"winner": draw(st.sampled_from(live.configs))}, trials={"winner": 0}, elapsed=elapsed),
        TestOpened(members={"winner": "sha256:w"}, data=draw(_NAMES), forced=draw(st.booleans()), elapsed=elapsed),
        StudyConcluded(verdict=verdict, winner=0, artifact=draw(_ADDRESSES), elapsed=elapsed),
    ]
    if live.statuses:
        trial = draw(st.integers(0, len(live.statuses) - 1))
        others.append(IncumbentChosen(trial=trial, mean=draw(st.floats(-1, 1)), deviation=0.5, elapsed=elapsed))
    chosen = draw(st.sampled_from(others))
    if isinstance(chosen, BudgetReserved):
        live.reserved.add(owner)
    elif isinstance(chosen, BudgetSettled):
        live.reserved.discard(owner)
    return chosen
