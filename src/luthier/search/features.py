"""Configs as rows of features whose Euclidean distances say how alike two configs are.

Glossary of shapes: n configs; u = `space.width` unit coordinates of the joint space with nothing fixed; p
features in g groups, one group a coordinate (a lengthscale belongs to a group), and one more for the fidelity.

    coordinate                            features    squared distance
    number, ordered choice, place         1           (x - x')^2
    number that may be inactive           2           an arc: about (x - x')^2 near by, .41 to "inactive"
    choice, text, member of a subset      1 a value   1 where they differ, else 0; .5 to "inactive"

The arc is that of Hutter and Osborne (2013), arXiv 1310.5738, with a quarter turn for the whole range. All of
it is an embedding, so that any kernel of distances in it is positive definite, two inactive ones are alike,
and nothing depends on what an inactive setting would have been.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from luthier.core.parameter import Choice, Parameter, Subset, Text
from luthier.core.space import Space
from luthier.search.numeric import Matrix

SIGNS = 16  # features of a text that is no candidate
ARC = 2 / np.pi  # the radius at which a quarter turn moves as fast as the coordinate itself


class Features:
    """Turns coordinates of a joint space into features. It knows nothing of what is fixed at the moment."""

    def __init__(self, space: Space) -> None:
        self.space = Space(space.parameters)
        self._kinds: list[_Kind] = []
        for name in self.space.parameters:
            parameter = self.space.parameters[name]
            conditional = bool(self.space.conditions(name))
            self._kinds += [_kind(parameter, conditional)] * parameter.width
        self.groups: NDArray[np.int64] = np.array(
            [group for group, kind in enumerate(self._kinds) for _ in range(kind.width)] + [len(self._kinds)],
            dtype=np.int64,
        )
        """(p,): the group of each feature; the last is the fidelity's."""
        starts = np.cumsum([0, *(kind.width for kind in self._kinds)])
        self.numbers: NDArray[np.int64] = np.array(
            [start for start, kind in zip(starts.tolist(), self._kinds, strict=False) if type(kind) is _Kind],
            dtype=np.int64,
        )
        """(c,): the features that are a coordinate in [0, 1] as it is."""

    def matrix(self, coordinates: Matrix, fidelity: Matrix) -> Matrix:
        """(n, p) features of (n, u) `coordinates` and (n,) `fidelity` in [0, 1]."""
        columns = [kind.features(coordinates[:, index]) for index, kind in enumerate(self._kinds)]
        return np.hstack([*columns, fidelity[:, None]])


class _Kind:
    """A plain coordinate: it is its own feature; in the middle where a config lacks it."""

    width = 1

    def features(self, column: Matrix) -> Matrix:
        return np.nan_to_num(column, nan=0.5)[:, None]


class _Arc(_Kind):
    width = 2

    def features(self, column: Matrix) -> Matrix:
        angle = column / ARC
        arc = ARC * np.stack([np.sin(angle), np.cos(angle)], axis=1)
        return np.where(np.isnan(arc), 0.0, arc)


class _Categories(_Kind):
    """One feature a value; all 0 where inactive."""

    def __init__(self, places: tuple[float, ...]) -> None:
        self.places = np.array(places)
        self.width = len(places)

    def features(self, column: Matrix) -> Matrix:
        return np.where(np.abs(column[:, None] - self.places) < 1e-9, math.sqrt(0.5), 0.0)


class _Texts(_Categories):
    """Candidates as categories; any other text as signs hashed from it, about 1 from each other in the square."""

    def __init__(self, places: tuple[float, ...]) -> None:
        super().__init__(places)
        self.width += SIGNS

    def features(self, column: Matrix) -> Matrix:
        other = column > 1.0
        code = np.where(other, (column - 1.0) * 2**31, 0.0).astype(np.int64)
        bits = (code[:, None] >> np.arange(SIGNS)) & 1
        signs = np.where(other[:, None], (2.0 * bits - 1.0) * math.sqrt(0.5 / SIGNS), 0.0)
        return np.concatenate([super().features(column), signs], axis=1)


def _kind(parameter: Parameter, conditional: bool) -> _Kind:
    if isinstance(parameter, Choice) and not parameter.ordered:
        count = len(parameter.options)
        return _Categories(tuple((index + 0.5) / count for index in range(count)))
    if isinstance(parameter, Text):
        count = len(parameter.candidates)
        return _Texts(tuple((index + 0.5) / count for index in range(count)))
    if isinstance(parameter, Subset):
        return _Categories((0.25, 0.75))
    return _Arc() if conditional else _Kind()
