"""Random places and shapes: their texts, and what they are for each row."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from tests.differential.scope import TABLES
from tests.differential.tables import N_FIELDS, rows_of
from tests.support.gnomonic import AmbiguousError, Polygon, box, place
from vo_server.adql.features import declared_features
from vo_server.model.table import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.differential.draw import Draw

__all__ = ["Disc", "Figures", "Outline", "Rows", "Spot", "is_declared"]

Numbers = NDArray[np.float64]

_SPOTS: Final = (
    (0.0, 0.0),
    (100.0, 30.0),
    (0.0, 90.0),
    (77.0, -90.0),
    (359.5, 0.25),
    (180.0, 45.0),
    (0.0, -89.5),
    (101.0, 31.0),
)
_RADII: Final = (2.0, 0.0, 0.5, 10.0, 45.0, 90.0, 120.0, 180.0, 1.25)
_SYSTEMS: Final = ("", "", "", "'ICRS', ", "'', ", "'ICRS GEOCENTER', ")


@cache
def is_declared(*names: str) -> bool:
    """Tell whether both engines declare functions of geometry."""
    groups = [declared_features(engine) for engine in ("duckdb", "postgres")]
    return all(
        name in {form for group in found if group.fragment == "features-adqlgeo" for form, _ in group.features}
        for found in groups
        for name in names
    )


@dataclass(frozen=True)
class Rows:
    """Rows of one table, or all pairs of the rows of two: columns by their qualified names."""

    ids: tuple[NDArray[np.int64], ...]
    columns: dict[str, list[Any]]

    @property
    def n(self) -> int:
        return len(self.ids[0])

    def numbers(self, name: str) -> Numbers:
        """Return a column with NaN in place of NULL, which geometry treats alike."""
        return np.array([np.nan if one is None else one for one in self.columns[name]], float)

    def elements(self, name: str, count: int) -> Numbers:
        cells = [[np.nan] * count if one is None else one for one in self.columns[name]]
        return np.array(cells, float).reshape(len(cells), count)

    @classmethod
    def of(cls, full_name: str, alias: str, seed: int) -> Rows:
        table = rows_of(full_name, seed)
        names = [column.name for column in TABLES[full_name].visible_columns]
        columns = {f"{alias}.{quoted(name)}": table.column(name).to_pylist() for name in names}
        key = "match_id" if full_name == "sky.matches" else "id"
        return cls((np.array(table.column(key)),), columns)

    def paired(self, other: Rows) -> Rows:
        """Return all pairs: each row of this table with every row of the other one."""
        ids = (np.repeat(self.ids[0], other.n), np.tile(other.ids[0], self.n))
        columns = {name: [one for one in values for _ in range(other.n)] for name, values in self.columns.items()}
        columns |= {name: values * self.n for name, values in other.columns.items()}
        return Rows(ids, columns)


@dataclass(frozen=True)
class Spot:
    """A point."""

    text: str
    numbers: str | None
    """Longitude and latitude as they stand in a call; None for a column."""
    lon: Numbers
    lat: Numbers

    @property
    def vectors(self) -> NDArray[np.longdouble]:
        return place(self.lon, self.lat)

    @property
    def is_null(self) -> NDArray[np.bool_]:
        return ~np.isfinite(self.lon + self.lat)


@dataclass(frozen=True)
class Disc:
    """A circle."""

    text: str
    centre: Spot
    radius_text: str | None
    """None when the circle is a column."""
    radius: Numbers

    @property
    def is_null(self) -> NDArray[np.bool_]:
        return self.centre.is_null | ~np.isfinite(self.radius)


@dataclass(frozen=True)
class Outline:
    """A polygon, a box or a region with corners."""

    text: str
    polygons: tuple[Polygon | None, ...]
    """The different ones."""
    which: NDArray[np.int64]
    """The place of each row's polygon in them."""
    is_simple: bool = True
    """Whether no edge crosses another one."""

    @property
    def is_null(self) -> NDArray[np.bool_]:
        return np.array([one is None for one in self.polygons])[self.which]


class Figures:
    """Draws shapes.

    Parameters
    ----------
    draw
        The choices.
    rows
        Where columns are taken from.
    tables
        Aliases and full names of the tables of the rows.
    """

    def __init__(self, draw: Draw, rows: Rows, tables: Sequence[tuple[str, str]]) -> None:
        self.draw = draw
        self.rows = rows
        self.tables = tables

    # ---------------------------------------------------------------------------------------------------- points

    def spot(self, alias: str | None = None) -> Spot:
        """Return a point: the position of a table, by its columns or as one, or a fixed place."""
        if alias is None and self.draw.chance(50):
            return self.fixed()
        alias, table = self._table(alias)
        if table == "odd.places" and self.draw.chance(30):
            cells = self.rows.elements(f"{alias}.pos", 2)
            return self._centred(Spot(f"{alias}.pos", None, cells[:, 0], cells[:, 1]))
        names = {"odd.fields": ("lon", "lat"), "sky.matches": ("RAJ2000", "DEJ2000")}.get(table, ("ra", "dec"))
        lon, lat = (f"{alias}.{name}" for name in names)
        return self._centred(self._point(f"{lon}, {lat}", self.rows.numbers(lon), self.rows.numbers(lat)))

    def fixed(self) -> Spot:
        """Return a place that does not depend on the row."""
        lon, lat = self.draw.pick(_SPOTS)
        if self.draw.chance(40):
            lon = round((lon + self.draw.between(-30, 30) / 10) % 360, 6)
            lat = min(max(round(lat + self.draw.between(-30, 30) / 10, 6), -90.0), 90.0)
        return self._point(f"{lon!r}, {lat!r}", np.full(self.rows.n, lon), np.full(self.rows.n, lat))

    def _point(self, numbers: str, lon: Numbers, lat: Numbers) -> Spot:
        return Spot(f"POINT({self.draw.pick(_SYSTEMS)}{numbers})", numbers, lon, lat)

    def _centred(self, spot: Spot) -> Spot:
        if is_declared("CENTROID") and self.draw.chance(10):
            return Spot(f"CENTROID({spot.text})", None, spot.lon, spot.lat)
        return spot

    def _table(self, alias: str | None) -> tuple[str, str]:
        return self.draw.pick([one for one in self.tables if alias in {None, one[0]}])

    # --------------------------------------------------------------------------------------------------- circles

    def disc(self, alias: str | None = None, *, is_column: bool = False) -> Disc:
        """Return a circle, whose centre and radius may be columns."""
        cones = [one for one, table in self.tables if table in {"odd.places", "odd.fields"} and alias in {None, one}]
        if cones and (is_column or self.draw.chance(25)):
            name = f"{self.draw.pick(cones)}.cone"
            cells = self.rows.elements(name, 3)
            return Disc(name, Spot(name, None, cells[:, 0], cells[:, 1]), None, cells[:, 2])
        centre = self.fixed() if alias is None and self.draw.chance(60) else self.spot(alias)
        text, radius = self.radius(alias)
        inner = centre.numbers if centre.numbers is not None and self.draw.chance(60) else centre.text
        return Disc(f"CIRCLE({self.draw.pick(_SYSTEMS)}{inner}, {text})", centre, text, radius)

    def radius(self, alias: str | None = None) -> tuple[str, Numbers]:
        """Return a radius: a number, an expression of numbers or a column."""
        columns = [one for one, table in self.tables if table in {"odd.places", "odd.fields"} and alias in {None, one}]
        if columns and self.draw.chance(20):
            name = f"{self.draw.pick(columns)}.reach"
            return name, self.rows.numbers(name)
        radius = self.draw.pick(_RADII)
        text = self.draw.pick((f"{radius!r}", f"{radius * 3600!r}/3600.", f"{radius!r}"))
        return text, np.full(self.rows.n, radius * 3600 / 3600.0 if "/" in text else radius)

    # -------------------------------------------------------------------------------------------------- polygons

    def outline(self, *, is_simple: bool = False) -> Outline | None:
        """Return a polygon of some form; None when none is declared."""
        makers = []
        if is_declared("POLYGON"):
            makers += [self._polygon, self._polygon]
        if is_declared("POLYGON") and any(table == "odd.fields" for _, table in self.tables):
            makers.append(self._column)
        if is_declared("BOX"):
            makers += [self._box, self._box_around_rows]
        if is_declared("REGION"):
            makers += [self._region]
        if not makers:
            return None
        for _ in range(4):
            found = makers[self.draw.pick_rare([one.__name__ for one in makers])]()
            if found is not None and (found.is_simple or not is_simple):
                return found
        return None

    def corners(self) -> tuple[list[tuple[float, float]], bool] | None:
        """Return the corners of a polygon that fits into a hemisphere, and whether edges do not cross."""
        lon, lat = self.draw.pick(_SPOTS)
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
        found = [_beside(lon, lat, size, turn) for size, turn in zip(sizes, turns, strict=True)]
        return found, is_simple

    def _polygon(self) -> Outline | None:
        made = self.corners()
        if made is None:
            return None
        corners, is_simple = made
        numbers = [f"{lon!r}, {lat!r}" for lon, lat in corners]
        written = [f"POINT({one})" for one in numbers] if self.draw.chance(30) else numbers
        return self._constant(f"POLYGON({self.draw.pick(_SYSTEMS)}{', '.join(written)})", _polygon(corners), is_simple)

    def _region(self) -> Outline | None:
        made = self.corners()
        if made is None:
            return None
        corners, is_simple = made
        words = self.draw.pick(("Polygon ICRS", "POLYGON", "polygon ICRS GEOCENTER"))
        text = f"REGION('{words} {' '.join(f'{lon!r} {lat!r}' for lon, lat in corners)}')"
        return self._constant(text, _polygon(corners), is_simple)

    def _box(self) -> Outline | None:
        spot = self.fixed()
        width, height = self.draw.pick((4.0, 1.0, 20.0, 90.0, 150.0)), self.draw.pick((2.0, 0.5, 15.0, 60.0, 120.0))
        inner = spot.numbers if self.draw.chance(70) else spot.text
        text = f"BOX({self.draw.pick(_SYSTEMS)}{inner}, {width!r}, {height!r})"
        return self._constant(text, box(float(spot.lon[0]), float(spot.lat[0]), width, height), is_simple=True)

    def _box_around_rows(self) -> Outline | None:
        if self.rows.n > N_FIELDS * 2:
            return None  # a box of each row is what the oracle is slowest at
        spot = self.spot(self._table(None)[0])
        width, height = self.draw.pick((4.0, 20.0)), self.draw.pick((2.0, 15.0))
        cells = [
            one if np.isfinite(sum(one)) else None for one in zip(spot.lon.tolist(), spot.lat.tolist(), strict=True)
        ]
        places = {one: at for at, one in enumerate(dict.fromkeys(cells))}
        boxes = tuple(None if one is None else box(*one, width, height) for one in places)
        which = np.array([places[one] for one in cells])
        inner = spot.numbers if spot.numbers is not None and self.draw.chance(60) else spot.text
        return Outline(f"BOX({inner}, {width!r}, {height!r})", boxes, which)

    def _column(self) -> Outline | None:
        (alias,) = [one for one, table in self.tables if table == "odd.fields"][:1]
        cells = [None if one is None else tuple(one) for one in self.rows.columns[f"{alias}.shape"]]
        places = {one: at for at, one in enumerate(dict.fromkeys(cells))}
        polygons = tuple(None if one is None else Polygon.of_degrees(*one) for one in places)
        return Outline(f"{alias}.shape", polygons, np.array([places[one] for one in cells]))

    def _constant(self, text: str, polygon: Polygon | None, is_simple: bool) -> Outline | None:
        if polygon is None:
            return None
        return Outline(text, (polygon,), np.zeros(self.rows.n, int), is_simple)


def _polygon(corners: Sequence[tuple[float, float]]) -> Polygon | None:
    try:
        return Polygon.of_degrees(*[number for corner in corners for number in corner])
    except AmbiguousError:
        return None


def _beside(lon: float, lat: float, distance: float, turn: float) -> tuple[float, float]:
    """Return the place at a distance from another one in a direction, rounded [deg]."""
    if abs(lat) == 90:
        return round(turn % 360, 5), round(float(np.copysign(90 - distance, lat)), 5)
    d, t, dec = np.radians(distance), np.radians(turn), np.radians(lat)
    z = np.sin(dec) * np.cos(d) + np.cos(dec) * np.sin(d) * np.cos(t)
    east = np.arctan2(np.sin(t) * np.sin(d) * np.cos(dec), np.cos(d) - np.sin(dec) * z)
    found = (lon + np.degrees(east)) % 360, np.degrees(np.arcsin(np.clip(z, -1, 1)))
    return round(float(found[0]), 5), round(float(found[1]), 5)
