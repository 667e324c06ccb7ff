"""What went wrong in a database, told in our words; the database's own words go to the log.

A driver's package only has to say which of the :class:`Fault` kinds an error is (``engine/<name>/faults.py``).
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from enum import Enum
from typing import TYPE_CHECKING, Final, Protocol

from vo_server.errors import (
    ConfigurationError,
    EngineError,
    EvaluationError,
    IngestError,
    QueryMemoryError,
    ReplacedError,
    UnavailableError,
    VoError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Classifier", "Fault", "error_of", "in_load", "translated"]

logger = logging.getLogger(__name__)


class Fault(Enum):
    """Kinds of failures: what is said, and what can be done about it."""

    CANCELLED = ("the database stopped the query", "run it again; if it stops again, ask the operator of the service")
    CONNECTION = ("the connection to the database was lost", "run the query again in a moment")
    UNREACHABLE = ("the database cannot be reached", "try again in a moment")
    ACCESS = ("the database refuses to let the service in", "check the user and the password in the database URL")
    NO_DATABASE = ("the database does not exist", "create it, or check the name in the database URL")
    BAD_URL = (
        "the database URL cannot be used as it is",
        "check its port and its options, such as sslmode; what the driver says of them is in the log",
    )
    CLOSED = ("the service is stopping", "run the query again when it is back")
    BUSY = ("the database has no connection to spare", "try again in a moment")
    PERMISSION = ("the database does not allow this", "check the privileges of the database user")
    READ_ONLY = ("queries cannot change anything", None)
    MISSING_RELATION = (
        "a table of the query was replaced while the query started",
        "run the query again to use the new release",
    )
    CHANGED_RELATION = (
        "a table of the query that is published in place was changed or removed by its owner",
        "tell the publisher, who adopts it again with `vo-server ingest adopt`",
    )
    DIVISION_BY_ZERO = ("division by zero", "write NULLIF(divisor, 0), or leave those rows out with WHERE")
    OUT_OF_RANGE = (
        "a number became too large or too small for its type",
        "use DOUBLE PRECISION, e.g. CAST(x AS DOUBLE PRECISION), or leave those rows out with WHERE",
    )
    BAD_ARGUMENT = (
        "a function was given a value outside its domain, for example the logarithm of a negative number",
        "leave those rows out with WHERE",
    )
    BAD_VALUE = (
        "a text could not be read as the wanted type",
        "check the CASTs of the query; whole numbers have digits only",
    )
    BAD_TEXT = ("a text holds a character that the database cannot store (NUL, or not UTF-8)", None)
    SUBQUERY_ROWS = (
        "a subquery that stands for one value gave more than one row",
        "use IN, or cut the subquery to one row with TOP 1 or an aggregate",
    )
    MEMORY = (
        "the query needs more memory than it may use",
        "make it smaller: fewer columns, a narrower condition, no ORDER BY or DISTINCT over a whole table",
    )
    DISK = (
        "there is no space left on the disk of the database",
        "make the query smaller, or tell the operator of the service",
    )
    TOO_COMPLEX = ("the query is too complex for the database", "split it, or put long lists of values into a table")
    CORRUPT = ("the database found damaged data", "tell the operator of the service")
    ROW_TOO_WIDE = (
        "a row is too wide for PostgreSQL, which keeps the numbers of a row in one page of 8 kB",
        "store doubles as floats where that is exact enough, split the table, or use the embedded engine",
    )
    TOO_MANY_COLUMNS = ("PostgreSQL takes no more than 1600 columns in a table", "split the table")
    BAD_COLUMN = (
        "PostgreSQL cannot have a column of this name: it is equal to another one in its first 63 bytes",
        "rename the column in the schema file",
    )
    TIME_OUT_OF_RANGE = (
        "a time is out of range: PostgreSQL has those from 4713 BC to the year 294276",
        "put what stands for no time into the null_values of the column in the schema file, or use the embedded engine",
    )
    NO_EXTENSION = (
        "the database has no Q3C",
        "install Q3C on the database server (Debian: postgresql-15-q3c), then run CREATE EXTENSION q3c as a superuser",
    )
    OTHER = ("the database could not answer the query", "its own message is in the log of the service")
    LOAD_CONNECTION = ("the connection to the database was lost", "nothing was published; load again in a moment")
    LOAD_CANCELLED = ("the database stopped the load", "nothing was published; load again")
    LOAD_DISK = (
        "there is no space left on the disk of the database",
        "nothing was published; make room there, or tell the operator of the service",
    )
    LOAD_MEMORY = (
        "the load needs more memory than it may use",
        "nothing was published; split the table, or give the database more memory",
    )
    LOAD_OTHER = ("the database could not take the rows", "nothing was published; its own message is in the log")

    def __init__(self, message: str, hint: str | None) -> None:
        self.message = message
        self.hint = hint


_IN_LOADS: Final = {
    Fault.CANCELLED: Fault.LOAD_CANCELLED,
    Fault.CONNECTION: Fault.LOAD_CONNECTION,
    Fault.DISK: Fault.LOAD_DISK,
    Fault.MEMORY: Fault.LOAD_MEMORY,
    Fault.OTHER: Fault.LOAD_OTHER,
}
"""What is told in other words when there is no query."""

_CONFIGURATION: Final = frozenset({Fault.ACCESS, Fault.NO_DATABASE, Fault.BAD_URL, Fault.NO_EXTENSION})
_INGEST: Final = frozenset({Fault.ROW_TOO_WIDE, Fault.TOO_MANY_COLUMNS, Fault.BAD_COLUMN, Fault.TIME_OUT_OF_RANGE})

_EVALUATION: Final = frozenset(
    {
        Fault.DIVISION_BY_ZERO,
        Fault.OUT_OF_RANGE,
        Fault.BAD_ARGUMENT,
        Fault.BAD_VALUE,
        Fault.BAD_TEXT,
        Fault.SUBQUERY_ROWS,
        Fault.TOO_COMPLEX,
    }
)
"""What the query is to blame for, and not the service."""
_CANCELLED: Final = frozenset({Fault.CANCELLED, Fault.LOAD_CANCELLED})
_MEMORY: Final = frozenset({Fault.MEMORY, Fault.LOAD_MEMORY})
_UNAVAILABLE: Final = frozenset(
    {
        Fault.CANCELLED,
        Fault.CONNECTION,
        Fault.UNREACHABLE,
        Fault.BUSY,
        Fault.CLOSED,
        Fault.LOAD_CANCELLED,
        Fault.LOAD_CONNECTION,
    }
)


class Classifier(Protocol):
    """Tells which kind of failure an exception of a driver is."""

    def __call__(self, error: Exception) -> tuple[Fault, str] | None:
        """Return the kind and the SQLSTATE or class of the error; None when it does not come from the driver."""
        ...


def in_load(found: tuple[Fault, str] | None) -> tuple[Fault, str] | None:
    """Return what a classifier has told of an error that a load has met, in the words for a load."""
    return found if found is None else (_IN_LOADS.get(found[0], found[0]), found[1])


@contextmanager
def translated(classify: Classifier, *, doing: str) -> Iterator[None]:
    """Turn errors of a driver into ours.

    Parameters
    ----------
    classify
        Knows the errors of the driver.
    doing
        What is going on, for the log.

    Raises
    ------
    EngineError
        For whatever the driver raises, with ``sqlstate``; EvaluationError where the query is to blame, QueryMemoryError
        where it is too large, UnavailableError for what passes.
    ConfigurationError
        When the database cannot be entered as it is set up.
    IngestError
        When the database cannot hold what is to be loaded.
    """
    try:
        yield
    except VoError:
        raise
    except Exception as error:
        found = classify(error)
        if found is None:
            raise
        fault, state = found
        level = logging.INFO if fault in _CANCELLED else logging.WARNING
        logger.log(level, "%s: %s [%s]: %s", doing, type(error).__name__, state, str(error).strip())
        raise error_of(fault, state) from error


def error_of(fault: Fault, state: str) -> VoError:
    """Return the error that tells a failure to its caller."""
    if fault in _CONFIGURATION:
        return ConfigurationError(fault.message, hint=fault.hint)
    if fault in _INGEST:
        return IngestError(fault.message, hint=fault.hint)
    if fault in _MEMORY:
        return QueryMemoryError(fault.message, sqlstate=state, hint=fault.hint)
    if fault is Fault.MISSING_RELATION:
        return ReplacedError(fault.message, sqlstate=state, hint=fault.hint)
    kind = EvaluationError if fault in _EVALUATION else UnavailableError if fault in _UNAVAILABLE else EngineError
    return kind(fault.message, sqlstate=state, hint=fault.hint)
