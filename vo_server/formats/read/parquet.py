"""Read Parquet, row group by row group; column metadata from Arrow fields, astropy's header or a VOTable inside."""

from __future__ import annotations

import io
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml
from astropy.table.meta import YamlParseError, get_header_from_yaml

from vo_server.errors import IngestError
from vo_server.formats.read.base import MalformedRows, TableFacts, batch_rows
from vo_server.formats.read.votable import VotableReader
from vo_server.model.datatype import DataType
from vo_server.model.table import Column

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import BinaryIO

    from vo_server.formats.read.source import Source

__all__ = ["MAGIC", "ParquetReader"]

MAGIC: Final = b"PAR1"
BUFFER_BYTES: Final = 1024 * 1024
_LONG_DIGITS: Final = 18
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


class ParquetReader:
    """A Parquet file.

    Parameters
    ----------
    source
        The file.

    Raises
    ------
    IngestError
        If it is cut off or damaged, or has columns of a type that cannot be published.
    """

    null_texts: frozenset[str] = frozenset()
    keeps_empty: bool = False

    def __init__(self, source: Source) -> None:
        self.file = source.name
        self._source = source
        self.malformed = MalformedRows()
        self._n_read: int = 0
        try:
            with source.open() as file, pq.ParquetFile(file) as opened:
                self._schema = opened.schema_arrow
                self._n_rows: int = opened.metadata.num_rows
                n_bytes = sum(
                    opened.metadata.row_group(group).total_byte_size for group in range(opened.metadata.num_row_groups)
                )
        except (pa.ArrowException, OSError) as error:
            raise IngestError(
                f"the Parquet file cannot be opened: {_first_line(error)}",
                file=source.name,
                hint="its footer is missing or damaged; it may be cut off",
            ) from error
        self._step = batch_rows(n_bytes // max(1, self._n_rows))
        self._as_text = self._beyond_long()
        self.facts = self._described()

    @contextmanager
    def _opened(self) -> Iterator[pq.ParquetFile]:
        # A buffer per column instead of whole column chunks: row groups may be as large as the file.
        with (
            self._source.open() as file,
            pq.ParquetFile(file, buffer_size=BUFFER_BYTES, pre_buffer=False) as opened,
        ):
            yield opened

    def row_number(self, index: int) -> int:
        """Return the row in the file, from 1, of a row of the batches."""
        return index + 1

    def fraction(self) -> float | None:
        """Tell how much has been read."""
        return self._n_read / max(1, self._n_rows)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Read the rows."""
        self._n_read = 0
        try:
            with self._opened() as opened:
                for batch in opened.iter_batches(batch_size=self._step, use_threads=False):
                    self._n_read += batch.num_rows
                    yield pa.RecordBatch.from_arrays(
                        [
                            pc.cast(column, pa.string()) if name in self._as_text else _storable(column)
                            for name, column in zip(batch.schema.names, batch.columns, strict=True)
                        ],
                        names=batch.schema.names,
                    )
        except (pa.ArrowException, OSError) as error:
            raise IngestError(
                f"the Parquet file is damaged: {_first_line(error)}", file=self.file, row=self._n_read + 1
            ) from error

    def _beyond_long(self) -> frozenset[str]:
        """Look for whole decimals that do not fit an int64: such columns are published as text, to the last digit.

        A file tells how many digits there may be, often 38, not how many there are: the columns are read for it.
        """
        wide = [field.name for field in self._schema if _is_whole(field.type) and field.type.precision > _LONG_DIGITS]
        beyond: set[str] = set()
        if not wide:
            return frozenset()
        try:
            with self._opened() as opened:
                for batch in opened.iter_batches(batch_size=self._step, columns=wide, use_threads=False):
                    beyond.update(name for name in set(wide) - beyond if not _fits_long(batch.column(name)))
        except (pa.ArrowException, OSError) as error:
            raise IngestError(f"the Parquet file is damaged: {_first_line(error)}", file=self.file) from error
        return frozenset(beyond)

    def _described(self) -> TableFacts:
        columns = tuple(self._column(field) for field in self._schema)
        metadata = self._schema.metadata or {}
        facts = TableFacts(columns, n_rows=self._n_rows, warnings=self._notes())
        if _VOTABLE_KEY in metadata:
            return self._with_votable(facts, metadata[_VOTABLE_KEY])
        if _ASTROPY_KEY in metadata:
            return self._with_astropy(facts, metadata[_ASTROPY_KEY])
        return facts

    def _notes(self) -> tuple[str, ...]:
        """Tell which decimals may lose digits, and which are texts."""
        rounded = [
            f"column {field.name}: {_innermost(field.type)} has more digits than a double, which it becomes; "
            f"values are rounded to about {_DOUBLE_DIGITS} digits"
            for field in self._schema
            if _is_rounded(_innermost(field.type))
        ]
        texts = [
            f"column {name}: has whole numbers that do not fit 64 bits with a sign and is published as text"
            for name in self._schema.names
            if name in self._as_text
        ]
        return (*rounded, *texts)

    def _column(self, field: pa.Field) -> Column:
        metadata = {key: value.decode("utf-8", errors="replace") for key, value in (field.metadata or {}).items()}
        said = {what: next((metadata[key] for key in keys if metadata.get(key)), None) for what, keys in _KEYS.items()}
        return Column(
            field.name,
            self._datatype(field),
            unit=said["unit"],
            ucd=said["ucd"],
            utype=said["utype"],
            description=said["description"],
        )

    def _datatype(self, field: pa.Field) -> DataType:
        arrow = pa.string() if field.name in self._as_text else _storable_type(field.type)
        shape: list[str] = []
        while pa.types.is_nested(arrow) and not pa.types.is_struct(arrow) and not pa.types.is_map(arrow):
            shape.insert(0, str(arrow.list_size) if pa.types.is_fixed_size_list(arrow) else "*")
            arrow = _storable_type(arrow.value_type)
        try:
            datatype = DataType.of_arrow(arrow)
        except ValueError as error:
            raise IngestError(
                f"the type {field.type} cannot be published",
                file=self.file,
                column=field.name,
                hint="leave the column out or turn it into numbers, text or timestamps",
            ) from error
        if not shape:
            return datatype
        if datatype.arraysize is not None:
            raise IngestError(f"lists of text ({field.type}) cannot be published", file=self.file, column=field.name)
        return replace(datatype, arraysize="*" if "*" in shape else "x".join(shape))

    def _with_votable(self, facts: TableFacts, document: bytes) -> TableFacts:
        """Take units, UCDs, descriptions and xtypes from the VOTable that VOParquet files carry."""
        said = VotableReader(lambda: _stream(document), file=f"{self.file} (VOTable inside)").facts
        by_name = {column.name: column for column in said.columns}
        columns = tuple(_merged(column, by_name.get(column.name)) for column in facts.columns)
        return replace(facts, columns=columns, name=said.name, description=said.description, frames=said.frames)

    def _with_astropy(self, facts: TableFacts, text: bytes) -> TableFacts:
        """Take units and descriptions from the header that astropy writes into Parquet files."""
        try:
            header = get_header_from_yaml(text.decode("utf-8").splitlines())
            entries: Mapping[str, dict[str, Any]] = {entry["name"]: entry for entry in header["datatype"]}
        except (YamlParseError, yaml.YAMLError, ValueError, KeyError, TypeError) as error:
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
    if said.datatype.xtype and said.datatype.arrow == datatype.arrow:
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
        return pa.int64() if _is_whole(arrow) else pa.float64()
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


def _is_whole(arrow: pa.DataType) -> bool:
    return bool(pa.types.is_decimal(arrow) and arrow.scale == 0)


def _is_rounded(arrow: pa.DataType) -> bool:
    return bool(pa.types.is_decimal(arrow) and arrow.scale > 0 and arrow.precision > _DOUBLE_DIGITS)


def _innermost(arrow: pa.DataType) -> pa.DataType:
    """Return the type of the elements of lists, or the type itself."""
    while pa.types.is_list(arrow) or pa.types.is_large_list(arrow) or pa.types.is_fixed_size_list(arrow):
        arrow = arrow.value_type
    return arrow.value_type if pa.types.is_dictionary(arrow) else arrow


def _fits_long(column: pa.Array) -> bool:
    try:
        pc.cast(_widened(column), pa.int64())
    except pa.ArrowInvalid:
        return False
    return True


def _widened(column: pa.Array) -> pa.Array:
    """Give short decimals 128 bits: Arrow cannot make an int64 of a decimal of 32."""
    is_short = pa.types.is_decimal32(column.type) or pa.types.is_decimal64(column.type)
    return pc.cast(column, pa.decimal128(column.type.precision, column.type.scale)) if is_short else column


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
