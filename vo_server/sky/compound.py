"""Regions made of others, ranges of longitude and latitude, and coverage maps (MOC)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import TYPE_CHECKING, Final

import numpy as np

from vo_server.sky.angle import SkyRangeError, checked_dec_deg, wrapped_ra_deg
from vo_server.sky.healpix import N_CELLS, ORDER, cells, centres
from vo_server.sky.region import MARGIN_DEG, Region, circumradius_deg, pruned_ranges
from vo_server.sky.vectors import place_deg, unit_vectors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike

    from vo_server.sky.angle import BoolArray, FloatArray, IntArray

__all__ = ["Complement", "CoverageMap", "Intersection", "LonLatRange", "Union", "is_within", "meet"]

_SKY_DEG2: Final = float(4.0 * np.pi * np.degrees(1.0) ** 2)
_MAX_CELLS: Final = 4096
"""Cells at the edges of regions after which a comparison or an area is not made finer."""

_TURN_DEG: Final = 360.0
_MOC_WORD: Final = re.compile(r"(?:(?P<order>[0-9]{1,3})/)?(?:(?P<first>[0-9]{1,20})(?:-(?P<last>[0-9]{1,20}))?)?")


class _Compound(Region):
    """What has no formula for its area: it is measured in cells."""

    @cached_property
    def _measured(self) -> tuple[float, FloatArray]:
        """Share of the sky and sum of the cells' directions, weighted with their shares; edge cells count half."""
        order, numbers = 0, np.arange(12)
        share, moment = 0.0, np.zeros(3)
        while True:
            touches, is_inside = self.compared(order, numbers)
            edge = numbers[touches & ~is_inside]
            is_last = order == ORDER or 4 * len(edge) > _MAX_CELLS
            for part, weight in ((numbers[is_inside], 1.0), (edge, 0.5 if is_last else 0.0)):
                one = weight / (12.0 * 4.0**order)
                share += one * len(part)
                moment = moment + one * np.sum(unit_vectors(*centres(order, part)), axis=0) if len(part) else moment
            if is_last or not len(edge):
                return share, moment
            order, numbers = order + 1, (edge[:, np.newaxis] * 4 + np.arange(4)).reshape(-1)

    @property
    def area_deg2(self) -> float:
        """Area, counted in cells: good to about a thousandth of the area [deg**2]."""
        return self._measured[0] * _SKY_DEG2

    @property
    def centroid_deg(self) -> tuple[float, float]:
        """Position (ra, dec) of the centre of mass of the area [deg]."""
        return place_deg(self._measured[1])


@dataclass(frozen=True)
class Union(_Compound):
    """Places that are in at least one region."""

    parts: tuple[Region, ...]

    def contains(self, ra_deg: ArrayLike, dec_deg: ArrayLike) -> BoolArray:
        """Tell which points lie inside; see :meth:`Region.contains`."""
        return reduce(np.logical_or, (part.contains(ra_deg, dec_deg) for part in self.parts))

    def compared(self, order: int, numbers: IntArray) -> tuple[BoolArray, BoolArray]:
        """Tell which cells may touch, and which surely lie inside; see :meth:`Region.compared`."""
        found = [part.compared(order, numbers) for part in self.parts]
        return reduce(np.logical_or, (one[0] for one in found)), reduce(np.logical_or, (one[1] for one in found))


@dataclass(frozen=True)
class Intersection(_Compound):
    """Places that are in all of some regions."""

    parts: tuple[Region, ...]

    def contains(self, ra_deg: ArrayLike, dec_deg: ArrayLike) -> BoolArray:
        """Tell which points lie inside; see :meth:`Region.contains`."""
        return reduce(np.logical_and, (part.contains(ra_deg, dec_deg) for part in self.parts))

    def compared(self, order: int, numbers: IntArray) -> tuple[BoolArray, BoolArray]:
        """Tell which cells may touch, and which surely lie inside; see :meth:`Region.compared`."""
        found = [part.compared(order, numbers) for part in self.parts]
        return reduce(np.logical_and, (one[0] for one in found)), reduce(np.logical_and, (one[1] for one in found))


@dataclass(frozen=True)
class Complement(Region):
    """Places that are not in a region; its edge is not, either."""

    outside: Region

    def contains(self, ra_deg: ArrayLike, dec_deg: ArrayLike) -> BoolArray:
        """Tell which points lie inside; see :meth:`Region.contains`."""
        ra, dec = np.asarray(ra_deg, np.float64), np.asarray(dec_deg, np.float64)
        return np.isfinite(ra + dec) & ~self.outside.contains(ra, dec)

    def compared(self, order: int, numbers: IntArray) -> tuple[BoolArray, BoolArray]:
        """Tell which cells may touch, and which surely lie inside; see :meth:`Region.compared`."""
        touches, is_inside = self.outside.compared(order, numbers)
        return ~is_inside, ~touches

    @property
    def area_deg2(self) -> float:
        """Area [deg**2]."""
        return _SKY_DEG2 - self.outside.area_deg2

    @property
    def centroid_deg(self) -> tuple[float, float]:
        """Position (ra, dec) of the centre of mass of the area: opposite to that of the region [deg]."""
        ra_deg, dec_deg = self.outside.centroid_deg
        return (ra_deg + 180.0) % _TURN_DEG, -dec_deg


@dataclass(frozen=True)
class LonLatRange(Region):
    """Places between two meridians and two parallels, edges included (DALI's ``range``).

    Parameters
    ----------
    low_ra_deg, high_ra_deg
        From the first eastwards to the second [deg]; a whole turn or more is every right ascension.
    low_dec_deg, high_dec_deg
        Declinations [deg].

    Raises
    ------
    SkyRangeError
        If a declination is out of range, or the bounds are in the wrong order.

    References
    ----------
    DALI 1.2, section 3 (xtype ``range``).
    """

    low_ra_deg: float
    high_ra_deg: float
    low_dec_deg: float
    high_dec_deg: float

    def __post_init__(self) -> None:
        checked_dec_deg(self.low_dec_deg)
        checked_dec_deg(self.high_dec_deg)
        if self.low_dec_deg > self.high_dec_deg:
            raise SkyRangeError(f"the latitudes {self.low_dec_deg:g} to {self.high_dec_deg:g} of a range are reversed")

    @property
    def start_deg(self) -> float:
        """Right ascension in [0, 360) where the range begins [deg]."""
        return 0.0 if self.width_deg >= _TURN_DEG else wrapped_ra_deg(self.low_ra_deg)

    @property
    def width_deg(self) -> float:
        """Extent in right ascension, in [0, 360] [deg]."""
        if self.high_ra_deg - self.low_ra_deg >= _TURN_DEG:
            return _TURN_DEG
        return (wrapped_ra_deg(self.high_ra_deg) - wrapped_ra_deg(self.low_ra_deg)) % _TURN_DEG

    def contains(self, ra_deg: ArrayLike, dec_deg: ArrayLike) -> BoolArray:
        """Tell which points lie inside; see :meth:`Region.contains`."""
        return self._within(ra_deg, dec_deg, 0.0)

    def _within(self, ra_deg: ArrayLike, dec_deg: ArrayLike, margin_deg: float) -> BoolArray:
        """Tell which points lie in the range made wider by a margin on all sides; smaller if it is negative [deg]."""
        ra, dec = np.asarray(ra_deg, np.float64), np.asarray(dec_deg, np.float64)
        across_deg = margin_deg
        if margin_deg:
            # A meridian is this far away in right ascension, at most, as seen from places this near to it.
            cosine = np.maximum(np.cos(np.radians(np.abs(dec))), 1e-300)
            ratio = np.sin(np.radians(min(abs(margin_deg), 90.0))) / cosine
            across_deg = np.sign(margin_deg) * np.where(
                ratio >= 1, _TURN_DEG, np.degrees(np.arcsin(np.minimum(ratio, 1)))
            )
        offset = np.mod(ra - self.start_deg, _TURN_DEG)
        if self.width_deg >= _TURN_DEG:
            is_between: BoolArray = np.isfinite(ra)
        elif np.all(np.asarray(across_deg) >= 0):
            is_between = (offset <= self.width_deg + across_deg) | (offset >= _TURN_DEG - across_deg)
        else:
            is_between = (offset >= -across_deg) & (offset <= self.width_deg + across_deg)
        inside: BoolArray = (
            is_between & (dec >= self.low_dec_deg - margin_deg) & (dec <= self.high_dec_deg + margin_deg)
        )
        return inside

    def compared(self, order: int, numbers: IntArray) -> tuple[BoolArray, BoolArray]:
        """Tell which cells may touch, and which surely lie inside; see :meth:`Region.compared`."""
        ra_deg, dec_deg = centres(order, numbers)
        reach_deg = circumradius_deg(order)
        # A cell that holds a pole has all right ascensions.
        is_polar = 90.0 - np.abs(dec_deg) <= reach_deg
        is_near_pole = is_polar & (dec_deg >= self.low_dec_deg - reach_deg) & (dec_deg <= self.high_dec_deg + reach_deg)
        is_whole = self.width_deg >= _TURN_DEG
        touches = self._within(ra_deg, dec_deg, reach_deg) | is_near_pole
        north, south = self.high_dec_deg >= 90.0, self.low_dec_deg <= -90.0  # noqa: PLR2004 - the poles
        low = -_TURN_DEG if south else self.low_dec_deg + reach_deg
        high = _TURN_DEG if north else self.high_dec_deg - reach_deg
        if is_whole:
            return touches, (dec_deg >= low) & (dec_deg <= high)
        return touches, self._within(ra_deg, dec_deg, -reach_deg) & ~is_polar

    @property
    def area_deg2(self) -> float:
        """Area [deg**2]."""
        heights = np.sin(np.radians([self.low_dec_deg, self.high_dec_deg]))
        return float((heights[1] - heights[0]) * np.degrees(1.0)) * self.width_deg

    @property
    def centroid_deg(self) -> tuple[float, float]:
        """Position (ra, dec) of the centre of mass of the area [deg]; a pole or the zero of RA for whole turns."""
        low, high = np.radians([self.low_dec_deg, self.high_dec_deg])
        half = np.radians(self.width_deg) / 2.0
        # Integrals of the direction over the range; along its middle meridian and towards the pole.
        along = 2.0 * np.sin(half) * ((high - low) + np.sin(high) * np.cos(high) - np.sin(low) * np.cos(low)) / 2.0
        towards = 2.0 * half * (np.sin(high) ** 2 - np.sin(low) ** 2) / 2.0
        middle = np.radians(self.start_deg + self.width_deg / 2.0)
        if max(abs(along), abs(towards)) < 1e-15:  # noqa: PLR2004 - nothing but rounding: a line, a place or a sphere
            return wrapped_ra_deg(float(np.degrees(middle))), (self.low_dec_deg + self.high_dec_deg) / 2.0
        return place_deg(np.array([along * np.cos(middle), along * np.sin(middle), towards]))

    @property
    def dec_range_deg(self) -> tuple[float, float]:
        """Lowest and highest declination inside, with a margin [deg]."""
        return max(-90.0, self.low_dec_deg - MARGIN_DEG), min(90.0, self.high_dec_deg + MARGIN_DEG)

    @property
    def ra_range_deg(self) -> tuple[float, float] | None:
        """Right ascension where the range begins, and its extent, with a margin; see :attr:`Region.ra_range_deg`."""
        if self.width_deg + 2 * MARGIN_DEG >= _TURN_DEG:
            return None
        return self.start_deg - MARGIN_DEG, self.width_deg + 2 * MARGIN_DEG


@dataclass(frozen=True)
class CoverageMap(Region):
    """Places in some HEALPix cells (a MOC); holes and islands as it has them.

    Parameters
    ----------
    ranges
        Order-29 NESTED cells: first and last, both inclusive, ascending, disjoint.
    """

    ranges: tuple[tuple[int, int], ...]

    @classmethod
    def of_text(cls, text: str) -> CoverageMap:
        """Read the ASCII form of a MOC: orders, each with its cells, as ``3/1-4 7 4/100``; cells may be there twice.

        Raises
        ------
        SkyRangeError
            If the text is no MOC.

        References
        ----------
        MOC 2.0, section 4.3.2 (ASCII serialization); DALI 1.2, section 3 (xtype ``moc``).
        """
        merged: list[tuple[int, int]] = []
        for first, last in sorted(_spans(text)):
            if merged and first <= merged[-1][1] + 1:
                merged[-1] = merged[-1][0], max(merged[-1][1], last)
            else:
                merged.append((first, last))
        return cls(tuple(merged))

    @cached_property
    def bounds(self) -> tuple[IntArray, IntArray]:
        """First and last cells of the ranges, each of shape (n,)."""
        pairs = np.array(self.ranges, np.int64).reshape(-1, 2)
        return pairs[:, 0], pairs[:, 1]

    @cached_property
    def cells_by_order(self) -> dict[int, list[int]]:
        """The fewest cells that make up the map, by their orders, ascending."""
        found: dict[int, list[int]] = {}
        for first, last in self.ranges:
            start = first
            while start <= last:
                depth = 0
                while depth < ORDER and start % 4 ** (depth + 1) == 0 and start + 4 ** (depth + 1) - 1 <= last:
                    depth += 1
                found.setdefault(ORDER - depth, []).append(start >> 2 * depth)
                start += 4**depth
        return dict(sorted(found.items()))

    def contains(self, ra_deg: ArrayLike, dec_deg: ArrayLike) -> BoolArray:
        """Tell which points lie in the cells; the edge of a cell belongs to one of its neighbours."""
        first, last = self.bounds
        if not len(first):
            return np.zeros(np.shape(np.atleast_1d(ra_deg)), np.bool_)
        found = cells(ra_deg, dec_deg)
        at = np.searchsorted(first, found, side="right") - 1
        inside: BoolArray = (at >= 0) & (found <= last[np.maximum(at, 0)])
        return inside

    def compared(self, order: int, numbers: IntArray) -> tuple[BoolArray, BoolArray]:
        """Tell which cells touch, and which lie inside; exact."""
        first, last = self.bounds
        if not len(first):
            return np.zeros(len(numbers), np.bool_), np.zeros(len(numbers), np.bool_)
        shift = 2 * (ORDER - order)
        low, high = numbers << shift, ((numbers + 1) << shift) - 1
        at = np.searchsorted(first, high, side="right") - 1
        touches = (at >= 0) & (last[np.maximum(at, 0)] >= low)
        return touches, touches & (first[np.maximum(at, 0)] <= low) & (last[np.maximum(at, 0)] >= high)

    @property
    def area_deg2(self) -> float:
        """Area [deg**2]."""
        first, last = self.bounds
        return float(np.sum((last - first + 1).astype(np.float64))) / N_CELLS * _SKY_DEG2

    @property
    def centroid_deg(self) -> tuple[float, float]:
        """Position (ra, dec) of the mean direction of the cells [deg]."""
        moment = np.zeros(3)
        for order, numbers in self.cells_by_order.items():
            places = unit_vectors(*centres(order, np.array(numbers, np.int64)))
            moment = moment + np.sum(places, axis=0) * 4.0 ** (ORDER - order)
        return place_deg(moment)

    def cell_ranges(self, max_ranges: int) -> list[tuple[int, int]]:
        """Return the cells themselves, in few ranges; see :meth:`Region.cell_ranges`."""
        first, last = self.bounds
        return pruned_ranges(first, last, max_ranges) if len(first) else []


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield the first and last order-29 cells of each word of a MOC in ASCII; see :meth:`CoverageMap.of_text`."""
    words = text.replace(",", " ").split()
    order = None
    for word in words:
        match = _MOC_WORD.fullmatch(word)
        if match is None or (match["order"] is None and order is None):
            raise SkyRangeError(
                f"'{word[:60]}' does not belong to the text of a coverage map",
                hint="write the order, a slash and the cells of that order, such as 3/1-4 7 4/100",
            )
        order = order if match["order"] is None else int(match["order"])
        assert order is not None
        if order > ORDER:
            raise SkyRangeError(f"order {order} of a coverage map is above {ORDER}")
        if match["first"] is None:
            continue  # an order without cells
        first, last = int(match["first"]), int(match["last"] or match["first"])
        if first > last or last >= 12 * 4**order:
            raise SkyRangeError(f"order {order} has the cells 0 to {12 * 4**order - 1}, not '{word[:60]}'")
        shift = 2 * (ORDER - order)
        yield first << shift, ((last + 1) << shift) - 1
    if not words:
        raise SkyRangeError("a coverage map has no cells", hint="write an order, a slash and cells, such as 3/1-4")


def meet(one: Region, other: Region) -> bool:
    """Tell whether two regions have a place in common.

    Cells in which both may have places are cut finer until one lies in both, or none is left. Regions that come as near
    to each other as the smallest cells looked at count as touching.
    """
    numbers = np.arange(12)
    for order in range(ORDER + 1):
        (touches, is_inside), (touches_other, is_inside_other) = (
            region.compared(order, numbers) for region in (one, other)
        )
        if np.any(is_inside & is_inside_other):
            return True
        numbers = numbers[touches & touches_other]
        if 4 * len(numbers) > _MAX_CELLS:
            break
        numbers = (numbers[:, np.newaxis] * 4 + np.arange(4)).reshape(-1)
    return bool(len(numbers))


def is_within(one: Region, other: Region) -> bool:
    """Tell whether every place of a region lies in another one, as far as the smallest cells looked at can tell."""
    numbers = np.arange(12)
    for order in range(ORDER + 1):
        (touches, is_inside), (touches_other, is_inside_other) = (
            region.compared(order, numbers) for region in (one, other)
        )
        if np.any(is_inside & ~touches_other):
            return False
        numbers = numbers[touches & ~is_inside_other]
        if 4 * len(numbers) > _MAX_CELLS:
            break
        numbers = (numbers[:, np.newaxis] * 4 + np.arange(4)).reshape(-1)
    return True
