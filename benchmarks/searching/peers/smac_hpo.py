"""SMAC3's HyperparameterOptimizationFacade at its defaults, by ask and tell.

`deterministic=True`: each config is evaluated once, as with every other side here. Ordered choices are
OrdinalHyperparameters, conditions are ConfigSpace's. A failed training is told as CRASHED at the worst cost so
far (1 before there is one): the default crash cost, infinity, breaks the forest, and no finite one is known
beforehand. Nothing is saved after a tell, which costs SMAC time in real use.
"""

from __future__ import annotations

import json
import math
import shutil
import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ConfigSpace import (
    AndConjunction,
    CategoricalHyperparameter,
    ConfigurationSpace,
    InCondition,
    OrdinalHyperparameter,
    UniformFloatHyperparameter,
    UniformIntegerHyperparameter,
)
from conversation import Setting, Settings, converse, label, values_that_hold
from smac import HyperparameterOptimizationFacade, Scenario
from smac.runhistory.dataclasses import TrialValue
from smac.runhistory.enumerations import StatusType


class Smac:
    version = f"smac {version('smac')}"

    def __init__(self, space: Settings, seed: int, evaluations: int) -> None:
        warnings.simplefilter("ignore")
        self.space = space
        self.folder = Path(tempfile.mkdtemp())
        self.worst = -math.inf
        scenario = Scenario(
            configspace(space, seed),
            deterministic=True,
            n_trials=evaluations,
            seed=seed,
            output_directory=self.folder,
        )
        self.facade = HyperparameterOptimizationFacade(
            scenario, lambda config, seed=0: 0.0, overwrite=True, logging_level=False
        )

    def ask(self) -> dict[str, Any]:
        self.info = self.facade.ask()
        values = dict(self.info.config)
        return {name: plain(self.space[name], value) for name, value in values.items()}

    def tell(self, value: float) -> None:
        failed = math.isnan(value)
        if not failed:
            self.worst = max(self.worst, value)
        cost = value if not failed else self.worst if math.isfinite(self.worst) else 1.0
        status = StatusType.CRASHED if failed else StatusType.SUCCESS
        self.facade.tell(self.info, TrialValue(cost=cost, status=status), save=False)

    def __del__(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def configspace(space: Settings, seed: int) -> ConfigurationSpace:
    made = {name: hyperparameter(name, setting) for name, setting in space.items()}
    result = ConfigurationSpace(seed=seed)
    result.add(*made.values())
    for name, setting in space.items():
        tests = [
            InCondition(made[name], made[parent], encoded(space[parent], values_that_hold(test, space[parent])))
            for parent, test in setting.get("when", {}).items()
        ]
        if tests:
            result.add(tests[0] if len(tests) == 1 else AndConjunction(*tests))
    return result


def hyperparameter(name: str, setting: Setting) -> Any:
    log = setting.get("log", False)
    if "float" in setting:
        return UniformFloatHyperparameter(name, *setting["float"], log=log, default_value=setting["default"])
    if "int" in setting:
        return UniformIntegerHyperparameter(name, *setting["int"], log=log, default_value=setting["default"])
    labels = [label(option) for option in setting["choice"]]
    if setting.get("ordered"):
        return OrdinalHyperparameter(name, labels, default_value=label(setting["default"]))
    return CategoricalHyperparameter(name, labels, default_value=label(setting["default"]))


def encoded(setting: Setting, values: list[Any]) -> list[Any]:
    return [label(value) for value in values] if "choice" in setting else values


def plain(setting: Setting, value: Any) -> Any:
    if "choice" in setting:
        return json.loads(str(value))
    return int(value) if "int" in setting else float(value)


if __name__ == "__main__":
    converse(Smac)
