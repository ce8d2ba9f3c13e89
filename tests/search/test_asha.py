"""ASHA against an example worked by hand."""

import functools
from dataclasses import replace

import pytest

from luthier.core.errors import UsageError
from luthier.core.metric import Direction, Metric
from luthier.core.parameter import Choice, Float, Int
from luthier.core.space import Space
from luthier.core.trial import Failure, Fidelity, Measurement, Resume, Start, Status, Trial
from luthier.search.asha import Asha
from luthier.search.rungs import rungs
from luthier.search.sobol import Sobol

SPACE = Space({"x": Float(0.0, 1.0)})
NINE = Fidelity("epoch", 9, cumulative=False)
SCORE = Metric("score")


def _trial(number, values, status=Status.PAUSED, until=None):
    measured = tuple(Measurement(unit + 1, value) for unit, value in enumerate(values))
    return Trial(number, SPACE.config({"x": number / 100}), status, until=until or len(values), measurements=measured)


def _asha(metric=SCORE, fidelity=NINE, **options):
    return Asha(SPACE, metric, fidelity, 0, **options)


def test_rungs():
    assert rungs(9) == (1, 3, 9)
    assert rungs(10) == (1, 3, 10)
    assert rungs(52) == (1, 3, 9, 27, 52)
    assert rungs(1) == (1,)
    assert rungs(2) == (1, 2)
    assert rungs(15, eta=4, minimum=2) == (2, 15)
    assert rungs(8, eta=1.5) == (1, 2, 3, 5, 8)
    assert rungs(5, minimum=5) == (5,)
    with pytest.raises(UsageError, match="eta, the factor from rung to rung, must be > 1; got 1"):
        rungs(9, eta=1)


def test_promotions_by_hand():
    """Nine trials at rung 1 with values .1 to .9; three may rise to rung 3, and of these one to rung 9.

    With two trials nobody is in the top third; with three, one is. The order of events below is theirs.
    """
    asha = _asha()
    (first,) = asha.ask(1, SPACE)
    assert isinstance(first, Start)
    assert first.until == 1

    asha.tell(_trial(0, [0.1]))
    asha.tell(_trial(1, [0.5]))
    assert isinstance(asha.ask(1, SPACE)[0], Start)  # floor(2 / 3) = 0 rise
    asha.tell(_trial(2, [0.3]))
    assert _resumes(asha.ask(1, SPACE)) == [(1, 3)]  # floor(3 / 3) = 1: the best, trial 1
    asha.tell(_trial(1, [0.5], Status.RUNNING, until=3))
    assert isinstance(asha.ask(1, SPACE)[0], Start)  # it has risen; nobody else is due
    for number, value in ((3, 0.9), (4, 0.2), (5, 0.4)):
        asha.tell(_trial(number, [value]))
    assert _resumes(asha.ask(1, SPACE)) == [(3, 3)]  # top 2 of 6 are trials 3 and 1; 1 has risen
    asha.tell(_trial(3, [0.9], Status.RUNNING, until=3))
    for number, value in ((6, 0.6), (7, 0.8), (8, 0.7)):
        asha.tell(_trial(number, [value]))
    assert _resumes(asha.ask(3, SPACE)) == [(7, 3), (8, 3)]  # top 3 of 9: 3, 7, 8
    asha.tell(_trial(7, [0.8, 0.8, 0.75]))
    asha.tell(_trial(3, [0.9, 0.9, 0.7]))
    asha.tell(_trial(1, [0.5, 0.5, 0.95]))
    assert _resumes(asha.ask(2, SPACE)) == [(1, 9), (8, 3)]  # the higher rung first


def _resumes(grants):
    return [(grant.trial, grant.until) for grant in grants if isinstance(grant, Resume)]


def test_less_is_better_where_the_metric_says_so():
    asha = _asha(Metric("loss", Direction.MINIMIZE))
    for number, value in enumerate((0.5, 0.1, 0.3)):
        asha.tell(_trial(number, [value]))
    assert _resumes(asha.ask(1, SPACE)) == [(1, 3)]


def test_failures_and_nan_fill_the_rung_as_its_worst():
    asha = _asha()
    asha.tell(_trial(0, [-1e9]))
    asha.tell(_trial(1, [float("nan")]))
    asha.tell(replace(_trial(2, [], Status.FAILED, until=1), failure=Failure("ValueError", "no")))
    assert _resumes(asha.ask(1, SPACE)) == [(0, 3)]


def test_what_is_left_is_promoted_when_the_space_is_exhausted():
    space = Space({"kind": Choice(("a", "b"))})
    asha = Asha(space, SCORE, NINE, 0)
    trials = [Trial(n, space.config({"kind": kind}), until=1) for n, kind in enumerate("ab")]
    for trial, value in zip(trials, (0.2, 0.4), strict=True):
        asha.tell(replace(trial, status=Status.PAUSED, measurements=(Measurement(1, value),)))
    assert _resumes(asha.ask(1, space)) == [(1, 3)]
    assert _resumes(asha.ask(5, space)) == [(1, 3), (0, 3)]
    asha.tell(replace(trials[1], status=Status.RUNNING, until=3, measurements=(Measurement(1, 0.4),)))
    assert _resumes(asha.ask(5, space)) == [(0, 3)]


def test_new_configs_come_from_the_inner_searcher():
    asha = _asha(inner=Sobol)
    configs = [grant.config for grant in asha.ask(4, SPACE)]
    assert configs == [grant.config for grant in Sobol(SPACE, SCORE, NINE, 0).ask(4, SPACE)]


def test_one_fidelity_leaves_only_starts():
    asha = _asha(fidelity=Fidelity())
    for number in range(6):
        asha.tell(_trial(number, [number / 10], Status.COMPLETED))
    assert all(isinstance(grant, Start) for grant in asha.ask(3, SPACE))


def test_most_of_the_budget_goes_to_the_good():
    space = Space({"quality": Int(0, 999)})
    asha = functools.partial(Asha, eta=3)(space, SCORE, Fidelity("epoch", 27, cumulative=False), 0)
    trials = []
    for _ in range(400):
        (grant,) = asha.ask(1, space)
        if isinstance(grant, Start):
            trials.append(Trial(len(trials), grant.config, until=grant.until))
            number = len(trials) - 1
        else:
            number = grant.trial
        value = trials[number].config["quality"]
        measured = tuple(Measurement(unit, value) for unit in range(1, grant.until + 1))
        status = Status.COMPLETED if grant.until == 27 else Status.PAUSED
        trials[number] = replace(trials[number], until=grant.until, status=status, measurements=measured)
        asha.tell(trials[number])
    finished = [trial for trial in trials if trial.status is Status.COMPLETED]
    assert len(trials) > 200
    assert 3 <= len(finished) <= len(trials) / 12
    assert min(trial.value for trial in finished) > 800
