"""The truth: stars, galaxies, quasars and clumps in blocks, each block from the seed and its own number.

A block is made alone, so that a sky of any size streams, starts anywhere, and has the same first objects as a larger
one. What surveys see of it is in the modules beside this one, each with random numbers of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import IntEnum
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from ingest.mock import counts, footprint
from ingest.mock.footprint import FIELDS, FieldName

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["BLOCK_SIZE", "CYCLE", "MAX_OBJECTS", "Block", "Kind", "MockSky", "Stream", "slots"]

BLOCK_SIZE: Final = 8192
"""Objects in a block. Part of what a seed means: another value gives another sky."""
CYCLE: Final = 1 << 16
"""Objects that are dealt out to the bricks until it begins again. Part of what a seed means, too."""
_STRIDE: Final = 25_111
"""Odd, so that the steps visit every place of the cycle: a small sky is spread over all fields, too."""
_PLANE_SHARE: Final = 0.05
"""Share of the objects that are clumps of the Galactic plane: not to scale with the others."""

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


class Kind(IntEnum):
    """What an object is; the first three in the order of BANNJOS's columns."""

    GALAXY = 0
    QSO = 1
    STAR = 2
    CLUMP = 3


class Stream(IntEnum):
    """Independent sequences of random numbers of a block."""

    TRUTH = 0
    LS_PSC = 1
    JPLUS = 2
    BANNJOS = 3
    LEGACY = 4
    VISTA = 5
    DES = 6
    PANSTARRS = 7
    SKYMAPPER = 8
    VEXAS = 9
    SPECTRA = 10
    DP1 = 11
    RADIO = 12
    CLUMPS = 13
    GAIA = 14
    WISE = 15


@dataclass(frozen=True)
class Block:
    """Objects of the mock sky; every array has the shape (n,)."""

    seed: int
    number: int
    """Number of the block, from 0."""
    n_objects: int
    """Size of the sky: objects with this number or a higher one do not belong to it."""
    index: IntArray
    """Number of each object in the whole sky, from 0."""
    brick: IntArray
    in_brick: IntArray
    """Number of each object inside its brick, from 0."""
    field: IntArray
    """Values of :class:`ingest.mock.footprint.FieldName`."""
    ra_deg: FloatArray
    dec_deg: FloatArray
    kind: IntArray
    """Values of :class:`Kind`."""
    r_mag: FloatArray
    """AB magnitude in r (623 nm) with Galactic extinction and without noise; NaN for clumps."""
    redshift: FloatArray
    """NaN for stars and clumps."""
    colour: FloatArray
    """What decides about the spectrum of a galaxy or a quasar: 0 is blue, 1 is red."""
    absolute_mag: FloatArray
    """Absolute magnitude of stars in r; NaN for others."""
    distance_pc: FloatArray
    """Distance of stars; NaN for others."""
    radius_arcsec: FloatArray
    """Half-light radius; 0 for what is a point."""
    axis_ratio: FloatArray
    angle_deg: FloatArray
    """Position angle, from 0 to 180."""
    ebv_mag: FloatArray
    """Galactic reddening."""

    def __len__(self) -> int:
        return len(self.index)

    @property
    def is_wanted(self) -> BoolArray:
        """Which objects belong to the sky: all but in its last block."""
        return self.index < self.n_objects

    @property
    def is_point(self) -> BoolArray:
        """Which objects look like a point."""
        is_point: BoolArray = self.radius_arcsec == 0
        return is_point

    def select(self, chosen: BoolArray | IntArray) -> Block:
        """Return some of the objects, by a mask or by their places."""
        arrays = [item.name for item in fields(self) if isinstance(getattr(self, item.name), np.ndarray)]
        return replace(self, **{name: getattr(self, name)[chosen] for name in arrays})

    def generator(self, stream: Stream, *, part: int = 0) -> np.random.Generator:
        """Return the random numbers of this block for one purpose, from their beginning.

        Parts of a purpose have numbers of their own, which do not depend on how many another part has taken.
        """
        return np.random.Generator(_source(self.seed, self.number, stream).jumped(part))


@dataclass(frozen=True)
class MockSky:
    """A sky with known truth.

    Parameters
    ----------
    n_objects
        Objects in it, at most :data:`MAX_OBJECTS`.
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
        if not 0 <= self.n_objects <= MAX_OBJECTS:
            raise ValueError(f"{self.n_objects} objects; the mock sky holds from 0 to {MAX_OBJECTS}")

    @property
    def n_blocks(self) -> int:
        """Number of blocks."""
        return -(-self.n_objects // BLOCK_SIZE)

    def blocks(self) -> Iterator[Block]:
        """Make the blocks, one after the other."""
        for number in range(self.n_blocks):
            yield self.block(number)

    def block(self, number: int) -> Block:
        """Make one block; it is always whole, see :attr:`Block.is_wanted`."""
        return _block(self, number)


@lru_cache(maxsize=4)
def _block(sky: MockSky, number: int) -> Block:
    """Make a block. The last ones are kept."""
    random = np.random.Generator(_source(sky.seed, number, Stream.TRUTH))
    index = np.arange(number * BLOCK_SIZE, (number + 1) * BLOCK_SIZE, dtype=np.int64)
    brick, in_brick = _dealt_out(index)
    field = footprint.field_of(brick)
    ra_deg, dec_deg = footprint.positions(brick, random.random(BLOCK_SIZE), random.random(BLOCK_SIZE))
    kind = _kinds(field, random.random(BLOCK_SIZE))
    r_mag, absolute_mag = _magnitudes(field, kind, random)
    is_galaxy, is_quasar, is_star = (kind == one for one in (Kind.GALAXY, Kind.QSO, Kind.STAR))
    uniform, normal = random.random((3, BLOCK_SIZE)), random.standard_normal((3, BLOCK_SIZE))
    redshift = np.select(
        [is_galaxy, is_quasar], [counts.galaxy_redshift(r_mag, uniform[0]), counts.quasar_redshift(normal[0])], np.nan
    )
    ebv_mag = _reddening(field, ra_deg, dec_deg)
    return Block(
        seed=sky.seed,
        number=number,
        n_objects=sky.n_objects,
        index=index,
        brick=brick,
        in_brick=in_brick,
        field=field,
        ra_deg=ra_deg,
        dec_deg=dec_deg,
        kind=kind,
        r_mag=r_mag,
        redshift=redshift,
        colour=_colours(is_galaxy, redshift, uniform[1], normal[1]),
        absolute_mag=absolute_mag,
        distance_pc=np.where(is_star, 10.0 ** (0.2 * (r_mag - absolute_mag) + 1.0), np.nan),
        radius_arcsec=_radius(is_galaxy, is_quasar, r_mag, redshift, normal[2]),
        axis_ratio=0.25 + 0.75 * np.sqrt(random.random(BLOCK_SIZE)),
        angle_deg=180.0 * uniform[2],
        ebv_mag=ebv_mag,
    )


@cache
def slots() -> IntArray:
    """Return how many objects of each cycle go to each brick: its share of the objects of the whole sky."""
    weights = []
    for name, field in zip(FieldName, FIELDS, strict=True):
        low = field.lat_min_deg + field.brick_lat_deg * np.arange(field.n_rows + 1)
        areas = np.repeat(np.diff(np.sin(np.radians(low))), field.n_columns)
        weights.append(
            areas * np.degrees(1.0) * field.brick_lon_deg * (0.0 if field.is_galactic else counts.shares(name)[0])
        )
    expected = np.concatenate(weights)
    plane = footprint.brick_of(FieldName.PLANE)
    expected *= (1.0 - _PLANE_SHARE) / expected.sum()
    expected[plane] = _PLANE_SHARE / len(plane)
    expected *= CYCLE
    dealt: IntArray = np.floor(expected).astype(np.int64)
    # The largest remainders get what rounding down has left.
    dealt[np.argsort(dealt - expected, kind="stable")[: CYCLE - dealt.sum()]] += 1
    return dealt


@cache
def _places() -> tuple[IntArray, IntArray]:
    """Return the brick of each place of the cycle, and the number of the place in its brick."""
    dealt = slots()
    first = np.cumsum(dealt) - dealt
    brick = np.repeat(np.arange(len(dealt)), dealt)
    return brick, np.arange(CYCLE) - first[brick]


def _dealt_out(index: IntArray) -> tuple[IntArray, IntArray]:
    """Return the brick of each object and its number in the brick, from 0."""
    bricks, ranks = _places()
    place = (index * _STRIDE) % CYCLE
    brick = bricks[place]
    return brick, (index // CYCLE) * slots()[brick] + ranks[place]


MAX_OBJECTS: Final = ((1 << 20) // int(slots().max())) * CYCLE
"""Legacy Surveys identifiers have 20 bits for the number inside a brick."""


def _source(seed: int, block: int, stream: Stream) -> np.random.Philox:
    return np.random.Philox(np.random.SeedSequence(seed, spawn_key=(block, int(stream))))


def _kinds(field: IntArray, uniform: FloatArray) -> IntArray:
    kind = np.full(len(field), Kind.CLUMP, dtype=np.int64)
    for name in FieldName:
        if not FIELDS[name].is_galactic:
            here = field == name
            kind[here] = np.searchsorted(np.cumsum(counts.shares(name)[1])[:-1], uniform[here], side="right")
    return kind


def _magnitudes(field: IntArray, kind: IntArray, random: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Return magnitudes in r, and absolute ones of stars."""
    uniform, jitter = random.random(len(field)), random.random((2, len(field)))
    bright, faint = (np.array([getattr(one, name) for one in FIELDS])[field] for name in ("bright_mag", "faint_mag"))
    r_mag = np.where(
        kind == Kind.QSO, counts.quasar_mag(bright, faint, uniform), counts.galaxy_mag(bright, faint, uniform)
    )
    absolute = np.full(len(field), np.nan)
    for name in FieldName:
        here = (field == name) & (kind == Kind.STAR)
        if here.any():
            r_mag[here], absolute[here] = counts.stars_of(name).draw(uniform[here], jitter[:, here])
    return r_mag, absolute


def _colours(is_galaxy: BoolArray, redshift: FloatArray, uniform: FloatArray, normal: FloatArray) -> FloatArray:
    """Return the weight of the red spectrum: two humps for galaxies, the red one lower at high redshift."""
    is_red = uniform < 0.5 * np.exp(-np.nan_to_num(redshift) / 1.2)
    galaxy = np.where(is_red, 0.92 + 0.05 * normal, 0.3 + 0.14 * normal)
    return np.clip(np.where(is_galaxy, galaxy, 0.5 + 0.2 * normal), 0.0, 1.0)


def _radius(
    is_galaxy: BoolArray, is_quasar: BoolArray, r_mag: FloatArray, redshift: FloatArray, normal: FloatArray
) -> FloatArray:
    """Return half-light radii [arcsec]: 1.5 at 18 mag and 0.4 at 23.5 mag, with a scatter of a factor 1.5.

    Of near quasars the host shows in every third one.
    """
    median = 1.5 * 10.0 ** (-0.105 * (np.nan_to_num(r_mag, nan=20.0) - 18.0))
    galaxy = np.clip(median * np.exp(0.4 * normal), 0.08, 20.0)
    shows_host = is_quasar & (redshift < 0.9) & (normal > 0.43)
    return np.select([is_galaxy, shows_host], [galaxy, 0.6 * galaxy], 0.0)


def _reddening(field: IntArray, ra_deg: FloatArray, dec_deg: FloatArray) -> FloatArray:
    """Return E(B-V) [mag]: a plane layer with clouds of about a degree; 0 in the plane itself."""
    layer = np.array([0.0 if one.is_galactic else _layer(name) for name, one in zip(FieldName, FIELDS, strict=True)])
    clouds = np.sin(4.1 * ra_deg + 1.3) * np.sin(5.3 * dec_deg) + 0.6 * np.sin(9.7 * ra_deg - 7.1 * dec_deg)
    return layer[field] * np.exp(0.25 * clouds)


@cache
def _layer(field: FieldName) -> float:
    return float(0.012 / np.sin(np.radians(abs(footprint.galactic_of(field)[1]))))
