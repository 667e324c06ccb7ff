"""Connections for queries: read-only, used again and again, of two drivers.

Opening one with ADBC takes 40 ms, a short query on an open one 0.5 ms. A connection that may be in the middle of
something is never used again.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

import adbc_driver_postgresql.dbapi
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from vo_server.engine.faults import translated
from vo_server.engine.postgres.faults import is_lost, postgres_fault
from vo_server.engine.slots import Slots
from vo_server.errors import TooManyError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from adbc_driver_manager.dbapi import Connection

__all__ = ["ADBC", "Driver", "QueryPool", "conninfo", "execute", "open_adbc"]

logger = logging.getLogger(__name__)

_WAIT_S: Final = 10.0
"""How long a query waits for a connection [s]."""

_SESSION: Final = {
    "TimeZone": "UTC",
    "client_encoding": "UTF8",
    "DateStyle": "ISO",
    "extra_float_digits": "1",
    # With these the other way round a backslash would end no text, and `= NULL` would find NULL.
    "standard_conforming_strings": "on",
    "transform_null_equals": "off",
    "statement_timeout": "0",
}
"""What every session needs, whatever the role's defaults are. The time of queries is kept by us: the server's own limit
counts the time of a slow reader as well."""

_QUERY_SESSION: Final = {
    **_SESSION,
    "default_transaction_read_only": "on",
    # Compiling costs more than it saves on the hundred branches of a Q3C condition.
    "jit": "off",
    # A server process that died must not leave its queries running.
    "client_connection_check_interval": "5s",
    "idle_in_transaction_session_timeout": "0",
}


def conninfo(dsn: str, settings: Mapping[str, str]) -> str:
    """Return a connection string with session settings, after those that it has already."""
    given = conninfo_to_dict(dsn)
    mine = " ".join(f"-c {name}={value}" for name, value in settings.items())
    defaults: dict[str, Any] = {"application_name": "vo-server", "connect_timeout": 10}
    return make_conninfo("", **defaults | given | {"options": f"{given.get('options') or ''} {mine}".strip()})


def open_adbc(dsn: str, settings: Mapping[str, str] = _SESSION) -> Connection:
    """Open a connection that takes BEGIN and COMMIT as statements.

    Raises
    ------
    EngineError, ConfigurationError
        If the database cannot be reached or entered.
    """
    with translated(postgres_fault, doing="connect"):
        connection: Connection = adbc_driver_postgresql.dbapi.connect(conninfo(dsn, settings), autocommit=True)
    return connection


def execute(connection: Connection, sql: str) -> None:
    """Execute a statement that has no result."""
    with connection.cursor() as cursor:
        cursor.execute(sql)


class _Closable(Protocol):
    def close(self) -> None: ...


C = TypeVar("C", bound=_Closable)


@dataclass(frozen=True)
class Driver(Generic[C]):
    """A way to speak with the database."""

    open: Callable[[str, Mapping[str, str]], C]
    """Opens a connection with session settings; it takes BEGIN and COMMIT as statements."""
    execute: Callable[[C, str], None]
    """Executes a statement that has no result."""


ADBC: Final = Driver(open_adbc, execute)


class QueryPool:
    """Read-only connections.

    Parameters
    ----------
    dsn
        ``postgresql://...`` or a key=value string.
    size
        Most connections at once, those of all drivers together.
    wait_s
        How long a query waits for one [s].
    """

    def __init__(self, dsn: str, *, size: int, wait_s: float = _WAIT_S) -> None:
        self._dsn = dsn
        self._size = size
        self._wait_s = wait_s
        self._slots = Slots(size)
        self._lock = threading.Lock()
        self._n_used = 0
        self._idle: list[tuple[Driver[Any], Any]] = []
        self._is_closed = False

    def take(self, driver: Driver[C], *, begin: str) -> C:
        """Return a connection on which a transaction has begun.

        Beginning shows whether an idle connection is still alive: after a restart of the database all are dead, and
        the first query to find out drops them.

        Parameters
        ----------
        driver
            Whose connection it is to be.
        begin
            The BEGIN statement.

        Raises
        ------
        TooManyError
            If all connections are in use and stay so.
        EngineError, ConfigurationError
            If the database cannot be reached or entered.
        """
        if not self._slots.take(timeout_s=self._wait_s):
            raise TooManyError(
                f"all {self._size} database connections of the service are in use", hint="try again in a moment"
            )
        with self._lock:
            self._n_used += 1
        try:
            return self._begun(driver, begin)
        except BaseException:
            self._release()
            raise

    def give_back(self, driver: Driver[C], connection: C, *, is_usable: bool) -> None:
        """Take a connection back; with ``is_usable`` its transaction is ended and it is kept."""
        try:
            if not (is_usable and self._keep(driver, connection)):
                _close(connection)
        finally:
            self._release()

    def close(self) -> None:
        """Close the idle connections now and those in use when they come back."""
        with self._lock:
            self._is_closed = True
        self._drop_idle()

    def _begun(self, driver: Driver[C], begin: str) -> C:
        connection = self._idle_one(driver)
        if connection is not None:
            try:
                driver.execute(connection, begin)
            except Exception as error:  # told apart at once; nothing is swallowed
                _close(connection)
                if not is_lost(error):
                    raise
                logger.info("idle database connections are dead, opening new ones")
                self._drop_idle()
            else:
                return connection
        self._make_room()
        connection = driver.open(self._dsn, _QUERY_SESSION)
        try:
            driver.execute(connection, begin)
        except BaseException:
            _close(connection)
            raise
        return connection

    def _idle_one(self, driver: Driver[C]) -> C | None:
        """Return the connection of a driver that was used last of those that nobody uses."""
        with self._lock:
            for index in reversed(range(len(self._idle))):
                if self._idle[index][0] is driver:
                    connection: C = self._idle.pop(index)[1]
                    return connection
        return None

    def _make_room(self) -> None:
        """Close idle connections of the other driver that would be too many together with a new one."""
        with self._lock:
            n_over = max(0, len(self._idle) + self._n_used - self._size)
            over, self._idle = self._idle[:n_over], self._idle[n_over:]
        for _, connection in over:
            _close(connection)

    def _keep(self, driver: Driver[C], connection: C) -> bool:
        try:
            driver.execute(connection, "ROLLBACK")
        except Exception as error:
            if postgres_fault(error) is None:
                raise
            return False
        with self._lock:
            if not self._is_closed:
                self._idle.append((driver, connection))
                return True
        return False

    def _release(self) -> None:
        with self._lock:
            self._n_used -= 1
        self._slots.give_back()

    def _drop_idle(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for _, connection in idle:
            _close(connection)


def _close(connection: _Closable) -> None:
    # What cannot be closed is broken already, and nobody needs it any more.
    with contextlib.suppress(Exception):
        connection.close()
