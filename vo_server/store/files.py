"""Files in one folder per job, there whole or not at all: what the results store asks of the place they are in."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["Files", "Sink", "open_files"]


class Sink(Protocol):
    """Where the bytes of a new file go."""

    def write(self, data: memoryview, /) -> int:
        """Take some of the bytes, at least one, and return how many."""
        ...


class Files(Protocol):
    """A place with folders of files. Every method raises OSError, and nothing else, when the place fails.

    Names are safe: letters, digits, ``_``, ``.`` and ``-``, none of the latter two at the beginning.
    """

    def create(self, folder: str, name: str) -> AbstractContextManager[Sink]:
        """Give a file to write: at the end it is durable and takes its name, after an exception nothing is left."""
        ...

    def open(self, folder: str, name: str) -> BinaryIO:
        """Open a file for reading; FileNotFoundError where there is none."""
        ...

    def delete(self, folder: str, name: str) -> None:
        """Remove a file, if it is there."""
        ...

    def delete_folder(self, folder: str) -> None:
        """Remove a folder with all its files, if it is there."""
        ...

    def sweep(self, known: Collection[str], *, before: float) -> tuple[str, ...]:
        """Remove folders that are not known, and what killed writers have left in those that are.

        Parameters
        ----------
        known
            Folders that stay.
        before
            Only what was last changed before this time [s since 1970].

        Returns
        -------
        tuple of str
            The folders that went.
        """
        ...

    def check(self) -> None:
        """Try whether files can be written, and leave none."""
        ...


def open_files(place: Path | str) -> Files:
    """Return the files in a directory or, of a text, at a URL that fsspec understands.

    Raises
    ------
    ConfigurationError
        If no file system is known for the URL.
    """
    if isinstance(place, Path):
        from vo_server.store.local_files import LocalFiles  # noqa: PLC0415 - only one of the two is needed

        return LocalFiles(place)
    from vo_server.store.remote_files import RemoteFiles  # noqa: PLC0415

    return RemoteFiles(place)
