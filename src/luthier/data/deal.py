"""Dealing rows out to parts: stratified, or by whole groups. Knows positions and counts, no datasets.

Glossary of shapes: n rows, p parts, c classes, g groups. Rows come in an order that has been shuffled already;
nothing here draws at random.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.intp]
_ROUNDS = 10


def deal_in_turn(codes: Positions, parts: int) -> Positions:
    """(n,) the part of each row, dealt in turn class by class.

    `codes` (n,) are classes from 0. The turn goes on from class to class, so that both the parts' counts of
    each class and their sizes differ by at most one row.
    """
    order = np.argsort(codes, kind="stable")
    part = np.empty(len(codes), dtype=np.intp)
    part[order] = np.arange(len(codes)) % parts
    return part


def take_share(codes: Positions, share: float) -> NDArray[np.bool_]:
    """(n,) whether each row is taken: `share` of the rows of each class, to within one row.

    The whole number of rows is that nearest to `share` * n, its rest going to the classes that rounding down
    served worst (Hamilton's method of largest remainders). A class of two or more rows is never taken whole nor
    left out whole.
    """
    sizes = np.bincount(codes)
    quotas = sizes * share
    counts = np.floor(quotas).astype(np.intp)
    rest = round(share * len(codes)) - int(counts.sum())
    worst_served = np.argsort(-(quotas - counts), kind="stable")
    counts[worst_served[: max(rest, 0)]] += 1
    shared = sizes >= 2
    counts[shared] = np.clip(counts[shared], 1, sizes[shared] - 1)
    order = np.argsort(codes, kind="stable")
    starts = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    rank = np.empty(len(codes), dtype=np.intp)
    rank[order] = np.arange(len(codes)) - np.repeat(starts, sizes)
    return rank < counts[codes]


def deal_groups(groups: Positions, codes: Positions, shares: NDArray[np.float64]) -> Positions:
    """(n,) the part of each row, no group parted, the parts' sizes and class counts near `shares` (p,) of all.

    Groups go, the largest first, each to the part where it least raises sum((count - wanted)^2 / wanted) over
    parts and classes and the parts' sizes; then single groups move for as long as a move lowers that sum. Every
    part gets a group; there must be at least p.
    """
    parts, classes = len(shares), int(codes.max()) + 1
    table = np.zeros((int(groups.max()) + 1, classes + 1))
    np.add.at(table, (groups, codes), 1.0)
    table[:, classes] = table[:, :classes].sum(axis=1)
    # Sizes weigh as much as all classes together.
    weights = np.append(np.full(classes, 1.0 / classes), 1.0)
    wanted = shares[:, None] * table.sum(axis=0)
    part_of = np.full(len(table), -1, dtype=np.intp)
    count = np.zeros((parts, classes + 1))
    held = np.zeros(parts, dtype=np.intp)

    def rise(group: int) -> NDArray[np.float64]:
        """(p,) how much the sum rises where `group` joins each part."""
        change = 2 * table[group] * (count - wanted) + table[group] ** 2
        return (weights * change / wanted).sum(axis=1)

    def join(group: int, part: int) -> None:
        part_of[group] = part
        count[part] += table[group]
        held[part] += 1

    by_size = np.argsort(-table[:, classes], kind="stable")
    for left, group in zip(range(len(by_size), 0, -1), by_size.tolist(), strict=True):
        costs = rise(group)
        if left <= int((held == 0).sum()):
            costs = np.where(held == 0, costs, np.inf)
        join(group, int(np.argmin(costs)))
    for _ in range(_ROUNDS):
        moved = False
        for group in by_size.tolist():
            home = int(part_of[group])
            if held[home] == 1:
                continue
            count[home] -= table[group]
            held[home] -= 1
            costs = rise(group)
            best = int(np.argmin(costs))
            better = costs[best] < costs[home] - 1e-9
            join(group, best if better else home)
            moved = moved or bool(better)
        if not moved:
            break
    return part_of[groups]


def cut_without_ties(values_in_order: NDArray[np.int64], wanted: list[float]) -> list[int] | None:
    """Where to cut sorted `values_in_order` (n,): rising positions nearest to `wanted`, none between equal values.

    None where there are fewer places to cut than `wanted`.
    """
    places = np.flatnonzero(np.diff(values_in_order)) + 1
    if len(places) < len(wanted):
        return None
    cuts: list[int] = []
    first = 0
    for number, position in enumerate(wanted, start=1):
        last = len(places) - (len(wanted) - number)
        chosen = first + int(np.argmin(np.abs(places[first:last] - position)))
        cuts.append(int(places[chosen]))
        first = chosen + 1
    return cuts
