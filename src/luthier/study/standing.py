"""How the trials stand: which config is best by posterior mean, not by the luckiest score."""

from __future__ import annotations

from dataclasses import dataclass

from luthier.core.history import History
from luthier.core.trial import Status, Trial
from luthier.stats.posterior import shrink


@dataclass(frozen=True, slots=True)
class Standing:
    """A trial with the posterior mean and deviation of its metric."""

    trial: Trial
    mean: float
    deviation: float


def standings(history: History, *, confirmed: bool = True) -> list[Standing]:
    """All trials that could be chosen, the comparable ones, best first.

    A trial measured on fewer folds than the baseline is set against the baseline on those same folds, so that
    an easy first fold makes nobody an incumbent. Confirmations count unless `confirmed` is False: the values of
    a config are averaged by their precision. Shrinking moves the gains over the baseline, not the baseline
    itself. Equal means are told apart by the observed value, then by age.
    """
    sign = history.metric.sign
    trials = history.comparable
    if not trials:
        return []
    confirmations = _confirmations(history) if confirmed else {}
    observed = [_pooled(history, trial, confirmations.get(trial.id, [])) for trial in trials]
    values = [value for value, _ in observed]
    errors = [error for _, error in observed]
    known = [error for error in errors if error is not None]
    typical = sum(known) / len(known) if known else 0.0
    means, deviations = shrink(values, [typical if error is None else error for error in errors])
    baseline = history.baseline
    shift = 0.0
    if baseline is not None and trials[0].id == baseline.id:
        shift = values[0] - float(means[0])
    rows = [
        Standing(trial, float(mean + shift), float(deviation))
        for trial, mean, deviation in zip(trials, means, deviations, strict=True)
    ]
    order = sorted(
        range(len(rows)), key=lambda index: (-sign * rows[index].mean, -sign * values[index], rows[index].trial.id)
    )
    return [rows[index] for index in order]


def challenges(history: History, trial: Trial) -> bool:
    """Whether `trial`, just ended, may change who the incumbent is; cheap, for studies without noise."""
    if trial.value is None or trial.status is Status.FAILED:
        return False
    incumbent = history.incumbent
    if incumbent is None or incumbent.value is None or trial.standard_error is not None:
        return True
    return history.metric.better(trial.value, incumbent.value)


def _confirmations(history: History) -> dict[int, list[Trial]]:
    found: dict[int, list[Trial]] = {}
    for trial in history.trials:
        if trial.confirms is not None and trial.status is Status.COMPLETED and trial.value is not None:
            found.setdefault(trial.confirms, []).append(trial)
    return found


def _pooled(history: History, trial: Trial, confirmations: list[Trial]) -> tuple[float, float | None]:
    """Value and standard error of the trial's config over its own measurement and its confirmations."""
    own, error = _on_common_ground(history, trial), trial.standard_error
    if not confirmations:
        return own, error
    rows = [(own, error), *((one.value or 0.0, one.standard_error) for one in confirmations)]
    if any(one is None or one == 0 for _, one in rows):
        return sum(value for value, _ in rows) / len(rows), None
    weights = [1 / (one * one) for _, one in rows if one]
    pooled = sum(weight * value for weight, (value, _) in zip(weights, rows, strict=True)) / sum(weights)
    return pooled, sum(weights) ** -0.5


def _on_common_ground(history: History, trial: Trial) -> float:
    value = trial.value
    assert value is not None
    baseline = history.baseline
    if baseline is None or baseline.value is None or not history.created.fidelity.cumulative:
        return value
    on_same_folds = baseline.value_at(trial.fidelity)
    return value if on_same_folds is None else baseline.value + (value - on_same_folds)
