"""TAP_SCHEMA: the catalogue as tables of itself (TAP 1.1, section 4).

Description and rows come from the same :class:`~vo_server.model.table.Catalogue` that ``/tables`` and the FIELDs of
every result are made from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import pyarrow as pa

from vo_server.adql.words import RESERVED
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.query import arrow_schema
from vo_server.model.table import Catalogue, Column, Key, Schema, Table, quoted
from vo_server.store.release_table import RELEASES, release_rows
from vo_server.store.tap_statistics import (
    MORE_OF_COLUMNS,
    MORE_OF_TABLES,
    STATISTICS,
    more_of_column,
    more_of_table,
    statistics_row,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from vo_server.model.statistics import ColumnStatistics, TableStatistics

__all__ = ["SCHEMA_NAME", "TAP_SCHEMA", "UPLOAD_SCHEMA", "TapSchemaRows", "published_name"]

SCHEMA_NAME: Final = "tap_schema"
UPLOAD_SCHEMA: Final = "tap_upload"
"""Schema of the uploads of one request; never listed."""

_NAME: Final = DataType(Primitive.CHAR, "*")
_WORDS: Final = DataType(Primitive.UNICODE_CHAR, "*")
_INTEGER: Final = DataType(Primitive.INT)
_LONG: Final = DataType(Primitive.LONG)
_SIGN_BIT: Final = 63
_ONE_DIMENSION: Final = re.compile(r"([0-9]+)\*?")


def _column(
    name: str,
    datatype: DataType,
    description: str,
    *,
    required: bool = False,
    principal: bool = False,
    std: bool = True,
) -> Column:
    return Column(
        name,
        datatype,
        description=description,
        is_nullable=not required,
        is_principal=principal or required,
        is_std=std,
    )


def _own_column(name: str, datatype: DataType, description: str, *, required: bool = False) -> Column:
    """Return a column that the standard does not have."""
    return _column(name, datatype, description, required=required, std=False)


def _description(what: str) -> Column:
    return _column("description", _WORDS, f"What the {what} is, in words", principal=True)


def _utype(what: str) -> Column:
    return _column("utype", _NAME, f"Data-model role of the {what}")


def _table(
    index: int, name: str, description: str, columns: tuple[Column, ...], *keys: Key, primary: str = ""
) -> Table:
    return Table(
        SCHEMA_NAME,
        name,
        columns,
        description=description,
        primary_key=tuple(primary.split()),
        keys=keys,
        index=index,
    )


def _key(column: str, target: str, target_column: str) -> Key:
    return Key(f"{column}_fk", f"{SCHEMA_NAME}.{target}", ((column, target_column),))


# The columns of the standard come in the order of the alphabet: a client of ViaLactea reads `*` by position.
TAP_SCHEMA: Final = Schema(
    SCHEMA_NAME,
    description="What is published here: schemas, tables, columns and foreign keys (TAP 1.1, section 4)",
    tables=(
        _table(
            1,
            "schemas",
            "Schemas of this service",
            (
                _description("schema"),
                _column("schema_index", _INTEGER, "Recommended order of schemas"),
                _column("schema_name", _NAME, "Name of the schema, as queries write it", required=True),
                _utype("schema"),
            ),
            primary="schema_name",
        ),
        _table(
            2,
            "tables",
            "Tables of this service",
            (
                _description("table"),
                _column("schema_name", _NAME, "Schema that the table belongs to", required=True),
                _column("table_index", _INTEGER, "Recommended order of tables"),
                _column("table_name", _NAME, "Full name of the table, as queries write it", required=True),
                _column("table_type", _NAME, "One of: table, view", required=True),
                _utype("table"),
                *MORE_OF_TABLES,
            ),
            _key("schema_name", "schemas", "schema_name"),
            primary="table_name",
        ),
        _table(
            3,
            "columns",
            "Columns of the tables of this service",
            (
                _column("column_index", _INTEGER, "Order of the column in its table"),
                _column("column_name", _NAME, "Name of the column, as queries write it", required=True),
                _column("datatype", _NAME, "VOTable datatype", required=True),
                _description("column"),
                _column("indexed", _INTEGER, "1 when a condition on the column is answered by an index", required=True),
                _column("principal", _INTEGER, "1 for the columns that matter most", required=True),
                _column("size", _INTEGER, "Length of a string or a one-dimensional array (deprecated: see arraysize)"),
                _column("std", _INTEGER, "1 for columns that a standard defines", required=True),
                _column("table_name", _NAME, "Full name of the table that the column belongs to", required=True),
                _column("ucd", _NAME, "UCD: what kind of quantity it is", principal=True),
                _column("unit", _NAME, "Unit, in VOUnits", principal=True),
                _utype("column"),
                _column("arraysize", _NAME, "VOTable arraysize; NULL for a single value"),
                _column("xtype", _NAME, "DALI extended type"),
                *MORE_OF_COLUMNS,
            ),
            _key("table_name", "tables", "table_name"),
            primary="table_name column_name",
        ),
        _table(
            4,
            "keys",
            "Foreign keys: which tables can be joined",
            (
                _description("key"),
                _column("from_table", _NAME, "Full name of the table that has the key", required=True),
                _column("key_id", _NAME, "Name of the key; see tap_schema.key_columns", required=True),
                _column("target_table", _NAME, "Full name of the table that it points to", required=True),
                _utype("key"),
            ),
            Key("from_table_fk", f"{SCHEMA_NAME}.tables", (("from_table", "table_name"),)),
            Key("target_table_fk", f"{SCHEMA_NAME}.tables", (("target_table", "table_name"),)),
            primary="key_id",
        ),
        _table(
            5,
            "key_columns",
            "Pairs of columns that foreign keys compare",
            (
                _column("from_column", _NAME, "Column of the table that has the key", required=True),
                _column("key_id", _NAME, "Name of the key; see tap_schema.keys", required=True),
                _column("target_column", _NAME, "Column of the table that it points to", required=True),
            ),
            _key("key_id", "keys", "key_id"),
            primary="key_id from_column",
        ),
        _table(
            6,
            "flags",
            "What the values and the bits of columns of flags mean. Bits are tested with has_bits(column, value) = 1",
            (
                _own_column("table_name", _NAME, "Full name of the table that the column belongs to", required=True),
                _own_column("column_name", _NAME, "Name of the column, as queries write it", required=True),
                _own_column("value", _LONG, "Value that means this, alone or, for a bit, among others", required=True),
                _own_column("bit", _INTEGER, "Number of the bit, from 0; NULL for a value that stands alone"),
                _own_column("meaning", _WORDS, "What the value or the bit means", required=True),
            ),
            Key(
                "column_fk",
                f"{SCHEMA_NAME}.columns",
                (("table_name", "table_name"), ("column_name", "column_name")),
            ),
            primary="table_name column_name value",
        ),
        replace(RELEASES, index=7),
        _table(
            8,
            "statistics",
            "Statistics of the columns of this service, made when their tables were loaded",
            STATISTICS,
            Key(
                "column_fk",
                f"{SCHEMA_NAME}.columns",
                (("table_name", "table_name"), ("column_name", "column_name")),
            ),
            primary="table_name column_name",
        ),
    ),
)
"""Description of the five tables of the standard, and of those of our own.

They have no location: their rows are handed to the engine with a query.
"""


ReadStatistics: TypeAlias = "Callable[[Iterable[str]], Mapping[str, TableStatistics]]"
"""Returns the statistics of releases by their locations."""


def _nothing_known(_locations: Iterable[str]) -> Mapping[str, TableStatistics]:
    return {}


class TapSchemaRows(Mapping[str, pa.Table]):
    """Rows of the tables of TAP_SCHEMA by their full names, each made when it is first asked for.

    Parameters
    ----------
    catalogue
        What is published, TAP_SCHEMA itself included; uploads in it are not listed.
    statistics
        Returns what is known of releases, by their locations; asked when rows that tell of it are made.
    """

    def __init__(self, catalogue: Catalogue, *, statistics: ReadStatistics = _nothing_known) -> None:
        self.schemas = tuple(schema for schema in catalogue.schemas if schema.name.lower() != UPLOAD_SCHEMA)
        self._releases = catalogue.releases
        self._made: dict[str, pa.Table] = {}
        self._read_statistics = statistics

    @cached_property
    def _tables(self) -> tuple[Table, ...]:
        return tuple(table for schema in self.schemas for table in schema.tables)

    @cached_property
    def _names(self) -> dict[str, str]:
        return {table.full_name: published_name(table) for table in self._tables}

    @cached_property
    def _statistics(self) -> Mapping[str, TableStatistics]:
        """What is known of tables, by their locations; a pinned release may be the one of another table, too."""
        return self._read_statistics({table.location for table in self._tables if table.location is not None})

    def __getitem__(self, full_name: str) -> pa.Table:
        if full_name not in self._made:
            table = _BY_NAME[full_name]
            rows = _ROWS[table.name](self)
            self._made[full_name] = pa.Table.from_pylist(rows, schema=arrow_schema(table.columns))
        return self._made[full_name]

    def __iter__(self) -> Iterator[str]:
        return iter(_BY_NAME)

    def __len__(self) -> int:
        return len(_BY_NAME)

    def schema_rows(self) -> list[dict[str, Any]]:
        """Rows of ``tap_schema.schemas``."""
        return [
            {
                "schema_name": quoted(schema.name, RESERVED),
                "utype": schema.utype,
                "description": schema.description,
                "schema_index": index,
            }
            for index, schema in enumerate(self.schemas, 1)
        ]

    def table_rows(self) -> list[dict[str, Any]]:
        """Rows of ``tap_schema.tables``."""
        return [
            {
                "schema_name": quoted(table.schema, RESERVED),
                "table_name": self._names[table.full_name],
                "table_type": table.kind,
                "utype": table.utype,
                "description": table.description,
                "table_index": index,
                **more_of_table(table, self._statistics.get(table.location or "")),
            }
            for index, table in enumerate(self._tables, 1)
        ]

    def column_rows(self) -> list[dict[str, Any]]:
        """Rows of ``tap_schema.columns``."""
        return [
            {
                "table_name": self._names[table.full_name],
                "column_name": quoted(column.name, RESERVED),
                "datatype": column.datatype.primitive.value,
                "arraysize": column.datatype.arraysize,
                "xtype": column.datatype.xtype,
                "size": _size(column.datatype),
                "description": column.full_description,
                "utype": column.utype,
                "unit": column.unit,
                "ucd": column.ucd,
                "indexed": int(column.is_indexed),
                "principal": int(column.is_principal),
                "std": int(column.is_std),
                "column_index": index,
                **more_of_column(known.get(column.name)),
            }
            for table, known in self._with_statistics()
            for index, column in enumerate(table.visible_columns, 1)
        ]

    def key_rows(self) -> list[dict[str, Any]]:
        """Rows of ``tap_schema.keys``."""
        return [
            {
                "key_id": _key_id(table, key),
                "from_table": self._names[table.full_name],
                "target_table": self._names[key.target],
                "description": key.description,
                "utype": key.utype,
            }
            for table in self._tables
            for key in table.keys
        ]

    def key_column_rows(self) -> list[dict[str, Any]]:
        """Rows of ``tap_schema.key_columns``."""
        return [
            {
                "key_id": _key_id(table, key),
                "from_column": quoted(here, RESERVED),
                "target_column": quoted(there, RESERVED),
            }
            for table in self._tables
            for key in table.keys
            for here, there in key.columns
        ]

    def flag_rows(self) -> list[dict[str, Any]]:
        """Rows of ``tap_schema.flags``."""
        return [
            {
                "table_name": self._names[table.full_name],
                "column_name": quoted(column.name, RESERVED),
                "value": value,
                "bit": bit,
                "meaning": meaning,
            }
            for table in self._tables
            for column in table.visible_columns
            for value, bit, meaning in _flags(column)
        ]

    def release_rows(self) -> list[dict[str, Any]]:
        """Rows of ``tap_schema.releases``; those of users' tables are swept as soon as there is a newer one."""
        return release_rows(
            self._releases, {one.full_name: self._names[one.full_name] for one in self._tables if one.owner is None}
        )

    def statistics_rows(self) -> list[dict[str, Any]]:
        """Rows of ``tap_schema.statistics``."""
        return [
            {
                "table_name": self._names[table.full_name],
                "column_name": quoted(column.name, RESERVED),
                **statistics_row(known[column.name], self._statistics[table.location or ""]),
            }
            for table, known in self._with_statistics()
            for column in table.visible_columns
            if column.name in known
        ]

    def _with_statistics(self) -> Iterator[tuple[Table, dict[str, ColumnStatistics]]]:
        """Yield each table with the statistics of its columns by their names."""
        for table in self._tables:
            found = self._statistics.get(table.location or "")
            yield table, {} if found is None else {one.name: one for one in found.columns}


_BY_NAME: Final = {table.full_name: table for table in TAP_SCHEMA.tables}

_ROWS: Final[dict[str, Callable[[TapSchemaRows], list[dict[str, Any]]]]] = {
    "schemas": TapSchemaRows.schema_rows,
    "tables": TapSchemaRows.table_rows,
    "columns": TapSchemaRows.column_rows,
    "keys": TapSchemaRows.key_rows,
    "key_columns": TapSchemaRows.key_column_rows,
    "flags": TapSchemaRows.flag_rows,
    "releases": TapSchemaRows.release_rows,
    "statistics": TapSchemaRows.statistics_rows,
}


def published_name(table: Table) -> str:
    """Return the full name of a table as queries write it, each part in quotes where it needs them."""
    return f"{quoted(table.schema, RESERVED)}.{quoted(table.name, RESERVED)}"


def _size(datatype: DataType) -> int | None:
    """Return the integer part of a one-dimensional arraysize (TAP 1.1, section 4.3)."""
    match = _ONE_DIMENSION.fullmatch(datatype.arraysize or "")
    return None if match is None else int(match[1])


def _flags(column: Column) -> Iterator[tuple[int, int | None, str]]:
    """Yield the flags of a column: value, bit and meaning."""
    for code, meaning in column.flag_meanings:
        yield code, None, meaning
    for bit, meaning in column.flag_bits:
        # The last bit of 64 is the sign.
        yield (1 << bit if bit < _SIGN_BIT else -(1 << bit)), bit, meaning


def _key_id(table: Table, key: Key) -> str:
    return f"{table.full_name}.{key.name}"
