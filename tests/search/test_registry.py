"""Searchers and pruners by name, ours and those of others."""

from importlib.metadata import EntryPoint

import pytest

from luthier.core.errors import UnknownName, UsageError
from luthier.search import registry
from luthier.search.model import Model
from luthier.search.race import Race
from luthier.search.random import Random


def test_ours():
    assert registry.get_searcher("random") is Random
    assert registry.get_searcher("model") is Model
    assert registry.get_pruner("race") is Race
    assert set(registry.known_searchers()) >= {"asha", "grid", "model", "random", "sobol"}
    assert set(registry.known_pruners()) >= {"asha", "median", "race"}


def test_unknown_names_list_the_nearest_first():
    with pytest.raises(UnknownName, match="unknown searcher 'radnom'; known are: random, "):
        registry.get_searcher("radnom")
    with pytest.raises(UnknownName, match="unknown pruner 'meadian'; known are: median, "):
        registry.get_pruner("meadian")


def test_others_come_in_by_entry_points(monkeypatch):
    points = {
        registry.SEARCHERS: [
            EntryPoint("theirs", "luthier.search.sobol:Sobol", registry.SEARCHERS),
            EntryPoint("random", "luthier.search.sobol:Sobol", registry.SEARCHERS),
            EntryPoint("broken", "luthier.search.sobol:Missing", registry.SEARCHERS),
        ]
    }
    monkeypatch.setattr(registry, "entry_points", lambda group: points.get(group, []))
    assert registry.get_searcher("theirs").__name__ == "Sobol"
    assert registry.get_searcher("random") is Random
    assert "theirs" in registry.known_searchers()
    with pytest.raises(UsageError, match="the searcher 'broken' could not be loaded from"):
        registry.get_searcher("broken")
