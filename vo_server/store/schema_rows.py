"""Schemas as rows of the store, and as what is published of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, insert, select, update

from vo_server.model.table import Schema
from vo_server.store.tables import schemas

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Row

    from vo_server.model.table import Table

__all__ = ["put_schema", "schemas_of"]


def put_schema(connection: Connection, schema: Schema) -> None:
    """Write a schema: what it says replaces what is stored, what it leaves open stays."""
    stated = {
        "title": schema.title,
        "description": schema.description,
        "utype": schema.utype,
        "position": schema.index,
    }
    stated = {name: value for name, value in stated.items() if value is not None}
    if connection.scalar(select(schemas.c.name).where(schemas.c.name == schema.name)) is None:
        connection.execute(insert(schemas).values(name=schema.name, folded_name=schema.name.lower(), **stated))
    elif stated:
        connection.execute(update(schemas).where(schemas.c.name == schema.name).values(stated))


def schemas_of(rows: Iterable[Row[Any]], tables: Sequence[Table]) -> list[Schema]:
    """Return the schemas of rows with those of the tables that are in them; what has an index comes first, by it."""
    found = [_schema(row, tables) for row in rows]
    return sorted(found, key=lambda schema: (_order(schema.index), schema.name))


def _schema(row: Row[Any], tables: Sequence[Table]) -> Schema:
    own = sorted(
        (table for table in tables if table.schema == row.name), key=lambda table: (_order(table.index), table.name)
    )
    return Schema(
        row.name,
        tables=tuple(own),
        description=row.description,
        utype=row.utype,
        title=row.title,
        index=row.position,
    )


def _order(index: int | None) -> tuple[bool, int]:
    """Sort what has no index behind what has one."""
    return (index is None, index or 0)
