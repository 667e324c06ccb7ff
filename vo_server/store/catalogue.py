"""What is published: releases of tables, and the catalogue that queries are translated against."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, delete, func, insert, select, update

from vo_server.errors import MissingError, UsageError
from vo_server.model.identity import ANONYMOUS, Identity
from vo_server.model.release import Release
from vo_server.model.table import Catalogue, Key, Schema, Table
from vo_server.store.encode import decode_checks, decode_sources, decode_table, encode_sources, encode_table
from vo_server.store.stamp import STAMP, raise_stamp
from vo_server.store.tables import releases, schemas
from vo_server.store.tap_schema import SCHEMA_NAME, TAP_SCHEMA, UPLOAD_SCHEMA, TapSchemaRows
from vo_server.store.user_tables import forget_table, owner_of, read_user_tables
from vo_server.store.views import CatalogueViews

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from sqlalchemy import Row

    from vo_server.model.user_table import UserTable
    from vo_server.store.database import Database

__all__ = ["CatalogueStore"]

_RESERVED_SCHEMAS = frozenset({SCHEMA_NAME, UPLOAD_SCHEMA})

_MOST_ROWS_KEPT: Final = 16
"""Catalogues of which the rows of TAP_SCHEMA are kept: that of everybody, and those of users who were here last."""


class CatalogueStore:
    """Releases and the catalogue made of the current ones.

    Every change is one transaction and raises the version stamp; readers see all of it or nothing. A table has
    exactly one current release for as long as it has releases.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._views: CatalogueViews | None = None
        self._decoded: dict[int, Table] = {}
        self._rows: list[TapSchemaRows] = []

    def version(self) -> int:
        """Return the version stamp; one quick SELECT."""
        with self._database.read() as connection:
            return int(connection.scalar(STAMP) or 0)

    def load(self, caller: Identity = ANONYMOUS) -> Catalogue:
        """Return what a caller sees now, TAP_SCHEMA included; the same object until something changes.

        Tables of users are in it when the caller may see them.

        Raises
        ------
        CatalogueError
            If the store cannot be read or was written by a newer version.
        """
        return self._current().of(caller)

    def load_all(self) -> Catalogue:
        """Return everything that is published, the tables of all users included: for the operator, never for a caller.

        Raises
        ------
        CatalogueError
            If the store cannot be read or was written by a newer version.
        """
        return self._current().whole

    def _current(self) -> CatalogueViews:
        version = self.version()
        with self._lock:
            if self._views is None or self._views.version < version:
                self._views = self._read()
            return self._views

    def inline(self, catalogue: Catalogue) -> Mapping[str, pa.Table]:
        """Return the rows of the TAP_SCHEMA tables by full name, made when first asked for and kept per catalogue."""
        rows = TapSchemaRows(catalogue)
        with self._lock:
            for index, kept in enumerate(self._rows):
                if _are_same(kept.schemas, rows.schemas):
                    self._rows.insert(0, self._rows.pop(index))
                    return kept
            self._rows = [rows, *self._rows[: _MOST_ROWS_KEPT - 1]]
            return rows

    def publish(self, release: Release, *, schema: Schema, within: Callable[[Connection], None] | None = None) -> None:
        """Make a release the current one of its table; older releases stay.

        Parameters
        ----------
        release
            Its table has ``release`` and ``location`` set.
        schema
            The schema of the table. What it says (title, description, ...) replaces what is stored, what it leaves
            open stays; its tables do not count.
        within
            What is to happen in the same transaction, before anything is written; without it tables of users are left
            alone. Whatever it raises undoes the publication.

        Raises
        ------
        UsageError
            If a name is reserved or differs only in case from a published one, the release exists already, or the
            table is one of a user.
        """
        table = release.table
        if table.location is None or table.release != release.version or table.schema != schema.name:
            raise ValueError(f"release {release.version!r} of {table.full_name} does not fit its table")
        _check_names(table)
        with self._database.write() as connection:
            raise_stamp(connection)
            _check_clashes(connection, table)
            if within is None:
                _check_owner(connection, table)
            else:
                within(connection)
            if release.version in _versions(connection, table.full_name):
                raise UsageError(
                    f"table {table.full_name} has a release {release.version} already",
                    hint="give the new release another version",
                )
            _put_schema(connection, schema)
            _make_none_current(connection, table.full_name)
            connection.execute(insert(releases).values(_release_values(release)))

    def releases(self, full_name: str) -> tuple[Release, ...]:
        """Return all releases of a table, newest first; empty for a table that is not published."""
        with self._database.read() as connection:
            rows = connection.execute(
                select(releases).where(releases.c.full_name == full_name).order_by(releases.c.id.desc())
            ).all()
        return tuple(_release(row) for row in rows)

    def make_current(self, full_name: str, version: str) -> None:
        """Make an older or newer release of a table the current one.

        Raises
        ------
        MissingError
            If there is no such release.
        """
        with self._database.write() as connection:
            raise_stamp(connection)
            _require(version in (known := _versions(connection, full_name)), full_name, version, known)
            _make_none_current(connection, full_name)
            connection.execute(
                update(releases)
                .where(releases.c.full_name == full_name, releases.c.version == version)
                .values(is_current=True)
            )

    def remove(self, full_name: str, version: str | None = None) -> tuple[str, ...]:
        """Remove one release of a table, or the table with all its releases.

        Returns
        -------
        tuple of str
            Locations that no catalogue names any more, for the engine to drop.

        Raises
        ------
        MissingError
            If there is no such table or release.
        UsageError
            If the release is the current one and others exist.
        """
        with self._database.write() as connection:
            raise_stamp(connection)
            known = _versions(connection, full_name)
            _require(bool(known) if version is None else version in known, full_name, version, known)
            if version is not None and known[version] and len(known) > 1:
                raise UsageError(
                    f"release {version} of {full_name} is the current one",
                    hint="make another release current first, or remove the whole table",
                )
            chosen = releases.c.full_name == full_name
            if version is not None:
                chosen &= releases.c.version == version
            locations = connection.scalars(select(releases.c.location).where(chosen)).all()
            connection.execute(delete(releases).where(chosen))
            if len(locations) == len(known):
                forget_table(connection, full_name)
            connection.execute(delete(schemas).where(schemas.c.name.not_in(select(releases.c.schema_name))))
        return tuple(locations)

    def locations(self) -> frozenset[str]:
        """Return the locations of all releases."""
        with self._database.read() as connection:
            return frozenset(connection.scalars(select(releases.c.location)))

    def _read(self) -> CatalogueViews:
        with self._database.snapshot() as connection:
            version = connection.scalar(STAMP)
            schema_rows = connection.execute(select(schemas)).all()
            self._decode(connection)
            kept = read_user_tables(connection)
        tables = [_of_user(table, kept.get(table.full_name)) for table in self._decoded.values()]
        found = [_schema(row, tables) for row in schema_rows]
        found.sort(key=lambda schema: (_order(schema.index), schema.name))
        catalogue = Catalogue((*found, TAP_SCHEMA), int(version or 0))
        whole = replace(catalogue, schemas=tuple(_with_sound_keys(schema, catalogue) for schema in catalogue.schemas))
        return CatalogueViews(whole, kept)

    def _decode(self, connection: Connection) -> None:
        """Read the descriptions of current releases, those that are not known yet: a release never changes."""
        ids = connection.scalars(select(releases.c.id).where(releases.c.is_current)).all()
        known = {one: self._decoded[one] for one in ids if one in self._decoded}
        if len(known) < len(ids):
            described = select(releases.c.id, releases.c.description).where(releases.c.is_current)
            if len(ids) - len(known) < _FEW:
                described = described.where(releases.c.id.in_([one for one in ids if one not in known]))
            known |= {row.id: decode_table(row.description) for row in connection.execute(described)}
        self._decoded = known


_FEW: Final = 500
"""Up to so many descriptions are asked for one by one; of more, all are read."""


def _versions(connection: Connection, full_name: str) -> dict[str, bool]:
    """Return the versions of a table, newest first, each with whether it is current."""
    rows = connection.execute(
        select(releases.c.version, releases.c.is_current)
        .where(releases.c.full_name == full_name)
        .order_by(releases.c.id.desc())
    )
    return {row.version: row.is_current for row in rows}


def _require(is_known: bool, full_name: str, version: str | None, known: Mapping[str, bool]) -> None:
    if is_known:
        return
    if not known:
        raise MissingError(f"no table {full_name} is published")
    raise MissingError(f"table {full_name} has no release {version}", hint=f"its releases are {', '.join(known)}")


def _check_names(table: Table) -> None:
    if table.schema.lower() in _RESERVED_SCHEMAS:
        raise UsageError(
            f"the schema name {table.schema} is reserved by the TAP standard", hint="choose another schema name"
        )
    for name in (table.schema, table.name):
        if not name or "." in name:
            raise UsageError(
                f"{name!r} cannot be the name of a schema or a table",
                hint="a name has at least one character and no dot",
            )


def _check_clashes(connection: Connection, table: Table) -> None:
    """Refuse names that an unquoted name in a query could not tell apart."""
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


def _check_owner(connection: Connection, table: Table) -> None:
    """Keep the tables of users from those who publish."""
    owner = owner_of(connection, table.full_name)
    if owner is not None:
        raise UsageError(
            f"{table.full_name} is a table of the user {owner}",
            hint=f"choose another name, or act for the user: vo-server table load --user {owner}",
        )


def _of_user(table: Table, kept: UserTable | None) -> Table:
    """Return a table with whose it is and until when; the description tells it to everybody who reads one."""
    if kept is None:
        return table
    told = f"Table of the user {kept.owner}, kept until {kept.expires:%Y-%m-%d}."
    text = (table.description or "").strip()
    if text and text[-1] not in ".!?":
        text += "."
    return replace(table, owner=kept.owner, expires=kept.expires, description=f"{text} {told}".strip())


def _put_schema(connection: Connection, schema: Schema) -> None:
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


def _make_none_current(connection: Connection, full_name: str) -> None:
    connection.execute(
        update(releases).where(releases.c.full_name == full_name, releases.c.is_current).values(is_current=False)
    )


def _release_values(release: Release) -> dict[str, Any]:
    table = release.table
    return {
        "schema_name": table.schema,
        "full_name": table.full_name,
        "folded_name": table.full_name.lower(),
        "version": release.version,
        "location": table.location,
        "is_current": True,
        "created": release.created,
        "code_version": release.code_version,
        "sources": encode_sources(release.sources, release.checks),
        "description": encode_table(table),
    }


def _release(row: Row[Any]) -> Release:
    return Release(
        table=decode_table(row.description),
        version=row.version,
        created=row.created,
        sources=decode_sources(row.sources),
        code_version=row.code_version,
        is_current=row.is_current,
        checks=decode_checks(row.sources),
    )


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


def _with_sound_keys(schema: Schema, catalogue: Catalogue) -> Schema:
    """Leave out the foreign keys whose target is not published (any more) or not visible."""
    return replace(
        schema,
        tables=tuple(
            replace(table, keys=tuple(key for key in table.keys if _is_sound(key, table, catalogue)))
            for table in schema.tables
        ),
    )


def _is_sound(key: Key, table: Table, catalogue: Catalogue) -> bool:
    target = catalogue.find(key.target)
    if target is None:
        return False
    here = {column.name for column in table.visible_columns}
    there = {column.name for column in target.visible_columns}
    return all(near in here and far in there for near, far in key.columns)


def _are_same(ours: Sequence[Schema], theirs: Sequence[Schema]) -> bool:
    return len(ours) == len(theirs) and all(one is other for one, other in zip(ours, theirs, strict=True))
