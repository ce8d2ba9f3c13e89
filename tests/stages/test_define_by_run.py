from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luthier.core.errors import SpaceError, StageError
from luthier.core.events import TrialMeasured, from_text, to_text
from luthier.core.lever import Lever
from luthier.core.parameter import Float, parameter_from_json
from luthier.core.trial import Fidelity
from luthier.stages.check import bare_context, check_stage
from luthier.stages.define_by_run import Deaf, DefineByRun, LiveTrial, TrialPruned
from luthier.stages.function import FunctionStage

EPOCHS = Fidelity("epoch", 5, cumulative=False)


@pytest.fixture(autouse=True)
def no_threads_stay():
    before = threading.active_count()
    yield
    assert threading.active_count() == before


def once(trial):
    x = trial.suggest_float("x", 1e-3, 1.0, log=True)
    n = trial.suggest_int("n", 1, 9, step=2)
    kind = trial.suggest_categorical("kind", ["a", "b", None])
    trial.set_user_attr("rows", 12)
    trial.set_user_attr("note", "text")
    assert trial.params == {"x": x, "n": n, "kind": kind}
    return x * n


def by_epochs(trial):
    x = trial.suggest_float("x", 0, 1)
    for epoch in range(5):
        trial.report(x + epoch, epoch)
        if trial.should_prune():
            raise TrialPruned
    return x + 100


def test_settings_that_are_not_known_are_drawn_by_the_seed_and_reported(run):
    stage = FunctionStage(once)
    (first,) = run(stage, {}, seed=5).measured
    (again,) = run(stage, {}, seed=5).measured
    (other,) = run(stage, {}, seed=6).measured
    assert first == again != other
    assert set(first.drawn) == {"x", "n", "kind"}
    assert first.metrics == {"rows": 12.0}
    for each in first.drawn.values():
        assert parameter_from_json(each["parameter"]).check(each["value"]) == each["value"]
    check_stage(stage, {}, bare_context)


def test_what_was_drawn_survives_the_store(run):
    (measurement,) = run(FunctionStage(once), {}).measured
    event = TrialMeasured(trial=0, measurement=measurement)
    assert from_text(event.kind, to_text(event)) == event


def test_known_settings_are_taken_and_not_reported(run):
    (measurement,) = run(FunctionStage(once), {"x": 0.5, "n": 3, "kind": "b"}).measured
    assert (measurement.value, measurement.drawn) == (1.5, {})


@given(st.integers(0, 2**31 - 1), st.permutations(["a", "b", "c"]))
def test_a_draw_does_not_depend_on_what_was_asked_before(seed, names):
    def drawn(order):
        trial = LiveTrial({}, seed, Deaf())
        return {name: trial.suggest_float(name, 0.0, 1.0) for name in order}

    assert drawn(names) == drawn(sorted(names))


def test_asking_twice_gives_the_same(run):
    def twice(trial):
        assert trial.suggest_float("x", 0, 1) == trial.suggest_float("x", 0, 1)
        return trial.suggest_int("n", 3, 3) + trial.suggest_float("f", 2.0, 2.0)

    (measurement,) = run(FunctionStage(twice), {}).measured
    assert measurement.value == 5.0
    assert set(measurement.drawn) == {"x"}


def test_a_range_that_moves_is_an_error(run):
    def moved(trial):
        return trial.suggest_float("x", 0, 0.1)

    with pytest.raises(StageError, match=r"'x' is 0.5 in this trial, but .* must be a number from 0 to 0.1"):
        run(FunctionStage(moved), {"x": 0.5})


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda trial: trial.suggest_float("x", 2, 1), "setting 'x': the low bound must be below"),
        (lambda trial: trial.suggest_float("a.b", 0, 1), "takes letters, digits, '_' and '-'; got 'a.b'"),
        (lambda trial: trial.suggest_categorical("k", []), "setting 'k': options must be a list"),
        (lambda trial: trial.suggest_categorical("k", [object()]), "setting 'k': options must be numbers"),
    ],
)
def test_what_can_not_be_suggested(run, ask, message):
    with pytest.raises(SpaceError) as raised:
        run(FunctionStage(DefineByRun(ask)), {})
    assert message in str(raised.value)


def test_a_function_may_be_marked_whatever_its_parameter_is_called(run):
    stage = FunctionStage(DefineByRun(lambda t: t.suggest_float("x", 0, 1)))
    assert run(stage, {"x": 0.5}).values == [0.5]


def test_a_setting_called_trial_is_a_setting(run):
    stage = FunctionStage(lambda trial: trial * 2, (Lever("l", {"trial": Float(0.0, 1.0)}),))
    assert run(stage, {"trial": 0.5}).values == [1.0]


# ----------------------------------------------------------------------------------------------- reports


def test_reports_are_units_and_the_return_value_is_the_last(run):
    stage = FunctionStage(by_epochs, fidelity=EPOCHS)
    assert run(stage, {"x": 0.5}).values == [0.5, 1.5, 2.5, 3.5, 100.5]
    check_stage(stage, {"x": 0.5}, bare_context)


def test_draws_are_told_once_and_not_again_on_resuming(run):
    stage = FunctionStage(by_epochs, fidelity=EPOCHS)
    first = run(stage, {}, 2)
    assert [set(m.drawn) for m in first.measured] == [{"x"}, set()]
    x = first.measured[0].drawn["x"]["value"]
    rest = run(stage, {}, 5, after=first)
    assert rest.values == [x + 2, x + 3, x + 100]
    assert all(not m.drawn for m in rest.measured)


def test_the_function_stands_still_between_units():
    reached: list[int] = []

    def noted(trial):
        for epoch in range(5):
            reached.append(epoch)
            trial.report(0.0, epoch)
        return 0.0

    running = FunctionStage(noted, fidelity=EPOCHS).evaluate({}, bare_context(5))
    next(running)
    time.sleep(0.02)
    assert reached == [0]
    next(running)
    assert reached == [0, 1]
    running.close()


def test_stopping_makes_should_prune_true_and_runs_the_clean_up():
    seen: list[str] = []

    def noted(trial):
        try:
            for epoch in range(5):
                trial.report(0.0, epoch)
                if trial.should_prune():
                    seen.append(f"pruned after {epoch + 1}")
                    raise TrialPruned
        finally:
            seen.append("cleaned")

    running = FunctionStage(noted, fidelity=EPOCHS).evaluate({}, bare_context(5))
    next(running)
    next(running)
    running.close()
    assert seen == ["pruned after 2", "cleaned"]


def test_a_function_that_never_asks_is_stopped_at_its_next_report():
    reached: list[int] = []

    def deaf(trial):
        for epoch in range(5):
            trial.report(0.0, epoch)
            reached.append(epoch)
        return 0.0

    running = FunctionStage(deaf, fidelity=EPOCHS).evaluate({}, bare_context(5))
    next(running)
    running.close()
    assert reached == [0]


def test_a_repeated_step_counts_once(run):
    def repeating(trial):
        for epoch in range(5):
            trial.report(float(epoch), epoch)
            trial.report(99.0, epoch)
        return 5.0

    assert run(FunctionStage(repeating, fidelity=EPOCHS), {}).values == [0.0, 1.0, 2.0, 3.0, 5.0]


def test_a_function_that_ends_early_keeps_its_value_for_the_rest(run):
    def early(trial):
        trial.report(1.0, 0)
        trial.report(2.0, 1)
        return 3.0

    stage = FunctionStage(early, fidelity=EPOCHS)
    assert run(stage, {}).values == [1.0, 2.0, 3.0, 3.0, 3.0]
    check_stage(stage, {}, bare_context)


def test_giving_up_unasked_fails_the_trial_with_its_reason(run):
    def gives_up(trial):
        trial.report(1.0, 0)
        raise TrialPruned("the loss exploded")

    with pytest.raises(TrialPruned, match="although the study had not asked for it: the loss exploded"):
        run(FunctionStage(gives_up, fidelity=EPOCHS), {})
    with pytest.raises(TrialPruned, match="had not asked for it"):
        run(FunctionStage(gives_up), {})


@pytest.mark.parametrize(
    ("reports", "message"),
    [
        (0, "reported 0 of the 5 values that were asked for"),
        (7, "reported more than the 5 values of its fidelity (unit: epoch)"),
    ],
)
def test_reports_that_do_not_fit_the_fidelity(run, reports, message):
    def reporting(trial):
        for epoch in range(reports):
            trial.report(0.0, epoch)
        return 1.0

    with pytest.raises(StageError) as raised:
        run(FunctionStage(reporting, fidelity=EPOCHS), {})
    assert message in str(raised.value)


def test_a_report_that_is_no_number_is_named(run):
    with pytest.raises(StageError, match=r"trial\.report must give a finite number, but gave nan"):
        run(FunctionStage(DefineByRun(lambda t: t.report(float("nan"), 0)), fidelity=EPOCHS), {})


def test_an_error_inside_the_thread_comes_out_as_itself(run):
    def fails(trial):
        trial.report(1.0, 0)
        raise KeyError("missing")

    with pytest.raises(KeyError, match="missing"):
        run(FunctionStage(fails, fidelity=EPOCHS), {})


def test_reports_without_a_fidelity_are_warned_of_once(run):
    with pytest.warns(UserWarning, match="its fidelity is one unit, so nothing can be stopped early"):
        assert run(FunctionStage(by_epochs), {"x": 0.5}).values == [100.5]
