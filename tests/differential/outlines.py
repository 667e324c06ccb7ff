"""Random polygons and boxes: their texts, and what they are for each row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from tests.differential.figures import SPOTS, SYSTEMS, Figures, Numbers
from tests.support.gnomonic import AmbiguousError, Polygon, beside, box

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

__all__ = ["Outline", "Outlines"]

Corners = tuple[tuple[float, float], ...]

_MOST_BOXES: Final = 24
_MOST_TRIANGLES: Final = 150
"""Rows of which boxes and triangles are made: they are what the oracle is slowest at."""


@dataclass(frozen=True)
class Outline:
    """A polygon, a box or a region with corners."""

    text: str
    polygons: tuple[Polygon | None, ...]
    """The different ones."""
    which: NDArray[np.int64]
    """The place of each row's polygon in them."""
    words: str = ""
    """The same shape as a text of STC-S has it, where it is constant."""
    is_simple: bool = True
    """Whether no edge crosses another one."""

    @property
    def is_null(self) -> NDArray[np.bool_]:
        return np.array([one is None for one in self.polygons])[self.which]


class Outlines(Figures):
    """Draws shapes, those with corners among them."""

    def outline(self, alias: str | None = None, *, is_simple: bool = False) -> Outline | None:
        """Return a polygon of some form; None where the oracle knows none.

        Parameters
        ----------
        alias
            The table whose rows it belongs to; None for any, and for constants.
        is_simple
            Whether its edges must not cross each other.
        """
        makers: list[Callable[[], Outline | None]] = [lambda: self._triangle(alias), lambda: self._box_around(alias)]
        keys = ["triangle", "box of rows"]
        if any(table == "odd.fields" and alias in {None, one} for one, table in self.tables):
            makers.append(lambda: self._column(alias))
            keys.append("column")
        if alias is None:
            makers += [self._polygon, self._polygon, self._region, self._box]
            keys += ["polygon", "polygon", "region", "box"]
        for _ in range(4):
            found = makers[self.draw.pick_rare(keys)]()
            if found is not None and (found.is_simple or not is_simple):
                return found
        return None

    def constant(self) -> Outline | None:
        """Return a polygon or a box that is the same for all rows, and simple."""
        found = self.draw.pick((self._polygon, self._box))()
        return found if found is not None and found.is_simple else None

    # ------------------------------------------------------------------------------------------------- constants

    def _corners(self) -> tuple[Corners, bool]:
        """Return the corners of a polygon that fits into a hemisphere, and whether edges do not cross."""
        lon, lat = self.draw.pick(SPOTS)
        radius = self.draw.pick((3.0, 0.5, 12.0, 30.0, 60.0, 85.0))
        count = self.draw.between(3, 7)
        turns = [360 * (at + self.draw.below(80) / 100) / count for at in range(count)]
        is_simple = True
        # Which side of a large polygon that crosses itself is the inside is anybody's guess.
        if self.draw.chance(15) and count > 4 and radius <= 12:
            turns = turns[::2] + turns[1::2]
            is_simple = False
        sizes = [radius * (40 + self.draw.below(60)) / 100 for _ in turns]
        if self.draw.chance(30):
            turns.reverse()
            sizes.reverse()
        found = [beside(lon, lat, size, turn) for size, turn in zip(sizes, turns, strict=True)]
        return tuple((round(one, 5), round(other, 5)) for one, other in found), is_simple

    def _polygon(self) -> Outline | None:
        corners, is_simple = self._corners()
        numbers = [f"{lon!r}, {lat!r}" for lon, lat in corners]
        words = _words(corners)
        form = self.draw.pick(("numbers", "numbers", "numbers", "points", "points", "cast"))
        if form == "cast":
            text = f"CAST('{words}' AS POLYGON)"
        else:
            written = [f"POINT({one})" for one in numbers] if form == "points" else numbers
            text = f"POLYGON({self.draw.pick(SYSTEMS)}{', '.join(written)})"
        return self._same(text, _polygon(corners), f"Polygon {words}", is_simple=is_simple)

    def _region(self) -> Outline | None:
        corners, is_simple = self._corners()
        words = f"{self.draw.pick(('Polygon ICRS', 'POLYGON', 'polygon ICRS GEOCENTER'))} {_words(corners)}"
        return self._same(f"REGION('{words}')", _polygon(corners), words, is_simple=is_simple)

    def _box(self) -> Outline | None:
        spot = self.fixed()
        width, height = self.draw.pick((4.0, 1.0, 20.0, 90.0, 150.0)), self.draw.pick((2.0, 0.5, 15.0, 60.0, 120.0))
        inner = spot.numbers if self.draw.chance(70) else spot.text
        text = f"BOX({self.draw.pick(SYSTEMS)}{inner}, {width!r}, {height!r})"
        lon, lat = float(spot.lon[0]), float(spot.lat[0])
        words = f"Box {lon!r} {lat!r} {width!r} {height!r}"
        return self._same(text, box(lon, lat, width, height), words, is_simple=True)

    def _same(self, text: str, polygon: Polygon | None, words: str, *, is_simple: bool) -> Outline | None:
        if polygon is None:
            return None
        return Outline(text, (polygon,), np.zeros(self.rows.n, int), words, is_simple)

    # ---------------------------------------------------------------------------------------------------- of rows

    def _column(self, alias: str | None) -> Outline:
        name = self.draw.pick([one for one, table in self.tables if table == "odd.fields" and alias in {None, one}])
        cells = [None if one is None else tuple(one) for one in self.rows.columns[f"{name}.shape"]]
        return _of_cells(self._cast(f"{name}.shape", "POLYGON"), cells, lambda one: Polygon.of_degrees(*one))

    def _box_around(self, alias: str | None) -> Outline | None:
        spot = self.spot(self._table(alias)[0])
        width, height = self.draw.pick((4.0, 20.0)), self.draw.pick((2.0, 15.0))
        cells = _places(spot.lon, spot.lat)
        if len(set(cells)) > _MOST_BOXES:
            return None
        inner = spot.numbers if spot.numbers is not None and self.draw.chance(60) else spot.text
        return _of_cells(f"BOX({inner}, {width!r}, {height!r})", cells, lambda one: box(one[0], one[1], width, height))

    def _triangle(self, alias: str | None) -> Outline | None:
        """Return polygons with two corners that are the same for all rows."""
        spot = self.spot(self._table(alias)[0])
        if spot.numbers is None:
            return None
        others = self.draw.pick(
            (((101.25, 31.5), (93.5, 21.0)), ((0.5, 12.0), (350.0, -3.5)), ((40.0, 80.5), (200.0, 85.0)))
        )
        cells = _places(spot.lon, spot.lat)
        if len(set(cells)) > _MOST_TRIANGLES:
            return None
        text = f"POLYGON({spot.numbers}, {', '.join(f'{lon!r}, {lat!r}' for lon, lat in others)})"
        try:
            return _of_cells(text, cells, lambda one: Polygon.of_degrees(*one, *others[0], *others[1]))
        except AmbiguousError:
            return None


def _places(lon: Numbers, lat: Numbers) -> list[tuple[float, ...] | None]:
    """Return the places of rows, None where there is none."""
    pairs = zip(lon.tolist(), lat.tolist(), strict=True)
    return [one if np.isfinite(sum(one)) else None for one in pairs]


def _of_cells(
    text: str, cells: Sequence[tuple[float, ...] | None], make: Callable[[tuple[float, ...]], Polygon]
) -> Outline:
    """Make the polygon of each row, once where rows have the same numbers."""
    places = {one: at for at, one in enumerate(dict.fromkeys(cells))}
    polygons = tuple(None if one is None else make(one) for one in places)
    return Outline(text, polygons, np.array([places[one] for one in cells]))


def _words(corners: Corners) -> str:
    return " ".join(f"{lon!r} {lat!r}" for lon, lat in corners)


def _polygon(corners: Corners) -> Polygon | None:
    try:
        return Polygon.of_degrees(*[number for corner in corners for number in corner])
    except AmbiguousError:
        return None
