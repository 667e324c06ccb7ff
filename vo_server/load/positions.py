"""Find the columns that say where the rows of a table are, by UCDs, names and types."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from vo_server.load.gaps import listed
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import Column, Position

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from vo_server.formats.read.base import TableFacts

    Pairs = Sequence[tuple[str, str]]
    Judge = Callable[[Column], bool]

__all__ = ["PositionJudge", "find_position", "marked_pair", "marked_point", "without_main"]

EQUATORIAL_NAMES: Final = (
    ("ra", "dec"),
    ("ra", "de"),
    ("ra_icrs", "de_icrs"),
    ("ra_icrs", "dec_icrs"),
    ("raj2000", "dej2000"),
    ("raj2000", "decj2000"),
    ("_raj2000", "_dej2000"),
    ("_ra_icrs", "_de_icrs"),
    ("_ra_icrs", "_dec_icrs"),
    ("_ra", "_de"),
    ("ra_j2000", "dec_j2000"),
    ("radeg", "dedeg"),
    ("radeg", "decdeg"),
    ("ra_deg", "dec_deg"),
    ("alpha", "delta"),
    ("alpha_j2000", "delta_j2000"),
    ("ramean", "decmean"),
    ("ra_mean", "dec_mean"),
    ("coord_ra", "coord_dec"),
    ("target_ra", "target_dec"),
    ("ra_", "dec_"),
)
"""Pairs of names, in lower case, that mean right ascension and declination, the best first."""

GALACTIC_NAMES: Final = (
    ("glon", "glat"),
    ("gal_lon", "gal_lat"),
    ("galactic_lon", "galactic_lat"),
    ("gall", "galb"),
    ("gl", "gb"),
    ("l", "b"),
)
"""Pairs of names that mean Galactic longitude and latitude."""

_EQUATORIAL_UCDS: Final = (("pos.eq.ra;meta.main", "pos.eq.dec;meta.main"), ("pos.eq.ra", "pos.eq.dec"))
_POINT_UCD: Final = "pos.eq;meta.main"
_GALACTIC_UCDS: Final = (("pos.galactic.lon", "pos.galactic.lat"),)
_OTHER_FRAMES: Final = re.compile(r"fk4|ecl|gal|az_?el|body|xy", re.IGNORECASE)
_FLOATS: Final = frozenset({Primitive.FLOAT, Primitive.DOUBLE})
_SHORT_NAMES: Final = frozenset({"l", "b", "gl", "gb"})
"""Names that mean other things as well; integers of such names are not taken for angles."""


def find_position(facts: TableFacts) -> Position | None:
    """Find the columns that are the main position of a table whose columns stay as they are; None without such.

    Parameters
    ----------
    facts
        What a file says; its names differ in more than case.
    """
    judge = PositionJudge({name.lower(): frame for name, frame in facts.frames.items()})
    pair = judge.equatorial_pair(facts.columns)
    if pair is not None:
        return Position(*pair)
    points, _ = judge.points(facts.columns)
    return Position(point=points[0]) if len(points) == 1 else None


@dataclass(frozen=True)
class PositionJudge:
    """Judges which columns are positions, by what is known of them beside their descriptions."""

    frames: Mapping[str, str]
    """Frames that the file names, by names of columns in lower case."""
    sexagesimal: Collection[str] = ()
    """Columns of texts with angles in hours or degrees, minutes and seconds."""
    nearly_numbers: Collection[str] = ()
    """Columns of numbers with a few other values."""
    not_equatorial: Collection[str] = ()
    """Columns of points that are said to be something else than ICRS positions."""

    def equatorial_pair(self, columns: Sequence[Column]) -> tuple[str, str] | None:
        """Return the columns of right ascension and declination in degrees; None where there are none."""
        return _find_pair(columns, _EQUATORIAL_UCDS, EQUATORIAL_NAMES, self._is_equatorial)

    def sexagesimal_pair(self, columns: Sequence[Column]) -> tuple[str, str] | None:
        """Return the columns of right ascension and declination as texts of hours, minutes and seconds."""
        return _find_pair(columns, _EQUATORIAL_UCDS, EQUATORIAL_NAMES, self._is_sexagesimal)

    def galactic_pair(self, columns: Sequence[Column]) -> tuple[str, str] | None:
        """Return the columns of Galactic longitude and latitude in degrees."""
        return _find_pair(columns, _GALACTIC_UCDS, GALACTIC_NAMES, _is_degrees)

    def points(self, columns: Sequence[Column]) -> tuple[list[str], str]:
        """Return the columns of points that are called the main position, else all that may be it, and what says so."""
        fit = [column for column in columns if self._is_point(column)]
        main = [column.name for column in fit if _is_ucd(column, _POINT_UCD)]
        return (main, "UCD") if main else ([column.name for column in fit], "xtype")

    def origin_of_pair(self, columns: Sequence[Column], ra: str, dec: str) -> str:
        """Return what says that two columns are positions."""
        by_name = {column.name: column for column in columns}
        return "UCDs" if _is_pair(by_name[ra], by_name[dec], _EQUATORIAL_UCDS) else "names"

    def why_not(self, columns: Sequence[Column]) -> str:
        """Say which pair was seen and why it was not taken, to follow "no positions were found"."""
        points, _ = self.points(columns)
        if len(points) > 1:
            return (
                f" ({listed(points)} are columns of points; the UCD {_POINT_UCD}, or `vo: {{position: {{point: "
                f"{points[0]}}}}}` in a schema file, says which is the main one)"
            )
        by_name = _by_name(columns)
        for first, second in (*EQUATORIAL_NAMES, *GALACTIC_NAMES):
            pair = [by_name[name] for name in (first, second) if name in by_name]
            reasons = [f"{one.name} {reason}" for one in pair if (reason := self._fault_of(one))]
            if len(pair) == 2 and reasons:  # noqa: PLR2004 - a pair
                return f" ({pair[0].name}, {pair[1].name} were not taken: {', '.join(reasons)})"
        for ucd, _ in _EQUATORIAL_UCDS:
            same = [column.name for column in columns if _is_ucd(column, ucd)]
            if len(same) > 1:
                return f" ({listed(same)} all have the UCD {ucd})"
        return ""

    def _fault_of(self, column: Column) -> str | None:
        """Say why a column is not taken for an angle in degrees."""
        if column.datatype.is_array:
            return "has arrays"
        if not column.datatype.is_numeric:
            return "has dates" if column.datatype.is_timestamp else f"is of type {column.datatype.primitive}"
        if column.unit not in (None, "deg"):
            return f"is in {column.unit}"
        frame = self.frames.get(column.name.lower(), "")
        if _OTHER_FRAMES.search(frame):
            return f"is in the frame {frame}"
        return None if _is_degrees(column) else "has integers"

    def _is_point(self, column: Column) -> bool:
        is_point = column.datatype.is_geometry and column.datatype.xtype == "point"
        is_other = column.name in self.not_equatorial
        return is_point and not is_other and not _OTHER_FRAMES.search(self.frames.get(column.name.lower(), ""))

    def _is_equatorial(self, column: Column) -> bool:
        frame = self.frames.get(column.name.lower(), "")
        # The few odd values of a position are bad rows, so that the publisher decides about them.
        is_number = _is_degrees(column) or column.name in self.nearly_numbers
        return is_number and not _OTHER_FRAMES.search(frame)

    def _is_sexagesimal(self, column: Column) -> bool:
        frame = self.frames.get(column.name.lower(), "")
        return column.name in self.sexagesimal and column.datatype.is_string and not _OTHER_FRAMES.search(frame)


def marked_pair(columns: Sequence[Column], ra: str, dec: str) -> list[Column]:
    """Give the chosen pair its unit and UCDs; no other column may be called the main position."""
    ucds = {ra: "pos.eq.ra;meta.main", dec: "pos.eq.dec;meta.main"}
    marked = []
    for column in columns:
        ucd = ucds.get(column.name)
        if ucd is None:
            marked.append(without_main(column, "pos.eq"))
        else:
            marked.append(replace(_as_float(column), unit="deg", ucd=ucd, is_principal=True))
    return marked


def _find_pair(columns: Sequence[Column], ucds: Pairs, names: Pairs, is_fit: Judge) -> tuple[str, str] | None:
    """Return the first pair by UCDs that is the only one of its kind, else the first by names."""
    for first, second in ucds:
        left = [column.name for column in columns if _is_ucd(column, first) and is_fit(column)]
        right = [column.name for column in columns if _is_ucd(column, second) and is_fit(column)]
        if len(left) == 1 and len(right) == 1:
            return left[0], right[0]
    by_name = _by_name(columns)
    for first, second in names:
        one, other = by_name.get(first), by_name.get(second)
        if one is not None and other is not None and is_fit(one) and is_fit(other):
            return one.name, other.name
    return None


def _is_pair(one: Column, other: Column, ucds: Pairs) -> bool:
    return any(_is_ucd(one, first) and _is_ucd(other, second) for first, second in ucds)


def _by_name(columns: Iterable[Column]) -> dict[str, Column]:
    return {column.name.lower().lstrip("#"): column for column in columns}


def _is_ucd(column: Column, ucd: str) -> bool:
    return column.ucd is not None and column.ucd.lower() == ucd


def _is_degrees(column: Column) -> bool:
    datatype = column.datatype
    is_float = datatype.primitive in _FLOATS
    if datatype.is_array or not (is_float or (datatype.is_integer and column.name.lower() not in _SHORT_NAMES)):
        return False
    return column.unit in (None, "deg")


def _as_float(column: Column) -> Column:
    """Return a column as one of floating-point numbers."""
    if column.datatype.primitive in _FLOATS:
        return column
    return replace(column, datatype=DataType(Primitive.DOUBLE), null_values=(*column.null_values, "NaN"))


def marked_point(columns: Sequence[Column], name: str) -> list[Column]:
    """Mark the column of points that is the main position."""
    return [
        replace(one, unit="deg", ucd=_POINT_UCD, is_principal=True) if one.name == name else without_main(one, "pos.eq")
        for one in columns
    ]


def without_main(column: Column, branch: str) -> Column:
    """Return a column that is not called the main one of a branch of UCDs."""
    if column.ucd is None or not column.ucd.lower().startswith(branch):
        return column
    return replace(column, ucd=re.sub(";meta.main", "", column.ucd, flags=re.IGNORECASE))
