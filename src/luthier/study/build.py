"""The only place that knows every wing: it makes a Study from a task file, a stored study, or a Python call."""

from __future__ import annotations

import inspect
import json
import platform
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from luthier.core.budget import Budget
from luthier.core.contracts import Artifacts, Limits, Prediction, Pruner, Runner, Searcher, Stage
from luthier.core.dataset import Dataset
from luthier.core.errors import UsageError, nearest_first
from luthier.core.lever import Lever, joint_space
from luthier.core.metric import Direction, Metric
from luthier.core.seeds import derive_seed
from luthier.core.space import Space
from luthier.core.trial import Examples, Fidelity, Measurement
from luthier.stats.metrics import get_metric
from luthier.study.allocate import EqualShare
from luthier.study.home import checked_name, home_at, latest_name, next_name, open_home
from luthier.study.journal import read_history
from luthier.study.problem import MakeSearcher, Problem
from luthier.study.reference import load_reference
from luthier.study.rows import split_rows
from luthier.study.source import KeyedError
from luthier.study.study import MakeRunner, Study

if TYPE_CHECKING:
    from luthier.study.source import Location
    from luthier.study.spec import StageSpec, Task

PACKAGES = ("luthier", "numpy", "scipy", "scikit-learn")


def study_from_file(
    path: Path, changes: Sequence[str] = (), *, name: str | None = None, store: str | None = None, resume: bool = False
) -> Study:
    """The study that the task file at `path` describes, after `changes`: see `study.spec.read_task`.

    Without `name` it is called after the task; with `resume` it is the latest study of that name, otherwise a
    new one: 'reviews', or 'reviews-2' where a concluded 'reviews' is there already.
    """
    from luthier.study.spec import read_task

    task = read_task(path, changes)
    home = open_home(store)
    if name is not None:
        chosen = checked_name(name)
    else:
        with task.source.at("study"):
            base = checked_name(path.stem if task.spec.study is None else task.spec.study)
        chosen = latest_name(home, base) if resume else next_name(home, base)
    return Study(chosen, home, problem_from_task(task, home.artifacts), runner_maker(task.spec.workers))


def predictor_from_store(name: str, store: str | None = None) -> Callable[[Dataset], Prediction]:
    """What predicts new rows with the winner of a study that was run from a task file.

    `name` is the study's, or the task file that it was run from. The study's code must still lie where it did;
    its data needn't. Raises UsageError for a study that was made by a Python call, whose code the store doesn't
    hold, and for one that has no fitted winner.
    """
    from luthier.study.source import Source
    from luthier.study.spec import check_task, read_task

    home = home_at(store)
    if Path(name).suffix in (".yaml", ".yml", ".json"):
        asked = read_task(Path(name))
        name = latest_name(home, asked.spec.study or Path(name).stem)
    history = read_history(home.store, name)
    record = history.created.task
    if "content" not in record:
        raise UsageError(
            f"study '{name}' was made by a Python call, so only Python has its code: "
            f"make the same call again with resume=True, and use .predict(...)"
        )
    concluded = history.concluded
    if concluded is None:
        raise UsageError(f"study '{name}' isn't finished, so it has no winner yet; go on with it by --resume")
    if concluded.artifact is None or "data" not in record["content"]:
        raise UsageError(f"study '{name}' tuned something that makes no model of rows, so it can't predict")
    task = check_task(record["content"], Path(record["folder"]), Source(f"the task of study '{name}'"))
    spec, levers, metric = task.spec, task.spec.lever_values(), history.metric
    problem = make_problem(
        _stage_from_task(task, levers, metric, 1), levers, metric, spec.budget, home.artifacts, seed=spec.seed
    )
    # A study without its rows can't be run, so only its way to predict is handed out.
    return Study(name, home, problem, runner_maker(0)).predict


def problem_from_task(task: Task, artifacts: Artifacts) -> Problem:
    """The problem that a checked task describes; its paths are relative to the task's folder.

    Raises TaskFileError naming the key where a part can't be made, DataError where the rows can't be used.
    """
    spec, at = task.spec, task.source.at
    _check_testable(task)
    levers = spec.lever_values()
    searcher = (spec.searcher.name, spec.searcher.options)
    pruner = None if spec.pruner is None else (spec.pruner.name, spec.pruner.options)
    with at("metric"):
        metric = resolve_metric(spec.metric.name, spec.metric.direction, with_data=spec.data is not None)
    dataset = None if spec.data is None else _dataset(task)
    stage = _stage_from_task(task, levers, metric, 1 if spec.data is None else pairs(dataset, spec.data.folds))
    with at("searcher"):  # made now for its errors, which name the key here
        searcher_maker(searcher, metric, stage.fidelity, spec.seed)(joint_space(levers))
    with at("pruner"):
        _pruner(pruner, metric, stage.fidelity, artifacts)
    with at("data"):
        return make_problem(
            stage,
            levers,
            metric,
            spec.budget,
            artifacts,
            dataset=dataset,
            held_out=spec.data.held_out if spec.data is not None else 0.2,
            folds=spec.data.folds if spec.data is not None else 5,
            searcher=searcher,
            pruner=pruner,
            baseline=dotted(spec.baseline),
            confirm=spec.confirm,
            limits=Limits(
                threads=1,
                memory_bytes=None if spec.memory_mb is None else spec.memory_mb * 2**20,
                seconds=spec.trial_seconds,
            ),
            seed=spec.seed,
            task={"content": dict(task.content), "folder": str(task.folder)},
        )


def _dataset(task: Task) -> Dataset:
    from luthier.data.read import read_table

    data = task.spec.data
    assert data is not None
    with task.source.at("data"):
        return read_table(
            task.folder / data.path,
            target=data.target,
            group=data.group,
            time=data.time,
            split=data.split,
            id_column=data.id,
            inputs=None if data.inputs is None else tuple(data.inputs),
            encoding=data.encoding,
        )


def pairs(dataset: Dataset | None, folds: int) -> int:
    """How many (train, validation) pairs the rows are parted into: `folds`, or the one that they came with."""
    from luthier.data.split import given_fold

    return 1 if dataset is not None and given_fold(dataset) is not None else folds


def make_problem(
    stage: Stage,
    levers: tuple[Lever, ...],
    metric: Metric,
    budget: Budget,
    artifacts: Artifacts,
    *,
    dataset: Dataset | None = None,
    held_out: float = 0.2,
    folds: int = 5,
    searcher: tuple[str, Mapping[str, Any]] = ("model", {}),
    pruner: tuple[str, Mapping[str, Any]] | None = None,
    baseline: Mapping[str, Any] | None = None,
    confirm: int = 3,
    limits: Limits | None = None,
    seed: int = 0,
    task: Mapping[str, Any] | None = None,
) -> Problem:
    """A problem from its parts: rows are split, searcher and pruner looked up by name."""
    rows = None
    if dataset is not None:
        split_seed = derive_seed(seed, "split")
        rows = split_rows(dataset, metric.name, held_out=held_out, folds=folds, seed=split_seed, artifacts=artifacts)
    return Problem(
        metric=metric,
        stage=stage,
        levers=levers,
        budget=budget,
        make_searcher=searcher_maker(searcher, metric, stage.fidelity, seed),
        allocator=EqualShare([lever.name for lever in levers]),
        pruner=_pruner(pruner, metric, stage.fidelity, artifacts),
        rows=rows,
        baseline=baseline or {},
        confirm=confirm,
        limits=limits or Limits(),
        seed=seed,
        task=task or {},
        versions=installed_versions(),
    )


def resolve_metric(name: str, direction: str | None, *, with_data: bool = False) -> Metric:
    """A metric with its direction: as stated, or as luthier knows it.

    Raises UsageError where neither is so, where the two differ, and, `with_data`, for a metric that luthier
    doesn't know, since it scores the held-out rows itself.
    """
    try:
        known = Direction(get_metric(name).direction)
    except ValueError as error:
        if with_data:
            raise UsageError(f"{error}; held-out rows are scored by one of these") from None
        if direction is None:
            raise UsageError(
                f"{error}; if '{name}' is a metric of your own, say which way is better: "
                f"metric: {{name: {name}, direction: minimize}}, in Python lt.Metric('{name}', 'minimize')"
            ) from None
        return Metric(name, Direction(direction))
    if direction is not None and direction != known:
        raise UsageError(
            f"the direction of '{name}' is to {known}; got {direction}: leave it out, or name your metric differently"
        )
    return Metric(name, known)


def runner_maker(workers: int | None) -> MakeRunner:
    """Makes the runner: worker processes, one a core unless stated; 0 runs everything in this process."""
    if workers is not None and workers < 0:
        raise UsageError(f"workers must be at least 0, which runs everything in this process; got {workers}")

    def make(artifacts: Artifacts) -> Runner:
        if workers == 0:
            from luthier.run.inline import InlineRunner

            return InlineRunner(artifacts)
        from luthier.run.pool import PoolRunner

        return PoolRunner(artifacts, workers=workers)

    return make


def installed_versions() -> dict[str, str]:
    """The versions that a result depends on."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def stage_of(
    what: Any, levers: tuple[Lever, ...], metric: Metric, fidelity: Fidelity | None, folds: int, *, with_data: bool
) -> Stage:
    """The stage that `what` is or stands for."""
    from luthier.stages.registry import get_stage

    if isinstance(what, Stage) and not isinstance(what, type):
        return what
    if folds < 1:
        raise UsageError(f"folds must be at least 1 (one pair of rows to learn from and to validate on); got {folds}")
    if with_data:
        name = getattr(what, "__name__", type(what).__name__)
        unit = fidelity or Fidelity("fold", folds)
        return get_stage("estimator")(build=what, levers=levers, metric=metric.name, fidelity=unit, name=name)
    if hasattr(what, "fit"):
        raise UsageError(
            f"an estimator learns from rows; name them by data=(X, y), or data=lt.read_table(path, target=...); "
            f"got none for {what!r:.80}"
        )
    if not callable(what):
        raise UsageError(
            f"only a stage, a function, or (with data) a scikit-learn estimator can be tuned; got {what!r:.80}"
        )
    name = getattr(what, "__name__", "function").strip("<>")
    unit = fidelity or Fidelity()
    return get_stage("function")(function=what, levers=levers, metric=metric.name, fidelity=unit, name=name)


REFERENCES = {"estimator": ("build", "clean"), "function": ("function",)}
"""The options of each kind of stage that name code."""
SPELLED = {"command": {"predict": "predict_command"}}
"""The options that a task file calls differently: there, a stage's own `predict` is no method."""


def _stage_from_task(task: Task, levers: tuple[Lever, ...], metric: Metric, folds: int) -> Stage:
    spec, at = task.spec, task.source.at
    if spec.stages is None:
        assert spec.stage is not None
        return _one_stage(task, spec.stage, levers, metric, ("stage",), folds)
    from luthier.stages.registry import get_stage

    by_name = {lever.name: lever for lever in levers}
    parts: list[Stage] = []
    for number, part in enumerate(spec.stages):
        own = tuple(by_name[name] for name in part.levers or ())
        parts.append(_one_stage(task, part, own, metric, ("stages", number), folds))
    with at("stages"):
        return get_stage("chain")(tuple(parts))


def _check_testable(task: Task) -> None:
    """Raise TaskFileError for a last stage that the held-out test would fail with, before anything is spent."""
    error, stages = task.source.error, task.spec.stages
    where: Location = ("stage",) if stages is None else ("stages", len(stages) - 1)
    last = task.spec.stage if stages is None else stages[-1]
    assert last is not None
    if task.spec.data is None:
        if last.kind == "estimator":
            raise error((), "an estimator learns from rows; add for example `data: {path: rows.csv, target: label}`")
    elif last.kind == "function":
        raise error(("data",), "a function makes no model that could predict held-out rows; drop this key")
    elif last.kind == "command" and "predict" not in last.options:
        raise error(
            where,
            "with `data`, the held-out rows are predicted at the end, so a command needs the key 'predict', such as "
            "'{python} predict.py {artifact_dir} {inputs} {predictions}'; or drop `data`, and nothing is held out",
        )


def _one_stage(
    task: Task, part: StageSpec, levers: tuple[Lever, ...], metric: Metric, where: Location, folds: int
) -> Stage:
    from luthier.stages.registry import get_stage

    at, data = task.source.at, task.spec.data
    with at(*where, "kind"):
        make = get_stage(part.kind)
    ours: dict[str, Any] = {"levers": levers, "metric": metric.name}
    spelled = SPELLED.get(part.kind, {})
    options = {spelled.get(option, option): value for option, value in part.options.items()}
    if part.name is not None:
        ours["name"] = part.name
    for option in REFERENCES.get(part.kind, ()):
        if isinstance(options.get(option), str):
            with at(*where, option):
                options[option] = load_reference(options[option], task.folder)
    if "fidelity" in options:
        with at(*where, "fidelity"):
            options["fidelity"] = _fidelity(options["fidelity"])
    elif part.kind == "estimator" and data is not None:
        ours["fidelity"] = Fidelity("fold", folds)
    if part.kind == "estimator" and data is not None and data.inputs is not None:
        options.setdefault("inputs", data.inputs)
    if part.kind == "command":
        options["cwd"] = str(task.folder / str(options.get("cwd", ".")))
        if "env" in options:
            with at(*where, "env"):
                options["env"] = _environment(options["env"])
    with at(*where):
        return _made(make, ours, options, f"stage '{part.kind}'", spelled)


def _environment(content: Any) -> dict[str, str]:
    """Environment variables from a task file, where a number is written as one."""
    if not isinstance(content, Mapping):
        raise UsageError(f"the environment maps names to texts, such as {{MODE: fast}}; got {content!r}")
    variables = cast(Mapping[str, Any], content)
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in variables.items()}


def _fidelity(content: Any) -> Fidelity:
    """A fidelity from a task file: `fidelity: 20`, or `{unit: epoch, maximum: 20}`."""
    parts: Any = {"maximum": content} if isinstance(content, int) else content
    usual: dict[str, Any] = {"unit": "step", "cumulative": False}
    try:
        return Fidelity(**{**usual, **parts})
    except TypeError:
        raise UsageError(f"a fidelity is a number, or {{unit: epoch, maximum: 20}}; got {content!r}") from None


def _made(
    make: Callable[..., Any],
    ours: Mapping[str, Any],
    options: Mapping[str, Any],
    what: str,
    spelled: Mapping[str, str] | None = None,
) -> Any:
    """`make(**ours, **options)`; raises UsageError for an option of the user's that it doesn't take, or lacks.

    `spelled` says what the user calls a parameter.
    """
    names = {theirs: user for user, theirs in (spelled or {}).items()}
    taken = inspect.signature(make).parameters
    open_ended = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in taken.values())
    allowed = {name: parameter for name, parameter in taken.items() if name not in ours}
    for name in options:
        if name not in allowed and not (open_ended and name not in ours):
            near = ", ".join(nearest_first(name, [names.get(one, one) for one in allowed])) or "none"
            raise KeyedError(name, f"the {what} has no option '{name}'; its options are: {near}")
    for name, parameter in allowed.items():
        needed = parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD
        if needed and name not in options:
            raise UsageError(f"the {what} needs the option '{names.get(name, name)}'; add it")
    try:
        return make(**ours, **options)
    except (TypeError, ValueError) as error:
        raise UsageError(f"the {what} can't be made with these options: {error}") from None


def searcher_maker(
    searcher: tuple[str, Mapping[str, Any]], metric: Metric, fidelity: Fidelity, seed: int
) -> MakeSearcher:
    """Makes the searcher of this name for a space; its name is checked now."""
    from luthier.search.registry import get_searcher

    name, options = searcher
    factory = get_searcher(name)

    def make(space: Space) -> Searcher:
        ours = {"space": space, "metric": metric, "fidelity": fidelity, "seed": derive_seed(seed, "searcher")}
        return _made(factory, ours, options, f"searcher '{name}'")

    return make


def _pruner(
    pruner: tuple[str, Mapping[str, Any]] | None, metric: Metric, fidelity: Fidelity, artifacts: Artifacts
) -> Pruner | None:
    if pruner is None:
        return None
    from luthier.search.registry import get_pruner

    name, options = pruner
    make = get_pruner(name)
    given: dict[str, Any] = {"metric": metric, "fidelity": fidelity}
    if "read_outcomes" in inspect.signature(make).parameters:
        given["read_outcomes"] = _outcomes_reader(artifacts)
    return _made(make, given, options, f"pruner '{name}'")


def _outcomes_reader(artifacts: Artifacts) -> Callable[[Measurement], Examples | None]:
    """Reads a measurement's per-example outcomes, from the artifact that holds them where they are many."""
    from luthier.run.outcomes import outcomes_from_bytes

    @lru_cache(maxsize=1024)
    def at(address: str) -> Examples:
        return outcomes_from_bytes(artifacts.get(address))

    def read(measurement: Measurement) -> Examples | None:
        return at(measurement.examples) if isinstance(measurement.examples, str) else measurement.examples

    return read


def dotted(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {f"{lever}.{name}": value for lever, values in settings.items() for name, value in values.items()}
