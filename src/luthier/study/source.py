"""The text of a task: its content as plain JSON, and where each key stands, so that an error can say so.

It knows YAML and the command line's changes, but none of a task's keys.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from luthier.core.errors import TaskFileError, UsageError, nearest_first

Location = tuple[str | int, ...]
"""The way to a value: keys, and positions in lists."""


class KeyedError(UsageError):
    """An error of the key `key` inside of what is being made."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


@dataclass(frozen=True)
class Source:
    """Where a task came from: its name, the line (from 1) of each key, and what the command line changed."""

    name: str
    lines: Mapping[Location, int] = field(default_factory=dict[Location, int])
    changes: Mapping[Location, str] = field(default_factory=dict[Location, str])

    def place(self, location: Location) -> str:
        """Where `location` was written: 'task.yaml, line 7', or the change of the command line that made it."""
        for changed, text in self.changes.items():
            if location[: len(changed)] == changed:
                return f"on the command line, {text}"
        # A key that isn't there stands, as far as anyone can say, where the key around it does.
        for length in range(len(location), 0, -1):
            if location[:length] in self.lines:
                return f"{self.name}, line {self.lines[location[:length]]}"
        return self.name

    def error(self, location: Location, message: str) -> TaskFileError:
        """An error that names place and key."""
        key = ".".join(map(str, location))
        return TaskFileError(f"{self.place(location)}: " + (f"'{key}': " if key else "") + message)

    @contextmanager
    def at(self, *location: str | int) -> Generator[None]:
        """Within the block, an error of the user's input names the place and the key `location`."""
        try:
            yield
        except TaskFileError:
            raise
        except UsageError as error:
            inner = (error.key,) if isinstance(error, KeyedError) else ()
            raise self.error((*location, *inner), str(error)) from error


def read_source(path: Path, changes: Sequence[str] = ()) -> tuple[dict[str, Any], Source]:
    """The content of the task file `path` after `changes`, and where its keys stand.

    `changes` are 'key=value' texts whose dotted keys replace values, which are read as YAML: 'data.folds=3',
    'levers.model.C={float: [1, 10]}', 'stages.0.run=./train'. Raises TaskFileError naming file and line, and
    UsageError for a change that can't be applied.
    """
    root = _parsed(_text_of(path), path.name)
    if not isinstance(root, Mapping):
        held = "nothing" if root is None else ("a list" if isinstance(root, list) else f"the value {root!r:.60}")
        raise TaskFileError(
            f"{path.name}: a task file maps keys such as `metric`, `stage` and `levers`; it holds {held}"
        )
    content: dict[str, Any] = _plain(root)
    lines = dict(_lines(root, ()))
    return content, Source(path.name, lines, {_change(content, change): change for change in changes})


def _text_of(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except FileNotFoundError:
        folder = path.parent
        names = [other.name for other in folder.glob("*.y*ml")] if folder.is_dir() else []
        near = ", ".join(nearest_first(path.name, names)[:5])
        hint = f"in its folder are: {near}" if near else "check the path, or write one"
        raise TaskFileError(f"there is no task file '{path}'; {hint}") from None
    except IsADirectoryError:
        raise TaskFileError(f"'{path}' is a folder; name the task file in it") from None
    except UnicodeDecodeError as error:
        raise TaskFileError(f"'{path}' isn't UTF-8 text (byte {error.start}); save it as UTF-8") from None
    except OSError as error:
        raise TaskFileError(f"'{path}' can't be read: {error.strerror}") from None


def _parsed(text: str, name: str) -> Any:
    """The nodes of a YAML text, which know their lines; JSON is YAML."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    # `load` and the marks carry no types.
    reader: Any = YAML(typ="rt")
    try:
        return reader.load(text)
    except MarkedYAMLError as error:
        marked: Any = error
        mark = marked.problem_mark or marked.context_mark
        place = f"{name}, line {mark.line + 1}" if mark is not None else name
        reason = str(marked.problem or marked.context).strip().splitlines()[0]
        raise TaskFileError(f"{place}: this can't be read as YAML: {_said(reason)}") from None
    except YAMLError as error:
        raise TaskFileError(f"{name}: this can't be read as YAML: {str(error).splitlines()[0]}") from None
    except RecursionError:
        raise TaskFileError(f"{name}: this can't be read as YAML: it is nested too deeply") from None


def _said(reason: str) -> str:
    if reason.startswith("found duplicate key"):
        return f"{reason.partition(' with value')[0]}; keep one of the two"
    if "'\\t'" in reason:
        return f"{reason}; indent with spaces, not tabs"
    if reason.startswith("mapping values are not allowed"):
        return f"{reason}; check the indentation, and put a text with a colon and a blank into quotes"
    return reason


def _plain(node: Any) -> Any:
    """Plain JSON of a YAML node; dates become texts, keys too."""
    from ruamel.yaml.scalarbool import ScalarBoolean

    if isinstance(node, Mapping):
        return {_joined(str(key)): _plain(value) for key, value in cast(Mapping[Any, Any], node).items()}
    if isinstance(node, list):
        return [_plain(value) for value in cast(list[Any], node)]
    if isinstance(node, bool) or node is None:
        return node
    if isinstance(node, ScalarBoolean):
        return bool(node)
    for kind in (int, float):
        if isinstance(node, kind):
            return kind(node)
    return _joined(str(node))


def _joined(text: str) -> str:
    """`text` with its surrogate pairs as single characters: JSON may write an emoji as two escapes, YAML may not."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _lines(node: Any, location: Location) -> Iterator[tuple[Location, int]]:
    marks = getattr(node, "lc", None)
    if marks is None:
        return
    mapping = isinstance(node, Mapping)
    parts = list(cast(Mapping[Any, Any], node).items()) if mapping else list(enumerate(cast(list[Any], node)))
    for key, child in parts:
        inner = (*location, _joined(str(key)) if mapping else key)
        with suppress(KeyError, TypeError):  # of a key that `<<` merged in: it stands elsewhere
            yield inner, (marks.key(key) if mapping else marks.item(key))[0] + 1
        yield from _lines(child, inner)


def _change(content: dict[str, Any], change: str) -> Location:
    """Apply `change` to `content`; the location that it replaced."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    key, equals, text = change.partition("=")
    location: Location = ()
    if not equals or not all(key.strip().split(".")):
        raise UsageError(f"a change is written key=value, such as data.folds=3; got '{change}'")
    reader: Any = YAML(typ="rt")
    try:
        value = _plain(reader.load(text))
    except YAMLError as error:
        reason = str(getattr(error, "problem", None) or error).splitlines()[0]
        raise UsageError(
            f"the value of '{change}' can't be read: {reason}; put a text with special signs into quotes"
        ) from None
    node: Any = content
    parts = key.strip().split(".")
    for depth, part in enumerate(parts):
        step = _step(node, part, change, ".".join(parts[:depth]))
        location = (*location, step)
        if depth == len(parts) - 1:
            node[step] = value
        else:
            node = cast(dict[str, Any], node).setdefault(part, {}) if isinstance(node, dict) else node[step]
    return location


def _step(node: Any, part: str, change: str, parent: str) -> str | int:
    if isinstance(node, dict):
        return part
    if isinstance(node, list):
        count = len(cast(list[Any], node))
        if part.isdecimal() and int(part) < count:
            return int(part)
        raise UsageError(f"'{change}' can't be applied: '{parent}' is a list; name a position from 0 to {count - 1}")
    raise UsageError(f"'{change}' can't be applied: '{parent}' holds a value, not further keys")
