"""Releases as rows of the store: written, read, and counted by table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select, update

from vo_server.errors import MissingError
from vo_server.model.release import Release
from vo_server.model.released import ReleaseEntry
from vo_server.store.encode import (
    decode_changes,
    decode_checks,
    decode_sources,
    decode_table,
    encode_changes,
    encode_sources,
    encode_table,
)
from vo_server.store.stamp import STAMP
from vo_server.store.tables import releases

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Row

__all__ = [
    "entry_of",
    "make_none_current",
    "own_number",
    "read_entries",
    "release_of",
    "release_values",
    "require",
    "versions",
]

_LISTED = [column for column in releases.c if column.name not in {"description", "sources", "location", "folded_name"}]
"""What lists of releases need; descriptions may be long."""


def versions(connection: Connection, full_name: str) -> dict[str, bool]:
    """Return the versions of a table, newest first, each with whether it is current."""
    rows = connection.execute(
        select(releases.c.version, releases.c.is_current)
        .where(releases.c.full_name == full_name)
        .order_by(releases.c.id.desc())
    )
    return {row.version: row.is_current for row in rows}


def require(is_known: bool, full_name: str, version: str | None, known: Mapping[str, bool]) -> None:
    """Raise MissingError for a table or a release that is not there."""
    if is_known:
        return
    if not known:
        raise MissingError(f"no table {full_name} is published")
    raise MissingError(f"table {full_name} has no release {version}", hint=f"its releases are {', '.join(known)}")


def make_none_current(connection: Connection, full_name: str) -> None:
    """Take from a table its current release; the caller gives it another one."""
    connection.execute(
        update(releases).where(releases.c.full_name == full_name, releases.c.is_current).values(is_current=False)
    )


def read_entries(connection: Connection, aliases: Mapping[int, Sequence[str]]) -> tuple[ReleaseEntry, ...]:
    """Return all releases, newest first, with the names that are theirs by their numbers."""
    rows = connection.execute(select(*_LISTED).order_by(releases.c.id.desc()))
    return tuple(entry_of(row, tuple(aliases.get(row.id, ()))) for row in rows)


def entry_of(row: Row[Any], aliases: tuple[str, ...] = ()) -> ReleaseEntry:
    """Return the entry of a row in the list of releases."""
    return ReleaseEntry(
        number=row.id,
        schema=row.schema_name,
        table=row.full_name.removeprefix(f"{row.schema_name}."),
        version=row.version,
        created=row.created,
        is_current=row.is_current,
        n_rows=row.n_rows,
        code_version=row.code_version,
        checksum=row.checksum,
        changes=decode_changes(row.changes),
        aliases=aliases,
    )


def release_values(release: Release) -> dict[str, Any]:
    """Return the row of a release that becomes current."""
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
        "n_rows": table.n_rows,
        "checksum": release.checksum,
        "changes": encode_changes(release.changes),
    }


def own_number(connection: Connection) -> dict[str, int]:
    """Return the number of a new release where the database may give one again; the caller has raised the stamp.

    SQLite gives the number of a row that was removed to the next one, when it was the last. What is kept by number,
    here and in other processes, would be taken for that of the new release. The stamp is never the same again, and no
    release has had a higher number, because each has raised it.
    """
    return {"id": int(connection.scalar(STAMP) or 0)} if connection.dialect.name == "sqlite" else {}


def release_of(row: Row[Any]) -> Release:
    """Return the release of a row."""
    return Release(
        table=decode_table(row.description),
        version=row.version,
        created=row.created,
        sources=decode_sources(row.sources),
        code_version=row.code_version,
        is_current=row.is_current,
        checksum=row.checksum,
        changes=decode_changes(row.changes),
        checks=decode_checks(row.sources),
    )
