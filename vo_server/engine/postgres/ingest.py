"""What columns are in a table of PostgreSQL, and Arrow batches into one by ADBC's binary COPY."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from vo_server.engine.postgres.names import stored_name
from vo_server.model.table import delimited

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adbc_driver_manager.dbapi import Connection

    from vo_server.model.table import Column

__all__ = ["column_definitions", "copy_in", "storable"]


def column_definitions(columns: Sequence[Column]) -> str:
    """Return the inside of the parentheses of CREATE TABLE.

    Text has the collation ``C``: one order on every machine and on every engine, and an index that serves LIKE.
    """
    return ", ".join(
        f"{delimited(stored_name(column.name))} {column.datatype.postgres}{_collation(column)}" for column in columns
    )


def _collation(column: Column) -> str:
    return ' COLLATE "C"' if pa.types.is_string(column.datatype.arrow) else ""


def storable(schema: pa.Schema) -> pa.Schema:
    """Return the schema that COPY takes for a schema of ours: PostgreSQL has no unsigned byte and names of its own."""
    return pa.schema([pa.field(stored_name(field.name), _storable(field.type)) for field in schema])


def _storable(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_list(kind):
        return pa.list_(_storable(kind.value_type))
    return pa.int16() if pa.types.is_uint8(kind) else kind


def copy_in(connection: Connection, name: str, rows: pa.RecordBatchReader | pa.Table, *, schema: str | None) -> None:
    """Append rows to an existing table; ``schema`` None means a temporary one."""
    with connection.cursor() as cursor:
        if schema is None:
            cursor.adbc_ingest(name, rows, mode="append", temporary=True)
        else:
            cursor.adbc_ingest(name, rows, mode="append", db_schema_name=schema)
