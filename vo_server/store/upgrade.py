"""Brings a store that an older version made to the tables of this one, step by step.

A change of :mod:`vo_server.store.tables` that concerns stores which exist already comes with a step here. Steps run in
order, in one transaction together with the new format number: a store is of one format or of the next, never between.
New columns are nullable or have a default, so that an older server beside this one goes on until it is replaced.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, inspect, select, text, update
from sqlalchemy.schema import CreateColumn, CreateIndex

from vo_server import __version__
from vo_server.store.tables import formats, job_results, jobs, metadata, releases

if TYPE_CHECKING:
    from sqlalchemy import Column, Index

__all__ = ["FORMAT", "STEPS", "Upgrade", "upgrade"]

logger = logging.getLogger(__name__)


class Upgrade:
    """What a step may do.

    Parameters
    ----------
    connection
        With a transaction in which nobody else changes the tables.
    schema
        PostgreSQL schema of the tables; None for SQLite.
    """

    def __init__(self, connection: Connection, *, schema: str | None) -> None:
        self.connection = connection
        self._schema = schema

    def add_columns(self, *columns: Column[Any]) -> None:
        """Add columns to tables, as :mod:`vo_server.store.tables` describes them; one that is there stays as it is.

        Raises
        ------
        ValueError
            If a column can have no value in the rows that exist.
        """
        for column in columns:
            if not column.nullable and column.server_default is None:
                raise ValueError(f"column {column} has neither a default nor NULL for the rows that exist")
            present = inspect(self.connection).get_columns(column.table.name, schema=self._schema)
            if column.name in {one["name"] for one in present}:
                continue
            specification = CreateColumn(column).compile(dialect=self.connection.dialect)
            self.connection.execute(text(f"ALTER TABLE {self._place_of(column)} ADD COLUMN {specification}"))

    def add_indexes(self, *indexes: Index) -> None:
        """Add indexes to tables that exist; those of new tables come with them."""
        for index in indexes:
            self.connection.execute(CreateIndex(index, if_not_exists=True))

    def _place_of(self, column: Column[Any]) -> str:
        quote = self.connection.dialect.identifier_preparer.quote
        table = quote(column.table.name)
        return table if self._schema is None else f"{quote(self._schema)}.{table}"


def _tell_more_of_jobs(to: Upgrade) -> None:
    """Keep what a run has done so far, what is expected of it, and why a result is not whole."""
    to.add_columns(jobs.c.n_rows, jobs.c.progress, jobs.c.estimate)
    to.add_columns(
        job_results.c.limit_kind, job_results.c.limit_value, job_results.c.total_rows, job_results.c.overflow_message
    )


def _know_users(to: Upgrade) -> None:
    """Keep users and tokens, which are new tables, who a job counts for, and how much."""
    to.add_columns(jobs.c.client, jobs.c.kept_bytes)
    to.add_indexes(*(index for index in jobs.indexes if index.name in {"jobs_turn_idx", "jobs_usage_idx"}))


def _keep_tables_of_users(_to: Upgrade) -> None:
    """Keep whose a table is and who sees it, which are new tables."""


def _compare_releases(to: Upgrade) -> None:
    """Keep names of pinned releases, which are a new table, and what lists of releases tell of each."""
    to.add_columns(releases.c.n_rows, releases.c.checksum, releases.c.changes)
    rows = to.connection.execute(select(releases.c.id, releases.c.description).where(releases.c.n_rows.is_(None)))
    for row in rows.all():
        n_rows = json.loads(row.description).get("n_rows")
        to.connection.execute(update(releases).where(releases.c.id == row.id).values(n_rows=n_rows))


def _keep_times_of_records(_to: Upgrade) -> None:
    """Keep when records of the registry were made and changed, which is a new table."""


def _keep_statistics(_to: Upgrade) -> None:
    """Keep statistics of releases, which are a new table; releases that are there have none until they are reloaded."""


STEPS: Final[Mapping[int, Callable[[Upgrade], None]]] = {
    2: _tell_more_of_jobs,
    3: _know_users,
    4: _keep_tables_of_users,
    5: _compare_releases,
    6: _keep_times_of_records,
    7: _keep_statistics,
}
"""By the format that it leads to, each step from the one before; new tables are made before the first step."""

FORMAT: Final = max(STEPS)
"""Version of the tables; a server refuses a store that is newer than itself."""


def upgrade(
    connection: Connection,
    *,
    schema: str | None,
    steps: Mapping[int, Callable[[Upgrade], None]] = STEPS,
) -> None:
    """Bring a store to the newest format; one that has it already stays as it is.

    Parameters
    ----------
    connection
        With a transaction in which nobody else changes the tables.
    schema
        PostgreSQL schema of the tables; None for SQLite.
    steps
        The steps; tests have their own.
    """
    found = connection.scalar(select(formats.c.version).where(formats.c.id == 1))
    missing = [step for step in sorted(steps) if found is not None and step > found]
    if not missing:
        return
    metadata.create_all(connection)
    to = Upgrade(connection, schema=schema)
    for step in missing:
        steps[step](to)
    connection.execute(update(formats).where(formats.c.id == 1).values(version=missing[-1], created_by=__version__))
    logger.info("the catalogue database was brought from format %s to format %s", found, missing[-1])
