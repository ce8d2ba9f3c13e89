"""Optuna's samplers at their defaults, by define-by-run: `optuna_samplers.py tpe`, `gp` or `random`.

Conditions are branches of the code, as in Optuna's own examples. Ordered choices are asked for as whole numbers,
which keeps their order; other choices are categorical. A failed training is told as TrialState.FAIL.
"""

from __future__ import annotations

import json
import math
import sys
import warnings
from typing import Any

import optuna
from conversation import Setting, Settings, converse, is_active, label, parents_first

SAMPLERS = {
    "tpe": optuna.samplers.TPESampler,
    "gp": optuna.samplers.GPSampler,
    "random": optuna.samplers.RandomSampler,
}


class Optuna:
    version = f"optuna {optuna.__version__}"

    def __init__(self, space: Settings, seed: int, evaluations: int) -> None:
        warnings.simplefilter("ignore")
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.space = space
        self.order = list(parents_first(space))
        self.study = optuna.create_study(sampler=SAMPLERS[sys.argv[1]](seed=seed))

    def ask(self) -> dict[str, Any]:
        self.trial = self.study.ask()
        config: dict[str, Any] = {}
        for name in self.order:
            if is_active(self.space[name], config):
                config[name] = suggest(self.trial, name, self.space[name])
        return config

    def tell(self, value: float) -> None:
        if math.isnan(value):
            self.study.tell(self.trial, state=optuna.trial.TrialState.FAIL)
        else:
            self.study.tell(self.trial, value)


def suggest(trial: optuna.Trial, name: str, setting: Setting) -> Any:
    log = setting.get("log", False)
    if "float" in setting:
        return trial.suggest_float(name, *setting["float"], log=log)
    if "int" in setting:
        return trial.suggest_int(name, *setting["int"], log=log)
    options = setting["choice"]
    if setting.get("ordered"):
        return options[trial.suggest_int(name, 0, len(options) - 1)]
    return json.loads(trial.suggest_categorical(name, [label(option) for option in options]))


if __name__ == "__main__":
    converse(Optuna)
