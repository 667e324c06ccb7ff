"""What tables and schemas may be called in the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, func, select

from vo_server.errors import UsageError
from vo_server.model.released import AT
from vo_server.store.tables import releases, schemas
from vo_server.store.tap_schema import SCHEMA_NAME, UPLOAD_SCHEMA

if TYPE_CHECKING:
    from vo_server.model.table import Table

__all__ = ["check_clashes", "check_names"]

_RESERVED_SCHEMAS: Final = frozenset({SCHEMA_NAME, UPLOAD_SCHEMA})


def check_names(table: Table) -> None:
    """Refuse names that tables of catalogues cannot have.

    Raises
    ------
    UsageError
        If the name of the table or of its schema is one.
    """
    if table.schema.lower() in _RESERVED_SCHEMAS:
        raise UsageError(
            f"the schema name {table.schema} is reserved by the TAP standard", hint="choose another schema name"
        )
    for name in (table.schema, table.name):
        if not name or "." in name or AT in name:
            raise UsageError(
                f"{name!r} cannot be the name of a schema or a table",
                hint=f"a name has at least one character, no dot and no {AT}, which stands before a release",
            )


def check_clashes(connection: Connection, table: Table) -> None:
    """Refuse names that an unquoted name in a query could not tell apart.

    Raises
    ------
    UsageError
        If something is published whose name differs from that of the table or of its schema in case only.
    """
    other_schema = connection.scalar(
        select(schemas.c.name).where(schemas.c.folded_name == table.schema.lower(), schemas.c.name != table.schema)
    )
    other_table = connection.scalar(
        select(func.min(releases.c.full_name)).where(
            releases.c.folded_name == table.full_name.lower(), releases.c.full_name != table.full_name
        )
    )
    other = other_table or other_schema
    if other is not None:
        raise UsageError(
            f"{table.full_name} differs only in case from {other}, which is published",
            hint=f"write {other}, or choose a name that differs in more than case",
        )
