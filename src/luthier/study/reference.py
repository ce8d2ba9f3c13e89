"""User code named by a text: 'pipeline.py:build', 'my_package.module:build', 'sklearn.linear_model.Ridge'."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from luthier.core.errors import UsageError, nearest_first
from luthier.core.seeds import fingerprint


def load_reference(reference: str, folder: Path) -> Any:
    """The object that `reference` names; files are looked up in `folder`, which becomes importable.

    Raises UsageError where the file, module or name doesn't exist, or the module raises on import.
    """
    module_name, colon, attribute = reference.rpartition(":")
    if not colon:
        module_name, _, attribute = reference.rpartition(".")
    if not module_name or not attribute:
        raise UsageError(f"code is named like 'file.py:function' or 'package.module:function'; got '{reference}'")
    module = _module(module_name, folder, reference)
    found: Any = module
    for part in attribute.split("."):
        if not hasattr(found, part):
            names = [name for name in vars(module) if not name.startswith("_")]
            near = ", ".join(nearest_first(part, names)[:5])
            raise UsageError(f"'{module_name}' has no '{attribute}'; the nearest names in it are: {near}")
        found = getattr(found, part)
    return found


def _module(name: str, folder: Path, reference: str) -> ModuleType:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        return _from_file(folder / name) if name.endswith(".py") else importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = f"'{error.name}'" if error.name != name else "it"
        raise UsageError(f"'{reference}' can't be loaded: {missing} isn't installed or doesn't exist") from None
    except SyntaxError as error:
        raise UsageError(f"'{reference}' can't be loaded: line {error.lineno}: {error.msg}") from None
    except UsageError:
        raise
    except Exception as error:
        raise UsageError(
            f"'{reference}' can't be loaded: importing it raised {type(error).__name__}: {error}"
        ) from error


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        names = [other.name for other in path.parent.glob("*.py")] if path.parent.is_dir() else []
        near = f"; in that folder are: {', '.join(nearest_first(path.name, names)[:5])}" if names else ""
        raise UsageError(f"there is no file '{path}'{near}")
    path = path.resolve()
    name = path.stem
    known = sys.modules.get(name)
    if known is not None and getattr(known, "__file__", None) != str(path):
        # Another module has the name, of the standard library perhaps: it must stay what it is.
        name = f"{name}_{fingerprint('module', str(path))}"
        known = sys.modules.get(name)
    if known is not None:
        return known
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
