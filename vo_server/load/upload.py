"""Read an uploaded file whole: rows in the order of the file, columns as the file describes them.

Unlike a load, which judges what will be published, this changes as little as can be: a query that selects everything
gives back names, types, units, UCDs and NULLs of the file.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vo_server.adql.names import unique_names
from vo_server.errors import IngestError, TooLargeError, UploadError
from vo_server.formats.read.open import open_source
from vo_server.load.checks import Findings, with_unicode
from vo_server.load.convert import Converter
from vo_server.load.description import Description
from vo_server.load.gaps import listed
from vo_server.load.naming import late_warnings
from vo_server.load.positions import find_position
from vo_server.load.shapes import coordinates, shape_type
from vo_server.model.datatype import Primitive
from vo_server.model.query import arrow_schema
from vo_server.model.table import HEALPIX_COLUMN, Column, Position, PositionIndex, Schema, Table
from vo_server.model.upload import UPLOAD_SCHEMA, UploadedTable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vo_server.formats.read.base import TableFacts, TableReader
    from vo_server.formats.read.source import Source
    from vo_server.load.convert import Converted

__all__ = ["ReadLimits", "read_upload"]

_FLOATS: Final = frozenset({Primitive.FLOAT, Primitive.DOUBLE})
_TAKEN: Final = frozenset({"cmax", "cmin", "ctid", "tableoid", "xmax", "xmin", HEALPIX_COLUMN})
"""Names that a column cannot have: PostgreSQL's own of every table, and that of the service."""

_LONGEST_NAME_BYTES: Final = 63
"""What PostgreSQL keeps of a name."""

_MOST_COLUMNS: Final = 1_600
"""What PostgreSQL can put into a table."""

_LISTED: Final = 3
"""How many bad rows are told one by one."""


@dataclass(frozen=True)
class ReadLimits:
    """How much of a file is read."""

    max_rows: int
    max_bytes: int
    """Largest volume of the rows in memory [bytes]."""


def _ignore(_n_bytes: int) -> None:
    pass


def read_upload(
    source: Source, name: str, limits: ReadLimits, *, hold: Callable[[int], None] = _ignore
) -> UploadedTable:
    """Read a file of any format that can be loaded.

    Parameters
    ----------
    source
        The file.
    name
        Of the table in the schema TAP_UPLOAD.
    limits
        How large it may be.
    hold
        Called with the volume of the rows so far [bytes] whenever that has grown; it may wait, or raise what ends the
        reading.

    Raises
    ------
    UploadError
        If the file cannot be read, or has values that are none of their type: with row and column.
    TooLargeError
        If it has more rows or bytes than allowed.
    """
    try:
        reader = open_source(source, takes_regions=False)
        table, notes = _described(reader.facts, name, source.name)
        rows = _rows(reader, table, limits, hold)
    except IngestError as error:
        raise UploadError(error.message, hint=error.hint) from error
    table = replace(table, n_rows=rows.num_rows, position=_checked_position(table.position, rows))
    findings = Findings(replace(table, position=None))
    for batch in rows.to_batches():
        findings.see(batch)
    said = (*notes, *(f"upload {name}: {text}" for text in late_warnings([reader])))
    return UploadedTable(with_unicode(table, findings.non_ascii), rows, said)


def _described(facts: TableFacts, name: str, file: str) -> tuple[Table, tuple[str, ...]]:
    """Return the table that a file describes, and what had to be changed."""
    if len(facts.columns) > _MOST_COLUMNS:
        raise TooLargeError(
            f"{file} has {len(facts.columns)} columns; at most {_MOST_COLUMNS} are accepted",
            hint="send only the columns that the query needs",
        )
    given = [column.name for column in facts.columns]
    names = _names(given, file)
    columns = tuple(_column(column, one) for column, one in zip(facts.columns, names, strict=True))
    position = find_position(replace(facts, columns=columns))
    table = Table(UPLOAD_SCHEMA, name, columns, description=facts.description, position=position)
    changed = [f"{old!r} (now {new})" for old, new in zip(given, names, strict=True) if old != new]
    notes = [f"names of columns were changed: {listed(changed)}"] if changed else []
    return table, tuple(f"upload {name}: {text}" for text in (*notes, *facts.warnings))


def _names(given: Sequence[str], file: str) -> list[str]:
    """Return names that every database can have beside each other."""
    for name in given:
        if "\0" in name:
            raise UploadError(f"{file}: the column name {name!r} has a character with the code 0")
        if len(name.encode()) > _LONGEST_NAME_BYTES:
            raise UploadError(
                f"{file}: the column name {name[:40]!r}… is longer than {_LONGEST_NAME_BYTES} bytes",
                hint="give the column a shorter name",
            )
    filled = [name.strip() or f"col{number}" for number, name in enumerate(given, 1)]
    # Taken names come first, so that they keep theirs.
    return unique_names([*_TAKEN, *filled], ignores_case=True)[len(_TAKEN) :]


def _column(column: Column, name: str) -> Column:
    """Return a column as the file has it, but for the shapes of TAP 1.0."""
    datatype = shape_type(column.datatype) or column.datatype
    null_values = column.null_values
    if datatype.primitive in _FLOATS and not datatype.is_array:
        null_values = (*null_values, "NaN")
    return replace(column, name=name, datatype=datatype, null_values=null_values)


def _rows(reader: TableReader, table: Table, limits: ReadLimits, hold: Callable[[int], None]) -> pa.Table:
    sources = {mine.name: own.name for mine, own in zip(table.columns, reader.facts.columns, strict=True)}
    converter = Converter(Description(Schema(UPLOAD_SCHEMA), table, sources), reader)
    schema = arrow_schema(table.columns)
    batches: list[pa.RecordBatch] = []
    n_rows = n_bytes = 0
    if (reader.facts.n_rows or 0) > limits.max_rows:
        raise _too_many(f"{reader.file} says that it has {reader.facts.n_rows} rows", limits)
    for raw in reader.batches():
        converted = converter.convert(raw)
        _refuse_faults(converted, reader, n_rows)
        batch = pa.RecordBatch.from_arrays([converted.columns[one.name] for one in table.columns], schema=schema)
        batches.append(batch)
        n_rows += batch.num_rows
        n_bytes += batch.nbytes
        if n_rows > limits.max_rows:
            raise _too_many(f"{reader.file} has more rows", limits)
        if n_bytes > limits.max_bytes:
            raise TooLargeError(
                f"{reader.file} has more than the limit of {limits.max_bytes} bytes of rows",
                hint="send fewer rows, or only the columns that the query needs",
            )
        hold(n_bytes)
    if reader.malformed.n_rows:
        row, message = reader.malformed.first[0]
        raise UploadError(f"{reader.file}, row {row}: {message}{_and_more(reader.malformed.n_rows - 1)}")
    return pa.Table.from_batches(batches, schema=schema)


def _too_many(what: str, limits: ReadLimits) -> TooLargeError:
    return TooLargeError(f"{what}; an upload may have {limits.max_rows}", hint="send it in parts")


def _refuse_faults(converted: Converted, reader: TableReader, n_before: int) -> None:
    """Raise UploadError for the first values that are none of their type."""
    if not converted.faults:
        return
    found = sorted(
        (int(index), number) for number, fault in enumerate(converted.faults) for index in np.flatnonzero(fault.mask)
    )
    told = []
    for index, number in found[:_LISTED]:
        fault = converted.faults[number]
        place = f"{reader.file}, row {reader.row_number(n_before + index)}, column {fault.column}"
        told.append(f"{place}: {fault.message(index)}")
    if told:
        raise UploadError("; ".join(told) + _and_more(len(found) - len(told)), hint="mend the table and send it again")


def _and_more(count: int) -> str:
    return f" (and {count} more)" if count > 0 else ""


def _checked_position(position: Position | None, rows: pa.Table) -> Position | None:
    """Return the position, unless some of it are no coordinates; there is no index, but its size is known by it."""
    if position is None:
        return None
    if position.point:
        lon, lat = coordinates(rows.column(position.point).combine_chunks())
        places = [pa.array(lon, from_pandas=True), pa.array(lat, from_pandas=True)]
    else:
        places = [rows.column(position.ra), rows.column(position.dec)]
    for values, (low, high) in zip(places, ((0.0, 360.0), (-90.0, 90.0)), strict=True):
        seen = pc.min_max(values).as_py()
        if seen["min"] is not None and not (seen["min"] >= low and seen["max"] <= high):
            return None
    return replace(position, index=PositionIndex.NONE)
