"""From a stage's settings to an unfitted estimator: by a callable, an import path, a class, or an instance."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from luthier.core.contracts import Settings
from luthier.core.errors import StageError, UsageError, nearest_first
from luthier.core.seeds import derive_seed
from luthier.stages.fingerprint import code_version


def template_of(build: Any) -> Any | None:
    """The estimator that settings are applied to by `set_params`; None where `build` is a function of settings.

    Raises UsageError for an import path that leads nowhere, or a class that can't be made without arguments.
    """
    found = import_path(build) if isinstance(build, str) else build
    if inspect.isclass(found):
        try:
            found = found()
        except TypeError as error:
            raise UsageError(
                f"the estimator {found.__name__} can't be made without arguments ({error}); "
                "give an instance, or a function that takes the settings and returns one"
            ) from None
    if hasattr(found, "get_params") and hasattr(found, "fit"):
        return found
    if callable(found):
        return None
    raise UsageError(
        "an estimator must be a function of the settings, an import path such as "
        f"'sklearn.linear_model.LogisticRegression', a class, or an instance; got {build!r:.80}"
    )


def import_path(path: str) -> Any:
    """What `package.module.Name` names; raises UsageError where there is no such thing."""
    module, _, name = path.rpartition(".")
    if not module:
        raise UsageError(f"an import path has the form 'package.module.Name'; got '{path}'")
    try:
        holder = importlib.import_module(module)
    except ImportError as error:
        raise UsageError(f"'{path}' can't be imported: {error}; is the package installed?") from None
    if not hasattr(holder, name):
        listed = ", ".join(nearest_first(name, [each for each in vars(holder) if not each.startswith("_")])[:5])
        raise UsageError(f"the module '{module}' has no '{name}'; nearest are: {listed}")
    return getattr(holder, name)


def make(build: Any, template: Any | None, settings: Settings, names: frozenset[str]) -> Any:
    """A fresh, unfitted estimator. `names` are the settings that the template takes.

    Raises StageError where a function of the settings returns no estimator.
    """
    if template is not None:
        from sklearn.base import clone

        wanted = {name: value for name, value in settings.items() if name in names}
        estimator: Any = clone(template)
        return estimator.set_params(**wanted)
    function: Callable[[dict[str, Any]], Any] = import_path(build) if isinstance(build, str) else build
    estimator = function(dict(settings))
    if not hasattr(estimator, "fit") or not hasattr(estimator, "predict"):
        raise StageError(
            f"the function that builds the estimator must return an object with fit and predict; "
            f"got {type(estimator).__name__}"
        )
    return estimator


def settle(estimator: Any, seed: int, threads: int) -> Any:
    """`estimator` with what the user left open: random states from `seed`; boosters quiet, on `threads` threads."""
    open_states = {
        name: derive_seed(seed, name)
        for name, value in parameters_of(estimator).items()
        if value is None and name.rpartition("__")[2] == "random_state"
    }
    if open_states:
        estimator.set_params(**open_states)
    for part in parts_of(estimator):
        package = type(part).__module__.partition(".")[0]
        # None means one thread to scikit-learn, but to these packages all that the machine has.
        if package in ("xgboost", "lightgbm") and part.get_params(deep=False).get("n_jobs", threads) is None:
            part.set_params(n_jobs=threads)
        # LightGBM writes to stdout whatever is not forbidden by name.
        if package == "lightgbm" and not {"verbose", "verbosity"} & set(parameters_of(part)):
            part.set_params(verbose=-1)
    return estimator


def parameters_of(estimator: Any) -> Mapping[str, Any]:
    """The parameters of an estimator and of those inside it, by `step__name`; empty where it states none."""
    get = getattr(estimator, "get_params", None)
    return {} if get is None else get(deep=True)


def parts_of(estimator: Any) -> Iterator[Any]:
    """The estimator, and what it is made of: steps, base estimators, functions."""
    yield estimator
    for value in parameters_of(estimator).values():
        if callable(value) or hasattr(value, "get_params"):
            yield value


def build_version(build: Any, template: Any | None) -> str:
    """12 hex digits that change with the code or the preset parameters of `build`."""
    if template is None:
        return code_version(import_path(build) if isinstance(build, str) else build)
    described = [f"{type(template).__module__}.{type(template).__qualname__}"]
    for name, value in sorted(parameters_of(template).items()):
        written = code_version(value) if inspect.isroutine(value) else re.sub(r" at 0x[0-9a-f]+", "", repr(value))
        described.append(f"{name}={written}")
    return hashlib.sha256("\n".join(described).encode()).hexdigest()[:12]
