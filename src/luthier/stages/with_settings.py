"""Runs a Python script with some of its literals replaced: `python -m luthier.stages.with_settings train.py LR=0.1`.

The file is read, never written: the new values stand in its tree in memory, so tracebacks name the right lines.
The script runs as `__main__`, with its own `__file__`, folder on the path, and the arguments after `--`. Processes
that it starts by spawning read the file anew, and so see the literals as they are written there.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, TracebackType
from typing import Any

from luthier.core.errors import UsageError
from luthier.stages.literal_settings import with_values


class _Loader(SourceFileLoader):
    """Loads a script with other values; never from, and never into, a cache of compiled files."""

    def __init__(self, path: str, values: dict[str, str]) -> None:
        super().__init__("__main__", path)
        self._values = values

    def get_code(self, fullname: str) -> CodeType:
        tree = ast.parse(self.get_data(self.path), filename=self.path)
        return compile(with_values(tree, self._values), self.path, "exec", dont_inherit=True)


def run(script: str, values: dict[str, str], arguments: Sequence[str] = ()) -> None:
    """Run `script` as `__main__` with `values` for its literals; raises what it raises."""
    if not Path(script).is_file():
        raise UsageError(f"there is no script '{script}' (from '{Path.cwd()}'); check the path")
    loader = _Loader(script, values)
    specification = importlib.util.spec_from_loader("__main__", loader, origin=script)
    assert specification is not None
    module = importlib.util.module_from_spec(specification)
    module.__file__, module.__spec__ = script, None
    sys.modules["__main__"] = module
    sys.argv = [script, *arguments]
    sys.path[0] = str(Path(script).resolve().parent)
    loader.exec_module(module)


def main(arguments: Sequence[str]) -> int:
    """The command line; its exit status."""
    ours, theirs = _parted(arguments)
    if not ours or any("=" not in one for one in ours[1:]):
        print("usage: python -m luthier.stages.with_settings SCRIPT NAME=VALUE ... [-- ARGUMENTS]", file=sys.stderr)  # noqa: T201
        return 2
    script, values = ours[0], {name: text for name, _, text in (one.partition("=") for one in ours[1:])}
    try:
        run(script, values, theirs)
    except UsageError as error:
        print(f"luthier: {error}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    except Exception as error:
        inner = _within(error.__traceback__, script)
        sys.excepthook(type(error), error.with_traceback(inner), inner)
        return 1
    return 0


def _parted(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    given = list(arguments)
    cut = given.index("--") if "--" in given else len(given)
    return given[:cut], given[cut + 1 :]


def _within(traceback: TracebackType | None, script: str) -> Any:
    """The traceback from where it enters the script, or all of it."""
    inner = traceback
    while inner is not None and inner.tb_frame.f_code.co_filename != script:
        inner = inner.tb_next
    return inner or traceback


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
