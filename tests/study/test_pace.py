"""What the end of a study needs is kept from the search."""

import pytest

import luthier as lt
from luthier.core.config import Config
from luthier.core.cost import Cost
from luthier.core.events import GrantEnded, StudyCreated, TrialMeasured, TrialStarted
from luthier.core.history import History
from luthier.core.trial import Measurement, Purpose, Status
from luthier.run.inline import InlineRunner
from luthier.study.pace import FINAL_SAFETY, SAFETY, Pace
from tests.study.faulty import Faulty, accuracy, home_in, study_in

BUDGET = lt.Budget(seconds=100)


def _until(pace, starting):
    """When search and confirmation must be over, where a baseline of 2 s took `starting` seconds more to start."""
    history = History.of(
        [
            StudyCreated(metric=pace.problem.metric, levers={}, budget=BUDGET),
            TrialStarted(trial=0, config=Config({}), until=3, purpose=Purpose.BASELINE),
            TrialMeasured(trial=0, measurement=Measurement(3, 0.7)),
            GrantEnded(trial=0, status=Status.COMPLETED, cost=Cost(seconds=2.0), elapsed=2.0 + starting),
        ]
    )
    return pace.search_until(history), pace.confirm_until(history)


def test_starting_new_workers_is_kept_once_for_confirming_and_once_for_fitting(tmp_path):
    study = study_in(home_in(tmp_path), Faulty(accuracy), BUDGET, make_runner=InlineRunner)
    pace = Pace(study.problem, workers=2)
    search, confirm = _until(pace, starting=0.0)
    slow_search, slow_confirm = _until(pace, starting=3.0)
    assert confirm - slow_confirm == pytest.approx(FINAL_SAFETY * 3.0)
    assert search - slow_search == pytest.approx((SAFETY + FINAL_SAFETY) * 3.0)
    assert slow_search < slow_confirm < BUDGET.seconds
