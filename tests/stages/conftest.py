"""A grant, stepped as a runner steps it; and small datasets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from luthier.core.contracts import Settings, Stage, View
from luthier.core.dataset import Dataset
from luthier.core.trial import Measurement
from luthier.stages.check import HeldArtifacts, bare_context


@dataclass(frozen=True)
class Grant:
    """What a grant left behind."""

    measured: list[Measurement]
    checkpoint: bytes | None

    @property
    def values(self) -> list[float]:
        return [measurement.value for measurement in self.measured]


Run = Callable[..., Grant]


@pytest.fixture
def run() -> Run:
    def step(
        stage: Stage,
        settings: Settings,
        until: int | None = None,
        *,
        seed: int = 0,
        views: Sequence[View] = (),
        after: Grant | None = None,
        artifacts: HeldArtifacts | None = None,
    ) -> Grant:
        context = bare_context(until or stage.fidelity.maximum, seed, views, artifacts)
        if after is not None:
            context.measured, context.checkpoint = tuple(after.measured), after.checkpoint
        running = stage.evaluate(settings, context)
        measured: list[Measurement] = []
        try:
            for measurement in running:
                measured.append(measurement)
                if measurement.fidelity == context.until:
                    break
            checkpoint = None if context.save_state is None else context.save_state()
        finally:
            running.close()
        return Grant(measured, checkpoint)

    return step


def dataset_of(X: Any, y: Any, **roles: Any) -> Dataset:
    """Columns x0, x1, ... and y, with ids that don't depend on the order."""
    columns = {f"x{index}": np.asarray(column) for index, column in enumerate(np.asarray(X).T)}
    ids = np.array([f"row{index}" for index in range(len(y))], dtype=object)
    extra = {name: roles.pop(name) for name in list(roles) if not isinstance(roles[name], str)}
    return Dataset({**columns, **extra, "y": np.asarray(y)}, ids, target="y", **roles)


def folds_of(data: Dataset, count: int, seed: int = 0) -> tuple[View, ...]:
    """Shuffled folds of (train, validation)."""
    order = np.random.default_rng(seed).permutation(len(data))
    parts = np.array_split(order, count)
    return tuple(
        View(data.take(np.concatenate([other for j, other in enumerate(parts) if j != i])), data.take(parts[i]))
        for i in range(count)
    )


@pytest.fixture(scope="session")
def make_dataset() -> Callable[..., Dataset]:
    return dataset_of


@pytest.fixture(scope="session")
def make_folds() -> Callable[..., tuple[View, ...]]:
    return folds_of


@pytest.fixture(scope="session")
def cancer() -> Dataset:
    from sklearn.datasets import load_breast_cancer

    X, y = load_breast_cancer(return_X_y=True)
    return dataset_of(X[:300, :8], y[:300])


@pytest.fixture(scope="session")
def iris() -> Dataset:
    from sklearn.datasets import load_iris

    X, y = load_iris(return_X_y=True)
    return dataset_of(X, np.array(["setosa", "versicolor", "virginica"], dtype=object)[y])


@pytest.fixture(scope="session")
def diabetes() -> Dataset:
    from sklearn.datasets import load_diabetes

    X, y = load_diabetes(return_X_y=True)
    return dataset_of(X, y)
