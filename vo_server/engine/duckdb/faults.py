"""Which failure an exception of DuckDB is."""

from __future__ import annotations

import re
from typing import Final

import duckdb

from vo_server.engine.faults import Fault, in_load

__all__ = ["duckdb_fault", "load_fault"]

_BY_WORDS: Final = (
    ("division by zero", Fault.DIVISION_BY_ZERO),
    ("divide by zero", Fault.DIVISION_BY_ZERO),
    ("more than one row returned by a subquery", Fault.SUBQUERY_ROWS),
    ("no space left", Fault.DISK),
    ("max_temp_directory_size", Fault.DISK),
    ("read-only", Fault.READ_ONLY),
    ("cannot take logarithm", Fault.BAD_ARGUMENT),
    ("cannot take square root", Fault.BAD_ARGUMENT),
    ("is undefined outside", Fault.BAD_ARGUMENT),
    ("undefined for values", Fault.BAD_ARGUMENT),
    ("max_expression_depth", Fault.TOO_COMPLEX),
    ("max expression depth", Fault.TOO_COMPLEX),
    ("invalid unicode", Fault.BAD_TEXT),
    ("out of range for the destination type", Fault.OUT_OF_RANGE),
    ("a text that is cast to a shape has an angle out of range", Fault.OUT_OF_RANGE),
    ("a text that is cast to a shape", Fault.BAD_VALUE),
    ("connection already closed", Fault.CLOSED),
    ("connection has already been closed", Fault.CLOSED),
    ("error during bind of function in deserialization", Fault.OTHER),
    ("not a valid duckdb database", Fault.CORRUPT),
    ("could not read enough bytes", Fault.CORRUPT),
)
"""Words of messages, in lower case; they say more than the class."""

_LONG_NUMBER: Final = re.compile(r"could not convert string '\s*[+-]?[0-9]+\s*' to u?int")
"""What DuckDB says of a text that is a whole number, and one that the type cannot hold."""

_BY_CLASS: Final[tuple[tuple[type[duckdb.Error], Fault], ...]] = (
    (duckdb.InterruptException, Fault.CANCELLED),
    (duckdb.OutOfMemoryException, Fault.MEMORY),
    (duckdb.OutOfRangeException, Fault.OUT_OF_RANGE),
    (duckdb.ConversionException, Fault.BAD_VALUE),
    (duckdb.PermissionException, Fault.PERMISSION),
    (duckdb.SerializationException, Fault.CORRUPT),
    (duckdb.FatalException, Fault.CORRUPT),
    (duckdb.ConnectionException, Fault.CLOSED),
)

_BY_NAME: Final = (
    ("interrupt error", Fault.CANCELLED),
    ("out of memory error", Fault.MEMORY),
    ("out of range error", Fault.OUT_OF_RANGE),
    ("conversion error", Fault.BAD_VALUE),
    ("serialization error", Fault.CORRUPT),
    ("fatal error", Fault.CORRUPT),
)
"""How messages of these classes begin."""


def duckdb_fault(error: Exception) -> tuple[Fault, str] | None:
    """Tell which failure an exception is; None when it does not come from DuckDB."""
    state = type(error).__name__
    if isinstance(error, duckdb.Error):
        text = str(error).lower()
        found = next((fault for words, fault in _BY_WORDS if words in text), None)
        if found is None and _LONG_NUMBER.search(text):
            found = Fault.OUT_OF_RANGE
        if found is None:
            found = next((fault for kind, fault in _BY_CLASS if isinstance(error, kind)), Fault.OTHER)
        return found, state
    if isinstance(error, OSError):
        if error.errno is None:  # What happens behind the first batch comes through Arrow, with its class in words.
            return _streamed(str(error)), state
        return Fault.DISK if error.errno == 28 else Fault.OTHER, state  # noqa: PLR2004 - ENOSPC
    return None


def load_fault(error: Exception) -> tuple[Fault, str] | None:
    """Tell which failure an exception is that a load has met."""
    return in_load(duckdb_fault(error))


def _streamed(text: str) -> Fault:
    lowered = text.lower()
    found = next((fault for words, fault in _BY_WORDS if words in lowered), None)
    return found or next((fault for name, fault in _BY_NAME if lowered.startswith(name)), Fault.OTHER)
