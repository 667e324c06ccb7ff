"""Writes the rows of a release into its DuckDB file."""

from __future__ import annotations

import os
import threading
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Final

import duckdb
import pyarrow as pa

from vo_server.engine.arrow import rows_per_batch
from vo_server.engine.duckdb.attach import ROWS
from vo_server.errors import IngestError
from vo_server.model.query import arrow_schema
from vo_server.model.table import delimited

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from vo_server.model.datatype import DataType
    from vo_server.model.table import Table

__all__ = ["check_columns", "write_release", "writers_of"]

_MEMORY_BYTES: Final = 64 * 1024**2
_COLUMN_BYTES: Final = 320 * 1024
"""One block of each column is written at a time, by each writer."""
_MOST_WRITERS: Final = 4
"""Each has a group of rows and a range of the sort in memory."""
_MOST_BLOCKS: Final = 400
"""Of all writers together, so that two have tables of 200 columns."""
_GROUPS_EACH: Final = 4
"""Groups of rows that there are at least for each writer. The last one of a share is not full, and of fewer of them
DuckDB makes other groups in the end, which it writes once more."""

_ROW_GROUP_BYTES: Final = 32 * 1024**2
_MOST_ROWS: Final = 122_880
"""DuckDB's row group; wide tables get smaller ones, because a row group is written as a whole."""
_VECTOR: Final = 2048

_SYNC_S: Final = 0.2
"""Time between two syncs of the file, so that the last one, for which all wait, has little to do."""

_TARGET: Final = f"release.main.{ROWS}"


def check_columns(table: Table) -> None:
    """Make sure that DuckDB can have a table with these columns.

    Raises
    ------
    IngestError
        If two names differ in case only.
    """
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        try:
            connection.execute(f"CREATE TABLE {ROWS} ({_columns(table)})")
        except duckdb.CatalogException as error:
            raise IngestError(
                f"the columns of {table.full_name} cannot be stored: two have the same name but for the case",
                hint="rename one of them in the schema file",
            ) from error


def writers_of(table: Table, n_rows: int, *, most: int) -> int:
    """Return how many threads write a release.

    Parameters
    ----------
    table
        Description of the rows.
    n_rows
        How many they are.
    most
        How many threads there may be.
    """
    by_width = _MOST_BLOCKS // _n_blocks(table)
    return max(1, min(most, _MOST_WRITERS, by_width, n_rows // (_GROUPS_EACH * _row_group(table))))


def write_release(folder: Path, table: Table, shares: Sequence[pa.RecordBatchReader]) -> tuple[Path, int]:
    """Write the rows of a release, in the order in which they come.

    DuckDB alone compresses ordered rows on one core however many threads it has (with 64 MB; two of them are slower
    than one). So each share is a transaction of its own thread, and they are committed in their order.

    Parameters
    ----------
    folder
        Where the file is made.
    table
        Description of the rows.
    shares
        One after the other they are all rows, with the schema ``arrow_schema(table.columns)``; at least one.

    Returns
    -------
    file, n_rows
        The file, complete and closed, and how many rows are in it.
    """
    file = folder / "release.duckdb"
    place = str(file).replace("'", "''")
    with _instance(folder, table, len(shares)) as connection:
        connection.execute(f"ATTACH '{place}' AS release (ROW_GROUP_SIZE {_row_group(table)})")
        connection.execute(f"CREATE TABLE {_TARGET} ({_columns(table)})")
        _write(connection, table, shares, file)
        ((n_rows,),) = connection.execute(f"SELECT count(*) FROM {_TARGET}").fetchall()
        connection.execute("CHECKPOINT release")
        connection.execute("DETACH release")
    return file, int(n_rows)


def _write(
    connection: duckdb.DuckDBPyConnection, table: Table, shares: Sequence[pa.RecordBatchReader], file: Path
) -> None:
    """Write each share with a thread of its own."""
    stop = threading.Event()
    with ThreadPoolExecutor(len(shares), thread_name_prefix="release") as pool:
        written: list[Future[None]] = []
        try:
            for share in shares:
                rows = pa.RecordBatchReader.from_batches(share.schema, _until(stop, share))
                before = written[-1] if written else None
                written.append(pool.submit(_write_share, connection.cursor(), table, rows, before=before))
            _wait(written, file)
        finally:
            # After an interruption, or the failure of one: the others end with their next batch.
            stop.set()


def _wait(written: Sequence[Future[None]], file: Path) -> None:
    """Wait for all shares, or for the first that fails, and send to the disk meanwhile what there is of the file."""
    with file.open("rb") as opened:
        waiting: set[Future[None]] = set(written)
        while waiting:
            done, waiting = wait(written, timeout=_SYNC_S, return_when=FIRST_EXCEPTION)
            for one in written:
                if one in done:
                    one.result()
            if waiting:
                os.fdatasync(opened.fileno())


def _write_share(
    connection: duckdb.DuckDBPyConnection, table: Table, rows: pa.RecordBatchReader, *, before: Future[None] | None
) -> None:
    values = ", ".join(
        f"CAST({name} AS {column.datatype.duckdb})"
        for column, name in ((one, delimited(one.name)) for one in table.columns)
    )
    with closing(connection) as writer:
        writer.register("incoming", rows)
        writer.execute("BEGIN")
        writer.execute(f"INSERT INTO {_TARGET} SELECT {values} FROM incoming")
        if before is not None:
            before.result()
        writer.execute("COMMIT")


def _until(stop: threading.Event, rows: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in rows:
        if stop.is_set():
            raise InterruptedError("the release is given up")
        yield batch


def _columns(table: Table) -> str:
    return ", ".join(f"{delimited(column.name)} {column.datatype.duckdb}" for column in table.columns)


def _row_group(table: Table) -> int:
    """Return how many rows are compressed together."""
    schema = arrow_schema(table.columns)
    return rows_per_batch(schema, target_bytes=_ROW_GROUP_BYTES, multiple=_VECTOR, most=_MOST_ROWS)


@contextmanager
def _instance(folder: Path, table: Table, n_writers: int) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect(
        ":memory:",
        config={
            "memory_limit": f"{_memory_bytes(table, n_writers)}B",
            # A writer compresses in the thread that it is called from.
            "threads": 1,
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


def _memory_bytes(table: Table, n_writers: int) -> int:
    """Return what DuckDB may use of memory [bytes]; more of it would only keep blocks that nobody reads again."""
    return _MEMORY_BYTES + n_writers * _n_blocks(table) * _COLUMN_BYTES


def _n_blocks(table: Table) -> int:
    """Return how many blocks are written at a time."""
    return max(1, sum(_values_of(column.datatype) for column in table.columns))


def _values_of(datatype: DataType) -> int:
    """Return how many columns a column is as wide as: the elements of an array of fixed length."""
    return int(datatype.arraysize or 1) if datatype.is_array and (datatype.arraysize or "").isdecimal() else 1
