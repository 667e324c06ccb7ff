"""Which failure an exception of PostgreSQL's drivers is, by its SQLSTATE."""

from __future__ import annotations

from typing import Final

import adbc_driver_manager
import psycopg
from adbc_driver_manager import AdbcStatusCode

from vo_server.engine.faults import Fault, in_load

__all__ = ["adopted_fault", "is_lost", "load_fault", "postgres_fault"]

_BY_STATE: Final = {
    "57014": Fault.CANCELLED,  # query_canceled, statement_timeout included
    "55P03": Fault.CANCELLED,  # lock_not_available, which a role's lock_timeout makes
    "22012": Fault.DIVISION_BY_ZERO,
    "22003": Fault.OUT_OF_RANGE,
    "22008": Fault.BAD_VALUE,  # datetime_field_overflow: there is no such day
    "22021": Fault.BAD_TEXT,
    "22P05": Fault.BAD_TEXT,
    "2201E": Fault.BAD_ARGUMENT,
    "2201F": Fault.BAD_ARGUMENT,
    "22023": Fault.BAD_ARGUMENT,
    "22P02": Fault.BAD_VALUE,
    "22007": Fault.BAD_VALUE,
    "21000": Fault.SUBQUERY_ROWS,
    "25006": Fault.READ_ONLY,
    "25P03": Fault.CONNECTION,  # idle_in_transaction_session_timeout ends the session
    "25P04": Fault.CONNECTION,  # transaction_timeout, too
    "42P01": Fault.MISSING_RELATION,
    "3F000": Fault.MISSING_RELATION,
    "42501": Fault.PERMISSION,
    "3D000": Fault.NO_DATABASE,
    "53100": Fault.DISK,
    "53200": Fault.MEMORY,
    "53300": Fault.BUSY,
}
_IN_LOADS: Final = {
    "54011": Fault.TOO_MANY_COLUMNS,
    "42701": Fault.BAD_COLUMN,
    "22008": Fault.TIME_OUT_OF_RANGE,
}
"""What means something else when a table is made than when it is read."""
_CHANGED: Final = frozenset({"42P01", "3F000", "42703", "42804", "42809", "42846", "42883"})
"""No such table, schema, column; columns of other types: what our SQL cannot meet unless a table has changed."""
_BY_CLASS: Final = {
    "08": Fault.CONNECTION,
    "22": Fault.BAD_ARGUMENT,  # data exceptions that have no words of their own
    "57": Fault.CONNECTION,  # admin_shutdown, crash_shutdown, cannot_connect_now
    "28": Fault.ACCESS,
    "40": Fault.CANCELLED,  # deadlocks, conflicts with recovery on a standby
    "54": Fault.TOO_COMPLEX,
    "XX": Fault.CORRUPT,
}
_BY_WORDS: Final = (
    # libpq has no SQLSTATE for what happened to the connection itself.
    ("password authentication failed", Fault.ACCESS),
    ("no password supplied", Fault.ACCESS),
    ("no pg_hba.conf entry", Fault.ACCESS),
    ('role "', Fault.ACCESS),
    ("does not exist", Fault.NO_DATABASE),
    ("too many connections", Fault.BUSY),
    ("too many clients", Fault.BUSY),
    ("connection refused", Fault.UNREACHABLE),
    ("could not translate host name", Fault.UNREACHABLE),
    ("failed to resolve host", Fault.UNREACHABLE),
    ("timeout expired", Fault.UNREACHABLE),
    ("no such file or directory", Fault.UNREACHABLE),
    ("canceling statement due to", Fault.CANCELLED),
    ("server closed the connection", Fault.CONNECTION),
    ("connection to server", Fault.UNREACHABLE),
    ("no error details available", Fault.CONNECTION),
    # What goes wrong before anything is sent: an option that is not known, a port that cannot be.
    ("connection is bad", Fault.BAD_URL),
    ("failed to connect", Fault.BAD_URL),
)
_NO_STATE: Final = frozenset({None, "", "\0\0\0\0\0", "00000"})


def postgres_fault(error: Exception) -> tuple[Fault, str] | None:
    """Tell which failure an exception is; None when it does not come from a driver of PostgreSQL."""
    if not isinstance(error, psycopg.Error | adbc_driver_manager.Error | OSError):
        return None
    state = getattr(error, "sqlstate", None)
    if state in _NO_STATE:
        return _without_state(error), type(error).__name__
    assert isinstance(state, str)
    return _BY_STATE.get(state) or _BY_CLASS.get(state[:2], Fault.OTHER), state


def adopted_fault(error: Exception) -> tuple[Fault, str] | None:
    """Tell which failure an exception is that a query of an adopted table has met: others may change such a table."""
    found = postgres_fault(error)
    return found if found is None or found[1] not in _CHANGED else (Fault.CHANGED_RELATION, found[1])


def load_fault(error: Exception) -> tuple[Fault, str] | None:
    """Tell which failure an exception is that a load has met."""
    found = postgres_fault(error)
    if found is None:
        return None
    fault, state = found
    if "row is too big" in str(error):
        return Fault.ROW_TOO_WIDE, state
    return in_load((_IN_LOADS.get(state, fault), state))


def _without_state(error: Exception) -> Fault:
    """Tell the failure from its words; where they say nothing, from where it comes."""
    lowered = str(error).lower()
    otherwise = Fault.CONNECTION if _is_of_connection(error) else Fault.OTHER
    return next((fault for words, fault in _BY_WORDS if words in lowered), otherwise)


def _is_of_connection(error: Exception) -> bool:
    """Tell whether an error without SQLSTATE is about the connection, as all are that the database has not sent.

    The words of libpq for it are many, change, come from the operating system or are missing; left are mistakes in how
    a driver is used, and what it cannot decode.
    """
    if isinstance(error, adbc_driver_manager.Error):
        return error.status_code is AdbcStatusCode.IO
    # A result without SQLSTATE becomes a DatabaseError of no special kind.
    return isinstance(error, psycopg.OperationalError | ConnectionError) or type(error) is psycopg.DatabaseError


def is_lost(error: Exception) -> bool:
    """Tell whether an error means that a connection cannot be used any more."""
    found = postgres_fault(error)
    return found is not None and found[0] in {Fault.CONNECTION, Fault.UNREACHABLE}
