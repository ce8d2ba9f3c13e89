"""Pipelines of tables: each model with each preparation fits, is stored by skops, and predicts rows of other sorts."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest

from luthier.core.dataset import Dataset
from luthier.core.errors import DataError, MissingExtra, UnknownName
from luthier.core.lever import joint_space
from luthier.data.frame import from_frame
from luthier.data.kinds import Kind
from luthier.stages.inputs import Form, Inputs
from luthier.stages.model_file import Trust, check_storable, model_from_bytes, model_to_bytes
from luthier.stages.tabular import classifier, models, regressor
from luthier.stages.tabular.levers import SAID, Table, levers_of
from luthier.stages.tabular.models import installed_models

KINDS = {"x": "number", "color": "category", "day": "date", "said": "text", "more": "text"}
TRUST = Trust((), "luthier")
ROWS = 90


def rows() -> Dataset:
    rng = np.random.default_rng(0)
    x = rng.normal(size=ROWS)
    words = ["good", "bad", "fine", "so", "very"]
    texts = np.array([" ".join(rng.choice(words, 4)) for _ in range(ROWS)], dtype=object)
    label = np.where(x + 0.3 * rng.normal(size=ROWS) > 0, "yes", "no").astype(object)
    x[::7] = np.nan
    return from_frame(
        {
            "x": x,
            "color": np.array(["red", "green", None], dtype=object)[rng.integers(0, 3, ROWS)],
            "day": np.datetime64("2031-01-01") + rng.integers(0, 900, ROWS).astype("timedelta64[D]"),
            "said": texts,
            "more": texts[::-1],
            "label": label,
            "amount": np.nan_to_num(x) + 1,
        }
    )


def strange() -> Dataset:
    """Rows of which nothing was seen before: a new color, no date, no number, empty texts."""
    nothing = np.array([np.nan, np.nan])
    return from_frame(
        {"x": nothing, "color": ["blue", None], "day": nothing, "said": ["", None], "more": ["never read", ""]}
    )


PREPARATIONS = [
    {},
    {"numbers": "quantile", "missing": "median", "categories": "target", "dates": "days", "text": "pieces"},
    {"numbers": "bins", "missing": "median_and_flag", "categories": "ordinal", "rare": 4, "text": "both", "ngrams": 2},
    {"keep": 0.4, "rare": 40, "min_df": 2},
]


@pytest.mark.parametrize("model", installed_models())
@pytest.mark.parametrize("make", [classifier, regressor], ids=["classes", "numbers"])
def test_every_model_with_every_preparation(model, make):
    data = rows()
    inputs = Inputs.of(data, KINDS)
    few = {"n_estimators": 5} if model in models.FORESTS else {"max_iter": 5} if model in models.BOOSTED else {}
    target = data["amount"] if make is regressor else data["label"]
    if model == "xgboost" and make is classifier:
        target = (target == "yes").astype(int)
    for settings in PREPARATIONS:
        pipeline = make({"model": model, **few, **settings})
        check_storable(pipeline, TRUST)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of bins with few rows, and of columns without a value
            pipeline.fit(inputs.take(data), target)
            said = pipeline.predict(inputs.take(data))
            back, _ = model_from_bytes(model_to_bytes(pipeline, {}, TRUST), TRUST)
            assert np.array_equal(back.predict(inputs.take(data)), said)
            assert len(back.predict(inputs.take(strange()))) == 2


def test_columns_go_in_as_their_kinds():
    inputs = Inputs.of(rows(), {"color": "category", "x": "number"})
    assert (inputs.form, inputs.columns) == (Form.TABLE, ("color", "x"))
    frame = inputs.take(rows())
    assert [str(kind) for kind in frame.dtypes] == ["Categorical", "Float64"]
    numbers = replace(rows(), columns={**rows().columns, "color": np.arange(ROWS)})
    assert inputs.take(numbers)["color"].cast(str).to_list()[:2] == ["0", "1"], "a category stays one"
    with pytest.raises(DataError, match="'x' must hold a number in every row"):
        inputs.take(replace(rows(), columns={**rows().columns, "x": rows()["said"]}))


def test_an_unknown_model_and_one_that_is_not_installed(monkeypatch):
    with pytest.raises(UnknownName, match="unknown model 'boost'; known are: xgboost, boosting"):
        classifier({"model": "boost"})
    monkeypatch.setattr(models, "find_spec", lambda package: None)
    assert installed_models() == ("linear", "forest", "extra_trees", "boosting")
    with pytest.raises(MissingExtra, match="the model 'xgboost' needs the package 'xgboost'"):
        classifier({"model": "xgboost"})


@pytest.mark.parametrize("classes", [True, False])
@pytest.mark.parametrize("kinds", [{Kind.NUMBER}, {Kind.TEXT}, {Kind.DATE}, {Kind.CATEGORY}, set(Kind)])
def test_levers_make_a_space_whose_settings_are_explained(classes, kinds):
    for columns in (1, 50):
        table = Table(kinds, columns, has_gaps=Kind.NUMBER in kinds, classes=classes, imbalanced=classes)
        levers = levers_of(table, ("boosting", "linear", "forest"))
        assert joint_space(levers).config()["model.model"] == "boosting"
        assert {setting for lever in levers for setting in lever.settings} <= SAID.keys()
