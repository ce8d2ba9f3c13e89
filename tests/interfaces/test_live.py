"""The live view: what it tells, where it draws, and that it never harms the run."""

import io
import threading
import time
from collections.abc import Iterable
from itertools import pairwise

import pytest
from rich.console import Console
from tests.report import histories

from luthier.core.budget import Budget
from luthier.core.events import Event, SessionOpened
from luthier.core.history import History
from luthier.interfaces import live
from luthier.interfaces.live import LiveView, Standing


def told(events: Iterable[Event], view: LiveView) -> History:
    """Let the view hear of a study, event by event, as a running study does."""
    first, *rest = events
    history = History.of([first])
    for event in rest:
        history.apply(event)
        view(event, history)
    return history


def plain(events: Iterable[Event], **rest) -> str:
    file = io.StringIO()
    with LiveView("reviews", console=Console(file=file, width=80), **rest) as view:
        told(events, view)
    return file.getvalue()


def drawn(standing: Standing, elapsed: float, width: int = 80, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding)
    Console(file=file, width=width, color_system=None).print(
        live._Frame(live._picture_of("reviews", standing, elapsed))
    )
    file.flush()
    return raw.getvalue().decode(encoding)


def test_plain_lines_tell_phases_bests_and_progress() -> None:
    text = plain(histories.demo_tale().events)
    lines = text.splitlines()
    assert lines[0] == "[0:00] measuring the baseline"
    phases = [
        text.index(phase) for phase in (live.MEASURING, live.SEARCHING, live.CONFIRMING, live.FITTING, live.TESTING)
    ]
    assert phases == sorted(phases)
    assert "baseline: accuracy 0.7498" in text
    assert "new best: accuracy 0.7560 (+0.0062 over the baseline), trial 9: representation: ngrams 1 -> 2" in text
    assert "trials done, best 0.7805; about 1 min 51 s left" in text
    assert text.count("new best") == 3
    assert "\x1b" not in text


def test_a_best_that_comes_back_is_not_called_new() -> None:
    tale = histories.Tale().start(0.75)
    first = tale.trial(0.77, levers=["settings"], settings__C=2.0)
    tale.best(first, 0.77)
    lucky = tale.trial(0.79, levers=["settings"], settings__C=3.0)
    tale.best(lucky, 0.775).best(first, 0.768)
    text = plain(tale.events)
    assert text.count("new best") == 2
    assert "best again: accuracy 0.7680 (+0.0180 over the baseline), trial 1\n" in text


def test_progress_comes_every_ten_seconds_at_most() -> None:
    lines = plain(histories.long(200).events).splitlines()
    stamps = [
        int(at[1:-1].split(":")[0]) * 60 + int(at[1:-1].split(":")[1]) for at in (one.split()[0] for one in lines)
    ]
    progress = [at for at, one in zip(stamps, lines, strict=True) if "trials done" in one]
    assert len(progress) > 10
    assert min(later - earlier for earlier, later in pairwise(progress)) >= live.PROGRESS_SECONDS


def test_quiet_says_nothing() -> None:
    assert plain(histories.demo_tale().events, quiet=True) == ""


def test_the_view_agrees_with_the_fold() -> None:
    events = histories.demo_tale().events
    view = LiveView(console=Console(file=io.StringIO()))
    history = told(events, view)
    standing, fresh = view._standing, Standing.of(history)
    assert standing is not None
    assert standing.spent == fresh.spent
    assert standing.gains == pytest.approx(fresh.gains)
    assert (standing.ended, standing.failed, standing.running) == (fresh.ended, fresh.failed, fresh.running)
    assert standing.gain == fresh.gain == pytest.approx(0.7843 - 0.7498)


def test_a_view_may_join_a_study_that_goes_on() -> None:
    events = histories.long(50).events
    history = History.of(events)
    view = LiveView(console=Console(file=io.StringIO()))
    opened = SessionOpened(owner="tests", at=1.0, elapsed=history.ledger.elapsed)
    history.apply(opened)
    view(opened, history)
    assert view._standing is not None
    assert view._standing.ended == 51
    assert view._standing.baseline == 0.75


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_frame_shows_budget_best_levers_and_failures(width: int) -> None:
    tale = histories.failing()
    standing = Standing.of(tale)
    text = drawn(standing, 45.0, width)
    assert "45 s of 3 min, about 2 min 15 s left" in text
    assert "best so far 0.7590" in text
    assert "+0.0090" in text
    assert "31 trials done, 0 running, 12 failed" in text
    assert all(lever in text for lever in histories.LEVERS)
    assert "last failure: MemoryError" in text
    assert max(map(len, text.splitlines())) <= width


def test_frames_are_ascii_where_the_encoding_is() -> None:
    assert drawn(Standing.of(histories.demo()), 100.0, encoding="ascii").isascii()


def test_bars_grow_with_what_a_lever_spent() -> None:
    standing = Standing.of(histories.demo_tale().history())
    rows = {row.name: row for row in live._rows(standing, 90.0, 0.5)}
    assert rows["representation"].share > rows["settings"].share > rows["data"].share > 0
    assert sum(row.share for row in rows.values()) < 0.5
    assert rows["data"].gain == "-"


def test_what_is_left_follows_the_ceiling_that_comes_first() -> None:
    tale = histories.Tale(budget=Budget(seconds=1000, trials=10)).start(0.5)
    tale.trial(0.6, levers=["data"], data__min_words=2)
    standing = Standing.of(tale.history())
    assert standing.seconds_left(20.0) == pytest.approx(8 * 20.0 / 2)
    assert Standing.of(histories.Tale().history()).seconds_left(0.0) == 180.0


def test_taking_an_event_in_never_walks_the_trials() -> None:
    class Counted(list):
        walks = 0

        def __iter__(self):
            Counted.walks += 1
            return super().__iter__()

    events = histories.long(300).events
    history = History.of(events[:1])
    view = LiveView(console=Console(file=io.StringIO()))
    for number, event in enumerate(events[1:]):
        history.apply(event)
        if number == 0:
            view(event, history)
            history.trials = Counted(history.trials)
        elif type(event).__name__ == "SessionOpened":
            continue
        else:
            view(event, history)
    # Each told line may look up the baseline, which is the first trial.
    assert Counted.walks <= len(history.incumbents)


class Broken(io.StringIO):
    """A pipe whose reader is gone."""

    def write(self, text: str) -> int:
        raise BrokenPipeError

    def fileno(self) -> int:
        raise OSError("no descriptor")


@pytest.mark.parametrize("terminal", [True, False])
def test_a_broken_pipe_does_not_stop_the_run(terminal: bool) -> None:
    view = LiveView(console=Console(file=Broken(), force_terminal=terminal, width=80))
    with view:
        history = told(histories.demo_tale().events, view)
    assert len(history.trials) == 100


def test_a_broken_event_does_not_stop_the_run() -> None:
    view = LiveView(console=Console(file=io.StringIO()))
    view(None, None)  # pyright: ignore[reportArgumentType]
    told(histories.demo_tale().events, view)


def test_the_default_console_outlives_a_broken_pipe(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr("sys.stderr", Broken())
    with LiveView() as view:
        told(histories.demo_tale().events, view)
    print("still here")
    assert capsys.readouterr().out == "still here\n"


def test_on_a_terminal_it_draws_and_cleans_up() -> None:
    file = io.StringIO()
    before = threading.active_count()
    with LiveView("reviews", console=Console(file=file, force_terminal=True, width=80)) as view:
        told(histories.demo_tale().events, view)
        deadline = time.monotonic() + 20
        while "Gain seen" not in file.getvalue() and time.monotonic() < deadline:
            time.sleep(0.02)
    text = file.getvalue()
    assert "reviews: opening the held-out test" in text
    assert "\x1b[?25l" in text
    assert text.rstrip().rfind("\x1b[?25h") > text.rfind("\x1b[?25l")
    assert threading.active_count() == before


def test_stopping_twice_or_unstarted_is_harmless() -> None:
    view = LiveView(console=Console(file=io.StringIO(), force_terminal=True))
    view.stop()
    view.start()
    view.stop()
    view.stop()
