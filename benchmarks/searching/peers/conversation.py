"""How a peer is asked: one JSON a line on standard input and output. Knows neither luthier nor the problems.

    in    {"space": {...}, "seed": 0, "evaluations": 100}
    out   {"version": "optuna 5.0.0"}
    out   {"config": {...}, "cpu": 0.012}         what to try, and the CPU seconds that it took
    in    0.25, or null for a training that failed
    ...   until all evaluations are told

The space comes as `luthier.Space.to_json` writes it: `{"float": [0.1, 10], "log": true}`, `{"int": [1, 9]}`,
`{"choice": ["a", "b"], "ordered": true}`, each with a "default" and, where it is conditional, with
`"when": {"parent": [values]}` or `"when": {"parent": {"at_least": 2}}`. CPU seconds are those of this process in
asking, and in telling the value before, since some peers learn when they are told.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

Setting = Mapping[str, Any]
Settings = Mapping[str, Setting]


class Peer(Protocol):
    """One run of a peer's optimizer; values are minimized."""

    version: str

    def ask(self) -> dict[str, Any]:
        """The next config: the active settings alone."""
        ...

    def tell(self, value: float) -> None:
        """What the config asked for last came to; NaN for a failure."""
        ...


def converse(make: Callable[[Settings, int, int], Peer]) -> None:
    """Make a peer from (space, seed, evaluations) and hold the conversation."""
    talk = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a library prints must not be taken for an answer
    opening = json.loads(sys.stdin.readline())
    began = time.process_time()
    peer = make(opening["space"], opening["seed"], opening["evaluations"])
    talk.write(json.dumps({"version": peer.version}) + "\n")
    for _ in range(opening["evaluations"]):
        config = peer.ask()
        talk.write(json.dumps({"config": config, "cpu": time.process_time() - began}) + "\n")
        answer = json.loads(sys.stdin.readline())
        began = time.process_time()
        peer.tell(math.nan if answer is None else float(answer))


def is_active(setting: Setting, config: Mapping[str, Any]) -> bool:
    """Whether a setting exists beside the parents' values in `config`."""
    return all(parent in config and _holds(test, config[parent]) for parent, test in setting.get("when", {}).items())


def active_part(space: Settings, values: Mapping[str, Any]) -> dict[str, Any]:
    """Of values for all settings, those that are active."""
    config: dict[str, Any] = {}
    for name in parents_first(space):
        if is_active(space[name], config):
            config[name] = values[name]
    return config


def parents_first(space: Settings) -> Iterator[str]:
    """All names, parents before their children."""
    waiting = list(space)
    given: set[str] = set()
    while waiting:
        name = next(name for name in waiting if given.issuperset(space[name].get("when", {})))
        waiting.remove(name)
        given.add(name)
        yield name


def values_that_hold(test: Any, parent: Setting) -> list[Any]:
    """The values of a finite parent under which a condition holds."""
    values = parent["choice"] if "choice" in parent else range(parent["int"][0], parent["int"][1] + 1)
    return [value for value in values if _holds(test, value)]


def label(option: Any) -> str:
    """A text for an option of a choice; `json.loads` reverses it."""
    return json.dumps(option)


def _holds(test: Any, value: Any) -> bool:
    if isinstance(test, Mapping):
        return test.get("at_least", -math.inf) <= value <= test.get("at_most", math.inf)
    return value in test
