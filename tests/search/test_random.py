"""Random search, and finding what isn't taken."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from luthier.core.metric import Metric
from luthier.core.parameter import Choice, Float, Int, Order, Prior, Subset, Text
from luthier.core.space import Space
from luthier.core.trial import Fidelity, Trial
from luthier.search.finite import all_configs
from luthier.search.fresh import Fresh
from luthier.search.random import Random

METRIC = Metric("score")


def test_draws_follow_the_prior():
    space = Space({"x": Float(0.0, 1.0, prior=Prior(0.8, 0.05))})
    drawn = [grant.config["x"] for grant in Random(space, METRIC, Fidelity(), 0).ask(200, space)]
    assert abs(np.mean(drawn) - 0.8) < 0.02
    assert 0.03 < np.std(drawn) < 0.07


def test_seeds_differ_and_repeat():
    space = Space({"x": Float(0.0, 1.0)})
    ask = [Random(space, METRIC, Fidelity(), seed).ask(5, space) for seed in (1, 1, 2)]
    assert ask[0] == ask[1] != ask[2]


def test_a_batch_is_what_one_at_a_time_would_be():
    space = Space({"x": Float(0.0, 1.0)})
    batch = Random(space, METRIC, Fidelity(), 3).ask(4, space)
    searcher = Random(space, METRIC, Fidelity(), 3)
    singles = []
    for number in range(4):
        (grant,) = searcher.ask(1, space)
        searcher.tell(Trial(number, grant.config))
        singles.append(grant)
    assert singles == batch


def test_an_improbable_last_config_is_found():
    space = Space({"x": Choice(tuple(range(50)), weights=(1e6,) + (1e-6,) * 49)})
    grants = Random(space, METRIC, Fidelity(), 0).ask(60, space)
    assert {grant.config["x"] for grant in grants} == set(range(50))


def test_all_configs_multiplies_only_what_is_active():
    space = Space(
        {
            "kind": Choice(("a", "b")),
            "depth": Int(1, 3, when={"kind": "b"}),
            "rate": Float(0.0, 1.0, step=0.5),
            "log": Int(1, 40, log=True, when={"kind": "a"}),
        }
    )
    listed = all_configs(space, 1000)
    assert listed is not None
    assert len(listed) == len(set(listed)) == (40 + 3) * 3
    assert all_configs(space, 128) is None
    assert all_configs(space, 129) is not None
    assert all_configs(Space({"x": Float(0.0, 1.0)}), 10_000) is None


def test_all_configs_of_every_kind():
    space = Space({"s": Subset((1, 2, 3), max_size=2), "o": Order(("a", "b", "c")), "t": Text(("one", "two"))})
    listed = all_configs(space, 1000)
    assert listed is not None
    assert len(listed) == 7 * 6 * 2


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 6), st.integers(1, 6))
def test_fresh_finds_the_one_that_is_left(seed, first, second):
    space = Space({"a": Int(1, first + 1), "b": Choice(tuple(range(second)))})
    listed = all_configs(space, 100)
    assert listed is not None
    left = listed[seed % len(listed)]
    taken = {config.key for config in listed} - {left.key}
    assert Fresh().find(space, taken, np.random.default_rng(seed)) == left
    assert Fresh().find(space, taken | {left.key}, np.random.default_rng(seed)) is None
