"""An Optuna study as a luthier study: its trials become events, as if luthier had run them."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from luthier.core.clock import ManualClock
from luthier.core.config import Config
from luthier.core.cost import Cost
from luthier.core.errors import UnknownName, UsageError
from luthier.core.events import Event, GrantEnded, IncumbentChosen, StudyCreated, TrialMeasured, TrialStarted
from luthier.core.history import History
from luthier.core.lever import DRAWN_LEVER, Lever
from luthier.core.metric import Metric
from luthier.core.parameter import Parameter, Value
from luthier.core.trial import Failure, Fidelity, Measurement, Purpose, Status
from luthier.integrations.optuna_space import FittedSpace, choice_of, ended, fit_space
from luthier.study.ask_tell import UNBOUNDED
from luthier.study.build import installed_versions
from luthier.study.home import checked_name, free_name, open_home
from luthier.study.journal import Journal
from luthier.study.standing import challenges, standings


@dataclass(frozen=True)
class Imported:
    """The luthier study that an Optuna study became.

    `levers` and `metric` are what `lt.ask_tell` needs to go on with it; `names` gives the setting of each Optuna
    parameter; `left_out` counts the trials that were running or waiting.

        found = study_from_optuna(study, name="mine")
        lt.ask_tell(found.levers, metric=found.metric, name=found.name, resume=True)
    """

    name: str
    metric: Metric
    levers: Mapping[str, Mapping[str, Parameter]]
    names: Mapping[str, str]
    trials: int
    left_out: int


def study_from_optuna(
    study: optuna.Study | str,
    storage_url: str | None = None,
    *,
    name: str | None = None,
    store: str | None = None,
    metric: str | None = None,
    objective: int = 0,
) -> Imported:
    """Write an Optuna study into a luthier store, for `luthier show`, `luthier export` and searches that go on.

    `study` is an Optuna study, or the name of one in the storage at `storage_url`. `name` is what luthier calls it
    (Optuna's name, with a number after it where that is taken, unless stated); `store` is a path or URL.

    All parameters form the lever "settings"; signs that a setting's name can't have become '_'. Conditions are
    those that explain the trials. A complete trial is COMPLETED, a pruned one STOPPED, one that failed FAILED, as is
    one that broke a constraint. The first that completed is the baseline, which gains are counted from.
    Intermediate values are measurements at fidelities 1, 2, ... in the order of their steps, the value is one at the
    highest. `objective` says which of several objectives is the study's metric, and `metric` what to call it (as
    Optuna does, or "value"); the others, constraints, and user attributes that are numbers are metrics of the trial.
    Its cost is the time it took, which in Optuna includes thinking it up.

    Raises UsageError where no trial has ended, the objective isn't one, the storage can't be opened or the name is
    taken; UnknownName where the storage has no such study.
    """
    source = _loaded(study, storage_url)
    if not 0 <= objective < len(source.directions):
        raise UsageError(
            f"study '{source.study_name}' has {len(source.directions)} objectives, counted from 0; got {objective}"
        )
    trials = source.get_trials(deepcopy=False)
    over = sorted(ended(trials), key=lambda trial: (_started(trial), trial.number))
    if not over:
        raise UsageError(f"no trial of the Optuna study '{source.study_name}' has ended; run it first")
    reading = _Reading.of(source, over, objective, metric)
    home = open_home(store)
    chosen = checked_name(name) if name is not None else free_name(home, checked_name(source.study_name))
    clock = ManualClock(time.time())
    journal = Journal.create(home.store, chosen, reading.created(source), home.writer, clock)
    try:
        for seconds, event in _timed(over, reading):
            clock.advance(seconds)
            journal.write(event)
            if isinstance(event, GrantEnded) and event.status is Status.COMPLETED:
                _choose(journal, event.trial)
        journal.flush()
    finally:
        journal.close("taken over from Optuna")
    levers = {DRAWN_LEVER: reading.settings} if reading.settings else {}
    return Imported(chosen, reading.metric, levers, reading.names, len(over), len(trials) - len(over))


def _loaded(study: optuna.Study | str, storage_url: str | None) -> optuna.Study:
    if isinstance(study, optuna.Study):
        if storage_url is not None:
            raise UsageError("an Optuna study knows its storage; leave storage_url out, or give the study's name")
        return study
    if storage_url is None:
        raise UsageError(f"to find the Optuna study '{study}', name its storage, such as 'sqlite:///optuna.db'")
    path = storage_url.removeprefix("sqlite:///")
    if path != storage_url and not Path(path.partition("?")[0]).is_file():  # Optuna would make an empty one
        raise UsageError(f"there is no file '{path}' to read the Optuna study '{study}' from; check storage_url")
    try:
        known = optuna.get_all_study_names(storage_url)
    except Exception as error:  # whatever the driver of that database raises
        raise UsageError(f"Optuna can't open the storage at storage_url: {type(error).__name__}: {error}") from error
    if study not in known:
        raise UnknownName("Optuna study", study, known)
    return optuna.load_study(study_name=study, storage=storage_url)


@dataclass(frozen=True)
class _Reading:
    """How the trials of one Optuna study are read: as which settings, which metric, which units of fidelity.

    `others` lists, by Optuna name, the values of parameters that the fitted space doesn't hold.
    """

    fitted: FittedSpace
    others: Mapping[str, Sequence[Any]]
    settings: Mapping[str, Parameter]
    names: Mapping[str, str]
    metric: Metric
    objective: int
    objectives: tuple[str, ...]
    steps: tuple[int, ...]

    @staticmethod
    def of(study: optuna.Study, over: Sequence[FrozenTrial], objective: int, called: str | None) -> _Reading:
        fitted = fit_space(over)
        names = _setting_names(fitted.seen)
        settings: dict[str, Parameter] = {}
        others: dict[str, list[Any]] = {}
        for name in fitted.seen:
            if name in fitted.space.parameters:
                settings[names[name]] = _renamed(fitted.space.parameters[name], names)
            else:  # a single value, changing kinds, or bounds that luthier can't hold: the values there were
                others[name] = _different(over, name)
                settings[names[name]] = choice_of(others[name])
        several = len(study.directions) > 1
        objectives = study.metric_names or [f"value_{n}" if several else "value" for n in range(len(study.directions))]
        direction = "maximize" if study.directions[objective] is optuna.study.StudyDirection.MAXIMIZE else "minimize"
        metric = Metric(called or objectives[objective], direction)  # pyright: ignore[reportArgumentType]
        steps = sorted({step for trial in over for step in trial.intermediate_values})
        return _Reading(fitted, others, settings, names, metric, objective, tuple(objectives), tuple(steps))

    @property
    def fidelity(self) -> Fidelity:
        return Fidelity("step", len(self.steps), cumulative=False) if len(self.steps) > 1 else Fidelity()

    def created(self, study: optuna.Study) -> StudyCreated:
        levers = {DRAWN_LEVER: Lever(DRAWN_LEVER, self.settings).to_json()} if self.settings else {}
        about = {"study": study.study_name, "objectives": list(self.objectives), "settings": dict(self.names)}
        versions = {**installed_versions(), "optuna": optuna.__version__}
        return StudyCreated(
            metric=self.metric,
            levers=levers,
            budget=UNBOUNDED,
            fidelity=self.fidelity,
            task={"optuna": about},
            versions=versions,
        )

    def config(self, trial: FrozenTrial) -> Config:
        values = self.fitted.values(trial.params)
        found: dict[str, Value] = {}
        for name, setting in self.names.items():
            if name in values:
                found[setting] = values[name]
            elif name in trial.params and name in self.others:
                place = [_alike(value) for value in self.others[name]].index(_alike(trial.params[name]))
                found[setting] = self.settings[setting].grid(len(self.others[name]))[place]
        return Config({f"{DRAWN_LEVER}.{setting}": value for setting, value in found.items()})

    def measurements(self, trial: FrozenTrial) -> list[Measurement]:
        """The intermediate values, then the value at the highest fidelity; the rest of the numbers with the last."""
        place = {step: unit for unit, step in enumerate(self.steps, start=1)}
        units = {place[step]: trial.intermediate_values[step] for step in sorted(trial.intermediate_values)}
        if trial.state is TrialState.COMPLETE:
            broken = _broken(trial)
            units[self.fidelity.maximum] = math.nan if broken else trial.values[self.objective]
        rows = [Measurement(unit, value) for unit, value in units.items()]
        return [*rows[:-1], replace(rows[-1], metrics=self._metrics(trial))] if rows else []

    def _metrics(self, trial: FrozenTrial) -> dict[str, float]:
        values = trial.values if trial.state is TrialState.COMPLETE else []
        broken = bool(_broken(trial))
        others = {
            name: value
            for number, (name, value) in enumerate(zip(self.objectives, values, strict=False))
            if number != self.objective or broken
        }
        constraints = {f"constraint {name}": value for name, value in _constraints(trial).items()}
        numbers = {
            name: float(value)
            for name, value in trial.user_attrs.items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        }
        return {**numbers, **constraints, **others}


def _timed(over: Sequence[FrozenTrial], reading: _Reading) -> list[tuple[float, Event]]:
    """The events in order, each with the seconds since the one before; time while nothing ran isn't counted."""
    moments: list[tuple[datetime, int, bool]] = []
    for number, trial in enumerate(over):
        moments += [(_started(trial), number, False), (_ended(trial), number, True)]
    measured = (n for n, one in enumerate(over) if one.state is TrialState.COMPLETE and not _broken(one))
    baseline = next(measured, None)
    timed: list[tuple[float, Event]] = []
    before, running = datetime.min, 0  # noqa: DTZ901 - Optuna's times carry no zone
    for moment, number, is_end in sorted(moments):
        passed = (moment - before).total_seconds() if running else 0.0
        if is_end:
            events = _end(number, over[number], reading)
        else:
            events = [_start(number, over[number], reading, is_baseline=number == baseline)]
        timed += [(passed if place == 0 else 0.0, event) for place, event in enumerate(events)]
        before, running = moment, running + (-1 if is_end else 1)
    return timed


def _start(number: int, trial: FrozenTrial, reading: _Reading, *, is_baseline: bool) -> Event:
    return TrialStarted(
        trial=number,
        config=reading.config(trial),
        until=reading.fidelity.maximum,
        purpose=Purpose.BASELINE if is_baseline else Purpose.SEARCH,
        levers=() if is_baseline or not reading.settings else (DRAWN_LEVER,),
        why={"searcher": "optuna", "number": trial.number},
        reserved=Cost(trials=1),
    )


def _end(number: int, trial: FrozenTrial, reading: _Reading) -> list[Event]:
    cost = Cost(seconds=(_ended(trial) - _started(trial)).total_seconds(), trials=1)
    status, failure = Status.COMPLETED, None
    if trial.state is TrialState.FAIL:
        status, failure = Status.FAILED, Failure("failed in Optuna", "Optuna doesn't keep why")
    elif _broken(trial):
        status, failure = Status.FAILED, Failure("constraint", f"above 0: {', '.join(_broken(trial))}")
    elif trial.state is TrialState.PRUNED:
        status = Status.STOPPED
    measured = [TrialMeasured(trial=number, measurement=one) for one in reading.measurements(trial)]
    return [*measured, GrantEnded(trial=number, status=status, cost=cost, failure=failure)]


def _choose(journal: Journal, number: int) -> None:
    """Write the incumbent where the trial just completed may have changed it."""
    history: History = journal.history
    if not challenges(history, history.trials[number]):
        return
    best = next(row for row in standings(history) if row.trial.status is Status.COMPLETED)
    if not history.incumbents or history.incumbents[-1].trial != best.trial.id:
        journal.write(IncumbentChosen(trial=best.trial.id, mean=best.mean, deviation=best.deviation))


def _started(trial: FrozenTrial) -> datetime:
    return trial.datetime_start or trial.datetime_complete or datetime.min  # noqa: DTZ901


def _ended(trial: FrozenTrial) -> datetime:
    return max(trial.datetime_complete or _started(trial), _started(trial))


def _constraints(trial: FrozenTrial) -> dict[str, float]:
    return dict(getattr(trial, "constraints", {}))  # since Optuna 5


def _broken(trial: FrozenTrial) -> list[str]:
    return [name for name, value in _constraints(trial).items() if not value <= 0]


def _setting_names(names: Mapping[str, Any]) -> dict[str, str]:
    """What luthier calls each parameter: its name with '_' for what a setting's name can't hold, numbered if taken."""
    taken: dict[str, str] = {}
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9_\-]", "_", name)
        base = plain if re.match(r"[A-Za-z_]", plain) else f"_{plain}"
        free, number = base, 1
        while free in taken.values() or (free != name and free in names):
            number += 1
            free = f"{base}_{number}"
        taken[name] = free
    return taken


def _renamed(parameter: Parameter, names: Mapping[str, str]) -> Parameter:
    if not parameter.when:
        return parameter
    kind: Any = parameter
    return replace(kind, when={names[parent]: test for parent, test in parameter.when.items()})


def _different(over: Sequence[FrozenTrial], name: str) -> list[Any]:
    """The values of `name`, each once, in the order they came; 1 and True are two."""
    return list({_alike(trial.params[name]): trial.params[name] for trial in over if name in trial.params}.values())


def _alike(value: Any) -> tuple[type, str]:
    return type(value), repr(value)
