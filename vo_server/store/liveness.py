"""Finds connections to PostgreSQL that have broken while nobody used them, mostly without asking the server.

A ping before each use is one more way to the server and back, for statements that are hardly longer. A server that has
ended its side of a connection has said so: there is something to read.
"""

from __future__ import annotations

import select
import time
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Engine, event
from sqlalchemy.exc import InvalidatePoolError

if TYPE_CHECKING:
    from sqlalchemy.pool import ConnectionPoolEntry

__all__ = ["check_connections"]

_TRUSTED_S: Final = 1.0
"""Time for which a connection that was used is not asked again [s]; what lies between may drop it without a word."""

_USED: Final = "last used"


def check_connections(engine: Engine) -> None:
    """Have an engine look at each connection that it takes from its pool, and replace those that are broken."""

    def note_use(_connection: Any, record: ConnectionPoolEntry) -> None:
        record.info[_USED] = time.monotonic()

    def check(connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
        is_recent = time.monotonic() - record.info.get(_USED, float("-inf")) < _TRUSTED_S
        if is_recent and not connection.closed and not _has_news(connection.fileno()):
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error

    event.listen(engine, "connect", note_use)
    event.listen(engine, "checkin", note_use)
    event.listen(engine, "checkout", check)


def _has_news(handle: int) -> bool:
    """Tell whether there is something to read, of which the end is one."""
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(0))
