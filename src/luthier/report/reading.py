"""A reading of a study in plain words: what someone who has tuned many models would see in its plots.

The questions are those that the Deep Learning Tuning Playbook (Godbole, Dahl, Gilmer, Shallue and Nado 2023) has
people ask by hand: is the search space large enough, was it sampled enough, does training go on long enough, which
settings matter. Each rule is a function of the facts that gives findings, and states its threshold.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from luthier.core.errors import SpaceError
from luthier.core.parameter import Choice, Float, Int, Parameter
from luthier.core.trial import Status, Trial
from luthier.report.advice import decimals_of
from luthier.report.bill import Evidence
from luthier.report.facts import Facts
from luthier.report.words import clean, count, decimals_for, duration, interval, listing, number, setting, signed

EDGE = 0.05
"""How near to an end of its range, as a share of it, a setting of the best trial lies at the edge."""
LEADERS = 0.1
"""The share of trials, and at least three, whose middle must lie near the same edge (within three times EDGE)."""
IDLE = 0.05
"""A setting doesn't matter where it surely explains less than this share of the variance."""
WIDE = 100
"""From this ratio of its ends on, a range is better searched on a log scale."""
FEWEST_FOR_IDLE = 30
EXPLAINED = 0.3
"""The R squared out of bag from which importance is taken at its word."""
PER_SETTING = 10
"""Trials for each setting that a model of the space wants at least (Loeppky, Sacks and Welch 2009)."""
STILL = 0.05
"""Curves still get better where the last quarter of units brought more than this share of the whole gain."""
FAILURES, FAILURE_LEVEL, FAILURE_RATIO = 5, 0.01, 2.0
"""The failures to speak of, the level over all parts looked at, and how much more often a part must fail."""
PLATEAU = 0.1
"""The share of trials (at least five) that must be tied with the best."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was seen, in a few words; how it was told; and what to do about it. `kind` names the rule."""

    kind: str
    title: str
    detail: str
    action: str = ""


Rule = Callable[[Facts], Iterator[Finding]]


def read(facts: Facts) -> tuple[Finding, ...]:
    """Everything that the rules find, in their order."""
    return tuple(finding for rule in RULES for finding in rule(facts))


def at_the_edge(facts: Facts) -> Iterator[Finding]:
    """The best value of a setting lies at an end of its range, and so do those of the leading trials."""
    best, space = facts.best, facts.observations.space
    for name in facts.observations.varied if best is not None else ():
        parameter = space.parameters[name]
        if best is None or name not in best.config or not isinstance(parameter, Float | Int):
            continue
        places = [_place(parameter, trial.config[name]) for trial in _leaders(facts) if name in trial.config]
        own = _place(parameter, best.config[name])
        if own is None or _is_small(parameter):
            continue
        known = [place for place in places if place is not None]
        is_low = own <= EDGE and (not known or median(known) <= 3 * EDGE)
        is_high = own >= 1 - EDGE and (not known or median(known) >= 1 - 3 * EDGE)
        if (is_low and not _ends_naturally(parameter)) or is_high:
            end, wider = _widened(parameter, is_high)
            yield Finding(
                "edge",
                f"{name} is best at the {'upper' if is_high else 'lower'} end of its range",
                f"The best trial has {setting(best.config[name])}, the range ends at {setting(end)}, and the leading "
                f"trials lie there too: better values may lie beyond.",
                _wider_in_words(parameter, is_high, wider),
            )


def idle_settings(facts: Facts) -> Iterator[Finding]:
    """Settings that explain next to nothing."""
    importance = facts.importance
    if importance is None or len(facts.observations.y) < FEWEST_FOR_IDLE or importance.explained < EXPLAINED:
        return
    idle = [share.setting for share in importance.shares if share.high < IDLE]
    if idle and len(idle) < len(importance.shares):
        verb = "doesn't" if len(idle) == 1 else "don't"
        yield Finding(
            "idle",
            f"{listing(idle)} {verb} matter here",
            f"By itself {'it' if len(idle) == 1 else 'each'} surely explains less than {IDLE:.0%} of the differences "
            f"between trials.",
            "Hold still what doesn't matter, and the same budget looks closer at what does.",
        )


def gain_within_noise(facts: Facts) -> Iterator[Finding]:
    """The gain can't be told from noise: by the test, and before one by the standard errors of both values."""
    bill = facts.bill
    if bill.is_baseline_kept or bill.gain is None:
        return
    decimals = decimals_of(bill)
    overall = bill.verdict.overall if bill.verdict else None
    if overall is not None:
        if not overall.is_significant and overall.high >= 0:
            bounds = interval(overall.low, overall.high, decimals)
            yield Finding(
                "noise",
                "The gain is within noise",
                f"It is {signed(overall.gain, decimals)}, and its 95% interval, {bounds}, holds 0.",
                "Keep what you have, or test on more rows.",
            )
        return
    errors = [trial.standard_error for trial in (facts.history.baseline, facts.best) if trial is not None]
    known = [error for error in errors if error]
    if len(known) == 2 and abs(bill.gain) < 2 * math.hypot(*known):
        yield Finding(
            "noise",
            "The gain seen is within noise",
            f"It is {signed(bill.gain, decimals)}, less than twice its standard error, "
            f"{number(math.hypot(*known), decimals_for(math.hypot(*known)))}.",
            "Let the study finish, or measure both again.",
        )


def still_improving(facts: Facts) -> Iterator[Finding]:
    """The curves of the leading trials still get better at the last unit of fidelity."""
    shape, sign = facts.history.created.fidelity, facts.history.metric.sign
    if shape.cumulative or shape.maximum < 4:
        return
    parts: list[float] = []
    for trial in _leaders(facts):
        values = [sign * one.value for one in trial.measurements if math.isfinite(one.value)]
        if len(values) < 4 or trial.fidelity < shape.maximum:
            continue
        before = max(values[: max(1, round(0.75 * len(values)))])
        whole = max(values) - values[0]
        parts.append((max(values) - before) / whole if whole > 0 else 0.0)
    if parts and median(parts) > STILL:
        yield Finding(
            "still improving",
            f"Curves still get better at the last {clean(shape.unit, 20)}",
            f"Of the leading trials' whole gain, the last quarter of {shape.maximum} {clean(shape.unit, 20)}s brought "
            f"{median(parts):.0%}: training ends too early to tell what is best in the end.",
            f"Raise the number of {clean(shape.unit, 20)}s, to {2 * shape.maximum} say.",
        )


def too_few_trials(facts: Facts) -> Iterator[Finding]:
    """Fewer trials than the settings that were searched ask for."""
    valued, settings = facts.bill.search.valued, len(facts.observations.space.free)
    if valued and settings and valued < PER_SETTING * settings:
        yield Finding(
            "too few trials",
            f"{count(valued, 'trial')} {'are' if valued > 1 else 'is'} few for {count(settings, 'setting')}",
            f"A rule of thumb asks for {PER_SETTING} trials a setting, here {PER_SETTING * settings:,}. "
            f"What is said below of single settings is uncertain.",
            "Raise the budget, or search fewer settings.",
        )


def failing_part(facts: Facts) -> Iterator[Finding]:
    """Failures lie in one part of the space: half a range or an option, by Fisher's exact test (Bonferroni)."""
    ended = [trial for trial in facts.history.searched if not trial.status.is_open]
    failed = {trial.id for trial in ended if trial.status is Status.FAILED}
    if len(failed) < FAILURES or len(failed) == len(ended):
        return
    found: list[tuple[float, str, int, int]] = []
    looked = 0
    for name in facts.observations.space.free:
        for told, inside in _parts(name, facts.observations.space.parameters[name], ended):
            looked += 1
            hit, size = len(inside & failed), len(inside)
            outside = len(ended) - size
            rate, other = hit / max(size, 1), (len(failed) - hit) / max(outside, 1)
            if size and outside and rate >= FAILURE_RATIO * other and hit >= FAILURES:
                found.append((_hypergeometric_tail(hit, size, len(failed), len(ended)), told, hit, size))
    if found and min(found)[0] * looked < FAILURE_LEVEL:
        _, told, hit, size = min(found)
        yield Finding(
            "failures",
            f"Trials fail where {told}",
            f"{hit:,} of {count(size, 'trial')} there failed, "
            f"elsewhere {len(failed) - hit:,} of {len(ended) - size:,}.",
            "Mend what fails there, or take that part out of the space.",
        )


def plateau(facts: Facts) -> Iterator[Finding]:
    """Many trials are as good as the best: within its standard error, or equal where none is known."""
    ranked, sign = facts.ranked, facts.history.metric.sign
    if len(ranked) < 2:
        return
    top = ranked[0]
    assert top.value is not None
    error = top.standard_error or 0.0
    room = error + 1e-9 * max(1e-9, abs(top.value))
    tied = [trial for trial in ranked if trial.value is not None and sign * (top.value - trial.value) <= room]
    if len(tied) < max(5, PLATEAU * len(ranked)):
        return
    cheapest = min(tied, key=lambda trial: (trial.cost.seconds, trial.id))
    noise = f"within one standard error, {number(error, decimals_for(error))}, of" if error else "exactly as good as"
    cost = f", which took {duration(cheapest.cost.seconds)}" if cheapest.cost.seconds else ""
    yield Finding(
        "plateau",
        f"{count(len(tied), 'trial')} are tied for the best",
        f"They are {noise} the best value; which of them is first is luck.",
        f"Choose among them by what else counts: the cheapest was trial {cheapest.id}{cost}.",
    )


def half_and_double(facts: Facts) -> Iterator[Finding]:
    """What half of the spending had brought, and what as many trials again would."""
    progress, metric = facts.progress, facts.history.metric
    if facts.forecast is None or not progress.steps:
        return
    forecast = facts.forecast
    half = progress.best_after(progress.spent / 2)
    now = progress.steps[-1].best
    spread = max(abs(forecast.high - now), abs(now - half) if half is not None else 0.0)
    decimals = decimals_for(spread) if spread > 0 else decimals_of(facts.bill)
    had = "no value yet" if half is None else f"{metric.name} {number(half, decimals)}"
    spent = (
        f"{duration(progress.spent)} of work" if progress.unit == "seconds" else count(round(progress.spent), "trial")
    )
    edges = sorted((forecast.now, forecast.high))
    yield Finding(
        "budget",
        "With half the budget, and with twice as much",
        f"After half of the search ({spent} in all) you had {had}; now it is {number(now, decimals)}. As much again "
        f"would bring about {number(forecast.middle, decimals)} (90% interval {number(edges[0], decimals)} to "
        f"{number(edges[1], decimals)}); the chance of anything better is at least {forecast.chance:.0%}. "
        f"These are values {_on(facts)}.",
        "",
    )


RULES: tuple[Rule, ...] = (
    half_and_double,
    gain_within_noise,
    still_improving,
    at_the_edge,
    failing_part,
    plateau,
    idle_settings,
    too_few_trials,
)


def _on(facts: Facts) -> str:
    if facts.bill.evidence is Evidence.UNHELD:
        return "that the search itself saw"
    return "on validation rows, which promise more than held-out rows keep"


def _leaders(facts: Facts) -> Sequence[Trial]:
    ranked = facts.ranked
    return ranked[: max(3, math.ceil(LEADERS * len(ranked)))]


def _place(parameter: Parameter, value: object) -> float | None:
    try:
        return parameter.to_unit(parameter.check(value))[0]
    except SpaceError:
        return None


def _is_small(parameter: Float | Int) -> bool:
    """Whether all values can be tried, so that an end of the range is no edge of what is known."""
    return len(parameter.grid(6)) < 6


def _ends_naturally(parameter: Float | Int) -> bool:
    """Whether nothing lies below: most settings can't be negative, and counts begin at 1."""
    return parameter.low == 0 or (isinstance(parameter, Int) and parameter.low == 1)


def _widened(parameter: Float | Int, is_high: bool) -> tuple[float, float]:
    """The end, and where it might lie instead: half the range farther, as the range is scaled."""
    low, high = float(parameter.low), float(parameter.high)
    if parameter.log:
        step = math.sqrt(high / low)
        wider = high * step if is_high else low / step
    else:
        wider = high + (high - low) / 2 if is_high else low - (high - low) / 2
        wider = max(wider, 0.0) if low > 0 else wider
    whole = isinstance(parameter, Int)
    end = parameter.high if is_high else parameter.low
    return (end, max(1, round(wider)) if whole and parameter.low > 0 else round(wider)) if whole else (end, wider)


def _wider_in_words(parameter: Float | Int, is_high: bool, wider: float) -> str:
    low, high = float(parameter.low), float(parameter.high)
    if not is_high and not parameter.log and low > 0 and high >= WIDE * low:
        return f"Search it on a log scale, which spends half of the trials below {setting(math.sqrt(low * high))}."
    return f"Widen it, where that makes sense, to {setting(wider)}."


def _parts(name: str, parameter: Parameter, trials: Sequence[Trial]) -> Iterator[tuple[str, set[int]]]:
    """Parts of the space by one setting, told in words, with the trials in them."""
    held = [trial for trial in trials if name in trial.config]
    if isinstance(parameter, Choice):
        for option in parameter.options:
            same = {
                trial.id for trial in held if trial.config[name] == option and type(trial.config[name]) is type(option)
            }
            yield f"{name} is {setting(option)}", same
    elif isinstance(parameter, Float | Int):
        for share in (0.25, 0.5, 0.75):
            middle = parameter.from_unit((share,))
            above = {trial.id for trial in held if _number(trial.config[name]) > middle}
            yield f"{name} is above {setting(middle)}", above
            yield f"{name} is {setting(middle)} or less", {trial.id for trial in held} - above


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


def _hypergeometric_tail(hit: int, size: int, failed: int, ended: int) -> float:
    """The chance that `size` of `ended` trials hold at least `hit` of `failed` failures if failing is blind."""
    whole = math.comb(ended, size)
    most = min(size, failed)
    return sum(math.comb(failed, k) * math.comb(ended - failed, size - k) / whole for k in range(hit, most + 1))
