"""A draft as the text of a task file, with a comment that explains each line, and as a few lines for the screen."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from luthier.core.parameter import Choice, Parameter
from luthier.data.encoding import UTF_8
from luthier.data.look import Look
from luthier.stages.tabular.levers import SAID
from luthier.study.draft import HELD_OUT, Draft

_PLAIN = re.compile(r"^[A-Za-z_][A-Za-z0-9_./:%-]*( [A-Za-z0-9_./%-]+)*$")
_AMOUNT = re.compile(r"^\d+ ?[a-z]{1,10}$")
_WORDS_OF_YAML = {"true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf"}
_WIDEST = 44
"""Up to here comments of one block begin in one column."""
SHOWN = 8
"""How many names or classes a line lists."""

_Line = tuple[str, str]
"""A line, and what is said of it."""
_KINDS = "number, category, date or text"


def task_text(draft: Draft, folder: Path, study: str) -> str:
    """The task file for `draft`, to lie in `folder`; its study is called `study`."""
    build = f"luthier.stages.tabular:{'classifier' if draft.classes else 'regressor'}"
    head = [
        f"# What luthier made of {_one_line(draft.path.name)}: {draft.rows:,} rows. Correct what is wrong: it is read",
        "# as it stands. Run it by `luthier tune` and its name; `luthier schema` tells each key that there may be.",
    ]
    blocks: list[list[_Line]] = [
        [(f"study: {scalar(study)}", "the name for `luthier show` and `luthier predict`")],
        list(_data(draft, folder)),
        [(f"metric: {draft.metric}", draft.metric_because)],
        [
            ("stage:", ""),
            ("  kind: estimator", "anything with scikit-learn's fit and predict"),
            (f"  build: {build}", "makes a pipeline of the settings below; or one of yours: model.py:build"),
        ],
        list(_levers(draft)),
        [(f"budget: {scalar(draft.budget)}", "time, trials, or both: 10 min, 200 trials")],
    ]
    foot = [
        "# What else may be stated, and what holds unless it is:",
        "# workers: 2          processes; one a core",
        "# seed: 0             what everything random follows from",
        "# confirm: 3          how many of the best are measured again on fresh folds before the test",
        "# trial_seconds: 60   a trial that takes longer is stopped; none, so the budget alone stops it",
    ]
    parts = [head, *map(_aligned, blocks), foot]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def summary_lines(draft: Draft) -> list[str]:
    """What was inferred, and why, for a person to read: one line each."""
    rows = f"{draft.path.name}: {draft.rows:,} rows" + (
        "" if draft.encoding == UTF_8 else f", read as {draft.encoding}, since it isn't UTF-8"
    )
    lines = [
        ("target", f"{draft.target} ({draft.target_because}): {_target(draft)}"),
        ("metric", f"{draft.metric}, {draft.metric_because}"),
        ("inputs", _inputs(draft.inputs)),
        ("left out", "; ".join(f"{look.name} ({look.why})" for look in _first(draft.left_out)) + _more(draft.left_out)),
        ("baseline", f"{draft.models[0]}, {draft.default_because}"),
        ("models", f"{', '.join(draft.models)}; their settings, and how the columns are prepared"),
    ]
    return [rows, *(f"  {name:<10}{text}" for name, text in lines if text)]


def scalar(value: Any) -> str:
    """A value as YAML on one line; texts that YAML could take for something else in quotes."""
    if isinstance(value, str):
        is_plain = (
            (_PLAIN.match(value) or _AMOUNT.match(value)) and value.lower() not in _WORDS_OF_YAML and ": " not in value
        )
        return value if is_plain and not value.endswith(":") else json.dumps(value, ensure_ascii=False)
    return json.dumps(value)


def flow(value: Any) -> str:
    """A value as YAML on one line, in braces and brackets."""
    if isinstance(value, Mapping):
        parts = cast(Mapping[str, Any], value)
        return "{" + ", ".join(f"{_key(key)}: {flow(part)}" for key, part in parts.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, cast(Sequence[Any], value))) + "]"
    if isinstance(value, str):
        return scalar(value) if re.match(r"^[\w.]+$", value) else json.dumps(value, ensure_ascii=False)
    return scalar(value)


def without_budget(text: str) -> str:
    """The text of a task file but for its budget, which the command line states anew anyway."""
    return "\n".join(line for line in text.splitlines() if not line.startswith("budget:"))


def _data(draft: Draft, folder: Path) -> Iterator[_Line]:
    yield "data:", ""
    yield f"  path: {scalar(_path_from(folder, draft.path))}", "seen from the folder of this file"
    if draft.encoding != UTF_8:
        yield f"  encoding: {draft.encoding}", "since it isn't UTF-8"
    yield f"  target: {scalar(draft.target)}", _target(draft)
    yield "  inputs:", f"what each column holds: {_KINDS}; those that aren't named are left out"
    for look in draft.inputs:
        missing = f"{look.missing:,} missing" if look.missing else ""
        yield f"    {_key(look.name)}: {look.kind}", ", ".join(filter(None, (look.why, missing)))
    for look in draft.left_out:
        yield f"    # {_key(look.name)}: category", f"left out: {look.why}"
    dates = [look for look in draft.inputs if look.kind is not None and look.kind.startswith("date")]
    when = _key(dates[0].name) if dates else "COLUMN"
    yield "  # group: COLUMN", "rows that share a value here (one customer, one patient) are then not parted"
    yield f"  # time: {when}", "rows to learn from are then earlier than those to test on; take it out of inputs"
    yield f"  held_out: {HELD_OUT:g}", "the share of the rows that nothing sees until the very end"
    yield f"  folds: {draft.folds}", "the others are parted into so many, each validated on in turn"


def _levers(draft: Draft) -> Iterator[_Line]:
    yield "levers:", "what may be turned; all defaults together are the baseline"
    for lever in draft.levers:
        yield f"  {lever.name}:", ""
        for name, parameter in lever.settings.items():
            said = SAID[name]
            if name == "model":
                said = f"the first is the baseline's: {draft.default_because}"
            yield f"    # {said}", ""
            yield f"    {name}: {flow(_described(parameter))}", ""


def _aligned(lines: Sequence[_Line]) -> list[str]:
    """Lines with their comments, in one column where it isn't too far out."""
    lengths = [len(line) for line, comment in lines if comment and len(line) <= _WIDEST]
    column = max(lengths, default=0)
    return [f"{line:<{column}}  # {_one_line(comment)}" if comment else line for line, comment in lines]


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _described(parameter: Parameter) -> dict[str, Any]:
    """As in a task file; without what goes without saying there."""
    described = parameter.to_json()
    if isinstance(parameter, Choice) and parameter.default == parameter.options[0]:
        del described["default"]
    if "when" in described:
        described["when"] = {
            name: test[0] if isinstance(test, list) and len(cast(list[Any], test)) == 1 else test
            for name, test in described["when"].items()
        }
    return described


def _key(name: str) -> str:
    return name if re.match(r"^[A-Za-z_][\w .-]*$", name) and _is_key(name) else json.dumps(name, ensure_ascii=False)


def _is_key(name: str) -> bool:
    return name.isascii() and name.strip() == name and name.lower() not in _WORDS_OF_YAML


def _path_from(folder: Path, path: Path) -> str:
    try:
        return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
    except ValueError:  # another drive
        return path.resolve().as_posix()


def _target(draft: Draft) -> str:
    if not draft.classes:
        return "numbers, so a regression"
    shown = ", ".join(f"{value!r} ({rows:,})" for value, rows in draft.classes[:SHOWN])
    return f"{len(draft.classes)} classes: {shown}{', ...' if len(draft.classes) > SHOWN else ''}"


def _inputs(looks: Sequence[Look]) -> str:
    by_kind: dict[str, list[str]] = {}
    for look in looks:
        by_kind.setdefault((look.kind or "").partition(" ")[0], []).append(look.name)
    parts = [f"{_count(len(names), kind)} ({', '.join(names[:4])}{', ...' if len(names) > 4 else ''})"
             for kind, names in by_kind.items()]  # fmt: skip
    gaps = sum(look.missing > 0 for look in looks)
    return ", ".join(parts) + (f"; {_count(gaps, 'column')} with missing values" if gaps else "")


def _count(count: int, one: str) -> str:
    return f"{count} {one if count == 1 else one.removesuffix('y') + 'ies' if one.endswith('y') else one + 's'}"


def _first(looks: Sequence[Look]) -> Sequence[Look]:
    return looks[:SHOWN]


def _more(looks: Sequence[Look]) -> str:
    return f"; ... ({len(looks)} in all)" if len(looks) > SHOWN else ""
