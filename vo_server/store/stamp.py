"""The version stamp of the catalogue: what readers look at, and what orders the writers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import select, update

from vo_server.store.tables import stamps

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["STAMP", "raise_stamp"]

STAMP: Final = select(stamps.c.version).where(stamps.c.id == 1)


def raise_stamp(connection: Connection) -> None:
    """Take the writers' turn: on PostgreSQL the row lock lasts until the transaction ends."""
    connection.execute(update(stamps).where(stamps.c.id == 1).values(version=stamps.c.version + 1))
