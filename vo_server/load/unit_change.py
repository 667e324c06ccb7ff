"""Units of files against those of the description: the same, to be converted, or a sign of another quantity."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from vo_server.errors import IngestError
from vo_server.formats.read.cast import with_elements
from vo_server.model.datatype import Primitive
from vo_server.quiet import quiet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vo_server.formats.read.base import TableReader
    from vo_server.model.table import Column

__all__ = ["scaled", "unit_factor", "unit_notes"]

_FLOATS: Final = frozenset({Primitive.FLOAT, Primitive.DOUBLE})
_MAGNITUDE: Final = re.compile(r"mag\s*\(\s*\w+\s*\)|(?:AB|Vega|ST)[ _]?mag", re.IGNORECASE)
"""Magnitudes with their system, which VOUnits leaves to other metadata."""
_NANOMAGGY: Final = re.compile(r"nanomagg(?:y|ies)\b|nmgy\b", re.IGNORECASE)


def unit_factor(column: Column, given: str | None, *, file: str) -> float | None:
    """Return what values of a file must be multiplied with to be in the unit of the description.

    Parameters
    ----------
    column
        As described.
    given
        The unit that the file writes.
    file
        Its name, for messages.

    Returns
    -------
    float or None
        None when there is nothing to convert, or one of the two units is missing or not known.

    Raises
    ------
    IngestError
        If the units are of different quantities, or the values are not floating-point numbers.
    """
    if not given or not column.unit or given == column.unit:
        return None
    here, there = _parsed(given), _parsed(column.unit)
    if here is None or there is None or here == there:
        return None
    try:
        factor = float(here.to(there))
    except (ValueError, TypeError) as error:
        raise _refusal(column, given, file, "which is another quantity") from error
    if abs(factor - 1.0) < 1e-12:  # noqa: PLR2004 - rounding of products of prefixes
        return None
    if column.datatype.primitive not in _FLOATS or column.datatype.is_geometry:
        raise _refusal(column, given, file, "and only floating-point numbers are converted")
    return factor


def unit_notes(columns: Sequence[tuple[Column, str | None]], reader: TableReader) -> list[str]:
    """Return what a publisher should hear of units that are converted.

    Parameters
    ----------
    columns
        Described columns, each with the unit that the file writes.
    reader
        The file.

    Raises
    ------
    IngestError
        As in :func:`unit_factor`.
    """
    return [
        f"{reader.file}, column {column.name}: converted from {given} to {column.unit}"
        for column, given in columns
        if unit_factor(column, given, file=reader.file) is not None
    ]


def scaled(values: pa.Array, factor: float) -> pa.Array:
    """Multiply numbers, or the elements of arrays, keeping their type."""
    if pa.types.is_floating(values.type):
        return pc.cast(pc.multiply(values, pa.scalar(factor, values.type)), values.type)
    return with_elements(values, scaled(values.flatten(), factor))


def _refusal(column: Column, given: str, file: str, why: str) -> IngestError:
    return IngestError(
        f"check units: it is in {given}, but {column.unit} is described, {why}",
        file=file,
        column=column.name,
        hint="if the unit in the file is wrong, mend the file; if the description is, mend that",
    )


def _parsed(text: str) -> Any:
    """Return a unit as astropy has it; None when it is not known or says that there is none."""
    from astropy import units  # noqa: PLC0415 - a quarter of a second that most loads need not wait

    from vo_server.load.units import vounit  # noqa: PLC0415 - as above

    plain = _NANOMAGGY.sub("nmgy", _MAGNITUDE.sub("mag", text)).replace("'", "")
    for spelling, syntax in ((vounit(plain) or "?", "vounit"), (plain, None)):
        try:
            with quiet(units.UnitsWarning):
                found: Any = units.Unit(spelling, format=syntax)
        except (ValueError, TypeError):
            continue
        return None if found == units.dimensionless_unscaled else found
    return None
