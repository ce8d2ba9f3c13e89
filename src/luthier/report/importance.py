"""How much of the spread of values each setting explains: functional ANOVA over a random forest.

Hutter, Hoos and Leyton-Brown (2014), An Efficient Approach for Assessing Hyperparameter Importance, ICML: each tree
parts the unit cube into boxes, so that the mean over all other settings is a sum over boxes (Algorithm 2), and the
variance of that mean, as a share of the tree's whole variance, is the setting's importance. Trees differ by the
trials they were grown on, which is the uncertainty given.

Shapes: b boxes of a tree, d coordinates, p points along a setting.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from luthier.report.observations import Observations

FEWEST = 12
"""Trials below which nothing is said of importance."""
TREES = 64
_POINTS = 41
_SCATTER = 256


@dataclass(frozen=True, slots=True)
class Share:
    """A setting's share of the variance by itself: the mean over trees, and the middle 90% of them."""

    setting: str
    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Importance:
    """Shares, the largest first. `together` is what only several settings together explain.

    `explained` is how much of the variance of trials that a tree didn't see the forest foretells (R squared, out of
    bag); near 0 the shares mean nothing. `marginals` maps a setting of one coordinate to (p,) unit coordinates, the
    mean value there over all other settings, and its standard deviation over trees.
    """

    shares: tuple[Share, ...]
    together: float
    explained: float
    marginals: dict[str, tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]]


def importance_of(observations: Observations, seed: int = 0) -> Importance | None:
    """The importance of every setting that was varied; None where there are too few trials, or all are alike.

    Values far worse than most are drawn in to the outer fence of the worse half (Tukey 1977), lest one diverged
    trial be all that there is to explain. Samples are those that the search chose, not a fair draw of the space.
    """
    import numpy as np
    from sklearn.ensemble import RandomForestRegressor

    names = observations.varied
    y = fenced(observations.y)
    if len(y) < FEWEST or not names or not y.std() > 0:
        return None
    groups = _groups(observations, names)
    columns = [column for group in groups for column in group]
    X = observations.X[:, columns].astype(np.float32)
    forest = RandomForestRegressor(
        TREES,
        min_samples_leaf=max(1, len(y) // 100),
        max_features=math.ceil(5 * X.shape[1] / 6),
        random_state=seed,
        oob_score=True,
        n_jobs=1,
    )
    forest.fit(X, y)
    starts = np.cumsum([0, *(len(group) for group in groups)])
    parts = [range(start, end) for start, end in pairwise(starts)]
    shares, marginals = _of_forest([tree.tree_ for tree in forest.estimators_], parts, X.shape[1], seed)
    if not len(shares):
        return None
    found = tuple(
        Share(name, float(own.mean()), float(np.quantile(own, 0.05)), float(np.quantile(own, 0.95)))
        for name, own in zip(names, shares.T, strict=True)
    )
    axis = (np.arange(_POINTS) + 0.5) / _POINTS
    drawn = {
        name: (axis, curves.mean(axis=0), curves.std(axis=0))
        for name, curves in zip(names, marginals, strict=True)
        if curves is not None
    }
    return Importance(
        tuple(sorted(found, key=lambda share: -share.mean)),
        max(0.0, 1 - sum(share.mean for share in found)),
        float(forest.oob_score_),
        drawn,
    )


def fenced(y: NDArray[np.float64]) -> NDArray[np.float64]:
    """`y` with what lies beyond three times the middle half's width from it drawn in to there."""
    import numpy as np

    if not len(y):
        return y
    low, high = np.quantile(y, [0.25, 0.75])
    reach = 3 * (high - low)
    return np.clip(y, low - reach, high + reach) if reach > 0 else y


def _groups(observations: Observations, names: Sequence[str]) -> list[list[int]]:
    return [list(range(*observations.space.slices[name].indices(observations.space.width))) for name in names]


def _of_forest(trees: Sequence[Any], parts: Sequence[range], width: int, seed: int) -> tuple[Any, list[Any]]:
    """Shares (trees, settings), and for each setting of one coordinate its curves (trees, p)."""
    import numpy as np

    axis = (np.arange(_POINTS) + 0.5)[:, None] / _POINTS
    scatter = np.random.default_rng(seed).random((_SCATTER, max(len(part) for part in parts)))
    shares: list[list[float]] = []
    curves: list[list[Any]] = [[] for _ in parts]
    for tree in trees:
        low, high, value = boxes_of(tree, width)
        volume = (high - low).prod(axis=1)
        mean = float(volume @ value)
        whole = float(volume @ (value - mean) ** 2)
        for number, part in enumerate(parts):
            if len(part) == 1:
                curves[number].append(_marginal(low, high, value, volume, part, axis))
        if whole > 1e-12:
            shares.append([_variance(low, high, value, volume, part, mean, scatter) / whole for part in parts])
    return np.array(shares), [np.array(own) if own else None for own in curves]


def boxes_of(tree: Any, width: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The leaves of a scikit-learn tree as boxes in the unit cube: low and high corners (b, d), values (b,)."""
    import numpy as np

    low, high = np.zeros((tree.node_count, width)), np.ones((tree.node_count, width))
    leaves: list[int] = []
    for node in range(tree.node_count):  # parents come before their children
        left, right, column = tree.children_left[node], tree.children_right[node], tree.feature[node]
        if left < 0:
            leaves.append(node)
            continue
        for child in (left, right):
            low[child], high[child] = low[node], high[node]
        high[left, column] = low[right, column] = min(max(tree.threshold[node], 0.0), 1.0)
    return low[leaves], high[leaves], tree.value[leaves, 0, 0]


def _variance(low: Any, high: Any, value: Any, volume: Any, part: range, mean: float, scatter: Any) -> float:
    """The variance of the mean over all other coordinates: exact along one coordinate, from points over several."""
    import numpy as np

    if len(part) > 1:
        marginal = _marginal(low, high, value, volume, part, scatter[:, : len(part)])
        return float(marginal.var())
    edges = np.unique(np.concatenate([low[:, part[0]], high[:, part[0]], [0.0, 1.0]]))
    middles, widths = (edges[1:] + edges[:-1])[:, None] / 2, np.diff(edges)
    return float(widths @ (_marginal(low, high, value, volume, part, middles) - mean) ** 2)


def _marginal(low: Any, high: Any, value: Any, volume: Any, part: range, points: Any) -> NDArray[np.float64]:
    """The mean over all coordinates but those of `part`, at `points` (p, |part|)."""
    import numpy as np

    sides = (high - low)[:, list(part)].prod(axis=1)
    weights = np.where(sides > 0, value * volume / np.where(sides > 0, sides, 1.0), 0.0)
    inside = np.ones((len(points), len(value)), dtype=bool)
    for place, column in enumerate(part):
        inside &= (low[None, :, column] <= points[:, place, None]) & (points[:, place, None] < high[None, :, column])
    return inside @ weights
