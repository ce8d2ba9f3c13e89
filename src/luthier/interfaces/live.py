"""The live view of a running study: where it stands, what it found and spent, and how long it will still take.

    with LiveView("reviews") as live:
        run(..., observers=(live,))

On a terminal it draws itself anew a few times a second; elsewhere it writes a plain line for each thing worth
telling. It never raises into the run: when the terminal is gone, it falls silent.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from luthier.core.budget import Ledger
from luthier.core.config import Config
from luthier.core.cost import NOTHING, Cost
from luthier.core.events import (
    BudgetSettled,
    Event,
    FinalSetFrozen,
    GrantEnded,
    IncumbentChosen,
    SessionClosed,
    SessionOpened,
    StudyConcluded,
    TestOpened,
    TrialResumed,
    TrialStarted,
)
from luthier.core.history import History
from luthier.core.metric import Metric
from luthier.core.trial import Purpose, Status, Trial
from luthier.report.bill import heading, owner_heading
from luthier.report.cells import bare_table, line, safe
from luthier.report.changes import changes_between, describe_by_lever
from luthier.report.credit import JOINT, credited_to, validation_credits
from luthier.report.words import clean, count, decimals_for, dollars, duration, number, signed

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.live import Live

REFRESH_SECONDS = 0.25
PROGRESS_SECONDS = 10.0
BAR_WIDTH = 24

STARTING = "starting"
MEASURING = "measuring the baseline"
SEARCHING = "searching"
CONFIRMING = "confirming the best on fresh seeds or rows"
FITTING = "final fits on all development rows"
TESTING = "opening the held-out test"
DONE = "done"

_PHASES = {Purpose.BASELINE: MEASURING, Purpose.SEARCH: SEARCHING, Purpose.CONFIRMATION: CONFIRMING}


@dataclass
class Standing:
    """What the view knows of a study. Taking an event in takes constant time, however long the study is."""

    metric: Metric
    levers: tuple[str, ...]
    ledger: Ledger
    phase: str = STARTING
    running: int = 0
    ended: int = 0
    failed: int = 0
    baseline: float | None = None
    best: IncumbentChosen | None = None
    best_config: Config | None = None
    owner: str | None = None
    spent: dict[str, Cost] = field(default_factory=dict[str, Cost])
    gains: dict[str, float] = field(default_factory=dict[str, float])
    last_failure: str = ""
    failures_told: int = 0

    @staticmethod
    def of(history: History) -> Standing:
        """Where a history stands that began before the view did; takes time in proportion to its length."""
        levers = tuple(history.levers)
        standing = Standing(history.metric, levers, history.ledger)
        for trial in history.trials:
            standing._pay(heading(trial, levers), trial.cost)
            standing._count(trial)
        for owner, cost in history.spent_by.items():
            standing._pay(owner_heading(owner), cost)
        standing.running = len(history.with_status(Status.RUNNING))
        standing.gains = validation_credits(history)
        if history.incumbents:
            standing.best = history.incumbents[-1]
            standing.best_config = history.trials[standing.best.trial].config
        if history.trials:
            standing.phase = _PHASES[history.trials[-1].purpose]
        return standing

    @property
    def gain(self) -> float | None:
        """The incumbent over the baseline on validation rows; positive is better."""
        if self.best is None or self.baseline is None:
            return None
        return self.metric.gain(self.best.mean, self.baseline)

    def take(self, event: Event, history: History) -> None:
        """Take one event in, which `history` holds already."""
        self.ledger = history.ledger
        match event:
            case TrialStarted():
                self.phase, self.running = _PHASES[event.purpose], self.running + 1
            case TrialResumed():
                self.phase, self.running = _PHASES[history.trials[event.trial].purpose], self.running + 1
            case GrantEnded():
                self.running = max(0, self.running - 1)
                self._pay(heading(history.trials[event.trial], self.levers), event.cost)
                self._count(history.trials[event.trial])
            case IncumbentChosen():
                self._step(event, history.trials[event.trial])
            case BudgetSettled():
                self._pay(owner_heading(event.owner), event.amount)
            case SessionOpened():
                self.running = 0
            case FinalSetFrozen():
                self.phase = FITTING
            case TestOpened():
                self.phase = TESTING
            case StudyConcluded():
                self.phase = DONE
            case _:
                pass

    def seconds_left(self, elapsed: float) -> float | None:
        """Wall seconds until the first ceiling is reached, at the pace so far; None while there is none."""
        estimates: list[float] = []
        for name, ceiling in self.ledger.budget.to_json().items():
            used = elapsed if name == "seconds" else float(getattr(self.ledger.spent, name))
            if name == "seconds":
                estimates.append(max(0.0, ceiling - elapsed))
            elif used > 0:
                estimates.append(max(0.0, ceiling - used) * elapsed / used)
        return min(estimates, default=None)

    def _pay(self, name: str, cost: Cost) -> None:
        self.spent[name] = self.spent.get(name, NOTHING) + cost

    def _count(self, trial: Trial) -> None:
        if trial.status in (Status.COMPLETED, Status.STOPPED, Status.FAILED, Status.PAUSED):
            self.ended += trial.purpose is not Purpose.CONFIRMATION  # which measures a trial again
        if trial.status is Status.FAILED:
            self.failed += 1
            self.last_failure = "" if trial.failure is None else f"{trial.failure.kind}: {trial.failure.message}"
        if trial.purpose is Purpose.BASELINE:
            self.baseline = trial.value
            self.best_config = self.best_config or trial.config

    def _step(self, chosen: IncumbentChosen, trial: Trial) -> None:
        before = self.best.mean if self.best else self.baseline
        if self.best_config is not None and before is not None:
            self.owner = credited_to(self.best_config, trial.config) or self.owner
            if self.owner is not None:
                self.gains[self.owner] = self.gains.get(self.owner, 0.0) + self.metric.gain(chosen.mean, before)
        self.best, self.best_config = chosen, trial.config


class LiveView:
    """An observer of a study, to be used as a context manager or by `start` and `stop`.

    `console` is rich's, by default one that writes to standard error, so that standard output stays free for
    what the program is asked for. `quiet` shows nothing. `clock` gives seconds that never go back.
    """

    def __init__(
        self,
        name: str = "",
        *,
        console: Console | None = None,
        quiet: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = clean(name, 40)
        self._console = console
        self._is_silent = quiet
        self._clock = clock
        self._lock = threading.Lock()
        self._standing: Standing | None = None
        self._heard_at = 0.0
        self._is_ticking = False
        self._live: Live | None = None
        self._ticker: threading.Thread | None = None
        self._stopping = threading.Event()
        self._told = _Told()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to draw, where there is a terminal to draw on."""
        if not self._is_silent:
            self._guarded(self._begin)

    def stop(self) -> None:
        """Take the drawing off the screen; harmless where nothing was begun."""
        self._stopping.set()
        if self._ticker is not None:
            self._ticker.join(timeout=2 * REFRESH_SECONDS + 1)
        live, self._live, self._ticker = self._live, None, None
        if live is not None:
            self._guarded(live.stop)

    def __call__(self, event: Event, history: History) -> None:
        """Take in an event that `history` holds already. Never raises."""
        if not self._is_silent:
            self._guarded(lambda: self._hear(event, history))

    def _begin(self) -> None:
        from rich.live import Live

        if self._console is None:
            self._console = _stderr_console()
        if not self._console.is_terminal or self._console.is_dumb_terminal:
            return
        self._stopping.clear()
        self._live = Live(
            console=self._console, auto_refresh=False, transient=True, get_renderable=lambda: _Frame(self._picture())
        )
        self._live.start()
        self._ticker = threading.Thread(target=self._tick, name="luthier live view", daemon=True)
        self._ticker.start()

    def _tick(self) -> None:
        while not self._stopping.wait(REFRESH_SECONDS):
            if self._live is None or self._is_silent:
                return
            self._guarded(self._live.refresh)

    def _hear(self, event: Event, history: History) -> None:
        with self._lock:
            if self._standing is None:
                self._standing = Standing.of(history)
            else:
                self._standing.take(event, history)
            self._heard_at = self._clock()
            self._is_ticking = not isinstance(event, SessionClosed | StudyConcluded)
        if self._live is None and self._console is not None:
            for text in self._told.worth_telling(event, history, self._standing):
                self._console.print(line(text, "", self._console.options), soft_wrap=True)

    def _picture(self) -> _Picture:
        with self._lock:
            standing = self._standing
            if standing is None:
                return _Picture(self.name)
            elapsed = standing.ledger.elapsed + (self._clock() - self._heard_at if self._is_ticking else 0.0)
            return _picture_of(self.name, standing, elapsed)

    def _guarded(self, action: Callable[[], Any]) -> None:
        """Do it; on any error fall silent for good, since a view must not stop a study."""
        try:
            action()
        except (Exception, SystemExit):  # rich answers a broken pipe with SystemExit
            self._is_silent = True
            self._stopping.set()


def _stderr_console() -> Console:
    from rich.console import Console

    class StderrConsole(Console):
        def on_broken_pipe(self) -> None:
            """Rich would close standard output and end the program; here the view alone ends."""
            raise BrokenPipeError

    return StderrConsole(stderr=True)


@dataclass
class _Told:
    """Which lines are worth writing where nothing can be drawn: phases, new bests, and progress now and then."""

    phase: str = ""
    best: int | None = None
    bests: set[int] = field(default_factory=set[int])
    at: float = 0.0

    def worth_telling(self, event: Event, history: History, standing: Standing) -> list[str]:
        texts: list[str] = []
        if standing.phase not in (self.phase, STARTING):
            self.phase = standing.phase
            texts.append(standing.phase)
        if (
            isinstance(event, GrantEnded)
            and history.trials[event.trial].purpose is Purpose.BASELINE
            and standing.baseline is not None
        ):
            texts.append(f"baseline: {standing.metric.name} {_score(standing.baseline, standing)}")
        if isinstance(event, IncumbentChosen) and standing.gain and event.trial != self.best:
            again = event.trial in self.bests
            texts.append(_best_again(event, standing) if again else _new_best(event, history, standing))
            self.best = event.trial
            self.bests.add(event.trial)
        if isinstance(event, SessionClosed) and history.concluded is None:
            texts.append(f"closed: {clean(event.reason)}")
        if not texts and event.elapsed - self.at >= PROGRESS_SECONDS:
            texts.append(_progress(standing))
        if not texts:
            return []
        self.at = event.elapsed
        return [f"[{_stamp(event.elapsed)}] {text}" for text in texts]


def _new_best(event: IncumbentChosen, history: History, standing: Standing) -> str:
    trial, baseline = history.trials[event.trial], history.baseline
    changed = "" if baseline is None else describe_by_lever(changes_between(baseline.config, trial.config))
    return f"new best: {_worth(event, standing)}, trial {trial.id}: {changed or 'the baseline'}"


def _best_again(event: IncumbentChosen, standing: Standing) -> str:
    """It was the best before another one seemed better for a while; what was changed was told then."""
    return f"best again: {_worth(event, standing)}, trial {event.trial}"


def _worth(event: IncumbentChosen, standing: Standing) -> str:
    gain = signed(standing.gain or 0.0, _decimals(standing))
    return f"{standing.metric.name} {_score(event.mean, standing)} ({gain} over the baseline)"


def _progress(standing: Standing) -> str:
    failed = f", {standing.failed:,} failed" if standing.failed else ""
    best = f", best {_score(standing.best.mean, standing)}" if standing.best else ""
    left = standing.seconds_left(standing.ledger.elapsed)
    rest = "" if left is None else f"; {_estimate(standing, left)}"
    return f"{standing.phase}: {count(standing.ended, 'trial')} done{failed}{best}{rest}"


def _stamp(seconds: float) -> str:
    whole = int(seconds)
    return (
        f"{whole // 60}:{whole % 60:02d}"
        if whole < 3600
        else f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
    )


def _estimate(standing: Standing, left: float) -> str:
    """The search takes what there is; what comes after it ends when it is done."""
    return f"{'about' if standing.phase in (MEASURING, SEARCHING) else 'at most'} {duration(left)} left"


def _decimals(standing: Standing) -> int:
    """Four significant digits of the baseline: a gain is small beside it, and digits that come and go distract."""
    return decimals_for(abs(standing.baseline or 0.0) / 100)


def _score(value: float, standing: Standing) -> str:
    return number(value, _decimals(standing))


@dataclass(frozen=True)
class _Row:
    """A lever as drawn: `share` in [0, 1] of the budget, `gain` on validation rows."""

    name: str
    share: float
    spent: str
    gain: str


@dataclass(frozen=True)
class _Picture:
    """One frame, as texts."""

    name: str
    phase: str = STARTING
    share: float = 0.0
    clock: str = ""
    found: str = ""
    counts: str = ""
    rows: tuple[_Row, ...] = ()
    failure: str = ""


def _picture_of(name: str, standing: Standing, elapsed: float) -> _Picture:
    left = standing.seconds_left(elapsed)
    budget = standing.ledger.budget
    clock = f"{duration(elapsed)} of {budget}" if budget.seconds else f"{duration(elapsed)}, budget {budget}"
    rest = "" if left is None or standing.phase == DONE else f", {_estimate(standing, left)}"
    share = standing.ledger.at(elapsed).fraction_used
    return _Picture(
        name,
        standing.phase,
        share,
        clock + rest,
        _found(standing),
        _counts(standing),
        tuple(_rows(standing, elapsed, share)),
        clean(standing.last_failure, 100),
    )


def _found(standing: Standing) -> str:
    metric = standing.metric.name
    if standing.baseline is None:
        return f"{metric}: no value yet"
    baseline = f"baseline {_score(standing.baseline, standing)}"
    if standing.best is None or not standing.gain:
        return f"{metric}: {baseline}, nothing better yet"
    gain = signed(standing.gain, _decimals(standing))
    return f"{metric}: best so far {_score(standing.best.mean, standing)}, {gain} over the {baseline} (validation)"


def _counts(standing: Standing) -> str:
    spent = standing.ledger.spent
    parts = [f"{count(standing.ended, 'trial')} done", f"{standing.running:,} running"]
    parts += [f"{standing.failed:,} failed"] if standing.failed else []
    parts += [count(spent.calls, "call")] if spent.calls else []
    parts += [count(spent.tokens, "token")] if spent.tokens else []
    parts += [dollars(spent.usd_micros)] if spent.usd_micros else []
    return ", ".join(parts)


def _rows(standing: Standing, elapsed: float, share: float) -> list[_Row]:
    whole = sum(cost.seconds for cost in standing.spent.values())
    names = [*standing.levers, *([JOINT] if JOINT in standing.spent and len(standing.levers) > 1 else [])]
    rows: list[_Row] = []
    for name in names:
        part = standing.spent.get(name, NOTHING).seconds / whole if whole > 0 else 0.0
        gain = standing.gains.get(name, 0.0)
        rows.append(
            _Row(name, part * share, duration(part * elapsed), signed(gain, _decimals(standing)) if gain else "-")
        )
    return rows


@dataclass(frozen=True)
class _Frame:
    """A picture as rich draws it."""

    picture: _Picture

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        picture = self.picture
        title = f"{picture.name}: {picture.phase}" if picture.name else picture.phase
        yield line(title[:1].upper() + title[1:] if not picture.name else title, "bold", options)
        if not picture.clock:
            return
        width = min(BAR_WIDTH, max(8, options.max_width // 4))
        head = Table.grid(padding=(0, 1))
        head.add_row(ProgressBar(1.0, picture.share, width=width), Text(picture.clock))
        yield head
        yield line(picture.found, "", options)
        yield line(picture.counts, "dim", options)
        table = bare_table([("Lever", "left"), ("Spent", "left"), ("", "right"), ("Gain seen", "right")])
        for row in picture.rows:
            table.add_row(
                Text(safe(row.name, options.ascii_only)),
                ProgressBar(1.0, row.share, width=width),
                Text(row.spent),
                Text(row.gain),
            )
        yield table
        if picture.failure:
            yield line(f"last failure: {picture.failure}", "yellow", options)
