"""Where the rows of a load are kept until its release is made: files in a work folder, two for each part.

One has the rows, as Arrow writes a stream of batches; the other one, written when the rows are safe, what is known of
the part. So a part is there completely or not at all. A process that is killed leaves the parts that it has committed,
and the next load with the same key goes on with them.

The rows are neither compressed nor put into a database before they are sorted: of 1 000 000 rows of 28 columns a table
of DuckDB takes 1.7 s of processor time, this 0.1 s.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import threading
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from vo_server.engine.base import StagedPart
from vo_server.engine.duckdb.distribution import batches_of, distributed
from vo_server.engine.duckdb.faults import load_fault
from vo_server.engine.duckdb.folders import WorkFolder, sync_directory
from vo_server.engine.duckdb.runs import merged, sorted_run
from vo_server.engine.part import StreamedPart
from vo_server.model.query import arrow_schema
from vo_server.model.table import HEALPIX_COLUMN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from vo_server.model.table import Table

__all__ = ["StagingFolder"]

logger = logging.getLogger(__name__)

MOST_ROWS: Final = 122_880
"""Rows that are written at once, and held in memory when they are read again."""

_ROWS: Final = ".arrow"
_FACTS: Final = ".json"
_UNFINISHED: Final = ".new"
_NAME: Final = "part-"
_LOCK: Final = "lock"


class StagingFolder:
    """The staged rows of one load.

    Parameters
    ----------
    directory
        The data directory.
    table
        What is loaded.
    key
        Of a load that can be resumed; None for one that cannot.

    Raises
    ------
    IngestError
        If another process works under this key.
    """

    def __init__(self, directory: Path, table: Table, *, key: str | None) -> None:
        self._table = table
        self._schema = arrow_schema(table.columns)
        self._is_resumable = key is not None
        self._guard = threading.Lock()
        self._last = 0
        self._is_placed = HEALPIX_COLUMN in table.by_name
        self._parts: set[int] = set()
        """Numbers of the parts that are complete; what is known of them, which can be megabytes, stays in the files."""
        self._work = WorkFolder(directory, key=key)

    @property
    def path(self) -> Path:
        """Where there is room for the release while it is made."""
        return self._work.path

    def begin(self) -> None:
        """Find what an earlier load has staged, and remove what else it has left."""
        self._parts = {number for number in map(_number, self.path.glob(f"{_NAME}*{_FACTS}")) if self._facts(number)}
        self._clear()
        self._last = max(self._parts, default=0)

    def _clear(self) -> None:
        """Remove everything but the parts that are complete."""
        with self._guard:
            kept = {_LOCK} | {self._file(number, kind).name for number in self._parts for kind in (_ROWS, _FACTS)}
        for leftover in self.path.iterdir():
            if leftover.name not in kept:
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink(missing_ok=True)

    def staged(self) -> tuple[StagedPart, ...]:
        """Return the parts that are staged, in their order."""
        found = map(self._facts, sorted(self._parts))
        return tuple(StagedPart(one.number, one.key, one.note) for one in found if one is not None)

    def discard(self, part: StagedPart) -> None:
        """Remove a part."""
        with self._guard:
            self._parts.remove(part.number)
        for kind in (_FACTS, _ROWS):
            self._file(part.number, kind).unlink()

    def part(self) -> StreamedPart:
        """Begin a part."""
        with self._guard:
            self._last += 1
            transaction = _Transaction(self, self._last)
        return StreamedPart(self._table, transaction, stored=self._schema, most_rows=MOST_ROWS, fault=load_fault)

    def rows(self) -> pa.RecordBatchReader:
        """Return all staged rows, in the order of their cells, or in that of the parts when they have no cells."""
        files = [self._file(number, _ROWS) for number in sorted(self._parts)]
        return pa.RecordBatchReader.from_batches(self._schema, self._rows(files))

    def close(self, *, is_over: bool) -> None:
        """Let go of the folder; what is staged under a key stays unless the load is over."""
        is_kept = self._is_resumable and not is_over and bool(self._parts)
        if is_kept:
            # The disk may be full of a release that was not finished; what stays, the next load removes.
            with contextlib.suppress(OSError):
                self._clear()
        self._work.close(is_kept=is_kept)

    def write(self, number: int, rows: pa.RecordBatchReader) -> None:
        """Write the rows of a part, and make them durable."""
        path = self._file(number, _ROWS)
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, self._schema) as stream:
            for batch in rows:
                stream.write_batch(sorted_run(batch) if self._is_placed else batch)
        with path.open("rb") as written:
            os.fsync(written.fileno())

    def record(self, part: StagedPart, n_rows: int) -> None:
        """Note that a part is complete."""
        facts = _Facts(part.number, part.key, part.note, n_rows, self._file(part.number, _ROWS).stat().st_size)
        target = self._file(part.number, _FACTS)
        unfinished = target.with_suffix(_UNFINISHED)
        with unfinished.open("w", encoding="utf-8") as file:
            json.dump(asdict(facts), file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)
        sync_directory(self.path)
        with self._guard:
            self._parts.add(part.number)

    def forget(self, number: int) -> None:
        """Remove the rows of a part that is given up."""
        self._file(number, _ROWS).unlink(missing_ok=True)

    def _file(self, number: int, kind: str) -> Path:
        return self.path / f"{_NAME}{number:06}{kind}"

    def _rows(self, files: Sequence[Path]) -> Iterator[pa.RecordBatch]:
        if not self._is_placed or not files:
            return batches_of(files)
        found = merged(files)
        return distributed(files, self.path) if found is None else found

    def _facts(self, number: int) -> _Facts | None:
        """Read what is known of a part; None when it is damaged, which nothing but a damaged disk does."""
        file = self._file(number, _FACTS)
        try:
            facts = _Facts(**json.loads(file.read_text(encoding="utf-8")))
            size_bytes = self._file(number, _ROWS).stat().st_size
        except (OSError, TypeError, ValueError):
            logger.info("the staged rows of an earlier load cannot be read: %s", file.name, exc_info=True)
            return None
        return facts if size_bytes == facts.size_bytes else None


@dataclass(frozen=True)
class _Facts:
    """What is known of a part that is complete."""

    number: int
    key: str
    note: str
    n_rows: int
    size_bytes: int
    """Of the file with the rows."""


class _Transaction:
    """A part in its file; a :class:`~vo_server.engine.part.PartTransaction`."""

    def __init__(self, staging: StagingFolder, number: int) -> None:
        self._staging = staging
        self._number = number

    def begin(self) -> None:
        """Do nothing: the file is made by the first row."""

    def insert(self, rows: pa.RecordBatchReader) -> None:
        self._staging.write(self._number, rows)

    def commit(self, key: str, note: str, n_rows: int) -> None:
        self._staging.record(StagedPart(self._number, key, note), n_rows)

    def rollback(self) -> None:
        self._staging.forget(self._number)

    def close(self) -> None:
        """Do nothing: the file is closed already."""


def _number(file: Path) -> int:
    return int(file.stem.removeprefix(_NAME))
