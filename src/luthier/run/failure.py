"""From an exception of the user's code to a Failure: a kind, one line, and the part of the traceback that helps."""

from __future__ import annotations

import errno
import traceback
from pathlib import Path

from luthier.core.trial import Failure

_PACKAGE = str(Path(__file__).resolve().parents[1])
_RUN = str(Path(__file__).resolve().parent)
_LONGEST = 500
_DISK_FULL = tuple(getattr(errno, name) for name in ("ENOSPC", "EDQUOT") if hasattr(errno, name))
DISK_FULL = "disk full"
_OUT_OF_MEMORY = ("MemoryError", "OutOfMemoryError")  # the latter is torch's, for devices


class Breach(Exception):  # noqa: N818
    """A task that has to end as failed, with a kind of its own; raised and caught inside this wing."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def failure_of(error: BaseException) -> Failure:
    """Why a task failed, for the exception that ended it. Never raises, whatever `str(error)` does."""
    if isinstance(error, Breach):
        return Failure(error.kind, str(error))
    name = type(error).__name__
    text = one_line(_text_of(error))
    if name in _OUT_OF_MEMORY:
        return Failure("out of memory", text or "the stage ran out of memory", user_traceback(error))
    if isinstance(error, OSError) and error.errno in _DISK_FULL:
        return Failure(DISK_FULL, f"{name}: {text}", user_traceback(error))
    if isinstance(error, SystemExit):
        text = f"the stage called sys.exit({text}); it must return or raise"
    return Failure(name, text or f"the stage raised {name} without a message", user_traceback(error))


def one_line(text: str, longest: int = _LONGEST) -> str:
    """`text` with its white space folded, cut to `longest` characters."""
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 3] + "..."


def user_traceback(error: BaseException) -> str:
    """The traceback of `error` and of what caused it, without luthier's own frames above the user's code.

    Where no frame is the user's, luthier's are kept, but for those of this wing; '' where none is left.
    """
    report = traceback.TracebackException.from_exception(error)
    found = False
    for part in _chain(report):
        part.stack = _trimmed(part.stack)
        found = found or bool(part.stack)
    return "".join(report.format()) if found else ""


def _chain(report: traceback.TracebackException) -> list[traceback.TracebackException]:
    parts: list[traceback.TracebackException] = []
    waiting: list[traceback.TracebackException | None] = [report]
    while waiting:
        part = waiting.pop()
        if part is not None and part not in parts:
            parts.append(part)
            waiting += [part.__cause__, part.__context__, *(part.exceptions or ())]
    return parts


def _trimmed(stack: traceback.StackSummary) -> traceback.StackSummary:
    frames = list(stack)
    first = next((at for at, frame in enumerate(frames) if not frame.filename.startswith(_PACKAGE)), None)
    if first is None:
        return traceback.StackSummary.from_list([f for f in frames if not f.filename.startswith(_RUN)])
    return traceback.StackSummary.from_list(frames[first:])


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return "(its message couldn't be made into text)"
