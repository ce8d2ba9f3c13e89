"""A fitted model as bytes and back: a zip of `about.json` and the model by skops, or by pickle on request.

Large look-up tables lie beside a skops model in `tables.json` (see `lookup`).

What skops doesn't know of itself is loaded only if it is allowed: classes of the packages in PACKAGES, what
lies in the package that the estimator was built in, and what the user names in `trusted`. Pickle runs whatever
the file says, so it is written and read only by a stage that was made with `allow_pickle=True`.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import io
import json
import sys
import zipfile
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from luthier.core.errors import StageError
from luthier.stages.build import parts_of
from luthier.stages.lookup import put_back, taken_out

PACKAGES = frozenset({"sklearn", "numpy", "scipy", "xgboost", "lightgbm"})
"""Packages whose classes are loaded. Their functions aren't, for some do more than compute."""

FUNCTIONS = frozenset(
    f"sklearn.feature_selection.{name}"
    for name in (
        "_univariate_selection.f_classif",
        "_univariate_selection.f_regression",
        "_univariate_selection.chi2",
        "_univariate_selection.r_regression",
        "_mutual_info.mutual_info_classif",
        "_mutual_info.mutual_info_regression",
    )
) | {"collections.OrderedDict", "collections.defaultdict"}
"""What else is loaded, by its whole name."""


@dataclass(frozen=True)
class Trust:
    """What may be loaded besides what skops knows.

    `names` are whole names that the user listed; `home` is the package of the user's own code ('' for none).
    """

    names: tuple[str, ...] = ()
    home: str = ""
    allow_pickle: bool = False

    def refused(self, names: Iterable[str]) -> list[str]:
        """Those of `names` (`package.module.Name`) that may not, or can't, be loaded."""
        return [name for name in names if not self._allows(name)]

    def _allows(self, name: str) -> bool:
        package = name.partition(".")[0]
        if package == "__main__" or "<" in name:
            return False
        if name in self.names or name in FUNCTIONS:
            return True
        if package in PACKAGES:
            found = _find(name)
            return inspect.isclass(found) and found.__module__.partition(".")[0] == package
        return bool(self.home) and package == self.home and _find(name) is not None


def home_of(code: Any) -> str:
    """The package that a function, class or instance was written in; '' for Python's own."""
    code = code.func if isinstance(code, functools.partial) else code
    package = str(getattr(code, "__module__", "")).partition(".")[0]
    return "" if package in sys.stdlib_module_names or package in PACKAGES else package


def check_storable(estimator: Any, trust: Trust) -> None:
    """Raise StageError, before anything is fitted, where a part of `estimator` couldn't be stored or loaded."""
    if trust.allow_pickle:
        return
    # Seconds on a busy machine: while the search runs, and not when the time for the final fits is short.
    import skops.io  # noqa: F401

    named = (part if inspect.isroutine(part) or inspect.isclass(part) else type(part) for part in parts_of(estimator))
    names = [f"{part.__module__}.{part.__qualname__}" for part in named if hasattr(part, "__qualname__")]
    refused = [name for name in names if name.partition(".")[0] in ("__main__", trust.home) or "<" in name]
    refused = trust.refused(refused)
    if refused:
        raise StageError(_cannot_store(refused))


def model_to_bytes(model: Any, about: Mapping[str, Any], trust: Trust) -> bytes:
    """The zip of `model` and the plain JSON `about`; raises StageError where skops can't and pickle may not."""
    with taken_out(model) as tables:
        content, refused = _by_skops(model, trust)
    suffix = "skops"
    if refused:
        if not trust.allow_pickle:
            raise StageError(_cannot_store(refused))
        import cloudpickle

        content, suffix, tables = cloudpickle.dumps(model), "pickle", []
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("about.json", json.dumps(about, sort_keys=True))
        archive.writestr(f"model.{suffix}", content)
        if tables:
            archive.writestr("tables.json", json.dumps(tables))
    return buffer.getvalue()


def model_from_bytes(content: bytes, trust: Trust) -> tuple[Any, dict[str, Any]]:
    """The model and what is said `about` it; raises StageError listing what isn't allowed, and how to allow it."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        about: dict[str, Any] = json.loads(parts["about.json"])
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise StageError(f"this artifact holds no model of an estimator stage ({error})") from error
    if "model.pickle" in parts:
        if not trust.allow_pickle:
            raise StageError(
                "this model was stored by pickle, which runs whatever the file says; if you made it yourself, "
                "load it with a stage that was made with allow_pickle=True"
            )
        import cloudpickle

        return cloudpickle.loads(parts["model.pickle"]), about
    import skops.io

    untrusted = skops.io.get_untrusted_types(data=parts["model.skops"])
    refused = trust.refused(untrusted)
    if refused:
        raise StageError(
            f"this model holds {', '.join(refused)}, which loading would import; if you know what that is, "
            f"allow it with trusted={tuple(refused)!r}"
        )
    model = skops.io.loads(parts["model.skops"], trusted=list(untrusted))
    put_back(model, json.loads(parts.get("tables.json", b"[]")))
    return model, about


def _by_skops(model: Any, trust: Trust) -> tuple[bytes, list[str]]:
    """The model's bytes, and what in them couldn't be loaded again."""
    import skops.io

    try:
        content: bytes = skops.io.dumps(model)
        return content, trust.refused(skops.io.get_untrusted_types(data=content))
    except Exception as error:  # skops raises many kinds, by what it meets inside
        return b"", [f"something that skops can't write ({error})"]


def _cannot_store(refused: Collection[str]) -> str:
    return (
        f"the model holds {', '.join(dict.fromkeys(refused))}, which couldn't be loaded again elsewhere; "
        "move it by name into a module that can be imported (and list it in `trusted` if that is another package "
        "than the estimator's), or make the stage with allow_pickle=True"
    )


def _find(name: str) -> Any | None:
    module, _, attribute = name.rpartition(".")
    try:
        return getattr(importlib.import_module(module), attribute, None)
    except (ImportError, ValueError):
        return None
