"""TAP_SCHEMA: the catalogue as tables of itself (TAP 1.1, section 4).

Its rows are made by :mod:`vo_server.store.tap_schema_rows`, of the same
:class:`~vo_server.model.table.Catalogue` that ``/tables`` and the FIELDs of every result are made from.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from vo_server.adql.words import RESERVED
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import Column, Key, Schema, Table, quoted
from vo_server.store.release_table import RELEASES
from vo_server.store.tap_statistics import MORE_OF_COLUMNS, MORE_OF_TABLES, STATISTICS

__all__ = ["SCHEMA_NAME", "TAP_SCHEMA", "UPLOAD_SCHEMA", "published_name"]

SCHEMA_NAME: Final = "tap_schema"
UPLOAD_SCHEMA: Final = "tap_upload"
"""Schema of the uploads of one request; never listed."""

_NAME: Final = DataType(Primitive.CHAR, "*")
_WORDS: Final = DataType(Primitive.UNICODE_CHAR, "*")
_INTEGER: Final = DataType(Primitive.INT)
_LONG: Final = DataType(Primitive.LONG)


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


def published_name(table: Table) -> str:
    """Return the full name of a table as queries write it, each part in quotes where it needs them."""
    return f"{quoted(table.schema, RESERVED)}.{quoted(table.name, RESERVED)}"
