"""The DuckDB instance that answers the queries of a process, and what its statements may do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import duckdb

from vo_server.engine.duckdb.cache import MEMORY_LIMIT
from vo_server.engine.duckdb.faults import duckdb_fault
from vo_server.engine.duckdb.folders import TABLES
from vo_server.engine.duckdb.functions import create_functions
from vo_server.engine.faults import Fault, error_of, translated

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["PROGRESS_SETTINGS", "STREAM_BUFFER", "open_instance", "select_only", "stream"]

PROGRESS_SETTINGS: Final = ("enable_progress_bar", "enable_progress_bar_print")
"""Settings of a cursor with which it knows its progress, and whether it also prints it."""

STREAM_BUFFER: Final = "streaming_buffer_size"
"""Setting of a connection: what a query produces ahead of its reader [bytes]. Its default of 10 MiB per query made 50
stalled readers hold 800 MB, of 16 MB in all in batches. It cannot be set for the whole instance."""

_CLOSED: Final = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,
}
"""No extension comes from the network or the disk, and no Python variable is taken for a table."""


def open_instance(directory: Path, *, memory_bytes: int, threads: int, spill: Path) -> duckdb.DuckDBPyConnection:
    """Open an empty in-memory instance that can attach release files, and nothing else of the world.

    Parameters
    ----------
    directory
        The data directory.
    memory_bytes
        What all queries may use together; beyond it they spill [bytes].
    threads
        Threads that all queries share.
    spill
        Folder for what does not fit in memory; it goes with its owner.
    """
    tables = str((directory / TABLES).resolve()).replace("'", "''")
    with translated(duckdb_fault, doing="open DuckDB"):
        connection = duckdb.connect(
            ":memory:",
            config={
                **_CLOSED,
                "memory_limit": f"{memory_bytes}B",
                "threads": threads,
                "temp_directory": str(spill),
            },
        )
        create_functions(connection)
        connection.execute("SET TimeZone = 'UTC'")
        # ATTACH is file access, too: the folder of the tables has to stay open, see select_only.
        connection.execute(f"SET allowed_directories = ['{tables}']")
        connection.execute("SET enable_external_access = false")
        allowed = ", ".join(f"'{name}'" for name in (STREAM_BUFFER, MEMORY_LIMIT, *PROGRESS_SETTINGS))
        connection.execute(f"SET allowed_configs = [{allowed}]")
        connection.execute("SET lock_configuration = true")
    return connection


def select_only(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Refuse a text that is not one SELECT.

    The releases are attached read-only, the configuration is locked and files are out of reach, but COPY could still
    write into the folder of the tables, and DETACH could take a release from other queries. What begins with SELECT
    and has no semicolon is one SELECT, and need not be parsed twice, which takes 0.3 ms and more.

    Raises
    ------
    EngineError
        If the text has several statements or one that is not a SELECT.
    """
    if sql.startswith("SELECT ") and ";" not in sql:
        return
    with translated(duckdb_fault, doing="query"):
        statements = connection.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise error_of(Fault.READ_ONLY, "not a SELECT")


def stream(connection: duckdb.DuckDBPyConnection, sql: str, batch_rows: int) -> pa.RecordBatchReader:
    """Start a statement and return its rows as they come.

    execute() would hold all rows before the first one is given. A relation is a stream, but binds the statement twice,
    once to know its columns, which are known here: of 7.3 ms of processor time for a cone of 28 columns this saves
    0.9 ms. What a relation calls in the end is not public, therefore the way around.
    """
    submit = getattr(connection, "_submit", None)
    if submit is None:  # DuckDB before 2.0
        return connection.sql(sql).to_arrow_reader(batch_rows)
    return submit(sql, None, "stream", batch_rows).arrow_reader()
