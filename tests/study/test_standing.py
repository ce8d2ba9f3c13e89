"""Which trials can be chosen for the best."""

from luthier.core.budget import Budget
from luthier.core.config import Config
from luthier.core.events import GrantEnded, StudyCreated, TrialMeasured, TrialStarted
from luthier.core.history import History
from luthier.core.metric import Metric
from luthier.core.trial import Failure, Fidelity, Measurement, Purpose, Status
from luthier.study.standing import challenges, standings

EPOCHS = Fidelity("epoch", 3, cumulative=False)
FOLDS = Fidelity("fold", 3)


def _history(fidelity, *trials):
    """A history of trials (status, values), the first of which is the baseline."""
    events = [StudyCreated(metric=Metric("accuracy"), levers={}, budget=Budget(trials=9), fidelity=fidelity)]
    for number, (status, values) in enumerate(trials):
        purpose = Purpose.SEARCH if number else Purpose.BASELINE
        failure = Failure("MemoryError", "too large") if status is Status.FAILED else None
        events += [
            TrialStarted(trial=number, config=Config({"x": number}), until=3, purpose=purpose),
            *(TrialMeasured(trial=number, measurement=Measurement(at, value)) for at, value in enumerate(values, 1)),
            GrantEnded(trial=number, status=status, failure=failure),
        ]
    return History.of(events)


def test_a_config_that_failed_is_not_chosen_for_what_it_showed_before():
    history = _history(FOLDS, (Status.COMPLETED, [0.7, 0.7, 0.7]), (Status.FAILED, [0.9, 0.9]))
    assert [one.trial.id for one in standings(history)] == [0]
    assert not challenges(history, history.trials[1])


def test_half_a_training_does_not_stand_beside_a_whole_one():
    trials = (Status.COMPLETED, [0.5, 0.6, 0.7]), (Status.STOPPED, [0.9]), (Status.COMPLETED, [0.4, 0.8, 0.8])
    assert [one.trial.id for one in standings(_history(EPOCHS, *trials))] == [2, 0]
    assert standings(_history(FOLDS, *trials))[0].trial.id == 1
