"""The tables of the search benchmark, printed, and their figures as plain values."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from searching.comparison import (
    ALL,
    Pair,
    Runs,
    duels,
    floored_log,
    geometric_mean,
    mean_over_problems,
    mean_ranks,
)
from searching.own import PREFIX, speed_up
from searching.scaling import Cost

CHECKPOINTS = (25, 50, 100)
DEAR = ("hebo", "ax")  # run on a few problems, so they have a table of their own


def print_all(
    runs: Runs, sides: Sequence[str], together: Sequence[str], workers: int, evaluations: int
) -> dict[str, Any]:
    """Every table that the runs allow."""
    figures: dict[str, Any] = {}
    print(f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}")
    for side in sides:
        versions = sorted({trace.version for trace in runs.traces[side].values()})
        done = len(runs.traces[side])
        print(f"  {side:16} {', '.join(versions):28} {done:4} runs, {runs.total_seconds(side):8.0f} CPU s")
    cheap = [side for side in sides if side not in DEAR]
    figures["regret"] = regret_tables(runs, cheap, evaluations)
    if dear := [side for side in sides if side in DEAR]:
        figures["regret of few"] = regret_tables(runs, [*cheap, *dear], min(evaluations, 50))
    for ours in (side for side in sides if side.startswith(PREFIX)):
        for theirs in (side for side in sides if side != ours):
            figures[f"{ours} against {theirs}"] = duel_table(runs, ours, theirs, evaluations)
        figures[f"coverage of {ours}"] = coverage_table(runs, ours)
    for side in dict.fromkeys(together):
        figures[f"{side}"] = workers_table(runs, side, workers, evaluations)
    return figures


def regret_tables(runs: Runs, sides: Sequence[str], evaluations: int) -> list[dict[str, Any]]:
    """Regret at 25, 50 and 100 evaluations over the pairs that all sides have: in all, then by family."""
    pairs = runs.common_pairs(sides, evaluations)
    if not pairs:
        print(f"\nno pair has runs of {evaluations} evaluations by all of {', '.join(sides)}")
        return []
    points = [at for at in CHECKPOINTS if at < evaluations] + [evaluations]
    rows: list[dict[str, Any]] = []
    for family in [ALL, *runs.families(pairs)]:
        chosen = runs.within(family, pairs)
        problems = len({problem for problem, _ in chosen})
        _title(f"regret, {family}: {problems} problems, {len(chosen)} pairs that all sides have")
        heads = [f"mean@{at}" for at in points] + [f"geo@{at}" for at in points] + [f"rank@{evaluations}", "CPU ms/ask"]
        print(f"  {'':16}" + "".join(f"{head:>11}" for head in heads))
        rows += _regret_rows(runs, sides, family, chosen, points)
    return rows


def _regret_rows(
    runs: Runs, sides: Sequence[str], family: str, pairs: Sequence[Pair], points: Sequence[int]
) -> list[dict[str, Any]]:
    by_point = {at: {side: runs.regrets(side, pairs, at) for side in sides} for at in points}
    ranks = mean_ranks(pairs, by_point[points[-1]])
    rows: list[dict[str, Any]] = []
    for side in sides:
        means = {at: mean_over_problems(pairs, by_point[at][side]) for at in points}
        centers = {at: geometric_mean(pairs, by_point[at][side]) for at in points}
        milliseconds = 1e3 * runs.seconds(side, pairs)
        cells = [f"{value:11.4f}" for value in (*means.values(), *centers.values())]
        print(f"  {side:16}{''.join(cells)}{ranks[side]:11.2f}{milliseconds:11.1f}")
        row = {"family": family, "side": side, "pairs": len(pairs), "mean": means, "geometric mean": centers}
        rows.append({**row, "rank": ranks[side], "cpu_ms_per_ask": milliseconds})
    return rows


def duel_table(runs: Runs, ours: str, theirs: str, evaluations: int) -> list[dict[str, Any]]:
    """Wins, ties and losses by problem; after as many evaluations as the shorter runs have."""
    at = min(evaluations, 50) if theirs in DEAR else evaluations
    fought = duels(runs, ours, theirs, at)
    if not fought:
        return []
    _title(f"{ours} against {theirs} after {at} evaluations")
    print(f"  {'':16}{'pairs':>7}{'won':>6}{'tied':>6}{'lost':>6}{'regret ratio':>14}{'p':>10}{'Holm':>10}")
    for duel in fought:
        counts = f"{duel.pairs:7}{duel.wins:6}{duel.ties:6}{duel.losses:6}"
        print(f"  {duel.family:16}{counts}{duel.ratio:14.3f}{duel.p:10.4f}{duel.adjusted:10.4f}")
    return [asdict(duel) for duel in fought]


def coverage_table(runs: Runs, side: str) -> dict[str, Any]:
    """The share of 90% predictive intervals that held what was then observed."""
    pairs = list(runs.traces[side])
    shares = {family: runs.coverage(side, runs.within(family, pairs)) for family in [ALL, *runs.families(pairs)]}
    if not shares[ALL][1]:
        return {}
    _title(f"{side}: 90% predictive intervals that held what was then observed")
    for family, (held, count) in shares.items():
        print(f"  {family:16}{_share(held, count)}")
    return {family: {"held": held, "intervals": count} for family, (held, count) in shares.items()}


def workers_table(runs: Runs, side: str, workers: int, evaluations: int) -> dict[str, Any]:
    """Many workers beside one: how much regret the same number of evaluations leaves, and how much time it saves."""
    alone = side.removesuffix(f"-{workers}-workers")
    pairs = runs.common_pairs([alone, side], evaluations)
    _title(f"{workers} workers on a simulated clock, {evaluations} evaluations: {alone}")
    times = np.mean([speed_up(seed, evaluations, workers) for _, seed in pairs])
    print(f"  time: {times:.1f} times as fast (sum of durations / time until the last ends, thinking not counted)")
    print(f"  {'':16}{'mean, 1':>12}{f'mean, {workers}':>12}{'geo, 1':>12}{f'geo, {workers}':>12}{'ratio':>9}")
    rows: Mapping[str, Any] = {"speed-up": float(times)}
    for family in [ALL, *runs.families(pairs)]:
        chosen = runs.within(family, pairs)
        one, many = (runs.regrets(name, chosen, evaluations) for name in (alone, side))
        ratio = math.exp(mean_over_problems(chosen, floored_log(many) - floored_log(one)))
        means = [mean_over_problems(chosen, one), mean_over_problems(chosen, many)]
        centers = [geometric_mean(chosen, one), geometric_mean(chosen, many)]
        print(f"  {family:16}" + "".join(f"{value:12.4f}" for value in (*means, *centers)) + f"{ratio:9.2f}")
        rows = {**rows, family: {"mean": means, "geometric mean": centers, "ratio": ratio}}
    return dict(rows)


def scaling_table(costs: Sequence[Cost]) -> list[dict[str, Any]]:
    """CPU seconds of an ask after many trials."""
    _title("CPU seconds after many trials, 10 mixed and conditional settings")
    print(f"  {'':16}{'trials':>8}{'telling all':>13}{'first ask':>12}{'an ask later':>14}")
    for cost in costs:
        print(f"  {cost.searcher:16}{cost.trials:8}{cost.telling:13.2f}{cost.first:12.3f}{cost.later:14.3f}")
    return [asdict(cost) for cost in costs]


def _share(held: int, count: int) -> str:
    return f"{held / count:8.1%} of {count}" if count else "     no interval was given"


def _title(text: str) -> None:
    print(f"\n{text}")
