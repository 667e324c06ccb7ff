"""Where the rows of a load are kept until its release is made: a DuckDB file in a work folder, part by part.

Each part is one transaction, with a line in the table of parts. A process that is killed leaves the parts that it has
committed, and the next load with the same key goes on with them.
"""

from __future__ import annotations

import logging
import shutil
import threading
from typing import TYPE_CHECKING, Final

import duckdb
import pyarrow as pa

from vo_server.engine.arrow import rows_per_batch
from vo_server.engine.base import StagedPart
from vo_server.engine.duckdb.attach import ROWS
from vo_server.engine.duckdb.faults import duckdb_fault
from vo_server.engine.duckdb.folders import WorkFolder
from vo_server.engine.part import StreamedPart
from vo_server.errors import IngestError
from vo_server.model.query import arrow_schema

if TYPE_CHECKING:
    from pathlib import Path

    from vo_server.model.datatype import DataType
    from vo_server.model.table import Table

__all__ = ["MOST_ROWS", "DuckdbStaging"]

logger = logging.getLogger(__name__)

_MEGABYTE: Final = 1024**2
_MEMORY_BYTES: Final = 120 * _MEGABYTE
_MEMORY_PER_COLUMN_BYTES: Final = _MEGABYTE // 4
"""What DuckDB may use of memory while files are read, beside what they need; each column has a block in work."""

_SORT_BYTES: Final = 192 * _MEGABYTE
_SORT_PER_COLUMN_BYTES: Final = _MEGABYTE
"""What it may use for the sort, when the files are done with; it spills beyond. Each element of an array counts as a
column. Wide rows need more to be sorted at all (840 bytes fail with 146 MB, 1.3 kB in arrays with 384 MB)."""

_ROW_GROUP_BYTES: Final = 64 * 1024**2
MOST_ROWS: Final = 122_880
"""DuckDB's row group; wide tables get smaller ones, because a row group is written as a whole."""
_VECTOR: Final = 2048

_PART: Final = "_vo_part"
"""Column of the staged rows that says which part they belong to."""

_FILE: Final = "staging"


class DuckdbStaging:
    """The staged rows of one load, and the DuckDB instance that it uses.

    Parameters
    ----------
    directory
        The data directory.
    table
        What is loaded.
    key
        Of a load that can be resumed; None for one that cannot.
    threads
        Threads for compression and sorting.

    Raises
    ------
    IngestError
        If another process works under this key, or the columns cannot be stored.
    """

    def __init__(self, directory: Path, table: Table, *, key: str | None, threads: int) -> None:
        self._table = table
        self._schema = arrow_schema(table.columns)
        self._row_group = rows_per_batch(self._schema, target_bytes=_ROW_GROUP_BYTES, multiple=_VECTOR, most=MOST_ROWS)
        self._is_resumable = key is not None
        self._numbers = threading.Lock()
        self._last = 0
        self._work = WorkFolder(directory, key=key)
        self.connection = self._opened(threads)
        """The instance; ``staging`` is attached."""

    def path(self, name: str) -> Path:
        """Return the place of a file in the work folder."""
        return self._work.path / f"{name}.duckdb"

    def begin(self) -> None:
        """Find what an earlier load has staged, or else make the tables."""
        for leftover in self._work.path.iterdir():
            if leftover.name.startswith(("release", "spill")):
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        if not self._has_parts():
            for leftover in self._work.path.glob(f"{_FILE}.*"):
                leftover.unlink()
            self.attach(_FILE)
            self._create()
        self._last = max((part.number for part in self.staged()), default=0)

    def staged(self) -> tuple[StagedPart, ...]:
        """Return the parts that are staged, in their order."""
        found = self.connection.cursor().execute(f"SELECT number, key, note FROM {_FILE}.main.parts ORDER BY number")
        return tuple(StagedPart(*row) for row in found.fetchall())

    def discard(self, part: StagedPart) -> None:
        """Remove a part."""
        with self.connection.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(f"DELETE FROM {_FILE}.main.{ROWS} WHERE {_PART} = ?", [part.number])
            cursor.execute(f"DELETE FROM {_FILE}.main.parts WHERE number = ?", [part.number])
            cursor.execute("COMMIT")

    def part(self) -> StreamedPart:
        """Begin a part."""
        with self._numbers:
            self._last += 1
            number = self._last
        transaction = _Transaction(self.connection.cursor(), number)
        return StreamedPart(self._table, transaction, stored=self._schema, most_rows=MOST_ROWS, fault=duckdb_fault)

    def rows_sql(self, *, order: str | None) -> str:
        """Return the SELECT of all staged rows; in the order of the parts when no other is given."""
        names = ", ".join(_quoted(column.name) for column in self._table.columns)
        if order is None and self._last > 1:
            order = f"{_PART}, rowid"
        return f"SELECT {names} FROM {_FILE}.main.{ROWS}" + (f" ORDER BY {order}" if order else "")

    def attach(self, name: str) -> None:
        """Attach a file of the work folder under its name, and make it if it is not there."""
        quoted = str(self.path(name)).replace("'", "''")
        self.connection.execute(f"ATTACH '{quoted}' AS {name} (ROW_GROUP_SIZE {self._row_group})")

    def begin_sort(self) -> None:
        """Let the sort have the memory that the files needed."""
        pa.default_memory_pool().release_unused()
        n_values = sum(_values_of(column.datatype) for column in self._table.columns)
        limit_bytes = _SORT_BYTES + n_values * _SORT_PER_COLUMN_BYTES
        self.connection.execute(f"SET memory_limit = '{limit_bytes}B'")

    def detach(self, name: str) -> None:
        """Bring all that was written into a file and let go of it."""
        self.connection.execute(f"CHECKPOINT {name}")
        self.connection.execute(f"DETACH {name}")

    def close(self, *, is_over: bool) -> None:
        """Close the instance; what is staged under a key stays unless the load is over."""
        is_kept = False
        try:
            is_kept = self._is_resumable and not is_over and bool(self.staged())
        except duckdb.Error:
            logger.debug("what was staged cannot be read", exc_info=True)
        self.connection.close()
        self._work.close(is_kept=is_kept)

    def _opened(self, threads: int) -> duckdb.DuckDBPyConnection:
        return duckdb.connect(
            ":memory:",
            config={
                "memory_limit": f"{_MEMORY_BYTES + len(self._table.columns) * _MEMORY_PER_COLUMN_BYTES}B",
                "threads": threads,
                "temp_directory": str(self._work.path / "spill"),
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "python_enable_replacements": False,
            },
        )

    def _has_parts(self) -> bool:
        """Attach the file of an earlier load; False when there is none, or none that can be read."""
        if not self.path(_FILE).exists():
            return False
        try:
            self.attach(_FILE)
            if self.staged():
                return True
            self.connection.execute(f"DETACH {_FILE}")
        except duckdb.Error:
            # The machine has stopped while it was written, or it is of another version of DuckDB.
            logger.info("the staged rows of an earlier load cannot be read; beginning anew", exc_info=True)
            self.connection.execute(f"DETACH DATABASE IF EXISTS {_FILE}")
        return False

    def _create(self) -> None:
        columns = ", ".join(f"{_quoted(column.name)} {column.datatype.duckdb}" for column in self._table.columns)
        try:
            self.connection.execute(f"CREATE TABLE {_FILE}.main.{ROWS} ({columns}, {_PART} INTEGER)")
        except duckdb.CatalogException as error:
            raise IngestError(
                f"the columns of {self._table.full_name} cannot be stored: two have the same name but for the case",
                hint="rename one of them in the schema file",
            ) from error
        self.connection.execute(
            f"CREATE TABLE {_FILE}.main.parts (number INTEGER, key VARCHAR, note VARCHAR, n_rows BIGINT)"
        )


class _Transaction:
    """A part on a cursor of its own; a :class:`~vo_server.engine.part.PartTransaction`."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, number: int) -> None:
        self._cursor = cursor
        self._number = number

    def begin(self) -> None:
        self._cursor.execute("BEGIN")

    def insert(self, rows: pa.RecordBatchReader) -> None:
        """Copy a stream of batches into the staging file, in its order."""
        self._cursor.register("incoming", rows)
        self._cursor.execute(f"INSERT INTO {_FILE}.main.{ROWS} SELECT *, {self._number} FROM incoming")

    def commit(self, key: str, note: str, n_rows: int) -> None:
        self._cursor.execute(f"INSERT INTO {_FILE}.main.parts VALUES (?, ?, ?, ?)", [self._number, key, note, n_rows])
        self._cursor.execute("COMMIT")

    def rollback(self) -> None:
        # Closing ends the transaction whatever its state is.
        self._cursor.close()

    def close(self) -> None:
        self._cursor.close()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _values_of(datatype: DataType) -> int:
    """Return how many columns a column is as wide as: the elements of an array of fixed length."""
    return int(datatype.arraysize or 1) if datatype.is_array and (datatype.arraysize or "").isdecimal() else 1
