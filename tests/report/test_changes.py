"""What differs between two configs, in words."""

from __future__ import annotations

from luthier.core.config import Config
from luthier.report.changes import changes_between, describe

BEFORE = Config({"model.kind": "logistic", "model.C": 1.0, "model.depth": None})


def test_settings_that_only_one_config_has_are_unused_in_the_other():
    after = Config({"model.kind": "ridge", "model.alpha": 2.652, "model.depth": None})
    assert describe(changes_between(BEFORE, after)) == "kind logistic -> ridge, C 1 -> unused, alpha unused -> 2.652"


def test_none_is_a_value_like_others():
    after = Config({**BEFORE, "model.depth": 3})
    assert describe(changes_between(BEFORE, after)) == "depth none -> 3"
