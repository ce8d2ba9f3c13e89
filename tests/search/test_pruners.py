"""Median rule, stopping-style ASHA and races, by worked examples and by simulation."""

import math

import numpy as np
import pytest

from luthier.core.config import Config
from luthier.core.errors import UsageError
from luthier.core.metric import Direction, Metric
from luthier.core.trial import Decision, Examples, Failure, Fidelity, Measurement, Status, Trial
from luthier.search.asha_stopping import AshaStopping
from luthier.search.median import MedianPruner
from luthier.search.race import Race

SCORE, LOSS = Metric("score"), Metric("loss", Direction.MINIMIZE)
EPOCHS = Fidelity("epoch", 9, cumulative=False)
FOLDS = Fidelity("fold", 9)


def _trial(number, values, status=Status.RUNNING):
    return Trial(
        number,
        Config({"x": number}),
        status,
        measurements=tuple(Measurement(unit + 1, value) for unit, value in enumerate(values)),
    )


OTHERS = [_trial(number, [0.1 * number, 0.2 * number]) for number in range(1, 6)]  # medians .3, .6


@pytest.mark.parametrize(
    ("values", "fidelity", "decision"),
    [
        ([0.29], EPOCHS, Decision.STOP),
        ([0.31], EPOCHS, Decision.CONTINUE),
        ([0.7, 0.1], EPOCHS, Decision.CONTINUE),  # its best so far beats the median
        ([0.7, 0.1], FOLDS, Decision.STOP),  # a running mean stands for itself
        ([math.nan], EPOCHS, Decision.STOP),
        ([0.1, 0.1, 0.1], EPOCHS, Decision.CONTINUE),  # nobody else was measured there
    ],
)
def test_median(values, fidelity, decision):
    assert MedianPruner(SCORE, fidelity).decide(_trial(9, values), OTHERS) is decision


def test_median_where_less_is_better():
    pruner = MedianPruner(LOSS, EPOCHS)
    assert pruner.decide(_trial(9, [0.31]), OTHERS) is Decision.STOP
    assert pruner.decide(_trial(9, [0.29]), OTHERS) is Decision.CONTINUE


def test_median_waits():
    assert MedianPruner(SCORE, EPOCHS).decide(_trial(9, [0.0]), OTHERS[1:]) is Decision.CONTINUE
    assert MedianPruner(SCORE, EPOCHS, others=4).decide(_trial(9, [0.0]), OTHERS[1:]) is Decision.STOP
    assert MedianPruner(SCORE, EPOCHS, warmup=2).decide(_trial(9, [0.0]), OTHERS) is Decision.CONTINUE
    assert MedianPruner(SCORE, EPOCHS, warmup=2, every=3).decision_points(9) == (2, 5, 8)
    with pytest.raises(UsageError, match="'warmup' of the median pruner must be >= 1; got 0"):
        MedianPruner(SCORE, EPOCHS, warmup=0)


def test_median_of_failures():
    failed = [_trial(number, [math.nan], Status.FAILED) for number in range(5)]
    assert MedianPruner(SCORE, EPOCHS).decide(_trial(9, [-1.0]), failed) is Decision.CONTINUE


def test_asha_stopping_by_hand():
    pruner = AshaStopping(SCORE, EPOCHS)
    assert pruner.decision_points(9) == (1, 3)
    assert pruner.decision_points(3) == (1,)
    others = [_trial(number, [value]) for number, value in enumerate((0.1, 0.2, 0.3, 0.4, 0.5))]
    assert pruner.decide(_trial(9, [0.0]), others[:1]) is Decision.CONTINUE  # two arrived: fewer than eta
    assert pruner.decide(_trial(9, [0.15]), others[:2]) is Decision.STOP  # top 1 of 3 is .2
    assert pruner.decide(_trial(9, [0.25]), others[:2]) is Decision.CONTINUE
    assert pruner.decide(_trial(9, [0.45]), others) is Decision.CONTINUE  # top 2 of 6
    assert pruner.decide(_trial(9, [0.35]), others) is Decision.STOP
    assert pruner.decide(_trial(9, [0.35, 0.0]), others) is Decision.CONTINUE  # 2 is no rung
    assert pruner.decide(_trial(9, [math.nan]), others) is Decision.STOP


ROWS, BLOCKS = 300, 10


def _raced(number, rate, rng, blocks=BLOCKS, shared=None):
    """A trial whose outcomes are right at `rate`; half of the rows are as easy or hard for everybody."""
    easy = shared if shared is not None else rng.random(ROWS)
    own = rng.random(ROWS)
    right = np.where(np.arange(ROWS) % 2 == 0, easy, own) < rate
    size = ROWS // BLOCKS
    measured = []
    for block in range(blocks):
        part = slice(block * size, (block + 1) * size)
        examples = Examples(
            tuple(f"row {row}" for row in range(part.start, part.stop)), tuple(right[part].astype(float).tolist())
        )
        measured.append(Measurement(block + 1, float(right[: part.stop].mean()), examples=examples))
    status = Status.COMPLETED if blocks == BLOCKS else Status.RUNNING
    return Trial(number, Config({"x": number}), status, measurements=tuple(measured))


def _stopped_at(pruner, trial, others):
    for point in pruner.decision_points(BLOCKS):
        so_far = Trial(trial.id, trial.config, measurements=trial.measurements[:point])
        if pruner.decide(so_far, others) is Decision.STOP:
            return point
    return None


def test_a_race_stops_the_clearly_worse_early_and_keeps_the_equal():
    pruner = Race(SCORE, Fidelity("block", BLOCKS))
    worse, equal, better = [], [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        shared = rng.random(ROWS)
        rival = _raced(0, 0.8, rng, shared=shared)
        worse.append(_stopped_at(pruner, _raced(1, 0.5, rng, shared=shared), [rival]))
        equal.append(_stopped_at(pruner, _raced(1, 0.8, rng, shared=shared), [rival]))
        better.append(_stopped_at(pruner, _raced(1, 0.9, rng, shared=shared), [rival]))
    assert all(point is not None for point in worse)
    assert np.median([point for point in worse if point is not None]) <= BLOCKS / 2
    assert sum(point is None for point in equal) >= 0.95 * len(equal)
    assert better == [None] * len(better)


def test_a_race_needs_common_examples():
    rng = np.random.default_rng(0)
    pruner = Race(SCORE, Fidelity("block", BLOCKS))
    bad = _raced(1, 0.1, rng, blocks=5)
    rival = _raced(0, 0.9, rng)
    assert pruner.decide(bad, [rival]) is Decision.STOP
    assert pruner.decide(bad, []) is Decision.CONTINUE
    addresses = tuple(Measurement(m.fidelity, m.value, examples="sha256:1") for m in rival.measurements)
    away = Trial(0, rival.config, Status.COMPLETED, measurements=addresses)
    assert pruner.decide(bad, [away]) is Decision.CONTINUE
    failed = Trial(0, rival.config, Status.FAILED, measurements=rival.measurements, failure=Failure("ValueError", "no"))
    assert pruner.decide(bad, [failed]) is Decision.CONTINUE
    with pytest.raises(UsageError, match="alpha of a race must lie in"):
        Race(SCORE, Fidelity(), alpha=1.0)


def test_a_race_is_against_the_best_of_those_that_went_furthest():
    rng = np.random.default_rng(0)
    pruner = Race(LOSS, Fidelity("block", BLOCKS))
    trial = _raced(2, 0.1, rng, blocks=4)
    good, poor = _raced(0, 0.9, rng), _raced(1, 0.1, rng)
    # As losses, the values of `good` are the higher ones, so `poor` is the rival, and nobody is worse than it.
    assert pruner.decide(trial, [good, poor]) is Decision.CONTINUE
    assert Race(SCORE, Fidelity("block", BLOCKS)).decide(trial, [good, poor]) is Decision.STOP
