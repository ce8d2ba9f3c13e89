from __future__ import annotations

import json
import math
from functools import partial

import pytest

from luthier.core.errors import StageError, UsageError
from luthier.core.lever import Lever
from luthier.core.parameter import Choice, Float, Int
from luthier.core.trial import Fidelity, Measurement
from luthier.stages.check import bare_context, check_stage
from luthier.stages.function import FunctionStage

SPACE = (Lever("shape", {"x": Float(0.0, 1.0), "n": Int(1, 9)}),)
SETTINGS = {"x": 0.25, "n": 4}
EPOCHS = Fidelity("epoch", 4, cumulative=False)


def stage_of(function, **options):
    return FunctionStage(function, options.pop("levers", SPACE), **options)


@pytest.mark.parametrize(
    "function",
    [
        lambda settings: settings["x"] * settings["n"],
        lambda settings, /: settings["x"] * settings["n"],
        lambda x, n: x * n,
        lambda x, n, other=1.0: x * n * other,
        lambda **settings: settings["x"] * settings["n"],
        partial(lambda scale, x, n: scale * x * n, 1.0),
        lambda x, n: {"product": x * n},
        lambda x, n: Measurement(1, x * n),
    ],
)
def test_every_form_of_plain_function(run, function):
    stage = stage_of(function)
    assert run(stage, SETTINGS).values == [1.0]
    check_stage(stage, SETTINGS, bare_context)


def test_a_setting_that_is_the_only_parameter_goes_by_name(run):
    stage = stage_of(lambda x: x + 1, levers=(Lever("shape", {"x": Float(0.0, 1.0)}),))
    assert run(stage, {"x": 0.5}).values == [1.5]


def test_a_parameter_called_seed_gets_that_of_the_trial(run):
    stage = stage_of(lambda x, n, seed=0: float(seed))
    assert run(stage, SETTINGS, seed=17).values == [17.0]


def test_metrics_beside_the_main_one(run):
    stage = stage_of(lambda x, n: {"loss": 0.5, "accuracy": x}, metric="accuracy")
    (measurement,) = run(stage, SETTINGS).measured
    assert (measurement.value, measurement.metrics) == (0.25, {"loss": 0.5})


def test_numpy_numbers_and_single_elements_are_numbers(run):
    import numpy as np

    for value in (np.float32(0.5), np.array([0.5]), np.array(0.5)):
        assert run(stage_of(lambda x, n, value=value: value), SETTINGS).values == [0.5]


@pytest.mark.parametrize(
    ("outcome", "message"),
    [
        (None, "gave None (NoneType); does it lack a `return`?"),
        ("0.9", "gave '0.9' (str)"),
        ([1, 2], "gave [1, 2] (list)"),
        (math.nan, "gave nan; a diverged run should raise an error"),
        (math.inf, "gave inf"),
        ({"loss": 1.0, "other": 2.0}, "gave loss, other; say which is the metric with `metric=`"),
        ({"loss": "low"}, "gave 'low' (str)"),
        (Measurement(2, 1.0), "fidelity 2 where 1 comes next"),
        (Measurement(1, math.nan), "gave nan"),
    ],
)
def test_what_is_no_outcome_is_named(run, outcome, message):
    with pytest.raises(StageError) as raised:
        run(stage_of(lambda x, n: outcome), SETTINGS)
    assert message in str(raised.value)
    assert "the function of stage 'function'" in str(raised.value)


def test_a_missing_or_broken_metric_of_a_dict_is_named(run):
    with pytest.raises(StageError, match="must give 'accuracy' among its metrics, but gave loss"):
        run(stage_of(lambda x, n: {"loss": 1.0}, metric="accuracy"), SETTINGS)
    with pytest.raises(StageError, match="'note' is 'fine'"):
        run(stage_of(lambda x, n: {"loss": 1.0, "note": "fine"}, metric="loss"), SETTINGS)


@pytest.mark.parametrize(
    ("function", "levers", "message"),
    [
        (lambda x, m: x, SPACE, "no parameter for the setting 'n'; its parameters are: m, x"),
        (lambda x, n, rate: x, SPACE, "needs the parameter 'rate', which no setting provides"),
        (lambda: 1.0, SPACE, "no parameter for the setting 'x'; its parameters are: none"),
        (
            lambda kind, C: 1.0,
            (Lever("m", {"kind": Choice(("a", "b")), "C": Float(0.1, 1, when={"kind": "a"})}),),
            "must give its parameter a default, such as C=None",
        ),
        (3.0, SPACE, "needs something that can be called; got 3.0"),
    ],
)
def test_parameters_that_do_not_fit_the_settings(function, levers, message):
    with pytest.raises(UsageError) as raised:
        stage_of(function, levers=levers)
    assert message in str(raised.value)


def test_what_the_function_raises_comes_through(run):
    def fails(x, n):
        raise ZeroDivisionError("no rows")

    with pytest.raises(ZeroDivisionError, match="no rows"):
        run(stage_of(fails), SETTINGS)


# -------------------------------------------------------------------------------------------- generators


def counting(x, n):
    for unit in range(4):
        yield {"value": x * unit, "loss": 1.0 - unit}


def test_a_generator_measures_one_unit_a_yield(run):
    stage = stage_of(counting, fidelity=EPOCHS, metric="value")
    assert run(stage, SETTINGS).values == [0.0, 0.25, 0.5, 0.75]
    check_stage(stage, SETTINGS, bare_context)


def test_a_resumed_generator_runs_again_and_passes_over_what_was_measured(run):
    calls: list[int] = []

    def noted(x, n):
        for unit in range(4):
            calls.append(unit)
            yield float(unit)

    stage = stage_of(noted, fidelity=EPOCHS)
    first = run(stage, SETTINGS, 2)
    assert first.checkpoint is None
    assert [m.fidelity for m in run(stage, SETTINGS, 4, after=first).measured] == [3, 4]
    assert calls == [0, 1, 0, 1, 2, 3]


def test_closing_ends_a_generator_with_its_clean_up():
    cleaned: list[bool] = []

    def tidy(x, n):
        try:
            yield 1.0
            yield 2.0
        finally:
            cleaned.append(True)

    running = stage_of(tidy, fidelity=EPOCHS).evaluate(SETTINGS, bare_context(4))
    next(running)
    running.close()
    assert cleaned == [True]


def test_a_generator_that_ends_early_is_an_error(run):
    def short(x, n):
        yield 1.0

    with pytest.raises(StageError, match=r"yielded 1 of the 3 values that were asked for \(unit: epoch, 4 in all\)"):
        run(stage_of(short, fidelity=EPOCHS), SETTINGS, 3)


def test_one_value_where_several_units_are_due(run):
    with pytest.raises(StageError, match=r"must yield one value for each epoch, 4 in all, but gave 0\.5"):
        run(stage_of(lambda x, n: 0.5, fidelity=EPOCHS), SETTINGS)


# ---------------------------------------------------------------------------------------------- the rest


def test_the_artifact_is_the_settings_and_nothing_predicts(make_dataset):
    stage = stage_of(lambda x, n: x)
    context = bare_context(1)
    address = stage.finalize({"x": 0.5, "kinds": ("a", "b")}, context)
    assert json.loads(context.artifacts.get(address)) == {"settings": {"x": 0.5, "kinds": ["a", "b"]}}
    with pytest.raises(UsageError, match="makes no model, so it can't predict"):
        stage.predict(address, make_dataset([[1.0]], [1]), context)


def test_the_version_follows_the_code_unless_it_is_stated():
    one, other = stage_of(lambda x, n: x + n), stage_of(lambda x, n: x - n)
    assert one.version != other.version
    assert stage_of(counting).version == stage_of(counting).version
    assert stage_of(counting, version="7").version == "7"
    assert stage_of(partial(lambda k, x, n: k, 1)).version != stage_of(partial(lambda k, x, n: k, 2)).version
