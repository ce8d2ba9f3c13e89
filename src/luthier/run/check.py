"""The conformance check of runners: what every one of them must do, by the worked examples of the contract.

    def test_my_runner():
        check_runner(lambda artifacts: MyRunner(artifacts))

It raises AssertionError, saying what was expected and what came. Its stages need no packages and no data.
"""

from __future__ import annotations

import hashlib
import math
import os
import tempfile
import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from luthier.core.contracts import (
    Artifacts,
    Context,
    Evaluate,
    Failed,
    Finalize,
    Finished,
    Limits,
    Message,
    Predict,
    Prediction,
    Runner,
    Settings,
    Task,
    Yielded,
)
from luthier.core.cost import Cost
from luthier.core.dataset import Dataset
from luthier.core.errors import MissingArtifact, UsageError
from luthier.core.lever import Lever
from luthier.core.parameter import Float
from luthier.core.trial import Decision, Fidelity, Measurement

RunnerFactory = Callable[[Artifacts], Runner]

_PATIENCE_SECONDS = 120.0


def check_runner(factory: RunnerFactory, *, runs_stages: bool = True, kills: bool = True) -> None:
    """Hold the runners that `factory` makes to the contract; a new one for each example.

    `runs_stages=False` is for runners that make their messages up from records: they must report, for settings
    {"slope": s}, the value s * k after k units of a stage with a highest fidelity of 3, and only the order of
    messages is checked. `kills=False` is for runners that can end a task only between two units.
    """
    for example in _OF_MESSAGES + (_OF_STAGES if runs_stages else ()) + (_OF_KILLING if kills else ()):
        with tempfile.TemporaryDirectory(prefix="luthier-check-") as folder:
            artifacts = FolderArtifacts(Path(folder))
            runner = factory(artifacts)
            try:
                example(runner, artifacts)
            finally:
                runner.close()
                runner.close()


# ------------------------------------------------------------------------------------------- stand-ins


@dataclass(frozen=True)
class FolderArtifacts:
    """An artifact store for checks: a file an address. Implements `core.contracts.Artifacts`."""

    folder: Path

    def put(self, content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        whole = self.folder / f"{digest}.{os.getpid()}"
        whole.write_bytes(content)
        whole.replace(self.folder / digest)
        return f"sha256:{digest}"

    def get(self, address: str) -> bytes:
        try:
            return self._file(address).read_bytes()
        except FileNotFoundError:
            raise MissingArtifact(f"nothing is held at {address}") from None

    def has(self, address: str) -> bool:
        return self._file(address).is_file()

    def remember(self, fingerprint: str, address: str) -> None:
        (self.folder / f"{fingerprint}.made").write_text(address)

    def recall(self, fingerprint: str) -> str | None:
        file = self.folder / f"{fingerprint}.made"
        address = file.read_text() if file.is_file() else None
        return address if address is not None and self.has(address) else None

    def evict(self, keep: Iterable[str]) -> int:
        kept = {self._file(address).name for address in keep}
        gone = [file for file in self.folder.iterdir() if not file.suffix and file.name not in kept]
        for file in gone:
            file.unlink()
        return len(gone)

    def _file(self, address: str) -> Path:
        return self.folder / address.removeprefix("sha256:")


class CountingStage:
    """Fidelity 3; the value after k units is slope * k, summed up in a state that must survive a pause.

    Its artifact is the slope as text; that predicts it for every row.
    """

    name = "counting"
    version = "1"
    levers = (Lever("line", {"slope": Float(0.0, 10.0, default=1.0)}),)
    fidelity = Fidelity("step", 3)

    def evaluate(self, settings: Settings, context: Context) -> Generator[Measurement, None, None]:
        total = 0.0 if context.checkpoint is None else float(context.checkpoint.decode())
        if context.measured and context.checkpoint is None:
            raise RuntimeError("went on without the state that was saved")
        context.save_state = lambda: repr(total).encode()
        for step in range(len(context.measured) + 1, self.fidelity.maximum + 1):
            total += float(settings["slope"])  # pyright: ignore[reportArgumentType]
            context.meter.charge(Cost(calls=2))
            context.meter.refund(Cost(calls=1))
            yield Measurement(step, total)

    def finalize(self, settings: Settings, context: Context) -> str:
        return context.artifacts.put(str(settings["slope"]).encode())

    def predict(self, artifact: str, inputs: Dataset, context: Context) -> Prediction:
        return Prediction(np.full(len(inputs), float(context.artifacts.get(artifact))))


class FaultyStage(CountingStage):
    """A stage that breaks its contract in the way that the setting `fault` names."""

    name = "faulty"

    def evaluate(self, settings: Settings, context: Context) -> Any:
        fault = settings["fault"]
        return fault if fault == "abc" else self._units(fault, context)

    def _units(self, fault: Any, context: Context) -> Generator[Any, None, None]:
        if fault == "never yields":
            return
        yield Measurement(1, 1.0)
        match fault:
            case "raises":
                raise ValueError("no\nluck")
            case "exits":
                raise SystemExit(3)
            case "no memory":
                raise MemoryError
            case "wrong type":
                yield 0.5
            case "wrong fidelity":
                yield Measurement(5, 1.0)
            case "not finite":
                yield Measurement(2, math.nan)
            case "raises in finally":
                try:
                    yield Measurement(2, 2.0)
                finally:
                    raise OSError("couldn't tidy up")
            case "overspends":
                context.meter.charge(Cost(calls=11))
            case "sleeps":
                time.sleep(3_600)
            case _:
                return


class GatedStage(CountingStage):
    """Stands still in its second unit until something is remembered under the fingerprint 'gate'."""

    name = "gated"

    def evaluate(self, settings: Settings, context: Context) -> Generator[Measurement, None, None]:
        for measurement in super().evaluate(settings, context):
            while measurement.fidelity == 2 and context.artifacts.recall("gate") is None:
                time.sleep(0.01)
            yield measurement


class TidyStage(CountingStage):
    """Leaves an artifact under the fingerprint 'tidied' when its generator is closed."""

    name = "tidy"

    def evaluate(self, settings: Settings, context: Context) -> Generator[Measurement, None, None]:
        try:
            yield from super().evaluate(settings, context)
        finally:
            context.artifacts.remember("tidied", context.artifacts.put(b"tidied"))


# ------------------------------------------------------------------------------------------- questions


def evaluation(key: str, until: int = 3, *, slope: float = 1.0, stage: Any = None, **more: Any) -> Task:
    """A task to evaluate the counting stage; `more` goes to the job."""
    return Task(key, Evaluate({"slope": slope}, until, **more), stage or CountingStage(), (), seed=0)


def messages_until_over(runner: Runner, *keys: str) -> list[Message]:
    """Everything that `runner` says until each task of `keys` has Finished or Failed."""
    waiting, heard = set(keys), list[Message]()
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while waiting:
        _expect(time.monotonic() < deadline, f"an end of {sorted(waiting)} within {_PATIENCE_SECONDS:g} s", heard)
        for message in runner.poll(1.0):
            heard.append(message)
            if isinstance(message, Finished | Failed):
                waiting.discard(message.key)
    return heard


def _next_message(runner: Runner) -> Message:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        messages = runner.poll(1.0)
        if messages:
            _expect(len(messages) == 1, "one message from a worker that waits", messages)
            return messages[0]
    raise AssertionError(f"expected a message within {_PATIENCE_SECONDS:g} s; got none")


def _run(runner: Runner, task: Task) -> list[Message]:
    runner.submit(task)
    return messages_until_over(runner, task.key)


def _expect(holds: bool, what: str, got: object) -> None:
    if not holds:
        raise AssertionError(f"expected {what}; got {got}")


def _values(messages: list[Message]) -> list[tuple[int, float]]:
    return [(m.measurement.fidelity, m.measurement.value) for m in messages if isinstance(m, Yielded)]


def _finished(messages: list[Message]) -> Finished:
    last = messages[-1]
    if not isinstance(last, Finished):
        raise AssertionError(f"expected the last message to be a Finished; got {last}")
    return last


def _failed(messages: list[Message]) -> Failed:
    last = messages[-1]
    if not isinstance(last, Failed):
        raise AssertionError(f"expected the last message to be a Failed; got {last}")
    return last


# -------------------------------------------------------------------------------- examples: of messages


def _a_whole_grant(runner: Runner, artifacts: Artifacts) -> None:
    _expect(runner.free >= 1, "a new runner to be free", runner.free)
    messages = _run(runner, evaluation("a", slope=2.0))
    _expect(_values(messages) == [(1, 2.0), (2, 4.0), (3, 6.0)], "three yields in order", messages)
    _expect(len(messages) == 4 and all(m.key == "a" for m in messages), "three yields and an end, all of 'a'", messages)
    end = _finished(messages)
    _expect(not end.stopped and end.checkpoint is None, "an end without stop and checkpoint", end)
    stated = sum(m.measurement.cost.seconds for m in messages if isinstance(m, Yielded))
    _expect(end.cost.seconds >= stated * (1 - 1e-9) > 0.0, "seconds in each unit, and in all at least their sum", end)
    _expect(runner.poll(0.0) == [], "silence afterwards", "messages")


def _pause_and_resume(runner: Runner, artifacts: Artifacts) -> None:
    first = _run(runner, evaluation("a", until=1, slope=2.0))
    _expect(_values(first) == [(1, 2.0)], "no yield past the grant's end", first)
    checkpoint = _finished(first).checkpoint
    _expect(checkpoint is not None, "a checkpoint at the end of a grant below the highest fidelity", first)
    measured = tuple(m.measurement for m in first if isinstance(m, Yielded))
    second = _run(runner, evaluation("a", slope=2.0, measured=measured, checkpoint=checkpoint))
    _expect(_values(second) == [(2, 4.0), (3, 6.0)], "to go on from the state that was saved", second)


def _several_at_once(runner: Runner, artifacts: Artifacts) -> None:
    keys = [f"task {number}" for number in range(5)]
    for number, key in enumerate(keys):
        runner.submit(evaluation(key, slope=float(number)))
    messages = messages_until_over(runner, *keys)
    for number, key in enumerate(keys):
        mine = [message for message in messages if message.key == key]
        wanted = [(k, float(number * k)) for k in (1, 2, 3)]
        _expect(_values(mine) == wanted and isinstance(mine[-1], Finished), f"{wanted} and an end for '{key}'", mine)
    _expect(runner.free >= 1, "to be free again", runner.free)


def _waits_for_decisions(runner: Runner, artifacts: Artifacts) -> None:
    runner.submit(evaluation("a", decide_at=(1, 2)))
    for step, decision in ((1, Decision.CONTINUE), (2, Decision.STOP)):
        message = _next_message(runner)
        _expect(
            isinstance(message, Yielded) and message.waiting and message.measurement.fidelity == step,
            f"to wait at step {step}",
            message,
        )
        _expect(runner.poll(0.05) == [], "silence while it waits", "messages")
        runner.decide("a", decision)
    end = _finished(messages_until_over(runner, "a"))
    _expect(end.stopped, "an end by the decision", end)


def _stops_between_decision_points(runner: Runner, artifacts: Artifacts) -> None:
    runner.submit(evaluation("a", stage=GatedStage()))
    first = _next_message(runner)
    for key, decision in (("a", Decision.CONTINUE), ("a", Decision.STOP), ("nobody", Decision.STOP)):
        runner.decide(key, decision)
    artifacts.remember("gate", artifacts.put(b"open"))
    messages = [first, *messages_until_over(runner, "a")]
    _expect(_values(messages) in ([(1, 1.0)], [(1, 1.0), (2, 2.0)]), "at most one more yield after a stop", messages)
    _expect(_finished(messages).stopped, "an end by the decision", messages)


def _stops_before_the_start(runner: Runner, artifacts: Artifacts) -> None:
    runner.submit(evaluation("a", stage=GatedStage()))
    runner.decide("a", Decision.STOP)
    artifacts.remember("gate", artifacts.put(b"open"))
    messages = messages_until_over(runner, "a")
    _expect(_finished(messages).stopped and len(_values(messages)) <= 2, "an end at one of the first yields", messages)


def _the_grants_end_is_no_decision_point(runner: Runner, artifacts: Artifacts) -> None:
    messages = _run(runner, evaluation("a", until=2, decide_at=(2, 3)))
    _expect(not any(m.waiting for m in messages if isinstance(m, Yielded)), "no waiting at the grant's end", messages)
    _expect(not _finished(messages).stopped, "an end without stop", messages)


def _cancel(runner: Runner, artifacts: Artifacts) -> None:
    runner.submit(evaluation("a", decide_at=(1,)))
    _next_message(runner)
    runner.submit(evaluation("b"))
    runner.cancel("a")
    cost = runner.cancel("nobody")
    _expect(not cost, "that cancelling what isn't there costs nothing", cost)
    messages = messages_until_over(runner, "b")
    _expect(all(m.key == "b" for m in messages), "no message of a cancelled task", messages)
    _run(runner, evaluation("a"))


def _closed(runner: Runner, artifacts: Artifacts) -> None:
    runner.submit(evaluation("a", decide_at=(1,)))
    _next_message(runner)
    runner.close()
    _expect(runner.poll(0.0) == [], "silence after close", "messages")
    _expect(runner.free == 0, "nothing to be free after close", runner.free)
    _refuses(runner, evaluation("b"), "a task after close")


def _keys_differ(runner: Runner, artifacts: Artifacts) -> None:
    runner.submit(evaluation("a", decide_at=(1,)))
    _refuses(runner, evaluation("a"), "a second task with the key of one that runs")


def _refuses(runner: Runner, task: Task, what: str) -> None:
    try:
        runner.submit(task)
    except UsageError:
        return
    raise AssertionError(f"expected UsageError for {what}; it was taken")


def _impossible_grant(runner: Runner, artifacts: Artifacts) -> None:
    failed = _failed(_run(runner, evaluation("a", until=4)))
    _expect("until" in failed.failure.message, "a word on `until`", failed)


# ---------------------------------------------------------------------------------- examples: of stages

_FAULTS = {
    "abc": ("StageError", "must yield Measurements; it returned 'abc'", 0),
    "never yields": ("StageError", "before the first", 0),
    "ends early": ("StageError", "after 1", 1),
    "raises": ("ValueError", "no luck", 1),
    "exits": ("SystemExit", "sys.exit(3)", 1),
    "no memory": ("out of memory", "", 1),
    "wrong type": ("StageError", "yielded 0.5", 1),
    "wrong fidelity": ("StageError", "expected fidelity 2, got 5", 1),
    "not finite": ("not finite", "step 2 is nan", 1),
    "overspends": ("BudgetExceeded", "10 calls in all", 1),
}


def _faults(runner: Runner, artifacts: Artifacts) -> None:
    stage = FaultyStage()
    for fault, (kind, words, yields) in _FAULTS.items():
        task = Task(fault, Evaluate({"fault": fault}, 3), stage, (), seed=0, allowance=Cost(calls=10))
        messages = _run(runner, task)
        failure = _failed(messages).failure
        _expect(failure.kind == kind and words in failure.message, f"'{kind}' with '{words}' for '{fault}'", failure)
        _expect("\n" not in failure.message, "a message of one line", failure)
        _expect(len(_values(messages)) == yields, f"{yields} measurements before the failure '{fault}'", messages)
    tidying = Task("t", Evaluate({"fault": "raises in finally"}, 2), stage, (), seed=0)
    failure = _failed(_run(runner, tidying)).failure
    _expect(failure.kind == "OSError" and "tidy up" in failure.message, "what `finally` raised", failure)
    _expect(_values(_run(runner, evaluation("after"))) == [(1, 1.0), (2, 2.0), (3, 3.0)], "to go on working", "less")


def _artifact_and_prediction(runner: Runner, artifacts: Artifacts) -> None:
    stage = CountingStage()
    made = _finished(_run(runner, Task("f", Finalize({"slope": 2.5}), stage, (), seed=0))).artifact
    _expect(made is not None and artifacts.get(made) == b"2.5", "the artifact's address", made)
    inputs = Dataset({"x": np.arange(4.0)}, np.array(list("abcd"), dtype=object))
    end = _finished(_run(runner, Task("p", Predict(made or "", inputs), stage, (), seed=0)))
    said = None if end.prediction is None else end.prediction.values.tolist()
    _expect(said == [2.5] * 4, "a prediction for each of the 4 rows", said)
    lost = _failed(_run(runner, Task("m", Predict("sha256:none", inputs), stage, (), seed=0)))
    _expect(lost.failure.kind == "MissingArtifact", "MissingArtifact for an unknown address", lost)


def _metered(runner: Runner, artifacts: Artifacts) -> None:
    messages = _run(runner, evaluation("a"))
    calls = [m.measurement.cost.calls for m in messages if isinstance(m, Yielded)]
    _expect(calls == [1, 1, 1], "one call in each unit's cost", calls)
    _expect(_finished(messages).cost.calls == 3, "three calls in all", messages[-1])


def _closes_generators(runner: Runner, artifacts: Artifacts) -> None:
    for until, decisions in ((3, ()), (1, ()), (3, (1,))):
        runner.submit(evaluation("a", until, stage=TidyStage(), decide_at=decisions))
        if decisions:
            _next_message(runner)
            runner.decide("a", Decision.STOP)
        messages_until_over(runner, "a")
        tidied = artifacts.recall("tidied")
        _expect(tidied is not None, f"`finally` to have run before the end (until={until})", tidied)
        artifacts.evict([])


# --------------------------------------------------------------------------------- examples: of killing


def _time_limit(runner: Runner, artifacts: Artifacts) -> None:
    task = Task("a", Evaluate({"fault": "sleeps"}, 3), FaultyStage(), (), seed=0, limits=Limits(seconds=0.5))
    messages = _run(runner, task)
    failed = _failed(messages)
    _expect(failed.failure.kind == "time limit", "'time limit'", failed)
    _expect(failed.cost.seconds >= 0.5, "the time that it took as its cost", failed)


_Example = Callable[[Runner, Artifacts], None]
_OF_MESSAGES: tuple[_Example, ...] = (
    _a_whole_grant,
    _pause_and_resume,
    _several_at_once,
    _waits_for_decisions,
    _stops_between_decision_points,
    _stops_before_the_start,
    _the_grants_end_is_no_decision_point,
    _cancel,
    _closed,
    _keys_differ,
    _impossible_grant,
)
_OF_STAGES: tuple[_Example, ...] = (_faults, _artifact_and_prediction, _metered, _closes_generators)
_OF_KILLING: tuple[_Example, ...] = (_time_limit,)
