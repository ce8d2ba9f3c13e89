"""Which artifacts to keep: those of the best trials, and whatever is still referred to."""

from __future__ import annotations

from luthier.core.errors import UsageError
from luthier.core.history import History
from luthier.core.trial import Status, Trial


def addresses_to_keep(history: History, top_k: int) -> set[str]:
    """The addresses of `history` that must not be evicted; the rest can be made again on demand.

    Those of the `top_k` trials with the best values, of the baseline and the incumbent, of trials that may go
    on (running, interrupted, paused), of the final set, of what the test was opened for, and the winner's.
    Artifacts of several studies in one place: take the union over all of them. Raises UsageError if top_k < 0.
    """
    if top_k < 0:
        raise UsageError(f"the number of trials to keep artifacts of must be >= 0; got {top_k}")
    measured = [trial for trial in history.trials if trial.value is not None]
    best = sorted(measured, key=lambda trial: (-history.metric.sign * (trial.value or 0.0), trial.id))[:top_k]
    going_on = history.with_status(Status.RUNNING, Status.INTERRUPTED, Status.PAUSED)
    named = [trial for trial in (history.baseline, history.incumbent) if trial is not None]
    if history.final_set is not None:
        named += [history.trials[trial] for trial in history.final_set.trials.values()]
    if history.concluded is not None:
        named.append(history.trials[history.concluded.winner])
    kept = {address for trial in (*best, *going_on, *named) for address in _addresses(trial)}
    if "split" in history.created.fingerprints:
        kept.add(history.created.fingerprints["split"])
    for opening in history.openings:
        kept.update(opening.members.values())
    if history.concluded is not None and history.concluded.artifact is not None:
        kept.add(history.concluded.artifact)
    return kept


def _addresses(trial: Trial) -> list[str]:
    """Every address that a trial holds: its checkpoint, its artifacts, its per-example outcomes."""
    outcomes = [m.examples for m in trial.measurements if isinstance(m.examples, str)]
    artifacts = [m.artifact for m in trial.measurements]
    return [address for address in (trial.checkpoint, trial.artifact, *artifacts, *outcomes) if address is not None]
