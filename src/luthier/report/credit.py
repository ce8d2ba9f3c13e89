"""Which lever each step of the incumbent is owed to, on validation rows.

A step from one incumbent to the next is credited to the lever whose settings differ between the two configs;
where several differ, to none of them alone. The credits add up to the whole gain over the baseline. They come
from the rows that the search looked at, so they are promises: only held-out rows tell what a lever gained.
"""

from __future__ import annotations

from luthier.core.config import Config
from luthier.core.history import History
from luthier.report.changes import changes_between

JOINT = "several levers"


def credited_to(before: Config, after: Config) -> str | None:
    """The lever that a step is owed to, JOINT for several; None where the configs are equal."""
    levers = {change.lever for change in changes_between(before, after)}
    if not levers:
        return None
    return levers.pop() if len(levers) == 1 else JOINT


def validation_credits(history: History) -> dict[str, float]:
    """What each lever, and JOINT, has added to the incumbent's mean; positive is better. Empty before a baseline.

    A new estimate for the same config is credited to the lever that brought the config in.
    """
    baseline = history.baseline
    if baseline is None or baseline.value is None:
        return {}
    result: dict[str, float] = {}
    config, mean, owner = baseline.config, baseline.value, None
    for chosen in history.incumbents:
        trial = history.trials[chosen.trial]
        owner = credited_to(config, trial.config) or owner
        if owner is not None:
            result[owner] = result.get(owner, 0.0) + history.metric.gain(chosen.mean, mean)
        config, mean = trial.config, chosen.mean
    return result
