"""The last step of a load: check the staged release as a whole, then make it the current one by one catalogue row."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from vo_server import __version__
from vo_server.errors import IngestError, VoError
from vo_server.load.staged import SHOWN, adql_name, ask, from_clause
from vo_server.model.release import Release

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from vo_server.engine.base import Engine
    from vo_server.model.check import CheckResult
    from vo_server.model.release import SourceFile
    from vo_server.model.table import Column, Schema, Table
    from vo_server.store.open import Store
    from vo_server.store.statistics import ReleaseStatistics

__all__ = [
    "check_primary_key",
    "dropped_unless_published",
    "is_candidate",
    "publish",
    "repeated",
    "with_identifier",
]

logger = logging.getLogger(__name__)


def check_primary_key(engine: Engine, table: Table) -> None:
    """Check that no two rows of a staged release have the same primary key.

    Raises
    ------
    IngestError
        If some have; the message shows a few.
    """
    if not table.primary_key:
        return
    shown = repeated(engine, table, table.primary_key)
    if shown is not None:
        raise IngestError(
            f"check primary_key of {table.full_name}: "
            f"the primary key ({', '.join(table.primary_key)}) repeats: {shown}",
            hint="mend the rows or take the primary key out of the description",
        )


def repeated(engine: Engine, table: Table, columns: Sequence[str]) -> str | None:
    """Return a few of the values that several rows of a staged release have in some columns, in words.

    Returns
    -------
    str or None
        None when no two rows have the same values.
    """
    key = ", ".join(adql_name(name) for name in columns)
    grouped = f"{from_clause(table)} GROUP BY {key} HAVING COUNT(*) > 1"
    rows = ask(engine, table, f"SELECT TOP {SHOWN} {key}, COUNT(*) AS n_same {grouped}")
    if not rows:
        return None
    return "; ".join(
        ", ".join(f"{name} = {value}" for name, value in zip(columns, row, strict=False)) + f" ({row[-1]} rows)"
        for row in rows
    )


def with_identifier(engine: Engine, table: Table) -> tuple[Table, str | None]:
    """Give the UCD of a main identifier to the column whose name and values say so.

    Only integer columns named ``source_id`` or ``*_id`` without a UCD are looked at, and only if exactly one of them
    has a different value in every row; a table that has a main identifier is left alone.

    Returns
    -------
    table, note
        The table and what was found, for the publisher.
    """
    if not table.n_rows or any(column.ucd and column.ucd.startswith("meta.id") for column in table.columns):
        return table, None
    unique = [column for column in table.visible_columns if is_candidate(column) and _is_unique(engine, table, column)]
    if len(unique) != 1:
        names = ", ".join(column.name for column in unique)
        return table, f"no main identifier was chosen among {names}" if unique else None
    name = unique[0].name
    columns = tuple(
        replace(column, ucd="meta.id;meta.main", is_principal=True) if column.name == name else column
        for column in table.columns
    )
    return replace(table, columns=columns), f"column {name} has a different value in every row: taken as the identifier"


def publish(
    store: Store,
    table: Table,
    *,
    schema: Schema,
    version: str,
    created: datetime,
    sources: tuple[SourceFile, ...],
    checks: tuple[CheckResult, ...] = (),
    within: Callable[[Connection], None] | None = None,
    statistics: ReleaseStatistics | None = None,
) -> Release:
    """Make a staged release the current one, with its statistics; ``within`` is done in the same transaction."""
    release = Release(table, version, created, sources, code_version=__version__, is_current=True, checks=checks)
    store.catalogue.publish(release, schema=replace(schema, tables=()), within=within, statistics=statistics)
    return release


@contextmanager
def dropped_unless_published(engine: Engine, store: Store) -> Iterator[list[str]]:
    """Give a list for the location of a release that is made inside, and drop the release when all ends in a failure.

    A release that the catalogue names is never dropped: what failed may have come after that.
    """
    made: list[str] = []
    try:
        yield made
    except BaseException:
        for location in made:
            _drop_unless_published(engine, store, location)
        raise


def _drop_unless_published(engine: Engine, store: Store, location: str) -> None:
    try:
        if location not in store.catalogue.locations():
            engine.drop(location)
    except VoError:
        logger.warning("%s may be left over; the next load removes it", location, exc_info=True)


def is_candidate(column: Column) -> bool:
    """Tell whether a column may be the identifier by its name and type; its values have the last word."""
    return column.datatype.is_integer and column.ucd is None and column.name.lower().endswith("_id")


def _is_unique(engine: Engine, table: Table, column: Column) -> bool:
    rows = ask(engine, table, f"SELECT COUNT(DISTINCT {adql_name(column.name)}) AS n_different {from_clause(table)}")
    return bool(rows) and rows[0][0] == table.n_rows
