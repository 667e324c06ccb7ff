"""Names of tables that are loaded, and what is said about a load in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vo_server.adql.words import RESERVED
from vo_server.errors import UsageError
from vo_server.model.table import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vo_server.formats.read.base import TableReader
    from vo_server.load.description import Description

__all__ = ["late_warnings", "name_warnings", "positions_words", "split_table_name"]

_RESERVED_SCHEMAS: Final = frozenset({"TAP_SCHEMA", "TAP_UPLOAD"})


def positions_words(described: Description) -> str | None:
    """Say which columns are the positions and why: ``ra, dec (inferred from the names)``; None without positions."""
    position, derivation = described.table.position, described.derivation
    if position is None:
        return None
    pair = ", ".join(position.columns)
    if derivation is None:
        return f"{pair} ({described.position_origin})"
    return f"{pair}, computed from {derivation.lon}, {derivation.lat} ({derivation.kind})"


def late_warnings(readers: Sequence[TableReader]) -> list[str]:
    """Return what readers noticed only behind the rows."""
    return [warning for reader in readers for warning in getattr(reader, "warnings", ())]


def split_table_name(table: str) -> tuple[str, str]:
    """Split ``schema.table``.

    Raises
    ------
    UsageError
        If it has not exactly these two parts, or the schema is one of the service's own.
    """
    schema, dot, name = table.partition(".")
    if not dot or not schema.strip() or not name.strip() or "." in name:
        raise UsageError(f"{table!r} is not a table name; expected schema.table, e.g. survey.main")
    if schema.strip().upper() in _RESERVED_SCHEMAS:
        raise UsageError(f"the schema name {schema.strip()} is reserved", hint="choose another schema for the table")
    return schema.strip(), name.strip()


def name_warnings(schema: str, table: str) -> list[str]:
    """Return a warning when a table's name must be quoted in each query."""
    written = f"{quoted(schema, RESERVED)}.{quoted(table, RESERVED)}"
    if written == f"{schema}.{table}":
        return []
    return [f"queries must write the name of this table as {written}; a name of letters, digits and _ needs no quotes"]
