from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from luthier.core.contracts import Context, Prediction, Settings, View
from luthier.core.dataset import Dataset
from luthier.core.errors import SpaceError, StageError, UsageError
from luthier.core.lever import Lever
from luthier.core.parameter import Float
from luthier.core.trial import Fidelity, Measurement
from luthier.stages.chain import Chain
from luthier.stages.check import HeldArtifacts, bare_context, check_stage

MADE: list[str] = []
"""What upstream stages made, in order: the stages are values and count nothing themselves."""


@pytest.fixture(autouse=True)
def nothing_made():
    MADE.clear()


@dataclass(frozen=True)
class Adder:
    """Makes the number that is upstream of it plus its setting; as the last stage it measures that number."""

    name: str = "adder"
    setting: str = "a"
    version: str = "1"
    fidelity: Fidelity = field(default_factory=lambda: Fidelity("step", 3, cumulative=False))

    @property
    def levers(self) -> tuple[Lever, ...]:
        return (Lever(f"{self.name}_lever", {self.setting: Float(0.0, 100.0)}),)

    def evaluate(self, settings: Settings, context: Context) -> Generator[Measurement, None, None]:
        total = self._total(settings, context)
        start = 0 if context.checkpoint is None else int(context.checkpoint)
        done = [start]
        context.save_state = lambda: str(done[0]).encode()
        for step in range(start + 1, context.until + 1):
            done[0] = step
            yield Measurement(step, total * step)

    def finalize(self, settings: Settings, context: Context) -> str:
        total = self._total(settings, context)
        MADE.append(f"{self.name}:{total:g} seed {context.seed} until {context.until}")
        return context.artifacts.put(f"{total:g}".encode())

    def predict(self, artifact: str, inputs: Dataset, context: Context) -> Prediction:
        below = 0.0 if context.upstream is None else float(context.artifacts.get(context.upstream))
        return Prediction(np.full(len(inputs), 1000 * below + float(context.artifacts.get(artifact))))

    def _total(self, settings: Settings, context: Context) -> float:
        assert set(settings) == {self.setting}
        below = 0.0 if context.upstream is None else float(context.artifacts.get(context.upstream))
        return below + float(settings[self.setting])  # type: ignore[arg-type]


def two(**options: Any) -> Chain:
    return Chain((Adder("first", "a"), Adder("second", "b")), **options)


def test_the_last_stage_works_on_what_the_first_made(run):
    chain = two()
    assert run(chain, {"a": 1.0, "b": 10.0}, seed=9).values == [11.0, 22.0, 33.0]
    assert MADE == ["first:1 seed 0 until 3"]
    assert [lever.name for lever in chain.levers] == ["first_lever", "second_lever"]
    assert chain.version == "first@1+second@1"


def test_a_new_setting_of_the_last_stage_costs_no_upstream_run(run):
    artifacts = HeldArtifacts()
    for b in (10.0, 20.0, 30.0):
        for seed in (1, 2):
            run(two(), {"a": 1.0, "b": b}, 2, seed=seed, artifacts=artifacts)
    assert len(MADE) == 1
    run(two(), {"a": 2.0, "b": 10.0}, artifacts=artifacts)
    assert MADE == ["first:1 seed 0 until 3", "first:2 seed 0 until 3"]


def views_of(make_dataset, rows: int) -> tuple[View, ...]:
    data = make_dataset(np.arange(2.0 * rows).reshape(rows, 2), np.arange(rows))
    return (View(data.take(range(rows - 1)), data.take([rows - 1])),)


@pytest.mark.parametrize("changed", ["seed", "version", "data", "fidelity", "upstream"])
def test_what_makes_an_upstream_stage_run_again(run, make_dataset, changed):
    artifacts, settings = HeldArtifacts(), {"a": 1.0, "b": 10.0}
    views = views_of(make_dataset, 5)
    run(two(), settings, views=views, artifacts=artifacts)
    chain, context = two(), bare_context(1, views=views, artifacts=artifacts)
    if changed == "seed":
        chain = two(upstream_seed=1)
    elif changed == "version":
        chain = Chain((Adder("first", "a", version="2"), Adder("second", "b")))
    elif changed == "fidelity":
        chain = Chain((Adder("first", "a", fidelity=Fidelity("step", 7)), Adder("second", "b")))
    elif changed == "data":
        context.views = views_of(make_dataset, 6)
    else:
        context.upstream = artifacts.put(b"100")
    next(chain.evaluate(settings, context))
    assert len(MADE) == 2


def test_an_evicted_artifact_is_made_again(run):
    artifacts = HeldArtifacts()
    before = run(two(), {"a": 1.0, "b": 10.0}, artifacts=artifacts)
    assert artifacts.evict([]) == 1
    assert run(two(), {"a": 1.0, "b": 10.0}, artifacts=artifacts).values == before.values
    assert len(MADE) == 2


def test_an_evicted_artifact_in_the_middle_costs_only_itself(run):
    artifacts = HeldArtifacts()
    three = Chain((Adder("first", "a"), Adder("second", "b"), Adder("third", "c")))
    run(three, {"a": 1.0, "b": 10.0, "c": 0.0}, artifacts=artifacts)
    artifacts.evict([artifacts.put(b"1")])
    assert run(three, {"a": 1.0, "b": 10.0, "c": 5.0}, artifacts=artifacts).values == [16.0, 32.0, 48.0]
    assert [made.partition(" ")[0] for made in MADE] == ["first:1", "second:11", "second:11"]


def test_pausing_is_the_last_stage_s(run):
    chain, settings = two(), {"a": 1.0, "b": 10.0}
    first = run(chain, settings, 2)
    assert first.checkpoint == b"2"
    assert run(chain, settings, after=first).values == [33.0]


def test_it_keeps_the_contract_of_stages(make_dataset):
    settings = {"a": 1.0, "b": 10.0}
    check_stage(two(), settings, lambda until: bare_context(until, views=views_of(make_dataset, 5)))
    check_stage(Chain((two(), Adder("third", "c"))), {**settings, "c": 2.0}, bare_context)


def test_an_artifact_predicts_after_everything_else_was_evicted(make_dataset):
    context = bare_context(3, views=views_of(make_dataset, 5))
    address = two().finalize({"a": 2.0, "b": 10.0}, context)
    context.artifacts.evict([address])
    said = two().predict(address, context.views[0].validation, replace(context, views=()))
    assert said.values.tolist() == [2012.0]


def test_a_chain_in_a_chain_is_taken_apart(run):
    nested = Chain((two(), Adder("third", "c")))
    assert [stage.name for stage in nested.stages] == ["first", "second", "third"]
    assert run(nested, {"a": 1.0, "b": 10.0, "c": 2.0}, 1).values == [13.0]


def test_a_stage_alone_is_a_chain(run):
    chain = Chain((Adder(),))
    assert run(chain, {"a": 1.0}, 1).values == [1.0]
    assert MADE == []


def test_closing_closes_the_last_stage():
    closed: list[bool] = []

    class Closing(Adder):
        def evaluate(self, settings, context):
            try:
                yield from super().evaluate(settings, context)
            finally:
                closed.append(True)

    running = Chain((Adder("first", "a"), Closing("second", "b"))).evaluate({"a": 1.0, "b": 1.0}, bare_context(3))
    next(running)
    running.close()
    assert closed == [True]


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ((Adder("one", "a"), Adder("two", "a")), "'one.one_lever' and 'two.two_lever' both have a setting 'a'"),
        ((Adder("one", "a"), Adder("one", "b")), "'one' and 'one' both have a lever 'one_lever'"),
    ],
)
def test_names_that_clash(stages, message):
    with pytest.raises(SpaceError) as raised:
        Chain(stages)
    assert message in str(raised.value)


def test_what_a_chain_can_not_do(run, make_dataset):
    with pytest.raises(UsageError, match="needs at least one stage; got none"):
        Chain(())
    views = views_of(make_dataset, 5) * 3
    with pytest.raises(UsageError, match="takes data that is split once, not into 3 folds"):
        run(two(), {"a": 1.0, "b": 1.0}, views=views)
    context = bare_context(1)
    with pytest.raises(StageError, match="isn't a bundle of files"):
        two().predict(context.artifacts.put(b"text"), views[0].train, context)
