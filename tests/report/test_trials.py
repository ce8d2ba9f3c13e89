"""The table of trials, and the list of studies."""

import io

import pytest
from rich.console import Console, RenderableType
from tests.report import histories

from luthier.report.summary import studies_table, study_line
from luthier.report.trials import TrialsScreen


def shown(renderable: RenderableType, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


def test_the_best_come_first_and_the_incumbent_is_always_there() -> None:
    screen = TrialsScreen.of(histories.demo(), top=3)
    values = [one.value for one in screen.lines[:3]]
    assert values == sorted(values, reverse=True)
    assert len(screen.lines) == 4
    assert screen.lines[-1].is_incumbent
    assert all(one.charged_to != "confirmation" for one in screen.lines)


def test_the_lowest_come_first_where_less_is_better() -> None:
    values = [one.value for one in TrialsScreen.of(histories.function_study(), top=5).lines]
    assert values == sorted(values)
    assert TrialsScreen.of(histories.function_study()).lines[0].gain == pytest.approx(23.0)


def test_what_a_trial_changed_and_why_others_failed() -> None:
    text = shown(TrialsScreen.of(histories.failing()))
    assert "31 trials: 19 completed and 12 failed" in text
    assert "settings: C 1 →" in text
    assert "12 x MemoryError: could not allocate 10 GB (first: trial 1)" in text


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("tell", histories.STUDIES)
def test_tables_fit(tell, width: int) -> None:
    text = shown(TrialsScreen.of(tell()), width)
    assert max(map(len, text.splitlines())) <= width


def test_a_study_without_trials() -> None:
    assert shown(TrialsScreen.of(histories.Tale().history())).strip() == "No trial was made."


def test_one_line_a_study() -> None:
    lines = {tell.__name__: study_line(tell.__name__, tell()) for tell in histories.STUDIES}
    assert lines["demo"].state == "finished"
    assert lines["demo"].gain == "+0.028 proven"
    assert lines["no_gain"].gain == "+0.005 unproven"
    assert lines["nothing_better"].gain == "none"
    assert lines["interrupted"].state == "unfinished"
    assert lines["interrupted"].gain == "+0.018 on validation"
    assert lines["broken_baseline"].best == ""
    text = shown(studies_table(list(lines.values())))
    assert "accuracy 0.779" in text
    assert len(text.splitlines()) == 1 + len(lines)
