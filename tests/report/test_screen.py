"""What the final screen shows, at any width and in any encoding."""

import io
import re

import pytest
from rich.console import Console
from tests.report import histories

from luthier.core.history import History
from luthier.report.screen import FinalScreen


def shown(history: History, width: int = 80, encoding: str = "utf-8", **rest) -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding)
    Console(file=file, width=width, **rest).print(FinalScreen.of(history, name="reviews"))
    file.flush()
    return raw.getvalue().decode(encoding)


def flat(text: str) -> str:
    return re.sub(r"\s+", " ", text)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_demo_answers_a_newcomers_questions(width: int) -> None:
    text = flat(shown(histories.demo(), width))
    assert "The tuned model is better" in text
    assert "rose from 0.751 to 0.779 on 1,066 held-out rows" in text
    assert re.search(r"representation.*\+0\.021.*\+0\.008 to \+0\.034", text)
    assert "unproven" in text
    assert "unchanged" in text
    assert "ngrams 1 → 2" in text
    assert "validation rows had promised +0.035" in text or "validation rows had promised +0.034" in text
    assert "2 min 22 s" in text
    assert "Keep representation (+0.021 for 56 s)" in text


def test_an_unproven_lever_with_an_interval_above_zero_is_explained() -> None:
    tale = histories.demo_tale()
    winner = tale.history().incumbents[-1].trial
    levers = [histories.gain(name, 0.0113, 0.0012, 0.0214, 0.06) for name in ("representation", "settings")]
    verdict = histories.verdict(histories.gain("baseline", 0.0278, 0.0131, 0.0425), levers)
    assert "Unproven with an interval above 0: several" in flat(shown(tale.conclude(winner, verdict).history()))
    assert "interval above 0" not in shown(histories.demo())


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("tell", histories.STUDIES)
def test_no_line_is_wider_than_the_terminal_and_nothing_is_cut(tell, width: int) -> None:
    text = shown(tell(), width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    assert "None" not in text


@pytest.mark.parametrize("tell", histories.STUDIES)
def test_plain_ascii_where_the_encoding_has_nothing_else(tell) -> None:
    assert shown(tell(), encoding="ascii").isascii()


def test_settings_that_ascii_lacks_are_escaped() -> None:
    tale = histories.Tale().start(0.5)
    tale.trial(0.6, levers=["settings"], settings__loss="größe \x1b[31m")
    text = shown(tale.best(1, 0.6).history(), encoding="ascii")
    assert "gr\\xf6\\xdfe ?[31m" in text


def test_a_pipe_gets_no_color() -> None:
    assert "\x1b" not in shown(histories.demo())
    assert "\x1b" in shown(histories.demo(), force_terminal=True, color_system="standard")


def test_p_values_come_where_there_is_room() -> None:
    assert "p (Holm)" in shown(histories.demo(), 120)
    assert "p (Holm)" not in shown(histories.demo(), 80)


def test_what_a_plain_function_gained_is_said_to_be_unproven() -> None:
    text = flat(shown(histories.function_study()))
    assert "Gain seen" in text
    assert "not proven" in text
    assert "Less latency is better" in text
    assert "95% interval" not in text


def test_dollars_and_calls_have_columns_where_they_were_spent() -> None:
    tale = histories.Tale().start(0.5)
    tale.trial(0.6, levers=["data"], cost={"calls": 1234, "usd_micros": 250_000}, data__min_words=2)
    text = shown(tale.best(1, 0.6).history())
    assert "1,234" in text
    assert "$0.25" in text
    assert "Calls" not in shown(histories.demo(), 120)


def test_brackets_in_settings_are_no_markup() -> None:
    tale = histories.Tale().start(0.5)
    tale.trial(0.6, levers=["settings"], settings__loss="[bold]x[/bold]")
    assert "[bold]x[/bold]" in shown(tale.best(1, 0.6).history())


def test_brackets_in_a_name_are_no_markup() -> None:
    file = io.StringIO()
    Console(file=file, width=80).print(FinalScreen.of(histories.demo(), name="[bold]x[/bold]"))
    assert file.getvalue().startswith("[bold]x[/bold]: ")


def test_a_thousand_trials() -> None:
    assert "1,001 trials" in shown(histories.long().history())
