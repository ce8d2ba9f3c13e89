"""Events: what happened in a study, in order. A study is nothing but its events.

Every event is a frozen value with `elapsed`, the wall seconds that the study had been running. Events are
validated when they are written (they can only be made from checked values) and not again when read.
"""

from __future__ import annotations

import gc
import json
import math
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from typing import Any, ClassVar

from luthier.core.budget import Budget
from luthier.core.config import Config
from luthier.core.cost import NOTHING, Cost
from luthier.core.errors import StoreError
from luthier.core.metric import Direction, Metric
from luthier.core.trial import Examples, Failure, Fidelity, Measurement, Purpose, Status
from luthier.core.verdict import Verdict


@dataclass(frozen=True, kw_only=True)
class Event:
    """What all events share."""

    kind: ClassVar[str] = ""
    elapsed: float = 0.0


@dataclass(frozen=True, kw_only=True)
class StudyCreated(Event):
    """The first event. `levers` maps names to settings as a task file writes them, `task` is the task as given."""

    kind: ClassVar[str] = "study_created"
    metric: Metric
    levers: Mapping[str, Any]
    budget: Budget
    fidelity: Fidelity = field(default_factory=Fidelity)
    seed: int = 0
    task: Mapping[str, Any] = field(default_factory=dict[str, Any])
    versions: Mapping[str, str] = field(default_factory=dict[str, str])
    fingerprints: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, kw_only=True)
class SessionOpened(Event):
    """A writer took the study up at wall-clock time `at` (seconds since 1970 UTC). Open trials were interrupted."""

    kind: ClassVar[str] = "session_opened"
    owner: str
    at: float


@dataclass(frozen=True, kw_only=True)
class SessionClosed(Event):
    """The writer laid the study down in good order."""

    kind: ClassVar[str] = "session_closed"
    reason: str


@dataclass(frozen=True, kw_only=True)
class Heartbeat(Event):
    """Nothing happened but time, which counts against the budget even if a crash follows."""

    kind: ClassVar[str] = "heartbeat"


@dataclass(frozen=True, kw_only=True)
class BudgetChanged(Event):
    """The user set other ceilings."""

    kind: ClassVar[str] = "budget_changed"
    budget: Budget


@dataclass(frozen=True, kw_only=True)
class TrialStarted(Event):
    """A grant for a new trial, with its reservation. Ids count from 0 without gaps."""

    kind: ClassVar[str] = "trial_started"
    trial: int
    config: Config
    until: int
    purpose: Purpose = Purpose.SEARCH
    levers: tuple[str, ...] = ()
    seed: int = 0
    why: Mapping[str, Any] = field(default_factory=dict[str, Any])
    reserved: Cost = NOTHING
    confirms: int | None = None


@dataclass(frozen=True, kw_only=True)
class TrialResumed(Event):
    """A further grant for a paused trial, or the old one again for an interrupted trial (`reserved` is nothing)."""

    kind: ClassVar[str] = "trial_resumed"
    trial: int
    until: int
    why: Mapping[str, Any] = field(default_factory=dict[str, Any])
    reserved: Cost = NOTHING


@dataclass(frozen=True, kw_only=True)
class TrialMeasured(Event):
    """One unit of fidelity was measured."""

    kind: ClassVar[str] = "trial_measured"
    trial: int
    measurement: Measurement


@dataclass(frozen=True, kw_only=True)
class TrialRetried(Event):
    """The worker died; the trial goes on, once, from its last checkpoint."""

    kind: ClassVar[str] = "trial_retried"
    trial: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class GrantEnded(Event):
    """A grant is over: `status` says how, `cost` what the grant took, which settles its reservation."""

    kind: ClassVar[str] = "grant_ended"
    trial: int
    status: Status
    cost: Cost = NOTHING
    checkpoint: str | None = None
    artifact: str | None = None
    failure: Failure | None = None


@dataclass(frozen=True, kw_only=True)
class BudgetReserved(Event):
    """An upper bound was set aside for something that is no trial: the confirmation, the test, thinking."""

    kind: ClassVar[str] = "budget_reserved"
    owner: str
    amount: Cost


@dataclass(frozen=True, kw_only=True)
class BudgetSettled(Event):
    """What such an owner really spent; also without a reservation before it."""

    kind: ClassVar[str] = "budget_settled"
    owner: str
    amount: Cost


@dataclass(frozen=True, kw_only=True)
class IncumbentChosen(Event):
    """The trial with the best posterior mean, as the study saw it then."""

    kind: ClassVar[str] = "incumbent_chosen"
    trial: int
    mean: float
    deviation: float = 0.0


@dataclass(frozen=True, kw_only=True)
class SearcherSaved(Event):
    """A searcher's snapshot, for searchers that can't be told from the history alone."""

    kind: ClassVar[str] = "searcher_saved"
    snapshot: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Answered(Event):
    """The answer of a language model that a searcher asked, stored before use."""

    kind: ClassVar[str] = "answered"
    question: str
    answer: str


@dataclass(frozen=True, kw_only=True)
class FinalSetFrozen(Event):
    """The final set, by role: 'baseline', 'winner', and 'without LEVER' for each ablation."""

    kind: ClassVar[str] = "final_set_frozen"
    members: Mapping[str, Config]
    trials: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, kw_only=True)
class TestOpened(Event):
    """The held-out test was opened for these artifacts (addresses by role). `forced` marks a further opening."""

    __test__: ClassVar[bool] = False
    kind: ClassVar[str] = "test_opened"
    members: Mapping[str, str]
    data: str
    forced: bool = False


@dataclass(frozen=True, kw_only=True)
class StudyConcluded(Event):
    """The verdict, and where the winner's artifact lies."""

    kind: ClassVar[str] = "study_concluded"
    verdict: Verdict
    winner: int
    artifact: str | None = None


KINDS: dict[str, type[Event]] = {
    cls.kind: cls
    for cls in (
        StudyCreated,
        SessionOpened,
        SessionClosed,
        Heartbeat,
        BudgetChanged,
        TrialStarted,
        TrialResumed,
        TrialMeasured,
        TrialRetried,
        GrantEnded,
        BudgetReserved,
        BudgetSettled,
        IncumbentChosen,
        SearcherSaved,
        Answered,
        FinalSetFrozen,
        TestOpened,
        StudyConcluded,
    )
}


def to_text(event: Event) -> str:
    """One line of ASCII JSON; fields at their default are left out. Non-finite numbers become null.

    Raises StoreError where a free-form field (`why`, `snapshot`, `task`) holds what JSON can't.
    """
    content: dict[str, Any] = {}
    values = event.__dict__
    for name, required, default, encode in _encoders(type(event)):
        value = values[name]
        if required or (value is not default and value != default):
            content[name] = value if encode is None else encode(value)
    try:
        return _encode_json(content)
    except ValueError:
        return _encode_json(_finite(content))
    except TypeError as error:
        raise StoreError(
            f"an event '{event.kind}' can't be written: {error}; "
            f"put plain numbers, text, lists and mappings with text keys into it"
        ) from None


def from_text(kind: str, text: str) -> Event:
    """The inverse of `to_text` for an event of `kind`; raises StoreError where it isn't one."""
    return from_texts([(kind, text)])[0]


def from_texts(rows: Sequence[tuple[str, str]]) -> list[Event]:
    """The events of `rows` of (kind, text), decoded together: several times faster than one by one."""
    parse = _parser(len(rows))
    events: list[Event] = []
    with collector_paused():
        for start in range(0, len(rows), _AT_ONCE):
            part = rows[start : start + _AT_ONCE]
            contents = _loads_all([text for _, text in part], parse)
            if contents is None:
                contents = [_loads(number, kind, text) for number, (kind, text) in enumerate(part, start)]
            events += [_decode(kind, content) for (kind, _), content in zip(part, contents, strict=True)]
    return events


@contextmanager
def collector_paused() -> Generator[None, None, None]:
    """For making many values that stay: Python's garbage collector would walk all of them again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def measurement_to_json(measurement: Measurement) -> dict[str, Any]:
    """Plain JSON without what is at its default."""
    content: dict[str, Any] = {"fidelity": measurement.fidelity, "value": measurement.value}
    if measurement.standard_error is not None:
        content["standard_error"] = measurement.standard_error
    if measurement.metrics:
        content["metrics"] = dict(measurement.metrics)
    if measurement.cost:
        content["cost"] = measurement.cost.to_json()
    if isinstance(measurement.examples, Examples):
        content["examples"] = {"ids": measurement.examples.ids, "scores": measurement.examples.scores}
    elif measurement.examples is not None:
        content["examples"] = measurement.examples
    if measurement.artifact is not None:
        content["artifact"] = measurement.artifact
    if measurement.drawn:
        content["drawn"] = dict(measurement.drawn)
    return content


def measurement_from_json(content: Mapping[str, Any]) -> Measurement:
    """The inverse of `measurement_to_json`."""
    examples = content.get("examples")
    if isinstance(examples, Mapping):
        examples = Examples(tuple(examples["ids"]), tuple(examples["scores"]))  # pyright: ignore[reportUnknownArgumentType]
    value = content["value"]
    return Measurement(
        content["fidelity"],
        math.nan if value is None else value,
        content.get("standard_error"),
        content.get("metrics", {}),
        Cost.from_json(content["cost"]) if "cost" in content else NOTHING,
        examples,  # pyright: ignore[reportUnknownArgumentType]
        content.get("artifact"),
        content.get("drawn", {}),
    )


def _same(value: Any) -> Any:
    return value


def _plain(value: Any) -> Any:
    return dict(value)


type_codecs: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "Config": (Config.to_json, Config.from_json),
    "Cost": (Cost.to_json, Cost.from_json),
    "Budget": (Budget.to_json, Budget.from_json),
    "Metric": (
        lambda metric: {"name": metric.name, "direction": metric.direction},
        lambda content: Metric(content["name"], Direction(content["direction"])),
    ),
    "Fidelity": (
        lambda fidelity: {"unit": fidelity.unit, "maximum": fidelity.maximum, "cumulative": fidelity.cumulative},
        lambda content: Fidelity(**content),
    ),
    "Measurement": (measurement_to_json, measurement_from_json),
    "Status": (str, {str(status): status for status in Status}.__getitem__),
    "Purpose": (str, {str(purpose): purpose for purpose in Purpose}.__getitem__),
    "Failure | None": (
        lambda failure: {"kind": failure.kind, "message": failure.message, "traceback": failure.traceback},
        lambda content: Failure(**content),
    ),
    "Verdict": (Verdict.to_json, Verdict.from_json),
    "tuple[str, ...]": (list, tuple),
    "Mapping[str, Config]": (
        lambda members: {role: config.to_json() for role, config in members.items()},
        lambda members: {role: Config.from_json(config) for role, config in members.items()},
    ),
    "Mapping[str, Any]": (_plain, _same),
    "Mapping[str, str]": (_plain, _same),
    "Mapping[str, int]": (_plain, _same),
}

_MANY = 1000
"""From so many texts on, importing a parser that is nearly twice as fast as Python's own pays."""

_AT_ONCE = 1000
"""So many texts are read as one: enough to gain by it, few enough for what was read to be still in the cache."""

_encode_json = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


@cache
def _encoders(cls: type[Event]) -> list[tuple[str, bool, Any, Callable[[Any], Any] | None]]:
    """Per field: name, whether it has no default, the default, and the encoder where it isn't plain JSON already."""
    return [
        (
            part.name,
            part.default is MISSING and part.default_factory is MISSING,
            part.default_factory() if part.default_factory is not MISSING else part.default,
            type_codecs[str(part.type)][0] if str(part.type) in type_codecs else None,
        )
        for part in fields(cls)
    ]


@dataclass(frozen=True)
class _Form:
    """How events of one kind are read: their class, its fields, and how those are decoded that aren't plain JSON."""

    cls: type[Event]
    names: frozenset[str]
    required: frozenset[str]
    defaults: Mapping[str, Any]
    factories: tuple[tuple[str, Callable[[], Any]], ...]
    decoders: tuple[tuple[str, Callable[[Any], Any]], ...]

    @staticmethod
    def of(kind: type[Event]) -> _Form:
        parts = fields(kind)
        defaults = {part.name: part.default for part in parts if part.default is not MISSING}
        factories = {part.name: part.default_factory for part in parts if part.default_factory is not MISSING}
        decoders = [(part.name, type_codecs[str(part.type)][1]) for part in parts if str(part.type) in type_codecs]
        names = frozenset(part.name for part in parts)
        return _Form(
            kind,
            names,
            names - defaults.keys() - factories.keys(),
            defaults,
            tuple(factories.items()),
            tuple((name, decode) for name, decode in decoders if decode is not _same),
        )

    def event(self, content: dict[str, Any]) -> Event:
        """The event of `content`. Raises TypeError for fields unknown or missing."""
        values = {**self.defaults, **content}
        for name, make in self.factories:
            if name not in values:
                values[name] = make()
        for name, decode in self.decoders:
            if name in content:
                values[name] = decode(content[name])
        if len(values) != len(self.names) or not self.required <= content.keys():
            return self.cls(**values)  # which says what is wrong
        # Not by the constructor, which would take half of the time of reading a study.
        event = object.__new__(self.cls)
        object.__setattr__(event, "__dict__", values)
        return event


def _decode(kind: str, content: dict[str, Any]) -> Event:
    form = _FORMS.get(kind)
    if form is None:
        raise StoreError(f"unknown kind of event '{kind}'; a newer luthier wrote it: upgrade to read this study")
    try:
        return form.event(content)
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise StoreError(
            f"an event '{kind}' can't be understood ({type(error).__name__}: {error}); "
            f"it is damaged, or a newer luthier wrote it: upgrade, or restore the store from a copy"
        ) from error


def _parser(count: int) -> Callable[[str], Any]:
    if count < _MANY:
        return json.loads
    from pydantic_core import from_json

    return from_json


def _loads_all(texts: list[str], parse: Callable[[str], Any]) -> list[dict[str, Any]] | None:
    """The texts read as one array; None where some text isn't one object of plain JSON."""
    try:
        contents = parse(f"[{','.join(texts)}]")
    except ValueError:
        return None
    return contents if len(contents) == len(texts) else None


def _loads(number: int, kind: str, text: str) -> dict[str, Any]:
    try:
        return json.loads(text)
    except ValueError as error:
        raise StoreError(
            f"the event '{kind}' at place {number} of those read is damaged ({error}); "
            f"restore the store from a copy, or read only the events before it"
        ) from None


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _finite(item) for name, item in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return value


_FORMS = {kind: _Form.of(cls) for kind, cls in KINDS.items()}
