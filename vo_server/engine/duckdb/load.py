"""Writes a release as one DuckDB file: the staged rows are sorted into it, then it gets its name."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Self

import pyarrow as pa

from vo_server.engine.base import LoadReport
from vo_server.engine.duckdb.faults import load_fault
from vo_server.engine.duckdb.folders import location_of, path_of, sync_directory, try_lock
from vo_server.engine.duckdb.release import check_columns, write_release, writers_of
from vo_server.engine.duckdb.staging import StagingFolder
from vo_server.engine.faults import translated
from vo_server.engine.memory import give_back_memory
from vo_server.errors import EngineError, IngestError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from vo_server.engine.base import StagedPart
    from vo_server.engine.part import StreamedPart
    from vo_server.model.table import Table

__all__ = ["DuckdbLoader"]

_ONLY: Final = "only"
"""Key of the part of a load in one part."""


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
        Threads that sort and compress.
    key
        Of the staging place, for a load that can be resumed.
    known
        Gives the locations that the catalogue names.

    Raises
    ------
    IngestError
        If the release exists already.
    """

    def __init__(
        self,
        directory: Path,
        table: Table,
        *,
        version: str,
        threads: int,
        key: str | None = None,
        known: Callable[[], frozenset[str]] | None = None,
    ) -> None:
        self._directory = directory
        self._table = table
        self._threads = threads
        self._key = key
        self._known = known
        self._location = location_of(table.schema, table.name, version)
        self._parts = ExitStack()
        self._whole: StreamedPart | None = None
        self._opened: StagingFolder | None = None
        self._finished: IO[bytes] | None = None
        self._release = f"release {version} of {table.full_name}"
        if self._target.exists() and not self._is_leftover():
            raise IngestError(f"{self._release} exists already")

    def __enter__(self) -> Self:
        try:
            with translated(load_fault, doing=f"load {self._location}"):
                check_columns(self._table)
                self._opened = StagingFolder(self._directory, self._table, key=self._key)
                self._opened.begin()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close(is_over=kind is None and self._finished is not None)

    def staged(self) -> tuple[StagedPart, ...]:
        """Return the parts that are staged."""
        return self._staging.staged()

    def discard(self, part: StagedPart) -> None:
        """Remove the rows of a staged part."""
        with translated(load_fault, doing=f"load {self._location}"):
            self._staging.discard(part)

    def part(self) -> StreamedPart:
        """Begin a part."""
        return self._staging.part()

    def write(self, batch: pa.RecordBatch) -> None:
        """Append a batch to a part of its own."""
        if self._whole is None:
            self._whole = self._parts.enter_context(self.part())
        self._whole.write(batch)

    def finish(self) -> LoadReport:
        """Sort, make durable and move to its place; then it may be published."""
        if self._whole is not None:
            self._whole.commit(_ONLY, "")
        with translated(load_fault, doing=f"load {self._location}"):
            staging = self._staging
            give_back_memory()
            n_writers = writers_of(self._table, staging.n_rows, most=self._threads)
            with staging.shares(n_writers) as shares:
                file, n_rows = write_release(staging.path, self._table, shares)
            self._finished = self._publishable(file)
        return LoadReport(self._location, n_rows, os.fstat(self._finished.fileno()).st_size)

    @property
    def _staging(self) -> StagingFolder:
        assert self._opened is not None
        return self._opened

    @property
    def _target(self) -> Path:
        return path_of(self._directory, self._location)

    def _is_leftover(self) -> bool:
        """Remove the release of a load that was killed before it was published; False when it is none."""
        if self._known is None:
            return False
        with self._target.open("rb") as file:
            # Who makes a release keeps it locked until it is published.
            if not try_lock(file) or self._location in self._known():
                return False
            self._target.unlink()
        return True

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

    def _close(self, *, is_over: bool = False) -> None:
        """Close everything; what is neither finished nor to be resumed goes."""
        self._parts.close()
        if self._opened is not None:
            self._opened.close(is_over=is_over)
            self._opened = None
        if self._finished is not None:
            self._finished.close()
