"""YAHPO Gym's ONNX surrogates (arXiv 2109.03670): lcbench and rbv2_xgboost.

The graph takes categories as integers of `encoding.json` (instance first) and numbers untransformed, and does all
scaling itself; a setting that isn't active is 0, or the category "#na#". Both orders follow YAHPO Gym 1.0.2.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from luthier.core.config import Config
from luthier.core.parameter import Choice, Float, Int
from luthier.core.space import Space
from searching.problem import Vector

LCBENCH_INSTANCES = (
    *("167168", "189873", "189906", "126026", "3945", "7593"),
    *("34539", "126025", "126029", "146212", "167104", "167149"),
)
XGBOOST_INSTANCES = ("12", "1501", "16", "28", "54", "181", "182", "1040", "1220", "1462")

LCBENCH = Space(
    {
        "batch_size": Int(16, 512, log=True),
        "learning_rate": Float(1e-4, 1e-1, log=True),
        "momentum": Float(0.1, 0.99),
        "weight_decay": Float(1e-5, 1e-1),
        "num_layers": Int(1, 5),
        "max_units": Int(64, 1024, log=True),
        "max_dropout": Float(0.0, 1.0),
    }
)

_TREES = {"booster": ["gbtree", "dart"]}
_DART = {"booster": "dart"}
XGBOOST = Space(
    {
        "booster": Choice(("gblinear", "gbtree", "dart")),
        "nrounds": Int(7, 2981, log=True),
        "reg_lambda": Float(np.exp(-7).item(), np.exp(7).item(), log=True),
        "reg_alpha": Float(np.exp(-7).item(), np.exp(7).item(), log=True),
        "subsample": Float(0.1, 1.0),
        "impute": Choice(("impute.mean", "impute.median", "impute.hist")),
        "eta": Float(np.exp(-7).item(), 1.0, log=True, when=_TREES),
        "gamma": Float(np.exp(-10).item(), np.exp(2).item(), log=True, when=_TREES),
        "max_depth": Int(1, 15, when=_TREES),
        "min_child_weight": Float(np.exp(1).item(), np.exp(5).item(), log=True, when=_TREES),
        "colsample_bytree": Float(0.01, 1.0, when=_TREES),
        "colsample_bylevel": Float(0.01, 1.0, when=_TREES),
        "rate_drop": Float(0.0, 1.0, when=_DART),
        "skip_drop": Float(0.0, 1.0, when=_DART),
    }
)


@dataclass(frozen=True)
class Scenario:
    """How a surrogate is fed: names of its inputs in order, what is held, and where the wanted output stands."""

    folder: str
    numbers: tuple[str, ...]
    categories: tuple[str, ...]
    held: Mapping[str, float]
    output: int
    full: float  # an output of this much is an error of 0


_LCBENCH = Scenario(
    "lcbench",
    (
        *("epoch", "batch_size", "learning_rate", "momentum"),
        *("weight_decay", "num_layers", "max_units", "max_dropout"),
    ),
    ("OpenML_task_id",),
    {"epoch": 52.0},
    output=1,  # val_accuracy, in percent
    full=100.0,
)
_XGBOOST = Scenario(
    "rbv2_xgboost",
    (
        *("nrounds", "eta", "gamma", "lambda", "alpha", "subsample", "max_depth", "min_child_weight"),
        *("colsample_bytree", "colsample_bylevel", "rate_drop", "skip_drop", "trainsize", "repl"),
    ),
    ("task_id", "booster", "num.impute.selected.cpo"),
    {"trainsize": 1.0, "repl": 10.0},
    output=0,  # acc
    full=1.0,
)
_THEIRS = {"reg_lambda": "lambda", "reg_alpha": "alpha", "impute": "num.impute.selected.cpo"}


@dataclass(frozen=True)
class Surrogate:
    """The error of one instance of a scenario: 1 - accuracy. Without noise, so what is observed is the truth."""

    scenario: Scenario
    data: Path
    instance: str

    def truths(self, configs: Sequence[Config]) -> Vector:
        numbers = np.zeros((len(configs), len(self.scenario.numbers)), dtype=np.float32)
        categories = np.zeros((len(configs), len(self.scenario.categories)), dtype=np.int32)
        codes = _encoding(self.data / self.scenario.folder)
        for row, config in enumerate(configs):
            values: dict[str, Any] = {_THEIRS.get(name, name): value for name, value in config.items()}
            values |= self.scenario.held
            values[self.scenario.categories[0]] = self.instance
            numbers[row] = [values.get(name, 0.0) for name in self.scenario.numbers]
            categories[row] = [codes[name][str(values.get(name, "#na#"))] for name in self.scenario.categories]
        session = _session(self.data / self.scenario.folder)
        by_category, by_number = (one.name for one in session.get_inputs())
        outputs = session.run(None, {by_category: categories, by_number: numbers})[0]
        return 1.0 - np.asarray(outputs, dtype=np.float64)[:, self.scenario.output] / self.scenario.full

    def observe(self, config: Config, seed: int, number: int) -> float:
        return float(self.truths([config])[0])

    def everything(self) -> None:
        return None


def lcbench(data: Path, instance: str) -> Surrogate:
    """Neural networks after 52 epochs: validation error."""
    return Surrogate(_LCBENCH, data / "yahpo", instance)


def xgboost(data: Path, instance: str) -> Surrogate:
    """Gradient boosting on all rows, 10 repeats: test error."""
    return Surrogate(_XGBOOST, data / "yahpo", instance)


@cache
def _session(folder: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"])


@cache
def _encoding(folder: Path) -> dict[str, dict[str, int]]:
    return json.loads((folder / "encoding.json").read_text())
