"""Regions of the sky: which points are inside, and which HEALPix cells cover them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import floor, log2
from typing import TYPE_CHECKING, Final

import numpy as np

from vo_server.sky.angle import checked_dec_deg, checked_radius_deg, separation_deg, wrapped_ra_deg
from vo_server.sky.block import Block
from vo_server.sky.healpix import N_CELLS, ORDER, cells, centres, with_neighbours

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from vo_server.sky.angle import BoolArray, IntArray

__all__ = ["MARGIN_DEG", "Cone", "Region", "circumradius_deg", "pruned_ranges", "region_ranges"]

MARGIN_DEG: Final = 1e-6
"""Added to a radius before cells are collected [deg]: nine cells of order 29, far more than all rounding errors."""

_INRADIUS_DEG: Final = 40.0
"""Times 2**-order: a cell and its neighbours hold every place this near to a place in the cell [deg].

The smallest distance between opposite edges of a cell is 48, 43, 42, 41, 41, ... times that power.
"""

_CIRCUMRADIUS_DEG: Final = 62.0
"""Times 2**-order: no place of a cell is farther than this from its centre [deg] (at most 48, 55, 58, ... 61.3)."""

_REFINEMENT: Final = 3
"""Orders between the cells that are as large as a cone and the cells that cover it."""


_MAX_CELLS: Final = 400
"""Cells at the edge of a region after which it is not cut finer."""

_DEG2: Final = float(np.degrees(1.0)) ** 2
"""Square degrees of a steradian."""


def circumradius_deg(order: int) -> float:
    """Return an angle within which every place of a cell of an order lies around the cell's centre [deg]."""
    return _CIRCUMRADIUS_DEG / 2.0**order


class Region(ABC):
    """A part of the sphere."""

    @abstractmethod
    def contains(self, ra_deg: ArrayLike, dec_deg: ArrayLike) -> BoolArray:
        """Tell which points lie inside, edge included.

        Parameters
        ----------
        ra_deg, dec_deg
            ICRS positions [deg], shape (n,); RA may be unwrapped, NaN is outside.

        Returns
        -------
        ndarray of bool, shape (n,)
        """

    @abstractmethod
    def compared(self, order: int, numbers: IntArray) -> tuple[BoolArray, BoolArray]:
        """Tell how cells lie to the region.

        Parameters
        ----------
        order
            Order of the cells.
        numbers
            NESTED cells, shape (n,).

        Returns
        -------
        touches, is_inside
            Each of shape (n,). Only a cell without any place in the region may be False in the first; only a cell all
            of whose places are in the region may be True in the second.
        """

    @property
    @abstractmethod
    def area_deg2(self) -> float:
        """Area [deg**2]."""

    @property
    @abstractmethod
    def centroid_deg(self) -> tuple[float, float]:
        """Position (ra, dec) of the centre [deg]."""

    @property
    def dec_range_deg(self) -> tuple[float, float]:
        """Declinations between which the region lies [deg]."""
        return -90.0, 90.0

    @property
    def ra_range_deg(self) -> tuple[float, float] | None:
        """Right ascension in (-360, 360) where the region begins, and its extent in (0, 360) [deg].

        None when it has all right ascensions, or that is not known.
        """
        return None

    def cell_ranges(self, max_ranges: int) -> list[tuple[int, int]]:
        """Return ranges of order-29 NESTED cells that cover the region.

        Parameters
        ----------
        max_ranges
            Most ranges to return, at least 1; the smallest gaps are filled until that many are left.

        Returns
        -------
        list of (int, int)
            First and last cell, both inclusive, ascending, disjoint and not adjacent; empty for an empty region. Every
            place inside the region has its cell in one of them.
        """
        return region_ranges(self, max_ranges, start=(0, np.arange(12)))


@dataclass(frozen=True)
class Cone(Region):
    """All places within an angle of a centre, edge included.

    Parameters
    ----------
    ra_deg, dec_deg
        ICRS centre [deg]; RA is wrapped into [0, 360).
    radius_deg
        Opening half-angle [deg] in [0, 180].

    Raises
    ------
    SkyRangeError
        If the declination or the radius is out of range, or a number is not finite.
    """

    ra_deg: float
    dec_deg: float
    radius_deg: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "ra_deg", wrapped_ra_deg(self.ra_deg))
        object.__setattr__(self, "dec_deg", checked_dec_deg(self.dec_deg))
        object.__setattr__(self, "radius_deg", checked_radius_deg(self.radius_deg))

    def contains(self, ra_deg: ArrayLike, dec_deg: ArrayLike) -> BoolArray:
        """Tell which points lie inside, edge included.

        Parameters
        ----------
        ra_deg, dec_deg
            ICRS positions [deg], shape (n,); RA may be unwrapped, NaN is outside.

        Returns
        -------
        ndarray of bool, shape (n,)
            True where :func:`~vo_server.sky.angle.separation_deg` is at most the radius.

        References
        ----------
        ADQL 2.1, section 4.2.12 (CONTAINS): a point on the boundary is inside.
        """
        inside: BoolArray = separation_deg(ra_deg, dec_deg, self.ra_deg, self.dec_deg) <= self.radius_deg
        return inside

    def compared(self, order: int, numbers: IntArray) -> tuple[BoolArray, BoolArray]:
        """Tell which cells may touch, and which surely lie inside; see :meth:`Region.compared`."""
        distance_deg = separation_deg(*centres(order, numbers), self.ra_deg, self.dec_deg)
        reach_deg = circumradius_deg(order)
        return distance_deg <= self.radius_deg + reach_deg, distance_deg <= self.radius_deg - reach_deg

    @property
    def area_deg2(self) -> float:
        """Area of the cap [deg**2]."""
        return float(4.0 * np.pi * np.sin(np.radians(self.radius_deg) / 2.0) ** 2) * _DEG2

    @property
    def centroid_deg(self) -> tuple[float, float]:
        """Centre (ra, dec) [deg]."""
        return self.ra_deg, self.dec_deg

    @property
    def dec_range_deg(self) -> tuple[float, float]:
        """Lowest and highest declination inside, with a margin, within [-90, 90] [deg]."""
        reach = self.radius_deg + MARGIN_DEG
        return max(-90.0, self.dec_deg - reach), min(90.0, self.dec_deg + reach)

    @property
    def ra_range_deg(self) -> tuple[float, float] | None:
        """Right ascension where the cone begins, and its extent, with a margin; see :attr:`Region.ra_range_deg`."""
        reach_deg = self.radius_deg + MARGIN_DEG
        if abs(self.dec_deg) + reach_deg >= 90:  # noqa: PLR2004 - a pole
            return None
        half = float(np.degrees(np.arcsin(np.sin(np.radians(reach_deg)) / np.cos(np.radians(self.dec_deg)))))
        return self.ra_deg - half - MARGIN_DEG, 2.0 * (half + MARGIN_DEG)

    def cell_ranges(self, max_ranges: int) -> list[tuple[int, int]]:
        """Return ranges of order-29 NESTED cells that cover the cone.

        Parameters
        ----------
        max_ranges
            Most ranges to return, at least 1; the smallest gaps are filled until that many are left.

        Returns
        -------
        list of (int, int)
            First and last cell, both inclusive, ascending, disjoint and not adjacent. Every place inside the cone
            has its cell in one of them; places up to a cell of the covering order (about a sixth of the radius)
            outside have too.

        Notes
        -----
        Cells are kept by the distance of their centres, which cannot lose one; the coverage of cdshealpix 0.9 loses
        places near the edge of some cones of more than 3 deg, and much of the sky beyond 90 deg.
        """
        reach_deg = self.radius_deg + MARGIN_DEG
        if reach_deg >= 180:  # noqa: PLR2004 - the whole sphere
            return [(0, N_CELLS - 1)]
        order = self._large_order
        # In one step, not order by order: each call for centres costs as much as some hundred cells do.
        depth = min(_REFINEMENT, ORDER - order)
        block = Block.around(self.ra_deg, self.dec_deg, order=order, depth=depth) if order else None
        if block is not None:
            distance_deg = separation_deg(*block.centres(), self.ra_deg, self.dec_deg)
            numbers = block.numbers(np.flatnonzero(distance_deg <= reach_deg + circumradius_deg(order + depth)))
        else:
            _, numbers = self.large_cells()
            numbers = ((numbers[:, np.newaxis] << 2 * depth) + np.arange(4**depth)).reshape(-1)
            distance_deg = separation_deg(*centres(order + depth, numbers), self.ra_deg, self.dec_deg)
            numbers = numbers[distance_deg <= reach_deg + circumradius_deg(order + depth)]
        shift = 2 * (ORDER - order - depth)
        first = np.sort(numbers) << shift
        return pruned_ranges(first, first + (1 << shift) - 1, max_ranges)

    def large_cells(self) -> tuple[int, IntArray]:
        """Return an order and the few cells of that order that hold the cone, with its margin."""
        order = self._large_order
        if not order:
            return 0, np.arange(12)
        middle = cells([self.ra_deg], [self.dec_deg]) >> 2 * (ORDER - order)
        return order, with_neighbours(order, int(middle[0]))

    @property
    def _large_order(self) -> int:
        """Order of cells of which nine hold the cone, or 0."""
        return max(0, min(ORDER, floor(log2(_INRADIUS_DEG / (self.radius_deg + MARGIN_DEG)))))


def region_ranges(region: Region, max_ranges: int, *, start: tuple[int, IntArray]) -> list[tuple[int, int]]:
    """Return ranges of order-29 NESTED cells that cover a region, found by cutting cells at its edge into four.

    Parameters
    ----------
    region
        What is covered.
    max_ranges
        Most ranges to return, at least 1.
    start
        An order, and cells of that order that hold the region.

    Returns
    -------
    list of (int, int)
        As :meth:`Region.cell_ranges` gives them.
    """
    order, numbers = start
    found: list[tuple[int, int]] = []
    for depth in range(order, ORDER + 1):
        touches, is_inside = region.compared(depth, numbers)
        found.extend(_at_full_depth(depth, numbers[is_inside]))
        numbers = numbers[touches & ~is_inside]
        if 4 * len(numbers) > _MAX_CELLS or depth == ORDER:
            found.extend(_at_full_depth(depth, numbers))
            break
        numbers = (numbers[:, np.newaxis] * 4 + np.arange(4)).reshape(-1)
    if not found:
        return []
    first, last = np.array(sorted(found), np.int64).T
    return pruned_ranges(first, last, max_ranges)


def _at_full_depth(order: int, numbers: IntArray) -> list[tuple[int, int]]:
    shift = 2 * (ORDER - order)
    return [(number << shift, ((number + 1) << shift) - 1) for number in numbers.tolist()]


def pruned_ranges(first: IntArray, last: IntArray, max_ranges: int) -> list[tuple[int, int]]:
    """Join neighbouring ranges over the smallest gaps until few are left.

    Parameters
    ----------
    first, last
        Inclusive bounds, ascending and disjoint, shape (n,).
    max_ranges
        Most ranges to return, at least 1.

    Returns
    -------
    list of (int, int)
        Ranges that hold all of the given ones, none adjacent to the next.
    """
    gaps = first[1:] - last[:-1] - 1
    n_kept = min(max_ranges - 1, int(np.count_nonzero(gaps)))
    cuts = np.sort(np.argsort(gaps, kind="stable")[len(gaps) - n_kept :])
    starts = np.concatenate([first[:1], first[cuts + 1]])
    ends = np.concatenate([last[cuts], last[-1:]])
    return list(zip(starts.tolist(), ends.tolist(), strict=True))
