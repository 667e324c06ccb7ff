"""Releases leave the catalogue: one, a whole table, or all that are old; what is pinned stays unless it is to go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, select

from vo_server.errors import UsageError
from vo_server.store.pins import pinned_names, remove_pins_of
from vo_server.store.release_rows import require, versions
from vo_server.store.tables import releases, schemas
from vo_server.store.user_tables import forget_table

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Removal", "remove_old_releases", "remove_releases"]


@dataclass(frozen=True)
class Removal:
    """What went, and what stayed although it is old."""

    versions: tuple[str, ...]
    locations: tuple[str, ...]
    """Where the rows of these are, for the engine to drop."""
    pinned: tuple[str, ...]
    """Versions of old releases that are pinned."""


def remove_releases(
    connection: Connection, full_name: str, version: str | None, *, even_pinned: bool
) -> tuple[str, ...]:
    """Remove one release of a table, or all; see :meth:`vo_server.store.catalogue.CatalogueStore.remove`."""
    known = versions(connection, full_name)
    require(bool(known) if version is None else version in known, full_name, version, known)
    if version is not None and known[version] and len(known) > 1:
        raise UsageError(
            f"release {version} of {full_name} is the current one",
            hint="make another release current first, or remove the whole table",
        )
    names = pinned_names(connection, full_name, version)
    if names and not even_pinned:
        told = "; ".join(f"release {one} is pinned as {', '.join(these)}" for one, these in names.items())
        raise UsageError(
            f"{full_name}: {told}",
            hint="take the names back with `vo-server ingest unpin`, or remove it nevertheless with --even-pinned",
        )
    return _remove(
        connection,
        full_name,
        list(known) if version is None else [version],
        is_whole=version is None or len(known) == 1,
    )


def remove_old_releases(connection: Connection, full_name: str, *, n_kept: int) -> Removal:
    """Remove all but the newest releases; see :meth:`vo_server.store.catalogue.CatalogueStore.remove_old`."""
    known = versions(connection, full_name)
    require(bool(known), full_name, None, known)
    old = [version for version in list(known)[n_kept:] if not known[version]]
    names = pinned_names(connection, full_name)
    going = [version for version in old if version not in names]
    locations = _remove(connection, full_name, going, is_whole=False)
    return Removal(tuple(going), locations, tuple(version for version in old if version in names))


def _remove(connection: Connection, full_name: str, wanted: Sequence[str], *, is_whole: bool) -> tuple[str, ...]:
    chosen = (releases.c.full_name == full_name) & releases.c.version.in_(wanted)
    rows = connection.execute(select(releases.c.id, releases.c.location).where(chosen)).all()
    remove_pins_of(connection, [row.id for row in rows])
    connection.execute(delete(releases).where(releases.c.id.in_([row.id for row in rows])))
    if is_whole:
        forget_table(connection, full_name)
    connection.execute(delete(schemas).where(schemas.c.name.not_in(select(releases.c.schema_name))))
    return tuple(row.location for row in rows)
