"""Tables of users beside their releases: owners, readers, time limits and what they take of a quota."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, delete, func, insert, select, update

from vo_server.errors import ConflictError, MissingError, TooLargeError, UsageError
from vo_server.model.user import NOBODY
from vo_server.model.user_table import TableUse, UserTable
from vo_server.store.stamp import raise_stamp
from vo_server.store.tables import releases, user_table_readers, user_tables, users, utc_now

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Row, Select

    from vo_server.store.database import Database

__all__ = ["Quota", "UserTableStore", "check_owner", "disown_tables", "forget_table", "owner_of", "read_user_tables"]


@dataclass(frozen=True)
class Quota:
    """What the tables of one user may take together."""

    max_tables: int
    max_rows: int
    max_bytes: int
    """Volume of the rows as Arrow has them in memory [bytes]."""

    def check(self, use: TableUse) -> None:
        """Raise TooLargeError, naming the limit and the use, if a use goes beyond.

        Parameters
        ----------
        use
            What all tables of the user would take.
        """
        for what, used, limit, name in (
            ("tables", use.n_tables, self.max_tables, "user-tables"),
            ("rows", use.n_rows, self.max_rows, "user-table-rows"),
            ("bytes", use.size_bytes, self.max_bytes, "user-table-bytes"),
        ):
            if used > limit:
                raise TooLargeError(
                    f"your tables would have {used} {what} together; the quota is {limit} {what}",
                    hint="remove tables that you do not need, or ask the operators of the service for more",
                    limit=name,
                )


class UserTableStore:
    """What is kept of the tables of users.

    Parameters
    ----------
    database
        Where the rows are.
    clock
        Gives the time in UTC.
    """

    def __init__(self, database: Database, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._clock = clock

    def find(self, full_name: str) -> UserTable | None:
        """Return a table by its full name in any case; None when no user has it."""
        with self._database.snapshot() as connection:
            found = read_user_tables(connection, user_tables.c.folded_name == full_name.lower())
        return next(iter(found.values()), None)

    def list(self, owner: str | None = None) -> tuple[UserTable, ...]:
        """Return the tables of a user, or of all users, by name."""
        with self._database.snapshot() as connection:
            found = read_user_tables(connection, None if owner is None else user_tables.c.owner == owner)
        return tuple(found[name] for name in sorted(found))

    def use(self, owner: str, *, without: str = "") -> TableUse:
        """Return what the tables of a user take together, leaving one out by its full name."""
        with self._database.read() as connection:
            return _use(connection, owner, without)

    def claim(self, table: UserTable, *, base: str | None, quota: Quota) -> Callable[[Connection], None]:
        """Return what a publication has to do in its transaction, so that the table is its owner's from the start.

        Parameters
        ----------
        table
            As it will be; of one that exists only what its rows decide is taken over.
        base
            Version of the release that the new one was made from; None for a table that must not exist yet.
        quota
            What the owner may have.

        Returns
        -------
        callable
            To be given to :meth:`vo_server.store.catalogue.CatalogueStore.publish`. It raises ConflictError if the
            name is taken or the table was changed meanwhile, MissingError if it was removed, and TooLargeError if the
            quota does not allow it.
        """

        def within(connection: Connection) -> None:
            _check_user(connection, table.owner)
            _check_schema(connection, table)
            current = connection.scalar(
                select(releases.c.version).where(
                    releases.c.folded_name == table.full_name.lower(), releases.c.is_current
                )
            )
            if base is None and current is not None:
                raise ConflictError(
                    f"there is a table {table.full_name} already", hint="remove it first, or choose another name"
                )
            if base is not None and current is None:
                raise MissingError(f"the table {table.full_name} was removed meanwhile")
            if base != current:
                raise ConflictError(f"the table {table.full_name} was changed meanwhile", hint="try again")
            others = _use(connection, table.owner, table.full_name)
            quota.check(
                TableUse(others.n_tables + 1, others.n_rows + table.n_rows, others.size_bytes + table.size_bytes)
            )
            _put(connection, table)

        return within

    def share(self, full_name: str, *, is_public: bool, readers: Collection[str]) -> None:
        """Set who sees a table besides its owner.

        Raises
        ------
        MissingError
            If there is no such table.
        """
        with self._database.write() as connection:
            raise_stamp(connection)
            _update(connection, full_name, is_public=is_public)
            connection.execute(delete(user_table_readers).where(user_table_readers.c.full_name == full_name))
            if readers:
                rows = [{"full_name": full_name, "user_name": name} for name in sorted(readers)]
                connection.execute(insert(user_table_readers), rows)

    def set_expiry(self, full_name: str, expires: datetime) -> None:
        """Set when a table is removed.

        Raises
        ------
        MissingError
            If there is no such table.
        """
        with self._database.write() as connection:
            raise_stamp(connection)
            _update(connection, full_name, expires=expires)

    def expired(self) -> tuple[str, ...]:
        """Return the full names of the tables whose time has come."""
        with self._database.read() as connection:
            return tuple(
                connection.scalars(select(user_tables.c.full_name).where(user_tables.c.expires <= self._clock()))
            )

    def superseded(self, before: datetime) -> tuple[tuple[str, str], ...]:
        """Return full names and versions of those releases of users' tables that others replaced before a time."""
        current = releases.alias()
        query = (
            select(releases.c.full_name, releases.c.version)
            .join(user_tables, user_tables.c.full_name == releases.c.full_name)
            .join(current, (current.c.full_name == releases.c.full_name) & current.c.is_current)
            .where(~releases.c.is_current, current.c.created < before)
        )
        with self._database.read() as connection:
            return tuple((row.full_name, row.version) for row in connection.execute(query))


def read_user_tables(connection: Connection, condition: Any = None) -> dict[str, UserTable]:
    """Return tables of users by full name, all of them without a condition."""
    query: Select[Any] = select(user_tables)
    readers: Select[Any] = select(user_table_readers)
    if condition is not None:
        query = query.where(condition)
        readers = readers.join(user_tables).where(condition)
    rows = connection.execute(query).all()
    if not rows:
        return {}
    by_table: dict[str, set[str]] = {}
    for reader in connection.execute(readers):
        by_table.setdefault(reader.full_name, set()).add(reader.user_name)
    return {row.full_name: _user_table(row, frozenset(by_table.get(row.full_name, ()))) for row in rows}


def owner_of(connection: Connection, full_name: str) -> str | None:
    """Return the user who has a table of this name in any case; None when nobody has."""
    found = connection.scalar(select(user_tables.c.owner).where(user_tables.c.folded_name == full_name.lower()))
    return None if found is None else str(found)


def check_owner(connection: Connection, full_name: str) -> None:
    """Keep the tables of users from those who publish.

    Raises
    ------
    UsageError
        If a user has a table of this name in any case.
    """
    owner = owner_of(connection, full_name)
    if owner is not None:
        raise UsageError(
            f"{full_name} is a table of the user {owner}",
            hint=f"choose another name, or act for the user: vo-server table load --user {owner}",
        )


def forget_table(connection: Connection, full_name: str) -> None:
    """Remove what is kept of a table whose releases go."""
    connection.execute(delete(user_table_readers).where(user_table_readers.c.full_name == full_name))
    connection.execute(delete(user_tables).where(user_tables.c.full_name == full_name))


def disown_tables(connection: Connection, user_name: str, now: datetime) -> None:
    """Take all tables and shares from a user who goes: nobody sees the tables, and the next sweep removes them."""
    raise_stamp(connection)
    connection.execute(delete(user_table_readers).where(user_table_readers.c.user_name == user_name))
    ended = {"owner": NOBODY, "is_public": False, "expires": now}
    theirs = select(user_tables.c.full_name).where(user_tables.c.owner == user_name)
    connection.execute(delete(user_table_readers).where(user_table_readers.c.full_name.in_(theirs)))
    connection.execute(update(user_tables).where(user_tables.c.owner == user_name).values(ended))


def _check_user(connection: Connection, name: str) -> None:
    """Keep a load that a removed user had begun from leaving a table."""
    if connection.scalar(select(users.c.name).where(users.c.name == name)) is None:
        raise MissingError(f"there is no user {name} (any more)")


def _check_schema(connection: Connection, table: UserTable) -> None:
    """Keep users out of a schema of the catalogue."""
    schema = table.full_name.partition(".")[0]
    other = connection.scalar(
        select(func.min(releases.c.full_name)).where(
            func.lower(releases.c.schema_name) == schema.lower(),
            releases.c.full_name.not_in(select(user_tables.c.full_name)),
        )
    )
    if other is not None:
        raise ConflictError(
            f"the schema {schema} is part of the catalogue: it has {other}",
            hint="this is for the operators of the service to mend: they publish in a schema of a user",
        )


def _use(connection: Connection, owner: str, without: str) -> TableUse:
    row = connection.execute(
        select(
            func.count(),
            func.coalesce(func.sum(user_tables.c.n_rows), 0),
            func.coalesce(func.sum(user_tables.c.size_bytes), 0),
        ).where(user_tables.c.owner == owner, user_tables.c.folded_name != without.lower())
    ).one()
    return TableUse(int(row[0]), int(row[1]), int(row[2]))


def _put(connection: Connection, table: UserTable) -> None:
    rows = {
        "n_rows": table.n_rows,
        "size_bytes": table.size_bytes,
        "unique_columns": json.dumps(table.unique),
        "derivation": None if table.derivation is None else json.dumps(table.derivation),
    }
    changed = connection.execute(update(user_tables).where(user_tables.c.full_name == table.full_name).values(rows))
    if changed.rowcount == 0:
        connection.execute(
            insert(user_tables).values(
                full_name=table.full_name,
                folded_name=table.full_name.lower(),
                owner=table.owner,
                created=table.created,
                expires=table.expires,
                is_public=table.is_public,
                **rows,
            )
        )


def _update(connection: Connection, full_name: str, **values: Any) -> None:
    changed = connection.execute(update(user_tables).where(user_tables.c.full_name == full_name).values(values))
    if changed.rowcount == 0:
        raise MissingError(f"there is no table {full_name} of a user")


def _user_table(row: Row[Any], readers: frozenset[str]) -> UserTable:
    derivation = None if row.derivation is None else json.loads(row.derivation)
    return UserTable(
        full_name=row.full_name,
        owner=row.owner,
        created=row.created,
        expires=row.expires,
        n_rows=row.n_rows,
        size_bytes=row.size_bytes,
        is_public=row.is_public,
        readers=readers,
        unique=tuple(json.loads(row.unique_columns)),
        derivation=None if derivation is None else tuple(derivation),
    )
