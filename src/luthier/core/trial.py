"""Trials: configs with their measurements, cost and status; and the grants that let them run.

A grant is in units of fidelity (epochs, folds, blocks of examples): `Start(config, until=2)` measures a new
config up to fidelity 2, `Resume(trial, until=6)` goes on with a paused one up to 6.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from luthier.core.config import Config
from luthier.core.cost import NOTHING, Cost
from luthier.core.errors import UsageError


class Status(StrEnum):
    """Where a trial stands.

    RUNNING      a grant is being worked on
    PAUSED       reached the end of its grant below the highest fidelity; may be resumed
    COMPLETED    reached the highest fidelity
    STOPPED      a pruner ended it inside a grant
    FAILED       the stage raised, broke its contract, or ran out of time or memory
    INTERRUPTED  a crash of the study left it unfinished; is resumed or closed
    """

    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    STOPPED = "stopped"
    FAILED = "failed"
    INTERRUPTED = "interrupted"

    @property
    def is_open(self) -> bool:
        """Whether a worker is, or was, busy with it and its reservation stands."""
        return self in (Status.RUNNING, Status.INTERRUPTED)


class Purpose(StrEnum):
    """What a trial was run for."""

    BASELINE = "baseline"
    SEARCH = "search"
    CONFIRMATION = "confirmation"


class Decision(StrEnum):
    """What a pruner says of a running trial."""

    CONTINUE = "continue"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Fidelity:
    """What a stage counts in, and how far it goes: `Fidelity("epoch", 20)`; `Fidelity("whole", 1)` for one-shot.

    `cumulative` says that a value is an estimate that sharpens with every unit (folds, blocks), as opposed to
    a model that itself goes on changing (epochs).
    """

    unit: str = "whole"
    maximum: int = 1
    cumulative: bool = True

    def __post_init__(self) -> None:
        if self.maximum < 1:
            raise UsageError(f"the highest fidelity must be >= 1; got {self.maximum}")


@dataclass(frozen=True, slots=True)
class Examples:
    """Per-example outcomes of one unit of fidelity: ids and their scores, higher is better, same length."""

    ids: tuple[str, ...]
    scores: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.ids) != len(self.scores):
            raise UsageError(f"outcomes need one score for each id; got {len(self.ids)} ids, {len(self.scores)} scores")


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one unit of fidelity showed.

    `fidelity` counts the units done so far, from 1. `value` is the metric's estimate so far: the running mean
    over folds or blocks, the epoch's own for epochs. `standard_error` is that of `value`, where known.
    `cost` is of this unit alone. `examples` holds the outcomes of this unit's rows, or the address of an
    artifact that does. `artifact` is the address of what the stage made, where it made something. `drawn` holds
    settings that the config lacked and the stage drew itself since the measurement before, by plain name:
    `{"depth": {"value": 4, "parameter": {"int": [1, 9]}}}`.
    """

    fidelity: int
    value: float
    standard_error: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])
    cost: Cost = NOTHING
    examples: Examples | str | None = None
    artifact: str | None = None
    drawn: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        if self.fidelity < 1:
            raise UsageError(f"the fidelity of a measurement counts from 1; got {self.fidelity}")


@dataclass(frozen=True, slots=True)
class Start:
    """A grant for a new trial: measure `config` up to fidelity `until`. `why` explains the proposal."""

    config: Config
    until: int = 1
    why: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Resume:
    """A grant for the paused trial `trial`: go on up to fidelity `until`."""

    trial: int
    until: int
    why: Mapping[str, Any] = field(default_factory=dict[str, Any])


Grant = Start | Resume


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a trial failed: the kind ('ValueError', 'time limit', 'worker died', ...), one line, and the traceback."""

    kind: str
    message: str
    traceback: str = ""


@dataclass(frozen=True)
class Trial:
    """A config with all that is known of it.

    `until` is the fidelity granted so far, `levers` those that were free when it was proposed, `confirms` the
    trial whose config a CONFIRMATION measures again, `retries` how often a dead worker made it start over.
    """

    id: int
    config: Config
    status: Status = Status.RUNNING
    purpose: Purpose = Purpose.SEARCH
    until: int = 1
    levers: tuple[str, ...] = ()
    seed: int = 0
    why: Mapping[str, Any] = field(default_factory=dict[str, Any])
    measurements: tuple[Measurement, ...] = ()
    cost: Cost = NOTHING
    checkpoint: str | None = None
    artifact: str | None = None
    failure: Failure | None = None
    confirms: int | None = None
    retries: int = 0

    @property
    def fidelity(self) -> int:
        """Units of fidelity measured so far; 0 before the first."""
        return self.measurements[-1].fidelity if self.measurements else 0

    @property
    def value(self) -> float | None:
        """The metric at the highest fidelity measured; None before the first finite measurement."""
        if not self.measurements or not math.isfinite(self.measurements[-1].value):
            return None
        return self.measurements[-1].value

    @property
    def standard_error(self) -> float | None:
        """That of `value`, where known."""
        return self.measurements[-1].standard_error if self.measurements else None

    def value_at(self, fidelity: int) -> float | None:
        """The metric after `fidelity` units; None where it wasn't measured there or isn't finite."""
        for measurement in self.measurements:
            if measurement.fidelity == fidelity:
                return measurement.value if math.isfinite(measurement.value) else None
        return None
