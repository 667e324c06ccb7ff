"""What a database tells of a table that other software made, before anybody has described it."""

from __future__ import annotations

from dataclasses import dataclass

from vo_server.model.datatype import DataType

__all__ = ["StoredColumn", "StoredTable"]


@dataclass(frozen=True)
class StoredColumn:
    """A column as the database knows it."""

    name: str
    type_name: str
    """As the database writes it, e.g. ``numeric(8,3)``."""
    base_type: str
    """Its own name of the type, without length and domain; of the elements for an array."""
    datatype: DataType | None
    """What it is published as when nobody says more; None when VOTable has no place for it."""
    description: str | None = None
    is_nullable: bool = True
    is_indexed: bool = False
    """Whether an index finds rows by it: one that begins with it, or pgSphere's for its types."""
    is_readable: bool = True
    """Whether the role of the service may read it."""


@dataclass(frozen=True)
class StoredTable:
    """A table or a view as the database knows it."""

    schema: str
    name: str
    columns: tuple[StoredColumn, ...]
    is_view: bool = False
    description: str | None = None
    primary_key: tuple[str, ...] = ()
    n_rows: int | None = None
    """The database's estimate; None when it has none."""
