"""The truth: stars, galaxies and quasars in blocks, each block from the seed and its own number.

A block is made alone, so that a sky of any size streams, starts anywhere, and has the same first objects as a larger
one. What surveys see of it is in the modules beside this one, each with random numbers of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from ingest.mock import footprint

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["BLOCK_SIZE", "Block", "Kind", "MockSky", "Stream"]

BLOCK_SIZE: Final = 8192
"""Objects in a block. Part of what a seed means: another value gives another sky."""

_FAINT_MAG: Final = 23.5
_BRIGHT_MAG: Final = 14.0

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


class Kind(IntEnum):
    """What an object is, in the order of BANNJOS's columns."""

    GALAXY = 0
    QSO = 1
    STAR = 2


class Stream(IntEnum):
    """Independent sequences of random numbers of a block."""

    TRUTH = 0
    LS_PSC = 1
    JPLUS = 2
    BANNJOS = 3


_SHARE: Final = (0.64, 0.03, 0.33)
"""Share of each kind, in the order of :class:`Kind`."""
_SLOPE: Final = np.array([0.33, 0.40, 0.18])
"""Slope of each kind's log counts [1/mag]."""


@dataclass(frozen=True)
class Block:
    """Consecutive objects of the mock sky; every array has the shape (n,)."""

    seed: int
    number: int
    """Number of the block, from 0."""
    n_wanted: int
    """Objects of the block that belong to the sky: all but in the last block."""
    index: IntArray
    """Number of each object in the whole sky, from 0."""
    brick: IntArray
    ra_deg: FloatArray
    dec_deg: FloatArray
    kind: IntArray
    """Values of :class:`Kind`."""
    r_mag: FloatArray
    """Magnitude in the r band, without noise."""
    redshift: FloatArray
    """NaN for stars."""
    colour: FloatArray
    """What decides about the spectrum within a kind: 0 is blue, 1 is red."""

    def generator(self, stream: Stream) -> np.random.Generator:
        """Return the random numbers of this block for one purpose, from their beginning."""
        return _generator(self.seed, self.number, stream)


@dataclass(frozen=True)
class MockSky:
    """A sky with known truth.

    Parameters
    ----------
    n_objects
        Objects in it, at most :data:`ingest.mock.footprint.MAX_OBJECTS`.
    seed
        The same seed gives the same sky.

    Raises
    ------
    ValueError
        If the number of objects is out of range.
    """

    n_objects: int
    seed: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.n_objects <= footprint.MAX_OBJECTS:
            raise ValueError(f"{self.n_objects} objects; the mock sky holds from 0 to {footprint.MAX_OBJECTS}")

    @property
    def n_blocks(self) -> int:
        """Number of blocks."""
        return -(-self.n_objects // BLOCK_SIZE)

    def blocks(self) -> Iterator[Block]:
        """Make the blocks, one after the other."""
        for number in range(self.n_blocks):
            yield self.block(number)

    def block(self, number: int) -> Block:
        """Make one block; it is always whole, see :attr:`Block.n_wanted`."""
        random = _generator(self.seed, number, Stream.TRUTH)
        index = np.arange(number * BLOCK_SIZE, (number + 1) * BLOCK_SIZE, dtype=np.int64)
        brick = footprint.brick_of(index)
        ra_deg, dec_deg = footprint.positions(brick, random.random(BLOCK_SIZE), random.random(BLOCK_SIZE))
        kind = np.searchsorted(np.cumsum(_SHARE[:-1]), random.random(BLOCK_SIZE), side="right").astype(np.int64)
        r_mag = _magnitude(_SLOPE[kind], random.random(BLOCK_SIZE))
        return Block(
            seed=self.seed,
            number=number,
            n_wanted=min(BLOCK_SIZE, self.n_objects - number * BLOCK_SIZE),
            index=index,
            brick=brick,
            ra_deg=ra_deg,
            dec_deg=dec_deg,
            kind=kind,
            r_mag=r_mag,
            redshift=_redshift(kind, r_mag, random.random(BLOCK_SIZE)),
            colour=random.random(BLOCK_SIZE),
        )


def _generator(seed: int, block: int, stream: Stream) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=(block, int(stream)))))


def _magnitude(slope: FloatArray, uniform: FloatArray) -> FloatArray:
    """Invert counts that grow as ``10**(slope * mag)`` between the bright and the faint limit [mag]."""
    brightest = 10.0 ** (-slope * (_FAINT_MAG - _BRIGHT_MAG))
    magnitude: FloatArray = _FAINT_MAG + np.log10(brightest + (1.0 - brightest) * uniform) / slope
    return magnitude


def _redshift(kind: IntArray, r_mag: FloatArray, uniform: FloatArray) -> FloatArray:
    """Fainter galaxies are farther; quasars lie between 0.2 and 4; stars have none (NaN)."""
    typical = 0.02 + 0.5 * 10.0 ** (0.16 * (r_mag - _FAINT_MAG))
    galaxy = typical * np.sqrt(-2.0 * np.log1p(-0.999 * uniform))
    quasar = 0.2 + 3.8 * uniform**1.5
    redshift: FloatArray = np.select([kind == Kind.GALAXY, kind == Kind.QSO], [galaxy, quasar], np.nan)
    return redshift
