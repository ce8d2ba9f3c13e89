from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from luthier.core.budget import Budget
from luthier.core.config import Config
from luthier.core.cost import Cost
from luthier.core.errors import StoreError, UnknownName
from luthier.core.events import GrantEnded, IncumbentChosen, StudyCreated, TrialMeasured, TrialStarted
from luthier.core.history import History
from luthier.core.metric import Metric
from luthier.core.trial import Failure, Measurement, Purpose, Status
from luthier.store.check import a_study
from luthier.store.export import trial_rows, write_rows


@pytest.fixture
def history() -> History:
    one = Config({"m.kind": "svm", "m.C": 0.5, "d.columns": ("a", "ü,")})
    two = Config({"m.kind": "nb", "m.depth": 3, "d.columns": ()})
    measured = Measurement(1, 0.75, 0.125, {"recall": 0.5})
    failure = Failure("ValueError", 'no "luck"\nat all')
    return History.of(
        [
            StudyCreated(metric=Metric("accuracy"), levers={}, budget=Budget(trials=9)),
            TrialStarted(trial=0, config=one, until=1, purpose=Purpose.BASELINE, levers=("m", "d"), seed=5),
            TrialMeasured(trial=0, measurement=measured),
            GrantEnded(
                trial=0, status=Status.COMPLETED, cost=Cost(seconds=1.5, usd_micros=250_000), artifact="sha256:x"
            ),
            TrialStarted(trial=1, config=two, until=1),
            TrialMeasured(trial=1, measurement=Measurement(1, float("nan"), metrics={"recall": float("inf")})),
            GrantEnded(trial=1, status=Status.FAILED, failure=failure),
            IncumbentChosen(trial=0, mean=0.75),
        ]
    )


def test_rows(history: History) -> None:
    first, second = trial_rows(history)
    assert first == {
        "id": 0,
        "status": "completed",
        "purpose": "baseline",
        "levers": ["m", "d"],
        "confirms": None,
        "seed": 5,
        "until": 1,
        "fidelity": 1,
        "value": 0.75,
        "standard_error": 0.125,
        "is_incumbent": True,
        "metric.recall": 0.5,
        "seconds": 1.5,
        "calls": 0,
        "tokens": 0,
        "usd": 0.25,
        "engineer_hours": 0.0,
        "config.m.kind": "svm",
        "config.m.C": 0.5,
        "config.d.columns": ["a", "ü,"],
        "config.m.depth": None,
        "retries": 0,
        "failure": None,
        "artifact": "sha256:x",
    }
    assert list(second) == list(first)
    assert second["value"] is None
    assert second["failure"] == 'ValueError: no "luck"\nat all'


def test_csv(history: History) -> None:
    text = io.StringIO()
    write_rows(trial_rows(history), text, "csv")
    first, second = csv.DictReader(io.StringIO(text.getvalue()))
    assert first["config.d.columns"] == '["a", "ü,"]'
    assert second["failure"] == 'ValueError: no "luck"\nat all'
    assert (first["config.m.depth"], second["config.m.depth"]) == ("", "3")


def test_json(history: History, tmp_path: Path) -> None:
    write_rows(trial_rows(history), tmp_path / "trials.json", "json")
    read = json.loads((tmp_path / "trials.json").read_text(encoding="utf-8"))
    rows = trial_rows(history)
    rows[1]["metric.recall"] = None
    assert read == rows


def test_parquet(history: History, tmp_path: Path) -> None:
    import polars as pl

    write_rows(trial_rows(history), tmp_path / "trials.parquet", "parquet")
    frame = pl.read_parquet(tmp_path / "trials.parquet")
    assert frame["id"].to_list() == [0, 1]
    assert frame["config.m.C"].to_list() == [0.5, None]
    assert frame["config.d.columns"].to_list() == ['["a", "ü,"]', "[]"]


def test_parquet_of_mixed_kinds() -> None:
    import polars as pl

    buffer = io.BytesIO()
    write_rows([{"a": 1, "b": 1}, {"a": 2.5, "b": "x"}, {"a": None, "b": None}], buffer, "parquet")
    frame = pl.read_parquet(io.BytesIO(buffer.getvalue()))
    assert frame.to_dict(as_series=False) == {"a": [1.0, 2.5, None], "b": ["1", '"x"', None]}


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_nothing_and_everything(tmp_path: Path, form: str) -> None:
    for rows in ([], trial_rows(History.of(a_study()))):
        write_rows(rows, tmp_path / "out", form)  # pyright: ignore[reportArgumentType]
        assert (tmp_path / "out").stat().st_size > 0


def test_what_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="unknown format 'parque'; known are: parquet"):
        write_rows([], tmp_path / "out", "parque")  # pyright: ignore[reportArgumentType]
    with pytest.raises(StoreError, match=r"0 rows can't be written to .*No such file or directory"):
        write_rows([], tmp_path / "no" / "out", "csv")
