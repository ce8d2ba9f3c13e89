"""Settings of an R script: optparse's `make_option`, argparse's `add_argument`, `commandArgs`; and what it says."""

from __future__ import annotations

import re
from collections.abc import Iterator

from luthier.core.parameter import Scalar
from luthier.stages.adopt.found import Field, Form, Kind, Line, Often, Options, Setting

_OPTION = re.compile(r"\b(make_option|add_argument|add_option)\s*\(")
_POSITION = re.compile(
    r"(\w+)\s*(?:<-|=)\s*(?:if\s*\([^\n]*?\)\s*)?(as\.(?:numeric|integer|double)\s*\(\s*)?args\[{1,2}(\d)\]{1,2}\s*\)?"
    r"(?:\s*else\s+([\w.+-]+))?"
)
_SAID = re.compile(r"\b(cat|print)\s*\(")
_KINDS = {"double": Kind.FLOAT, "numeric": Kind.FLOAT, "integer": Kind.INT, "character": Kind.TEXT}


def read(text: str) -> Options:
    """The settings of a script, as flags where it parses them, else by position."""
    settings = [
        setting for match in _OPTION.finditer(text) if (setting := _option(_inside(text, match), _line(text, match)))
    ]
    if not settings and "commandArgs" in text:
        found = {int(match[3]): _position(match, _line(text, match)) for match in _POSITION.finditer(text)}
        settings = [setting for _, setting in sorted(found.items())]
    return Options(tuple(settings))


def lines_of(text: str) -> tuple[Line, ...]:
    """What the script says by cat, print and (on standard error, so left out) message."""
    return tuple(
        Line(tuple(_parts(_inside(text, match))), often=often, number=_line(text, match), epochs=bound)
        for match in _SAID.finditer(text)
        for often, bound in [_often(text, match.start())]
    )


def _inside(text: str, match: re.Match[str]) -> str:
    """What stands between the parenthesis that `match` ends on and the one that closes it."""
    depth = 1
    for place in range(match.end(), len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if not depth:
            return text[match.end() : place]
    return text[match.end() :]


def _option(inside: str, line: int) -> Setting | None:
    flag = re.search(r"[\"'](--[\w-]+)[\"']", inside)
    if flag is None:
        return None
    type_ = re.search(r"type\s*=\s*[\"'](\w+)[\"']", inside)
    default = re.search(r"default\s*=\s*([^,\n)]+)", inside)
    if "store_true" in inside:
        return Setting(flag[1][2:].replace("-", "_"), Form.SWITCH, flag[1], Kind.SWITCH, False, line=line)
    value, kind = _typed(default[1] if default else "")
    kind = _KINDS.get(type_[1], kind) if type_ else kind
    return Setting(flag[1][2:].replace("-", "_"), Form.OPTION, flag[1], kind, value, line=line)


def _position(match: re.Match[str], line: int) -> Setting:
    value, kind = _typed(match[4] or "")
    if match[2] and kind is not Kind.INT:
        kind = Kind.INT if "integer" in match[2] else Kind.FLOAT
    return Setting(match[1], Form.POSITION, "", kind, value, required=match[4] is None, line=line)


def _parts(inside: str) -> Iterator[str | Field]:
    inside = re.sub(r"^\s*(?:paste0?|sprintf|format)\s*\(", "", inside.strip())
    values = re.findall(
        r"\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'|((?:[^,\"'()]|\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\))+)", inside
    )
    texts = [text or other for text, other, _ in values]
    expressions = [expression.strip() for _, _, expression in values if expression.strip(" )")]
    if texts and re.search(r"%[-+ #0]*\d*(?:\.\d+)?[a-zA-Z]", texts[0]):
        rest = iter(expressions)
        for piece in re.split(r"(%[-+ #0]*\d*(?:\.\d+)?[a-zA-Z])", texts[0]):
            if re.fullmatch(r"%[-+ #0]*\d*(?:\.\d+)?[a-zA-Z]", piece):
                yield Field(next(rest, ""))
            elif piece := piece.replace("\\n", ""):
                yield piece
        return
    first = True
    for text, other, expression in values:
        plain = (text or other).replace("\\n", "")
        if expression.strip(" )") and "sep" not in expression:
            yield Field(expression.strip())
        elif plain:
            yield plain if first or plain.endswith(" ") else f" {plain} "
        first = False


def _often(text: str, end: int) -> tuple[Often, str]:
    """How often what stands at `end` is said: by the braces that are open there."""
    open_: list[str] = []
    for match in re.finditer(r"((?:for|while|if|function)\s*\([^{}\n]*\)\s*)?\{|\}", text[:end]):
        if match[0] == "}":
            if open_:
                open_.pop()
        else:
            open_.append(match[1] or "")
    loops = [head for head in open_ if head.startswith(("for", "while"))]
    if not loops or "epoch" not in loops[0]:
        return (Often.MANY if loops else Often.ONCE), ""
    if len(loops) > 1:
        return Often.MANY, ""
    if any(head.startswith("if") for head in open_):
        return Often.ONCE, ""
    bound = re.search(r"(?:1:|seq_len\()\s*([\w.$]+)", loops[0])
    return Often.EPOCH, bound[1] if bound else ""


def _typed(text: str) -> tuple[Scalar, Kind]:
    plain = text.strip().strip("\"'").rstrip("L")
    try:
        number = float(plain)
    except ValueError:
        return (plain or None), Kind.TEXT if plain else Kind.UNKNOWN
    whole = number == number // 1 and "." not in plain and "e" not in plain.lower()
    return (int(number), Kind.INT) if whole else (number, Kind.FLOAT)


def _line(text: str, match: re.Match[str]) -> int:
    return text.count("\n", 0, match.start()) + 1
