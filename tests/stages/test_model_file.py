from __future__ import annotations

import functools
import sys
import types

import numpy as np
import pytest

from luthier.core.contracts import View
from luthier.core.errors import StageError
from luthier.stages.check import bare_context
from luthier.stages.estimator import EstimatorStage
from luthier.stages.model_file import Trust, home_of, model_from_bytes, model_to_bytes


def fitted(function):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    X = np.arange(20.0)[:, None]
    return make_pipeline(FunctionTransformer(function), LogisticRegression()).fit(X, np.arange(20) % 2)


@pytest.fixture
def own_package(monkeypatch):
    """A package of the user's own, with a function in it."""
    module = types.ModuleType("ownpackage")
    exec("def halved(values):\n    return values / 2\n", module.__dict__)
    monkeypatch.setitem(sys.modules, "ownpackage", module)
    return module


def test_models_of_known_packages_come_back(iris):
    from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
    from sklearn.gaussian_process import GaussianProcessClassifier
    from sklearn.neighbors import KNeighborsClassifier

    X = np.column_stack([iris[f"x{i}"] for i in range(4)])
    for model in (
        GradientBoostingClassifier(n_estimators=2),
        HistGradientBoostingClassifier(max_iter=2),
        GaussianProcessClassifier(),
        KNeighborsClassifier(),
    ):
        model.fit(X, iris.labels)
        loaded, about = model_from_bytes(model_to_bytes(model, {"a": 1}, Trust()), Trust())
        assert about == {"a": 1}
        assert np.array_equal(loaded.predict_proba(X), model.predict_proba(X))


def test_own_code_is_loaded_where_it_is_at_home_or_trusted(own_package):
    model = fitted(own_package.halved)
    for trust in (Trust(home="ownpackage"), Trust(("ownpackage.halved",))):
        loaded, _ = model_from_bytes(model_to_bytes(model, {}, trust), trust)
        assert loaded.predict(np.array([[3.0]])).shape == (1,)


def test_what_is_not_trusted_is_listed_with_the_way_to_allow_it(own_package):
    content = model_to_bytes(fitted(own_package.halved), {}, Trust(home="ownpackage"))
    with pytest.raises(StageError) as raised:
        model_from_bytes(content, Trust())
    assert "holds ownpackage.halved" in str(raised.value)
    assert "trusted=('ownpackage.halved',)" in str(raised.value)


def test_functions_of_known_packages_are_not_loaded_for_their_package_alone():
    refused = Trust().refused(["sklearn.datasets._base.urlretrieve", "sklearn.tree._tree.Tree", "os.system"])
    assert refused == ["sklearn.datasets._base.urlretrieve", "os.system"]


def test_python_s_own_packages_and_known_ones_are_no_home():
    from sklearn.linear_model import LogisticRegression

    assert home_of(functools.partial(Trust)) == home_of(Trust) == "luthier"
    for code in (eval, functools.partial(eval), functools.reduce, LogisticRegression, LogisticRegression()):
        assert home_of(code) == ""


def test_a_function_without_a_name_needs_pickle_and_a_word_of_warning(run):
    model = fitted(lambda values: values / 2)
    with pytest.raises(StageError, match="couldn't be loaded again elsewhere; move it by name into a module"):
        model_to_bytes(model, {}, Trust())
    content = model_to_bytes(model, {}, Trust(allow_pickle=True))
    with pytest.raises(StageError, match="stored by pickle, which runs whatever the file says"):
        model_from_bytes(content, Trust())
    loaded, _ = model_from_bytes(content, Trust(allow_pickle=True))
    assert loaded.predict(np.array([[3.0]])).shape == (1,)


def test_a_stage_says_so_before_anything_is_fitted(run, iris):
    stage = EstimatorStage(lambda settings: fitted(lambda values: values), (), "accuracy")
    with pytest.raises(StageError, match="allow_pickle=True"):
        run(stage, {}, views=(View(iris, iris),))
    with pytest.warns(UserWarning, match="loading one runs whatever its file says"):
        allowed = EstimatorStage(lambda settings: fitted(lambda values: values), (), "accuracy", allow_pickle=True)
    context = bare_context(1, views=(View(iris, iris),))
    said = allowed.predict(allowed.finalize({}, context), iris.without_labels(), context)
    assert len(said.values) == 150


def test_an_artifact_of_something_else():
    with pytest.raises(StageError, match="holds no model of an estimator stage"):
        model_from_bytes(b"{}", Trust())
