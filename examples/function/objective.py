"""A function to tune: how far off exponential smoothing is when it forecasts the next month of a series."""

import math
import random


def series(months: int = 120) -> list[float]:
    """Passengers a month, made up: they grow, follow the season, and aren't quite regular."""
    rng = random.Random(4)
    return [
        (100 + 2 * month) * (1 + 0.2 * math.sin(math.tau * month / 12)) + rng.gauss(0, 4) for month in range(months)
    ]


def error(alpha: float, season: int, trend: str, beta: float = 0.0) -> float:
    """The mean absolute error of forecasts one month ahead, by Holt's method on the differences over `season` months.

    alpha: how fast the level follows, in (0, 1]; beta: how fast the trend does, where `trend` is "linear".
    """
    values = series()
    changes = [later - earlier for earlier, later in zip(values, values[season:], strict=False)] if season else values
    level, slope, errors = changes[0], 0.0, []
    for change in changes[1:]:
        forecast = level + slope
        errors.append(abs(change - forecast))
        level, before = forecast + alpha * (change - forecast), level
        slope = slope + beta * (level - before - slope) if trend == "linear" else 0.0
    return sum(errors) / len(errors)
