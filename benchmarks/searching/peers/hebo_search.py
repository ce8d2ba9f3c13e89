"""HEBO at its defaults. It knows no conditions: all settings are searched, those that aren't active are ignored.

Ordered choices are whole numbers. HEBO has no word for a failed training, and NaN breaks its model, so a failure is
told as the worst finite value so far (1 before there is one).
"""

from __future__ import annotations

import json
import math
import warnings
from importlib.metadata import version
from typing import Any

import numpy as np
from conversation import Setting, Settings, active_part, converse, label
from hebo.design_space.design_space import DesignSpace
from hebo.optimizers.hebo import HEBO


class Hebo:
    version = f"HEBO {version('HEBO')}"

    def __init__(self, space: Settings, seed: int, evaluations: int) -> None:
        import torch

        warnings.simplefilter("ignore")
        torch.manual_seed(seed)
        np.random.seed(seed)
        torch.set_num_threads(1)
        self.space = space
        self.worst = -math.inf
        design = DesignSpace().parse([described(name, setting) for name, setting in space.items()])
        self.optimizer = HEBO(design, scramble_seed=seed)

    def ask(self) -> dict[str, Any]:
        self.row = self.optimizer.suggest(n_suggestions=1)
        values = {name: plain(setting, self.row[name].iloc[0]) for name, setting in self.space.items()}
        return active_part(self.space, values)

    def tell(self, value: float) -> None:
        if math.isnan(value):
            value = self.worst if math.isfinite(self.worst) else 1.0
        else:
            self.worst = max(self.worst, value)
        self.optimizer.observe(self.row, np.array([[value]]))


def described(name: str, setting: Setting) -> dict[str, Any]:
    if "float" in setting:
        low, high = setting["float"]
        return {"name": name, "type": "pow" if setting.get("log") else "num", "lb": low, "ub": high}
    if "int" in setting:
        low, high = setting["int"]
        return {"name": name, "type": "pow_int" if setting.get("log") else "int", "lb": low, "ub": high}
    if setting.get("ordered"):
        return {"name": name, "type": "int", "lb": 0, "ub": len(setting["choice"]) - 1}
    return {"name": name, "type": "cat", "categories": [label(option) for option in setting["choice"]]}


def plain(setting: Setting, value: Any) -> Any:
    if "float" in setting:
        low, high = setting["float"]
        return min(max(float(value), low), high)  # a power of ten may pass the bound by a rounding error
    if "int" in setting:
        low, high = setting["int"]
        return min(max(round(float(value)), low), high)
    return setting["choice"][int(value)] if setting.get("ordered") else json.loads(value)


if __name__ == "__main__":
    converse(Hebo)
