"""Histories of studies as they really come about, built event by event."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from luthier.core.budget import Budget
from luthier.core.config import Config
from luthier.core.cost import Cost
from luthier.core.events import (
    BudgetSettled,
    Event,
    FinalSetFrozen,
    GrantEnded,
    IncumbentChosen,
    SessionClosed,
    SessionOpened,
    StudyConcluded,
    StudyCreated,
    TestOpened,
    TrialMeasured,
    TrialStarted,
)
from luthier.core.history import History
from luthier.core.metric import Direction, Metric
from luthier.core.trial import Failure, Measurement, Purpose, Status
from luthier.core.verdict import Gain, Verdict

BASELINE = {
    "data.min_words": 1,
    "data.drop_duplicates": False,
    "representation.ngrams": 1,
    "representation.features": 5000,
    "settings.C": 1.0,
    "settings.loss": "log",
}
LEVERS = {
    "data": {"min_words": {"int": [1, 5]}, "drop_duplicates": {"choice": [True, False]}},
    "representation": {"ngrams": {"int": [1, 3]}, "features": {"int": [1000, 50000]}},
    "settings": {"C": {"float": [0.01, 100]}, "loss": {"choice": ["log", "hinge"]}},
}


class Tale:
    """Writes the events of one study, the clock going on by what trials take (two workers at once)."""

    def __init__(
        self,
        *,
        metric: Metric | None = None,
        levers: Mapping[str, Any] | None = None,
        budget: Budget | None = None,
        baseline: Mapping[str, Any] | None = None,
    ) -> None:
        self.baseline = dict(BASELINE if baseline is None else baseline)
        self.configs: list[dict[str, Any]] = []
        self.elapsed = 0.0
        self.events: list[Event] = [
            StudyCreated(
                metric=metric or Metric("accuracy"),
                levers=LEVERS if levers is None else levers,
                budget=budget or Budget(seconds=180),
            ),
            SessionOpened(owner="tests", at=0.0),
        ]

    def trial(
        self,
        value: float | None,
        seconds: float = 2.0,
        *,
        levers: Sequence[str] = (),
        purpose: Purpose = Purpose.SEARCH,
        confirms: int | None = None,
        failure: Failure | None = None,
        cost: Mapping[str, int] | None = None,
        **changes: Any,
    ) -> int:
        """One trial from start to end; `changes` are settings with '__' for the dot. Its id."""
        settings = {name.replace("__", "."): setting for name, setting in changes.items()}
        config = {**self.baseline, **settings} if confirms is None else self.configs[confirms]
        trial = len(self.configs)
        self.configs.append(config)
        self._add(
            TrialStarted(
                elapsed=self.elapsed,
                trial=trial,
                config=Config(config),
                until=1,
                purpose=purpose,
                levers=tuple(levers),
                confirms=confirms,
            )
        )
        self.elapsed += seconds / 2
        if value is not None:
            self._add(TrialMeasured(elapsed=self.elapsed, trial=trial, measurement=Measurement(1, value)))
        status = Status.FAILED if failure else Status.COMPLETED
        spent = Cost(seconds=seconds, trials=1, **(cost or {}))
        self._add(GrantEnded(elapsed=self.elapsed, trial=trial, status=status, cost=spent, failure=failure))
        return trial

    def start(self, value: float, seconds: float = 2.0) -> Tale:
        """The baseline, which is the first incumbent."""
        self.trial(value, seconds, purpose=Purpose.BASELINE)
        return self.best(0, value)

    def best(self, trial: int, mean: float) -> Tale:
        """The study holds `trial` for its best."""
        return self._add(IncumbentChosen(elapsed=self.elapsed, trial=trial, mean=mean, deviation=0.004))

    def paid(self, owner: str, seconds: float) -> Tale:
        """Something that is no trial."""
        self.elapsed += seconds / 2
        return self._add(BudgetSettled(elapsed=self.elapsed, owner=owner, amount=Cost(seconds=seconds)))

    def freeze(self, winner: int) -> Tale:
        """The final set and the opening of the test."""
        members = {"baseline": Config(self.baseline), "winner": Config(self.configs[winner])}
        self._add(FinalSetFrozen(elapsed=self.elapsed, members=members, trials={"winner": winner}))
        return self._add(TestOpened(elapsed=self.elapsed, members={"winner": "blob"}, data="rows"))

    def conclude(self, winner: int, verdict: Verdict) -> Tale:
        """The end."""
        self._add(StudyConcluded(elapsed=self.elapsed, verdict=verdict, winner=winner, artifact="sha:1"))
        return self.close("finished")

    def close(self, reason: str) -> Tale:
        """The writer lays the study down."""
        return self._add(SessionClosed(elapsed=self.elapsed, reason=reason))

    def history(self) -> History:
        """The fold of what was told so far."""
        return History.of(self.events)

    def _add(self, event: Event) -> Tale:
        self.events.append(event)
        return self


def gain(against: str, value: float, low: float, high: float, p: float = 0.001) -> Gain:
    """A gain whose raw and adjusted p-values are alike."""
    return Gain(against, value, low, high, p, p)


def verdict(
    overall: Gain | None,
    by_lever: Iterable[Gain] = (),
    *,
    scores: tuple[float, float] = (0.7512, 0.7790),
    validation: tuple[float, float] = (0.7498, 0.7843),
    rows: int = 1066,
    **rest: Any,
) -> Verdict:
    """A verdict of accuracy on held-out rows."""
    return Verdict(
        "accuracy", rows, rest.pop("groups", None), *scores, *validation, validation[1] - scores[1], overall,
        tuple(by_lever), **rest,
    )  # fmt: skip


def demo_tale() -> Tale:
    """Three levers under three minutes; representation helps, settings are unproven, data is left as it was."""
    tale = Tale().start(0.7498, 2.4)
    best: dict[str, Any] = {}
    for step in range(30):
        tale.trial(0.745 + 0.0001 * step, 2.0, levers=["data"], data__min_words=2 + step % 4, **best)
        features = 5000 + 600 * step
        found = tale.trial(
            0.752 + 0.001 * step, 3.7, levers=["representation"], representation__ngrams=2,
            representation__features=features, **{k: v for k, v in best.items() if k.startswith("settings")},
        )  # fmt: skip
        if step in (2, 9):
            best |= {"representation__ngrams": 2, "representation__features": features}
            tale.best(found, 0.752 + 0.002 * step)
        found = tale.trial(0.751, 2.6, levers=["settings"], **{**best, "settings__C": 1.0 + 0.3 * step})
        if step == 12:
            best["settings__C"] = 1.0 + 0.3 * step
            tale.best(found, 0.7805)
        if step % 5 == 0:
            tale.trial(0.76, 2.1, levers=["data", "representation", "settings"], settings__C=9.0, data__min_words=2)
    winner = tale.history().incumbents[-1].trial
    for _ in range(3):
        tale.trial(0.7843, 3.0, purpose=Purpose.CONFIRMATION, confirms=winner)
    tale.best(winner, 0.7843).paid("thinking", 1.2).paid("final fits", 9.0).freeze(winner).paid("test", 0.8)
    return tale


def demo() -> History:
    """The demo with its verdict."""
    tale = demo_tale()
    winner = tale.history().incumbents[-1].trial
    levers = [gain("representation", 0.0213, 0.0082, 0.0344, 0.003), gain("settings", 0.0038, -0.0051, 0.0127, 0.41)]
    return tale.conclude(winner, verdict(gain("baseline", 0.0278, 0.0131, 0.0425), levers)).history()


def no_gain(rows: int = 1066) -> History:
    """Many trials, a small gain on validation, none that held-out rows could show."""
    tale = Tale().start(0.75)
    for step in range(40):
        tale.trial(0.74 + 0.0005 * (step % 20), levers=["settings"], settings__C=2.0 + step)
    tale.best(15, 0.757).freeze(15)
    found = verdict(
        gain("baseline", 0.005, -0.008, 0.018, 0.44), scores=(0.751, 0.756), validation=(0.75, 0.757), rows=rows
    )
    return tale.conclude(15, found).history()


def nothing_better() -> History:
    """No trial beat the baseline."""
    tale = Tale().start(0.75)
    for step in range(20):
        tale.trial(0.70, levers=["data"], data__min_words=2 + step % 4)
    tale.freeze(0)
    found = verdict(gain("baseline", 0.0, 0.0, 0.0, 1.0), scores=(0.751, 0.751), validation=(0.75, 0.75))
    return tale.conclude(0, found).history()


def interrupted() -> History:
    """Stopped by the user in the midst of the search."""
    tale = Tale().start(0.75)
    tale.trial(0.76, levers=["data"], data__min_words=3)
    tale.best(1, 0.758)
    tale.trial(0.77, levers=["representation"], data__min_words=3, representation__ngrams=2)
    tale.best(2, 0.768)
    return tale.close("stopped by the user").history()


def function_study() -> History:
    """A plain function to minimize: no data, nothing held out."""
    tale = Tale(
        metric=Metric("latency", Direction.MINIMIZE),
        levers={"settings": {"batch": {"int": [1, 512]}}},
        baseline={"settings.batch": 32},
        budget=Budget(trials=20),
    ).start(125.0)
    for step in range(19):
        tale.trial(120.0 - step, levers=["settings"], settings__batch=40 + step)
    tale.best(19, 102.0).freeze(19)
    found = Verdict("latency", 0, None, 125.0, 102.0, 125.0, 102.0, None, None, notes=("nothing was held out",))
    return tale.conclude(19, found).history()


def failing(share: float = 0.4, count: int = 30) -> History:
    """Trials that run out of memory."""
    tale = Tale().start(0.75)
    for step in range(count):
        lost = step < share * count
        failure = Failure("MemoryError", f"could not allocate {step + 10} GB") if lost else None
        tale.trial(None if lost else 0.76, levers=["settings"], failure=failure, settings__C=2.0 + step)
    tale.best(count, 0.759).freeze(count)
    found = verdict(gain("baseline", 0.02, 0.01, 0.03), validation=(0.75, 0.76))
    return tale.conclude(count, found).history()


def broken_baseline() -> History:
    """The baseline itself fails."""
    tale = Tale()
    tale.trial(None, purpose=Purpose.BASELINE, failure=Failure("ValueError", "column 'label' is empty"))
    return tale.close("the baseline failed").history()


def long(trials: int = 1000) -> Tale:
    """A long search, under way."""
    tale = Tale(budget=Budget(seconds=3600)).start(0.75)
    names = list(LEVERS)
    for step in range(trials):
        lever = names[step % 3]
        value = 0.75 + 0.03 * step / trials
        settings = {"data__min_words": 2} if lever == "data" else {"settings__C": 2.0 + step}
        found = tale.trial(value, levers=[lever], **settings)
        if step % 100 == 0:
            tale.best(found, value)
    return tale


STUDIES = [
    demo,
    no_gain,
    nothing_better,
    interrupted,
    function_study,
    failing,
    broken_baseline,
]
