"""The stage `function`: any Python callable. It knows no data; what it measures on is its own affair."""

from __future__ import annotations

import inspect
import json
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

from luthier.core.contracts import Context, Prediction, Settings
from luthier.core.dataset import Dataset
from luthier.core.errors import StageError, UsageError, nearest_first
from luthier.core.lever import Lever
from luthier.core.trial import Fidelity, Measurement
from luthier.stages.define_by_run import Deaf, DefineByRun, Handoff, LiveTrial, Reported, Returned, TrialPruned
from luthier.stages.fingerprint import code_version
from luthier.stages.outcome import as_measurement, with_drawn

Objective = Callable[[Settings, int], Any]
"""The user's function behind one face: settings and seed in, an outcome out."""


@dataclass(frozen=True)
class FunctionStage:
    """Measures by calling `function`, which may take

        f(learning_rate, depth)     its settings by name; `seed`, if it has such a parameter, is the trial's
        f(**settings)               likewise
        f(settings)                 one mapping of all settings
        f(trial)                    define-by-run, when the parameter is called `trial` or the function is marked
                                    with DefineByRun: see `luthier.stages.define_by_run`

    and may give a number, a dict of metrics that holds `metric` under its name, or a Measurement. With a
    fidelity above one unit it is a generator that yields one of those a unit, or a define-by-run function that
    reports one a unit: then its return value counts for the last unit, and for the rest where it ends early.

    It keeps no state between grants: a resumed trial runs from the start again, and what was measured before
    isn't measured twice but passed over. `version` follows the function's source text unless it is stated.
    Raises UsageError when its parameters don't fit the settings.
    """

    function: Callable[..., Any]
    levers: tuple[Lever, ...] = ()
    fidelity: Fidelity = field(default_factory=Fidelity)
    name: str = "function"
    version: str = ""
    metric: str | None = None

    kind: ClassVar[str] = "function"

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise UsageError(f"the stage '{self.name}' needs something that can be called; got {self.function!r:.80}")
        object.__setattr__(self, "levers", tuple(self.levers))
        marked = self.function.function if isinstance(self.function, DefineByRun) else self.function
        object.__setattr__(self, "version", self.version or code_version(marked))
        if not self._runs_a_trial:
            _by_settings(self.function, self._known_settings, self.name)
            self._check_conditional()

    def evaluate(self, settings: Settings, context: Context) -> Generator[Measurement, None, None]:
        """One measurement a unit, after those that `context.measured` holds already."""
        if not self._runs_a_trial:
            yield from self._evaluate_plain(settings, context)
        elif self.fidelity.maximum == 1:
            yield from self._evaluate_trial_once(settings, context)
        else:
            yield from self._evaluate_trial(settings, context)

    def finalize(self, settings: Settings, context: Context) -> str:
        """The address of the settings as JSON: there is nothing else to keep of a function."""
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()}
        return context.artifacts.put(json.dumps({"settings": plain}, sort_keys=True).encode())

    def predict(self, artifact: str, inputs: Dataset, context: Context) -> Prediction:
        """Raises UsageError: a function measures, but makes no model."""
        raise UsageError(
            f"the stage '{self.name}' is a plain function and makes no model, so it can't predict; "
            "use an estimator, a command with `predict`, or a stage of your own"
        )

    def _evaluate_plain(self, settings: Settings, context: Context) -> Generator[Measurement, None, None]:
        objective = _by_settings(self.function, self._known_settings, self.name)
        outcome = objective(settings, context.seed)
        if isinstance(outcome, Iterator):
            yield from self._from_generator(outcome, context)
            return
        if self.fidelity.maximum > 1:
            raise StageError(
                f"{self._called} must yield one value for each {self.fidelity.unit}, {self.fidelity.maximum} in all, "
                f"but gave {outcome!r:.80}; make it a generator with `yield`, let it take a `trial` and report, "
                "or leave the fidelity out"
            )
        yield as_measurement(outcome, 1, self.metric, self._called)

    def _from_generator(self, outcomes: Iterator[Any], context: Context) -> Generator[Measurement, None, None]:
        try:
            for unit in range(1, context.until + 1):
                try:
                    outcome = next(outcomes)
                except StopIteration:
                    raise self._too_few(unit - 1, context.until, "yielded") from None
                if unit > len(context.measured):
                    yield as_measurement(outcome, unit, self.metric, self._called)
        finally:
            close = getattr(outcomes, "close", None)
            if close is not None:
                close()

    def _evaluate_trial_once(self, settings: Settings, context: Context) -> Generator[Measurement, None, None]:
        deaf = Deaf()
        trial = LiveTrial(settings, context.seed, deaf)
        outcome = self._ending_itself(self.function, trial)
        if deaf.heard:
            warnings.warn(
                f"{self._called} reports as it goes, but its fidelity is one unit, so nothing can be stopped early; "
                'state for example fidelity=Fidelity("epoch", 20, cumulative=False) to let the study stop bad trials',
                stacklevel=2,
            )
        measurement = as_measurement(outcome, 1, self.metric, self._called)
        yield with_drawn(measurement, trial.take_drawn(), trial.metrics)

    def _evaluate_trial(self, settings: Settings, context: Context) -> Generator[Measurement, None, None]:
        highest, reports = self.fidelity.maximum, 0
        with Handoff() as handoff:
            trial = LiveTrial(settings, context.seed, handoff)
            for news in handoff.run(partial(self._ending_itself, self.function), trial):
                if isinstance(news, Returned):
                    yield from self._returned(news.outcome, reports, trial, context)
                    return
                reports = self._counted(news, reports)
                if reports <= len(context.measured):
                    trial.take_drawn()
                elif reports < highest:
                    yield with_drawn(Measurement(reports, news.value), trial.take_drawn(), trial.metrics)
                    if reports == context.until:
                        return

    def _returned(
        self, outcome: Any, reports: int, trial: LiveTrial, context: Context
    ) -> Generator[Measurement, None, None]:
        if not reports:
            raise self._too_few(0, context.until, "reported")
        for unit in range(max(min(reports, self.fidelity.maximum - 1), len(context.measured)) + 1, context.until + 1):
            measurement = as_measurement(outcome, unit, self.metric, self._called)
            yield with_drawn(measurement, trial.take_drawn(), trial.metrics)

    def _counted(self, news: Reported, reports: int) -> int:
        if reports == self.fidelity.maximum:
            raise StageError(
                f"{self._called} reported more than the {self.fidelity.maximum} values of its fidelity "
                f"(unit: {self.fidelity.unit}); report once a unit, or raise the fidelity"
            )
        return reports + 1

    def _ending_itself(self, function: Callable[..., Any], trial: LiveTrial) -> Any:
        """Call `function`, and tell a trial that it gave up by itself from one that the study ended."""
        try:
            return function(trial)
        except TrialPruned as error:
            if trial.should_prune():
                raise
            reason = f": {error}" if str(error) else ""
            raise TrialPruned(
                f"{self._called} ended its trial although the study had not asked for it{reason}"
            ) from error

    def _too_few(self, units: int, until: int, verb: str) -> StageError:
        return StageError(
            f"{self._called} {verb} {units} of the {until} values that were asked for (unit: {self.fidelity.unit}, "
            f"{self.fidelity.maximum} in all); it must give one value a unit, or state a lower fidelity"
        )

    def _check_conditional(self) -> None:
        parameters = _parameters(self.function) or {}
        for lever in self.levers:
            for setting, parameter in lever.settings.items():
                if parameter.when and setting in parameters and parameters[setting].default is inspect.Parameter.empty:
                    raise UsageError(
                        f"the setting '{setting}' exists only in some trials, so the function of stage "
                        f"'{self.name}' must give its parameter a default, such as {setting}=None"
                    )

    @property
    def _known_settings(self) -> tuple[str, ...]:
        return tuple(setting for lever in self.levers for setting in lever.settings)

    @property
    def _called(self) -> str:
        return f"the function of stage '{self.name}'"

    @property
    def _runs_a_trial(self) -> bool:
        if isinstance(self.function, DefineByRun):
            return True
        parameters = _parameters(self.function)
        return parameters is not None and list(parameters) == ["trial"] and "trial" not in self._known_settings


def _by_settings(function: Callable[..., Any], settings: tuple[str, ...], stage: str) -> Objective:
    """How `function` takes its settings; raises UsageError where it can't take them."""
    parameters = _parameters(function)
    if parameters is None or _takes_a_mapping(parameters, settings):
        return lambda values, seed: function(dict(values))
    takes_any = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
    named = {name for name, each in parameters.items() if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)}
    for setting in settings:
        if setting not in named and not takes_any:
            listed = ", ".join(nearest_first(setting, named)) or "none"
            raise UsageError(
                f"the function of stage '{stage}' has no parameter for the setting '{setting}'; "
                f"its parameters are: {listed}. Rename one, or let it take one mapping of all settings"
            )
    for name, each in parameters.items():
        optional = each.default is not each.empty or each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
        if not optional and name not in settings and name != "seed":
            listed = ", ".join(nearest_first(name, settings)) or "none"
            raise UsageError(
                f"the function of stage '{stage}' needs the parameter '{name}', which no setting provides; "
                f"the settings are: {listed}. Rename it, or give it a default"
            )
    takes_seed = "seed" in named and "seed" not in settings
    return lambda values, seed: function(**values, **({"seed": seed} if takes_seed else {}))


def _takes_a_mapping(parameters: Mapping[str, inspect.Parameter], settings: tuple[str, ...]) -> bool:
    """Whether the one parameter is for all settings together: it has no setting's name."""
    if len(parameters) != 1:
        return False
    ((name, only),) = parameters.items()
    return only.kind in (only.POSITIONAL_ONLY, only.POSITIONAL_OR_KEYWORD) and name not in settings


def _parameters(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter] | None:
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):
        return None
