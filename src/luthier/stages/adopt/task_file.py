"""A proposal as the text of a task file, with a reason beside everything that was chosen."""

from __future__ import annotations

import json
import math
import re
import shlex
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

from luthier.core.parameter import Parameter
from luthier.stages.adopt.proposal import MISSING_METRIC, Proposal, is_on_stderr
from luthier.stages.adopt.worth import Judged, Role

_WIDTH = 96


def text_of(proposal: Proposal, *, budget: str, cwd: str = ".") -> str:
    """The task file of a proposal, whose command runs in the folder `cwd`, relative to the file."""
    return "\n".join(_lines(proposal, budget, cwd)) + "\n"


def _lines(proposal: Proposal, budget: str, cwd: str) -> Iterator[str]:
    script = proposal.script
    file = next((one for one in script.starts if PurePath(one).stem == script.name), script.name)
    yield f"# Tunes {file} as it is. Written by `luthier adopt`, which read the script and ran nothing; edit it freely."
    for warning in proposal.warnings:
        yield from _comment(f"Mind: {warning}.")
    yield f"study: {_scalar(script.name)}"
    yield ""
    yield from _metric(proposal)
    yield ""
    yield "stage:"
    yield "  kind: command"
    yield from _command(proposal.command)
    if cwd != ".":
        yield f"  cwd: {_scalar(cwd)}"
    if proposal.metric is not None and proposal.metric.pattern is not None:
        yield f"  pattern: {_single(proposal.metric.pattern)}"
    if is_on_stderr(proposal):
        yield "  stderr: true           # the metric is logged, or shown beside a progress bar"
    yield from _fidelity(proposal)
    yield ""
    yield "levers:                  # `default` is what the script has today: all defaults together are the baseline"
    for lever in dict.fromkeys(one.lever for one in proposal.tuned):
        yield f"  {lever}:"
        own = [one for one in proposal.tuned if one.lever == lever]
        texts = {one.setting.name: f"    {proposal.names[one.setting.name]}: {_range(one)}" for one in own}
        width = min(max(map(len, texts.values())), 64)
        for one in own:
            yield f"{texts[one.setting.name]:<{width}}  # {_why(one, proposal.names[one.setting.name])}"
    left = [one for one in proposal.others if one.role is Role.FIXED]
    if left:
        yield "  # Left as they are:"
        for one in left:
            now = "" if one.setting.default is None else f" ({_scalar(one.setting.default)})"
            yield f"  #   {one.setting.name}{now}: {one.reason}"
    yield ""
    if proposal.epochs > 1:
        yield "pruner: median           # a run that is worse than half of those before it is stopped"
    yield f"budget: {_scalar(budget)}"


def _metric(proposal: Proposal) -> Iterator[str]:
    metric, script = proposal.metric, proposal.script
    if metric is None:
        yield "# Nothing that the script prints could be used. Once it prints this line, the task runs:"
        yield f"#   {script.to_print}"
        yield f"metric: {{name: {MISSING_METRIC}, direction: maximize}}"
        return
    where = f"line {metric.line.number} of the script" if metric.line.number else "a line of JSON"
    others = dict.fromkeys(one.name for one in proposal.heard if one.name != metric.name)
    yield from _comment(f"From {where}." + (f" It also tells: {', '.join(others)}." if others else ""))
    yield f"metric: {{name: {_scalar(metric.name)}, direction: {metric.direction}}}"


def _command(arguments: tuple[str, ...]) -> Iterator[str]:
    """The command on as many lines as it takes, folded into one by YAML."""
    words = [shlex.quote(one) if re.search(r"[\s\"'\\]", one) else one for one in arguments]
    lines, current = [], ""
    for word in words:
        if current and len(current) + len(word) > _WIDTH:
            lines.append(current)
            current = ""
        current += f" {word}" if current else word
    lines.append(current)
    yield "  run: >-"
    yield from (f"    {line}" for line in lines)


def _fidelity(proposal: Proposal) -> Iterator[str]:
    if proposal.epochs > 1:
        if not any("{until}" in argument for argument in proposal.command):
            yield from _comment("It always plans for all of its epochs; bad runs are stopped before.", indent="  ")
        yield f"  fidelity: {{unit: epoch, maximum: {proposal.epochs}}}   # {proposal.why_epochs}"
    elif proposal.metric is not None:
        yield from _comment(f"{proposal.why_epochs[:1].upper()}{proposal.why_epochs[1:]}.", indent="  ")


def _range(one: Judged) -> str:
    assert one.parameter is not None
    return _flow(described(one.parameter))


def described(parameter: Parameter) -> dict[str, Any]:
    """The parameter as a task file writes it."""
    return parameter.to_json()


def _why(one: Judged, name: str) -> str:
    own = "" if one.setting.name.lower() == name else f"{one.setting.name}, "
    return own + one.reason


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_flow(inner) for inner in value) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    """A scalar as YAML takes it back: texts that could be read as something else, or would break a line, in quotes."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _number(value)
    text = str(value)
    if re.fullmatch(r"(?:[A-Za-z_]|\d+ [a-z])[\w ./-]*", text) and text.lower() not in (
        "null",
        "true",
        "false",
        "yes",
        "no",
        "on",
        "off",
    ):
        return text.strip() if text == text.strip() else json.dumps(text)
    return json.dumps(text)


def _number(value: float) -> str:
    if not math.isfinite(value):
        return json.dumps(str(value))
    if value == int(value) and abs(value) < 1e6:
        return f"{value:.1f}"
    text = repr(value)
    return text if "e" not in text or "." in text else text.replace("e", ".0e")


def _single(text: str) -> str:
    """A text in single quotes, in which a pattern's backslashes stay as they are."""
    return "'" + text.replace("'", "''") + "'"


def _comment(text: str, indent: str = "") -> Iterator[str]:
    current = ""
    for word in text.split():
        if len(current) + len(word) > _WIDTH:
            yield f"{indent}# {current}"
            current = ""
        current += f" {word}" if current else word
    yield f"{indent}# {current}"
