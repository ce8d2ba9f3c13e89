"""Define-by-run: a function that asks its trial for settings as it goes, and reports values while it runs.

    def objective(trial):
        learning_rate = trial.suggest_float("learning_rate", 1e-5, 1e-1, log=True)
        for epoch in range(20):
            trial.report(accuracy := train_one_epoch(learning_rate), epoch)
            if trial.should_prune():
                raise lt.TrialPruned
        return accuracy

A function can't be left and entered again as a generator can, so where it reports it runs in a thread, which
stands still at every report until the study wants more.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any, Protocol

from luthier.core.errors import SpaceError, StageError
from luthier.core.lever import Lever
from luthier.core.parameter import Choice, Float, Int, Parameter, Scalar, Value
from luthier.core.seeds import derive_seed
from luthier.stages.outcome import as_number


class TrialPruned(StageError):  # noqa: N818 - the name that users of Optuna know
    """Raised by an objective to end its trial, as `trial.should_prune()` advises.

    Where the study had asked for it the trial is STOPPED. Where the objective gives up by itself, the trial
    FAILED with this error, and its measurements so far stay.
    """


@dataclass(frozen=True)
class DefineByRun:
    """Marks `function` as one that takes a trial, whatever its parameter is called."""

    function: Callable[..., Any]

    def __call__(self, trial: LiveTrial) -> Any:
        return self.function(trial)


class Listener(Protocol):
    """Who hears the reports of a live trial."""

    def hear(self, value: float) -> None:
        """Take in one reported value; may block, or raise TrialPruned."""
        ...

    @property
    def stopped(self) -> bool:
        """Whether the study wants no more of this trial."""
        ...


@dataclass
class LiveTrial:
    """The trial as an objective sees it, with the methods that users of Optuna expect.

    A setting that the config holds is taken from there. One that it lacks is drawn from its prior by the
    trial's seed and the setting's name, so that the same trial always draws the same value, whatever it asks
    first; the study learns of it by `Measurement.drawn` and searches it from then on. The range of a setting
    must not change from trial to trial.

    `number` tells trials apart: it is the trial's seed, since a stage isn't told its place in the study.
    Numbers given to `set_user_attr` are kept with the measurements, as metrics; other attributes only last as
    long as the function runs.
    """

    settings: Mapping[str, Value]
    number: int
    listener: Listener
    params: dict[str, Any] = field(default_factory=dict[str, Any])
    user_attrs: dict[str, Any] = field(default_factory=dict[str, Any])
    drawn: dict[str, Any] = field(default_factory=dict[str, Any])
    _steps: set[int] = field(default_factory=set[int])

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """A number in [low, high]; raises SpaceError where there can be none."""
        if low == high:
            return self.params.setdefault(name, float(low))
        return self._suggest(name, lambda: Float(low, high, log=log, step=step))

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """A whole number in [low, high]; raises SpaceError where there can be none."""
        if low == high:
            return self.params.setdefault(name, int(low))
        return self._suggest(name, lambda: Int(low, high, log=log, step=step))

    def suggest_categorical(self, name: str, choices: Sequence[Scalar]) -> Any:
        """One of `choices`, which are numbers, texts, True, False or None."""
        return self._suggest(name, lambda: Choice(tuple(choices)))

    def report(self, value: float, step: int) -> None:
        """Tell the study of the value after one more unit of fidelity; waits until it wants more.

        Each step counts once; its number only tells repeated reports apart. Raises TrialPruned if the study
        ended the trial and `should_prune` was passed over.
        """
        if int(step) in self._steps:
            return
        self._steps.add(int(step))
        self.listener.hear(as_number(value, "trial.report"))

    def should_prune(self) -> bool:
        """Whether the study wants no more of this trial: raise TrialPruned then."""
        return self.listener.stopped

    def set_user_attr(self, key: str, value: Any) -> None:
        """Note something about the trial."""
        self.user_attrs[key] = value

    @property
    def metrics(self) -> dict[str, float]:
        """The user's attributes that are numbers."""
        return {
            name: float(value)
            for name, value in self.user_attrs.items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        }

    def take_drawn(self) -> dict[str, Any]:
        """What was drawn since this was last asked: by name, the value and its parameter as JSON."""
        taken, self.drawn = self.drawn, {}
        return taken

    def _suggest(self, name: str, make: Callable[[], Parameter]) -> Any:
        try:
            parameter = make()
        except SpaceError as error:
            raise SpaceError(f"setting '{name}': {error}") from None
        if name in self.params or name in self.settings:
            return self._known(name, parameter)
        Lever("drawn", {name: parameter})  # a name that no lever can hold is refused here
        import numpy as np

        rng = np.random.default_rng(derive_seed(self.number, "drawn", name))
        value = parameter.draw(rng.random(parameter.width).tolist())
        self.params[name] = value
        plain = list(value) if isinstance(value, tuple) else value
        self.drawn[name] = {"value": plain, "parameter": parameter.to_json()}
        return value

    def _known(self, name: str, parameter: Parameter) -> Value:
        value = self.params.get(name, self.settings.get(name))
        try:
            self.params[name] = parameter.check(value)
        except SpaceError as error:
            raise StageError(
                f"setting '{name}' is {value!r} in this trial, but the function suggests it so that it {error}; "
                "suggest a setting from the same range in every trial, or give the other range another name"
            ) from None
        return self.params[name]


class Deaf:
    """A listener where the whole run is the one unit of fidelity: reports are counted, nothing is ever stopped."""

    def __init__(self) -> None:
        self.heard = 0

    def hear(self, value: float) -> None:
        self.heard += 1

    @property
    def stopped(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Reported:
    """The function reported `value`, and stands still."""

    value: float


@dataclass(frozen=True, slots=True)
class Returned:
    """The function is over, with this `outcome`."""

    outcome: Any


class Handoff:
    """Runs a function in a thread that stands still at each report; a listener on the function's side.

    Use it as a context manager: on leaving, the function is told to stop, and its thread has ended. (A function
    that reports no more is waited for; one that swallows TrialPruned can't be stopped.)
    """

    def __init__(self) -> None:
        self._news: SimpleQueue[Reported | Returned | BaseException] = SimpleQueue()
        self._go: SimpleQueue[None] = SimpleQueue()
        self._stopped = False
        self._thread: threading.Thread | None = None

    def hear(self, value: float) -> None:
        if not self._stopped:
            self._news.put(Reported(value))
            self._go.get()
            return
        raise TrialPruned("the study ended this trial; leave the function when trial.should_prune() says so")

    @property
    def stopped(self) -> bool:
        return self._stopped

    def run(self, function: Callable[[LiveTrial], Any], trial: LiveTrial) -> Generator[Reported | Returned, None, None]:
        """Start `function` and give each of its reports, then what it returned; raises what it raised."""

        def body() -> None:
            try:
                self._news.put(Returned(function(trial)))
            except BaseException as error:  # it is raised again on the other side
                self._news.put(error)

        # Daemonic, so that a function that can't be stopped doesn't keep the process from ending.
        self._thread = threading.Thread(
            target=contextvars.copy_context().run, args=(body,), name="luthier-objective", daemon=True
        )
        self._thread.start()
        while True:
            news = self._news.get()
            if isinstance(news, BaseException):
                raise news
            yield news
            if isinstance(news, Returned):
                return
            self._go.put(None)

    def __enter__(self) -> Handoff:
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread is not None:
            self._stopped = True
            self._go.put(None)
            self._thread.join()
