"""Gaussian mixtures on the plane of three probabilities, as BANNJOS compresses its posteriors.

Three probabilities that sum to one lie in a plane; a rotation puts it at constant third coordinate, and the mixture is
given in the first two. Every summary of the mixture is then exact, without drawing samples: the marginal of one class
is a mixture of Gaussians in one dimension.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["PLANE", "Mixture", "normal_cdf", "to_plane"]

FloatArray = NDArray[np.float64]

_A: Final = (3.0 + np.sqrt(3.0)) / 6.0
_B: Final = (3.0 - np.sqrt(3.0)) / 6.0
_C: Final = 1.0 / np.sqrt(3.0)
PLANE: Final[FloatArray] = np.array([[_A, -_B, -_C], [-_B, _A, -_C]])
"""First two rows of the rotation; columns are galaxy, quasar, star."""

_BISECTIONS: Final = 34
"""Halvings of an interval no wider than a few units: what is left is below the precision of a float32."""


def to_plane(probability: FloatArray) -> FloatArray:
    """Return plane coordinates of probabilities, (..., 3) → (..., 2)."""
    plane: FloatArray = probability @ PLANE.T
    return plane


def normal_cdf(x: FloatArray) -> FloatArray:
    """Return the cumulative standard normal distribution, with an error below 8e-8.

    References
    ----------
    Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26.
    """
    z = np.abs(x) * np.sqrt(0.5)
    t = 1.0 / (1.0 + 0.3275911 * z)
    series = np.zeros_like(t)
    for coefficient in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592):
        series = (series + coefficient) * t
    tail = 0.5 * series * np.exp(-z * z)
    below: FloatArray = np.where(x > 0, 1.0 - tail, tail)
    return below


@dataclass(frozen=True)
class Mixture:
    """One mixture of three Gaussians for each of n objects."""

    weights: FloatArray
    """Shape (n, 3), each row sums to 1."""
    means: FloatArray
    """In the plane, shape (n, 3, 2)."""
    covariances: FloatArray
    """Terms 11, 12 and 22 in the plane, shape (n, 3, 3)."""

    @cached_property
    def class_means(self) -> FloatArray:
        """Mean probability of each component and class, shape (n, 3 components, 3 classes)."""
        means: FloatArray = self.means @ PLANE + 1.0 / 3.0
        return means

    @cached_property
    def _matrices(self) -> FloatArray:
        """Covariance of the probabilities of each component, shape (n, 3, 3, 3)."""
        c11, c12, c22 = np.moveaxis(self.covariances, -1, 0)
        plane = np.stack([np.stack([c11, c12], -1), np.stack([c12, c22], -1)], -2)
        matrices: FloatArray = PLANE.T @ plane @ PLANE
        return matrices

    @cached_property
    def class_sigmas(self) -> FloatArray:
        """Standard deviation of each component and class, shape (n, 3 components, 3 classes)."""
        variances = np.diagonal(self._matrices, axis1=-2, axis2=-1)
        sigmas: FloatArray = np.sqrt(np.maximum(variances, 1e-16))
        return sigmas

    def mean(self) -> FloatArray:
        """Return the mean of each class, shape (n, 3)."""
        mean: FloatArray = np.einsum("nk,nkj->nj", self.weights, self.class_means)
        return mean

    def covariance(self) -> FloatArray:
        """Return the covariance of the three probabilities, shape (n, 3, 3)."""
        offsets = self.class_means - self.mean()[:, None, :]
        spread = np.einsum("nk,nki,nkj->nij", self.weights, offsets, offsets)
        covariance: FloatArray = spread + np.einsum("nk,nkij->nij", self.weights, self._matrices)
        return covariance

    def correlations(self) -> FloatArray:
        """Return the correlations of galaxy with quasar, galaxy with star, quasar with star, shape (n, 3)."""
        covariance = self.covariance()
        sigma = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
        pairs = [covariance[:, i, j] / (sigma[:, i] * sigma[:, j]) for i, j in ((0, 1), (0, 2), (1, 2))]
        correlations: FloatArray = np.clip(np.stack(pairs, -1), -1.0, 1.0)
        return correlations

    def cdf(self, x: FloatArray) -> FloatArray:
        """Return the cumulative distribution of each class at a value for each object and class, shape (n, 3)."""
        below = normal_cdf((x[:, None, :] - self.class_means) / self.class_sigmas)
        cdf: FloatArray = np.einsum("nk,nkj->nj", self.weights, below)
        return cdf

    def quantile(self, level: float) -> FloatArray:
        """Return the value of each class below which a fraction ``level`` of the distribution lies, shape (n, 3)."""
        low: FloatArray = (self.class_means - 6.0 * self.class_sigmas).min(axis=1)
        high: FloatArray = (self.class_means + 6.0 * self.class_sigmas).max(axis=1)
        for _ in range(_BISECTIONS):
            middle = 0.5 * (low + high)
            is_above = self.cdf(middle) > level
            low, high = np.where(is_above, low, middle), np.where(is_above, middle, high)
        return 0.5 * (low + high)

    def median_deviation(self, median: FloatArray) -> FloatArray:
        """Return the median absolute deviation from the median of each class, shape (n, 3)."""
        low: FloatArray = np.zeros_like(median)
        high: FloatArray = (np.abs(self.class_means - median[:, None, :]) + 6.0 * self.class_sigmas).max(axis=1)
        for _ in range(_BISECTIONS):
            middle = 0.5 * (low + high)
            is_above = self.cdf(median + middle) - self.cdf(median - middle) > 0.5
            low, high = np.where(is_above, low, middle), np.where(is_above, middle, high)
        return 0.5 * (low + high)
