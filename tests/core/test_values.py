"""The small values: metrics, seeds, errors, clocks, verdicts, trials."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luthier.core import errors
from luthier.core.clock import ManualClock, SystemClock
from luthier.core.errors import LuthierError, MissingExtra, RunError, UnknownName, UsageError, nearest_first
from luthier.core.metric import Direction, Metric
from luthier.core.seeds import derive_seed
from luthier.core.trial import Examples, Fidelity, Measurement, Status
from luthier.core.verdict import Gain, Verdict


def test_a_metric_knows_which_way_is_better() -> None:
    accuracy, loss = Metric("accuracy"), Metric("loss", "minimize")  # pyright: ignore[reportArgumentType]
    assert loss.direction is Direction.MINIMIZE
    assert accuracy.better(0.9, 0.8)
    assert loss.better(0.8, 0.9)
    assert not accuracy.better(0.8, 0.8)
    assert not accuracy.better(math.nan, 0.1)
    assert loss.gain(0.5, 0.75) == 0.25
    assert (accuracy.worst, loss.worst) == (-math.inf, math.inf)
    assert accuracy.better(0.0, accuracy.worst)
    with pytest.raises(UsageError, match="'maximize' or 'minimize'; got 'up'"):
        Metric("accuracy", "up")  # pyright: ignore[reportArgumentType]
    with pytest.raises(UsageError, match="needs a name"):
        Metric("")


def test_seeds_are_the_same_on_every_machine() -> None:
    assert derive_seed(0) == 1223360973
    assert derive_seed(0, "trial", 3) == 1185290901


@given(st.integers(), st.integers(), st.text(max_size=5))
def test_seeds_are_keyed_by_purpose(seed: int, number: int, purpose: str) -> None:
    assert 0 <= derive_seed(seed, purpose, number) < 2**31
    assert derive_seed(seed, purpose, number) == derive_seed(seed, purpose, number)
    assert (
        len({derive_seed(seed, purpose, number), derive_seed(seed, number, purpose), derive_seed(seed, purpose)}) == 3
    )


def test_names_are_listed_nearest_first() -> None:
    known = ["weight_decay", "learning_rate", "warmup"]
    assert nearest_first("learning_rat", known)[0] == "learning_rate"
    assert nearest_first("warm_up", known)[0] == "warmup"
    assert nearest_first("x", []) == []
    assert str(UnknownName("searcher", "tp", ["gp", "tpe"])) == "unknown searcher 'tp'; known are: tpe, gp"
    assert str(UnknownName("searcher", "tp", [])) == "unknown searcher 'tp'; known are: none"
    assert str(MissingExtra("torch", "train", "training")).endswith("install it with: pip install 'luthier[train]'")


def test_the_tree_of_errors_is_the_one_that_its_file_prints() -> None:
    printed = errors.__doc__ or ""
    for name, error in vars(errors).items():
        if isinstance(error, type) and issubclass(error, LuthierError):
            assert name in printed
            assert error.exit_code == (2 if issubclass(error, UsageError) else 1)
            assert error in (LuthierError, UsageError, RunError) or issubclass(error, UsageError | RunError)


def test_a_manual_clock_moves_only_when_told() -> None:
    clock = ManualClock(5.0)
    clock.advance(2.0)
    assert (clock.now(), clock.monotonic()) == (7.0, 7.0)
    with pytest.raises(ValueError, match="only moves forward; got -1"):
        clock.advance(-1)
    real = SystemClock()
    assert real.monotonic() <= real.monotonic()
    assert real.now() > 1.7e9


def test_a_verdict_survives_json() -> None:
    gain = Gain("baseline", 0.1, 0.05, 0.15, 0.001, 0.002)
    verdict = Verdict("accuracy", 99, 7, 0.8, 0.9, 0.81, None, 0.01, gain, (gain,), 2, ("a note",))
    assert Verdict.from_json(json.loads(json.dumps(verdict.to_json()))) == verdict
    assert gain.is_significant
    assert not Gain("baseline", 0.1, -0.05, 0.15, 0.001, 0.002).is_significant
    assert not Gain("baseline", 0.1, 0.05, 0.15, 0.04, 0.06).is_significant


def test_measurements_are_checked_when_made() -> None:
    with pytest.raises(UsageError, match="counts from 1; got 0"):
        Measurement(0, 0.5)
    with pytest.raises(UsageError, match="must be >= 1; got 0"):
        Fidelity("epoch", 0)
    with pytest.raises(UsageError, match="got 1 ids, 2 scores"):
        Examples(("a",), (1.0, 2.0))
    assert Status.INTERRUPTED.is_open
    assert not Status.PAUSED.is_open
