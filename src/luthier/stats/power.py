"""How many rows does it take to see a gain, and which gain can be seen with the rows there are?

Both are for the two-sided paired test at `alpha` (or the one-sided one), found with probability `power`.
The noise of a paired comparison is stated in one of two ways:

- `discordance` in (0, 1]: the share of rows on which exactly one of the two models is right (0/1 outcomes);
- `sd` > 0: the standard deviation of candidate - baseline per row (real scores).

`design_effect` >= 1 is how many grouped rows are worth one independent row.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from luthier.stats._distributions import normal_cdf, normal_quantile
from luthier.stats._rows import fraction


@dataclass(frozen=True, slots=True)
class PairedDesign:
    """A paired comparison that is being planned. ValueError unless exactly one of the two noises is given."""

    discordance: float | None = None
    sd: float | None = None
    design_effect: float = 1.0
    alpha: float = 0.05
    sided: int = 2

    def __post_init__(self) -> None:
        fraction(self.alpha, "alpha")
        if (self.discordance is None) == (self.sd is None):
            raise ValueError("exactly one of discordance (0/1 outcomes) and sd (real scores) must be given")
        if self.discordance is not None and not 0 < self.discordance <= 1:
            raise ValueError(f"discordance must be a share of rows in (0, 1], not {self.discordance!r}")
        if self.sd is not None and not 0 < self.sd < math.inf:
            raise ValueError(f"sd must be positive and finite, not {self.sd!r}")
        if not self.design_effect >= 1:
            raise ValueError(f"design_effect must be at least 1, not {self.design_effect!r}")
        if self.sided not in (1, 2):
            raise ValueError(f"sided must be 1 or 2, not {self.sided!r}")

    def items_needed(self, difference: float, power: float = 0.8) -> int:
        """Rows needed to see a true `difference` in the mean score with probability `power`.

        For 0/1 outcomes Connor (1987), "Sample size for testing differences in proportions for the
        paired-sample design", Biometrics 43; for real scores Guenther (1981), "Sample size formulas for
        normal theory t tests", The American Statistician 35.
        """
        z, z_power = normal_quantile(1 - self.alpha / self.sided), normal_quantile(fraction(power, "power"))
        null_sd, true_sd, correction = self._noise(difference)
        independent = ((z * null_sd + z_power * true_sd) / difference) ** 2 + correction
        return math.ceil(independent * self.design_effect)

    def power(self, items: int, difference: float) -> float:
        """Probability of seeing a true `difference` on `items` rows: `items_needed` solved for the power."""
        if items < 2:
            raise ValueError(f"items must be at least 2, not {items}")
        z = normal_quantile(1 - self.alpha / self.sided)
        null_sd, true_sd, correction = self._noise(difference)
        rows = max(0.0, items / self.design_effect - correction)
        reach = abs(difference) * math.sqrt(rows) - z * null_sd
        return float(normal_cdf(reach / true_sd)) if true_sd > 0 else float(reach > 0)

    def detectable_difference(self, items: int, power: float = 0.8) -> float:
        """The smallest true difference that `items` rows show with probability `power`.

        `items_needed` solved for the difference. ValueError when `items` can't show any: for 0/1 outcomes,
        not even all discordant rows on one side.
        """
        z, z_power = normal_quantile(1 - self.alpha / self.sided), normal_quantile(fraction(power, "power"))
        rows = items / self.design_effect
        if self.discordance is None:
            degrees = rows - z**2 / 2
            difference = (z + z_power) * math.sqrt(self._variance / degrees) if degrees > 0 else math.inf
            largest = math.inf
        else:
            # (difference sqrt(n) - z sqrt(v))^2 = z_power^2 (v - difference^2), a quadratic equation
            root = z_power * math.sqrt(max(0.0, rows + z_power**2 - z**2))
            difference = math.sqrt(self._variance) * (z * math.sqrt(rows) + root) / (rows + z_power**2)
            largest = self.discordance
        if not difference < largest:
            raise ValueError(f"items must be more than {items} to show any difference with power {power:g}")
        return difference

    @property
    def _variance(self) -> float:
        """Variance per row without a gain."""
        return self.sd**2 if self.sd is not None else self.discordance or 0.0

    def _noise(self, difference: float) -> tuple[float, float, float]:
        """Standard deviation per row without a gain, with it, and the rows that estimating it costs."""
        if difference == 0 or not math.isfinite(difference):
            raise ValueError(f"difference must be finite and not 0, not {difference!r}")
        null_sd = math.sqrt(self._variance)
        if self.discordance is None:
            return null_sd, null_sd, normal_quantile(1 - self.alpha / self.sided) ** 2 / 2
        if abs(difference) > self.discordance:
            raise ValueError(
                f"difference must not exceed discordance, since no other rows change: "
                f"{difference!r} > {self.discordance!r}"
            )
        return null_sd, math.sqrt(self.discordance - difference**2), 0.0


def design_effect(intraclass_correlation: float, group_size: float, size_variation: float = 0.0) -> float:
    """How many grouped rows are worth one independent row: 1 + ((1 + cv^2) m - 1) rho.

    `intraclass_correlation` rho in [0, 1], mean `group_size` m >= 1, `size_variation` cv >= 0 the standard
    deviation of group sizes over their mean. Eldridge, Ashby and Kerry (2006), "Sample size for cluster
    randomized trials: effect of coefficient of variation of cluster size", Int. J. Epidemiology 35.
    """
    if not 0 <= intraclass_correlation <= 1:
        raise ValueError(f"intraclass_correlation must lie in [0, 1], not {intraclass_correlation!r}")
    if group_size < 1 or size_variation < 0:
        raise ValueError(
            f"group_size must be at least 1 and size_variation at least 0, not {group_size!r} and {size_variation!r}"
        )
    return 1 + ((1 + size_variation**2) * group_size - 1) * intraclass_correlation
