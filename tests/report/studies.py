"""Larger histories for pages and readings: searches over a made-up landscape, with and without epochs."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from typing import Any

from luthier.core.budget import Budget
from luthier.core.config import Config
from luthier.core.cost import Cost
from luthier.core.events import (
    Event,
    GrantEnded,
    IncumbentChosen,
    SessionClosed,
    SessionOpened,
    StudyCreated,
    TrialMeasured,
    TrialStarted,
)
from luthier.core.history import History
from luthier.core.metric import Direction, Metric
from luthier.core.trial import Failure, Fidelity, Measurement, Purpose, Status

LEVERS: Mapping[str, Any] = {
    "settings": {
        "learning_rate": {"float": [1e-5, 1e-1], "log": True},
        "dropout": {"float": [0.0, 0.6]},
        "layers": {"int": [1, 12]},
        "optimizer": {"choice": ["adam", "sgd", "lion"]},
    }
}
Row = tuple[dict[str, Any], "list[float] | None"]


def draw(rng: random.Random) -> dict[str, Any]:
    """A config of LEVERS, evenly drawn."""
    return {
        "settings.learning_rate": 10 ** rng.uniform(-5, -1),
        "settings.dropout": rng.uniform(0, 0.6),
        "settings.layers": rng.randint(1, 12),
        "settings.optimizer": rng.choice(["adam", "sgd", "lion"]),
    }


def loss(config: Mapping[str, Any]) -> float:
    """Best at a learning rate of 1e-3, 6 layers and adam; dropout counts for nothing."""
    rate = (math.log10(config["settings.learning_rate"]) + 3) ** 2 / 4
    return (
        0.2 + 0.3 * rate + 0.01 * (config["settings.layers"] - 6) ** 2 + 0.2 * (config["settings.optimizer"] != "adam")
    )


def history_of(
    rows: list[Row],
    *,
    levers: Mapping[str, Any] = LEVERS,
    fidelity: Fidelity | None = None,
    errors: float | None = None,
    seconds: Callable[[int], float] = lambda number: 2.0,
    metric: str = "loss",
    task: Mapping[str, Any] | None = None,
) -> History:
    """The history of trials with these configs, and values by unit; None fails. The first is the baseline."""
    events: list[Event] = [
        StudyCreated(
            metric=Metric(metric, Direction.MINIMIZE),
            levers=levers,
            budget=Budget(seconds=3600),
            fidelity=fidelity or Fidelity(),
            task=task or {},
            versions={"python": "3.12.1", "numpy": "2.1"},
            fingerprints={"stage": "train:1"},
        ),
        SessionOpened(owner="tests", at=0.0),
    ]
    elapsed, best = 0.0, math.inf
    for number, (config, values) in enumerate(rows):
        purpose = Purpose.SEARCH if number else Purpose.BASELINE
        until = (fidelity or Fidelity()).maximum
        started = TrialStarted(elapsed=elapsed, trial=number, config=Config(config), until=until, purpose=purpose)
        events.append(started)
        elapsed += seconds(number)
        for unit, value in enumerate(values or [], start=1):
            measured = Measurement(unit, value, errors)
            events.append(TrialMeasured(elapsed=elapsed, trial=number, measurement=measured))
        failure = None if values else Failure("MemoryError", f"could not allocate {number} GB")
        status = Status.COMPLETED if values else Status.FAILED
        cost = Cost(seconds=seconds(number), trials=1)
        events.append(GrantEnded(elapsed=elapsed, trial=number, status=status, cost=cost, failure=failure))
        if values and values[-1] < best:
            best = values[-1]
            events.append(IncumbentChosen(elapsed=elapsed, trial=number, mean=best))
    return History.of([*events, SessionClosed(elapsed=elapsed, reason="stopped by the user")])


def searched(count: int, *, noise: float = 0.02, seed: int = 0, **rest: Any) -> History:
    """`count` random trials of LEVERS."""
    rng = random.Random(seed)
    rows: list[Row] = []
    for _ in range(count):
        config = draw(rng)
        rows.append((config, [loss(config) + noise * rng.gauss(0, 1)]))
    return history_of(rows, **rest)


def trained(count: int, *, units: int = 12, pace: float = 0.5, seed: int = 0) -> History:
    """Trials over epochs whose values fall at `pace` an epoch toward their end."""
    rng = random.Random(seed)
    rows: list[Row] = []
    for number in range(count):
        config = draw(rng)
        values = [loss(config) + math.exp(-pace * unit) for unit in range(1, units + 1)]
        rows.append((config, values[: units if number % 3 == 0 else 4]))
    return history_of(rows, fidelity=Fidelity("epoch", units, cumulative=False))
