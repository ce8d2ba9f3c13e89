"""What the advice says, rule by rule."""

import pytest
from tests.report import histories

from luthier.core.history import History
from luthier.report.advice import Advice, advise
from luthier.report.bill import bill_of
from luthier.report.outlook import Outlook
from luthier.report.rows_needed import rows_needed


def advice(history: History) -> Advice:
    return advise(bill_of(history))


def two_levers(found: list, overall: tuple[float, float, float], **rest) -> History:
    tale = histories.Tale().start(0.75)
    for step in range(20):
        tale.trial(0.76, levers=["data"], data__min_words=2, settings__C=2.0 + step)
    tale.best(3, 0.77).freeze(3)
    return tale.conclude(3, histories.verdict(histories.gain("baseline", *overall), found, **rest)).history()


def test_the_demo_names_the_lever_its_price_and_when_to_stop() -> None:
    said = advice(histories.demo())
    assert said.title == "The tuned model is better"
    assert "rose from 0.751 to 0.779 on 1,066 held-out rows" in said.verdict
    assert "+0.028" in said.verdict
    assert "+0.013 to +0.043" in said.verdict
    assert said.next.startswith("Keep representation (+0.021 for 56 s)")
    assert "unlikely to pay" in said.next
    assert said.prospect.outlook is Outlook.STOP
    assert said.cautions == ("What settings brought can't be told from noise.",)


def test_no_gain_says_keep_what_you_have_and_how_many_rows_would_show_it() -> None:
    said = advice(histories.no_gain())
    assert said.title == "No significant gain: keep what you have"
    assert "can't be told from noise" in said.verdict
    assert "about 15,000 held-out rows" in said.next


def test_rows_needed_grow_with_the_square_of_the_noise() -> None:
    def needed(width: float) -> int:
        found = rows_needed(histories.verdict(histories.gain("baseline", 0.01, 0.01 - width, 0.01 + width)))
        assert found is not None
        return found

    # An interval that just touches zero leaves a power of one half; 80% takes (1.96 + 0.84)^2 / 1.96^2 as many.
    assert needed(0.01) == pytest.approx(1066 * 2.043, rel=0.01)
    assert needed(0.02) == pytest.approx(4 * needed(0.01), rel=0.01)


def test_no_rows_would_show_a_loss() -> None:
    assert rows_needed(histories.verdict(histories.gain("baseline", -0.01, -0.02, 0.0))) is None
    assert rows_needed(histories.verdict(histories.gain("baseline", 0.0, 0.0, 0.0))) is None


def test_nothing_better_sends_to_other_levers() -> None:
    said = advice(histories.nothing_better())
    assert said.title == "No significant gain: keep what you have"
    assert "other levers or wider ranges" in said.next
    assert "none of 20 trials" in said.next


def test_a_late_best_means_going_on_with_more() -> None:
    said = advice(histories.failing(share=0.0))
    assert said.prospect.outlook is Outlook.GO_ON
    assert "going on may pay (try a budget of 6 min)" in said.next


def test_few_trials_are_too_few_to_judge_by() -> None:
    said = advice(histories.failing(share=0.0, count=5))
    assert said.prospect.outlook is Outlook.TOO_EARLY
    assert "only 5 trials" in said.next


def test_a_harmful_lever_is_to_be_put_back() -> None:
    gains = [histories.gain("data", -0.02, -0.03, -0.01), histories.gain("settings", 0.03, 0.02, 0.04)]
    said = advice(two_levers(gains, (0.02, 0.01, 0.03)))
    assert "Keep settings" in said.next
    assert "put data back" in said.next
    assert any("does better with data as it was" in one for one in said.cautions)


def test_a_gain_that_no_single_lever_accounts_for_is_kept_whole() -> None:
    gains = [histories.gain(name, 0.01, -0.01, 0.03, 0.3) for name in ("data", "settings")]
    said = advice(two_levers(gains, (0.02, 0.01, 0.03)))
    assert said.next.startswith("Keep the tuned model as a whole")
    assert "No single lever's gain can be told from noise, only that of all changes together." in said.cautions


def test_a_promise_beyond_the_interval_is_called_too_much() -> None:
    said = advice(two_levers([], (0.02, 0.01, 0.03), validation=(0.75, 0.80)))
    assert any("promised too much: +0.050, where held-out rows gave +0.020" in one for one in said.cautions)
    honest = advice(two_levers([], (0.02, 0.01, 0.03), validation=(0.75, 0.775)))
    assert not any("promised too much" in one for one in honest.cautions)


def test_many_failures_are_told_with_their_message() -> None:
    said = advice(histories.failing(share=0.4))
    assert any("12 of 30 trials failed" in one and "could not allocate" in one for one in said.cautions)
    assert not any("failed" in one for one in advice(histories.failing(share=0.1)).cautions)


def test_when_most_trials_fail_without_a_gain_they_come_first() -> None:
    tale = histories.Tale().start(0.75)
    for step in range(12):
        failure = histories.Failure("ValueError", "no such column") if step < 8 else None
        tale.trial(None if failure else 0.7, levers=["data"], failure=failure, data__min_words=2)
    tale.freeze(0)
    found = histories.verdict(histories.gain("baseline", 0.0, 0.0, 0.0, 1.0), scores=(0.75, 0.75))
    assert "mend what made 8 of 12 trials fail" in advice(tale.conclude(0, found).history()).next.lower()


def test_an_interrupted_study_is_to_be_finished() -> None:
    said = advice(histories.interrupted())
    assert said.title == "Not finished: nothing is proven yet"
    assert "no held-out row was used" in said.verdict
    assert "--resume" in said.next


def test_a_running_study_is_to_be_left_alone() -> None:
    said = advice(histories.long(30).history()).next
    assert said.startswith("Let it run, since the gain is proven only at the end; if it was cut off, take it up")


def test_a_broken_baseline_comes_first() -> None:
    said = advice(histories.broken_baseline())
    assert said.title == "Nothing measured yet"
    assert "column 'label' is empty" in said.next


def test_a_function_study_says_that_nothing_was_held_out() -> None:
    said = advice(histories.function_study())
    assert said.title == "Better settings were found, but not tested"
    assert "fell from 125 to 102, with nothing held out" in said.verdict
    assert any("no rows to hold out" in one for one in said.cautions)


def test_a_second_opening_is_marked() -> None:
    said = advice(two_levers([], (0.02, 0.01, 0.03), openings=2))
    assert "opened 2 times, by force" in said.cautions[0]


def test_a_loss_is_called_worse() -> None:
    said = advice(two_levers([], (-0.02, -0.03, -0.01), scores=(0.75, 0.73)))
    assert "0.020 worse" in said.verdict
    assert said.title == "No significant gain: keep what you have"


@pytest.mark.parametrize("tell", [histories.demo, histories.no_gain, histories.interrupted, histories.function_study])
def test_everything_said_is_a_sentence(tell) -> None:
    said = advice(tell())
    for text in (said.verdict, said.next, *said.cautions):
        assert text[0].isupper()
        assert text.endswith(".")
        assert "None" not in text
        assert "nan" not in text.split()
