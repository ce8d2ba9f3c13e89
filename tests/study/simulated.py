"""Studies whose truth is known: a stage that is right on a row with a stated probability.

Whether a config is right on a row follows from a Gaussian copula: rows differ in difficulty, rows of one group
alike, and each config has luck of its own. The accuracy over all possible rows is exactly what was stated, so
the true gain of any config over any other is known.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from functools import partial
from statistics import NormalDist
from typing import Any

import numpy as np

import luthier as lt
from luthier.core.contracts import Context, Prediction, Runner
from luthier.core.seeds import derive_seed, fingerprint
from luthier.core.trial import Fidelity
from luthier.run.inline import InlineRunner
from luthier.search.random import Random
from luthier.store.artifacts import MemoryArtifacts
from luthier.store.memory import MemoryStore
from luthier.study.allocate import EqualShare
from luthier.study.home import Home
from luthier.study.problem import Problem
from luthier.study.rows import split_rows
from luthier.study.study import Study

LEVERS = (
    lt.Lever("data", {"a": lt.Choice((0, 1, 2))}),
    lt.Lever("settings", {"b": lt.Float(0.0, 1.0, default=0.0), "c": lt.Int(1, 9, default=5)}),
)
ACCURACY = lt.Metric("accuracy")
SHARED = 0.5
"""How much of the luck on a row all configs share."""


@dataclass
class Simulated:
    """A stage with a known accuracy for every config; it keeps no state and learns nothing."""

    accuracy: Callable[[Mapping[str, Any]], float]
    seed: int = 0
    name: str = "simulated"
    version: str = "1"
    levers: tuple[lt.Lever, ...] = LEVERS
    fidelity: Fidelity = field(default_factory=lambda: Fidelity("fold", 3))

    def evaluate(self, settings: Mapping[str, Any], context: Context) -> Generator[lt.Measurement, None, None]:
        right: list[np.ndarray] = [
            self.is_right(settings, view.validation, context.seed) for view in context.views[: len(context.measured)]
        ]
        for number in range(len(context.measured) + 1, context.until + 1):
            right.append(self.is_right(settings, context.views[number - 1].validation, context.seed))
            outcomes = np.concatenate(right)
            error = float(outcomes.std() / np.sqrt(len(outcomes)))
            yield lt.Measurement(number, float(outcomes.mean()), error)

    def finalize(self, settings: Mapping[str, Any], context: Context) -> str:
        return context.artifacts.put(repr(sorted(settings.items())).encode())

    def predict(self, artifact: str, inputs: lt.Dataset, context: Context) -> Prediction:
        settings = dict(eval(context.artifacts.get(artifact)))
        right = self.is_right(settings, inputs, context.seed)
        truth = np.array([row.rpartition("-")[2] for row in inputs.ids], dtype=object)
        return Prediction(np.where(right, truth, np.where(truth == "yes", "no", "yes")))

    def is_right(self, settings: Mapping[str, Any], rows: lt.Dataset, seed: int) -> np.ndarray:
        rng = np.random.default_rng(derive_seed(self.seed, fingerprint(sorted(settings.items()), seed)))
        luck = rng.standard_normal(len(rows))
        latent = np.sqrt(SHARED) * rows["difficulty"] + np.sqrt(1 - SHARED) * luck
        return latent < NormalDist().inv_cdf(self.accuracy(settings))


def rows_of(count: int, groups: int, seed: int) -> lt.Dataset:
    """Rows whose ids tell their label, in groups of uneven size with difficulties alike."""
    rng = np.random.default_rng(seed)
    group = rng.choice(groups, size=count, p=rng.dirichlet(np.full(groups, 3.0)))
    difficulty = np.sqrt(0.2) * rng.standard_normal(groups)[group] + np.sqrt(0.8) * rng.standard_normal(count)
    labels = np.array(["yes", "no"], dtype=object)[rng.integers(0, 2, count)]
    ids = np.array([f"{number}-{label}" for number, label in enumerate(labels)], dtype=object)
    names = np.array([f"group {number}" for number in group], dtype=object)
    columns = {"difficulty": difficulty, "label": labels, "group": names}
    return lt.Dataset(columns, ids, target="label", group="group")


def study_of(
    stage: Simulated,
    *,
    rows: int = 900,
    groups: int = 120,
    trials: int = 8,
    seed: int = 0,
    confirm: int = 2,
    make_runner: Callable[..., Runner] = InlineRunner,
    home: Home | None = None,
) -> Study:
    """A study of the simulated stage by random search, in memory unless a home is given."""
    artifacts = MemoryArtifacts() if home is None else home.artifacts
    problem = Problem(
        metric=ACCURACY,
        stage=stage,
        levers=stage.levers,
        budget=lt.Budget(trials=trials),
        make_searcher=partial(Random, metric=ACCURACY, fidelity=stage.fidelity, seed=seed),
        allocator=EqualShare([lever.name for lever in stage.levers]),
        rows=split_rows(rows_of(rows, groups, seed), "accuracy", held_out=0.4, folds=3, seed=seed, artifacts=artifacts),
        confirm=confirm,
        seed=seed,
    )
    return Study(f"simulated {seed}", home or Home(MemoryStore(), artifacts, "test"), problem, make_runner)
