"""Random places and circles: their texts, and what they are for each row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from tests.differential.scope import TABLES
from tests.differential.tables import rows_of
from tests.support.gnomonic import place
from vo_server.model.table import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.differential.draw import Draw

__all__ = ["SPOTS", "SYSTEMS", "Disc", "Figures", "Numbers", "Rows", "Spot"]

Numbers = NDArray[np.float64]

SPOTS: Final = (
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
SYSTEMS: Final = ("", "", "", "'ICRS', ", "'', ", "'ICRS GEOCENTER', ")


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
        lon, lat = self.draw.pick(SPOTS)
        if self.draw.chance(40):
            lon = round((lon + self.draw.between(-30, 30) / 10) % 360, 6)
            lat = min(max(round(lat + self.draw.between(-30, 30) / 10, 6), -90.0), 90.0)
        return self._point(f"{lon!r}, {lat!r}", np.full(self.rows.n, lon), np.full(self.rows.n, lat))

    def _point(self, numbers: str, lon: Numbers, lat: Numbers) -> Spot:
        text = f"POINT({self.draw.pick(SYSTEMS)}{numbers})"
        if self.draw.chance(15) and np.isfinite(lon + lat).all():  # a text with NaN is an error
            text = f"CAST({_written(numbers)} AS POINT)"
        return Spot(text, numbers, lon, lat)

    def _centred(self, spot: Spot) -> Spot:
        if self.draw.chance(10):
            text = self.draw.pick((f"CENTROID({spot.text})", f"CAST({spot.text} AS POINT)"))
            return Spot(text, None, spot.lon, spot.lat)
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
            return Disc(self._cast(name, "CIRCLE"), Spot(name, None, cells[:, 0], cells[:, 1]), None, cells[:, 2])
        centre = self.fixed() if alias is None and self.draw.chance(60) else self.spot(alias)
        text, radius = self.radius(alias)
        inner = centre.numbers if centre.numbers is not None and self.draw.chance(60) else centre.text
        written = f"CIRCLE({self.draw.pick(SYSTEMS)}{inner}, {text})"
        if centre.numbers is not None and self.draw.chance(15) and _is_number(text) and not centre.is_null.any():
            written = f"CAST({_written(f'{centre.numbers}, {text}')} AS CIRCLE)"
        return Disc(written, centre, text, radius)

    def _cast(self, column: str, target: str) -> str:
        """Write a column of shapes, perhaps cast to what it is, or there and back."""
        if not self.draw.chance(20):
            return column
        rows = self.rows.columns[column]
        is_readable = all(one is None or np.isfinite(one).all() for one in rows)
        inner = f"CAST({column} AS VARCHAR)" if is_readable and self.draw.chance(60) else column
        return f"CAST({inner} AS {target})"

    def radius(self, alias: str | None = None) -> tuple[str, Numbers]:
        """Return a radius: a number, an expression of numbers or a column."""
        columns = [one for one, table in self.tables if table in {"odd.places", "odd.fields"} and alias in {None, one}]
        if columns and self.draw.chance(20):
            name = f"{self.draw.pick(columns)}.reach"
            return name, self.rows.numbers(name)
        radius = self.draw.pick(_RADII)
        text = self.draw.pick((f"{radius!r}", f"{radius * 3600!r}/3600.", f"{radius!r}"))
        return text, np.full(self.rows.n, radius * 3600 / 3600.0 if "/" in text else radius)


def _is_number(text: str) -> bool:
    return text.replace(".", "").isdigit()


def _written(numbers: str) -> str:
    """Write numbers and columns of numbers as a text with blanks between them."""
    words = numbers.split(", ")
    if all(_is_number(word.lstrip("-")) for word in words):
        return f"'{' '.join(words)}'"
    return " || ' ' || ".join(f"CAST({word} AS VARCHAR)" for word in words)
