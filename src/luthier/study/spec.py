"""The task file: what to tune, on which data, by which metric, under which budget.

What `study.source` read is checked by pydantic, and then as a whole: conditions, baseline, the stages of a chain.
An error names file, line and key and offers the nearest known one.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from luthier.core.budget import Budget
from luthier.core.errors import DataError, LuthierError, SpaceError, TaskFileError, UnknownName, nearest_first
from luthier.core.lever import Lever, joint_space
from luthier.core.meaning import by_meaning
from luthier.core.parameter import Choice, Float, Int, Order, Parameter, Subset, Text, parameter_from_json
from luthier.data.kinds import parse_kind
from luthier.study.source import Location, Source, read_source

_KINDS = tuple(kind.kind for kind in (Float, Int, Choice, Subset, Order, Text))
_AUTO = "auto"
_EXAMPLES = {
    "stage": "stage: {kind: estimator, build: model.py:build}",
    "metric": "metric: accuracy",
    "levers": "levers: {settings: {learning_rate: auto}}",
    "budget": "budget: 10m",
    "data.path": "path: rows.csv",
    "data.target": "target: label",
    "stage.kind": "kind: estimator",
    "searcher.name": "name: asha",
    "pruner.name": "name: median",
    "metric.name": "name: accuracy",
}
"""What to write for a key that is missing."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, use_attribute_docstrings=True)


def _mapping(content: Any) -> dict[str, Any] | None:
    """`content` where it maps names, else None."""
    return dict(cast(Mapping[str, Any], content)) if isinstance(content, Mapping) else None


def _one_or_several(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _names_or_kinds(value: Any) -> Any:
    """The names of columns; or a mapping of names to kinds, which are checked here, so that an error names the key."""
    kinds = _mapping(value)
    if kinds is None:
        names = _one_or_several(value)
        if not isinstance(names, list) or not all(isinstance(name, str) for name in cast(list[Any], names)):
            raise ValueError(f"must name columns, as a list or with their kinds, {{age: number}}; got {_short(value)}")
        return cast(list[Any], names)
    for name, kind in kinds.items():
        try:
            parse_kind(str(kind))
        except DataError as error:
            raise ValueError(f"the column '{name}': {error}") from None
    return kinds


Inputs = Annotated[Mapping[str, str] | tuple[str, ...], BeforeValidator(_names_or_kinds)]


def _parameter(content: Any) -> Any:
    """One setting: a Parameter, or its description."""
    if isinstance(content, Parameter):
        return content
    description = _mapping(content)
    if not description:
        hint = f"to choose among these, {{choice: {_short(content)}}}" if isinstance(content, list) else f"'{_AUTO}'"
        raise ValueError(f"write a range such as {{float: [0.01, 100], log: true}}, or {hint}; got {_short(content)}")
    if _AUTO in description:
        with _as_value_error():
            return by_meaning(str(description[_AUTO]))
    kinds = [key for key in description if key in _KINDS]
    if not kinds:
        wrong = max(description, key=lambda key: max(_likeness(key, kind) for kind in _KINDS))
        near = nearest_first(wrong, _KINDS)
        raise ValueError(
            f"unknown kind of setting '{wrong}'; did you mean '{near[0]}'? The kinds are: {', '.join(near)}"
        )
    with _as_value_error():
        return parameter_from_json(description)


def _named_settings(settings: Any) -> Any:
    """A lever's settings, with every 'auto' told which setting it stands for."""
    named = _mapping(settings)
    if not named:
        raise ValueError(f"a lever maps the names of its settings to their ranges; got {_short(settings)}")
    return {name: {_AUTO: name} if content == _AUTO else content for name, content in named.items()}


@contextmanager
def _as_value_error() -> Generator[None]:
    """Lets an error of ours reach pydantic, which adds where in the file it was."""
    try:
        yield
    except LuthierError as error:
        raise ValueError(str(error)) from None


Settings = Annotated[Mapping[str, Annotated[Any, BeforeValidator(_parameter)]], BeforeValidator(_named_settings)]


class DataSpec(_Part):
    """Where the rows are, what each column is for, and how they are split."""

    path: str
    """The file of rows, seen from the folder of the task file: CSV, TSV, JSON Lines or Parquet."""
    target: str
    """The column to predict."""
    inputs: Inputs | None = None
    """The columns that go in: their names, or the kind of each by its name. All without a role unless stated."""
    group: str | None = None
    """The column whose equal values stay together in every split."""
    time: str | None = None
    """The column that orders rows: what is tested on is later than what is learned from."""
    split: str | None = None
    """The column that says train, validation or test of each row, where the data came so."""
    id: str | None = None
    """The column of row ids, all different; made from the content unless stated."""
    encoding: str = "utf-8"
    """The encoding of a text file."""
    held_out: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """The share of the rows that nothing sees until the very end."""
    folds: Annotated[int, Field(ge=1, le=100)] = 5
    """Into how many folds the other rows are parted; 1 splits them once."""


class MetricSpec(_Part):
    """The metric's name; its direction where luthier doesn't know it."""

    name: str
    direction: Literal["maximize", "minimize"] | None = None
    """Which way is better; known of the metrics that luthier brings."""


class StageSpec(_Part):
    """One stage: its kind, and the settings of that kind."""

    kind: str
    """estimator, function, command, or a stage of another package."""
    name: str | None = None
    levers: tuple[str, ...] | None = None
    """In a chain, the levers that this stage takes."""
    options: Mapping[str, Any] = Field(default_factory=dict[str, Any])

    @model_validator(mode="before")
    @classmethod
    def _gather_options(cls, content: Any) -> Any:
        """Every key that isn't one of ours is an option of the stage's kind."""
        given = _mapping(content)
        if given is None:
            raise ValueError(f"a stage maps keys, such as {{kind: estimator, build: model.py:build}}; got {content!r}")
        own = {key: value for key, value in given.items() if key in ("kind", "name", "levers")}
        options: dict[str, Any] = {key: value for key, value in given.items() if key not in own}
        return {**own, "options": options}


class ComponentSpec(_Part):
    """A searcher or pruner by name, with its options: `asha`, or `{name: asha, eta: 4}`."""

    name: str
    options: Mapping[str, Any] = Field(default_factory=dict[str, Any])

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, content: Any) -> Any:
        if isinstance(content, str):
            return {"name": content}
        given = _mapping(content)
        if given is None or "options" in given:
            return content
        name = {"name": given.pop("name")} if "name" in given else {}
        return {**name, "options": given}


class TaskSpec(_Part):
    """A task file. Keys that it doesn't know are refused."""

    study: str | None = None
    """The name of the study; that of the file unless stated."""
    data: DataSpec | None = None
    """The rows to learn from, where there are any."""
    metric: MetricSpec
    """What to get better at: a name, or name and direction of one of your own."""
    stage: StageSpec | None = None
    """What is tuned; what else it holds are options of its kind."""
    stages: Annotated[tuple[StageSpec, ...], Field(min_length=1)] | None = None
    """In place of `stage`, a chain of them."""
    levers: Mapping[str, Settings]
    """The settings that may be turned, in named groups."""
    baseline: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict[str, Mapping[str, Any]])
    """What you start from, settings by lever; the defaults unless stated."""
    budget: Budget
    """Time, trials, calls, tokens, dollars, or several: '60s', '100 trials', '2h, $5'."""
    workers: Annotated[int, Field(ge=0, le=1024)] | None = None
    """Worker processes; one a core unless stated, 0 runs everything in one."""
    seed: Annotated[int, Field(ge=0)] = 0
    """What everything random follows from."""
    searcher: ComponentSpec = ComponentSpec(name="model")
    """What proposes configs: a name, or with options {name: asha, eta: 4}."""
    pruner: ComponentSpec | None = None
    """What stops trials early; nothing does unless stated."""
    confirm: Annotated[int, Field(ge=0, le=20)] = 3
    """How many of the best are measured again on fresh folds before the test."""
    trial_seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """A trial that takes longer is stopped."""
    memory_mb: Annotated[int, Field(gt=0)] | None = None
    """A trial that takes more memory is stopped."""

    @field_validator("metric", mode="before")
    @classmethod
    def _metric_from_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @field_validator("budget", mode="before")
    @classmethod
    def _budget_from_text(cls, value: Any) -> Any:
        if isinstance(value, Budget):
            return value
        with _as_value_error():
            return Budget.parse(str(value))

    def lever_values(self) -> tuple[Lever, ...]:
        """The levers as values."""
        return tuple(Lever(name, settings) for name, settings in self.levers.items())


@dataclass(frozen=True)
class Task:
    """A checked task, its content as plain JSON for the record, the folder that its paths start from, its source."""

    spec: TaskSpec
    content: Mapping[str, Any]
    folder: Path
    source: Source


def read_task(path: Path, changes: Sequence[str] = ()) -> Task:
    """The task in the file `path`, after the `changes`: see `study.source.read_source`.

    Raises TaskFileError naming file, line and key, one a line where several are wrong.
    """
    content, source = read_source(path, changes)
    return check_task(content, path.resolve().parent, source)


def check_task(content: Mapping[str, Any], folder: Path, source: Source) -> Task:
    """A checked task from plain JSON; raises TaskFileError naming the keys that are wrong."""
    try:
        spec = TaskSpec.model_validate(content)
    except ValidationError as error:
        problems = cast(list[Mapping[str, Any]], error.errors())
        told = [_described(one, source) for one in problems if not _is_misspelt(one, problems)]
        raise TaskFileError("\n".join(told)) from None
    wrong = [str(source.error(location, message)) for location, message in _conflicts(spec)]
    if wrong:
        raise TaskFileError("\n".join(wrong))
    return Task(spec, content, folder, source)


# ------------------------------------------------------------------------------------- the task as a whole


def _conflicts(spec: TaskSpec) -> Iterator[tuple[Location, str]]:
    """Parts that are right by themselves, but not together."""
    yield from _conflicts_of_stages(spec)
    parts = spec.stages or ((spec.stage,) if spec.stage is not None else ())
    if not spec.levers and any(part.kind != "function" for part in parts):
        yield ("levers",), f"there is nothing to tune; name at least one lever, such as `{_EXAMPLES['levers']}`"
    levers: list[Lever] = []
    for name, settings in spec.levers.items():
        try:
            levers.append(Lever(name, settings))
        except SpaceError as error:
            yield ("levers", name), str(error)
    if len(levers) < len(spec.levers):
        return
    missing = list(_missing_parents(levers))
    yield from missing
    if not missing:
        yield from _conflicts_of_space(spec, levers)


def _conflicts_of_stages(spec: TaskSpec) -> Iterator[tuple[Location, str]]:
    if spec.stage is not None and spec.stages is not None:
        yield ("stages",), "a task has either `stage` (one) or `stages` (a chain); drop one of them"
    elif spec.stages is None and spec.stage is None:
        yield (), _missing(("stage",))
    elif spec.stages is None:
        if spec.stage is not None and spec.stage.levers is not None:
            yield (
                ("stage", "levers"),
                "a single stage has all levers; drop this key, which is for a chain (`stages`)",
            )
    else:
        yield from _conflicts_of_chain(spec.stages, tuple(spec.levers))


def _conflicts_of_chain(stages: Sequence[StageSpec], levers: Sequence[str]) -> Iterator[tuple[Location, str]]:
    owner: dict[str, int] = {}
    for number, part in enumerate(stages):
        if part.levers is None:
            yield ("stages", number), "each stage of a chain says which levers are its own, such as levers: [data]"
        for position, lever in enumerate(part.levers or ()):
            where = ("stages", number, "levers", position)
            if lever not in levers:
                yield where, str(UnknownName("lever", lever, levers))
            elif lever in owner:
                yield where, f"the lever '{lever}' is that of stages.{owner[lever]} already; a lever has one stage"
            owner.setdefault(lever, number)
    for lever in levers:
        if lever not in owner and all(part.levers is not None for part in stages):
            yield ("levers", lever), "no stage takes this lever; add its name to the `levers` of one of the `stages`"


def _missing_parents(levers: Sequence[Lever]) -> Iterator[tuple[Location, str]]:
    dotted = {f"{lever.name}.{setting}" for lever in levers for setting in lever.settings}
    for lever in levers:
        others = {name for name in dotted if name.partition(".")[0] != lever.name}
        for setting, parameter in lever.settings.items():
            for parent in parameter.when or {}:
                if parent not in lever.settings and parent not in dotted:
                    near = nearest_first(parent, {*others, *lever.settings} - {setting})
                    message = f"it depends on the unknown setting '{parent}'; known are: {', '.join(near)}"
                    yield ("levers", lever.name, setting, "when", parent), message


def _conflicts_of_space(spec: TaskSpec, levers: Sequence[Lever]) -> Iterator[tuple[Location, str]]:
    try:
        space = joint_space(levers)
    except SpaceError as error:
        owner = next((name for name in _dotted_names(spec.levers) if str(error).startswith(f"setting '{name}'")), "")
        yield ("levers", *(owner.split(".") if owner else ())), str(error)
        return
    for lever, settings in spec.baseline.items():
        if lever not in spec.levers:
            yield ("baseline", lever), str(UnknownName("lever", lever, spec.levers))
            continue
        for setting, value in settings.items():
            where = ("baseline", lever, setting)
            if setting not in spec.levers[lever]:
                yield where, str(UnknownName("setting", setting, spec.levers[lever]))
                continue
            try:
                space.parameters[f"{lever}.{setting}"].check(value)
            except SpaceError as error:
                yield where, str(error)


def _dotted_names(settings: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return [f"{lever}.{setting}" for lever, own in settings.items() for setting in own]


# -------------------------------------------------------------------------------------------- messages


def _described(problem: Mapping[str, Any], source: Source) -> str:
    location: Location = tuple(problem["loc"])
    *parents, last = location or ("",)
    kind = problem["type"]
    if kind == "missing":
        return str(source.error(tuple(parents), _missing(location)))
    if kind == "extra_forbidden":
        near = nearest_first(str(last), _known_keys(tuple(parents)))
        message = f"unknown key; did you mean '{near[0]}'? Known here are: {', '.join(near)}"
    elif kind == "value_error":
        message = str(problem["msg"]).removeprefix("Value error, ")
    elif kind == "too_short":
        message = "must hold one or more; got none"
    else:
        message = f"{_must(str(problem['msg']))}; got {_short(problem.get('input'))}"
    return str(source.error(location, message))


def _missing(location: Location) -> str:
    # Positions in lists say nothing of what is missing: stages.0.kind is as stage.kind.
    known = {".".join(map(str, location)), f"stage.{location[-1]}"} & _EXAMPLES.keys()
    example = f"; add for example `{_EXAMPLES[known.pop()]}`" if known else "; add it"
    return f"the key '{location[-1]}' is missing{example}"


def _is_misspelt(missing: Mapping[str, Any], problems: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a missing key is told of already, as one that an unknown key beside it seems to mean."""
    *parents, last = missing["loc"]
    beside = [one["loc"][-1] for one in problems if one["type"] == "extra_forbidden" and [*one["loc"][:-1]] == parents]
    known = _known_keys(tuple(parents))
    return missing["type"] == "missing" and any(nearest_first(str(key), known)[0] == last for key in beside)


def _must(said: str) -> str:
    """Pydantic's sentence on what an input should be, in the words of a task file."""
    for theirs, ours in (
        ("Input should be a valid dictionary or instance of ", "must map keys to values as "),
        ("Input should be a valid dictionary", "must map keys to values"),
        ("Input should be a valid tuple", "must be a list"),
        ("Input should be a valid string", "must be a text"),
        ("Input should be a valid integer", "must be a whole number"),
        ("Input should be a valid number", "must be a number"),
        ("Input should be greater than or equal to", "must be at least"),
        ("Input should be less than or equal to", "must be at most"),
        ("Input should be", "must be"),
    ):
        if said.startswith(theirs):
            return (ours + said.removeprefix(theirs)).partition(", ")[0].partition(" as ")[0]
    return said[:1].lower() + said[1:]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:76]} ..."


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other).ratio()


def _known_keys(location: Location) -> list[str]:
    parts: dict[Location, type[BaseModel]] = {
        ("data",): DataSpec,
        ("metric",): MetricSpec,
        ("searcher",): ComponentSpec,
        ("pruner",): ComponentSpec,
    }
    return list(parts.get(location, TaskSpec).model_fields)
