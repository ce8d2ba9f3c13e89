"""Grid search."""

import pytest

from luthier.core.errors import UsageError
from luthier.core.metric import Metric
from luthier.core.parameter import Choice, Float, Int
from luthier.core.space import Space
from luthier.core.trial import Fidelity, Trial
from luthier.search.grid import Grid

SPACE = Space({"x": Float(0.0, 1.0), "n": Int(1, 9), "kind": Choice(("a", "b", "c"))})


def _grid(space=SPACE, seed=0, **options):
    return Grid(space, Metric("score"), Fidelity(), seed, **options)


def test_covers_the_grid_once():
    configs = [grant.config for grant in _grid(size=3).ask(1000, SPACE)]
    assert sorted(map(repr, configs)) == sorted(map(repr, SPACE.grid(3)))


def test_the_seed_shuffles():
    first, again, other = (_grid(seed=seed, size=3).ask(27, SPACE) for seed in (0, 0, 1))
    assert first == again != other
    assert [grant.config for grant in first] != SPACE.grid(3)


def test_skips_what_is_known():
    searcher = _grid(size=2)
    known = SPACE.grid(2)[:7]
    for number, config in enumerate(known):
        searcher.tell(Trial(number, config))
    left = {grant.config for grant in searcher.ask(100, SPACE)}
    assert left == set(SPACE.grid(2)) - set(known)


def test_the_size_shrinks_until_the_grid_is_of_moderate_length():
    wide = Space({f"x{i}": Float(0.0, 1.0) for i in range(8)})
    assert len(_grid(wide).ask(20_000, wide)) == 3**8
    assert len(_grid(Space({"x": Float(0.0, 1.0)})).ask(100, Space({"x": Float(0.0, 1.0)}))) == 5


def test_a_grid_without_end_is_refused():
    endless = Space({f"x{i}": Float(0.0, 1.0) for i in range(21)})
    with pytest.raises(UsageError, match="2,097,152 points, more than 2,000,000; state a smaller size"):
        _grid(endless).ask(1, endless)
    with pytest.raises(UsageError, match="size of a grid must be >= 1"):
        _grid(size=0)
