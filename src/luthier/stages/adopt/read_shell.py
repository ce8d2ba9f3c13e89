"""Settings of a shell script: `LR=${1:-0.1}`, `: "${LR:=0.1}"`, `--lr) LR="$2"`; and what it says by echo and printf.

Where it says nothing itself, the Python script that it runs does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from luthier.core.parameter import Scalar
from luthier.stages.adopt.found import Field, Form, Kind, Line, Often, Options, Setting

_ARGUMENT = re.compile(
    r"^\s*(?:local |export |readonly )?(\w+)=[\"']?\$(?:\{(\d)(?::?-([^}]*))?\}|(\d))[\"']?", re.MULTILINE
)
_VARIABLE = re.compile(r"\$\{([A-Za-z_]\w*):?[-=]([^}$]*)\}")
_FLAG = re.compile(
    r"^\s*(?:-\w\s*\|\s*)?(--[\w-]+)(?:\s*\|\s*-\w)?\)\s*(?:shift;?\s*)?(\w+)=[\"']?\$\{?([12])", re.MULTILINE
)
_PLAIN = re.compile(r"^\s*(?:local |export |readonly )?(\w+)=[\"']?([^\s\"'$;]*)[\"']?\s*(?:#.*|;.*)?$", re.MULTILINE)
_SAID = re.compile(r"\b(echo|printf|print)\b\s*(?:-[en]+\s+)?(\"(?:[^\"\\]|\\.)*\"|'[^']*'|[^\n;|&>]+)([^\n;}]*)")


def read(text: str) -> Options:
    """The settings of a script, as flags where it parses them, else by position, else from the environment."""
    constants = {match[1]: match[2] for match in _PLAIN.finditer(text)}
    found: dict[str, Setting] = {}
    for match in _FLAG.finditer(text):
        value, kind = _typed(constants.get(match[2], ""))
        found[match[2]] = Setting(match[2].lower(), Form.OPTION, match[1], kind, value, line=_line(text, match))
    positions: dict[int, Setting] = {}
    for match in _ARGUMENT.finditer(text):
        if match[1] not in found:
            later = dict(_VARIABLE.findall(text))
            stated = match[3] or later.get(match[1], "")
            value, kind = _typed(stated)
            required = not stated
            positions[int(match[2] or match[4])] = Setting(
                match[1].lower(), Form.POSITION, "", kind, value, required=required, line=_line(text, match)
            )
    found |= {setting.name.upper(): setting for _, setting in sorted(positions.items()) if not found}
    for match in _VARIABLE.finditer(text):
        if match[1].upper() not in {name.upper() for name in found}:
            value, kind = _typed(match[2])
            found[match[1]] = Setting(
                match[1].lower(), Form.ENVIRONMENT, match[1], kind, value, line=_line(text, match)
            )
    return Options(tuple(found.values()))


def lines_of(text: str) -> tuple[Line, ...]:
    """What the script says by echo and printf, and by what awk, perl and their kin print inside of it."""
    return tuple(
        Line(tuple(_parts(match[1], match[2], match[3])), often=often, number=_line(text, match), epochs=bound)
        for match in _SAID.finditer(text)
        for often, bound in [_often(text, match.start())]
        if re.search(r"\$|%", match[2]) and ">&2" not in match[3]
    )


def programs_of(text: str) -> tuple[str, ...]:
    """The Python and R scripts that it runs: their lines are its own."""
    return tuple(dict.fromkeys(re.findall(r"[\w./-]+\.(?:py|R|r)\b", text)))


def _parts(command: str, quoted: str, rest: str) -> Iterator[str | Field]:
    body = quoted[1:-1] if quoted[:1] in "\"'" else quoted.strip()
    body = re.sub(r"\\n|\\r", "", body).replace("\\t", "\t").replace('\\"', '"')
    if command == "echo" or not re.search(r"%[-+ #0]*\d*(?:\.\d+)?[a-zA-Z]", body):
        pieces, values = re.split(r"(\$\{[^}]*\}|\$\([^)]*\)|\$\w+)", body), None
    else:
        pieces = re.split(r"(%[-+ #0]*\d*(?:\.\d+)?[a-zA-Z])", body)
        values = iter(re.findall(r"[\w.$\"{}\[\]*/+-]+", rest))
    for piece in pieces:
        if piece.startswith("$") and values is None:
            yield Field(piece.strip("${}()"))
        elif values is not None and re.fullmatch(r"%[-+ #0]*\d*(?:\.\d+)?[a-zA-Z]", piece):
            yield Field(next(values, "").strip('${}"'))
        elif piece:
            yield piece.replace("%%", "%")


def _often(text: str, end: int) -> tuple[Often, str]:
    """How often what stands at `end` is said: by the loops that are open there."""
    open_: list[tuple[str, str]] = []
    for match in re.finditer(
        r"^\s*(for(?=\s+\w+\s+in\b)|while|until|if|case|done|fi|esac)\b([^\n]*)|^\s*(for)\s*\(\(([^\n]*)",
        text[:end],
        re.MULTILINE,
    ):
        word = match[1] or match[3]
        if word in ("done", "fi", "esac"):
            if open_:
                open_.pop()
        else:
            rest = match[2] or match[4] or ""
            closed = re.search(r"[;\s](done|fi|esac)\b", rest)
            if not closed:
                open_.append((word, rest))
    loops = [rest for word, rest in open_ if word in ("for", "while", "until")]
    if not loops:
        return Often.ONCE, ""
    if len(loops) > 1 or "epoch" not in loops[0].lower():
        return Often.MANY, ""
    if any(word in ("if", "case") for word, _ in open_):
        return Often.ONCE, ""
    bound = re.search(r"(?:seq\s+(?:1\s+)?|<=?\s*)[\"']?\$?\{?(\w+)", loops[0])
    return Often.EPOCH, bound[1] if bound else ""


def _typed(text: str) -> tuple[Scalar, Kind]:
    """A shell's text as a number where it is one."""
    try:
        return int(text), Kind.INT
    except ValueError:
        pass
    try:
        return float(text), Kind.FLOAT
    except ValueError:
        return text or None, Kind.TEXT if text else Kind.UNKNOWN


def _line(text: str, match: re.Match[str]) -> int:
    return text.count("\n", 0, match.start()) + 1
