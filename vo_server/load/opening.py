"""Opens the files of a load and describes their table; what fails so early is told of each file, too."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vo_server.errors import IngestError
from vo_server.formats.read.base import TableReader
from vo_server.formats.read.open import open_source
from vo_server.formats.read.source import Source
from vo_server.load.inputs import Input
from vo_server.model.release import FileState, SourceFile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vo_server.load.description import Description

__all__ = ["open_described"]


def open_described(
    files: Sequence[str | Path | Source | TableReader],
    describe: Callable[[Sequence[TableReader]], Description],
    *,
    are_types_needed: bool,
    told: Callable[[SourceFile], None] | None = None,
) -> tuple[list[Input], Description]:
    """Open files, and describe the table that they make together.

    Parameters
    ----------
    files
        Paths, files that were found already, or readers, which are taken as they are.
    describe
        Makes the description from the opened files.
    are_types_needed
        False when the types of text columns are described elsewhere: then the pass that finds them is saved.
    told
        Is given what came of each file when not all can be used; otherwise nothing, because they are read yet.

    Raises
    ------
    IngestError
        If files are not there, or cannot be read; all of them are named, so that nobody mends them one by one. Or what
        the description fails with.
    """
    attempts = [_Attempt.to_open(file, are_types_needed=are_types_needed) for file in files]
    inputs = [one.opened for one in attempts if one.opened is not None]
    failed = [one.error for one in attempts if one.error is not None]
    try:
        if failed:
            raise _all_of(failed, n_files=len(files))
        return inputs, describe([one.reader for one in inputs])
    except IngestError as error:
        if told is not None:
            for attempt in attempts:
                if attempt.is_file:
                    told(attempt.to_source(error))
        raise


@dataclass(frozen=True)
class _Attempt:
    """A file, and what came of opening it."""

    name: str
    """As the user named it."""
    source: Source | None
    """None when there is no such file, or the rows are in none."""
    opened: Input | None = None
    error: IngestError | None = None

    @classmethod
    def to_open(cls, file: str | Path | Source | TableReader, *, are_types_needed: bool) -> _Attempt:
        """Open a file."""
        if isinstance(file, TableReader):
            return cls(file.file, None, Input(file, None))
        source = file if isinstance(file, Source) else None
        try:
            source = source or Source.of(str(file))
            return cls(source.name, source, Input(open_source(source, are_types_needed=are_types_needed), source))
        except IngestError as error:
            return cls(str(file) if source is None else source.name, source, error=error)

    @property
    def is_file(self) -> bool:
        """False for rows that are in no file."""
        return self.source is not None or self.opened is None

    def to_source(self, ended_by: IngestError) -> SourceFile:
        """Return what is reported of the file when the load has ended before any row was read."""
        error = self.error
        if error is None and self.opened is not None and ended_by.file == self.opened.reader.file:
            error = ended_by
        return SourceFile(
            Path(self.name).name if self.source is None else self.source.label,
            self._size_bytes(),
            "",
            0,
            state=FileState.UNREAD if error is None else FileState.FAILED,
            error=None if error is None else str(error),
        )

    def _size_bytes(self) -> int:
        """Return the size of the file; 0 where there is none, or it lies elsewhere and would have to be asked again."""
        if self.source is None or not (self.source.is_here or self.opened is not None):
            return 0
        try:
            return self.source.size_bytes
        except (IngestError, OSError):
            return 0


def _all_of(failed: Sequence[IngestError], *, n_files: int) -> IngestError:
    """Return one error that names all files that cannot be read."""
    if len(failed) == 1:
        return failed[0]
    told = "".join(f"\n  {error}" for error in failed)
    return IngestError(f"{len(failed)} of {n_files} files cannot be read:{told}", hint=failed[0].hint)
