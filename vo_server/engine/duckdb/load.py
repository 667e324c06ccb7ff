"""Writes a release as one DuckDB file: first as the rows come, then sorted, then under its name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Self

import duckdb
import pyarrow as pa

from vo_server.engine.arrow import conform, rows_per_batch, slices
from vo_server.engine.base import LoadReport
from vo_server.engine.duckdb.attach import ROWS
from vo_server.engine.duckdb.faults import duckdb_fault
from vo_server.engine.duckdb.folders import WorkFolder, location_of, path_of, sync_directory, try_lock
from vo_server.engine.faults import translated
from vo_server.engine.feed import BatchFeed
from vo_server.engine.tally import Tally
from vo_server.errors import EngineError, IngestError
from vo_server.model.query import arrow_schema
from vo_server.model.table import HEALPIX_COLUMN

if TYPE_CHECKING:
    from types import TracebackType

    from vo_server.model.table import Table

__all__ = ["DuckdbLoader"]

_MEMORY_BYTES: Final = 384 * 1024**2
"""What a load may use of memory; it spills beyond."""

_ROW_GROUP_BYTES: Final = 64 * 1024**2
_MOST_ROWS: Final = 122_880
"""DuckDB's row group; wide tables get smaller ones, because a row group is written as a whole."""
_VECTOR: Final = 2048


class DuckdbLoader:
    """Loads one release into one file; a :class:`~vo_server.engine.base.Loader`.

    Everything is written in a work folder of this process. :meth:`finish` moves the file to its place, where nobody
    looks before the catalogue names it.

    Parameters
    ----------
    directory
        The data directory.
    table
        What is loaded.
    version
        Of the release.
    threads
        Threads for compression and sorting.

    Raises
    ------
    IngestError
        If the release exists already.
    """

    def __init__(self, directory: Path, table: Table, *, version: str, threads: int) -> None:
        self._directory = directory
        self._table = table
        self._schema = arrow_schema(table.columns)
        self._threads = threads
        self._location = location_of(table.schema, table.name, version)
        self._tally = Tally(self._schema)
        self._is_sorted = HEALPIX_COLUMN in table.by_name
        self._row_group = rows_per_batch(self._schema, target_bytes=_ROW_GROUP_BYTES, multiple=_VECTOR, most=_MOST_ROWS)
        self._work: WorkFolder | None = None
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._feed: BatchFeed | None = None
        self._finished: IO[bytes] | None = None
        self._release = f"release {version} of {table.full_name}"
        if self._target.exists():
            raise IngestError(f"{self._release} exists already")

    def __enter__(self) -> Self:
        try:
            self._begin()
        except BaseException:
            self._abandon()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._abandon()

    def write(self, batch: pa.RecordBatch) -> None:
        """Append a batch with exactly the schema ``arrow_schema(table.columns)``, hidden columns included."""
        assert self._feed is not None
        try:
            batch = conform(batch, self._schema)
        except ValueError as error:
            raise IngestError(f"rows of {self._table.full_name} do not fit its columns: {error}") from error
        with translated(duckdb_fault, doing=f"load {self._location}"):
            for piece in slices(batch, _MOST_ROWS):
                self._feed.put(piece)
        self._tally.add(batch)

    def finish(self) -> LoadReport:
        """Sort, make durable and move to its place; then it may be published."""
        assert self._feed is not None
        assert self._work is not None
        with translated(duckdb_fault, doing=f"load {self._location}"):
            self._feed.finish()
            file = self._sort() if self._is_sorted else self._path("staging")
            self._close_database()
            self._finished = self._publishable(file)
        size_bytes = os.fstat(self._finished.fileno()).st_size
        return LoadReport(self._location, self._tally.n_rows, size_bytes, self._tally.null_counts)

    @property
    def _target(self) -> Path:
        return path_of(self._directory, self._location)

    def _path(self, name: str) -> Path:
        assert self._work is not None
        return self._work.path / f"{name}.duckdb"

    def _begin(self) -> None:
        with translated(duckdb_fault, doing=f"load {self._location}"):
            self._work = WorkFolder(self._directory)
            self._connection = duckdb.connect(
                ":memory:",
                config={
                    "memory_limit": f"{_MEMORY_BYTES}B",
                    "threads": self._threads,
                    "temp_directory": str(self._work.path / "spill"),
                    "autoinstall_known_extensions": False,
                    "autoload_known_extensions": False,
                    "python_enable_replacements": False,
                },
            )
            self._attach("staging")
            self._create()
        self._feed = BatchFeed(self._schema, self._insert, name=f"load {self._table.full_name}")

    def _attach(self, name: str) -> None:
        assert self._connection is not None
        quoted = str(self._path(name)).replace("'", "''")
        self._connection.execute(f"ATTACH '{quoted}' AS {name} (ROW_GROUP_SIZE {self._row_group})")

    def _create(self) -> None:
        assert self._connection is not None
        columns = ", ".join(f"{_quoted(column.name)} {column.datatype.duckdb}" for column in self._table.columns)
        try:
            self._connection.execute(f"CREATE TABLE staging.main.{ROWS} ({columns})")
        except duckdb.CatalogException as error:
            raise IngestError(
                f"the columns of {self._table.full_name} cannot be stored: two have the same name but for the case",
                hint="rename one of them in the schema file",
            ) from error

    def _insert(self, rows: pa.RecordBatchReader) -> None:
        """Copy a stream of batches into the staging file, in its order."""
        assert self._connection is not None
        cursor = self._connection.cursor()
        try:
            cursor.register("incoming", rows)
            cursor.execute(f"INSERT INTO staging.main.{ROWS} SELECT * FROM incoming")
        finally:
            cursor.close()

    def _sort(self) -> Path:
        """Write the rows in the order of their cells to a second file, which thereby has no dead space."""
        assert self._connection is not None
        self._attach("release")
        self._connection.execute(
            f"CREATE TABLE release.main.{ROWS} AS "
            f'SELECT * FROM staging.main.{ROWS} ORDER BY "{HEALPIX_COLUMN}" NULLS LAST'
        )
        return self._path("release")

    def _close_database(self) -> None:
        assert self._connection is not None
        for name in ("staging", "release"):
            if self._path(name).exists():
                self._connection.execute(f"CHECKPOINT {name}")
                self._connection.execute(f"DETACH {name}")
        self._connection.close()
        self._connection = None

    def _publishable(self, file: Path) -> IO[bytes]:
        """Make a file durable under its final name; return it locked, so that no sweep takes it while we live."""
        if file.with_name(f"{file.name}.wal").exists():
            raise EngineError("DuckDB left a log beside the release file; it would be incomplete")
        handle = file.open("rb+")
        try_lock(handle)
        os.utime(handle.fileno())
        os.fsync(handle.fileno())
        target = self._target
        for folder in (target.parent.parent, target.parent):
            folder.mkdir(parents=True, exist_ok=True)
        try:
            os.link(file, target)  # Unlike a rename, this never replaces a release that another load has put there.
        except FileExistsError as error:
            handle.close()
            raise IngestError(f"{self._release} exists already", hint="another load has just made it") from error
        file.unlink()
        for folder in (target.parent, target.parent.parent, target.parent.parent.parent):
            sync_directory(folder)
        return handle

    def _abandon(self) -> None:
        """Close everything and remove what is not in its final place."""
        if self._feed is not None:
            self._feed.abort()
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._work is not None:
            self._work.close()
        if self._finished is not None:
            self._finished.close()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
