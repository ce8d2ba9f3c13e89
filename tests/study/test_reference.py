"""User code named by a text."""

from __future__ import annotations

import random as standard_random
import sys

import pytest

from luthier.core.errors import UsageError
from luthier.study.reference import load_reference


@pytest.fixture(autouse=True)
def unchanged_modules():
    paths, modules = [*sys.path], {*sys.modules}
    yield
    sys.path[:] = paths
    for name in {*sys.modules} - modules:
        del sys.modules[name]


@pytest.mark.parametrize(
    "reference", ["collections:OrderedDict", "collections.OrderedDict", "collections:OrderedDict.fromkeys"]
)
def test_installed_code(tmp_path, reference):
    import collections

    assert load_reference(reference, tmp_path) in (collections.OrderedDict, collections.OrderedDict.fromkeys)


def test_a_file_may_import_its_neighbors(tmp_path):
    (tmp_path / "helper_of_a_test.py").write_text("VALUE = 3\n")
    (tmp_path / "main_of_a_test.py").write_text("from helper_of_a_test import VALUE\n\ndef f():\n    return VALUE\n")
    assert load_reference("main_of_a_test.py:f", tmp_path)() == 3
    assert load_reference("main_of_a_test:f", tmp_path) is load_reference("main_of_a_test.py:f", tmp_path)


def test_a_file_with_the_name_of_another_module(tmp_path):
    (tmp_path / "random.py").write_text("def f():\n    return 4\n")
    f = load_reference("random.py:f", tmp_path)
    assert f() == 4
    assert sys.modules["random"] is standard_random
    assert load_reference("random.py:f", tmp_path) is f


def test_two_files_of_one_name(tmp_path):
    for number, name in enumerate("ab"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "code_of_a_test.py").write_text(f"def f():\n    return {number}\n")
    assert [load_reference("code_of_a_test.py:f", tmp_path / name)() for name in "aba"] == [0, 1, 0]


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("f", "code is named like 'file.py:function' or 'package.module:function'; got 'f'"),
        ("good.py:", "code is named like"),
        ("god.py:f", r"there is no file '.*god.py'; in that folder are: good.py, "),
        ("good.py:g", "'good.py' has no 'g'; the nearest names in it are: f"),
        ("good.py:f.name", "'good.py' has no 'f.name'"),
        ("nothing_like_this:f", "it isn't installed or doesn't exist"),
        ("lacks.py:f", "'nothing_like_this' isn't installed or doesn't exist"),
        ("breaks.py:f", "importing it raised ZeroDivisionError: division by zero"),
        ("unreadable.py:f", "can't be loaded: line 1: "),
    ],
)
def test_what_cannot_be_loaded(tmp_path, reference, message):
    (tmp_path / "good.py").write_text("def f():\n    pass\n")
    (tmp_path / "lacks.py").write_text("import nothing_like_this\n")
    (tmp_path / "breaks.py").write_text("1 / 0\n")
    (tmp_path / "unreadable.py").write_text("def f(:\n")
    with pytest.raises(UsageError, match=message):
        load_reference(reference, tmp_path)
    assert "breaks" not in sys.modules
