"""One line on a CSV: the task is inferred, written down, tuned, and the tuned model predicts."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, r2_score

import luthier as lt
from tests.interfaces.tables import TABLES, imbalanced, numeric, wide

SOURCE = Path(__file__).parents[2] / "src"
FEW = ("--budget", "4 trials", "--workers", "0")


def luthier_process(folder, *arguments):
    """The real command line, in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "COLUMNS": "100"}
    code = "from luthier.interfaces.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", code, *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip


def predicted(luthier, study):
    ended = luthier("predict", study, "new.csv")
    assert (ended.code, ended.err) == (0, "")
    return [row["prediction"] for row in csv.DictReader(io.StringIO(ended.out))]


def skill(table, answers):
    """0 for any constant answer, 1 for the truth."""
    if isinstance(table.truth[0], float):
        return r2_score(table.truth, np.array(answers, dtype=float))
    return (balanced_accuracy_score(table.truth, answers) - 1 / len(set(table.truth))) / (1 - 1 / len(set(table.truth)))


EXPECTED = {
    "numeric": ("30 numbers", "accuracy", "patient_id (an identifier", 0.8),
    "mixed": (
        "3 categories (clinic, sex, weight)",
        "r2",
        "version (the same value in every row); remark (no value in any row)",
        0.15,
    ),
    "texts": ("1 text", "accuracy", "", 0.3),
    "imbalanced": ("21 numbers", "balanced_accuracy", "", 0.2),
    "wide": ("664 numbers", "accuracy", "", 0.2),
}
"""Per table: a piece of what is said of the inputs, the metric, what is left out, the least skill."""


@pytest.mark.parametrize("name", TABLES)
def test_one_line(luthier, folder, name):
    """The line works, says what it inferred, and beats any constant; its file alone gives the same study."""
    inputs, metric, left_out, least = EXPECTED[name]
    table = TABLES[name]()
    table.write(folder, name)
    ended = luthier_process(folder, "tune", f"{name}.csv", "--target", table.target, *FEW, "--name", "first")
    assert ended.returncode == 0, ended.stderr
    assert f"{name}.csv: {len(table.rows)} rows" in ended.stderr
    for piece in (inputs, f"metric    {metric}", left_out, f"Written to {name}.task.yaml"):
        assert piece in ended.stderr, ended.stderr
    assert "What to do next" in ended.stdout
    assert "luthier predict first ROWS.csv" in ended.stdout
    answers = predicted(luthier, "first")
    assert len(answers) == len(table.unseen)
    assert skill(table, answers) > least

    again = luthier("tune", f"{name}.task.yaml", *FEW, "--quiet")
    assert (again.code, again.err) == (0, "")
    assert trials_of(luthier, name) == trials_of(luthier, "first")
    assert predicted(luthier, f"{name}.task.yaml") == answers


def trials_of(luthier, study):
    """Config and value of each trial."""
    rows = csv.DictReader(io.StringIO(luthier("export", study).out))
    return [{key: cell for key, cell in row.items() if key == "value" or key.startswith("config.")} for row in rows]
