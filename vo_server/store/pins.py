"""Names that mean one release of a table for good: made, found and taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, func, insert, select

from vo_server.errors import MissingError, UsageError
from vo_server.model.released import AT
from vo_server.store.release_rows import require, versions
from vo_server.store.tables import pins, releases, utc_now

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["add_pin", "check_no_pin", "pinned_names", "read_pins", "remove_pin", "remove_pins_of"]


def read_pins(connection: Connection) -> dict[int, tuple[str, ...]]:
    """Return the bare names of pinned releases by the number of the release."""
    rows = connection.execute(
        select(pins.c.release_id, pins.c.full_name, releases.c.schema_name)
        .join(releases, releases.c.id == pins.c.release_id)
        .order_by(pins.c.full_name)
    )
    found: dict[int, tuple[str, ...]] = {}
    for row in rows:
        name = row.full_name.removeprefix(f"{row.schema_name}.")
        found[row.release_id] = (*found.get(row.release_id, ()), name)
    return found


def add_pin(connection: Connection, full_name: str, version: str, name: str) -> str:
    """Give a release a name of its own.

    Parameters
    ----------
    connection
        With the transaction.
    full_name, version
        The release.
    name
        The name, with or without the schema of the table.

    Returns
    -------
    str
        The full name that means the release from now on.

    Raises
    ------
    MissingError
        If there is no such release.
    UsageError
        If the name cannot be one, or is taken.
    """
    known = versions(connection, full_name)
    require(version in known, full_name, version, known)
    release = connection.execute(
        select(releases.c.id, releases.c.schema_name).where(
            releases.c.full_name == full_name, releases.c.version == version
        )
    ).one()
    bare = name.removeprefix(f"{release.schema_name}.")
    own = f"{full_name.removeprefix(f'{release.schema_name}.')}{AT}{version}"
    if not bare or "." in bare.replace(own, "") or (AT in bare and bare != own):
        raise UsageError(
            f"{name!r} cannot be a name of release {version} of {full_name}",
            hint=f"give a name in the schema {release.schema_name}, without {AT} and without a dot",
        )
    wanted = f"{release.schema_name}.{bare}"
    _check_is_free(connection, wanted)
    connection.execute(
        insert(pins).values(full_name=wanted, folded_name=wanted.lower(), release_id=release.id, created=utc_now())
    )
    return wanted


def remove_pin(connection: Connection, name: str) -> tuple[str, str]:
    """Take a name back; return table and version that it meant.

    Raises
    ------
    MissingError
        If no release has this name.
    """
    row = connection.execute(
        select(pins.c.full_name, releases.c.full_name.label("table"), releases.c.version)
        .join(releases, releases.c.id == pins.c.release_id)
        .where(pins.c.folded_name == name.lower())
    ).first()
    if row is None:
        known = connection.scalars(select(pins.c.full_name).order_by(pins.c.full_name)).all()
        hint = f"the names of pinned releases are {', '.join(known)}" if known else "no release is pinned"
        raise MissingError(f"no release is pinned as {name}", hint=hint)
    connection.execute(delete(pins).where(pins.c.full_name == row.full_name))
    return row.table, row.version


def pinned_names(connection: Connection, full_name: str, version: str | None = None) -> dict[str, list[str]]:
    """Return the names of pinned releases of a table, all or one, by version."""
    chosen = releases.c.full_name == full_name
    if version is not None:
        chosen &= releases.c.version == version
    rows = connection.execute(
        select(releases.c.version, pins.c.full_name)
        .join(pins, pins.c.release_id == releases.c.id)
        .where(chosen)
        .order_by(pins.c.full_name)
    )
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row.version, []).append(row.full_name)
    return found


def check_no_pin(connection: Connection, full_name: str) -> None:
    """Refuse to publish a table whose name means a release of another one.

    Raises
    ------
    UsageError
        If a release is pinned by this name in any case.
    """
    taken = connection.scalar(select(func.min(pins.c.full_name)).where(pins.c.folded_name == full_name.lower()))
    if taken is not None:
        raise UsageError(
            f"{taken} is the name of a pinned release",
            hint=f"choose another name, or take that one back: vo-server ingest unpin {taken}",
        )


def remove_pins_of(connection: Connection, release_ids: Sequence[int]) -> None:
    """Take back all names of some releases."""
    connection.execute(delete(pins).where(pins.c.release_id.in_(release_ids)))


def _check_is_free(connection: Connection, full_name: str) -> None:
    taken = connection.scalar(select(func.min(releases.c.full_name)).where(releases.c.folded_name == full_name.lower()))
    if taken is not None:
        raise UsageError(f"there is a table {taken} already", hint="choose another name for the release")
    check_no_pin(connection, full_name)
