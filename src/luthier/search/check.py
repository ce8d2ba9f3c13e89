"""What every searcher and pruner must do: run these against your own, as our tests do against ours.

    from luthier.search.check import check_searcher
    check_searcher(MySearcher)

An AssertionError says what must hold and what came instead. Nothing here times, trains or writes anything.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from luthier.core.config import Config
from luthier.core.contracts import Pruner, Searcher, SearcherFactory
from luthier.core.metric import Direction, Metric
from luthier.core.parameter import Choice, Float, Int, Order, Prior, Range, Subset, Text
from luthier.core.space import Space
from luthier.core.trial import (
    Decision,
    Examples,
    Failure,
    Fidelity,
    Grant,
    Measurement,
    Purpose,
    Start,
    Status,
    Trial,
)
from luthier.search.registry import PrunerFactory

METRICS = (Metric("score", Direction.MAXIMIZE), Metric("loss", Direction.MINIMIZE))
FIDELITIES = (Fidelity(), Fidelity("epoch", 9, cumulative=False), Fidelity("fold", 5))

MIXED = Space(
    {
        "model.kind": Choice(("linear", "tree", "net")),
        "model.depth": Int(1, 12, when={"model.kind": "tree"}),
        "model.layers": Int(1, 4, when={"model.kind": "net"}),
        "model.width": Int(8, 256, log=True, when={"model.layers": Range(2)}),
        "train.learning_rate": Float(1e-5, 1e-1, log=True, prior=Prior(1e-3, 0.2)),
        "train.momentum": Float(0.0, 1.0, step=0.25),
        "train.size": Choice(("small", "medium", "large"), ordered=True),
        "data.augment": Subset(("flip", "crop", "noise"), max_size=2, when={"model.kind": ["tree", "net"]}),
        "data.order": Order(("a", "b", "c")),
        "prompt.text": Text(("Answer.", "Answer in one word.")),
    }
)
ONE_NUMBER = Space({"x": Float(0.0, 1.0)})
FINITE = Space({"kind": Choice(("a", "b")), "depth": Int(1, 3, when={"kind": "b"}), "flag": Choice((True, False))})
FINITE_SIZE = 8
HELD = FINITE.fix({"kind": "b", "depth": 2, "flag": True})
NARROW = MIXED.fix({"model.kind": "net", "train.size": "small", "data.order": ("c", "a", "b"), "model.depth": 3})
CASES = (
    (MIXED, MIXED, FIDELITIES[0]),
    (MIXED, MIXED, FIDELITIES[1]),
    (MIXED, NARROW, FIDELITIES[2]),
    (ONE_NUMBER, ONE_NUMBER, FIDELITIES[1]),
    (FINITE, FINITE, FIDELITIES[1]),
    (FINITE, FINITE, FIDELITIES[2]),
    (HELD, HELD, FIDELITIES[1]),
)
"""(joint space, what is asked within, fidelity)"""


def check_searcher(factory: SearcherFactory, *, exhaustive: bool = True) -> None:
    """Every check below. `exhaustive=False` for a searcher that needn't try all configs of a finite space."""
    check_grants(factory)
    check_resumption(factory)
    check_telling(factory)
    check_batches(factory)
    check_bad_values(factory)
    check_end_of_finite_space(factory, exhaustive=exhaustive)


def check_grants(factory: SearcherFactory) -> None:
    """Grants are valid in every kind of space, whatever order asking, telling, failing and pausing come in."""
    for (space, within, fidelity), metric in itertools.product(CASES, METRICS):
        play = _Play(factory(space, metric, fidelity, 3), within, metric, fidelity)
        for _ in range(24):
            play.step()


def check_resumption(factory: SearcherFactory) -> None:
    """A fresh searcher that takes up the snapshot and is told the trials proposes what the old one does, always."""
    for space, within, fidelity in CASES:
        play = _Play(factory(space, METRICS[0], fidelity, 7), within, METRICS[0], fidelity)
        for _ in range(24):
            play.step()
            fresh = factory(space, METRICS[0], fidelity, 7)
            snapshot = play.searcher.snapshot()
            if snapshot is not None:
                fresh.restore(json.loads(json.dumps(snapshot)))
            for trial in play.trials:
                fresh.tell(trial)
            _same(play.searcher.ask(2, within), fresh.ask(2, within), "a fresh searcher told the same trials")


def check_telling(factory: SearcherFactory) -> None:
    """Asking changes nothing, telling twice changes nothing, and the order of telling doesn't matter."""
    play = _Play(factory(MIXED, METRICS[1], FIDELITIES[1], 5), MIXED, METRICS[1], FIDELITIES[1])
    for _ in range(30):
        play.step()
    if play.searcher.snapshot() is not None:
        return
    expected = play.searcher.ask(3, MIXED)
    _same(play.searcher.ask(3, MIXED), expected, "the same searcher asked again")
    for trial in play.trials:
        play.searcher.tell(trial)
    _same(play.searcher.ask(3, MIXED), expected, "the same searcher told everything twice")
    reverse = factory(MIXED, METRICS[1], FIDELITIES[1], 5)
    for trial in reversed(play.trials):
        reverse.tell(replace(trial, status=Status.RUNNING, measurements=(), failure=None))
    for trial in reversed(play.trials):
        reverse.tell(trial)
    _same(reverse.ask(3, MIXED), expected, "a fresh searcher told the trials backwards")


def check_batches(factory: SearcherFactory) -> None:
    """The starts of one batch differ, from each other and from what is known or running."""
    for metric in METRICS:
        play = _Play(factory(MIXED, metric, Fidelity(), 1), MIXED, metric, Fidelity())
        for _ in range(3):
            grants = play.ask(6)
            keys = [grant.config.key for grant in grants if isinstance(grant, Start)]
            _require(len(keys) == 6, f"a large space must give the 6 starts asked for; got {len(keys)}")
            for _ in range(4):
                play.finish()


def check_bad_values(factory: SearcherFactory) -> None:
    """NaN, infinity, huge numbers, equal numbers and failures alone raise nothing and stop nothing."""
    outcomes = (math.nan, math.inf, -math.inf, 1e300, -1e300, 0.0, "fail")
    for outcome, fidelity in zip(outcomes, itertools.cycle(FIDELITIES)):
        play = _Play(factory(MIXED, METRICS[0], fidelity, 2), MIXED, METRICS[0], fidelity)
        for _ in range(12):
            play.ask(2)
            play.finish(outcome)
            play.finish(outcome)
        _require(bool(play.ask(1)), f"a searcher must go on after outcomes of {outcome}; got no grant")


def check_end_of_finite_space(factory: SearcherFactory, *, exhaustive: bool = True) -> None:
    """In a finite space nothing is tried twice, and in the end an ask gives an empty list."""
    for (space, size), fidelity in itertools.product(((FINITE, FINITE_SIZE), (HELD, 1)), FIDELITIES):
        play = _Play(factory(space, METRICS[0], fidelity, 11), space, METRICS[0], fidelity)
        for _ in range(20 * size * fidelity.maximum):
            if not play.ask(2) and not play.running:
                break
            while play.running:
                play.finish(0.5)
        else:
            raise AssertionError(f"a space of {size} configs must end; got grants after {len(play.trials)} trials")
        keys = {trial.config.key for trial in play.trials}
        _require(len(keys) == len(play.trials), f"no config may be tried twice; got {len(play.trials)} of {len(keys)}")
        enough = len(keys) == size if exhaustive else 1 <= len(keys) <= size
        _require(enough, f"a space of {size} configs must be searched to its end; got {len(keys)} of them")


# -------------------------------------------------------------------------------------------- pruners


def check_pruner(factory: PrunerFactory) -> None:
    """Decision points lie inside the grant; decisions are a pure function that bears any trials."""
    for metric, fidelity in itertools.product(METRICS, FIDELITIES):
        pruner = factory(metric, fidelity)
        _check_decision_points(pruner, fidelity)
        others = [_curve(number, metric, fidelity) for number in range(12)]
        for at in range(1, fidelity.maximum + 1):
            trial = _curve(50, metric, replace(fidelity, maximum=at))
            _require(
                pruner.decide(trial, []) is Decision.CONTINUE,
                f"a trial without others to compare with must go on; it was stopped at fidelity {at}",
            )
            decision = pruner.decide(trial, others)
            _require(
                isinstance(decision, Decision),  # pyright: ignore[reportUnnecessaryIsInstance]
                f"decide must give a Decision; got {decision!r}",
            )
            _require(pruner.decide(trial, others) is decision, "decide must give the same answer when asked again")
            _require(
                pruner.decide(trial, others[::-1]) is decision, "decide must not depend on the order of the others"
            )
        for value in (math.nan, math.inf, -math.inf):
            bad = replace(others[0], id=99, measurements=(Measurement(1, value),))
            pruner.decide(bad, others)
            pruner.decide(others[0], [bad, *others[1:]])


def _check_decision_points(pruner: Pruner, fidelity: Fidelity) -> None:
    for until in range(1, fidelity.maximum + 1):
        points = pruner.decision_points(until)
        _require(
            all(1 <= point < until for point in points) and list(points) == sorted(set(points)),
            f"decision points must rise within 1 to {until - 1}; got {points}",
        )


def _curve(number: int, metric: Metric, fidelity: Fidelity) -> Trial:
    """A trial with values, and outcomes of 20 examples a unit, that follow from its number; every fifth failed."""
    rng = np.random.default_rng(number)
    level = float(rng.random())
    measurements: list[Measurement] = []
    for unit in range(1, fidelity.maximum + 1):
        names = tuple(f"row {unit}-{row}" for row in range(20))
        scores = tuple(float(score) for score in rng.random(20) < level)
        value = metric.sign * level + float(rng.normal(0, 0.05))
        measurements.append(Measurement(unit, value, examples=Examples(names, scores)))
    failed = number % 5 == 4
    status = Status.FAILED if failed else Status.RUNNING
    failure = Failure("ValueError", "made to fail") if failed else None
    return Trial(number, Config({"x": level}), status, measurements=tuple(measurements), failure=failure)


# --------------------------------------------------------------------------------------- a small study


@dataclass
class _Play:
    """A study in miniature: asks, lets trials end in any order and way, and checks every grant on its way."""

    searcher: Searcher
    within: Space
    metric: Metric
    fidelity: Fidelity
    trials: list[Trial] = field(default_factory=list[Trial])
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    @property
    def running(self) -> list[Trial]:
        return [trial for trial in self.trials if trial.status is Status.RUNNING]

    def step(self) -> None:
        """Ask for one to three grants, or let a running trial end: well, by a NaN, a failure or a stop."""
        if not self.running or (len(self.running) < 4 and self.rng.random() < 0.5):
            self.ask(int(self.rng.integers(1, 4)))
        if self.running and self.rng.random() < 0.7:
            draw = self.rng.random()
            self.finish("fail" if draw < 0.1 else math.nan if draw < 0.2 else "stop" if draw < 0.25 else None)

    def ask(self, count: int) -> list[Grant]:
        """Ask, check the grants and start them."""
        grants = self.searcher.ask(count, self.within)
        _require(len(grants) <= count, f"ask({count}) must give at most {count} grants; got {len(grants)}")
        snapshot = self.searcher.snapshot()
        _require(json.loads(json.dumps(snapshot)) == snapshot, f"a snapshot must be plain JSON; got {snapshot!r}")
        for grant in grants:
            self._check(grant)
            if isinstance(grant, Start):
                trial = Trial(
                    len(self.trials), grant.config, Status.RUNNING, Purpose.SEARCH, grant.until, why=grant.why
                )
                self.trials.append(trial)
            else:
                trial = replace(self.trials[grant.trial], status=Status.RUNNING, until=grant.until)
                self.trials[grant.trial] = trial
            self.searcher.tell(trial)
        return grants

    def finish(self, outcome: float | str | None = None) -> None:
        """Let one running trial, any, reach its grant's end with the value `outcome`; None for one of its own."""
        if not self.running:
            return
        trial = self.running[int(self.rng.integers(len(self.running)))]
        if outcome == "fail":
            self._tell(replace(trial, status=Status.FAILED, failure=Failure("ValueError", "made to fail")))
            return
        value = _value(trial.config, self.metric) if outcome is None or isinstance(outcome, str) else outcome
        until = trial.until if outcome != "stop" else min(trial.fidelity + 1, trial.until)
        added = tuple(Measurement(unit, value, 0.1 / unit) for unit in range(trial.fidelity + 1, until + 1))
        ended = Status.COMPLETED if until >= self.fidelity.maximum else Status.PAUSED
        status = Status.STOPPED if until < trial.until else ended
        self._tell(replace(trial, status=status, measurements=(*trial.measurements, *added)))

    def _tell(self, trial: Trial) -> None:
        self.trials[trial.id] = trial
        self.searcher.tell(trial)

    def _check(self, grant: Grant) -> None:
        why = dict(grant.why)
        _require(_is_json(why), f"the why of a grant must be plain JSON with finite numbers; got {why!r}")
        _require(
            1 <= grant.until <= self.fidelity.maximum,
            f"a grant must end within 1 to {self.fidelity.maximum}; got {grant.until}",
        )
        if isinstance(grant, Start):
            valid = self.within.config(grant.config, defaults=False)
            _require(valid.key == grant.config.key, f"a start must lie in the space asked for; got {grant.config!r}")
            known = {trial.config.key for trial in self.trials}
            _require(grant.config.key not in known, f"a start must be of a new config; got again {grant.config!r}")
            return
        _require(0 <= grant.trial < len(self.trials), f"a resume must name a known trial; got {grant.trial}")
        trial = self.trials[grant.trial]
        _require(
            trial.status is Status.PAUSED and grant.until > trial.fidelity,
            f"only a paused trial can go on, and only further; got {grant} for one {trial.status} at {trial.fidelity}",
        )


def _value(config: Config, metric: Metric) -> float:
    """A value that follows from the config alone."""
    return metric.sign * int(config.key[:6], 16) / 16**6


def _is_json(why: dict[str, object]) -> bool:
    try:
        return json.loads(json.dumps(why, allow_nan=False)) == why
    except (TypeError, ValueError):
        return False


def _same(got: Sequence[Grant], expected: Sequence[Grant], who: str) -> None:
    _require(list(got) == list(expected), f"{who} must propose the same; got {got} instead of {expected}")


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise AssertionError(message)
