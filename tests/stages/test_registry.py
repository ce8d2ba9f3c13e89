from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from luthier.core.errors import UnknownName
from luthier.stages import registry
from luthier.stages.function import FunctionStage
from luthier.stages.registry import get_stage, known_stages


def test_the_built_in_kinds():
    assert known_stages() == ("chain", "command", "estimator", "function")
    for kind in known_stages():
        assert get_stage(kind).kind == kind


def test_an_unknown_kind_lists_the_known_ones():
    with pytest.raises(UnknownName, match="unknown stage 'comand'; known are: command, "):
        get_stage("comand")


def test_a_kind_of_another_package(monkeypatch):
    entry = EntryPoint("ours", "luthier.stages.function:FunctionStage", registry.GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [entry] if group == "luthier.stages" else [])
    assert get_stage("ours") is FunctionStage
    assert "ours" in known_stages()
