"""Publish a table or view that other software made in PostgreSQL, in place: nothing is copied, nothing is changed."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from ingest.foreign import described
from vo_server.engine.postgres.inspect import open_inspector
from vo_server.engine.postgres.pgsphere import SPHERE_TYPES
from vo_server.engine.postgres.place import adopted_location, relation_of
from vo_server.engine.postgres.types import read_sql
from vo_server.errors import UsageError
from vo_server.load.naming import name_warnings, positions_words, split_table_name
from vo_server.load.publish import publish
from vo_server.load.release import check_case, new_version
from vo_server.model.table import Position, PositionIndex, delimited

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vo_server.engine.postgres.inspect import Inspector
    from vo_server.engine.stored import StoredTable
    from vo_server.model.release import Release
    from vo_server.model.table import Table
    from vo_server.store.open import Store

__all__ = ["AdoptionSummary", "adopt_table", "check_database", "with_index"]

_HEALPIX: Final = re.compile(r"healpix|hpx", re.IGNORECASE)


@dataclass(frozen=True)
class AdoptionSummary:
    """What an adoption has done."""

    release: Release
    relation: str
    """SQL name of the table or view."""
    warnings: tuple[str, ...]
    positions: str | None = None
    """Which columns were taken as positions, and why; None without positions."""
    indexes: tuple[str, ...] = ()
    """Spatial indexes, in words."""


def adopt_table(
    relation: str,
    *,
    table: str,
    database: str,
    store: Store,
    own_schemas: frozenset[str],
    schema_file: str | Path | None = None,
    description: str | None = None,
    version: str | None = None,
    without: tuple[str, ...] = (),
) -> AdoptionSummary:
    """Publish a table or view of the database as it stands, and make it the current release of its name.

    The database is only read. What is found now is recorded: when columns or indexes change, adopt again.

    Parameters
    ----------
    relation
        ``schema.name`` in the database, as SQL writes it.
    table
        ``schema.table`` that it is published as.
    database
        ``postgresql://...``.
    own_schemas
        Schemas of the database in which this server keeps its own things.
    schema_file
        Felis description; wins over what the database says, but for what only the database can know.
    description
        Description of the table; wins over all others.
    version
        Name of the release; made from the time when None.
    without
        Columns to leave out.

    Raises
    ------
    UsageError
        If the database is not PostgreSQL, or the table cannot be published as it is.
    MissingError
        If there is no such table.
    SchemaFileError
        If the description does not fit the table.
    """
    check_database(database)
    name = split_table_name(table)
    check_case(store, *name)
    version = new_version(store, table, version)
    with open_inspector(database) as inspector:
        where = inspector.relation(relation)
        _refuse_own(where, own_schemas)
        stored = inspector.table(where)
        made = described(
            stored, name, role=inspector.role(), schema_file=schema_file, text=description, without=without
        )
        _check_pgsphere(inspector, made.table)
        final = with_index(inspector, where, made.table)
    location = adopted_location(where, schema=name[0], table=name[1], version=version)
    final = replace(final, release=version, location=location)
    release = publish(store, final, schema=made.schema, version=version, created=datetime.now(UTC), sources=())
    warnings = (*name_warnings(*name), *made.warnings, *_advice(stored, final, made.table.position))
    positions = positions_words(replace(made, table=final))
    return AdoptionSummary(release, relation_of(location), warnings, positions, tuple(_indexes(final)))


def check_database(url: str) -> None:
    """Refuse a database in which there is nothing to adopt.

    Raises
    ------
    UsageError
        If it is not PostgreSQL.
    """
    if not url.startswith(("postgresql://", "postgres://")):
        raise UsageError(
            f"only tables of PostgreSQL can be adopted, and {url} is not one",
            hint="name a PostgreSQL with --database; files are published with `vo-server ingest load`",
        )


def _refuse_own(relation: tuple[str, str], own_schemas: frozenset[str]) -> None:
    schema, name = relation
    if schema in own_schemas:
        raise UsageError(
            f"{schema}.{name} belongs to this server itself",
            hint="releases are published by `vo-server ingest load` and `rollback`; adopt tables of others",
        )
    if schema == "information_schema" or schema.startswith("pg_"):
        raise UsageError(f"{schema}.{name} belongs to PostgreSQL itself", hint="adopt a table of your own")


def _check_pgsphere(inspector: Inspector, table: Table) -> None:
    kinds = sorted({column.stored_as for column in table.columns if column.stored_as in SPHERE_TYPES} - {None})
    if kinds and not inspector.has_pgsphere():
        raise UsageError(
            f"the table has columns of {', '.join(kinds)}, but pgSphere's functions are not found by their bare names",
            hint="add their schema to the search_path of the database: ALTER DATABASE name SET search_path = ...",
        )


def with_index(inspector: Inspector, relation: tuple[str, str], table: Table) -> Table:
    """Record which index serves the positions; where none does, an indexed column of points is the position.

    Parameters
    ----------
    inspector
        Open on the database.
    relation
        The table or view in the database.
    table
        As it is described.
    """
    position = table.position
    if position is None:
        return table
    index = inspector.position_index(relation, table, position)
    points = [one.name for one in table.columns if one.is_indexed and one.stored_as == "spoint"]
    if index is PositionIndex.NONE and len(points) == 1:
        position = Position(epoch_jyear=position.epoch_jyear, point=points[0])
        index = PositionIndex.SPOINT
    return replace(table, position=replace(position, index=index))


def _indexes(table: Table) -> Iterator[str]:
    """Yield the spatial indexes that queries will use, in words."""
    position = table.position
    if position is not None and not position.point and position.index is not PositionIndex.NONE:
        kind = "Q3C" if position.index is PositionIndex.OWN else "pgSphere"
        yield f"{kind} on {position.ra}, {position.dec}"
    for column in table.columns:
        if column.is_indexed and column.stored_as in SPHERE_TYPES:
            yield f"pgSphere on {column.name} ({column.stored_as})"
        elif column.is_indexed and (column.ucd == "pos.healpix" or _HEALPIX.search(column.name)):
            yield f"B-tree on {column.name} (cells, for conditions on this column)"


def _advice(stored: StoredTable, table: Table, named: Position | None) -> Iterator[str]:
    """Yield what the owner of the table could do for its users; ``named`` are the positions by the description."""
    rows = ".".join(delimited(name) for name in (stored.schema, stored.name))
    if stored.is_view:
        rows = "the table behind the view"
    if named is not None and not named.point and not _serves(table, named):
        pair = ", ".join(read_sql(table.by_name[name]) for name in named.columns)
        yield _no_index(", ".join(named.columns), f"{rows} (q3c_ang2ipix({pair}))")
    for column in table.columns:
        if column.stored_as in SPHERE_TYPES and not column.is_indexed:
            yield _no_index(column.name, f"{rows} USING gist ({delimited(column.name)})")
    kinds = {column.name: column.type_name for column in stored.columns}
    cast = [one for one in table.columns if one.stored_as is not None and one.stored_as not in SPHERE_TYPES]
    if cast:
        told = ", ".join(f"{one.name} ({kinds[one.name]}) as {one.datatype.postgres}" for one in cast)
        yield f"read in another type than stored: {told}"
    bypassed = {one.name for one in stored.columns if one.is_indexed} & {one.name for one in cast}
    for one in cast:
        if one.name in bypassed:
            yield (
                f"the index on {one.name} does not serve queries, which read it in another type; create one with: "
                f"CREATE INDEX ON {rows} (({read_sql(one)}))"
            )
    if stored.n_rows is None and not stored.is_view:
        yield f"the number of rows is not known; the database estimates it after: ANALYZE {rows}"


def _serves(table: Table, named: Position) -> bool:
    final = table.position
    return final is not None and final.columns == named.columns and final.index is not PositionIndex.NONE


def _no_index(what: str, on: str) -> str:
    return (
        f"no spatial index on {what}: searches by place read the whole table; create one with: CREATE INDEX ON {on}; "
        "and adopt the table again"
    )
