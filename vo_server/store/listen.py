"""Hears from PostgreSQL which jobs other processes have changed."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any, Final

import psycopg
from sqlalchemy import Connection, text

if TYPE_CHECKING:
    from vo_server.store.database import Database
    from vo_server.store.signal import JobSignal

__all__ = ["JobListener", "announce"]

logger = logging.getLogger(__name__)

_LOOK_S: Final = 0.5
"""Time between two looks whether to stop [s]."""

_PAUSE_S: Final = 2.0
"""Pause before a lost connection is made anew [s]; until then changes are found by asking."""

_WORK: Final = "work "
"""What a message about a job that waits for a worker begins with."""

_NOTIFY: Final = text("SELECT pg_notify(:channel, :message)")


def announce(connection: Connection, database: Database, job_id: str, *, is_work: bool) -> None:
    """Tell all other processes of a change when the transaction is committed; without effect on SQLite."""
    if database.schema is not None:
        message = f"{_WORK if is_work else ''}{job_id} {database.token}"
        connection.execute(_NOTIFY, {"channel": _channel(database.schema), "message": message})


class JobListener:
    """A thread with a connection of its own, on which PostgreSQL tells of changes; none is started for SQLite.

    Nothing depends on it: those who wait for changes also ask now and then, only later.

    Parameters
    ----------
    database
        Where the jobs are.
    signal
        Is told of the changes; those that this process made it knows already.
    """

    def __init__(self, database: Database, signal: JobSignal) -> None:
        self._database = database
        self._signal = signal
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="job-listener", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        if self._database.is_postgres:
            self._thread.start()

    def stop(self) -> None:
        """Stop listening; may be called more than once."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._listen()
            except Exception as error:  # noqa: BLE001 - whatever it is, changes are found without the listener, too
                logger.warning("changes of jobs are not heard of now, trying again in %g s: %s", _PAUSE_S, error)
                self._stop.wait(_PAUSE_S)

    def _listen(self) -> None:
        assert self._database.schema is not None
        url = self._database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(url, autocommit=True) as connection:
            channel = psycopg.sql.Identifier(_channel(self._database.schema))
            connection.execute(psycopg.sql.SQL("LISTEN {}").format(channel))
            self._signal.wake()  # whatever was changed before
            while not self._stop.is_set():
                for heard in connection.notifies(timeout=_LOOK_S):
                    self._tell(heard)

    def _tell(self, heard: Any) -> None:
        is_work = heard.payload.startswith(_WORK)
        job_id, _, origin = heard.payload.removeprefix(_WORK).partition(" ")
        if origin != self._database.token:
            self._signal.notify(job_id, is_work=is_work)


def _channel(schema: str) -> str:
    """Return the channel of a store: several may be in one database."""
    return f"jobs_of_{schema}"
