"""Tables in which every config of a finite space was trained: HPOlib, HPOBench, NAS-Bench-201, NAS-Bench-Graph.

Where a config was trained several times, an evaluation shows one of the repeats, the truth is their mean.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from luthier.core.config import Config
from luthier.core.parameter import Choice
from luthier.core.space import Space
from searching.problem import Vector

HPOLIB = ("naval_propulsion", "parkinsons_telemonitoring")
HPOBENCH = ("australian", "blood_transfusion", "car", "credit_g")
GRAPHS = ("citeseer", "cora", "cs", "photo")

_RATES = (0.0005, 0.001, 0.005, 0.01, 0.05, 0.1)
_UNITS = (16, 32, 64, 128, 256, 512)
HPOLIB_SPACE = Space(
    {
        "activation_fn_1": Choice(("relu", "tanh")),
        "activation_fn_2": Choice(("relu", "tanh")),
        "batch_size": Choice((8, 16, 32, 64), ordered=True),
        "dropout_1": Choice((0.0, 0.3, 0.6), ordered=True),
        "dropout_2": Choice((0.0, 0.3, 0.6), ordered=True),
        "init_lr": Choice(_RATES, ordered=True),
        "lr_schedule": Choice(("cosine", "const")),
        "n_units_1": Choice(_UNITS, ordered=True),
        "n_units_2": Choice(_UNITS, ordered=True),
    }
)

_TENTHS = tuple(range(10))
HPOBENCH_SPACE = Space(
    {
        "alpha": Choice(_TENTHS, ordered=True),
        "batch_size": Choice(_TENTHS, ordered=True),
        "depth": Choice((0, 1, 2), ordered=True),
        "learning_rate_init": Choice(_TENTHS, ordered=True),
        "width": Choice(_TENTHS, ordered=True),
    }
)

_CELL_OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
CELL_SPACE = Space({f"op_{edge}": Choice(_CELL_OPERATIONS) for edge in range(6)})

_GRAPH_OPERATIONS = ("gat", "gcn", "gin", "cheb", "sage", "arma", "graph", "fc", "skip")
_LINKS = ("0000", "0001", "0011", "0012", "0013", "0111", "0112", "0122", "0123")
GRAPH_SPACE = Space({"link": Choice(_LINKS), **{f"op_{node}": Choice(_GRAPH_OPERATIONS) for node in range(4)}})


@dataclass(frozen=True)
class Table:
    """Values (..., repeats), one axis a setting of `names`, in the order of its `options`; NaN where it wasn't run."""

    names: tuple[str, ...]
    options: tuple[tuple[object, ...], ...]
    values: NDArray[np.float64]

    def truths(self, configs: Sequence[Config]) -> Vector:
        return np.array([self.means[self._index(config)] for config in configs])

    def observe(self, config: Config, seed: int, number: int) -> float:
        repeats = self.values[self._index(config)]
        repeats = repeats[~np.isnan(repeats)]
        if not repeats.size:
            return float("nan")
        return float(repeats[np.random.default_rng([seed, number]).integers(repeats.size)])

    def everything(self) -> Vector:
        return self.means.ravel()

    @cached_property
    def means(self) -> NDArray[np.float64]:
        known = ~np.isnan(self.values)
        with np.errstate(invalid="ignore"):
            return np.where(known, self.values, 0.0).sum(axis=-1) / known.sum(axis=-1)

    def _index(self, config: Config) -> tuple[int, ...]:
        return tuple(options.index(config[name]) for name, options in zip(self.names, self.options, strict=True))


def hpolib(data: Path, name: str) -> Table:
    """Fully connected networks for regression: validation mean squared error, 4 repeats."""
    return _tabular(data / "tabular" / f"hpolib_{name}.npz", 0.0, 1.0)


def hpobench(data: Path, name: str) -> Table:
    """Multilayer perceptrons: 1 - balanced validation accuracy, 5 repeats."""
    return _tabular(data / "tabular" / f"hpobench_{name}.npz", 1.0, -1.0)


def cells(data: Path) -> Table:
    """NAS-Bench-201 on CIFAR-10: 1 - validation accuracy, up to 3 repeats."""
    return _tabular(data / "tabular" / "nasbench201_cifar10.npz", 1.0, -0.01)


def graph(data: Path, name: str) -> Table:
    """Graph networks: 1 - validation accuracy, one repeat; nine entries in 59,049 failed."""
    with np.load(data / "nasbench_graph" / f"{name}.npz") as file:
        links = file["links"].tolist()
        operations = tuple(file["op_names"].tolist())
        values = np.full((len(links), *(4 * (len(operations),)), 1), np.nan)
        index = (file["link"].astype(int), *file["ops"].astype(int).T)
        values[(*index, 0)] = 1.0 - file["valid_accuracy"].astype(np.float64)
    options = tuple("".join(map(str, link)) for link in links)
    return Table(tuple(GRAPH_SPACE.parameters), (options, *(4 * (operations,))), values)


def _tabular(path: Path, offset: float, scale: float) -> Table:
    with np.load(path) as file:
        choices = json.loads(str(file["choices"]))
        names = tuple(file["names"].tolist())
        values = offset + scale * file["values"].astype(np.float64)
    return Table(names, tuple(tuple(choices[name]) for name in names), values)
