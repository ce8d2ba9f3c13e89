"""Code as users write it reaches the worker processes through `lt.tune`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import luthier as lt

SOURCE = Path(__file__).parents[2] / "src"
LOSS = lt.Metric("loss", "minimize")


def test_a_lambda(folder):
    study = lt.tune(
        lambda x: (x - 1) ** 2,
        metric=LOSS, levers={"a": {"x": lt.Float(-3, 3)}}, budget="6 trials", workers=2, progress=False,
    )  # fmt: skip
    assert study.name == "lambda"
    assert not [trial for trial in study.history.trials if trial.failure]
    assert study.history.concluded is not None


def test_a_closure_over_a_data_frame(folder):
    frame = pl.DataFrame({"x": [1.0, 2.0, 3.0], "y": [2.0, 4.0, 6.0]})

    def miss(slope):
        return frame.select((pl.col("y") - slope * pl.col("x")).abs().mean()).item()

    study = lt.tune(
        miss, metric=LOSS, levers={"line": {"slope": lt.Choice([0, 1, 2])}}, budget="3 trials", workers=2,
        searcher="grid", progress=False,
    )  # fmt: skip
    assert study.best == {"line": {"slope": 2}}
    assert study.history.incumbent.value == 0


def test_define_by_run(folder):
    def objective(trial):
        x = trial.suggest_float("x", -3, 3)
        return (x - 1) ** 2

    study = lt.tune(objective, metric=LOSS, budget="6 trials", workers=1, progress=False)
    assert not [trial for trial in study.history.trials if trial.failure]
    assert -3 <= study.best["settings"]["x"] <= 3


def test_an_estimator_over_rows(folder):
    from sklearn.linear_model import LogisticRegression

    rows = lt.from_frame({"a": np.arange(60.0), "label": ["no"] * 30 + ["yes"] * 30}, target="label")
    study = lt.tune(
        lambda settings: LogisticRegression(**settings), rows, metric="accuracy", folds=3, confirm=1,
        levers={"model": {"C": lt.Float(0.1, 10, log=True)}}, budget="3 trials", workers=1, progress=False,
    )  # fmt: skip
    assert not [trial for trial in study.history.trials if trial.failure]
    assert study.predict(rows).values.shape == (60,)


@pytest.mark.parametrize("workers", [0, 1])
def test_an_estimator_class_that_no_module_holds_is_refused_before_the_budget_is_spent(folder, workers):
    from sklearn.dummy import DummyClassifier

    class Mine(DummyClassifier):
        """Guesses."""

    rows = lt.from_frame({"a": np.arange(60.0), "label": ["no", "yes", "no"] * 20}, target="label")
    with pytest.raises(lt.LuthierError, match=r"baseline could not be measured.*Mine.*move it by name into a module"):
        lt.tune(
            lambda settings: Mine(**settings), rows, metric="accuracy", folds=3, budget="3 trials", workers=workers,
            levers={"model": {"strategy": lt.Choice(["uniform", "most_frequent"])}}, progress=False,
        )  # fmt: skip


SCRIPT = """
import sys
import luthier as lt

print("begins")
factor = 3

def loss(x):
    return factor * (x - 1) ** 2

study = lt.tune(loss, metric=lt.Metric("loss", "minimize"), levers={"a": {"x": lt.Float(-3, 3)}},
                budget="6 trials", workers=2, progress=False)
failed = [trial for trial in study.history.trials if trial.failure]
print(study.name, len(study.history.trials), len(failed))
"""


def test_a_script_without_a_guard(folder):
    """No `if __name__ == "__main__"`: the workers never run the script again."""
    (folder / "script.py").write_text(SCRIPT)
    ended = subprocess.run(
        [sys.executable, "script.py"],
        env={**os.environ, "PYTHONPATH": str(SOURCE)}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert (ended.stdout.splitlines(), ended.stderr) == (["begins", "loss 6 0"], "")


def test_what_cannot_travel_is_named(folder):
    import threading

    lock = threading.Lock()

    def loss(x):
        with lock:
            return x

    with pytest.raises(lt.LuthierError, match=r"variable 'lock' around the function 'loss'.*workers=0"):
        lt.tune(loss, metric=LOSS, levers={"a": {"x": lt.Float(-3, 3)}}, budget="3 trials", workers=1, progress=False)
