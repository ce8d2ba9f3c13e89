"""`lt.tune` as its documentation has it."""

from __future__ import annotations

import pytest

import luthier as lt

LOSS = lt.Metric("loss", "minimize")
LEVERS = {"settings": {"x": lt.Float(-1, 1)}}


def tune(what, **options):
    return lt.tune(what, **{"workers": 0, "progress": False, "store": "memory:", "budget": "4 trials", **options})


def test_the_documented_call(folder):
    study = tune(lambda x: x**2, metric=LOSS, levers=LEVERS)
    assert study.history.concluded is not None
    assert study.verdict is not None
    assert study.verdict.rows == 0
    assert [*study.best["settings"]] == ["x"]


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
    ],
)
def test_what_cannot_be_done_as_asked(folder, changes, message):
    def loss(x, offset=0):
        return x + offset

    with pytest.raises(lt.LuthierError, match=message):
        tune(**{"what": loss, "metric": LOSS, "levers": LEVERS, **changes})


def test_over_rows_the_metric_must_be_known(folder):
    rows = lt.from_frame({"a": list(range(40)), "label": ["no", "yes"] * 20}, target="label")
    with pytest.raises(lt.LuthierError, match="held-out rows are scored by one of these"):
        tune("sklearn.dummy.DummyClassifier", data=rows, metric=lt.Metric("mine"), levers={})
