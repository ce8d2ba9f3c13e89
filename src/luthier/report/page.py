"""The page of a study: one HTML file that needs nothing else, no network either.

    page_of(history, "reviews")

Plotly's script is written into it once. A content security policy lets only the scripts that were written here
run, by their hashes, and nothing be loaded from anywhere.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from luthier.core.errors import UsageError
from luthier.core.history import History
from luthier.report.bill import Bill, Evidence
from luthier.report.changes import Change
from luthier.report.columns import best_first, columns_of, footnotes, promise
from luthier.report.facts import Facts, facts_of
from luthier.report.failures import FailureGroup
from luthier.report.figures import Drawing, figures_of
from luthier.report.markup import Markup, in_script, joined, tag
from luthier.report.reading import Finding, read
from luthier.report.trials import TrialLine, TrialsScreen
from luthier.report.words import clean, count, decimals_for, duration, number, setting, signed

_CLASSES = {"bold": "strong", "bold green": "good", "bold red": "bad", "yellow": "unsure", "dim": "dim", "": None}
_SECRET = re.compile(r"key|token|secret|password|passwd|credential|authorization", re.IGNORECASE)
_LOGIN = re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)")
_HIDDEN = "(left out)"
_TOP = 10


def page_of(history: History, name: str) -> str:
    """The whole page, as text."""
    facts = facts_of(history)
    drawings = figures_of(facts)
    data = in_script("{" + ",".join(f"{json.dumps(key)}:{one.figure.to_json()}" for key, one in drawings.items()) + "}")
    library = _asset("plotly") if drawings else ""
    scripts = [library, _asset("page.js")] if drawings else []
    body = joined(
        _head(facts, name),
        tag("main", *_sections(facts, drawings, name)),
        tag("footer", tag("p", "Written by luthier. This page loads nothing and sends nothing.")),
        Markup(f'<script type="application/json" id="figures">{data}</script>') if drawings else None,
        *(Markup(f"<script>{script}</script>") for script in scripts),
    )
    head = joined(
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_policy(scripts)),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{clean(name, 60)}: report"),
        Markup(f"<style>{_asset('page.css')}</style>"),
    )
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>{body}</body></html>\n'


def write_page(history: History, name: str, path: Path) -> Path:
    """Write the page to `path`; the path. Raises UsageError where that can't be done."""
    text = page_of(history, name)
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise UsageError(f"the page can't be written to '{path}': {error.strerror}; name another file") from None
    return path


def summary_html(history: History, name: str) -> str:
    """Verdict and bill alone, for a notebook: it takes the notebook's own colors."""
    from luthier.report.advice import advise
    from luthier.report.bill import bill_of

    bill = bill_of(history)
    advice = advise(bill)
    return tag(
        "div",
        tag("p", tag("strong", f"{clean(name, 60)}: {advice.title}"), tag("br"), advice.verdict),
        _scrolled(_bill_table(bill), "Bill") if bill.evidence is not Evidence.NOTHING else None,
        tag("p", advice.next),
    )


def _head(facts: Facts, name: str) -> Markup:
    bill = facts.bill
    spent = f"{count(bill.total.trials, 'trial')} in {duration(bill.total.seconds)} (budget: {bill.budget})"
    return tag(
        "header", tag("p", f"Study {clean(name, 60)}", class_="eyebrow"), tag("h1", facts.advice.title), tag("p", spent)
    )


def _sections(facts: Facts, drawings: Mapping[str, Drawing], name: str) -> Iterator[Markup]:
    bill, advice = facts.bill, facts.advice
    yield _section(
        "Verdict",
        tag("p", advice.verdict, class_="lead"),
        tag("p", promised) if (promised := promise(bill)) else None,
        *(tag("p", caution, class_="caution") for caution in advice.cautions),
        tag("p", tag("strong", "What to do next: "), advice.next),
    )
    if bill.evidence is not Evidence.NOTHING:
        notes = tag("div", *(tag("p", text) for text in footnotes(bill)), class_="notes")
        yield _section("What each lever cost, and gained", _scrolled(_bill_table(bill), "Bill by lever"), notes)
        yield _section("Best against baseline", _scores(facts), _drawn(drawings.get("gains"), titled=False))
        if any(lever.changes for lever in bill.levers):
            yield _section("What was changed", _scrolled(_changes_table(facts), "What was changed"))
    findings = read(facts)
    if findings:
        yield _section("What the study shows", *(_finding(finding) for finding in findings))
    for key in ("history", "curves", "importance"):
        if key in drawings:
            yield _section(drawings[key].title, _drawn(drawings[key], titled=False))
    sliced = [drawing for key, drawing in drawings.items() if key.startswith("slice-")]
    if sliced:
        about = tag(
            "p", "Each point is a trial; the line is the mean over all other settings, as a random forest has it."
        )
        boxes = tag("div", *(tag("div", _drawn(one, titled=True)) for one in sliced), class_="grid")
        yield _section("The settings that mattered most", about, boxes)
    if "parallel" in drawings:
        yield _section(drawings["parallel"].title, _drawn(drawings["parallel"], titled=False, wide=True))
    screen = TrialsScreen.of(facts.history, top=_TOP)
    if screen.lines:
        yield _section("The best trials", _scrolled(_trials_table(screen), "The best trials"))
    if bill.search.failures:
        yield _section("Failures", _scrolled(_failures_table(bill.search.failures), "Failures"))
    yield _section("How to get this again", *_reproduction(facts, name))


def _section(title: str, *content: Markup | None) -> Markup:
    return tag("section", tag("h2", title), *content)


def _finding(finding: Finding) -> Markup:
    action = tag("strong", finding.action) if finding.action else None
    return tag("article", tag("h3", finding.title), tag("p", finding.detail, " " if action else None, action))


def _drawn(drawing: Drawing | None, *, titled: bool, wide: bool = False) -> Markup | None:
    if drawing is None:
        return None
    height = f"height:{drawing.figure.layout.height}px"
    box = tag(
        "div",
        class_="plot wide" if wide else "plot",
        data_figure=drawing.key,
        role="img",
        aria_label=drawing.alt,
        style=height,
    )
    plot = tag("div", box, class_="scroll", role="region", tabindex="0", aria_label=drawing.title) if wide else box
    title = tag("h3", drawing.title) if titled else None
    return joined(title, tag("figure", plot, tag("figcaption", drawing.note or drawing.alt)))


def _scrolled(table: Markup, label: str) -> Markup:
    """A table that scrolls by itself where the screen is narrow."""
    return tag("div", table, class_="scroll", role="region", tabindex="0", aria_label=label)


def _table(caption: str, headers: Sequence[tuple[str, bool]], rows: Sequence[Sequence[Markup]]) -> Markup:
    """`headers` are texts, and whether their columns hold numbers."""
    head = [tag("th", text, scope="col", class_="number" if is_number else None) for text, is_number in headers]
    lines = [tag("tr", *cells) for cells in rows]
    return tag("table", tag("caption", caption), tag("thead", tag("tr", *head)), tag("tbody", *lines))


def _bill_table(bill: Bill) -> Markup:
    columns = columns_of(bill)
    headers = [(column.header, column.side == "right") for column in columns]
    rows = [
        [_cell(*column.lever(lever), column.side, place) for place, column in enumerate(columns)]
        for lever in best_first(bill)
    ]
    for charge in (*bill.others, bill.total):
        style = "bold" if charge is bill.total else "dim"
        rows.append([_cell(column.charge(charge), style, column.side, place) for place, column in enumerate(columns)])
    return _table("What each lever cost, and what it gained", headers, rows)


def _cell(text: str, style: str, side: str, place: int) -> Markup:
    classes = [name for name in (_CLASSES.get(style), "number" if side == "right" else None) if name]
    told = " ".join(classes) or None
    return tag("th", text, scope="row", class_=told) if place == 0 else tag("td", text, class_=told)


def _scores(facts: Facts) -> Markup:
    bill = facts.bill
    verdict = bill.verdict
    scores = [
        one
        for one in (bill.baseline_score, bill.winner_score, bill.baseline_validation, bill.winner_validation)
        if one is not None
    ]
    spread = max(scores) - min(scores) if scores else 0.0
    decimals = decimals_for(spread / 10 if spread else max([abs(one) for one in scores] or [0.0]) / 100)
    rows: list[list[Markup]] = []

    def row(told: str, before: float | None, after: float | None) -> None:
        if before is None and after is None:
            return
        gain = bill.metric.gain(after, before) if before is not None and after is not None else None
        values = ["-" if one is None else number(one, decimals) for one in (before, after)]
        values.append("-" if gain is None else signed(gain, decimals))
        rows.append([tag("th", told, scope="row"), *(tag("td", value, class_="number") for value in values)])

    row("validation, which the search saw", bill.baseline_validation, bill.winner_validation)
    if verdict is not None and bill.evidence is Evidence.HELD_OUT:
        row(f"held-out rows ({verdict.rows:,})", verdict.baseline_score, verdict.winner_score)
    headers = [("Measured on", False), ("Baseline", True), ("Best", True), ("Gain", True)]
    return _scrolled(_table(f"{bill.metric.name} of baseline and best", headers, rows), "Scores")


def _changes_table(facts: Facts) -> Markup:
    def side(change: Change, value: Any, is_missing: bool) -> Markup:
        return tag("td", "unused" if is_missing else setting(value, 200))

    rows = [
        [
            tag("th", change.setting, scope="row"),
            tag("td", change.lever),
            side(change, change.before, change.added),
            side(change, change.after, change.dropped),
        ]
        for lever in best_first(facts.bill)
        for change in lever.changes
    ]
    winner = "" if facts.bill.winner is None else f" (trial {facts.bill.winner})"
    headers = [("Setting", False), ("Lever", False), ("Baseline", False), ("Best", False)]
    return _table(f"Settings in which the best differs from the baseline{winner}", headers, rows)


def _trials_table(screen: TrialsScreen) -> Markup:
    gains = [abs(one.gain) for one in screen.lines if one.gain]
    decimals = decimals_for(max(gains) / 10 if gains else max(abs(one.value) for one in screen.lines) / 100)

    def row(one: TrialLine) -> list[Markup]:
        changes = ", ".join(change.describe("→") for change in one.changes) or "nothing"
        cells = [
            number(one.value, decimals),
            "" if one.gain is None else signed(one.gain, decimals),
            duration(one.seconds),
        ]
        mark = " (the best)" if one.is_incumbent else ""
        return [
            tag("th", f"{one.id}{mark}", scope="row"),
            *(tag("td", cell, class_="number") for cell in cells),
            tag("td", changes),
        ]

    headers = [
        ("Trial", False),
        (screen.metric.name, True),
        ("Gain", True),
        ("Time", True),
        ("Differs from the baseline in", False),
    ]
    return _table("The best trials, by their values on validation rows", headers, [row(one) for one in screen.lines])


def _failures_table(groups: Sequence[FailureGroup]) -> Markup:
    rows = [
        [
            tag("th", clean(group.kind, 60), scope="row"),
            tag("td", f"{group.count:,}", class_="number"),
            tag("td", clean(group.message, 300)),
            tag("td", f"{group.first}", class_="number"),
        ]
        for group in groups[:_TOP]
    ]
    return _table(
        "What trials failed of",
        [("Kind", False), ("Trials", True), ("Message of the first", False), ("First trial", True)],
        rows,
    )


# ------------------------------------------------------------------------------------------------ reproduction


def _reproduction(facts: Facts, name: str) -> Iterator[Markup]:
    created = facts.history.created
    content = created.task.get("content")
    if content:
        command = shlex.join(["luthier", "tune", "task.yaml", "--name", f"{name}-again", "--seed", str(created.seed)])
        yield tag("p", "Save the task below as task.yaml beside the code and data that it names, then run:")
        yield _code(command, "Command")
        yield _details("The task", without_secrets(content), is_open=False)
    else:
        yield tag("p", f"The study was begun from Python: call the same with seed={created.seed} and these levers.")
        yield _details("The levers", without_secrets(created.levers), is_open=False)
    if facts.best is not None:
        yield _details("The best config", facts.best.config.by_lever(), is_open=True)
    facts_told = {"seed": str(created.seed), "budget": str(facts.bill.budget)}
    facts_told |= {f"version of {package}": version for package, version in created.versions.items()}
    facts_told |= {f"fingerprint of {what}": mark for what, mark in created.fingerprints.items()}
    if facts.bill.artifact:
        facts_told["the tuned model's address"] = facts.bill.artifact
    rows = [
        [tag("th", key, scope="row"), tag("td", tag("code", clean(value, 200)))] for key, value in facts_told.items()
    ]
    yield _scrolled(
        _table("What the result depends on", [("What", False), ("Value", False)], rows), "What the result depends on"
    )


def without_secrets(value: Any) -> Any:
    """`value` as plain JSON; texts under names such as 'api_key' and logins in addresses are left out."""
    if isinstance(value, Mapping):
        return {
            str(key): _HIDDEN if isinstance(item, str) and _SECRET.search(str(key)) else without_secrets(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [without_secrets(item) for item in value]
    return _LOGIN.sub(_HIDDEN, value) if isinstance(value, str) else value


def _details(title: str, content: Any, *, is_open: bool) -> Markup:
    text = json.dumps(content, indent=2, default=str, ensure_ascii=False)
    return tag("details", tag("summary", title), _code(text, title), open="" if is_open else None)


def _code(text: str, label: str) -> Markup:
    return tag("pre", tag("code", text), tabindex="0", aria_label=label)


def _policy(scripts: Sequence[str]) -> str:
    allowed = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()}'" for one in scripts
    )
    return (
        f"default-src 'none'; script-src {allowed or chr(39) + 'none' + chr(39)}; style-src 'unsafe-inline'; "
        f"img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _asset(name: str) -> str:
    """The text of a file that comes with this package, or plotly's own script."""
    if name == "plotly":
        from plotly.offline import get_plotlyjs

        return get_plotlyjs()
    return files("luthier.report").joinpath(name).read_text("utf-8")
