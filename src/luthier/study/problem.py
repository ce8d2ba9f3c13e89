"""The problem of a study as a value: what is tuned, on what, by which metric, under which budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from luthier.core.budget import Budget
from luthier.core.config import Config
from luthier.core.contracts import Allocator, Limits, Pruner, Searcher, Stage, View
from luthier.core.dataset import Dataset
from luthier.core.errors import UsageError
from luthier.core.lever import Lever, joint_space
from luthier.core.metric import Metric
from luthier.core.space import Space
from luthier.data.held_out import HeldOut

MakeSearcher = Callable[[Space], Searcher]


@dataclass(frozen=True)
class Rows:
    """The data of a study: development rows with their folds, and the held-out test that nothing sees.

    `folds(seed)` parts the development rows into (train, validation) views: the search uses `search_seed`, the
    confirmations another one. `written` is the address of the artifact that holds the split.
    """

    held_out: HeldOut
    folds: Callable[[int], tuple[View, ...]]
    search_seed: int
    written: str

    @property
    def development(self) -> Dataset:
        """All rows but the held-out test."""
        return self.held_out.development


@dataclass(frozen=True)
class Problem:
    """Everything that the loop needs to know. Made by `study.build`, the only place that knows every wing.

    `baseline` is what the user starts from: the defaults of every setting unless stated. `confirm` says how many
    of the best are measured again on fresh folds before the test is opened. `limits` hold for every trial.
    """

    metric: Metric
    stage: Stage
    levers: tuple[Lever, ...]
    budget: Budget
    make_searcher: MakeSearcher
    allocator: Allocator
    pruner: Pruner | None = None
    rows: Rows | None = None
    baseline: Mapping[str, Any] = field(default_factory=dict[str, Any])
    confirm: int = 3
    limits: Limits = field(default_factory=Limits)
    seed: int = 0
    task: Mapping[str, Any] = field(default_factory=dict[str, Any])
    versions: Mapping[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        if self.confirm < 0:
            raise UsageError(f"confirm must be >= 0; got {self.confirm}")
        if self.levers:
            self.baseline_config  # noqa: B018 - raises here, not in the middle of a run

    @cached_property
    def space(self) -> Space:
        """The joint space of all levers."""
        return joint_space(self.levers)

    @cached_property
    def baseline_config(self) -> Config:
        """The config that the user starts from."""
        return self.space.config(self.baseline)

    @property
    def fingerprints(self) -> dict[str, str]:
        """What must be the same for a study to go on: data, stage."""
        marks = {"stage": f"{self.stage.name}:{self.stage.version}"}
        if self.rows is not None:
            marks["development"] = self.rows.development.fingerprint
            marks["test"] = self.rows.held_out.fingerprint
            marks["split"] = self.rows.written
        return marks

    def summary(self) -> str:
        """One line for people: what is tuned by what, under which budget."""
        settings = (
            ", ".join(f"{lever.name} ({len(lever.settings)})" for lever in self.levers) or "as they are asked for"
        )
        rows = ""
        if self.rows is not None:
            rows = f" on {len(self.rows.development):,} rows, with {len(self.rows.held_out):,} held out,"
        return f"{self.metric}{rows} by the levers {settings}; budget {self.budget}"
