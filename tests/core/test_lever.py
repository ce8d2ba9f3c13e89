"""Levers: dotted names, conditions across levers, and a space that leaves only some of them free."""

from __future__ import annotations

import pytest

from luthier.core.errors import SpaceError, UnknownName
from luthier.core.lever import Lever, free_only, joint_space, lever_names
from luthier.core.meaning import by_meaning, known_meanings
from luthier.core.parameter import Choice, Float, Int
from luthier.core.space import Space

MODEL = Lever("model", {"kind": Choice(("svm", "nb")), "C": Float(0.1, 10, log=True, when={"kind": "svm"})})
TRAIN = Lever("train", {"epochs": Int(1, 9), "warmup": Int(0, 3, when={"model.kind": "svm"})})


def test_joint_spaces_dot_names_and_conditions() -> None:
    space = joint_space([MODEL, TRAIN])
    assert list(space.parameters) == ["model.kind", "model.C", "train.epochs", "train.warmup"]
    assert set(space.config({"model.kind": "nb"})) == {"model.kind", "train.epochs"}
    assert lever_names(space) == ("model", "train")
    config = space.config()
    assert config.lever("train") == {"epochs": 5, "warmup": 2}
    assert config.by_lever()["model"] == {"kind": "svm", "C": pytest.approx(1.0)}
    assert config.lever("nothing") == {}


def test_free_only_holds_the_other_levers() -> None:
    space = joint_space([MODEL, TRAIN])
    held = space.config({"model.kind": "nb", "train.epochs": 7})
    narrow = free_only(space, ["model"], held)
    assert narrow.free == ("model.kind", "model.C")
    assert narrow.config({"model.kind": "svm"})["train.epochs"] == 7
    assert narrow.config({"model.kind": "svm"})["train.warmup"] == 2


def test_a_lever_survives_json() -> None:
    assert Space.from_json(MODEL.to_json()) == Space(MODEL.settings)


@pytest.mark.parametrize("name", ["a.b", "", "1a", "a b"])
def test_names_are_checked(name: str) -> None:
    with pytest.raises(SpaceError):
        Lever(name, {"a": Int(0, 1)})
    with pytest.raises(SpaceError):
        Lever("lever", {name: Int(0, 1)})


def test_levers_need_settings_and_different_names() -> None:
    with pytest.raises(SpaceError, match="at least one setting"):
        Lever("lever", {})
    with pytest.raises(SpaceError, match="need different names; got model, model"):
        joint_space([MODEL, MODEL])


@pytest.mark.parametrize("name", known_meanings())
def test_known_meanings_are_settings_whose_prior_can_be_drawn(name: str) -> None:
    parameter = by_meaning(name)
    for uniform in (0.0, 0.3, 0.999):
        value = parameter.draw((uniform,))
        assert parameter.check(value) == value


def test_an_unknown_meaning_lists_the_nearest_first() -> None:
    with pytest.raises(UnknownName, match="unknown setting for 'auto' 'learning_rat'; known are: learning_rate, "):
        by_meaning("learning_rat")
