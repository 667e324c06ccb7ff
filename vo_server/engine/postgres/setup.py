"""Prepares a database: runs the numbered files of ``sql/postgres``, each of which may run any number of times."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psycopg

from vo_server.engine.faults import Fault, error_of, translated
from vo_server.engine.postgres.faults import postgres_fault
from vo_server.engine.postgres.pool import conninfo
from vo_server.resources import postgres_files

if TYPE_CHECKING:
    from typing import LiteralString

__all__ = ["connect", "has_functions", "has_q3c", "prepare", "q3c_versions"]

_SETUP_LOCK: Final = 0x766F5F656E67696E
"""Key of the advisory lock under which one process at a time prepares a database ("vo_engin")."""

_EXTENSIONS: Final = "000_extensions.sql"
_FUNCTIONS: Final = ("040_functions.sql", "045_shapes.sql")
_CANNOT_EXTEND: Final = frozenset({"0A000", "58P01", "42501"})
"""feature_not_supported and undefined_file: it is not installed on the server; insufficient_privilege."""


def connect(dsn: str) -> psycopg.Connection[tuple[object, ...]]:
    """Open a connection for control statements, which commits each of them.

    Raises
    ------
    EngineError, ConfigurationError
        If the database cannot be reached or entered.
    """
    with translated(postgres_fault, doing="connect"):
        return psycopg.connect(conninfo(dsn, {}), autocommit=True)


def prepare(dsn: str, *, data_schema: str) -> None:
    """Make the extension and the schema that the engine needs, where they are missing.

    Raises
    ------
    ConfigurationError
        If Q3C is not installed on the database server.
    EngineError
        If the user may not do what is needed.
    """
    with connect(dsn) as connection, translated(postgres_fault, doing="prepare the database"):
        connection.execute("SELECT pg_advisory_lock(%s)", (_SETUP_LOCK,))
        connection.execute("SELECT set_config('vo.data_schema', %s, false)", (data_schema,))
        connection.execute("SET client_min_messages = warning")
        for file in sorted(postgres_files().glob("*.sql")):
            if file.name not in _FUNCTIONS:
                _run(connection, file)
        _make_functions(connection)


def _run(connection: psycopg.Connection[tuple[object, ...]], file: Path) -> None:
    statements: LiteralString = file.read_text(encoding="utf-8")
    try:
        connection.execute(statements)
    except psycopg.Error as error:
        if file.name == _EXTENSIONS and error.sqlstate in _CANNOT_EXTEND:
            raise error_of(Fault.NO_EXTENSION, error.sqlstate) from error
        raise


def _make_functions(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Make the functions unless they are there: only their owner may replace them."""
    if not has_functions(connection):
        for name in _FUNCTIONS:
            _run(connection, postgres_files() / name)
        connection.execute(f"COMMENT ON SCHEMA vo_functions IS '{_functions_stamp()}'".encode())


def has_q3c(connection: psycopg.Connection[tuple[object, ...]]) -> bool:
    """Tell whether the functions of Q3C can be called by their bare names."""
    found = connection.execute("SELECT to_regproc('q3c_version') IS NOT NULL").fetchone()
    return found == (True,)


def q3c_versions(connection: psycopg.Connection[tuple[object, ...]]) -> tuple[str | None, str | None]:
    """Return which version of Q3C the database has, and which one its server could give it."""
    found = connection.execute(
        "SELECT (SELECT extversion FROM pg_extension WHERE extname = 'q3c'),"
        " (SELECT default_version FROM pg_available_extensions WHERE name = 'q3c')"
    ).fetchone()
    assert found is not None
    installed, available = (None if one is None else str(one) for one in found)
    return installed, available


def has_functions(connection: psycopg.Connection[tuple[object, ...]]) -> bool:
    """Tell whether the functions of the query language are those of this version."""
    found = connection.execute("SELECT obj_description(to_regnamespace('vo_functions'), 'pg_namespace')").fetchone()
    return found == (_functions_stamp(),)


def _functions_stamp() -> str:
    """Return the comment on the schema of the functions, which changes with them."""
    digest = hashlib.sha256()
    for name in _FUNCTIONS:
        digest.update((postgres_files() / name).read_bytes())
    return f"Functions of ADQL, made by vo-server; {digest.hexdigest()[:16]}"
