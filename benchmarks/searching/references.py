"""The yardstick of each problem: the best known value and the median of random points, measured once and kept."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from searching.files import replace_file

if TYPE_CHECKING:
    from searching.problem import Problem


@dataclass(frozen=True)
class Reference:
    """`best` and `median` of `points` random configs, or of all entries where the source is a table."""

    best: float
    median: float
    points: int

    def __post_init__(self) -> None:
        if not (math.isfinite(self.best) and math.isfinite(self.median) and self.best < self.median):
            raise ValueError(f"a reference needs finite values with best < median; got {self}")


@dataclass(frozen=True)
class Yardstick:
    """References by the name of the problem, in `folder`/references.json."""

    folder: Path

    def of(self, problem: Problem) -> Reference:
        known = self._read()
        if problem.name not in known:
            known = {**self._read(), problem.name: asdict(measure(problem))}
            text = ",\n".join(f" {json.dumps(name)}: {json.dumps(known[name])}" for name in sorted(known))
            replace_file(self._path, f"{{\n{text}\n}}\n")
        return Reference(**known[problem.name])

    @property
    def _path(self) -> Path:
        return self.folder / "references.json"

    def _read(self) -> dict[str, dict[str, Any]]:
        return json.loads(self._path.read_text()) if self._path.exists() else {}


def measure(problem: Problem) -> Reference:
    """The reference of a problem, from scratch; a failure counts as worse than everything."""
    values = problem.source.everything()
    if values is None:
        rng = np.random.default_rng(0)
        values = problem.source.truths([problem.space.sample(rng) for _ in range(problem.random_points)])
    values = np.where(np.isnan(values), np.inf, values)
    return Reference(float(values.min()), float(np.median(values)), len(values))
