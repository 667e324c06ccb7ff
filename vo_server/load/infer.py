"""Make a description out of what the files say, and infer only where that is safe.

Whatever cannot be taken over or inferred stays empty, with a warning.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from vo_server.load.description import (
    COMPUTED_DEC,
    COMPUTED_RA,
    Derivation,
    DerivationKind,
    Description,
    computed_columns,
    healpix_column,
)
from vo_server.load.gaps import NO_POSITIONS, gaps, listed
from vo_server.load.shapes import is_outline, main_shape, shape_type
from vo_server.load.units import known_ucd, vounit
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import HEALPIX_COLUMN, Column, Position, Schema, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from vo_server.formats.read.base import TableFacts

    Pairs = Sequence[tuple[str, str]]
    Judge = Callable[[Column], bool]

__all__ = ["DRAFT_ADVICE", "find_position", "infer"]

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
_SEXAGESIMAL_UNITS: Final = ("h:m:s", "d:m:s")
DRAFT_ADVICE: Final = "`vo-server ingest describe` writes a draft to fill in, `--schema-file` takes it"
_UNIT_IN_NAME: Final = re.compile(r".*\[(.+)\]")
_FLOATS: Final = frozenset({Primitive.FLOAT, Primitive.DOUBLE})
_SHORT_NAMES: Final = frozenset({"l", "b", "gl", "gb"})
"""Names that mean other things as well; integers of such names are not taken for angles."""


def infer(
    facts: TableFacts, *, schema: str, table: str, description: str | None = None, in_place: str | None = None
) -> Description:
    """Make the description of a table.

    Parameters
    ----------
    facts
        What the files say.
    schema, table
        What the table will be called.
    description
        What the publisher says of the table; wins over the files.
    in_place
        For a table that is published where it is, so that nothing can be computed or added: how to fill gaps.
    """
    return _Inference(facts, schema, table, description, in_place).description()


def find_position(facts: TableFacts) -> Position | None:
    """Find the columns that are the main position of a table whose columns stay as they are; None without such.

    Parameters
    ----------
    facts
        What a file says; its names differ in more than case.
    """
    judge = _Inference(facts, "", "", None, None)
    pair = judge.equatorial_pair(facts.columns)
    if pair is not None:
        return Position(*pair)
    points = judge.points(facts.columns)
    return Position(point=points[0]) if len(points) == 1 else None


class _Inference:
    """One pass of judging over the columns of a file."""

    def __init__(
        self, facts: TableFacts, schema: str, table: str, description: str | None, in_place: str | None
    ) -> None:
        self.facts = facts
        self.schema = schema
        self.name = table
        self.text = description or facts.description
        self.in_place = in_place
        self.warnings: list[str] = list(facts.warnings)
        if facts.valueless:
            names = listed([column.name for column in facts.columns if column.name in facts.valueless])
            self.warnings.append(f"columns without any value are published as text: {names}")
        self.frames = {name.lower(): frame for name, frame in facts.frames.items()}
        self.sexagesimal: dict[str, str] = {}
        self.nearly_numbers: dict[str, str] = {}
        self.dimensionless: set[str] = set()
        self.not_equatorial: set[str] = set()
        """Columns of points that are said to be something else than ICRS positions."""
        self.position_origin = "names"

    def description(self) -> Description:
        names = self._unique_names()
        sources = dict(zip(names, (column.name for column in self.facts.columns), strict=True))
        columns = [
            self._column(name, column)
            for name, column in zip(names, self.facts.columns, strict=True)
            if not self._is_cell(name)
        ]
        sources = {column.name: sources[column.name] for column in columns}
        said = self.facts.nearly_numbers
        self.nearly_numbers = {name: said[source] for name, source in sources.items() if source in said}
        columns, position, derivation = self._with_position(columns)
        taken = () if position is None else position.columns
        self.warnings.extend(
            f"column {name}: {words}; published as text"
            for name, words in self.nearly_numbers.items()
            if name not in taken
        )
        if self.in_place is None and (position is not None or main_shape(columns) is not None):
            columns.append(healpix_column(has_position=position is not None))
        table = Table(self.schema, self.name, tuple(columns), description=self.text, position=position)
        self.warnings.extend(gaps(table, advice=self.in_place or DRAFT_ADVICE, dimensionless=self.dimensionless))
        return Description(
            Schema(self.schema),
            table,
            sources,
            derivation,
            is_inferred=True,
            position_origin=f"inferred from the {self.position_origin}",
            warnings=tuple(self.warnings),
        )

    def _unique_names(self) -> list[str]:
        """Return names that differ in more than case."""
        taken: Counter[str] = Counter()
        names, renamed = [], []
        every = {column.name.strip().lower() for column in self.facts.columns}
        for column in self.facts.columns:
            name = column.name.strip()
            folded = name.lower()
            taken[folded] += 1
            if taken[folded] > 1:
                number = taken[folded]
                while f"{folded}_{number}" in every:
                    number += 1
                renamed.append(f"{name} (now {name}_{number})")
                name = f"{name}_{number}"
                every.add(name.lower())
            names.append(name)
        if renamed:
            self.warnings.append(f"names that differ at most in case were made different: {listed(renamed)}")
        return names

    def _is_cell(self, name: str) -> bool:
        if name.lower() != HEALPIX_COLUMN or self.in_place is not None:
            return False
        self.warnings.append(f"column {name} is computed anew from the positions; the file's own is not taken over")
        return True

    def _column(self, name: str, column: Column) -> Column:
        datatype = column.datatype
        if datatype.xtype in ("hms", "dms"):
            self.sexagesimal[name] = datatype.xtype
            datatype = replace(datatype, xtype=None)
        unit = self._unit(name, column.unit)
        datatype = self._shape(name, datatype, unit)
        if datatype.is_geometry:
            unit = "deg"
            # What the file says, and not only what is a UCD: pos.galactic alone is none.
            if column.ucd is not None and column.ucd.lower().partition(";")[0] != "pos.eq":
                self.not_equatorial.add(name)
        null_values = column.null_values
        if datatype.primitive in _FLOATS and not datatype.is_array:
            null_values = (*null_values, "NaN")
        made = replace(
            column,
            name=name,
            datatype=datatype,
            unit=unit,
            ucd=self._ucd(name, column.ucd),
            description=" ".join(column.description.split()) if column.description else None,
            null_values=null_values,
        )
        return replace(made, is_indexed=self.in_place is None) if is_outline(made) else made

    def _shape(self, name: str, datatype: DataType, unit: str | None) -> DataType:
        """Return the type of a column as the shapes that its xtype says, where its values can be such."""
        found = shape_type(datatype)
        is_given = (datatype.xtype or "").lower().removeprefix("adql:") in {"point", "circle", "polygon"}
        if not is_given or (self.in_place is not None and datatype.is_string):
            return datatype
        why = f"it is in {unit}" if unit not in (None, "deg") else "a cell has another count of numbers"
        if found is None or unit not in (None, "deg"):
            self.warnings.append(f"column {name}: the xtype {datatype.xtype!r} was left out: {why}")
            return replace(datatype, xtype=None)
        return found

    def _unit(self, name: str, unit: str | None) -> str | None:
        if unit is None:
            inside = _UNIT_IN_NAME.fullmatch(name)
            return (vounit(inside[1]) or None) if inside is not None else None
        bare = unit.strip("\"' ")
        if bare in _SEXAGESIMAL_UNITS:
            self.sexagesimal[name] = "hms" if bare.startswith("h") else "dms"
            return None
        known = vounit(unit)
        if known is None:
            self.warnings.append(f"column {name}: the unit {unit!r} is not a VOUnit and was left out")
        if known == "":
            self.dimensionless.add(name)
        return known or None

    def _ucd(self, name: str, ucd: str | None) -> str | None:
        if ucd is None:
            return None
        known = known_ucd(ucd)
        if known is None:
            self.warnings.append(f"column {name}: the UCD {ucd!r} is not in the controlled vocabulary and was left out")
        return known

    def _with_position(self, columns: list[Column]) -> tuple[list[Column], Position | None, Derivation | None]:
        """Find the main position, or what it can be computed from."""
        pair = self.equatorial_pair(columns)
        if pair is not None:
            ra, dec = pair
            by_name = {column.name: column for column in columns}
            if _is_pair(by_name[ra], by_name[dec], _EQUATORIAL_UCDS):
                self.position_origin = "UCDs"
            return self._marked(columns, ra, dec), Position(ra, dec), None
        points = self.points(columns)
        if len(points) == 1:
            return _with_point(columns, points[0]), Position(point=points[0]), None
        derivation = self._derivation(columns)
        if derivation is None:
            why = self._why_not(columns)
            self.warnings.append(f"no positions were found{why}: {NO_POSITIONS}; name the columns in a schema file")
            return columns, None, None
        taken = {column.name.lower() for column in columns}
        if taken & {COMPUTED_RA, COMPUTED_DEC}:
            self.warnings.append(f"positions were not computed: the file has a column {COMPUTED_RA} or {COMPUTED_DEC}")
            return columns, None, None
        columns = [_without_main(column, "pos.eq") for column in columns]
        return [*columns, *computed_columns(derivation)], Position(COMPUTED_RA, COMPUTED_DEC), derivation

    def equatorial_pair(self, columns: Sequence[Column]) -> tuple[str, str] | None:
        """Return the columns of right ascension and declination in degrees."""
        return _find_pair(columns, _EQUATORIAL_UCDS, EQUATORIAL_NAMES, self._is_equatorial)

    def points(self, columns: Sequence[Column]) -> list[str]:
        """Return the columns of points that are called the main position, else all that may be it."""
        fit = [column for column in columns if self._is_point(column)]
        main = [column.name for column in fit if _is_ucd(column, _POINT_UCD)]
        self.position_origin = "UCD" if main else "xtype"
        return main or [column.name for column in fit]

    def _is_point(self, column: Column) -> bool:
        is_point = column.datatype.is_geometry and column.datatype.xtype == "point"
        is_other = column.name in self.not_equatorial
        return is_point and not is_other and not _OTHER_FRAMES.search(self.frames.get(column.name.lower(), ""))

    def _derivation(self, columns: Sequence[Column]) -> Derivation | None:
        if self.in_place is not None:
            return None
        pair = _find_pair(columns, _EQUATORIAL_UCDS, EQUATORIAL_NAMES, self._is_sexagesimal)
        if pair is not None:
            return Derivation(DerivationKind.SEXAGESIMAL, *pair)
        pair = _find_pair(columns, _GALACTIC_UCDS, GALACTIC_NAMES, _is_degrees)
        return None if pair is None else Derivation(DerivationKind.GALACTIC, *pair)

    def _why_not(self, columns: Sequence[Column]) -> str:
        """Say which pair was seen and why it was not taken, to follow "no positions were found"."""
        points = self.points(columns)
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

    def _is_equatorial(self, column: Column) -> bool:
        frame = self.frames.get(column.name.lower(), "")
        # The few odd values of a position are bad rows, so that the publisher decides about them.
        is_number = _is_degrees(column) or column.name in self.nearly_numbers
        return is_number and not _OTHER_FRAMES.search(frame)

    def _is_sexagesimal(self, column: Column) -> bool:
        frame = self.frames.get(column.name.lower(), "")
        return column.name in self.sexagesimal and column.datatype.is_string and not _OTHER_FRAMES.search(frame)

    def _marked(self, columns: Sequence[Column], ra: str, dec: str) -> list[Column]:
        """Give the chosen pair its unit and UCDs; no other column may be called the main position."""
        ucds = {ra: "pos.eq.ra;meta.main", dec: "pos.eq.dec;meta.main"}
        marked = []
        for column in columns:
            ucd = ucds.get(column.name)
            if ucd is None:
                marked.append(_without_main(column, "pos.eq"))
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


def _with_point(columns: Sequence[Column], name: str) -> list[Column]:
    """Mark the column of points that is the main position."""
    return [
        replace(one, unit="deg", ucd=_POINT_UCD, is_principal=True)
        if one.name == name
        else _without_main(one, "pos.eq")
        for one in columns
    ]


def _without_main(column: Column, branch: str) -> Column:
    if column.ucd is None or not column.ucd.lower().startswith(branch):
        return column
    return replace(column, ucd=re.sub(";meta.main", "", column.ucd, flags=re.IGNORECASE))
