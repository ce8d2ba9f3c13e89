"""How a command tells its metrics: JSON lines on stdout, lines that fit a pattern, or a file that it writes.

Each gives mappings that hold the metric under its name, one a unit of fidelity, and further numbers beside it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from luthier.core.errors import StageError, UsageError

Entry = Mapping[str, float]


def from_json_line(line: str, metric: str) -> Entry | None:
    """The numbers of a line that is a JSON object with the key `metric`; None for any other line."""
    if "{" not in line:
        return None
    try:
        content = json.loads(line)
    except ValueError:
        return None
    return _entry(content, metric)


@dataclass(frozen=True)
class Pattern:
    """A regular expression whose group `value`, or first group, is the metric; other named groups go beside it."""

    text: str

    def __post_init__(self) -> None:
        try:
            compiled = re.compile(self.text)
        except re.error as error:
            raise UsageError(f"the pattern {self.text!r} is no regular expression: {error}") from None
        if not compiled.groups:
            raise UsageError(
                f"the pattern {self.text!r} needs a group around the number, such as 'accuracy: ([0-9.]+)'"
            )

    def read(self, line: str, metric: str) -> Entry | None:
        """The numbers in a line that fits; None for any other. Raises StageError where the group is no number."""
        match = re.search(self.text, line)
        if match is None:
            return None
        named = match.groupdict()
        main = named.pop("value", None) or match.group(1)
        numbers = {name: number for name, text in named.items() if (number := _as_float(text)) is not None}
        value = _as_float(main)
        if value is None:
            raise StageError(f"the pattern {self.text!r} found {main!r} in {line.strip()!r:.200}, which is no number")
        return {**numbers, metric: value}


class Tail:
    """Reads the lines that a command adds to a file of JSON lines, or at the end one JSON document."""

    def __init__(self, path: Path, metric: str) -> None:
        self._path = path
        self._metric = metric
        self._offset = 0
        self._found = False

    def read(self, *, ended: bool = False) -> list[Entry]:
        """What was added since; with `ended`, also a last line without a line break."""
        if not self._path.is_file():
            return []
        with self._path.open("rb") as stream:
            stream.seek(self._offset)
            added = stream.read()
        complete = added if ended else added[: added.rfind(b"\n") + 1]
        self._offset += len(complete)
        lines = complete.decode("utf-8", "replace").splitlines()
        entries = [entry for line in lines if (entry := from_json_line(line, self._metric)) is not None]
        self._found = self._found or bool(entries)
        if ended and not self._found:
            return self._whole()
        return entries

    def _whole(self) -> list[Entry]:
        try:
            content = json.loads(self._path.read_text("utf-8"))
        except ValueError:
            return []
        parts: list[Any] = content if isinstance(content, list) else [content]
        return [entry for part in parts if (entry := _entry(part, self._metric)) is not None]


def _entry(content: Any, metric: str) -> Entry | None:
    if not isinstance(content, Mapping) or metric not in content:
        return None
    value = content[metric]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise StageError(f"the command gave {value!r:.80} as its '{metric}', which is no number")
    if not math.isfinite(value):
        raise StageError(f"the command gave {value} as its '{metric}'; a diverged run should end with an error")
    return {
        name: float(number)
        for name, number in content.items()
        if isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number)
    }


def _as_float(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None
