"""How user code gets to a worker process: by value, with cloudpickle, through files that all workers share.

What goes by value: everything defined in `__main__` (scripts, notebooks), lambdas, closures; single modules of
the user's own (`reviews.py` beside the script), so that a warm worker never runs an older version of them than
the parent does; and modules that the worker couldn't import. Installed packages, and the user's own packages
where they can be imported, go by name.
"""

from __future__ import annotations

import hashlib
import importlib.machinery
import os
import site
import sys
import sysconfig
import types
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from luthier.core.contracts import View
from luthier.core.errors import CannotTravel, StoreError
from luthier.run.failure import one_line
from luthier.run.wire import Parcel

_REMEMBERED = 32
_DEEPEST = 8


def pack(value: Any, what: str) -> bytes:
    """`value` as bytes, code by value; raises CannotTravel, naming the part of `what` that can't be sent."""
    import cloudpickle

    try:
        with _by_value(_goes_by_value):
            return cloudpickle.dumps(value, protocol=5)
    except Exception:
        pass  # a module may hold something that can't be copied, a lock for instance: send its name where that helps
    try:
        with _by_value(_is_out_of_reach):
            return cloudpickle.dumps(value, protocol=5)
    except Exception as error:
        path, culprit = _culprit(value, what)
        raise CannotTravel(
            f"{what} can't be sent to a worker process: {path} holds {_described(culprit)} "
            f"({one_line(str(error), 120)}). Make it inside the function that uses it, "
            f"or run in this process (workers=0, the inline runner)"
        ) from error


class Spool:
    """Packed objects as files in `folder`, each packed once per object and written once per content.

    An object counts as known while it is among the last ones used; its file goes when nothing needs it anymore.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: OrderedDict[Hashable, _Known] = OrderedDict()
        self._by_digest: weakref.WeakValueDictionary[str, Held] = weakref.WeakValueDictionary()

    def hold(self, value: Any, what: str) -> Held:
        """The file that `value` is packed in; it stays at least as long as the answer does."""
        key = _identity(value)
        if key in self._known:
            self._known.move_to_end(key)
            return self._known[key].held
        content = pack(value, what)
        digest = hashlib.sha256(content).hexdigest()
        held = self._by_digest.get(digest)
        if held is None:
            held = Held(self._folder, digest, content)
            self._by_digest[digest] = held
        self._known[key] = _Known(value, held)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return held


class Held:
    """A packed object on disk; the file is removed when nothing refers to this anymore."""

    def __init__(self, folder: Path, digest: str, content: bytes) -> None:
        path = folder / f"{digest}.pickle"
        try:
            path.write_bytes(content)
        except OSError as error:
            with suppress(OSError):
                path.unlink(missing_ok=True)
            raise StoreError(
                f"{len(content):,} bytes on their way to the worker processes can't be written to {folder}: "
                f"{error.strerror or error}; make space there, or name another place by TMPDIR, then resume the study"
            ) from error
        self.parcel = Parcel(digest, str(path))
        weakref.finalize(self, _remove, path, os.getpid())


def _remove(path: Path, owner: int) -> None:
    if os.getpid() == owner:  # not in a forked child, which ends with copies of its parent's objects
        path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class _Known:
    """Holding on to `value` keeps its id from being given to another object."""

    value: Any
    held: Held


def _identity(value: Any) -> Hashable:
    """Equal for the same object, and for views over the same data sets."""
    if isinstance(value, tuple):
        return tuple((id(v.train), id(v.validation)) if isinstance(v, View) else id(v) for v in value)
    return id(value)


# ------------------------------------------------------------------------------------- modules by value


@contextmanager
def _by_value(which: Callable[[str, types.ModuleType], bool]) -> Iterator[None]:
    """Within the block, cloudpickle copies the code of the modules of the user's own that `which` picks."""
    import cloudpickle

    mine = [
        module
        for name, module in list(sys.modules.items())
        if _is_users_own(name, module)
        and which(name, module)
        and name not in cloudpickle.list_registry_pickle_by_value()
    ]
    for module in mine:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in mine:
            cloudpickle.unregister_pickle_by_value(module)


def _is_users_own(name: str, module: types.ModuleType | None) -> bool:
    file = getattr(module, "__file__", None)
    return (
        isinstance(module, types.ModuleType)
        and isinstance(file, str)
        and file.endswith(".py")
        and module.__name__ == name
        and name not in ("__main__", "__mp_main__")  # cloudpickle sends these by value anyway
        and name.partition(".")[0] != "luthier"
        and not _is_installed(file)
    )


def _goes_by_value(name: str, module: types.ModuleType) -> bool:
    alone = "." not in name and not hasattr(module, "__path__")
    return alone or _is_out_of_reach(name, module)


def _is_out_of_reach(name: str, module: types.ModuleType) -> bool:
    return not _can_be_imported(name, str(module.__file__))


@cache
def _is_installed(file: str) -> bool:
    path = Path(os.path.realpath(file))
    if {"site-packages", "dist-packages"} & set(path.parts):
        return True
    roots = {*sysconfig.get_paths().values(), *site.getsitepackages(), site.getusersitepackages()}
    return any(path.is_relative_to(os.path.realpath(root)) for root in roots if root != sysconfig.get_path("data"))


def _can_be_imported(name: str, file: str) -> bool:
    """Whether a fresh process with our `sys.path` finds this very file under `name`."""
    path: Any = None
    found: importlib.machinery.ModuleSpec | None = None
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        found = _find(".".join(parts[:count]), path)
        if found is None:
            return False
        path = found.submodule_search_locations
    origin = found.origin if found is not None else None
    return origin is not None and os.path.realpath(origin) == os.path.realpath(file)


def _find(name: str, path: Any) -> importlib.machinery.ModuleSpec | None:
    for finder in sys.meta_path:
        found = finder.find_spec(name, path)
        if found is not None:
            return found
    return None


# ------------------------------------------------------------------------------------ what can't travel


def _culprit(value: Any, path: str, depth: int = 0) -> tuple[str, Any]:
    """The innermost part of `value` that can't be packed, and the way to it."""
    if depth < _DEEPEST:
        for name, part in _parts(value):
            if not _travels(part):
                return _culprit(part, f"{path} > {name}", depth + 1)
    return path, value


def _travels(value: Any) -> bool:
    import cloudpickle

    try:
        cloudpickle.dumps(value, protocol=5)
    except Exception:
        return False
    return True


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, types.MethodType):
        yield f"method '{value.__name__}'", value.__func__
        yield "self", value.__self__
    elif isinstance(value, types.FunctionType):
        yield from _parts_of_function(value)
    elif isinstance(value, partial):
        yield from (("the function", value.func), ("the arguments", value.args), ("the arguments", value.keywords))  # pyright: ignore[reportUnknownMemberType]
    elif isinstance(value, Mapping):
        yield from ((repr(name), part) for name, part in value.items())  # pyright: ignore[reportUnknownVariableType]
    elif isinstance(value, list | tuple | set | frozenset):
        yield from ((f"[{at}]", part) for at, part in enumerate(value))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    elif isinstance(value, type):
        yield from vars(value).items()
    else:
        yield from ((f"attribute '{name}'", part) for name, part in getattr(value, "__dict__", {}).items())
        if type(value).__module__ != "builtins":
            yield f"class '{type(value).__name__}'", type(value)


def _parts_of_function(function: Callable[..., Any]) -> Iterator[tuple[str, Any]]:
    code = function.__code__
    of = "lambda" if code.co_name == "<lambda>" else f"function '{code.co_name}'"
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield f"variable '{name}' around the {of}", cell.cell_contents
        except ValueError:
            continue  # not assigned yet
    for name in code.co_names:
        if name in function.__globals__:
            yield f"global '{name}' of the {of}", function.__globals__[name]
    yield f"defaults of the {of}", function.__defaults__
    yield f"defaults of the {of}", function.__kwdefaults__


def _described(value: Any) -> str:
    """'a lock', 'an open file', or the type's name."""
    kind = type(value)
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    known = {"lock": "a lock", "RLock": "a lock", "generator": "a generator", "socket": "a socket"}
    if kind.__module__ == "_io":
        return f"an open file (its type is {name})"
    return f"{known[kind.__name__]} (its type is {name})" if kind.__name__ in known else f"an object of type {name}"
