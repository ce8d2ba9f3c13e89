"""The conformance check of stages: for ours, and for those of other authors.

from luthier.stages.check import bare_context, check_stage
check_stage(MyStage(...), {"depth": 3}, lambda until: bare_context(until, views=views))
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field, replace

from luthier.core.contracts import Context, Settings, Stage, View
from luthier.core.cost import NOTHING, Cost
from luthier.core.errors import MissingArtifact, StageError
from luthier.core.trial import Measurement

MakeContext = Callable[[int], Context]
"""A fresh context whose grant ends at this fidelity; with the same seed, views and artifacts every time."""


@dataclass
class HeldArtifacts:
    """Artifacts in a dictionary: enough to check a stage with."""

    contents: dict[str, bytes] = field(default_factory=dict[str, bytes])
    remembered: dict[str, str] = field(default_factory=dict[str, str])

    def put(self, content: bytes) -> str:
        address = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.contents[address] = content
        return address

    def get(self, address: str) -> bytes:
        if address not in self.contents:
            raise MissingArtifact(f"the artifact {address} isn't held; was it put here?")
        return self.contents[address]

    def has(self, address: str) -> bool:
        return address in self.contents

    def remember(self, fingerprint: str, address: str) -> None:
        self.remembered[fingerprint] = address

    def recall(self, fingerprint: str) -> str | None:
        address = self.remembered.get(fingerprint)
        return address if address in self.contents else None

    def evict(self, keep: Iterable[str]) -> int:
        kept = set(keep)
        dropped = [address for address in self.contents if address not in kept]
        for address in dropped:
            del self.contents[address]
        return len(dropped)


@dataclass
class OpenMeter:
    """A meter without a ceiling."""

    spent: Cost = NOTHING

    def charge(self, cost: Cost) -> None:
        self.spent += cost

    def refund(self, cost: Cost) -> None:
        """Nothing is given back: this meter only has to be there."""


def bare_context(
    until: int, seed: int = 0, views: Sequence[View] = (), artifacts: HeldArtifacts | None = None
) -> Context:
    """A context that needs no study around it."""
    return Context(until, seed, tuple(views), HeldArtifacts() if artifacts is None else artifacts, OpenMeter())


def check_stage(stage: Stage, settings: Settings, make_context: MakeContext, *, deterministic: bool = True) -> None:
    """Raise StageError naming the first promise of `Stage` that `stage` breaks with `settings`.

    It must: count fidelities from 1 without gaps; end well when closed at any yield; go on, when paused and
    resumed, as if it had never stopped; and, where there is data, make an artifact that predicts each validation
    row without labels. With `deterministic`, equal seeds must give equal values.
    """
    highest = stage.fidelity.maximum
    whole = _run(stage, settings, make_context(highest))
    _check_counting(whole, highest)
    if deterministic:
        again = _run(stage, settings, make_context(highest))
        _check_equal(again, whole, "two runs with one seed")
    for stop in range(1, highest):
        _check_closing(stage, settings, make_context(highest), stop)
        _check_pause(stage, settings, make_context, stop, whole if deterministic else None)
    _check_artifact(stage, settings, make_context(highest))


def _run(stage: Stage, settings: Settings, context: Context) -> list[Measurement]:
    """What a runner would hear: at most up to the grant's end."""
    running = stage.evaluate(settings, context)
    measured: list[Measurement] = []
    try:
        for measurement in running:
            if not isinstance(measurement, Measurement):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise StageError(f"evaluate must yield Measurements; it yielded {type(measurement).__name__}")
            measured.append(measurement)
            if measurement.fidelity >= context.until:
                break
    except BaseException:
        running.close()
        raise
    _close(running, len(measured))
    return measured


def _check_counting(measured: Sequence[Measurement], until: int) -> None:
    counted = [measurement.fidelity for measurement in measured]
    if counted != list(range(1, until + 1)):
        raise StageError(
            f"evaluate must measure the fidelities 1 to {until}, each once and in order; it gave {counted}"
        )
    broken = [measurement.fidelity for measurement in measured if not math.isfinite(measurement.value)]
    if broken:
        raise StageError(f"values must be finite; those at the fidelities {broken} aren't")


def _check_equal(got: Sequence[Measurement], expected: Sequence[Measurement], what: str) -> None:
    for one, other in zip(got, expected, strict=True):
        if (one.value, one.standard_error, one.examples) != (other.value, other.standard_error, other.examples):
            raise StageError(
                f"{what} must measure the same, but at fidelity {one.fidelity} they gave {one.value!r} and "
                f"{other.value!r}; draw all randomness from context.seed, and save all state"
            )


def _check_closing(stage: Stage, settings: Settings, context: Context, stop: int) -> None:
    running = stage.evaluate(settings, context)
    for _ in range(stop):
        next(running)
    _close(running, stop)


def _close(running: Generator[Measurement, None, None], fidelity: int) -> None:
    try:
        running.close()
    except Exception as error:
        raise StageError(
            f"a stage must end quietly when its generator is closed, but at fidelity {fidelity} it raised "
            f"{type(error).__name__}: {error}"
        ) from error


def _check_pause(
    stage: Stage, settings: Settings, make_context: MakeContext, stop: int, whole: Sequence[Measurement] | None
) -> None:
    first = make_context(stop)
    running = stage.evaluate(settings, first)
    before = [next(running) for _ in range(stop)]
    checkpoint = None if first.save_state is None else first.save_state()
    running.close()
    if checkpoint is not None and not isinstance(checkpoint, bytes):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise StageError(f"save_state must give bytes; it gave {type(checkpoint).__name__}")
    rest = replace(make_context(stage.fidelity.maximum), measured=tuple(before), checkpoint=checkpoint)
    measured = [*before, *_run(stage, settings, rest)]
    _check_counting(measured, stage.fidelity.maximum)
    if whole is not None:
        _check_equal(measured, whole, f"a trial paused at {stop} and one that ran through")


def _check_artifact(stage: Stage, settings: Settings, context: Context) -> None:
    address = stage.finalize(settings, context)
    if not context.artifacts.has(address):
        raise StageError(
            f"finalize must put its artifact into context.artifacts and give the address; it gave {address!r}"
        )
    if not context.views:
        return
    rows = context.views[0].validation.without_labels()
    said = stage.predict(address, rows, context)
    if len(said.values) != len(rows):
        raise StageError(f"predict must say one value a row; it said {len(said.values)} for {len(rows)} rows")
    if said.probabilities is not None and (
        said.classes is None or said.probabilities.shape != (len(rows), len(said.classes))
    ):
        raise StageError(
            f"probabilities must have the shape (rows, classes) and come with the classes; they have the shape "
            f"{said.probabilities.shape} for {len(rows)} rows and the classes {said.classes}"
        )
