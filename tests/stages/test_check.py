"""The conformance check must find each broken promise."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from luthier.core.contracts import Prediction, View
from luthier.core.errors import MissingArtifact, StageError
from luthier.core.trial import Fidelity, Measurement
from luthier.stages.check import HeldArtifacts, bare_context, check_stage


@dataclass
class Broken:
    """Keeps all promises but the one in `breaks`."""

    breaks: str = ""
    name: str = "broken"
    version: str = "1"
    levers: tuple[Any, ...] = ()
    fidelity: Fidelity = field(default_factory=lambda: Fidelity("step", 3, cumulative=False))
    runs: int = 0

    def evaluate(self, settings, context):
        self.runs += 1
        start = 0 if context.checkpoint is None else int(context.checkpoint)
        done = [start]
        context.save_state = lambda: "text" if self.breaks == "state" else str(done[0]).encode()
        if self.breaks == "resume" and start:
            start += 1
        for step in range(start + 1, context.until + 1):
            if self.breaks == "early" and step == 3:
                return
            done[0] = step
            value = float(step)
            if self.breaks == "random":
                value += self.runs
            if self.breaks == "forgets" and start:
                value += 0.5
            if self.breaks == "nan":
                value = float("nan")
            if self.breaks == "type":
                yield value
            try:
                yield Measurement(step + (self.breaks == "count"), value)
            except GeneratorExit:
                if self.breaks == "close":
                    raise RuntimeError("can't stop here") from None
                raise

    def finalize(self, settings, context):
        return "sha256:nowhere" if self.breaks == "address" else context.artifacts.put(b"model")

    def predict(self, artifact, inputs, context):
        rows = len(inputs) + (self.breaks == "rows")
        if self.breaks == "classes":
            return Prediction(np.zeros(rows), np.zeros((rows, 2)), ("a",))
        assert inputs.target is None
        return Prediction(np.zeros(rows))


def context_of(iris):
    return lambda until: bare_context(until, views=(View(iris, iris.take(range(4))),))


def test_a_good_stage_passes(iris):
    check_stage(Broken(), {}, context_of(iris))


@pytest.mark.parametrize(
    ("breaks", "message"),
    [
        ("early", r"the fidelities 1 to 3, each once and in order; it gave \[1, 2\]"),
        ("count", r"it gave \[2, 3\]"),
        ("nan", "values must be finite"),
        ("type", "must yield Measurements; it yielded float"),
        ("random", "two runs with one seed must measure the same, but at fidelity 1"),
        ("close", "must end quietly when its generator is closed, but at fidelity 3 it raised RuntimeError"),
        ("state", "save_state must give bytes; it gave str"),
        ("resume", r"it gave \[1, 3\]"),
        ("forgets", "a trial paused at 1 and one that ran through must measure the same, but at fidelity 2"),
        ("address", "must put its artifact into context.artifacts and give the address; it gave 'sha256:nowhere'"),
        ("rows", "one value a row; it said 5 for 4 rows"),
        ("classes", r"probabilities must have the shape \(rows, classes\)"),
    ],
)
def test_a_broken_promise_is_found(iris, breaks, message):
    with pytest.raises(StageError, match=message):
        check_stage(Broken(breaks), {}, context_of(iris))


def test_a_stage_may_be_random_if_it_says_so(iris):
    check_stage(Broken("random"), {}, context_of(iris), deterministic=False)


def test_held_artifacts():
    artifacts = HeldArtifacts()
    address = artifacts.put(b"one")
    assert artifacts.put(b"one") == address
    artifacts.remember("fingerprint", address)
    assert artifacts.recall("fingerprint") == address
    other = artifacts.put(b"two")
    assert artifacts.evict([other]) == 1
    assert artifacts.recall("fingerprint") is None
    assert artifacts.has(other)
    with pytest.raises(MissingArtifact, match="isn't held"):
        artifacts.get(address)
