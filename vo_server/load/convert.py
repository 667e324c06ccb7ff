"""Pure functions and one class that turn batches of a file into batches of the described table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vo_server.formats.read.cast import cast, null_out, with_elements
from vo_server.load.derive import derive
from vo_server.load.description import COMPUTED_DEC, COMPUTED_RA, DerivationKind
from vo_server.load.matching import plan_of
from vo_server.load.shapes import centres, checked_shapes, coordinates, main_shape, without_words
from vo_server.load.unit_change import scaled, unit_factor, unit_notes
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import HEALPIX_COLUMN, Column
from vo_server.sky.healpix import NO_CELL, cells

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from vo_server.formats.read.base import TableReader
    from vo_server.load.description import Description

    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]

__all__ = [
    "Converted",
    "Converter",
    "Fault",
    "apply_null_values",
    "conversion_notes",
    "galactic_to_icrs",
    "sexagesimal_to_degrees",
    "with_cells",
]

_SECONDS: Final = r"(?P<seconds>\d{1,2}(?:\.\d*)?)"
_HMS: Final = rf"^\s*(?P<sign>[+-]?)(?P<whole>\d{{1,2}})[:h ]\s*(?P<minutes>\d{{1,2}})[:m ]\s*{_SECONDS}s?\s*$"
_DMS: Final = rf"^\s*(?P<sign>[+-]?)(?P<whole>\d{{1,2}})[:d° ]\s*(?P<minutes>\d{{1,2}})[:m' ]\s*{_SECONDS}[s\"]?\s*$"


@dataclass(frozen=True)
class Fault:
    """Values of one column that cannot be taken over."""

    column: str
    mask: BoolArray
    reason: str
    """What is wrong with them, to follow the value in a message."""
    shown: pa.Array | None = None
    """The values as the file has them."""
    can_be_null: bool = True
    """Whether the row can be kept with NULL instead of the value."""

    def message(self, index: int) -> str:
        """Say what is wrong with one value."""
        if self.shown is None:
            return self.reason
        value = self.shown[index].as_py()
        text = repr(value) if isinstance(value, str) else str(value)
        return f"{text[:60]} {self.reason}"


@dataclass(frozen=True)
class Converted:
    """Rows in the described form, and what was wrong with some of them."""

    columns: dict[str, pa.Array]
    """By name; bad values are NULL. The hidden cell column is not there yet."""
    faults: tuple[Fault, ...]
    n_rows: int


class Converter:
    """Turns the batches of one file into the described columns.

    Parameters
    ----------
    description
        What the table is to be.
    reader
        The file, for its columns and the null marks that are part of its format (TNULL, VALUES null).

    Raises
    ------
    IngestError
        If described columns are missing in the file that are not optional, or it has columns that are not described.
    """

    def __init__(self, description: Description, reader: TableReader) -> None:
        self.description = description
        self.null_texts = reader.null_texts
        self.keeps_empty = reader.keeps_empty
        self.plan = plan_of(description, reader)
        self.own = reader.facts.columns
        self.marks = {
            column.name: tuple(dict.fromkeys((*self.own[index].null_values, *column.null_values)))
            for column, index in self.plan.pairs
        } | {column.name: column.null_values for column in self.plan.derived}
        self.factors = {
            column.name: unit_factor(column, self.own[index].unit, file=reader.file)
            for column, index in self.plan.pairs
        }

    def convert(self, batch: pa.RecordBatch) -> Converted:
        """Convert a batch of the file."""
        columns: dict[str, pa.Array] = {}
        faults: list[Fault] = []
        for column, index in self.plan.pairs:
            raw = batch.column(index)
            columns[column.name] = self._values(column, raw, faults)
        for column in self.plan.lacking:
            columns[column.name] = pa.nulls(batch.num_rows, column.datatype.arrow)
        given = dict(columns)
        for column in self.plan.derived:
            derived = self.description.derived[column.name]
            raw = derive(derived, lambda name: self._input(name, given, batch), self.null_texts)
            columns[column.name] = self._values(column, raw, faults)
        self._derive(columns, faults)
        return Converted(columns, tuple(faults), batch.num_rows)

    def _input(self, name: str, given: Mapping[str, pa.Array], batch: pa.RecordBatch) -> pa.Array:
        """Return what a column is computed from: a column of the table, else one of the file."""
        if name in given:
            return given[name]
        index = self.plan.inputs[name]
        own = self.own[index]
        values = batch.column(index)
        return values if pa.types.is_string(values.type) else apply_null_values(values, own.datatype, own.null_values)

    def _values(self, column: Column, raw: pa.Array, faults: list[Fault]) -> pa.Array:
        marks = self.marks[column.name]
        null_texts = self.null_texts | frozenset(marks)
        given = raw
        is_shape = column.datatype.is_geometry
        if is_shape and (pa.types.is_string(raw.type) or pa.types.is_large_string(raw.type)):
            given = without_words(pc.cast(raw, pa.string()), column.datatype)
        values, bad = cast(given, column.datatype, null_texts, keeps_empty=self.keeps_empty)
        if bad is not None:
            faults.append(Fault(column.name, bad, f"is not {_a_value_of(column.datatype)}", raw))
        if is_shape:
            values, found = checked_shapes(values, column.datatype)
            faults.extend(Fault(column.name, one.mask, one.reason, raw) for one in found)
        values = apply_null_values(values, column.datatype, marks)
        factor = self.factors.get(column.name)
        if factor is not None:
            values = scaled(values, factor)
        if column.datatype.is_string:
            values = self._without_zeros(column, values, faults)
        length = column.datatype.arraysize if column.datatype.is_string else None
        if length is not None and length != "*":
            values = self._within_length(column, values, int(length.removesuffix("*").split("x")[0] or 0), faults)
        if not column.is_nullable and values.null_count:
            missing = pc.is_null(values).to_numpy(zero_copy_only=False)
            faults.append(Fault(column.name, missing, "it is NULL, but is described as never NULL", can_be_null=False))
        return values

    @staticmethod
    def _without_zeros(column: Column, values: pa.Array, faults: list[Fault]) -> pa.Array:
        """Refuse texts that not every database can hold."""
        found = pc.fill_null(pc.match_substring(values, "\0"), fill_value=False)
        mask = found.to_numpy(zero_copy_only=False)
        if not mask.any():
            return values
        faults.append(Fault(column.name, mask, "has a character with the code 0, which texts cannot hold", values))
        return null_out(values, mask)

    @staticmethod
    def _within_length(column: Column, values: pa.Array, limit: int, faults: list[Fault]) -> pa.Array:
        """Refuse texts that are longer than described; unlimited and two-dimensional texts have no limit."""
        if limit == 0 or "x" in (column.datatype.arraysize or ""):
            return values
        long = pc.fill_null(pc.greater(pc.utf8_length(values), limit), fill_value=False)
        mask = long.to_numpy(zero_copy_only=False)
        if not mask.any():
            return values
        faults.append(Fault(column.name, mask, f"is longer than {limit} characters", values))
        return null_out(values, mask)

    def _derive(self, columns: dict[str, pa.Array], faults: list[Fault]) -> None:
        derivation = self.description.derivation
        if derivation is None:
            return
        lon, lat = columns[derivation.lon], columns[derivation.lat]
        if derivation.kind is DerivationKind.GALACTIC:
            ra, dec = galactic_to_icrs(_numbers(lon), _numbers(lat))
        else:
            ra = self._degrees(derivation.lon, lon, faults, is_hours=True)
            dec = self._degrees(derivation.lat, lat, faults, is_hours=False)
        columns[COMPUTED_RA] = pa.array(ra, mask=np.isnan(ra))
        columns[COMPUTED_DEC] = pa.array(dec, mask=np.isnan(dec))

    @staticmethod
    def _degrees(name: str, text: pa.Array, faults: list[Fault], *, is_hours: bool) -> FloatArray:
        degrees = sexagesimal_to_degrees(text, is_hours=is_hours)
        given = pc.fill_null(pc.not_equal(text, ""), fill_value=False).to_numpy(zero_copy_only=False)
        unreadable = np.isnan(degrees) & given
        if unreadable.any():
            form = "hours, minutes and seconds" if is_hours else "degrees, minutes and seconds"
            faults.append(Fault(name, unreadable, f"is not {form}", text))
        return degrees


def apply_null_values(values: pa.Array, datatype: DataType, marks: tuple[str, ...]) -> pa.Array:
    """Return the values with NULL for those that are marks of it.

    Marks of number columns are compared as numbers of the column's type, so that ``99`` and ``99.0`` are the same, and
    ``99.9`` is found in a column of floats. Of arrays they are elements; numbers of shapes are left alone.

    Parameters
    ----------
    values
        Of the Arrow type of the datatype.
    marks
        Null marks as text; ``NaN`` means NaN.
    """
    if not marks or datatype.is_geometry or datatype.is_timestamp:
        return values
    if datatype.is_array:
        return with_elements(values, apply_null_values(values.flatten(), DataType(datatype.primitive), marks))
    if pa.types.is_floating(values.type) and any(mark.lower() == "nan" for mark in marks):
        values = null_out(values, pc.fill_null(pc.is_nan(values), fill_value=False).to_numpy(zero_copy_only=False))
    wanted = pa.array([mark for mark in marks if mark.lower() != "nan" or datatype.is_string], pa.string())
    found, _ = cast(wanted, datatype, keeps_empty=True)
    found = found.drop_null()
    if len(found) == 0:
        return values
    return null_out(values, pc.is_in(values, value_set=found).to_numpy(zero_copy_only=False))


def galactic_to_icrs(lon_deg: FloatArray, lat_deg: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the ICRS positions of Galactic ones.

    Parameters
    ----------
    lon_deg, lat_deg
        Galactic longitude and latitude [deg], shape (n,); NaN, and latitudes outside [-90, 90], give NaN.

    Returns
    -------
    ra_deg, dec_deg
        ICRS positions [deg], RA in [0, 360).
    """
    from astropy import units  # noqa: PLC0415 - costs half a second, and few tables need it
    from astropy.coordinates import SkyCoord  # noqa: PLC0415 - as above

    is_place = np.isfinite(lon_deg) & (np.abs(lat_deg) <= 90.0)  # noqa: PLR2004 - the poles
    lon, lat = np.where(is_place, lon_deg, 0.0), np.where(is_place, lat_deg, 0.0)
    icrs = SkyCoord(lon * units.deg, lat * units.deg, frame="galactic").icrs
    return np.where(is_place, icrs.ra.deg, np.nan), np.where(is_place, icrs.dec.deg, np.nan)


def sexagesimal_to_degrees(text: pa.Array, *, is_hours: bool) -> FloatArray:
    """Return angles [deg] from sexagesimal texts; NaN where there is none or it cannot be read.

    Parameters
    ----------
    text
        ``hh:mm:ss.s`` or ``[+-]dd:mm:ss.s``; blanks or the letters of the units may stand for the colons.
    is_hours
        True for hours of right ascension, False for degrees.
    """
    parts = pc.extract_regex(text, pattern=_HMS if is_hours else _DMS)
    whole, minutes, seconds = (
        _numbers(pc.cast(pc.struct_field(parts, name), pa.float64())) for name in ("whole", "minutes", "seconds")
    )
    sign = np.where(pc.fill_null(pc.equal(pc.struct_field(parts, "sign"), "-"), fill_value=False), -1.0, 1.0)
    value = sign * (whole + minutes / 60.0 + seconds / 3600.0)
    limit = 24.0 if is_hours else 90.0
    is_wrong = (minutes >= 60) | (seconds >= 60) | (np.abs(value) > limit) | (is_hours & (sign < 0))  # noqa: PLR2004
    return np.where(is_wrong, np.nan, value * 15.0 if is_hours else value)


def with_cells(columns: Mapping[str, pa.Array], description: Description) -> dict[str, pa.Array]:
    """Add the hidden cell column where the table has positions, or else shapes; rows without one get NULL."""
    table, position = description.table, description.table.position
    if HEALPIX_COLUMN not in table.by_name:
        return dict(columns)
    if position is None:
        shape = main_shape(table.columns)
        assert shape is not None
        found = cells(*centres(columns[shape.name], shape.datatype))
    elif position.point:
        found = cells(*coordinates(columns[position.point]))
    else:
        found = cells(_numbers(columns[position.ra]), _numbers(columns[position.dec]))
    return {**columns, HEALPIX_COLUMN: pa.array(found, mask=found == NO_CELL)}


def _numbers(values: pa.Array) -> FloatArray:
    """Return numbers as float64, NaN for NULL."""
    if pa.types.is_null(values.type):
        return np.full(len(values), np.nan)
    wide = pc.cast(values, pa.float64(), safe=False)
    return np.asarray(pc.fill_null(wide, np.nan).to_numpy(zero_copy_only=False), dtype=np.float64)


def conversion_notes(description: Description, reader: TableReader) -> list[str]:
    """Return which units of a file are converted.

    Raises
    ------
    IngestError
        If the columns or the units of the file are not those of the description.
    """
    own = reader.facts.columns
    return unit_notes([(column, own[index].unit) for column, index in plan_of(description, reader).pairs], reader)


def _a_value_of(datatype: DataType) -> str:
    if datatype.is_timestamp:
        return "a date or time like 2026-01-31T12:00:00"
    if datatype.is_geometry:
        return f"a {datatype.xtype}"
    if datatype.is_array:
        return f"an array {datatype.primitive}[{datatype.arraysize}]"
    if datatype.primitive is Primitive.INT:
        return "an int"
    return f"a {datatype.primitive}"
