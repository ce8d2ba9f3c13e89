"""Traces: what one run of a searcher saw, one JSON line a run, kept by peer and version.

A line is written when its run is finished, so whatever is stopped can be continued, and nothing runs twice.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from searching.files import append_line

DIGITS = 7  # significant ones of a value
CPU_DIGITS = 3


@dataclass(frozen=True)
class Trace:
    """One run: per evaluation the value `observed`, the `truth` and the CPU seconds of the ask; NaN for a failure.

    `predicted` holds (mean, standard deviation) of the observation, or None where the searcher said nothing.
    """

    side: str
    version: str
    problem: str
    seed: int
    observed: tuple[float, ...]
    truth: tuple[float, ...]
    cpu: tuple[float, ...]
    predicted: tuple[tuple[float, float] | None, ...] = ()

    def to_line(self) -> str:
        """One line of JSON; the truth is left out where all that was observed is true."""
        observed, truth = _rounded(self.observed, DIGITS), _rounded(self.truth, DIGITS)
        content: dict[str, Any] = {
            "side": self.side,
            "version": self.version,
            "problem": self.problem,
            "seed": self.seed,
            "observed": observed,
            "truth": None if truth == observed else truth,
            "cpu": _rounded(self.cpu, CPU_DIGITS),
        }
        if self.predicted:
            content["predicted"] = [pair and _rounded(pair, DIGITS) for pair in self.predicted]
        return json.dumps(content, separators=(",", ":"))

    @staticmethod
    def from_line(line: str) -> Trace:
        content = json.loads(line)
        observed = _read(content["observed"])
        truth = observed if content["truth"] is None else _read(content["truth"])
        predicted = tuple(pair and (pair[0], pair[1]) for pair in content.get("predicted", ()))
        return Trace(
            *(content[name] for name in ("side", "version", "problem", "seed")),
            observed=observed,
            truth=truth,
            cpu=_read(content["cpu"]),
            predicted=predicted,
        )


def file_name(side: str, version: str) -> str:
    """`tpe-optuna-5.0.0.jsonl`."""
    return f"{side}-{version.replace(' ', '-')}.jsonl"


def keep(folder: Path, trace: Trace) -> None:
    """Add a finished run to the file of its side and version."""
    append_line(folder / file_name(trace.side, trace.version), trace.to_line())


def kept(folder: Path, sides: Sequence[str]) -> Iterator[Trace]:
    """All traces of these sides; a line that was cut off by a stop is skipped."""
    for side in sides:
        for path in sorted(folder.glob(f"{side}-*.jsonl")):
            for line in path.read_text().splitlines():
                try:
                    trace = Trace.from_line(line)
                except ValueError:
                    continue
                if trace.side == side:
                    yield trace


def _rounded(values: Sequence[float], digits: int) -> list[float | None]:
    return [float(f"{value:.{digits}g}") if math.isfinite(value) else None for value in values]


def _read(values: Sequence[float | None]) -> tuple[float, ...]:
    return tuple(math.nan if value is None else value for value in values)
