"""A connection to the database of the server's own tables, and the three ways to use it.

The same code serves SQLite (embedded) and PostgreSQL: one SQLAlchemy engine, whose differences are settled here.
"""

from __future__ import annotations

import logging
import os
import secrets
import sqlite3
import threading
import time
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from vo_server.errors import CatalogueError, CatalogueUnavailableError, ConfigurationError
from vo_server.store.liveness import check_connections

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CATALOGUE_FILE", "Database", "directory_of", "first_line", "has_file"]

logger = logging.getLogger(__name__)

CATALOGUE_FILE: Final = "catalogue.sqlite"
"""Name of the catalogue's file in the data directory of the embedded store."""

_BUSY_TIMEOUT_MS: Final = 30_000
"""How long a SQLite writer waits for another one; a publication or a job change takes milliseconds."""

_WRITES: Final = "vo_writes"
_SINGLE: Final = "vo_single"
"""Options of connections: what is going to be done."""

# The timeouts are set before the lock is waited for: PostgreSQL evaluates a list from left to right.
_LOCK: Final = text(
    "SELECT set_config('lock_timeout', '10s', true), set_config('idle_in_transaction_session_timeout', '10s', true), "
    "pg_advisory_xact_lock(hashtextextended(:key, 0))"
)


class Database:
    """The database of the server's own tables.

    Parameters
    ----------
    url
        ``duckdb:///DIR`` or ``duckdb:////DIR`` for the file :data:`CATALOGUE_FILE` in that directory, or
        ``postgresql://...``.
    schema
        PostgreSQL schema of the tables; SQLite has none.

    Raises
    ------
    ConfigurationError
        If the URL has another form, or the directory cannot be made or read.

    Attributes
    ----------
    is_read_only : bool
        Whether the file or its directory cannot be written: reading works, :meth:`write` refuses.
    token : str
        Tells this process from others that use the same database.
    """

    def __init__(self, url: str, *, schema: str) -> None:
        directory = directory_of(url)
        if directory is None:
            engine = create_engine(_postgres_url(url), pool_size=5, max_overflow=15, pool_use_lifo=True)
            check_connections(engine)
            self.schema: str | None = schema
            self.is_read_only = False
            self.place = make_url(url).render_as_string(hide_password=True)
        else:
            _make_directory(directory)
            self.is_read_only = not _is_writable(directory)
            engine = _read_only_engine(directory) if self.is_read_only else _sqlite_engine(directory)
            self.schema = None
            self.place = str(directory / CATALOGUE_FILE)
        self.is_postgres = directory is None
        self.token = secrets.token_hex(4)
        self.engine: Engine = engine.execution_options(schema_translate_map={None: self.schema})
        snapshot = {"isolation_level": "REPEATABLE READ"} if self.is_postgres else {}
        single = {"isolation_level": "AUTOCOMMIT"} if self.is_postgres else {_SINGLE: True}
        self._snapshots = self.engine.execution_options(**snapshot)
        self._reads = self.engine.execution_options(**single)
        self._writes = self.engine.execution_options(**{_WRITES: True})
        self._turn = nullcontext() if self.is_postgres else _Turn()
        self.is_open = False
        """Whether opening has succeeded; until then whoever opens tells what is wrong, and the log need not."""

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection for one quick SELECT."""
        with self._translated(), self._reads.connect() as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Give a connection on which several SELECTs see one state of the database."""
        with self._translated(), self._snapshots.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give a connection with a transaction that is committed at the end, or undone by an exception.

        On SQLite the transaction begins with the write lock, so that it never fails half-way because of another writer;
        those of this process take turns before that.

        Raises
        ------
        CatalogueUnavailableError
            If other writers leave no turn.
        ConfigurationError
            If the database is read-only.
        """
        if self.is_read_only:
            raise ConfigurationError(
                "the database of this service is read-only: it takes no jobs, and nothing can be published in it",
                hint="run the query synchronously, or let the operator make the data directory writable",
            )
        with self._turn, self._translated(), self._writes.begin() as connection:
            yield connection

    def lock(self, connection: Connection, key: str) -> None:
        """Let no other process go on beyond here with the same key before the transaction of a connection ends.

        SQLite has one writer anyway. Who dies or hangs with the lock loses it within seconds.
        """
        if self.is_postgres:
            connection.execute(_LOCK, {"key": f"{self.schema} {key}"})

    def require_writable(self) -> None:
        """Raise ConfigurationError, with the place, if the database is read-only."""
        if self.is_read_only:
            raise ConfigurationError(
                f"{self.place} cannot be written, nor anything beside it",
                hint="check the owner and the permissions of the data directory, or choose another with --database",
            )

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OperationalError as error:
            self._log(error)
            full = getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
            reason = "has no space left on its disk" if full else "cannot be used now"
            raise CatalogueUnavailableError(f"the catalogue database {reason}", hint="try again later") from error
        except SQLAlchemyError as error:
            self._log(error)
            raise CatalogueError("the catalogue database failed") from error

    def _log(self, error: SQLAlchemyError) -> None:
        level = logging.WARNING if self.is_open else logging.DEBUG
        logger.log(level, "catalogue database %s: %s", self.place, first_line(error))


class _Turn:
    """The turn of one writer of a SQLite file among those of this process.

    Writers that wait for a lock of SQLite sleep, longer and longer, however soon it is free. Here the next is woken.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        if not self._lock.acquire(timeout=_BUSY_TIMEOUT_MS / 1000):
            raise CatalogueUnavailableError("the catalogue database cannot be used now", hint="try again later")

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def directory_of(url: str) -> Path | None:
    """Return the data directory that a database URL names, or None for PostgreSQL.

    Raises
    ------
    ConfigurationError
        If the URL has neither of the two forms.
    """
    scheme, separator, rest = url.partition("://")
    if separator and scheme == "duckdb":
        path = rest.removeprefix("/")
        if rest.startswith("/") and path:
            return Path(path)
    elif separator and scheme in {"postgresql", "postgres"}:
        return None
    raise ConfigurationError(
        f"the database URL {url.partition('@')[-1] or url!r} is not understood",
        hint="write duckdb:///DIRECTORY or postgresql://user@host/database",
    )


def _postgres_url(url: str) -> URL:
    try:
        return make_url(url).set(drivername="postgresql+psycopg")
    except ArgumentError as error:
        raise ConfigurationError("the database URL is not a PostgreSQL URL") from error


def _make_directory(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"the data directory {directory} cannot be made: {error.strerror}", hint="choose another with --database"
        ) from error


def _is_writable(directory: Path) -> bool:
    """Tell whether SQLite can write: the file, and the files that it makes beside it."""
    file = directory / CATALOGUE_FILE
    exists = has_file(directory)
    return os.access(directory, os.W_OK | os.X_OK) and (not exists or os.access(file, os.W_OK))


def has_file(directory: Path) -> bool:
    """Tell whether a data directory has a catalogue.

    Raises
    ------
    ConfigurationError
        If the directory cannot be looked into.
    """
    try:
        return (directory / CATALOGUE_FILE).is_file()
    except OSError as error:
        raise ConfigurationError(
            f"the data directory {directory.absolute()} cannot be read: {error.strerror}",
            hint="check its owner and its permissions",
        ) from error


def _read_only_engine(directory: Path) -> Engine:
    """Return an engine that opens the file anew each time: who may write it may do so meanwhile."""
    file = directory.resolve() / CATALOGUE_FILE
    engine = create_engine("sqlite://", creator=lambda: _connect_read_only(file), poolclass=NullPool)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _connect_read_only(file: Path) -> sqlite3.Connection:
    """Open a file that cannot be written.

    With a write-ahead log SQLite needs the index of the log, which only a writer can make. Where there is none, nobody
    writes, and the file is read as one that does not change.
    """
    uri = f"{file.as_uri()}?mode=ro"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None)
    try:
        connection.execute("SELECT 1 FROM sqlite_master").close()
    except sqlite3.OperationalError as error:
        connection.close()
        log = file.with_name(f"{file.name}-wal")
        needs_index = error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}
        if not needs_index or (log.exists() and log.stat().st_size):
            raise
        return sqlite3.connect(f"{uri}&immutable=1", uri=True, isolation_level=None)
    return connection


def _sqlite_engine(directory: Path) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(directory.resolve() / CATALOGUE_FILE)),
        pool_size=5,
        max_overflow=20,
        pool_use_lifo=True,
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun by _begin_sqlite, not by the driver
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}").close()
    connection.execute("PRAGMA foreign_keys = ON").close()
    _use_wal(connection)


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch a new file to the write-ahead log, in which readers and a writer do not wait for each other.

    The switch itself does not heed the busy timeout, so that of several processes that open a new file at once some
    are told that it is locked.
    """
    deadline = time.monotonic() + _BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").close()
        except sqlite3.OperationalError as error:
            is_busy = error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
            if not is_busy or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    if not options.get(_SINGLE, False):  # One statement is a transaction of its own.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get(_WRITES, False) else "BEGIN DEFERRED")


def first_line(error: BaseException) -> str:
    """Return the first line of what the driver said, without the statement that SQLAlchemy adds."""
    cause = getattr(error, "orig", None) or error
    lines = str(cause).strip().splitlines()
    return lines[0] if lines else type(cause).__name__
