"""What settings of a searcher are worth: runs in which each is drawn at random, and a linear fit over all of them.

A random factorial finds the main effects of many settings at once, each from every run (Fisher 1935, The Design of
Experiments, chapter 6). Regret is fitted as the sum of an effect of the problem and one of each setting's value.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAST_REGRET = 1e-3  # the floor under logarithms
AT = (25, 50, 100)

Values = Mapping[str, Any]
"""Values by "module:NAME", a constant of a module in luthier.search."""


@dataclass(frozen=True)
class Outcome:
    """One run: the problem, the settings, and the regret after 25, 50 and 100 evaluations."""

    problem: str
    values: Values
    regrets: tuple[float, ...]

    def to_line(self) -> str:
        return json.dumps({"problem": self.problem, "values": dict(self.values), "regrets": self.regrets})

    @staticmethod
    def from_line(line: str) -> Outcome:
        content = json.loads(line)
        return Outcome(content["problem"], content["values"], tuple(content["regrets"]))


@dataclass(frozen=True)
class Effect:
    """`value` of `name` against `base`: change (3,) of log10 regret and of regret at 25, 50, 100, and their errors."""

    name: str
    value: Any
    base: Any
    logs: NDArray[np.float64]
    log_errors: NDArray[np.float64]
    means: NDArray[np.float64]
    mean_errors: NDArray[np.float64]


def put(values: Values) -> None:
    """Set the constants."""
    for key, value in values.items():
        module, _, name = key.partition(":")
        loaded = importlib.import_module(f"luthier.search.{module}")
        if not hasattr(loaded, name):
            raise SystemExit(f"luthier.search.{module} must have a constant {name}; it hasn't, so name another")
        setattr(loaded, name, value)


def effects(outcomes: Sequence[Outcome], levels: Mapping[str, Sequence[Any]]) -> list[Effect]:
    """One for each value of a setting but its first."""
    problems = sorted({one.problem for one in outcomes})
    compared = [(name, value) for name, values in levels.items() for value in values[1:]]
    X = np.array(
        [
            [float(one.problem == problem) for problem in problems]
            + [float(one.values[name] == value) for name, value in compared]
            for one in outcomes
        ]
    )
    regrets = np.array([one.regrets for one in outcomes])
    logs, log_errors = _fit(X, np.log10(np.maximum(regrets, LEAST_REGRET)))
    means, mean_errors = _fit(X, regrets)
    first = len(problems)
    return [
        Effect(name, value, levels[name][0], logs[i], log_errors[i], means[i], mean_errors[i])
        for i, (name, value) in enumerate(compared, start=first)
    ]


def _fit(X: NDArray[np.float64], Y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coefficients (k, 3) of least squares for Y (n, 3) and their standard errors (k, 3)."""
    inverse = np.linalg.pinv(X.T @ X)
    coefficients = inverse @ X.T @ Y
    freedom = max(len(X) - np.linalg.matrix_rank(X), 1)
    variances = ((Y - X @ coefficients) ** 2).sum(axis=0) / freedom
    return coefficients, np.sqrt(np.outer(np.diag(inverse), variances))
