"""What is published: releases of tables, and the catalogue that queries are translated against."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, insert, select, update

from vo_server.errors import MissingError, UsageError
from vo_server.model.footprints import CellRanges, Footprints
from vo_server.model.identity import ANONYMOUS, Identity
from vo_server.model.release import Release
from vo_server.model.released import ReleaseEntry, Releases
from vo_server.model.table import Catalogue, Schema, Table, followed
from vo_server.sky.footprint import footprint
from vo_server.store.descriptions import Descriptions
from vo_server.store.encode import encode_changes
from vo_server.store.keys import with_sound_keys
from vo_server.store.naming import check_clashes, check_names
from vo_server.store.pins import add_pin, check_no_pin, read_pins, remove_pin
from vo_server.store.release_rows import (
    make_none_current,
    own_number,
    read_entries,
    release_of,
    release_values,
    require,
    versions,
)
from vo_server.store.removal import Removal, remove_old_releases, remove_releases
from vo_server.store.schema_rows import put_schema, schemas_of
from vo_server.store.stamp import STAMP, raise_stamp
from vo_server.store.statistics import ReleaseStatistics, StatisticsStore, keep_statistics, read_covered
from vo_server.store.tables import releases, schemas
from vo_server.store.tap_schema import TAP_SCHEMA
from vo_server.store.tap_schema_rows import TapSchemaRows
from vo_server.store.user_tables import check_owner, read_user_tables
from vo_server.store.views import CatalogueViews

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from vo_server.model.changes import Changes
    from vo_server.model.user_table import UserTable
    from vo_server.store.database import Database

__all__ = ["CatalogueStore"]

_MOST_ROWS_KEPT: Final = 16
"""Catalogues of which the rows of TAP_SCHEMA are kept: that of everybody, and those of users who were here last."""


class CatalogueStore:
    """Releases and the catalogue made of the current ones.

    Every change is one transaction and raises the version stamp; readers see all of it or nothing. A table has
    exactly one current release for as long as it has releases.

    Parameters
    ----------
    database
        Where the rows are.
    statistics
        What is known of the rows of releases, for TAP_SCHEMA.
    """

    def __init__(self, database: Database, *, statistics: StatisticsStore) -> None:
        self._database = database
        self._statistics = statistics
        self._lock = threading.Lock()
        self._views: CatalogueViews | None = None
        self._descriptions = Descriptions(database)
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
        rows = TapSchemaRows(catalogue, statistics=self._statistics.of)
        with self._lock:
            for index, kept in enumerate(self._rows):
                if _are_same(kept.schemas, rows.schemas):
                    self._rows.insert(0, self._rows.pop(index))
                    return kept
            self._rows = [rows, *self._rows[: _MOST_ROWS_KEPT - 1]]
            return rows

    def publish(
        self,
        release: Release,
        *,
        schema: Schema,
        within: Callable[[Connection], None] | None = None,
        statistics: ReleaseStatistics | None = None,
    ) -> None:
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
        statistics
            What was counted of the rows; None when nobody has.

        Raises
        ------
        UsageError
            If a name is reserved or differs only in case from a published one, the release exists already, or the
            table is one of a user.
        """
        table = release.table
        if table.location is None or table.release != release.version or table.schema != schema.name:
            raise ValueError(f"release {release.version!r} of {table.full_name} does not fit its table")
        check_names(table)
        with self._database.write() as connection:
            raise_stamp(connection)
            check_clashes(connection, table)
            check_no_pin(connection, table.full_name)
            if within is None:
                check_owner(connection, table.full_name)
            else:
                within(connection)
            if release.version in versions(connection, table.full_name):
                raise UsageError(
                    f"table {table.full_name} has a release {release.version} already",
                    hint="give the new release another version",
                )
            put_schema(connection, schema)
            make_none_current(connection, table.full_name)
            connection.execute(insert(releases).values(release_values(release) | own_number(connection)))
            keep_statistics(connection, table.location, statistics)

    def releases(self, full_name: str) -> tuple[Release, ...]:
        """Return all releases of a table, newest first; empty for a table that is not published."""
        with self._database.read() as connection:
            rows = connection.execute(
                select(releases).where(releases.c.full_name == full_name).order_by(releases.c.id.desc())
            ).all()
        return tuple(release_of(row) for row in rows)

    def make_current(self, full_name: str, version: str) -> None:
        """Make an older or newer release of a table the current one.

        Raises
        ------
        MissingError
            If there is no such release.
        """
        with self._database.write() as connection:
            raise_stamp(connection)
            require(version in (known := versions(connection, full_name)), full_name, version, known)
            make_none_current(connection, full_name)
            connection.execute(
                update(releases)
                .where(releases.c.full_name == full_name, releases.c.version == version)
                .values(is_current=True)
            )

    def pin(self, full_name: str, version: str, name: str) -> str:
        """Give a release a name of its own, which lists it beside the tables and keeps it from being removed.

        Parameters
        ----------
        full_name, version
            The release.
        name
            The name, in the schema of the table.

        Returns
        -------
        str
            The full name that means this release from now on.

        Raises
        ------
        MissingError
            If there is no such release.
        UsageError
            If the name cannot be one or is taken, or the table is one of a user.
        """
        with self._database.write() as connection:
            raise_stamp(connection)
            check_owner(connection, full_name)
            return add_pin(connection, full_name, version, name)

    def unpin(self, name: str) -> tuple[str, str]:
        """Take the name of a release back; return table and version that it meant.

        Raises
        ------
        MissingError
            If no release has this name.
        """
        with self._database.write() as connection:
            raise_stamp(connection)
            return remove_pin(connection, name)

    def remove(self, full_name: str, version: str | None = None, *, even_pinned: bool = False) -> tuple[str, ...]:
        """Remove one release of a table, or the table with all its releases.

        Parameters
        ----------
        full_name, version
            What goes; all releases without a version.
        even_pinned
            Remove what is pinned, too, with its names.

        Returns
        -------
        tuple of str
            Locations that no catalogue names any more, for the engine to drop.

        Raises
        ------
        MissingError
            If there is no such table or release.
        UsageError
            If the release is the current one and others exist, or is pinned.
        """
        with self._database.write() as connection:
            raise_stamp(connection)
            return remove_releases(connection, full_name, version, even_pinned=even_pinned)

    def remove_old(self, full_name: str, *, n_kept: int) -> Removal:
        """Remove the releases of a table but the newest ones, the current one and those that are pinned.

        Parameters
        ----------
        full_name
            The table.
        n_kept
            How many of the newest releases stay, the current one counted when it is among them.

        Raises
        ------
        MissingError
            If there is no such table.
        """
        with self._database.write() as connection:
            raise_stamp(connection)
            return remove_old_releases(connection, full_name, n_kept=n_kept)

    def note(self, full_name: str, version: str, *, checksum: str | None, changes: Changes | None) -> None:
        """Keep what was found out of a release after its publication; one that was dropped meanwhile is no error."""
        with self._database.write() as connection:
            raise_stamp(connection)
            connection.execute(
                update(releases)
                .where(releases.c.full_name == full_name, releases.c.version == version)
                .values(checksum=checksum, changes=encode_changes(changes))
            )

    def locations(self) -> frozenset[str]:
        """Return the locations of all releases."""
        with self._database.read() as connection:
            return frozenset(connection.scalars(select(releases.c.location)))

    def _read(self) -> CatalogueViews:
        with self._database.snapshot() as connection:
            version = connection.scalar(STAMP)
            schema_rows = connection.execute(select(schemas)).all()
            entries = read_entries(connection, read_pins(connection))
            listed = [one for one in entries if one.is_current or one.aliases]
            described = self._descriptions.read(connection, [one.number for one in listed])
            kept = read_user_tables(connection)
            covered = read_covered(connection)
        tables = [_of_user(described[one.number], kept.get(one.full_name)) for one in listed if one.is_current]
        tables += [described[one.number].pinned(alias) for one in listed for alias in one.aliases]
        found = schemas_of(schema_rows, tables)

        def read(entry: ReleaseEntry) -> Table | None:
            table = self._descriptions.find(entry.number)
            return None if table is None else _of_user(table, kept.get(entry.full_name))

        catalogue = Catalogue(
            (*found, TAP_SCHEMA),
            int(version or 0),
            Releases(entries, read),
            Footprints(self._footprint, covered=covered),
        )
        whole = replace(catalogue, schemas=tuple(with_sound_keys(schema, catalogue) for schema in catalogue.schemas))
        return CatalogueViews(whole, kept)

    def _footprint(self, table: Table) -> CellRanges | None:
        """Return the cells in which a table would have objects; None where its rows were not counted."""
        try:
            return footprint(self._statistics.sky(table))
        except MissingError:
            return None


def _of_user(table: Table, kept: UserTable | None) -> Table:
    """Return a table with whose it is and until when; the description tells it to everybody who reads one."""
    if kept is None:
        return table
    told = f"Table of the user {kept.owner}, kept until {kept.expires:%Y-%m-%d}."
    return replace(table, owner=kept.owner, expires=kept.expires, description=followed(table.description, told))


def _are_same(ours: Sequence[Schema], theirs: Sequence[Schema]) -> bool:
    return len(ours) == len(theirs) and all(one is other for one, other in zip(ours, theirs, strict=True))
