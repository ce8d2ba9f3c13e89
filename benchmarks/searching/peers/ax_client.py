"""Ax's Client at its defaults ("fast"). Ordered choices are ordered places.

Ax's conditions form a tree: a parameter may depend on one value of one other. What exists under several values is
searched always, and ignored where it isn't active. A failed training is told by `mark_trial_failed`.
"""

from __future__ import annotations

import json
import logging
import math
import warnings
from importlib.metadata import version
from typing import Any

from ax import ChoiceParameterConfig, RangeParameterConfig
from ax.api.client import Client
from conversation import Setting, Settings, active_part, converse, values_that_hold


class Ax:
    version = f"ax {version('ax-platform')}"

    def __init__(self, space: Settings, seed: int, evaluations: int) -> None:
        import torch

        torch.set_num_threads(1)
        warnings.simplefilter("ignore")
        logging.getLogger("ax").setLevel(logging.ERROR)
        self.space = space
        self.client = Client(random_seed=seed)
        self.client.configure_experiment([parameter(space, name) for name in space])
        self.client.configure_optimization("-value")

    def ask(self) -> dict[str, Any]:
        ((self.trial, values),) = self.client.get_next_trials(max_trials=1).items()
        read = {name: plain(self.space[name], value) for name, value in values.items()}
        return active_part(self.space, read)

    def tell(self, value: float) -> None:
        if math.isnan(value):
            self.client.mark_trial_failed(self.trial)
        else:
            self.client.complete_trial(self.trial, raw_data={"value": value})


def parameter(space: Settings, name: str) -> Any:
    setting = space[name]
    scaling = "log" if setting.get("log") else "linear"
    if "float" in setting:
        return RangeParameterConfig(name, tuple(setting["float"]), "float", scaling=scaling)
    if "int" in setting:
        return RangeParameterConfig(name, tuple(setting["int"]), "int", scaling=scaling)
    if setting.get("ordered"):
        return ChoiceParameterConfig(name, list(range(len(setting["choice"]))), "int", is_ordered=True)
    dependents: dict[str, list[str]] = {}
    for child, other in space.items():
        holding = values_that_hold(other.get("when", {}).get(name, []), setting)
        if len(holding) == 1 and len(other["when"]) == 1:
            dependents.setdefault(json.dumps(holding[0]), []).append(child)
    labels = [json.dumps(option) for option in setting["choice"]]
    return ChoiceParameterConfig(name, labels, "str", is_ordered=False, dependent_parameters=dependents or None)


def plain(setting: Setting, value: Any) -> Any:
    if "choice" in setting:
        return setting["choice"][int(value)] if setting.get("ordered") else json.loads(value)
    return int(value) if "int" in setting else float(value)


if __name__ == "__main__":
    converse(Ax)
