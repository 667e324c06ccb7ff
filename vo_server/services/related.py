"""What belongs to the rows of a table: keys to and from other tables, and links of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vo_server.adql.resolved import BoundColumn
from vo_server.adql.tree import ColumnName, Select
from vo_server.model.datalink import ServiceDescriptor
from vo_server.model.datatype import Primitive
from vo_server.services.addresses import datalink_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vo_server.adql.resolved import OutputColumn, ResolvedQuery
    from vo_server.model.table import Catalogue, Column, Key, Table

__all__ = ["has_related_data", "is_integer", "is_linkable", "keys_to", "services_of"]

_INTEGERS: Final = frozenset({Primitive.UNSIGNED_BYTE, Primitive.SHORT, Primitive.INT, Primitive.LONG})


def is_linkable(table: Table) -> bool:
    """Tell whether a row can be named: by a primary key of whole numbers and texts."""
    return bool(table.primary_key) and all(
        not column.is_hidden and (is_integer(column) or column.datatype.is_string)
        for column in (table.by_name[name] for name in table.primary_key)
    )


def is_integer(column: Column) -> bool:
    """Tell whether a column holds whole numbers, one in each row."""
    return column.datatype.primitive in _INTEGERS and not column.datatype.is_array


def keys_to(table: Table, catalogue: Catalogue) -> Iterator[tuple[Table, Key]]:
    """Yield the foreign keys of other tables that point to a table."""
    yield from catalogue.keys_by_target.get(table.full_name, ())


def has_related_data(table: Table, catalogue: Catalogue) -> bool:
    """Tell whether there is more about a row than the row itself."""
    return is_linkable(table) and bool(
        table.row_links or table.keys or next(keys_to(table, catalogue), None) is not None
    )


def services_of(resolved: ResolvedQuery, catalogue: Catalogue, root_url: str) -> tuple[ServiceDescriptor, ...]:
    """Return the links services that can be called with a column of an answer: one for each key in it.

    The key must be there as it is in the table. Keys of several columns are left out: a service takes one column.

    Parameters
    ----------
    resolved
        The query.
    catalogue
        What its caller sees.
    root_url
        URL of the service.
    """
    body = resolved.tree.body
    outputs = resolved.outputs.get(body) if isinstance(body, Select) else None
    found: dict[str, ServiceDescriptor] = {}
    for output in outputs or ():
        table = _table_with_key(output, resolved)
        if table is not None and has_related_data(table, catalogue):
            service = ServiceDescriptor(
                datalink_url(root_url, table),
                output.column.name,
                description=f"What belongs to a row of {table.full_name}",
            )
            found.setdefault(table.full_name, service)
    return tuple(found.values())


def _table_with_key(output: OutputColumn, resolved: ResolvedQuery) -> Table | None:
    """Return the table whose key an output column is, unchanged."""
    value = output.value
    meaning = resolved.names.get(value) if isinstance(value, ColumnName) else value
    if not isinstance(meaning, BoundColumn) or meaning.source.table is None:
        return None
    table = meaning.source.table
    return table if table.primary_key == (meaning.column.name,) else None
