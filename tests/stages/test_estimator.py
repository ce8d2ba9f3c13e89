from __future__ import annotations

import json
import math

import numpy as np
import pytest

from luthier.core.contracts import View
from luthier.core.dataset import Dataset
from luthier.core.errors import DataError, StageError, UsageError
from luthier.core.lever import Lever
from luthier.core.parameter import Choice, Float, Int
from luthier.core.trial import Fidelity
from luthier.stages.check import bare_context, check_stage
from luthier.stages.estimator import EstimatorStage

C = (Lever("model", {"C": Float(0.01, 10.0, log=True)}),)


def logistic(settings):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(C=settings["C"]))


def folds(count):
    return Fidelity("fold", count)


# ----------------------------------------------------------------------------------------------- folds


def test_the_value_is_the_running_mean_over_rows(run, iris, make_folds):
    views = make_folds(iris.take(range(149)), 4)
    stage = EstimatorStage(logistic, C, "accuracy", fidelity=folds(4), also=("log_loss", "f1_macro"))
    measured = run(stage, {"C": 1.0}, views=views).measured
    rows: list[float] = []
    for unit, measurement in enumerate(measured):
        assert measurement.examples.ids == tuple(views[unit].validation.ids.tolist())
        rows.extend(measurement.examples.scores)
        assert measurement.value == pytest.approx(np.mean(rows))
        assert measurement.standard_error == pytest.approx(np.std(rows, ddof=1) / math.sqrt(len(rows)))
        assert set(measurement.metrics) == {"log_loss", "f1_macro"}
    assert measured[-1].value > 0.9


def test_it_keeps_the_contract_of_stages(iris, make_folds):
    stage = EstimatorStage(logistic, C, "log_loss", fidelity=folds(3))
    check_stage(stage, {"C": 1.0}, lambda until: bare_context(until, views=make_folds(iris, 3)))


def test_outcomes_of_a_loss_are_turned_so_that_more_is_better(run, iris, make_folds):
    stage = EstimatorStage(logistic, C, "log_loss", fidelity=folds(2))
    (first, _) = run(stage, {"C": 1.0}, views=make_folds(iris, 2)).measured
    assert first.value == pytest.approx(-np.mean(first.examples.scores))
    assert first.value > 0


def test_a_metric_that_is_no_mean_over_rows_is_averaged_over_folds(run, cancer, make_folds):
    views = make_folds(cancer, 3)
    stage = EstimatorStage(logistic, C, "roc_auc", fidelity=folds(3))
    measured = run(stage, {"C": 1.0}, views=views).measured
    single = [run(EstimatorStage(logistic, C, "roc_auc"), {"C": 1.0}, views=(view,)).values[0] for view in views]
    assert measured[-1].value == pytest.approx(np.mean(single))
    assert measured[0].standard_error is None
    assert measured[-1].standard_error == pytest.approx(np.std(single, ddof=1) / math.sqrt(3))
    assert measured[0].examples is None


def test_rows_of_a_group_count_together(run, make_dataset, make_folds):
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(20), 10)
    y = (group % 2).astype(np.int64)
    data = make_dataset(rng.normal(size=(200, 2)) + (rng.normal(size=20)[group])[:, None], y, g=group, group="g")
    alone = Dataset(data.columns, data.ids, target="y", ignored=("g",))
    stage = EstimatorStage(logistic, C, "accuracy")
    errors = [run(stage, {"C": 1.0}, views=(View(each, each),)).measured[0].standard_error for each in (data, alone)]
    assert errors[0] > 1.5 * errors[1]


def test_a_pause_in_another_process_changes_nothing(run, iris, make_folds):
    views = make_folds(iris, 4)
    stage = EstimatorStage(logistic, C, "accuracy", fidelity=folds(4), also=("log_loss",))
    whole = run(stage, {"C": 1.0}, views=views).measured
    first = run(stage, {"C": 1.0}, 1, views=views)
    assert json.loads(first.checkpoint)["scores"]["accuracy"]
    second = run(stage, {"C": 1.0}, 3, views=views, after=first)
    second.measured[:0] = first.measured
    third = run(stage, {"C": 1.0}, 4, views=views, after=second)
    assert [*second.measured, *third.measured] == whole


def test_a_checkpoint_ahead_of_what_the_study_knows(run, iris, make_folds):
    views = make_folds(iris, 3)
    stage = EstimatorStage(logistic, C, "accuracy", fidelity=folds(3))
    ahead = run(stage, {"C": 1.0}, 2, views=views)
    whole = run(stage, {"C": 1.0}, views=views).measured
    del ahead.measured[1:]
    assert run(stage, {"C": 1.0}, views=views, after=ahead).measured == whole[1:]


# ----------------------------------------------------------------------------------------------- builds


@pytest.mark.parametrize("given", ["path", "class", "instance"])
def test_settings_are_applied_to_what_is_no_function(run, iris, make_folds, given):
    from sklearn.linear_model import LogisticRegression

    path = "sklearn.linear_model.LogisticRegression"
    build = {"path": path, "class": LogisticRegression, "instance": LogisticRegression(max_iter=300)}[given]
    stage = EstimatorStage(build, C, "accuracy")
    assert run(stage, {"C": 1.0}, views=make_folds(iris, 3)[:1]).values[0] > 0.9
    assert run(stage, {"C": 1e-4}, views=make_folds(iris, 3)[:1]).values[0] < 0.9


def test_settings_of_the_steps_of_a_pipeline(run, iris, make_folds):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    pipeline = Pipeline([("scale", StandardScaler()), ("fit", LogisticRegression())])
    stage = EstimatorStage(
        pipeline, (Lever("m", {"fit__C": Float(0.01, 10.0), "scale__with_mean": Choice((True, False))}),)
    )
    assert run(stage, {"fit__C": 1.0, "scale__with_mean": True}, views=make_folds(iris, 3)[:1]).values[0] > 0.9
    assert pipeline.get_params()["fit__C"] == 1.0
    assert not hasattr(pipeline, "classes_")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        ("sklearn.linear_model.LogisticRegresion", "has no 'LogisticRegresion'; nearest are: LogisticRegression"),
        ("no_such_package.Model", "can't be imported: No module named 'no_such_package'"),
        ("Model", "an import path has the form 'package.module.Name'; got 'Model'"),
        ("sklearn.ensemble.VotingClassifier", "can't be made without arguments"),
        (7, "an estimator must be a function of the settings, an import path"),
    ],
)
def test_builds_that_lead_nowhere(build, message):
    with pytest.raises(UsageError) as raised:
        EstimatorStage(build, C)
    assert message in str(raised.value)


def test_a_setting_that_the_estimator_lacks_is_named_when_the_stage_is_made():
    lever = Lever("model", {"c": Float(0.0, 1.0)})
    with pytest.raises(UsageError, match=r"has no parameter 'c'; nearest are: .*, C,"):
        EstimatorStage("sklearn.linear_model.LogisticRegression", (lever,))


def test_a_build_that_returns_no_estimator(run, iris, make_folds):
    with pytest.raises(StageError, match="must return an object with fit and predict; got dict"):
        run(EstimatorStage(lambda settings: {}, C), {"C": 1.0}, views=make_folds(iris, 2))


def test_random_states_come_from_the_seed_unless_stated(run, iris, make_folds):
    from sklearn.ensemble import RandomForestClassifier

    views = make_folds(iris, 3)[:1]
    lever = (Lever("m", {"n_estimators": Int(2, 9)}),)

    def values(forest):
        stage = EstimatorStage(forest, lever, "log_loss")
        return [run(stage, {"n_estimators": 3}, views=views, seed=seed).values[0] for seed in (1, 1, 2, 3)]

    one, again, two, three = values(RandomForestClassifier(max_depth=2))
    assert one == again
    assert len({one, two, three}) > 1
    assert len(set(values(RandomForestClassifier(max_depth=2, random_state=0)))) == 1


@pytest.mark.parametrize("package", ["xgboost", "lightgbm"])
def test_boosting_packages_with_labels_that_are_text(run, iris, make_folds, package, capfd):
    pytest.importorskip(package)
    name = {"xgboost": "XGBClassifier", "lightgbm": "LGBMClassifier"}[package]
    lever = (Lever("m", {"n_estimators": Int(2, 9), "learning_rate": Float(0.1, 1.0)}),)
    stage = EstimatorStage(f"{package}.{name}", lever, "log_loss", also=("accuracy",), fidelity=folds(2))
    views = make_folds(iris, 2)
    settings = {"n_estimators": 8, "learning_rate": 0.5}
    measured = run(stage, settings, views=views).measured
    assert measured[-1].metrics["accuracy"] > 0.85
    context = bare_context(2, views=views)
    address = stage.finalize(settings, context)
    said = stage.predict(address, views[0].train.without_labels(), context)
    assert np.mean(said.values == views[0].train.labels) > 0.9
    assert said.classes == ("setosa", "versicolor", "virginica")
    assert said.probabilities.shape == (75, 3)
    assert capfd.readouterr().out == ""


# ----------------------------------------------------------------------------------------------- regression


def test_regression(run, diabetes, make_folds):
    stage = EstimatorStage(
        "sklearn.linear_model.Ridge",
        (Lever("m", {"alpha": Float(0.01, 10.0)}),),
        "r2",
        also=("mae",),
        fidelity=folds(2),
    )
    measured = run(stage, {"alpha": 0.1}, views=make_folds(diabetes, 2)).measured
    assert 0.3 < measured[-1].value < 0.7
    assert 30 < measured[-1].metrics["mae"] < 60
    check_stage(stage, {"alpha": 0.1}, lambda until: bare_context(until, views=make_folds(diabetes, 2)))


def test_a_metric_of_classes_for_a_regressor(run, diabetes, make_folds):
    stage = EstimatorStage("sklearn.linear_model.Ridge", (), "accuracy")
    with pytest.raises(StageError, match="'accuracy' is one of classes, but Ridge predicts numbers"):
        run(stage, {}, views=make_folds(diabetes, 2))


# --------------------------------------------------------------------------------------------------- inputs


def mixed_rows():
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    words = np.array([["good fine", "bad poor"][each] for each in y], dtype=object)
    columns = {
        "price": rng.normal(size=60),
        "color": np.array(["red", "blue", None] * 20, dtype=object),
        "text": words,
        "label": np.array(["no", "yes"], dtype=object)[y],
    }
    return Dataset(columns, np.array([f"r{i}" for i in range(60)], dtype=object), target="label")


def mixed_model(settings):
    from sklearn.compose import ColumnTransformer
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    columns = ColumnTransformer(
        [
            ("numbers", StandardScaler(), ["price"]),
            ("kinds", OneHotEncoder(handle_unknown="ignore"), ["color"]),
            ("words", CountVectorizer(), "text"),
        ]
    )
    return make_pipeline(columns, LogisticRegression(C=settings["C"]))


def test_a_mixture_of_columns_is_split_by_name(run, make_folds):
    views = make_folds(mixed_rows(), 3)
    stage = EstimatorStage(mixed_model, C, "accuracy", fidelity=folds(3))
    assert run(stage, {"C": 1.0}, views=views).values[-1] == 1.0
    check_stage(stage, {"C": 1.0}, lambda until: bare_context(until, views=views))


def test_one_column_of_text_is_a_list_of_texts(run, make_folds):
    def bag(settings):
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline

        return make_pipeline(TfidfVectorizer(), LogisticRegression(C=settings["C"]))

    stage = EstimatorStage(bag, C, "accuracy", inputs=("text",))
    assert run(stage, {"C": 1.0}, views=make_folds(mixed_rows(), 3)[:1]).values == [1.0]


def test_text_for_an_estimator_of_numbers_is_explained(run, make_folds):
    stage = EstimatorStage("sklearn.linear_model.LogisticRegression", C, "accuracy")
    with pytest.raises(StageError, match=r"takes numbers only, but there is text in the columns color, text"):
        run(stage, {"C": 1.0}, views=make_folds(mixed_rows(), 2))


def test_missing_values_are_named_where_the_estimator_takes_none(run, iris, make_folds):
    columns = {**iris.columns, "x1": np.where(np.arange(len(iris)) < 3, np.nan, iris["x1"])}
    gaps = Dataset(columns, iris.ids, target="y")
    with pytest.raises(StageError, match=r"takes no missing values, but there are some in the columns x1; put a"):
        run(EstimatorStage(logistic, C, "accuracy"), {"C": 1.0}, views=make_folds(gaps, 2))


def test_a_missing_input_column_is_named(iris, make_folds):
    stage = EstimatorStage(logistic, C, "accuracy")
    context = bare_context(1, views=make_folds(iris, 2))
    address = stage.finalize({"C": 1.0}, context)
    kept = {name: column for name, column in iris.columns.items() if name in ("x0", "x1", "x3")}
    with pytest.raises(DataError, match="the input column 'x2' is missing; the columns are: x"):
        stage.predict(address, Dataset(kept, iris.ids), context)
    texts = {**iris.columns, "x1": np.array(["a"] * len(iris), dtype=object)}
    with pytest.raises(DataError, match="the column 'x1' must hold numbers, as it did in training"):
        stage.predict(address, Dataset(texts, iris.ids, target="y"), context)


def test_inputs_that_do_not_exist(run, iris, make_folds):
    with pytest.raises(DataError, match="the input column 'x9' is missing"):
        run(EstimatorStage(logistic, C, inputs=("x9",)), {"C": 1.0}, views=make_folds(iris, 2))


# -------------------------------------------------------------------------------------------------- clean


def test_clean_changes_the_rows_to_learn_from_and_never_validation(run, iris, make_folds):
    views = make_folds(iris, 2)
    seen: list[tuple[int, set[str]]] = []

    def drop(columns, settings):
        seen.append((len(columns["y"]), set(columns)))
        return columns["x0"] < settings["longest"]

    levers = (*C, Lever("data", {"longest": Float(4.0, 9.0)}))
    stage = EstimatorStage(logistic, levers, "accuracy", clean=drop, fidelity=folds(2))
    measured = run(stage, {"C": 1.0, "longest": 6.5}, views=views).measured
    assert seen == [(75, {"x0", "x1", "x2", "x3", "y"})] * 2
    assert [len(each.examples.ids) for each in measured] == [75, 75]
    all_rows = run(EstimatorStage(logistic, C, "accuracy", fidelity=folds(2)), {"C": 1.0}, views=views)
    assert all_rows.values != [each.value for each in measured]


def test_clean_applies_to_the_final_model_as_well(iris, make_folds):
    sizes: list[int] = []

    def few(columns, settings):
        sizes.append(len(columns["y"]))
        return np.arange(0, len(columns["y"]), 2)

    stage = EstimatorStage(logistic, C, "accuracy", clean=few)
    stage.finalize({"C": 1.0}, bare_context(1, views=(View(iris, iris),)))
    assert sizes == [150]


def test_clean_can_not_write_to_the_rows(run, iris, make_folds):
    def spoil(columns, settings):
        columns["x0"][:] = 0.0

    with pytest.raises(ValueError, match="read-only"):
        run(EstimatorStage(logistic, C, clean=spoil), {"C": 1.0}, views=make_folds(iris, 2))


@pytest.mark.parametrize(
    ("kept", "message"),
    [
        (lambda n: np.zeros(n, dtype=bool), "keeps none of the 75 rows to learn from"),
        (lambda n: [], "keeps none of the 75 rows to learn from"),
        (lambda n: [0, n], "row positions from 0 to 74; got list"),
        (lambda n: np.ones(3, dtype=bool), "a mask of 75 booleans"),
        (lambda n: None, "got NoneType"),
    ],
)
def test_what_clean_may_not_return(run, iris, make_folds, kept, message):
    stage = EstimatorStage(logistic, C, clean=lambda columns, settings: kept(len(columns["y"])))
    with pytest.raises(StageError) as raised:
        run(stage, {"C": 1.0}, views=make_folds(iris, 2))
    assert message in str(raised.value)


# ---------------------------------------------------------------------------------------------- bad data


def test_one_class_only(run, iris, make_folds):
    view = View(iris.take(range(40)), iris)
    with pytest.raises(StageError, match="hold the one class 'setosa' only; a classifier needs two"):
        run(EstimatorStage(logistic, C), {"C": 1.0}, views=(view,))


def test_a_class_that_the_rows_to_learn_from_lack(run, iris):
    view = View(iris.take(range(100)), iris)
    stage = EstimatorStage(logistic, C, "log_loss", fidelity=folds(2))
    with pytest.raises(StageError, match="fold 1: the rows to learn from hold no row of class 'virginica'"):
        run(stage, {"C": 1.0}, views=(view, view))
    assert run(EstimatorStage(logistic, C, "accuracy"), {"C": 1.0}, views=(view,)).values[0] < 0.7


def test_a_metric_that_validation_does_not_allow(run, cancer):
    ones = cancer.take(np.flatnonzero(cancer.labels == 1))
    with pytest.raises(StageError, match="this split: the metric 'roc_auc'"):
        run(EstimatorStage(logistic, C, "roc_auc"), {"C": 1.0}, views=(View(cancer, ones),))


def test_a_ranking_metric_takes_the_decision_function(run, cancer, make_folds):
    from sklearn.metrics import roc_auc_score
    from sklearn.svm import LinearSVC

    view = make_folds(cancer, 2)[0]
    stage = EstimatorStage(LinearSVC(C=1e-3, random_state=0), (), "roc_auc")
    inputs = [np.column_stack([each[f"x{i}"] for i in range(8)]) for each in (view.train, view.validation)]
    by_hand = LinearSVC(C=1e-3, random_state=0).fit(inputs[0], view.train.labels).decision_function(inputs[1])
    (measurement,) = run(stage, {}, views=(view,)).measured
    assert measurement.value == pytest.approx(roc_auc_score(view.validation.labels, by_hand))
    context = bare_context(1, views=(view,))
    said = stage.predict(stage.finalize({}, context), view.validation, context)
    assert roc_auc_score(view.validation.labels, said.probabilities[:, 1]) == pytest.approx(measurement.value)


def test_a_probability_metric_without_probabilities(run, cancer, make_folds):
    stage = EstimatorStage("sklearn.svm.LinearSVC", (), "log_loss")
    with pytest.raises(StageError, match="needs probabilities, but the estimator has no predict_proba"):
        run(stage, {}, views=make_folds(cancer, 2))


def test_a_ranking_metric_of_three_classes_without_probabilities(run, iris, make_folds):
    stage = EstimatorStage("sklearn.svm.LinearSVC", (), "roc_auc")
    with pytest.raises(StageError, match="neither predict_proba nor a decision function of two classes"):
        run(stage, {}, views=make_folds(iris, 2))


def test_labels_that_are_missing(run, iris):
    labels = iris.labels.copy()
    labels[3] = None
    holed = Dataset({**iris.columns, "y": labels}, iris.ids, target="y")
    with pytest.raises(DataError, match="1 of 150 rows have no value in the target column 'y'"):
        run(EstimatorStage(logistic, C), {"C": 1.0}, views=(View(holed, iris),))


def test_no_data_and_too_few_folds(run, iris, make_folds):
    with pytest.raises(UsageError, match="learns from data, but the study has none"):
        run(EstimatorStage(logistic, C), {"C": 1.0})
    with pytest.raises(UsageError, match="is to measure 3 folds, but the data is split into 2"):
        run(EstimatorStage(logistic, C, fidelity=folds(3)), {"C": 1.0}, views=make_folds(iris, 2))


def test_an_unknown_metric_is_named_when_the_stage_is_made():
    with pytest.raises(UsageError, match="no metric is called 'acuracy'; known are accuracy"):
        EstimatorStage(logistic, C, "acuracy")


def test_warnings_are_counted_and_not_shown(run, cancer, make_folds, caplog):
    from sklearn.linear_model import LogisticRegression

    stage = EstimatorStage(LogisticRegression(max_iter=1), C, "accuracy", fidelity=folds(2))
    measured = run(stage, {"C": 1.0}, views=make_folds(cancer, 2)).measured
    assert [each.metrics["warnings"] for each in measured] == [1.0, 1.0]
    stage.finalize({"C": 1.0}, bare_context(2, views=make_folds(cancer, 2)))
    assert "fitting the final model gave 1 warnings" in caplog.text


# ----------------------------------------------------------------------------------------------- epochs


def perceptron(settings):
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), MLPClassifier((6,), learning_rate_init=settings["rate"]))


def by_gradient(settings):
    from sklearn.linear_model import SGDClassifier

    return SGDClassifier(loss="log_loss", eta0=settings["rate"], learning_rate="adaptive", average=True)


RATE = (Lever("model", {"rate": Float(1e-3, 1.0, log=True)}),)
EPOCHS = Fidelity("epoch", 5, cumulative=False)


@pytest.mark.parametrize("build", [perceptron, by_gradient])
def test_epochs_paused_anywhere_equal_epochs_run_through(iris, make_folds, build):
    stage = EstimatorStage(build, RATE, "log_loss", fidelity=EPOCHS, batch_size=16)
    check_stage(stage, {"rate": 0.05}, lambda until: bare_context(until, views=make_folds(iris, 2)[:1]))


def test_epochs_learn(run, iris, make_folds):
    stage = EstimatorStage(perceptron, RATE, "accuracy", fidelity=Fidelity("epoch", 12, False), batch_size=8)
    values = run(stage, {"rate": 0.1}, views=make_folds(iris, 3)[:1]).values
    assert values[-1] > values[0] + 0.1


def test_epochs_of_a_regressor(run, diabetes, make_folds):
    from sklearn.linear_model import SGDRegressor

    stage = EstimatorStage(SGDRegressor(), (), "mae", fidelity=Fidelity("epoch", 3, False))
    values = run(stage, {}, views=make_folds(diabetes, 3)[:1]).values
    assert values[-1] < values[0]


def test_a_resumed_epoch_without_its_checkpoint_is_trained_again(run, iris, make_folds):
    from dataclasses import replace

    views = make_folds(iris, 2)[:1]
    stage = EstimatorStage(perceptron, RATE, "log_loss", fidelity=EPOCHS)
    whole = run(stage, {"rate": 0.05}, views=views).measured
    first = run(stage, {"rate": 0.05}, 2, views=views)
    lost = replace(first, checkpoint=None)
    assert run(stage, {"rate": 0.05}, views=views, after=lost).measured == whole[2:]
    del first.measured[1:]
    assert run(stage, {"rate": 0.05}, views=views, after=first).measured == whole[1:]


def test_epochs_need_partial_fit(run, iris, make_folds):
    stage = EstimatorStage("sklearn.linear_model.LogisticRegression", (), "accuracy", fidelity=EPOCHS)
    with pytest.raises(UsageError, match="LogisticRegression has no partial_fit"):
        run(stage, {}, views=make_folds(iris, 2))
