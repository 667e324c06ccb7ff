"""Opens the store, makes it where there is none yet, and brings an older one up to date."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import insert, inspect, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import CreateSchema

from vo_server import __version__
from vo_server.errors import CatalogueError, ConfigurationError
from vo_server.store.catalogue import CatalogueStore
from vo_server.store.database import Database, directory_of, first_line, has_file
from vo_server.store.jobs import JobStore
from vo_server.store.statistics import StatisticsStore
from vo_server.store.tables import formats, metadata, stamps
from vo_server.store.upgrade import FORMAT, upgrade
from vo_server.store.user_tables import UserTableStore
from vo_server.store.users import UserStore

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

__all__ = ["Store", "directory_of", "has_store", "open_store"]

_CREATION_LOCK = 0x766F5F73746F7265
"""Key of the PostgreSQL advisory lock that orders processes which make or upgrade a store at once ("vo_store")."""

_HOW_TO_PUBLISH = "publish something first (vo-server ingest load FILE --table schema.name) or name one with --database"

_HOW_TO_UPGRADE = "run vo-server once as the owner of the database, e.g. `vo-server jobs list --database URL`"


@dataclass(frozen=True)
class Store:
    """All that the server keeps besides the rows of tables and the files of results."""

    catalogue: CatalogueStore
    statistics: StatisticsStore
    jobs: JobStore
    users: UserStore
    user_tables: UserTableStore
    database: Database

    def close(self) -> None:
        """Close all connections."""
        self.database.close()


def open_store(database_url: str, *, store_schema: str = "vo_store", create: bool = True) -> Store:
    """Open the store of a database; make it first where there is none, upgrade it where it is older.

    Several processes may open a new or an older store at the same time.

    Parameters
    ----------
    database_url
        ``duckdb:///DIR`` (relative) or ``duckdb:////DIR`` (absolute) for the embedded store in a directory, or
        ``postgresql://...``.
    store_schema
        PostgreSQL schema of the server's own tables.
    create
        False to refuse a database without a store, for those who only look at one.

    Raises
    ------
    ConfigurationError
        If the URL is not understood, the database cannot be reached or written, or there is no store to look at.
    CatalogueError
        If the store was made by a newer version, or by an older one and may not be changed.
    """
    directory = directory_of(database_url)
    if not create and directory is not None and not has_file(directory):
        raise _nothing_in(directory)
    database = Database(database_url, schema=store_schema)
    try:
        if directory is not None and not has_file(directory):
            database.require_writable()
        with database.snapshot() as connection:
            exists = inspect(connection).has_table(formats.name, schema=database.schema)
        if not exists:
            if not create:
                raise _nothing_at(database.place)
            database.require_writable()
            with database.write() as connection:
                _create(connection, database)
        _bring_up_to_date(database)
    except ConfigurationError:
        database.close()
        raise
    except CatalogueError as error:
        database.close()
        if isinstance(error.__cause__, SQLAlchemyError):
            raise _cannot_open(database, error.__cause__) from error
        raise
    database.is_open = True
    statistics = StatisticsStore(database)
    return Store(
        CatalogueStore(database, statistics=statistics),
        statistics,
        JobStore(database),
        UserStore(database),
        UserTableStore(database),
        database,
    )


def _nothing_at(place: str) -> ConfigurationError:
    return ConfigurationError(f"nothing is published in {place}", hint=_HOW_TO_PUBLISH)


def _nothing_in(directory: Path) -> ConfigurationError:
    if directory.is_dir():
        return _nothing_at(str(directory.absolute()))
    return ConfigurationError(f"no data directory at {directory.absolute()}", hint=_HOW_TO_PUBLISH)


def has_store(database_url: str, *, store_schema: str = "vo_store") -> bool:
    """Tell whether a database has a store; none is made.

    Raises
    ------
    ConfigurationError
        If the URL is not understood or the database cannot be reached.
    """
    directory = directory_of(database_url)
    if directory is not None:
        return has_file(directory)
    database = Database(database_url, schema=store_schema)
    try:
        with database.read() as connection:
            return inspect(connection).has_table(formats.name, schema=database.schema)
    except CatalogueError as error:
        raise _cannot_open(database, error.__cause__) from error
    finally:
        database.close()


def _cannot_open(database: Database, cause: BaseException | None) -> ConfigurationError:
    reason = first_line(cause) if isinstance(cause, SQLAlchemyError) else "it does not answer"
    return ConfigurationError(
        f"the catalogue database {database.place} cannot be opened: {reason}",
        hint=_usual_cause(database, reason),
    )


def _usual_cause(database: Database, reason: str) -> str:
    """Return what most often helps against what the driver says."""
    if database.is_postgres:
        name = database.engine.url.database or ""
        if f'database "{name}" does not exist' in reason:
            return f"create it with `createdb {name}`, or name another with --database"
        if "refused" in reason or "No such file or directory" in reason:
            return "is PostgreSQL running there? check its host and port in the database URL"
        if "authentication" in reason or "role " in reason or "password" in reason:
            return "check the user and the password in the database URL"
    return "check that it exists, is reachable and may be written"


def _create(connection: Connection, database: Database) -> None:
    if database.schema is not None:
        _take_turn(connection)
        connection.execute(CreateSchema(database.schema, if_not_exists=True))
    metadata.create_all(connection)
    if connection.scalar(select(formats.c.id)) is None:
        connection.execute(insert(formats).values(id=1, version=FORMAT, created_by=__version__))
        connection.execute(insert(stamps).values(id=1, version=0))


def _take_turn(connection: Connection) -> None:
    """Let no other process make or upgrade the store before the transaction ends; SQLite has one writer anyway."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _CREATION_LOCK})


def _bring_up_to_date(database: Database) -> None:
    with database.read() as connection:
        row = connection.execute(select(formats.c.version, formats.c.created_by).where(formats.c.id == 1)).one_or_none()
    if row is None:
        raise CatalogueError(f"the catalogue database {database.place} is incomplete: it names no format")
    what = f"the catalogue database {database.place} has format {row.version}, made by vo-server {row.created_by}"
    if row.version > FORMAT:
        raise CatalogueError(
            f"{what}; this is vo-server {__version__}, which knows formats up to {FORMAT}",
            hint="upgrade this vo-server",
        )
    if row.version == FORMAT:
        return
    if database.is_read_only:
        raise CatalogueError(
            f"{what}; this is vo-server {__version__}, which needs format {FORMAT} and may not write here",
            hint=_HOW_TO_UPGRADE,
        )
    try:
        with database.write() as connection:
            if database.schema is not None:
                _take_turn(connection)
            upgrade(connection, schema=database.schema)
    except CatalogueError as error:
        if not isinstance(error.__cause__, SQLAlchemyError):
            raise
        reason = first_line(error.__cause__)
        raise CatalogueError(
            f"{what}; it cannot be brought to format {FORMAT}: {reason}", hint=_HOW_TO_UPGRADE
        ) from error
