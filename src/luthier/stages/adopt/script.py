"""A script as a whole: its settings by whichever reader finds them, and what it says."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from luthier.core.errors import UsageError
from luthier.stages.adopt import (
    read_absl,
    read_argparse,
    read_click,
    read_dataclass,
    read_hydra,
    read_literals,
    read_r,
    read_shell,
    read_signature,
    said_library,
    said_python,
)
from luthier.stages.adopt.found import Line, Options, Script, Setting
from luthier.stages.adopt.source import Source, neighbors, read, text_at
from luthier.stages.adopt.worth import Role, judge

_READERS: tuple[tuple[str, Callable[[Source], Options]], ...] = (
    ("Hydra", read_hydra.read),
    ("dataclasses", read_dataclass.read),
    ("typer", read_signature.read_typer),
    ("click", read_click.read),
    ("fire", read_signature.read_fire),
    ("absl", read_absl.read),
    ("argparse", read_argparse.read),
)
_SCHEDULE = re.compile(r"schedul|warm_?up|anneal|OneCycle|StepLR|lr_lambda|decay_steps|cosine", re.IGNORECASE)
_STOPS = re.compile(r"early_?stop|patience", re.IGNORECASE)


def script_at(path: Path, shown: str) -> Script:
    """What can be read of the script at `path`; `shown` is how a command names it. Nothing of it is run.

    Raises UsageError for a file that is none of Python, R or shell, or that can't be parsed.
    """
    ending = path.suffix.lower()
    if ending == ".py":
        return _python(path, shown)
    text = text_at(path)
    if ending == ".r":
        options = read_r.read(text)
        script = _script(path, ("Rscript", shown), options, "R", read_r.lines_of(text), text)
        return replace(script, to_print="cat(sprintf('{\"score\": %f}\\n', value))")
    if ending in (".sh", ".bash") or re.match(r"#!.*\b(ba|da|z|k)?sh\b", text):
        lines = read_shell.lines_of(text) or _lines_of_programs(path, text)
        shell = "bash" if ending == ".bash" or re.match(r"#!.*bash", text) else "sh"
        script = _script(path, (shell, shown), read_shell.read(text), "shell", lines, text)
        return replace(script, to_print='echo "{\\"score\\": $value}"')
    raise UsageError(
        f"'{path}' is no script that can be read: Python (.py), R (.R) and shell (.sh) can; for a program in another "
        "language write the task file by hand, see the README's 'A program in any language'"
    )


def _python(path: Path, shown: str) -> Script:
    source = read(path)
    beside = tuple(neighbors(source))
    lines = (*said_python.lines_of(source), *said_library.lines_of(source))
    if not lines:
        lines = tuple(line for one in beside for line in said_python.lines_of(one))
    text = "\n".join([source.text, *(one.text for one in beside)])
    reader, options = _options(source, beside)
    literals = _literals(source, options)
    if not literals:
        return _script(path, ("{python}", shown), options, reader, lines, text)
    starts = ("{python}", "-m", "luthier.stages.with_settings", shown)
    both = Options((*literals, *options.settings), options.subcommand, options.ends)
    return _script(path, starts, both, f"{reader} and literals" if reader else "literals", lines, text)


def _options(source: Source, beside: tuple[Source, ...]) -> tuple[str, Options]:
    """The first reader that finds settings in the script, or else in one that lies beside it and is imported."""
    for one in (source, *beside):
        for name, reader in _READERS:
            found = reader(one)
            if found.settings:
                return name, found
    return "", Options()


def _literals(source: Source, options: Options) -> tuple[Setting, ...]:
    """Literals that are worth setting; beside a command line only those whose meaning it doesn't cover."""
    found = read_literals.read(source).settings
    if not options.settings:
        return found
    covered = {judge(one).meaning or one.plain for one in options.settings}
    judged = [judge(one) for one in found if "(" not in one.name]
    calls = {one for one in found if "." in one.name}
    return tuple(
        one.setting
        for one in judged
        if one.role in (Role.TUNE, Role.EPOCHS)
        and one.meaning
        and one.meaning not in covered
        and one.setting not in calls
    )


def _lines_of_programs(path: Path, text: str) -> tuple[Line, ...]:
    for program in read_shell.programs_of(text):
        inner = path.parent / program
        if inner.is_file() and inner.suffix == ".py":
            return said_python.lines_of(read(inner))
    return ()


def _script(
    path: Path, starts: tuple[str, ...], options: Options, reader: str, lines: tuple[Line, ...], text: str
) -> Script:
    return Script(
        path.stem,
        starts,
        options.settings,
        lines,
        options.subcommand,
        options.ends,
        reader if options.settings else "",
        stops_early=bool(_STOPS.search(text)),
        schedules=bool(_SCHEDULE.search(text)),
    )
