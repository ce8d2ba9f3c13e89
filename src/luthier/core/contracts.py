"""The contracts between the wings: Stage, Searcher, Pruner, Allocator, Store, Runner, and a context's ports.

Each fits on one screen, with its edge cases as worked examples. Every contract has a conformance check
(`luthier.search.check`, `luthier.store.check`, ...) that all implementations run, outside authors' too.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from luthier.core.cost import NOTHING, Cost
from luthier.core.events import Event
from luthier.core.history import History
from luthier.core.lever import Lever
from luthier.core.parameter import Value
from luthier.core.space import Space
from luthier.core.trial import Decision, Failure, Fidelity, Grant, Measurement, Trial

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from luthier.core.dataset import Dataset

Settings = Mapping[str, Value]
"""A stage's settings by plain name, as its `evaluate` gets them."""


# ---------------------------------------------------------------------------------------------- ports


class Artifacts(Protocol):
    """Bytes by content address, and addresses by fingerprint of what made them. Workers share it; it pickles.

    `put(b"x")` twice gives one address and stores once. `recall` of an evicted or unknown fingerprint is None:
    the caller computes again. `get` of an unknown address raises MissingArtifact.
    """

    def put(self, content: bytes) -> str:
        """Store `content` durably; its address, 'sha256:...'."""
        ...

    def get(self, address: str) -> bytes:
        """The content at `address`."""
        ...

    def has(self, address: str) -> bool:
        """Whether `address` is held now."""
        ...

    def remember(self, fingerprint: str, address: str) -> None:
        """Note that what `fingerprint` describes was made and lies at `address`."""
        ...

    def recall(self, fingerprint: str) -> str | None:
        """The address of what `fingerprint` describes, if it is still held."""
        ...

    def evict(self, keep: Iterable[str]) -> int:
        """Drop everything but the addresses in `keep`; how many were dropped."""
        ...


class Meter(Protocol):
    """Counts what a stage spends inside one grant, against the grant's reservation.

    `charge(Cost(calls=1, tokens=900))` is called with an upper bound *before* each call and raises
    BudgetExceeded where the reservation doesn't cover it; `refund` gives back what the call didn't need.
    """

    def charge(self, cost: Cost) -> None: ...

    def refund(self, cost: Cost) -> None: ...

    @property
    def spent(self) -> Cost: ...


# ---------------------------------------------------------------------------------------------- stage


@dataclass(frozen=True)
class View:
    """Rows to learn from and rows to be measured on. Levers change `train` only, never `validation`."""

    train: Dataset
    validation: Dataset


@dataclass(frozen=True, slots=True)
class Limits:
    """What one trial may use: threads, a device ('cpu', 'cuda:0'), bytes of memory, wall seconds for the grant."""

    threads: int = 1
    device: str = "cpu"
    memory_bytes: int | None = None
    seconds: float | None = None


@dataclass
class Context:
    """What a stage is given besides its settings.

    `until` is the fidelity at which the grant ends. `views` holds one (train, validation) pair, or one a fold
    where the fold is the unit of fidelity; it is empty for stages without data. `seed` is the trial's.
    `measured` holds what was measured before this grant and `checkpoint` the state saved then (None at a
    start). `upstream` is the address of the artifact of the stage before, in a chain. `save_state`, set by the
    stage, gives its state as bytes whenever it is suspended at a yield; the runner calls it at the grant's end
    and every so often in between.
    """

    until: int
    seed: int
    views: tuple[View, ...]
    artifacts: Artifacts
    meter: Meter
    limits: Limits = field(default_factory=Limits)
    measured: tuple[Measurement, ...] = ()
    checkpoint: bytes | None = None
    upstream: str | None = None
    save_state: Callable[[], bytes] | None = None


@dataclass(frozen=True)
class Prediction:
    """What a model says of n inputs: `values` (n,), and (n, k) `probabilities` over `classes` where it has them."""

    values: NDArray[Any]
    probabilities: NDArray[Any] | None = None
    classes: tuple[Any, ...] | None = None


@runtime_checkable
class Stage(Protocol):
    """Turns settings into measurements, and at the end into an artifact.

    Worked examples, for a stage with fidelity 3 epochs:

        grant          yields of evaluate                       the trial then
        until=3        Measurement(1), (2), (3)                 COMPLETED
        until=1        Measurement(1); the generator is closed  PAUSED, with save_state() as its checkpoint
        resume to 3    Measurement(2), (3); context.checkpoint  COMPLETED
                       is what was saved
        until=3        Measurement(1), pruner says STOP;        STOPPED; clean-up belongs in `finally`
                       the generator is closed
        until=3        raises, or ends early, or yields         FAILED with one clear message
                       something else

    `version` changes when the same settings would give other results: it is part of every fingerprint.
    """

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def levers(self) -> tuple[Lever, ...]:
        """What can be turned."""
        ...

    @property
    def fidelity(self) -> Fidelity:
        """What it counts in, and the most it goes to."""
        ...

    def evaluate(self, settings: Settings, context: Context) -> Generator[Measurement, None, None]:
        """Measure; one yield a unit of fidelity, from `len(context.measured) + 1` on."""
        ...

    def finalize(self, settings: Settings, context: Context) -> str:
        """Make the artifact from all development rows (`context.views[0].train`); its address. Never sees the test."""
        ...

    def predict(self, artifact: str, inputs: Dataset, context: Context) -> Prediction:
        """What the artifact says of rows that carry no labels."""
        ...


# --------------------------------------------------------------------------------------------- search


class Searcher(Protocol):
    """Proposes grants. The only thing that does.

    It is made with the joint space, metric, fidelity and a seed, and is a pure function of those, of the trials
    that it was told (the latest state of each, in order of id), and of its last snapshot: a fresh one that is
    told a history proposes what the old one would have. So draw from `derive_seed(seed, number of trials told)`.

        told                                       ask(2) gives
        nothing                                    two Starts, different if the space allows
        trial 3 RUNNING                            doesn't propose trial 3's config again if it can help it
        trial 3 FAILED, or with a NaN value        counts it as bad; never raises
        trial 3 twice                              the later state replaces the earlier
        every config of a finite space             an empty list: nothing left to do
        everything waits on running trials         an empty list, while trials run; it will be asked again
    """

    def ask(self, count: int, within: Space) -> list[Grant]:
        """At most `count` grants. Starts lie in `within`, the joint space with some settings fixed."""
        ...

    def tell(self, trial: Trial) -> None:
        """A trial as it now stands: when it was granted, measured at the end of a grant, or failed."""
        ...

    def snapshot(self) -> Mapping[str, Any] | None:
        """State that can't be rebuilt from the trials, as plain JSON; None where there is none. Stored after asking."""
        ...

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Take up the state that `snapshot` gave; called on a fresh searcher, before it is told anything."""
        ...


class SearcherFactory(Protocol):
    """How a searcher is made; what `luthier.searchers` entry points name."""

    def __call__(self, space: Space, metric: Any, fidelity: Fidelity, seed: int) -> Searcher: ...


class Pruner(Protocol):
    """Says CONTINUE or STOP inside a grant; a pure function of the trials.

    One that compares per-example outcomes takes `read_outcomes` when it is made: a function from a measurement to
    its Examples, wherever they are kept, or None. A worker runs ahead between decision points: at
    `decision_points(until)` it waits for the answer.
    """

    def decision_points(self, until: int) -> tuple[int, ...]:
        """The fidelities below `until` at which it wants to be asked."""
        ...

    def decide(self, trial: Trial, others: Sequence[Trial]) -> Decision:
        """What to do with `trial`, just measured, given all other trials."""
        ...


class Allocator(Protocol):
    """Says which levers the next trial may turn; a pure function of the history."""

    def choose(self, history: History, share_used: float) -> tuple[str, ...]:
        """The levers to leave free, one or several; `share_used` in [0, 1] is of the search's part of the budget."""
        ...


# ---------------------------------------------------------------------------------------------- store


@dataclass(frozen=True, slots=True)
class StudyRow:
    """One line of the list of studies. `created` and `updated` are seconds since 1970 UTC."""

    name: str
    events: int
    created: float
    updated: float


class Store(Protocol):
    """Keeps the events of studies. `append` is all or nothing, and durable when it returns.

    store holds     append(..., expected_seq)     outcome
    0 events        [a, b], 0                     2
    2 events        [c], 2                        3
    3 events        [d], 2                        Conflict; nothing written
    any             [], n                         n
    """

    def append(self, study: str, events: Sequence[Event], expected_seq: int) -> int:
        """Add `events` if the study holds exactly `expected_seq` of them; the new count."""
        ...

    def events(self, study: str, after: int = 0) -> list[Event]:
        """The events from number `after` on, in order; empty for an unknown study."""
        ...

    def studies(self) -> list[StudyRow]:
        """All studies, the latest changed first."""
        ...

    def acquire(self, study: str, owner: str, seconds: float) -> None:
        """Become the study's one writer for `seconds`, renewed by calling again; raises LeaseHeld if another is."""
        ...

    def release(self, study: str, owner: str) -> None:
        """Stop being its writer; harmless if one isn't."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...


# --------------------------------------------------------------------------------------------- runner


@dataclass(frozen=True)
class Evaluate:
    """A job: measure `settings` up to `until`, from `checkpoint` (an address) where there is one.

    At the fidelities in `decide_at` the worker waits for a decision; elsewhere it runs ahead.
    """

    settings: Settings
    until: int
    measured: tuple[Measurement, ...] = ()
    checkpoint: str | None = None
    decide_at: tuple[int, ...] = ()


@dataclass(frozen=True)
class Finalize:
    """A job: make the artifact of `settings` from all development rows."""

    settings: Settings


@dataclass(frozen=True)
class Predict:
    """A job: let an artifact predict `inputs`."""

    artifact: str
    inputs: Dataset


Job = Evaluate | Finalize | Predict


@dataclass(frozen=True)
class Task:
    """One job for one worker. `key` names it in every message; equal `stage` and `views` objects travel once."""

    key: str
    job: Job
    stage: Stage
    views: tuple[View, ...]
    seed: int
    limits: Limits = field(default_factory=Limits)
    allowance: Cost = NOTHING
    upstream: str | None = None


@dataclass(frozen=True, slots=True)
class Yielded:
    """A measurement of a running Evaluate; `waiting` where the worker stands still until `Runner.decide`."""

    key: str
    measurement: Measurement
    waiting: bool = False


@dataclass(frozen=True, slots=True)
class Finished:
    """The job ended well. `stopped` where a decision ended it before its grant's end.

    `checkpoint` and `artifact` are addresses; `prediction` is there for a Predict; `cost` is of the whole job.
    """

    key: str
    cost: Cost = NOTHING
    checkpoint: str | None = None
    artifact: str | None = None
    prediction: Prediction | None = None
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """The job failed for good: the stage raised or broke its contract, a limit was passed, a worker died twice."""

    key: str
    failure: Failure
    cost: Cost = NOTHING


@dataclass(frozen=True, slots=True)
class Retrying:
    """The worker died; the same task was given to another, once, from its last checkpoint."""

    key: str
    reason: str


Message = Yielded | Finished | Failed | Retrying


class Runner(Protocol):
    """Runs tasks, here or elsewhere, and reports by messages. Order holds within one key.

    submit, poll, poll, ...     Yielded(1), Yielded(2), Finished
    decide(key, STOP)           at the worker's next yield: Finished(stopped=True)
    a worker killed             Retrying, then Yielded from the last checkpoint on, Finished
    killed again                Failed(kind='worker died')
    past limits.seconds         Failed(kind='time limit'); the pool ends the worker, inline only at a yield
    cancel(key)                 no further message of that key; what it cost is the answer
    """

    @property
    def free(self) -> int:
        """How many more tasks could start at once."""
        ...

    def submit(self, task: Task) -> None:
        """Queue a task; raises CannotTravel where its code can't be sent to a worker."""
        ...

    def poll(self, seconds: float) -> list[Message]:
        """Messages that came in, waiting up to `seconds` for the first."""
        ...

    def decide(self, key: str, decision: Decision) -> None:
        """Answer a waiting worker, or stop a running one at its next yield."""
        ...

    def cancel(self, key: str) -> Cost:
        """End a task at once, wherever it is; what it took until then, as far as is known here."""
        ...

    def close(self) -> None:
        """End all workers; waits for none of their work."""
        ...
