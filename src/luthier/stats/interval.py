"""An estimate with the range that the data leave it, and the two intervals that need no pairing."""

from __future__ import annotations

import math
from dataclasses import dataclass

from numpy.typing import ArrayLike

from luthier.stats._distributions import normal_quantile, student_quantile
from luthier.stats._rows import fraction, vector
from luthier.stats.clustered import clustered_mean


@dataclass(frozen=True, slots=True)
class Interval:
    """`estimate`, and `low` to `high`, which holds the true value in a share `level` of repetitions.

    The estimate is the plain one (a mean, a rate); an interval that is pulled toward the middle because rows
    are few need not be centered on it. ValueError when low > high or level is not in (0, 1).
    """

    estimate: float
    low: float
    high: float
    level: float = 0.95

    def __post_init__(self) -> None:
        fraction(self.level, "level")
        if not self.low <= self.high:
            raise ValueError(f"low must not pass high, but low is {self.low!r} and high is {self.high!r}")

    def contains(self, value: float) -> bool:
        """Whether `value` is among those that the data leave open, ends included."""
        return self.low <= value <= self.high

    @property
    def width(self) -> float:
        """high - low, in the units of the estimate."""
        return self.high - self.low

    def format(self, spec: str = ".3g") -> str:
        """For people: `0.031 [0.012, 0.05]`; each number is written by `spec`, such as `+.1%`."""
        return f"{self.estimate:{spec}} [{self.low:{spec}}, {self.high:{spec}}]"

    def __str__(self) -> str:
        return self.format()


def wilson(successes: int, n: int, *, level: float = 0.95) -> Interval:
    """Score interval for a rate of `successes` among `n` independent rows, within [0, 1].

    Wilson (1927), "Probable inference, the law of succession, and statistical inference", JASA 22.
    ValueError unless 0 <= successes <= n and n >= 1.
    """
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"successes must lie in 0..n with n >= 1, but there are {successes} of {n}")
    z = normal_quantile((1 + fraction(level, "level")) / 2)
    rate = successes / n
    center = (rate + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    low = 0.0 if successes == 0 else center - reach
    high = 1.0 if successes == n else center + reach
    return Interval(rate, low, high, level)


def mean_t(values: ArrayLike, groups: ArrayLike | None = None, *, level: float = 0.95) -> Interval:
    """Student's t interval for the mean of `values`, shape (n,), n >= 2.

    With `groups`, shape (n,), rows of a group may move together: see `clustered_mean`.
    """
    mean = clustered_mean(vector(values, "values", least=2), groups)
    t = student_quantile((1 + fraction(level, "level")) / 2, mean.degrees_of_freedom)
    reach = t * math.sqrt(mean.variance)
    return Interval(mean.estimate, mean.estimate - reach, mean.estimate + reach, level)
