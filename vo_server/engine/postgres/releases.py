"""The tables of releases in the database: how they are marked, dropped and swept."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import sql

from vo_server.engine.faults import translated
from vo_server.engine.postgres.faults import postgres_fault
from vo_server.engine.postgres.place import split

if TYPE_CHECKING:
    from collections.abc import Callable

    from vo_server.model.table import Table

__all__ = ["LOCK_CLASS", "AdvisoryLock", "drop_release", "mark", "sweep_releases"]

logger = logging.getLogger(__name__)

LOCK_CLASS: Final = 0x766F6C64
"""First key of the advisory lock that a load holds; the second is ``hashtext(location)`` ("vold")."""

_PATIENCE: Final = "1s"
"""How long a DROP waits for queries: while it waits, new queries of the same table wait behind it."""

_MARK: Final = "vo_server_release"


def mark(table: Table, version: str) -> str:
    """Return the comment that tells a finished release from anything else in the schema."""
    told = {"of": table.full_name, "version": version, "loaded": datetime.now(UTC).isoformat()}
    return json.dumps({_MARK: told})


def drop_release(connection: psycopg.Connection[Any], location: str) -> bool:
    """Drop the table of a release; tell whether it is gone now.

    A table that queries are reading stays, and a later sweep finds it.
    """
    schema, name = split(location)
    with translated(postgres_fault, doing=f"drop {location}"):
        try:
            with connection.transaction():
                connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(_PATIENCE)))
                connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(schema, name)))
        except psycopg.errors.LockNotAvailable:
            logger.info("%s is in use; a later sweep will drop it", location)
            return False
        except psycopg.errors.InvalidSchemaName:
            return True
    return True


def sweep_releases(
    connection: psycopg.Connection[Any], *, data_schema: str, known: Callable[[], frozenset[str]], grace_s: float
) -> list[str]:
    """Drop the releases that the catalogue does not know, sparing young ones and those of loads that still run."""
    gone: list[str] = []
    with translated(postgres_fault, doing="sweep"):
        published = known()
        for name, comment in _marked(connection, data_schema):
            location = f"{data_schema}.{name}"
            if location in published or _age_s(comment) < grace_s:
                continue
            with AdvisoryLock(connection, LOCK_CLASS, location) as is_free:
                # A load lets go of the lock when it has published, which may have been just now.
                if is_free and location not in known() and drop_release(connection, location):
                    gone.append(location)
    return gone


def _marked(connection: psycopg.Connection[Any], data_schema: str) -> list[tuple[str, str]]:
    return connection.execute(
        """
        SELECT c.relname, obj_description(c.oid, 'pg_class')
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = %s AND c.relkind = 'r' AND obj_description(c.oid, 'pg_class') LIKE %s
        ORDER BY c.relname
        """,
        (data_schema, f'{{"{_MARK}":%'),
    ).fetchall()


def _age_s(comment: str) -> float:
    loaded = datetime.fromisoformat(json.loads(comment)[_MARK]["loaded"])
    return (datetime.now(UTC) - loaded).total_seconds()


class AdvisoryLock:
    """The lock of a name, if nobody else has it; True inside the block when it is ours."""

    def __init__(self, connection: psycopg.Connection[Any], lock_class: int, name: str) -> None:
        self._connection = connection
        self._keys = (lock_class, name)

    def __enter__(self) -> bool:
        row = self._connection.execute("SELECT pg_try_advisory_lock(%s, hashtext(%s))", self._keys).fetchone()
        self._is_mine = row == (True,)
        return self._is_mine

    def __exit__(self, *_: object) -> None:
        if self._is_mine:
            self._connection.execute("SELECT pg_advisory_unlock(%s, hashtext(%s))", self._keys)
