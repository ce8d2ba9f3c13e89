"""Training epoch by epoch with `partial_fit`: shuffled mini-batches, keyed by seed and epoch.

In a pipeline the last step learns by `partial_fit`; the steps before it are fitted once, on all rows to learn from.
"""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
from numpy.typing import NDArray

from luthier.core.errors import UsageError
from luthier.core.seeds import derive_seed


class Epochs:
    """An estimator in training. After `begin`, or `go_on` with a model from a checkpoint, run epochs in order."""

    def __init__(self, inputs: Any, target: NDArray[Any], seed: int, batch_size: int, is_classifier: bool) -> None:
        self._inputs = inputs
        self._target = target
        self._seed = seed
        self._batch_size = batch_size
        self._classes = np.unique(target) if is_classifier else None
        self._ready: Any = inputs

    def begin(self, model: Any) -> None:
        """Train `model` from the start; raises UsageError where it has no partial_fit."""
        steps = getattr(model, "steps", None)
        if not hasattr(_learner(model), "partial_fit"):
            raise UsageError(
                f"{type(_learner(model)).__name__} has no partial_fit, so it can't be trained epoch by epoch; "
                'use folds instead: fidelity=Fidelity("fold", 5)'
            )
        if steps is not None and len(steps) > 1:
            self._ready = model[:-1].fit_transform(self._inputs, self._target)
        self.model = model

    def go_on(self, model: Any) -> None:
        """Train on with `model` as an earlier epoch left it."""
        steps = getattr(model, "steps", None)
        if steps is not None and len(steps) > 1:
            self._ready = model[:-1].transform(self._inputs)
        self.model = model

    def run(self, epoch: int) -> None:
        """Learn from every row once, in the order of (seed, `epoch`)."""
        learner = _learner(self.model)
        takes_classes = self._classes is not None and "classes" in inspect.signature(learner.partial_fit).parameters
        extra = {"classes": self._classes} if takes_classes else {}
        order = np.random.default_rng(derive_seed(self._seed, "epoch", epoch)).permutation(len(self._target))
        for start in range(0, len(order), self._batch_size):
            rows = order[start : start + self._batch_size]
            learner.partial_fit(self._ready[rows], self._target[rows], **extra)


def _learner(model: Any) -> Any:
    steps = getattr(model, "steps", None)
    return model if steps is None else steps[-1][1]
