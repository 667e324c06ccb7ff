"""What the fields of an Arrow schema say of columns, for the formats that have one: Parquet and Arrow itself.

Units, UCDs and descriptions come from the metadata of the fields, from astropy's header or from a VOTable inside.
"""

from __future__ import annotations

import io
from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import yaml

from vo_server.errors import IngestError
from vo_server.formats.read.base import TableFacts
from vo_server.formats.read.votable import VotableReader
from vo_server.model.datatype import DataType
from vo_server.model.table import Column

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO

__all__ = ["LONG_DIGITS", "described", "fits_long", "is_whole", "storable_batch"]

LONG_DIGITS: Final = 18
"""Digits of a whole number that always fit an int64."""

_DOUBLE_DIGITS: Final = 15
"""Decimal digits of a number that a double always keeps."""

_VOTABLE_KEY: Final = b"IVOA.VOTable-Parquet.content"
_ASTROPY_KEY: Final = b"table_meta_yaml"
_KEYS: Final = {
    "unit": (b"unit", b"units", b"UNIT"),
    "ucd": (b"ucd", b"UCD"),
    "utype": (b"utype",),
    "description": (b"description", b"comment", b"doc", b"DESCRIPTION"),
}
"""Keys of field metadata by what they say."""


def described(schema: pa.Schema, *, file: str, n_rows: int, as_text: Collection[str] = ()) -> TableFacts:
    """Return what a schema says of its columns.

    Parameters
    ----------
    schema
        Of the file.
    file
        Its name, for messages.
    n_rows
        How many rows there are.
    as_text
        Columns of whole decimals that do not fit an int64.

    Raises
    ------
    IngestError
        If a type cannot be published.
    """
    columns = tuple(_column(field, file, as_text) for field in schema)
    metadata = schema.metadata or {}
    facts = TableFacts(columns, n_rows=n_rows, warnings=_notes(schema, as_text))
    if _VOTABLE_KEY in metadata:
        return _with_votable(facts, metadata[_VOTABLE_KEY], file)
    if _ASTROPY_KEY in metadata:
        return _with_astropy(facts, metadata[_ASTROPY_KEY])
    return facts


def storable_batch(batch: pa.RecordBatch, as_text: Collection[str] = ()) -> pa.RecordBatch:
    """Return the rows with types that have a home; see :func:`described`."""
    columns = [
        pc.cast(column, pa.string()) if name in as_text else _storable(column)
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _notes(schema: pa.Schema, as_text: Collection[str]) -> tuple[str, ...]:
    """Tell which decimals may lose digits, and which are texts."""
    rounded = [
        f"column {field.name}: {_innermost(field.type)} has more digits than a double, which it becomes; "
        f"values are rounded to about {_DOUBLE_DIGITS} digits"
        for field in schema
        if _is_rounded(_innermost(field.type))
    ]
    texts = [
        f"column {name}: has whole numbers that do not fit 64 bits with a sign and is published as text"
        for name in schema.names
        if name in as_text
    ]
    return (*rounded, *texts)


def _column(field: pa.Field, file: str, as_text: Collection[str]) -> Column:
    metadata = {key: value.decode("utf-8", errors="replace") for key, value in (field.metadata or {}).items()}
    said = {what: next((metadata[key] for key in keys if metadata.get(key)), None) for what, keys in _KEYS.items()}
    return Column(
        field.name,
        _datatype(field, file, as_text),
        unit=said["unit"],
        ucd=said["ucd"],
        utype=said["utype"],
        description=said["description"],
    )


def _datatype(field: pa.Field, file: str, as_text: Collection[str]) -> DataType:
    arrow = pa.string() if field.name in as_text else _storable_type(field.type)
    shape: list[str] = []
    while pa.types.is_nested(arrow) and not pa.types.is_struct(arrow) and not pa.types.is_map(arrow):
        shape.insert(0, str(arrow.list_size) if pa.types.is_fixed_size_list(arrow) else "*")
        arrow = _storable_type(arrow.value_type)
    try:
        datatype = DataType.of_arrow(arrow)
    except ValueError as error:
        raise IngestError(
            f"the type {field.type} cannot be published",
            file=file,
            column=field.name,
            hint="leave the column out or turn it into numbers, text or timestamps",
        ) from error
    if not shape:
        return datatype
    if datatype.arraysize is not None:
        raise IngestError(f"lists of text ({field.type}) cannot be published", file=file, column=field.name)
    return replace(datatype, arraysize="*" if "*" in shape else "x".join(shape))


def _with_votable(facts: TableFacts, document: bytes, file: str) -> TableFacts:
    """Take units, UCDs, descriptions and xtypes from the VOTable that VOParquet files carry."""
    said = VotableReader(lambda: _stream(document), file=f"{file} (VOTable inside)").facts
    by_name = {column.name: column for column in said.columns}
    columns = tuple(_merged(column, by_name.get(column.name)) for column in facts.columns)
    return replace(facts, columns=columns, name=said.name, description=said.description, frames=said.frames)


def _with_astropy(facts: TableFacts, text: bytes) -> TableFacts:
    """Take units and descriptions from the header that astropy writes into Parquet files."""
    from astropy.table import meta  # noqa: PLC0415 - late: it takes 50 MB, and few files need it

    try:
        header = meta.get_header_from_yaml(text.decode("utf-8").splitlines())
        entries: Mapping[str, dict[str, Any]] = {entry["name"]: entry for entry in header["datatype"]}
    except (meta.YamlParseError, yaml.YAMLError, ValueError, KeyError, TypeError) as error:
        note = f"astropy's metadata in the file cannot be read: {error}"
        return replace(facts, warnings=(*facts.warnings, note))
    columns = tuple(_with_entry(column, entries.get(column.name, {})) for column in facts.columns)
    return replace(facts, columns=columns)


def _stream(document: bytes) -> BinaryIO:
    return io.BytesIO(document)


def _merged(column: Column, said: Column | None) -> Column:
    if said is None:
        return column
    datatype = column.datatype
    if said.datatype.arrow == datatype.arrow:
        # Arrow has no lengths of texts, no shapes of arrays beyond their length, and no xtypes.
        datatype = said.datatype
    return replace(
        column,
        datatype=datatype,
        unit=said.unit or column.unit,
        ucd=said.ucd or column.ucd,
        utype=said.utype or column.utype,
        description=said.description or column.description,
        null_values=said.null_values,
    )


def _with_entry(column: Column, entry: Mapping[str, Any]) -> Column:
    unit = entry.get("unit")
    meta = entry.get("meta") or {}
    return replace(
        column,
        unit=column.unit or (str(unit) if unit is not None else None),
        ucd=column.ucd or meta.get("ucd"),
        description=column.description or entry.get("description"),
    )


def _storable_type(arrow: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(arrow):
        arrow = arrow.value_type
    if pa.types.is_decimal(arrow):
        return pa.int64() if is_whole(arrow) else pa.float64()
    if pa.types.is_binary(arrow) or pa.types.is_large_binary(arrow) or arrow == pa.uint64() or pa.types.is_null(arrow):
        return pa.string()
    return arrow


def _storable(column: pa.Array) -> pa.Array:
    """Turn the types that have no home into those that have one: decimals, 64-bit unsigned integers, binary text."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    target = _storable_type(column.type)
    if target == column.type:
        return column
    return pc.cast(_widened(column) if target == pa.int64() else column, target)


def is_whole(arrow: pa.DataType) -> bool:
    """Tell whether a type is one of decimals without a fraction."""
    return bool(pa.types.is_decimal(arrow) and arrow.scale == 0)


def _is_rounded(arrow: pa.DataType) -> bool:
    return bool(pa.types.is_decimal(arrow) and arrow.scale > 0 and arrow.precision > _DOUBLE_DIGITS)


def _innermost(arrow: pa.DataType) -> pa.DataType:
    """Return the type of the elements of lists, or the type itself."""
    while pa.types.is_list(arrow) or pa.types.is_large_list(arrow) or pa.types.is_fixed_size_list(arrow):
        arrow = arrow.value_type
    return arrow.value_type if pa.types.is_dictionary(arrow) else arrow


def _widened(column: pa.Array) -> pa.Array:
    """Give short decimals 128 bits: Arrow cannot make an int64 of a decimal of 32."""
    is_short = pa.types.is_decimal32(column.type) or pa.types.is_decimal64(column.type)
    return pc.cast(column, pa.decimal128(column.type.precision, column.type.scale)) if is_short else column


def fits_long(column: pa.Array) -> bool:
    """Tell whether whole decimals fit 64 bits with a sign."""
    try:
        pc.cast(_widened(column), pa.int64())
    except pa.ArrowInvalid:
        return False
    return True
