"""Carrying out one task: the code that the inline runner and the worker process share.

It knows the contract of stages and of jobs. It knows no processes, no queues and no time limits that end
anything between two yields: those are the runners'.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from luthier.core.clock import Clock, SystemClock
from luthier.core.contracts import (
    Artifacts,
    Context,
    Evaluate,
    Failed,
    Finalize,
    Finished,
    Predict,
    Prediction,
    Task,
    Yielded,
)
from luthier.core.cost import NOTHING, Cost, less
from luthier.core.trial import Decision, Examples, Measurement
from luthier.run.failure import Breach, failure_of, one_line
from luthier.run.meter import LocalMeter, larger
from luthier.run.outcomes import outcomes_to_bytes

MOST_EXAMPLES_IN_A_MESSAGE = 2_000
CHECKPOINT_SECONDS = 30.0

_BROKEN = "StageError"


@dataclass(frozen=True, slots=True)
class Saved:
    """A checkpoint was written after `fidelity` units: where another worker may go on. Between runner and worker."""

    key: str
    checkpoint: str
    fidelity: int


Step = Yielded | Saved | Finished | Failed
Drive = Generator[Step, Decision | None, None]


def drive(
    task: Task,
    artifacts: Artifacts,
    *,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    before: Cost = NOTHING,
    report_spending: Callable[[Cost], None] | None = None,
    clock: Clock | None = None,
) -> Drive:
    """Carry `task` out step by step; the last step is Finished or Failed.

    After a Yielded, send the Decision on it, or None to go on; one with `waiting` needs a Decision. Closing
    the drive closes the stage's generator, so that its `finally` runs.

    A checkpoint is written at the grant's end if that lies below the stage's highest fidelity, and at yields
    that come `checkpoint_seconds` or more after the last one. `before` is what an earlier attempt at this
    grant spent; `report_spending` hears of every change of the meter. A time limit (`task.limits.seconds`, of
    the stage's own time, waiting left out) is looked at only between two units, and a grant that has reached
    its end isn't failed for it.

    Exceptions of the stage, SystemExit included, become Failed. KeyboardInterrupt passes through, after the
    stage's generator was closed: it is the user's word to the runner, not to the stage.
    """
    bill = _Bill(clock or SystemClock())
    meter = LocalMeter(task.allowance, before, report_spending)
    try:
        match task.job:
            case Evaluate() as job:
                finished = yield from _evaluate(task, job, artifacts, meter, bill, checkpoint_seconds)
            case Finalize() as job:
                with bill.time():
                    artifact = task.stage.finalize(job.settings, _context(task, artifacts, meter))
                    finished = Finished(task.key, artifact=_checked_address(task, artifact, artifacts))
            case Predict() as job:
                with bill.time():
                    said = task.stage.predict(job.artifact, job.inputs, _context(task, artifacts, meter))
                    finished = Finished(task.key, prediction=_checked_prediction(task, said, len(job.inputs)))
    except (Exception, SystemExit) as error:
        yield Failed(task.key, failure_of(error), bill.total(meter.spent))
    else:
        yield replace(finished, cost=bill.total(meter.spent))


# ------------------------------------------------------------------------------------------ evaluation


def _evaluate(
    task: Task, job: Evaluate, artifacts: Artifacts, meter: LocalMeter, bill: _Bill, checkpoint_seconds: float
) -> Generator[Yielded | Saved, Decision | None, Finished]:
    done = len(job.measured)
    most = task.stage.fidelity.maximum
    if not done < job.until <= most:
        raise Breach(
            "UsageError",
            f"a grant must end above what was measured and at most at the stage's highest fidelity: "
            f"{done} < until <= {most}; got until={job.until}",
        )
    with bill.time():
        context = _context(task, artifacts, meter)
        units: Any = task.stage.evaluate(job.settings, context)
    if not hasattr(units, "__next__"):
        raise Breach(_BROKEN, f"{_name(task)}: evaluate must yield Measurements; it returned {_shown(units)}")
    try:
        finished = yield from _measure(task, job, context, units, bill, checkpoint_seconds)
    except BaseException:
        with suppress(Exception):
            _close(units)
        raise
    with bill.time():
        _close(units)
    return finished


def _measure(
    task: Task, job: Evaluate, context: Context, units: Any, bill: _Bill, checkpoint_seconds: float
) -> Generator[Yielded | Saved, Decision | None, Finished]:
    """Step through the units up to the grant's end; leaves `units` suspended at a yield, or exhausted."""
    saved_at = bill.seconds
    artifact: str | None = None
    for fidelity in range(len(job.measured) + 1, job.until + 1):
        measurement = _next_unit(task, fidelity, units, context, bill)
        artifact = measurement.artifact or artifact
        waiting = fidelity in job.decide_at and fidelity < job.until
        decision = yield Yielded(task.key, measurement, waiting)
        if fidelity == job.until:
            break
        if decision is Decision.STOP:
            return Finished(task.key, artifact=artifact, stopped=True)
        if task.limits.seconds is not None and bill.seconds > task.limits.seconds:
            raise time_limit(task.limits.seconds)
        if context.save_state is not None and bill.seconds - saved_at >= checkpoint_seconds:
            yield Saved(task.key, _save(task, context, bill), fidelity)
            saved_at = bill.seconds
    below = job.until < task.stage.fidelity.maximum
    checkpoint = _save(task, context, bill) if below and context.save_state is not None else None
    return Finished(task.key, checkpoint=checkpoint, artifact=artifact)


def time_limit(seconds: float) -> Breach:
    """What ends a task that took longer than its limit."""
    return Breach("time limit", f"took longer than its limit of {seconds:g} s; what it measured until then is kept")


def _next_unit(task: Task, fidelity: int, units: Iterator[Any], context: Context, bill: _Bill) -> Measurement:
    started, spent = bill.seconds, context.meter.spent
    with bill.time():
        try:
            raw = next(units)
        except StopIteration as end:
            raise Breach(_BROKEN, _ended_early(task, fidelity, context.until, end.value)) from None
        measurement = _stored_apart(_checked(task, raw, fidelity), context.artifacts)
    # A stage may well state in its measurement what it charged to the meter: the larger of both, not their sum.
    wall, metered = bill.seconds - started, less(context.meter.spent, spent)
    cost = replace(larger(measurement.cost, metered), seconds=measurement.cost.seconds or wall)
    bill.add_unit(cost, metered, wall)
    return replace(measurement, cost=cost)


def _checked(task: Task, raw: Any, fidelity: int) -> Measurement:
    """`raw` as a Measurement of plain numbers; raises Breach where the stage broke its contract."""
    stage = _name(task)
    if not isinstance(raw, Measurement):
        raise Breach(_BROKEN, f"{stage}: evaluate must yield Measurements; it yielded {_shown(raw)}")
    if _index(raw.fidelity) != fidelity:
        raise Breach(
            _BROKEN,
            f"{stage}: measurements count up by one from what was measured before; "
            f"expected fidelity {fidelity}, got {_shown(raw.fidelity)}",
        )
    unit = task.stage.fidelity.unit
    value = _number(raw.value, f"{stage}: the value at {unit} {fidelity}")
    if not math.isfinite(value):
        raise Breach("not finite", f"the metric's value at {unit} {fidelity} is {value}; it must be a finite number")
    error = None
    if raw.standard_error is not None:
        error = _number(raw.standard_error, f"{stage}: the standard error at {unit} {fidelity}")
        if error < 0:
            raise Breach(_BROKEN, f"{stage}: the standard error at {unit} {fidelity} must be >= 0; got {error}")
    metrics = {
        str(name): _number(metric, f"{stage}: the metric '{name}' at {unit} {fidelity}")
        for name, metric in raw.metrics.items()
    }
    # One fold, or one example, has a deviation of NaN: that is to say, it isn't known.
    known_error = error if error is not None and math.isfinite(error) else None
    return replace(raw, fidelity=fidelity, value=value, standard_error=known_error, metrics=metrics)


def _stored_apart(measurement: Measurement, artifacts: Artifacts) -> Measurement:
    examples = measurement.examples
    if isinstance(examples, Examples) and len(examples.ids) > MOST_EXAMPLES_IN_A_MESSAGE:
        return replace(measurement, examples=artifacts.put(outcomes_to_bytes(examples)))
    return measurement


def _save(task: Task, context: Context, bill: _Bill) -> str:
    with bill.time():
        state: Any = context.save_state() if context.save_state is not None else None
        if not isinstance(state, bytes | bytearray | memoryview):
            raise Breach(_BROKEN, f"{_name(task)}: save_state must return bytes; it returned {_shown(state)}")
        return context.artifacts.put(bytes(state))


def _close(units: Any) -> None:
    close = getattr(units, "close", None)
    if close is not None:
        close()


def _ended_early(task: Task, fidelity: int, until: int, returned: Any) -> str:
    unit = task.stage.fidelity.unit
    text = f"{_name(task)}: evaluate must yield one Measurement for each {unit} up to {until}; it ended "
    text += f"after {fidelity - 1}" if fidelity > 1 else "before the first"
    return text if returned is None else f"{text}, and returned {_shown(returned)}"


# --------------------------------------------------------------------------------------- other answers


def _checked_address(task: Task, artifact: Any, artifacts: Artifacts) -> str:
    if not isinstance(artifact, str) or not artifacts.has(artifact):
        raise Breach(
            _BROKEN,
            f"{_name(task)}: finalize must return the address that context.artifacts.put gave; "
            f"it returned {_shown(artifact)}",
        )
    return artifact


def _checked_prediction(task: Task, said: Any, rows: int) -> Prediction:
    if not isinstance(said, Prediction):
        raise Breach(_BROKEN, f"{_name(task)}: predict must return a Prediction; it returned {_shown(said)}")
    if len(said.values) != rows:
        raise Breach(
            _BROKEN, f"{_name(task)}: predict must return one value a row; got {len(said.values)} for {rows} rows"
        )
    return said


# ---------------------------------------------------------------------------------------------- pieces


class _Bill:
    """What one job takes. Only the stage's own time counts, not the time it waits for a decision.

    Where the stage states the seconds of a unit itself (it ran elsewhere, or is simulated), those replace the
    wall seconds of that unit.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._in_units = 0.0
        self._metered = NOTHING
        self._units = NOTHING
        self.seconds = 0.0

    @contextmanager
    def time(self) -> Iterator[None]:
        """Count the wall seconds of the block."""
        started = self._clock.monotonic()
        try:
            yield
        finally:
            self.seconds += self._clock.monotonic() - started

    def add_unit(self, cost: Cost, metered: Cost, wall: float) -> None:
        """Count a unit's cost, which covers `wall` of the seconds and `metered` of what the meter saw."""
        self._units += cost
        self._metered += metered
        self._in_units += wall

    def total(self, spent: Cost) -> Cost:
        """The whole job, for a meter that stands at `spent`."""
        rest = less(spent, self._metered)
        return self._units + replace(rest, seconds=max(0.0, self.seconds - self._in_units))


def _context(task: Task, artifacts: Artifacts, meter: LocalMeter) -> Context:
    job = task.job
    checkpoint = job.checkpoint if isinstance(job, Evaluate) else None
    return Context(
        until=job.until if isinstance(job, Evaluate) else task.stage.fidelity.maximum,
        seed=task.seed,
        views=task.views,
        artifacts=artifacts,
        meter=meter,
        limits=task.limits,
        measured=job.measured if isinstance(job, Evaluate) else (),
        checkpoint=None if checkpoint is None else artifacts.get(checkpoint),
        upstream=task.upstream,
    )


def _name(task: Task) -> str:
    return f"stage '{task.stage.name}'"


def _shown(value: Any) -> str:
    """`value` for an error message: short, with its type unless the text tells it."""
    if value is None or isinstance(value, str | bool | int):
        return one_line(repr(value), 80)
    return f"{one_line(repr(value), 80)} (a {type(value).__name__})"


def _index(value: Any) -> int | None:
    try:
        return operator.index(value)
    except TypeError:
        return None


def _number(value: Any, what: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise Breach(_BROKEN, f"{what} must be a number; got {_shown(value)}") from None
