"""A Gaussian process with a Matern-5/2 kernel over bent inputs, fitted by maximum a posteriori.

Glossary of shapes: n observations; p features in g groups, with one lengthscale a group; c features that may be
bent, which lie in [0, 1]; m points asked for.
Z (n, p) features, y (n,) observations of about unit spread, w (n,) what the noise variance is multiplied by.
It knows nothing of configs, metrics or which way is better.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from luthier.search.bend import STRAIGHT, Bends, slopes
from luthier.search.numeric import Matrix, inverse_from_factor, minimize, solve_lower

Groups = NDArray[np.int64]

# Prior of log lengthscales: normal, growing with the dimension. Hvarfner, Hellsten and Nardi (2024), arXiv
# 2402.02229, eq. 7, which leaves location and scale open to choice.
LENGTHSCALE_LOCATION = -0.5
LENGTHSCALE_SCALE = 1.0
SIGNAL_LOCATION, SIGNAL_SCALE = 0.0, 1.0  # of the log signal variance
NOISE_LOCATION, NOISE_SCALE = -6.0, 2.0  # of the log noise variance
BEND_SCALE = 0.5  # of the logs of a and b
BOUNDS = {"lengthscale": (-4.0, 6.0), "signal": (-3.0, 3.0), "noise": (-12.0, 1.0), "bend": (-1.5, 1.5)}  # of logs
MOST_STEPS = 40
SQRT5 = math.sqrt(5.0)


@dataclass(frozen=True, slots=True)
class Kernel:
    """`lengthscales` (g,) in units of bent features, `signal` and `noise` variances, all > 0."""

    lengthscales: Matrix
    signal: float
    noise: float
    bends: Bends = STRAIGHT

    def scaled(self, Z: Matrix, groups: Groups) -> Matrix:
        """Z bent, then with every feature divided by its lengthscale."""
        return self.bends(Z) / self.lengthscales[groups]


@dataclass(frozen=True, slots=True)
class Posterior:
    """The process given observations: their scaled features (n, p), the Cholesky factor (n, n) of their
    covariance, the innovations factor^-1 (y - mean) (n,), and the constant mean."""

    kernel: Kernel
    groups: Groups
    scaled: Matrix
    factor: Matrix
    innovations: Matrix
    mean: float

    @staticmethod
    def of(kernel: Kernel, groups: Groups, Z: Matrix, y: Matrix, w: Matrix) -> Posterior:
        """The posterior given y at Z, with the constant mean at its best: Rasmussen and Williams (2006), 2.7."""
        scaled = kernel.scaled(Z, groups)
        factor = _cholesky(kernel.signal * _matern(_squared(scaled, scaled)), kernel.noise * w)
        ones = solve_lower(factor, np.ones(len(y)))
        half = solve_lower(factor, y)
        mean = float(ones @ half / (ones @ ones))
        return Posterior(kernel, groups, scaled, factor, half - mean * ones, mean)

    def predict(self, Z: Matrix) -> tuple[Matrix, Matrix]:
        """Mean (m,) and standard deviation (m,), noise left out, at features Z (m, p)."""
        half = self._against(self.kernel.scaled(Z, self.groups))
        variance = self.kernel.signal - np.einsum("nm,nm->m", half, half)
        return self.mean + half.T @ self.innovations, np.sqrt(np.maximum(variance, 1e-12))

    def believe(self, Z: Matrix) -> Posterior:
        """The posterior if Z (m, p) were observed at their means: the kriging believer of Ginsbourger, Le Riche
        and Carraro (2010). The mean stays as it is; the deviation falls around Z."""
        scaled = self.kernel.scaled(Z, self.groups)
        half = self._against(scaled)
        own = self.kernel.signal * _matern(_squared(scaled, scaled)) - half.T @ half
        n, m = len(self.scaled), len(Z)
        factor = np.zeros((n + m, n + m))
        factor[:n, :n] = self.factor
        factor[n:, :n] = half.T
        factor[n:, n:] = _cholesky(own, np.full(m, self.kernel.noise))
        innovations = np.concatenate([self.innovations, np.zeros(m)])
        return Posterior(self.kernel, self.groups, np.vstack([self.scaled, scaled]), factor, innovations, self.mean)

    def _against(self, scaled: Matrix) -> Matrix:
        """factor^-1 times the covariance of the observations with m scaled points: (n, m)."""
        return solve_lower(self.factor, self.kernel.signal * _matern(_squared(self.scaled, scaled)))


def default_kernel(groups: int, dimensions: int) -> Kernel:
    """The mode of the prior for `groups` lengthscales, in a search of `dimensions` coordinates."""
    lengthscale = math.exp(_location(dimensions))
    return Kernel(np.full(groups, lengthscale), math.exp(SIGNAL_LOCATION), math.exp(NOISE_LOCATION))


def fit_kernel(Z: Matrix, groups: Groups, y: Matrix, w: Matrix, bendable: Groups) -> Kernel:
    """The kernel of greatest posterior density, in which features `bendable` may be bent.

    What doesn't vary in Z stays at the mode of the prior.
    """
    varying = np.ptp(Z, axis=0) > 0
    fitted: Groups = np.unique(groups[varying])
    start = default_kernel(int(groups.max()) + 1, len(fitted))
    if len(y) < 2 or not len(fitted):
        return start
    columns = bendable[varying[bendable]]
    kept = np.flatnonzero(varying)
    place = np.searchsorted(fitted, groups[varying])
    objective = _Objective(
        Z[:, varying], place, len(fitted), y, w, _location(len(fitted)), np.searchsorted(kept, columns)
    )
    bends = [BOUNDS["bend"]] * (2 * len(columns))
    bounds = [BOUNDS["lengthscale"]] * len(fitted) + [BOUNDS["signal"], BOUNDS["noise"]] + bends
    found, (signal, noise), (a, b) = objective.parts(np.exp(minimize(objective, objective.centers, bounds, MOST_STEPS)))
    lengthscales = start.lengthscales.copy()
    lengthscales[fitted] = found
    return Kernel(lengthscales, float(signal), float(noise), Bends(columns, a, b))


class _Objective:
    """Minus the log posterior density of the logs of (lengthscales, signal, noise, a, b), with its gradient.

    Rasmussen and Williams (2006), eq. 5.8 and 5.9. The constant mean is at its best for each kernel, so that
    it adds nothing to the gradient. Group numbers and `bendable` count the features and groups of this Z alone.
    """

    def __init__(
        self, Z: Matrix, groups: Groups, size: int, y: Matrix, w: Matrix, location: float, bendable: Groups
    ) -> None:
        self.Z, self.groups, self.size, self.y, self.w, self.bendable = Z, groups, size, y, w, bendable
        self.centers = np.array([location] * size + [SIGNAL_LOCATION, NOISE_LOCATION] + [0.0] * (2 * len(bendable)))
        bends = [BEND_SCALE] * (2 * len(bendable))
        self._scales = np.array([LENGTHSCALE_SCALE] * size + [SIGNAL_SCALE, NOISE_SCALE, *bends])
        self._sum = np.zeros((Z.shape[1], size))
        self._sum[np.arange(Z.shape[1]), groups] = 1.0

    def parts(self, values: Matrix) -> tuple[Matrix, Matrix, Matrix]:
        """Lengthscales (g,), signal and noise (2,), a and b (2, c)."""
        return values[: self.size], values[self.size : self.size + 2], values[self.size + 2 :].reshape(2, -1)

    def __call__(self, logs: Matrix) -> tuple[float, Matrix]:
        lengthscales, (signal, noise), (a, b) = self.parts(np.exp(logs))
        lengths = lengthscales[self.groups]
        scaled = Bends(self.bendable, a, b)(self.Z) / lengths
        root = SQRT5 * np.sqrt(_squared(scaled, scaled))
        decay = np.exp(-root)
        matern = (1 + root + root**2 / 3) * decay
        factor = _cholesky(signal * matern, noise * self.w)
        inverse = inverse_from_factor(factor)
        row_sums = inverse.sum(axis=1)
        residual = self.y - row_sums @ self.y / row_sums.sum()
        alpha = inverse @ residual
        loss = 0.5 * residual @ alpha + np.log(np.diag(factor)).sum()
        G = inverse - np.outer(alpha, alpha)  # d loss / d K is G / 2
        # d K / d log l_j = signal * 5/3 (1 + root) decay * D_j^2, with D_j the scaled distance in group j.
        H = G * ((5 / 3) * signal * (1 + root) * decay)
        pull = H.sum(axis=1)[:, None] * scaled - H @ scaled  # minus d loss / d scaled
        by_log_a, by_log_b = slopes(self.Z[:, self.bendable], a, b)
        by_bent = -pull[:, self.bendable] / lengths[self.bendable]
        gradient = np.concatenate(
            [
                (scaled * pull).sum(axis=0) @ self._sum,
                np.array([0.5 * signal * np.sum(G * matern), 0.5 * noise * (np.diag(G) @ self.w)]),
                (by_bent * by_log_a).sum(axis=0),
                (by_bent * by_log_b).sum(axis=0),
            ]
        )
        deviations = (logs - self.centers) / self._scales
        return float(loss + 0.5 * deviations @ deviations), gradient + deviations / self._scales


def _location(dimensions: int) -> float:
    return LENGTHSCALE_LOCATION + 0.5 * math.log(max(dimensions, 1))


def _cholesky(covariance: Matrix, noise: Matrix) -> Matrix:
    """The lower factor of `covariance` (n, n) with `noise` (n,) on its diagonal, and as much more as it takes.

    Equal rows make a covariance singular up to rounding; the first addition is far below any noise.
    """
    diagonal = np.diag_indices(len(noise))
    for addition in (1e-8, 1e-6, 1e-4, 1e-2):
        noisy = covariance.copy()
        noisy[diagonal] += noise + addition
        try:
            return np.asarray(np.linalg.cholesky(noisy), dtype=np.float64)
        except np.linalg.LinAlgError:
            continue
    raise np.linalg.LinAlgError(f"a covariance of {len(noise)} points must be positive definite, and isn't")


def _squared(one: Matrix, other: Matrix) -> Matrix:
    """Squared Euclidean distances (n, m) between rows."""
    lengths = np.einsum("np,np->n", one, one)[:, None] + np.einsum("mp,mp->m", other, other)
    return np.maximum(lengths - 2 * (one @ other.T), 0.0)


def _matern(squared: Matrix) -> Matrix:
    """Matern-5/2 correlation: Rasmussen and Williams (2006), eq. 4.17."""
    root = np.sqrt(5 * squared)
    return (1 + root + root**2 / 3) * np.exp(-root)
