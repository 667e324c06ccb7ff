"""Writes the rows of a release into its DuckDB file."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import duckdb
import pyarrow as pa

from vo_server.engine.arrow import rows_per_batch
from vo_server.engine.duckdb.attach import ROWS
from vo_server.errors import IngestError
from vo_server.model.table import delimited

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vo_server.model.datatype import DataType
    from vo_server.model.table import Table

__all__ = ["check_columns", "write_release"]

_MEMORY_BYTES: Final = 64 * 1024**2
_COLUMN_BYTES: Final = 320 * 1024
"""One block of each column is written at a time."""

_ROW_GROUP_BYTES: Final = 32 * 1024**2
_MOST_ROWS: Final = 122_880
"""DuckDB's row group; wide tables get smaller ones, because a row group is written as a whole."""
_VECTOR: Final = 2048


def check_columns(table: Table) -> None:
    """Make sure that DuckDB can have a table with these columns.

    Raises
    ------
    IngestError
        If two names differ in case only.
    """
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        columns = ", ".join(f"{delimited(column.name)} {column.datatype.duckdb}" for column in table.columns)
        try:
            connection.execute(f"CREATE TABLE {ROWS} ({columns})")
        except duckdb.CatalogException as error:
            raise IngestError(
                f"the columns of {table.full_name} cannot be stored: two have the same name but for the case",
                hint="rename one of them in the schema file",
            ) from error


def write_release(folder: Path, table: Table, rows: pa.RecordBatchReader, *, threads: int) -> tuple[Path, int]:
    """Write the rows of a release, in the order in which they come.

    Parameters
    ----------
    folder
        Where the file is made.
    table
        Description of the rows.
    rows
        All of them, with the schema ``arrow_schema(table.columns)``.
    threads
        Threads for compression.

    Returns
    -------
    file, n_rows
        The file, complete and closed, and how many rows are in it.
    """
    file = folder / "release.duckdb"
    columns = ", ".join(
        f"CAST({name} AS {column.datatype.duckdb}) AS {name}"
        for column, name in ((one, delimited(one.name)) for one in table.columns)
    )
    with _instance(folder, table, threads) as connection:
        row_group = rows_per_batch(rows.schema, target_bytes=_ROW_GROUP_BYTES, multiple=_VECTOR, most=_MOST_ROWS)
        place = str(file).replace("'", "''")
        connection.execute(f"ATTACH '{place}' AS release (ROW_GROUP_SIZE {row_group})")
        connection.register("incoming", _grouped(rows, row_group))
        connection.execute(f"CREATE TABLE release.main.{ROWS} AS SELECT {columns} FROM incoming")
        ((n_rows,),) = connection.execute(f"SELECT count(*) FROM release.main.{ROWS}").fetchall()
        connection.execute("CHECKPOINT release")
        connection.execute("DETACH release")
    return file, int(n_rows)


def _grouped(rows: pa.RecordBatchReader, n_rows: int) -> pa.RecordBatchReader:
    """Return batches of exactly so many rows; others take DuckDB 1.7 times as long, it joins them again."""
    return pa.RecordBatchReader.from_batches(rows.schema, _groups(rows, n_rows))


def _groups(rows: pa.RecordBatchReader, n_rows: int) -> Iterator[pa.RecordBatch]:
    waiting: list[pa.RecordBatch] = []
    n_wanted = n_rows
    for batch in rows:
        rest = batch
        while rest.num_rows >= n_wanted:
            yield pa.concat_batches([*waiting, rest.slice(0, n_wanted)])
            rest, waiting, n_wanted = rest.slice(n_wanted), [], n_rows
        if rest.num_rows:
            waiting.append(rest)
            n_wanted -= rest.num_rows
    if waiting:
        yield pa.concat_batches(waiting)


@contextmanager
def _instance(folder: Path, table: Table, threads: int) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect(
        ":memory:",
        config={
            "memory_limit": f"{_memory_bytes(table)}B",
            "threads": threads,
            "temp_directory": str(folder / "spill"),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "python_enable_replacements": False,
        },
    )
    try:
        yield connection
    finally:
        connection.close()


def _memory_bytes(table: Table) -> int:
    """Return what DuckDB may use of memory [bytes]; more of it would only keep blocks that nobody reads again."""
    return _MEMORY_BYTES + sum(_values_of(column.datatype) for column in table.columns) * _COLUMN_BYTES


def _values_of(datatype: DataType) -> int:
    """Return how many columns a column is as wide as: the elements of an array of fixed length."""
    return int(datatype.arraysize or 1) if datatype.is_array and (datatype.arraysize or "").isdecimal() else 1
