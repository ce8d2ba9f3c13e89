"""`lt.tune` as its documentation has it."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import luthier as lt

LOSS = lt.Metric("loss", "minimize")
LEVERS = {"settings": {"x": lt.Float(-1, 1)}}


def tune(what, **options):
    return lt.tune(what, **{"workers": 0, "progress": False, "store": "memory:", "budget": "4 trials", **options})


def test_the_documented_call(folder, capsys):
    study = tune(lambda x: x**2, metric=LOSS, levers=LEVERS)
    assert study.history.concluded is not None
    assert study.verdict is not None
    assert study.verdict.rows == 0
    assert [*study.best["settings"]] == ["x"]
    assert "show()" in repr(study)
    study.show()
    assert "What each lever cost" in capsys.readouterr().out


def test_names_and_resuming(folder):
    def loss(x):
        return x**2

    first, second = (tune(loss, metric=LOSS, levers=LEVERS, store=None) for _ in range(2))
    assert (first.name, second.name) == ("loss", "loss-2")
    again = tune(loss, metric=LOSS, levers=LEVERS, store=None, resume=True)
    assert (again.name, len(again.history.trials)) == ("loss-2", 4)
    assert tune(loss, metric=LOSS, levers=LEVERS, store=None, name="new", resume=True).name == "new"
    with pytest.raises(lt.LuthierError, match="there is a study 'new' already"):
        tune(loss, metric=LOSS, levers=LEVERS, store=None, name="new")


def test_the_baseline_is_what_was_stated(folder):
    study = tune(lambda x: x, metric=LOSS, levers=LEVERS, baseline={"settings": {"x": 0.25}})
    assert study.history.baseline.config == {"settings.x": 0.25}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metric": "loss"}, r"no metric is called 'loss'.*lt.Metric\('loss', 'minimize'\)"),
        ({"metric": lt.Metric("accuracy", "minimize")}, "the direction of 'accuracy' is to maximize"),
        ({"budget": "soon"}, "'soon' can't be read"),
        ({"searcher": "modle"}, "unknown searcher 'modle'; known are: model"),
        ({"pruner": "medain"}, "unknown pruner 'medain'; known are: median"),
        ({"baseline": {"settings": {"y": 1}}}, "unknown setting 'settings.y'"),
        ({"levers": {"settings": {"y": lt.Float(0, 1)}}}, "no parameter for the setting 'y'; its parameters are: "),
        ({"what": 3}, "only a stage, a function, or"),
        ({"name": ""}, "a study's name takes 1 to 200"),
        ({"metric": None}, "metric= is missing: name what to get better at"),
        ({"budget": 60}, "a budget is a text such as '60s'.*got 60"),
        ({"folds": 0}, "folds must be at least 1.*got 0"),
        ({"workers": -1}, "workers must be at least 0.*got -1"),
        ({"levers": {"settings": {"x": [0, 1]}}}, r"'x' of the lever 'settings' must be a range.*got \[0, 1\]"),
        ({"levers": {"x": (0, 1)}}, r"a lever maps the names.*got \(0, 1\) as the lever 'x'"),
        ({"searcher": {"eta": 3}}, "a searcher or pruner is a name, or"),
        ({"searcher": {"name": "asha", "etaa": 3}}, "the searcher 'asha' has no option 'etaa'"),
    ],
)
def test_what_cannot_be_done_as_asked(folder, changes, message):
    def loss(x, offset=0):
        return x + offset

    with pytest.raises(lt.LuthierError, match=message):
        tune(**{"what": loss, "metric": LOSS, "levers": LEVERS, **changes})


def test_settings_without_a_lever_are_one(folder):
    study = tune(lambda x: x**2, metric=LOSS, levers={"x": lt.Float(-1, 1)}, searcher={"name": "grid", "size": 3})
    assert study.best == {"settings": {"x": 0.0}}
    with lt.ask_tell({"x": lt.Float(-1, 1)}, metric=LOSS, store="memory:") as own:
        assert [*own.ask().config] == ["settings.x"]


def test_arrays_go_in_and_predictions_come_out(folder):
    from sklearn.linear_model import LogisticRegression

    inputs = np.arange(80.0).reshape(40, 2)
    labels = np.array(["no"] * 20 + ["yes"] * 20)
    study = tune(LogisticRegression(), data=(inputs, labels), metric="accuracy", levers={"C": lt.Float(0.1, 10)})
    assert study.predict(inputs[:3]).values.tolist() == ["no"] * 3
    frame = pl.DataFrame({"a": inputs[:, 0], "label": labels})
    named = tune(LogisticRegression(), data=(frame, "label"), metric="accuracy", levers={"C": lt.Float(0.1, 10)})
    assert named.predict(frame.tail(2)).values.tolist() == ["yes"] * 2


def test_an_estimator_needs_rows_with_labels(folder):
    from sklearn.linear_model import LogisticRegression

    with pytest.raises(lt.LuthierError, match=r"learns from rows; name them by data=\(X, y\)"):
        tune(LogisticRegression(), metric="accuracy")
    with pytest.raises(lt.LuthierError, match=r"needs labels.*pass the pair \(X, y\)"):
        tune(LogisticRegression(), data=np.zeros((9, 2)), metric="accuracy")


def test_over_rows_the_metric_must_be_known(folder):
    rows = lt.from_frame({"a": list(range(40)), "label": ["no", "yes"] * 20}, target="label")
    with pytest.raises(lt.LuthierError, match="held-out rows are scored by one of these"):
        tune("sklearn.dummy.DummyClassifier", data=rows, metric=lt.Metric("mine"), levers={})
