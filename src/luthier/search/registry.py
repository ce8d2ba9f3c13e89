"""Searchers and pruners by name: ours and those of other packages, through the same door.

Another package names its own in its pyproject.toml, under "luthier.searchers" or "luthier.pruners":

    [project.entry-points."luthier.searchers"]
    my-searcher = "my_package.my_module:MySearcher"
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol

from luthier.core.contracts import Pruner, SearcherFactory
from luthier.core.errors import UnknownName, UsageError
from luthier.core.metric import Metric
from luthier.core.trial import Fidelity

SEARCHERS = "luthier.searchers"
PRUNERS = "luthier.pruners"

_OURS: Mapping[str, Mapping[str, str]] = {
    SEARCHERS: {
        "asha": "luthier.search.asha:Asha",
        "cma-es": "luthier.search.cma_es:CmaEs",
        "grid": "luthier.search.grid:Grid",
        "model": "luthier.search.model:Model",
        "random": "luthier.search.random:Random",
        "sobol": "luthier.search.sobol:Sobol",
        "tpe": "luthier.search.tpe:Tpe",
    },
    PRUNERS: {
        "asha": "luthier.search.asha_stopping:AshaStopping",
        "median": "luthier.search.median:MedianPruner",
        "race": "luthier.search.race:Race",
    },
}


class PrunerFactory(Protocol):
    """How a pruner is made; what `luthier.pruners` entry points name. Options are keywords with defaults."""

    def __call__(self, metric: Metric, fidelity: Fidelity) -> Pruner: ...


def get_searcher(name: str) -> SearcherFactory:
    """What makes the searcher `name`; raises UnknownName with the known ones, UsageError where it can't be loaded."""
    return _load("searcher", SEARCHERS, name)


def get_pruner(name: str) -> PrunerFactory:
    """What makes the pruner `name`; raises as `get_searcher` does."""
    return _load("pruner", PRUNERS, name)


def known_searchers() -> tuple[str, ...]:
    """All names that `get_searcher` takes, sorted."""
    return tuple(sorted(_doors(SEARCHERS)))


def known_pruners() -> tuple[str, ...]:
    """All names that `get_pruner` takes, sorted."""
    return tuple(sorted(_doors(PRUNERS)))


def _doors(group: str) -> dict[str, EntryPoint]:
    """Entry points by name; ours win over another package's of the same name."""
    others = {point.name: point for point in entry_points(group=group)}
    return others | {name: EntryPoint(name, value, group) for name, value in _OURS[group].items()}


def _load(what: str, group: str, name: str) -> Any:
    doors = _doors(group)
    if name not in doors:
        raise UnknownName(what, name, doors)
    try:
        return doors[name].load()
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"the {what} '{name}' could not be loaded from '{doors[name].value}': {error}; "
            "reinstall or remove the package that names it"
        ) from error
