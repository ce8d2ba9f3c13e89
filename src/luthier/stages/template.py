"""A command with placeholders: `python train.py --lr {learning_rate} --out {output_dir}`.

`{name}` is replaced inside each argument, so that a value with blanks stays one argument; `{{` and `}}` stand for
braces. Values are written as JSON writes them, but texts plainly: 0.001, true, null, [1, 2].

An argument that is `{name:--flag}` is `--flag` where the setting is true, and isn't there where it is false or null;
`{name:--yes|--no}` says both.
"""

from __future__ import annotations

import json
import re
import shlex
import string
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from luthier.core.errors import UsageError, nearest_first

_SWITCH = re.compile(r"\{([A-Za-z_][\w-]*):(-[^{}|]*)(?:\|(-[^{}|]*))?\}")


@dataclass(frozen=True)
class Template:
    """Arguments with placeholders in them; with `shell`, the one text that /bin/sh is to run."""

    arguments: tuple[str, ...]
    shell: bool = False

    @staticmethod
    def of(command: str | Sequence[str], shell: bool = False) -> Template:
        """From a line as a person types it, or a list of arguments; raises UsageError where it can't be read."""
        if not isinstance(command, str):
            arguments = tuple(command)
        elif shell:
            arguments = (command,)
        else:
            try:
                arguments = tuple(shlex.split(command))
            except ValueError as error:
                raise UsageError(f"the command {command!r} can't be read: {error}") from None
        if not arguments or not arguments[0].strip():
            raise UsageError("a command needs a program to run; got an empty one")
        if shell and len(arguments) != 1:
            raise UsageError("a command for the shell is one text; got a list of arguments")
        return Template(arguments, shell)

    @property
    def names(self) -> tuple[str, ...]:
        """The placeholders, in order; raises UsageError for a brace that can't be read as one."""
        found: dict[str, None] = {}
        for argument in self.arguments:
            try:
                parts = list(string.Formatter().parse(argument))
            except ValueError as error:
                raise UsageError(f"{argument!r} can't be read ({error}); write {{{{ and }}}} for braces") from None
            for _, name, format_spec, conversion in parts:
                if name is None:
                    continue
                if not name or conversion or (format_spec and not self._is_switch(argument)):
                    raise UsageError(
                        f"a placeholder is a name in braces, or by itself {{name:--flag}}; in {argument!r} write "
                        "{{ and }} for braces"
                    )
                found[name] = None
        return tuple(found)

    def check(self, known: Collection[str], what: str) -> None:
        """Raise UsageError for a placeholder that isn't `known`."""
        for name in self.names:
            if name not in known:
                raise UsageError(
                    f"{what} has the unknown placeholder {{{name}}}; known are: "
                    f"{', '.join(nearest_first(name, known))}; write {{{{ and }}}} for braces"
                )

    def fill(self, values: Mapping[str, Any]) -> list[str]:
        """The arguments with `values` in place; for the shell they are quoted."""
        texts = {name: as_text(values[name]) for name in self.names}
        if self.shell:
            quoted = {name: shlex.quote(text) for name, text in texts.items()}
            return ["/bin/sh", "-c", self.arguments[0].format(**quoted)]
        filled: list[str] = []
        for argument in self.arguments:
            if not self._is_switch(argument):
                filled.append(argument.format(**texts))
            elif said := _switched(argument, values):
                filled.append(said)
        return filled

    def _is_switch(self, argument: str) -> bool:
        return not self.shell and _SWITCH.fullmatch(argument) is not None


def _switched(argument: str, values: Mapping[str, Any]) -> str:
    """What `{name:--yes|--no}` stands for, '' for nothing; raises UsageError for neither true nor false."""
    match = _SWITCH.fullmatch(argument)
    assert match is not None
    name, yes, no = match[1], match[2], match[3] or ""
    if values[name] not in (True, False, None):
        raise UsageError(f"{{{name}:...}} needs a setting that is true or false; '{name}' is {values[name]!r}")
    return yes if values[name] else no


def as_text(value: Any) -> str:
    """A value as an argument shows it."""
    if isinstance(value, str):
        return value
    return json.dumps(list(value) if isinstance(value, tuple) else value)
