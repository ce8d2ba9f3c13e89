"""Every searcher and pruner of ours passes the suite that outside authors run."""

import functools

import pytest

from luthier.core.trial import Decision
from luthier.search.asha import Asha
from luthier.search.check import check_pruner, check_searcher, check_telling
from luthier.search.cma_es import CmaEs
from luthier.search.model import Model
from luthier.search.random import Random
from luthier.search.registry import get_pruner, get_searcher, known_pruners, known_searchers
from luthier.search.sobol import Sobol
from luthier.search.tpe import Tpe


@pytest.mark.parametrize("name", known_searchers())
def test_searchers_conform(name):
    check_searcher(get_searcher(name))


def test_asha_conforms_with_other_inner_searchers():
    check_searcher(functools.partial(Asha, inner=Sobol, eta=2, minimum=2))
    for inner in (Model, Tpe, CmaEs):
        check_telling(functools.partial(Asha, inner=inner))


@pytest.mark.parametrize("name", known_pruners())
def test_pruners_conform(name):
    check_pruner(get_pruner(name))


class Forgetful(Random):
    """Repeats itself: takes what it was told for nothing."""

    def tell(self, trial):
        pass


class Restless(Random):
    """Proposes something else whenever it is asked again."""

    asked = 0

    def rng(self, proposed):
        Restless.asked += 1
        return super().rng(proposed + Restless.asked)


class Careless(Random):
    """Ignores what is fixed."""

    def propose(self, within, proposed, taken):
        return super().propose(self.space, proposed, taken)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (Forgetful, "must be of a new config"),
        (Restless, "must propose the same"),
        (Careless, "must lie in the space asked for"),
    ],
)
def test_the_suite_finds_broken_searchers(broken, message):
    with pytest.raises(AssertionError, match=message):
        check_searcher(broken)


class Hasty:
    """Stops everybody."""

    def __init__(self, metric, fidelity):
        pass

    def decision_points(self, until):
        return tuple(range(1, until + 1))

    def decide(self, trial, others):
        return Decision.STOP


def test_the_suite_finds_broken_pruners():
    with pytest.raises(AssertionError, match="decision points must rise within"):
        check_pruner(Hasty)
