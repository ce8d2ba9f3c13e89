"""A config: values for all settings, grouped by lever.

Keys are dotted, `lever.setting`; a config of a plain space has plain keys. It is an immutable mapping.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from luthier.core.parameter import Value


class Config(Mapping[str, Value]):
    """Values by dotted name. Made by `Space.config`, which checks them."""

    __slots__ = ("_key", "_values")

    def __init__(self, values: Mapping[str, Value]) -> None:
        self._values = dict(values)
        self._key: str | None = None

    def __getitem__(self, name: str) -> Value:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Config):
            # The keys tell True from 1, which dicts don't.
            return self._values == other._values and self.key == other.key
        return isinstance(other, Mapping) and self._values == dict(other)  # pyright: ignore[reportUnknownArgumentType]

    def __repr__(self) -> str:
        return f"Config({self._values!r})"

    @property
    def key(self) -> str:
        """16 hex digits that are equal for equal configs, across processes and machines."""
        if self._key is None:
            text = _as_text(self.to_json())
            self._key = hashlib.sha256(text.encode()).hexdigest()[:16]
        return self._key

    def lever(self, name: str) -> dict[str, Value]:
        """The settings of the lever `name`, by their plain names; empty for an unknown lever."""
        prefix = name + "."
        return {key[len(prefix) :]: value for key, value in self._values.items() if key.startswith(prefix)}

    def by_setting(self) -> dict[str, Value]:
        """All settings by their plain names, as a stage gets them (a stage's settings differ in name)."""
        return {name.rpartition(".")[2]: value for name, value in self._values.items()}

    def by_lever(self) -> dict[str, dict[str, Value]]:
        """The settings of all levers, by lever and plain name."""
        grouped: dict[str, dict[str, Value]] = {}
        for key, value in self._values.items():
            lever, _, setting = key.partition(".")
            grouped.setdefault(lever, {})[setting] = value
        return grouped

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; tuples become lists."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in self._values.items()}

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> Config:
        """The inverse of `to_json`; nothing is checked (it was when it was written)."""
        return Config({name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})  # pyright: ignore[reportUnknownArgumentType]


_as_text = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode
