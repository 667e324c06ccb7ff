"""A classifier whose probabilities are right: what it sees of an object is a draw from a known distribution.

For an object of class k it sees a point of a plane, normal with unit variance around a corner of a triangle; the
corners are further apart the brighter the object. With the true shares of the classes at that magnitude, Bayes'
theorem gives the probabilities. So of the objects with a probability of 0.8 for a class 80 % are of that class, bright
or faint, and the confusion of two classes follows from the length of a side of the triangle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ingest.mock import counts
from ingest.mock.footprint import FIELDS, FieldName
from ingest.mock.sky import Block

__all__ = ["Classifier", "priors"]

FloatArray = NDArray[np.float64]


def priors(block: Block) -> FloatArray:
    """Return the true shares of galaxies, quasars and stars at the magnitude and in the field of objects, (n, 3)."""
    shares = np.full((len(block), 3), np.nan)
    for name in FieldName:
        if not FIELDS[name].is_galactic:
            here = block.field == name
            shares[here] = counts.differential(name, block.r_mag[here])
    shares /= shares.sum(axis=1, keepdims=True)
    return shares


@dataclass(frozen=True)
class Classifier:
    """How well classes are told apart."""

    galaxy_quasar: float
    """Sides of the triangle at a power of 1, in standard deviations."""
    galaxy_star: float
    quasar_star: float
    mags: tuple[float, ...]
    """Magnitudes in r at which the power is given, rising."""
    powers: tuple[float, ...]

    def logits(self, block: Block, random: np.random.Generator) -> FloatArray:
        """Draw what is seen of objects and return log probabilities up to a constant, shape (n, 3)."""
        power = np.interp(block.r_mag, self.mags, self.powers)[:, None]
        corners = self._corners()
        seen = power * corners[block.kind] + random.standard_normal((len(block), 2))
        logits: FloatArray = (
            np.log(np.maximum(priors(block), 1e-12))
            + power * (seen @ corners.T)
            - 0.5 * power**2 * (corners**2).sum(axis=1)
        )
        return logits

    def _corners(self) -> FloatArray:
        """Return the corners of galaxy, quasar and star, shape (3, 2)."""
        x = (self.galaxy_star**2 + self.galaxy_quasar**2 - self.quasar_star**2) / (2.0 * self.galaxy_star)
        y = np.sqrt(self.galaxy_quasar**2 - x**2)
        return np.array([[0.0, 0.0], [x, y], [self.galaxy_star, 0.0]])
