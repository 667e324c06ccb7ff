"""What a load reads: files, and readers of rows that are in no file."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from vo_server.errors import IngestError
from vo_server.formats.read.base import TableReader
from vo_server.formats.read.open import open_source
from vo_server.formats.read.source import Source

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

__all__ = ["Input", "Stamp", "Stamping", "open_inputs", "total_rows"]


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


def open_inputs(files: Sequence[str | Path | Source | TableReader], *, are_types_needed: bool) -> list[Input]:
    """Open files; readers are taken as they are.

    Parameters
    ----------
    files
        Paths, files that were found already, or readers.
    are_types_needed
        False when the types of text columns are described elsewhere: then the pass that finds them is saved.

    Raises
    ------
    IngestError
        If files are not there, or cannot be read; all of them are named, so that nobody mends them one by one.
    """
    opened: list[Input] = []
    failed: list[IngestError] = []
    for file in files:
        try:
            opened.append(_opened(file, are_types_needed=are_types_needed))
        except IngestError as error:
            failed.append(error)
    if len(failed) > 1:
        told = "".join(f"\n  {error}" for error in failed)
        raise IngestError(
            f"{len(failed)} of {len(files)} files cannot be read:{told}", hint=failed[0].hint
        ) from failed[0]
    if failed:
        raise failed[0]
    return opened


def _opened(file: str | Path | Source | TableReader, *, are_types_needed: bool) -> Input:
    if isinstance(file, TableReader):
        return Input(file, None)
    source = file if isinstance(file, Source) else Source.of(str(file))
    return Input(open_source(source, are_types_needed=are_types_needed), source)


def total_rows(inputs: Sequence[Input]) -> int | None:
    """Return how many rows there will be; None when a file does not tell."""
    counts = [one.reader.facts.n_rows for one in inputs]
    return None if None in counts else sum(count or 0 for count in counts)
