"""What columns are called in tables of PostgreSQL: as they are published, but for the names of its own columns."""

from __future__ import annotations

from typing import Final

from vo_server.engine.postgres.place import is_adopted

__all__ = ["stored_name"]

_SYSTEM_COLUMNS: Final = frozenset({"cmax", "cmin", "ctid", "tableoid", "xmax", "xmin"})
"""Columns that every table has (PostgreSQL 15, section 5.5): the edges of a box are called like two of them."""


def stored_name(name: str, location: str | None = None) -> str:
    """Return the name that a published column has in the database.

    Parameters
    ----------
    name
        As it is published. No catalogue is known that has colons in its names.
    location
        Of the release; columns of an adopted table, which may be a view, are called as they are.
    """
    if name not in _SYSTEM_COLUMNS or (location is not None and is_adopted(location)):
        return name
    return f"vo:{name}"
