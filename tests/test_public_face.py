"""The short list of names that a user meets: all there, all documented, and nothing is promised twice."""

from __future__ import annotations

import importlib

import pytest

import luthier as lt


@pytest.mark.parametrize("name", lt.__all__)
def test_every_public_name_resolves_and_is_documented(name: str) -> None:
    value = getattr(lt, name)
    assert (value.__doc__ or "").strip(), f"{name} has no docstring"
    assert value is getattr(lt, name)
    home = importlib.import_module(value.__module__)
    assert getattr(home, value.__name__) is value


def test_the_list_is_what_dir_shows() -> None:
    assert set(dir(lt)) == {*lt.__all__, "__version__"}
    assert len(set(lt.__all__)) == len(lt.__all__)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(AttributeError, match=r"module 'luthier' has no attribute 'Flaot'; it has: .*Float"):
        _ = lt.Flaot  # pyright: ignore[reportAttributeAccessIssue]
