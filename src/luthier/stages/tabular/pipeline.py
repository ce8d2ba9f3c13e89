"""The pipelines that a task file of a table names: preparation, then the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sklearn.feature_selection import f_classif, f_regression
from sklearn.pipeline import Pipeline

from luthier.stages.tabular.models import LINEAR, model_of
from luthier.stages.tabular.preparation import preparation


def classifier(settings: Mapping[str, Any]) -> Pipeline:
    """An unfitted classifier of the rows of a DataFrame; every setting is optional."""
    linear = settings.get("model", LINEAR) == LINEAR
    prepared = preparation(settings, linear=linear, score=f_classif)
    return Pipeline([("preparation", prepared), ("model", model_of(settings, classes=True))])


def regressor(settings: Mapping[str, Any]) -> Pipeline:
    """An unfitted model of a number, of the rows of a DataFrame; every setting is optional."""
    linear = settings.get("model", LINEAR) == LINEAR
    prepared = preparation(settings, linear=linear, score=f_regression)
    return Pipeline([("preparation", prepared), ("model", model_of(settings, classes=False))])
