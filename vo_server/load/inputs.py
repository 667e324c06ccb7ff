"""What a load reads: files, and readers of rows that are in no file."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from vo_server.errors import IngestError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from vo_server.formats.read.base import TableReader
    from vo_server.formats.read.source import Source

__all__ = ["Input", "Stamp", "Stamping", "total_rows"]


@dataclass(frozen=True)
class Stamp:
    """What a file was while it was read."""

    size_bytes: int
    sha256: str


class Input:
    """One file, or one reader of other rows.

    Parameters
    ----------
    reader
        Gives the rows.
    source
        The file; None for rows that are in no file.
    """

    def __init__(self, reader: TableReader, source: Source | None) -> None:
        self.reader = reader
        self.source = source

    @property
    def name(self) -> str:
        """What releases call the file: without its folder, with the part of it that is read."""
        if self.source is None:
            return self.reader.file
        return self.source.label

    def key(self, stamp: Stamp) -> str:
        """Return what tells these rows from those of other files: the checksum, and which part of the file."""
        part = "" if self.source is None or self.source.part is None else f"[{self.source.part}]"
        return f"{stamp.sha256}{part}"

    def stamp(self) -> Stamp:
        """Read the file for its checksum."""
        if self.source is None:
            return Stamp(0, "")
        return Stamp(self.source.size_bytes, self.source.sha256())

    def stamping(self) -> Stamping:
        """Compute the checksum while the rows are read: the bytes come from memory then, and another core may do it."""
        return Stamping(self)

    def state(self) -> tuple[int, int, int] | None:
        """Return what changes with the file; None when there is nothing to look at."""
        return None if self.source is None else self.source.state()


class Stamping:
    """A checksum that is computed by a thread of its own, which has ended when the block ends.

    Parameters
    ----------
    one
        The file.
    """

    def __init__(self, one: Input) -> None:
        self._one = one
        self._before = one.state()
        self._stamp: Future[Stamp] | None = None

    def __enter__(self) -> Self:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="checksum")
        self._stamp = self._pool.submit(self._one.stamp)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown()

    def result(self) -> Stamp:
        """Wait for the checksum.

        Raises
        ------
        IngestError
            If the file was changed while it was read.
        """
        assert self._stamp is not None
        found = self._stamp.result()
        if self._one.state() != self._before:
            raise IngestError(
                "the file was changed while it was read", file=self._one.reader.file, hint="load it again"
            )
        return found

    @property
    def sha256(self) -> str:
        """The checksum, as far as the file can be read."""
        assert self._stamp is not None
        return "" if self._stamp.exception() is not None else self._stamp.result().sha256


def total_rows(inputs: Sequence[Input]) -> int | None:
    """Return how many rows there will be; None when a file does not tell."""
    counts = [one.reader.facts.n_rows for one in inputs]
    return None if None in counts else sum(count or 0 for count in counts)
