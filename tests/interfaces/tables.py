"""CSV files made of scikit-learn's own data sets, and of the first lines of docstrings; and rows to test on."""

from __future__ import annotations

import csv
import inspect
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from sklearn import datasets


@dataclass(frozen=True)
class Table:
    """Rows to tune on, and others that `luthier` never gets with their labels."""

    header: Sequence[str]
    rows: Sequence[Sequence[Any]]
    unseen: Sequence[Sequence[Any]]
    target: str

    def write(self, folder: Path, name: str) -> None:
        """`NAME.csv` with the rows, and `new.csv` with the unseen ones, whose labels are taken off."""
        _write(folder / f"{name}.csv", self.header, self.rows)
        place = list(self.header).index(self.target)
        bare = [[cell for number, cell in enumerate(row) if number != place] for row in self.unseen]
        _write(folder / "new.csv", [column for column in self.header if column != self.target], bare)

    @property
    def truth(self) -> list[Any]:
        """The labels of the unseen rows."""
        place = list(self.header).index(self.target)
        return [row[place] for row in self.unseen]


def _write(path: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def _parted(header: Sequence[str], rows: Sequence[Sequence[Any]], target: str, share: float = 0.25) -> Table:
    shuffled = [*rows]
    random.Random(0).shuffle(shuffled)
    count = int(len(rows) * share)
    return Table(header, shuffled[count:], shuffled[:count], target)


def numeric() -> Table:
    """Breast cancer: 30 numbers, a patient's number, two classes."""
    data: Any = datasets.load_breast_cancer()
    header = ["patient_id", *(name.replace(" ", "_") for name in data.feature_names), "diagnosis"]
    names = data.target_names.tolist()
    rows = [
        [90_000 + 7 * number, *values, names[label]]
        for number, (values, label) in enumerate(zip(data.data.tolist(), data.target.tolist(), strict=True))
    ]
    return _parted(header, rows, "diagnosis")


def mixed() -> Table:
    """Diabetes: a number to predict, from numbers with gaps, two categories, a date, a constant and an empty column."""
    data: Any = datasets.load_diabetes(scaled=False)
    rng = random.Random(1)
    rows: list[list[Any]] = []
    for values, label in zip(data.data.tolist(), data.target.tolist(), strict=True):
        age, sex, bmi, pressure, *serum = (None if rng.random() < 0.08 else round(value, 3) for value in values)
        weight = "" if bmi is None else "slim" if bmi < 23 else "usual" if bmi < 30 else "heavy"
        visit = date(2023, 1, 1) + timedelta(days=rng.randrange(500))
        clinic = rng.choice(["north", "south", "east", "west"])
        first = {1: "m", 2: "f"}.get(sex or 0, "")
        rows.append([clinic, first, age, weight, pressure, *serum, visit.strftime("%d.%m.%Y"), "v1", None, label])
    header = [
        "clinic", "sex", "age", "weight", "pressure", *(f"s{number}" for number in range(1, 7)),
        "visit", "version", "remark", "progression",
    ]  # fmt: skip
    return _parted(header, rows, "progression")


def texts() -> Table:
    """The first line of docstrings, and which package it is of."""
    rows: list[list[Any]] = []
    for package, modules in (
        ("sklearn", ("cluster", "linear_model", "ensemble", "metrics", "preprocessing", "decomposition", "svm")),
        ("numpy", ("linalg", "ma", "char", "polynomial", "random", "fft", "")),
        ("polars", ("dataframe", "expr", "series", "functions", "io", "")),
    ):
        seen: set[str] = set()
        for module in modules:
            held = import_module(f"{package}.{module}".rstrip("."))
            for _, value in sorted(inspect.getmembers(held, callable)):
                for one in (value, *(vars(value).values() if inspect.isclass(value) else ())):
                    text = (inspect.getdoc(one) or "").strip().split("\n\n")[0].replace("\n", " ")
                    if len(text.split()) >= 4 and text not in seen and "deprecated" not in text:
                        seen.add(text)
        rows += [[text, package] for text in sorted(seen)[:250]]
    return _parted(["summary", "label"], rows, "label")


def imbalanced() -> Table:
    """Handwritten digits: is it an eight? One row in ten is."""
    data: Any = datasets.load_digits()
    kept = [pixel for pixel in range(64) if data.data[:, pixel].std() > 0][::3]
    rows = [
        [*values[kept].astype(int).tolist(), "eight" if label == 8 else "other"]
        for values, label in zip(data.data, data.target, strict=True)
    ]
    header = [*(f"p{pixel}" for pixel in kept), "is_eight"]
    return _parted(header, rows[:1200], "is_eight")


def wide() -> Table:
    """120 handwritten digits of three kinds, as 64 pixels and 600 columns of noise."""
    data: Any = datasets.load_digits(n_class=3)
    noise = np.random.default_rng(0).normal(size=(len(data.data), 600)).round(3)
    rows = [
        [*values, *more, f"digit {label}"]
        for values, more, label in zip(data.data.tolist(), noise.tolist(), data.target.tolist(), strict=True)
    ]
    header = [*(f"pixel {number}" for number in range(64)), *(f"noise {number}" for number in range(600)), "class"]
    return _parted(header, rows[:160], "class")


TABLES: dict[str, Callable[[], Table]] = {
    "numeric": numeric,
    "mixed": mixed,
    "texts": texts,
    "imbalanced": imbalanced,
    "wide": wide,
}
