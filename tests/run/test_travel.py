from __future__ import annotations

import functools
import importlib
import pickle
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from luthier.core.errors import CannotTravel
from luthier.run.travel import Spool, pack
from tests.run.stages import FunctionStage


def function_of_main(source: str) -> Any:
    """The function `f` as a script or a notebook would have defined it."""
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(source, names)
    return names["f"]


def test_what_cannot_travel_is_named(tmp_path: Path) -> None:
    lock = threading.Lock()

    def train(step: int, settings: Any, context: Any) -> float:
        with lock:
            return 1.0

    with pytest.raises(CannotTravel) as caught:
        pack(FunctionStage(train), "stage 'function'")
    assert str(caught.value) == (
        "stage 'function' can't be sent to a worker process: stage 'function' > attribute 'function' > "
        "variable 'lock' around the function 'train' holds a lock (its type is _thread.lock) "
        "(cannot pickle '_thread.lock' object). Make it inside the function that uses it, "
        "or run in this process (workers=0, the inline runner)"
    )


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: {"rows": (n for n in range(3))}, "'rows' holds a generator"),
        (lambda: functools.partial(max, key=threading.Lock()), "'key' holds a lock"),
        (
            lambda: function_of_main("import threading\nL = threading.Lock()\ndef f(x):\n    return L"),
            "global 'L' of the function 'f' holds a lock",
        ),
    ],
)
def test_the_way_to_it(make: Any, words: str) -> None:
    with pytest.raises(CannotTravel) as caught:
        pack(make(), "it")
    assert words in str(caught.value)


def test_an_open_file(tmp_path: Path) -> None:
    with (tmp_path / "out.txt").open("w") as file, pytest.raises(CannotTravel) as caught:
        pack([1, file], "it")
    assert "it > [1] holds an open file (its type is _io.TextIOWrapper)" in str(caught.value)


def test_modules_of_the_users_own_go_by_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "luthier_test_reviews.py").write_text("def score():\n    return 1\n")
    module = importlib.import_module("luthier_test_reviews")
    try:
        content = pack(module.score, "it")
        (tmp_path / "luthier_test_reviews.py").write_text("def score():\n    return 2\n")
        del sys.modules["luthier_test_reviews"]
        assert pickle.loads(content)() == 1, "as it was when it was sent, not as the file is now"
        assert "luthier_test_reviews" not in sys.modules
    finally:
        sys.modules.pop("luthier_test_reviews", None)


def test_modules_that_cannot_be_copied_go_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    source = "import threading\nLOCK = threading.Lock()\ndef score():\n    with LOCK:\n        return 1\n"
    (tmp_path / "luthier_test_locked.py").write_text(source)
    module = importlib.import_module("luthier_test_locked")
    try:
        assert pickle.loads(pack(module.score, "it")) is module.score
    finally:
        sys.modules.pop("luthier_test_locked", None)


def test_installed_packages_go_by_name() -> None:
    from luthier.run.check import CountingStage

    assert pickle.loads(pack(functools.reduce, "it")) is functools.reduce
    assert pickle.loads(pack(CountingStage, "it")) is CountingStage
    assert len(pack(pytest.approx, "it")) < 100


def test_code_out_of_reach_goes_by_value_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "luthier_test_far.py").write_text("import threading\nL = threading.Lock()\ndef f():\n    return L\n")
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("luthier_test_far")
    monkeypatch.undo()
    try:
        with pytest.raises(CannotTravel, match="global 'L' of the function 'f' holds a lock"):
            pack(module.f, "it")
    finally:
        sys.modules.pop("luthier_test_far", None)


def test_a_spool_packs_an_object_once_and_tidies_up(tmp_path: Path) -> None:
    packed: list[int] = []

    class Watched:
        def __getstate__(self) -> dict[str, int]:
            packed.append(1)
            return {}

    spool, watched = Spool(tmp_path), Watched()
    parcels = {spool.hold(watched, "it").parcel for _ in range(3)}
    assert len(parcels) == len(packed) == 1
    assert len({spool.hold([1, 2], "it").parcel for _ in range(3)}) == 1, "equal content is one file"
    kept = spool.hold([3], "it")
    for number in range(100):
        spool.hold([number, "more"], "it")
    assert Path(kept.parcel.path).exists()
    assert len(list(tmp_path.iterdir())) < 40
