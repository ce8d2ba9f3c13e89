"""The page: whole, small, sealed off, and nothing that a user wrote is read as markup."""

import json
import re
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest
from tests.report import histories, studies

from luthier.core.errors import UsageError
from luthier.core.history import History
from luthier.report.page import page_of, summary_html, without_secrets, write_page

HOSTILE = "<img src=x onerror=alert(1)></script><script>alert(2)</script>"
PAGES = {
    "0 trials": lambda: studies.history_of([]),
    "1 trial": lambda: studies.searched(1),
    "30 trials": lambda: studies.trained(30),
    "1,000 trials": lambda: studies.searched(1000),
}


class Elements(HTMLParser):
    """The elements of a page, their attributes, and the text outside of scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("script", "style"):
            self.text += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.seen if name == tag]


@pytest.mark.parametrize("told", PAGES)
def test_a_page_is_quick_small_and_loads_nothing(told: str) -> None:
    history = PAGES[told]()
    begun = time.process_time()
    page = page_of(history, "mine")
    assert time.process_time() - begun < 10
    assert len(page.encode()) <= 6_000_000
    elements = Elements(page)
    assert elements.open == [], "every element is closed"
    loads = [one for _, attributes in elements.seen for one in ("src", "href", "srcset", "poster") if one in attributes]
    assert loads == []
    styles = "".join(re.findall(r"<style>(.*?)</style>", page, re.DOTALL))
    assert "url(" not in styles
    assert "@import" not in styles
    (policy,) = [m["content"] or "" for m in elements.named("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert not re.search(r"https?:|\*", policy)


@pytest.mark.parametrize("told", PAGES)
def test_headings_captions_and_labels(told: str) -> None:
    elements = Elements(page_of(PAGES[told](), "mine"))
    names = [name for name, _ in elements.seen]
    assert names.count("h1") == 1
    assert names.count("table") == names.count("caption")
    figures = [one for one in elements.named("div") if "data-figure" in one]
    assert len(figures) == names.count("figcaption")
    assert all(one["aria-label"] and one["role"] == "img" for one in figures)


def test_what_the_page_of_a_finished_study_says() -> None:
    text = Elements(page_of(histories.demo(), "reviews")).text
    for told in (
        "The tuned model is better",
        "a gain of +0.028 (95% interval +0.013 to +0.043)",
        "Optimism, by how much validation flattered the best, is +0.005.",
        "representation",
        "unproven",
        "What was changed",
        "With half the budget, and with twice as much",
        "Which settings mattered",
        "All trials at once",
        "How to get this again",
    ):
        assert told in text
    assert "None" not in text
    assert "nan" not in text.lower().split()


@pytest.mark.parametrize("tell", histories.STUDIES)
def test_every_kind_of_study_has_a_page(tell) -> None:
    assert "None" not in Elements(page_of(tell(), "mine")).text


def test_learning_curves_are_drawn_where_there_are_any() -> None:
    assert 'data-figure="curves"' in page_of(studies.trained(9), "mine")
    assert 'data-figure="curves"' not in page_of(studies.searched(9), "mine")


def test_one_diverged_trial_flattens_no_figure() -> None:
    rows = [({"settings.dropout": 0.01 * place}, [1e9 if place == 7 else 0.5 + 0.01 * place]) for place in range(20)]
    page = page_of(studies.history_of(rows, levers={"settings": {"dropout": {"float": [0, 1]}}}), "mine")
    assert "1 trial lies beyond the frame." in page
    assert figures_in(page)["history"]["layout"]["yaxis"]["range"][1] < 10


def figures_in(page: str) -> dict:
    (found,) = re.findall(r'<script type="application/json" id="figures">(.*?)</script>', page, re.DOTALL)
    return json.loads(found)


def hostile() -> History:
    levers = {"settings": {"kind": {"choice": [HOSTILE, "plain"]}, "x": {"float": [0, 1]}}}
    rows = [
        (
            {"settings.kind": HOSTILE if place % 2 else "plain", "settings.x": place / 30},
            [0.1 * place] if place != 9 else None,
        )
        for place in range(30)
    ]
    task = {"content": {"name": HOSTILE, "stage": {"environment": {"API_KEY": "sk-123", "url": "https://me:pw@host/"}}}}
    return studies.history_of(rows, levers=levers, metric=HOSTILE, task=task)


def test_what_a_user_wrote_is_no_markup() -> None:
    page = page_of(hostile(), HOSTILE)
    elements = Elements(page)
    assert elements.named("img") == []
    assert len(elements.named("script")) == 3
    assert not any(name.startswith("on") for _, attributes in elements.seen for name in attributes)
    assert "alert(1)" in elements.text, "it is shown as text"
    assert "<img" not in json.dumps(figures_in(page)), "plotly reads some markup in texts"
    assert "<img" not in summary_html(hostile(), HOSTILE)


def test_no_secret_reaches_a_page() -> None:
    page = page_of(hostile(), "mine")
    assert "sk-123" not in page
    assert "me:pw" not in page
    kept = without_secrets({"max_tokens": 5, "api_key": "a", "list": [{"password": "b"}], "run": "train.py"})
    assert kept == {"max_tokens": 5, "api_key": "(left out)", "list": [{"password": "(left out)"}], "run": "train.py"}


def test_only_the_scripts_of_the_page_may_run() -> None:
    import base64
    import hashlib

    page = page_of(studies.searched(5), "mine")
    for script in re.findall(r"<script>(.*?)</script>", page, re.DOTALL):
        assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in page


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"can.t be written to .* name another file"):
        write_page(studies.history_of([]), "mine", tmp_path / "nowhere" / "page.html")


def luminance(color: str) -> float:
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_texts_stand_out_in_light_and_dark() -> None:
    page = page_of(studies.history_of([]), "mine")
    themes = [
        dict(re.findall(r"--(\w+): (#\w{6})", block)) for block in re.findall(r":root \{(.*?)\}", page, re.DOTALL)
    ]
    assert len(themes) == 2
    for theme in themes:
        for back in ("paper", "card"):
            for ink in ("ink", "soft", "good", "bad", "unsure", "accent"):
                low, high = sorted((luminance(theme[back]), luminance(theme[ink])))
                assert (high + 0.05) / (low + 0.05) >= 4.5, (ink, back)


SCRIPT = """
import luthier as lt
study = lt.tune(lambda x, k: (x - 0.3) ** 2 + k, metric=lt.Metric("loss", "minimize"), budget="14 trials", name="small",
                levers={"settings": {"x": lt.Float(-1, 1), "k": lt.Int(0, 4)}}, workers=0, progress=False)
study.report("python.html")
assert "<table>" in study._repr_html_() and "small" in study._repr_html_()
"""


def test_the_command_and_the_method_write_the_page_of_a_real_study(tmp_path: Path) -> None:
    def ran(*arguments: str) -> str:
        ended = subprocess.run([sys.executable, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert ended.returncode == 0, ended.stderr
        return ended.stderr

    ran("-c", SCRIPT)
    told = ran("-c", "from luthier.interfaces.cli import main; main()", "report", "small")
    assert told == "Page written to small.html\n"
    command = ("-c", "from luthier.interfaces.cli import main; main()", "report", "small", "--output", "page.html")
    ran(*command)
    pages = [(tmp_path / name).read_text("utf-8") for name in ("small.html", "page.html", "python.html")]
    assert pages[0] == pages[1] == pages[2]
    assert "How to get this again" in pages[0]
