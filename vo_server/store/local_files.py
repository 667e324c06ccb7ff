"""Files of jobs in a local directory."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from vo_server.store.files import Sink

__all__ = ["LocalFiles"]

_FOLDER: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_PART: Final = ".part-"
"""How the names of files begin that are not whole yet."""


class LocalFiles:
    """A directory with one folder per job; see :class:`vo_server.store.files.Files`.

    Parameters
    ----------
    directory
        Made when the first file is written.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def __str__(self) -> str:
        return str(self.directory)

    @contextmanager
    def create(self, folder: str, name: str) -> Iterator[Sink]:
        """Give a file to write; it has another name until it is whole and on the disk."""
        place = self.directory / folder
        place.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(prefix=_PART, dir=place)
        try:
            # Unbuffered, so that closing after a failure has nothing left to write; pieces are large.
            with os.fdopen(handle, "wb", buffering=0) as file:
                yield file
                os.fsync(handle)
            Path(part).replace(place / name)
        finally:
            Path(part).unlink(missing_ok=True)

    def open(self, folder: str, name: str) -> BinaryIO:
        """Open a file; it stays readable when it is removed meanwhile."""
        return (self.directory / folder / name).open("rb")

    def delete(self, folder: str, name: str) -> None:
        """Remove a file, if it is there."""
        (self.directory / folder / name).unlink(missing_ok=True)

    def delete_folder(self, folder: str) -> None:
        """Remove a folder with all its files, if it is there."""
        with suppress(FileNotFoundError):
            shutil.rmtree(self.directory / folder)

    def sweep(self, known: Collection[str], *, before: float) -> tuple[str, ...]:
        """Remove folders that are not known, and parts that nobody writes any more."""
        if not self.directory.is_dir():
            return ()
        folders = sorted(place for place in self.directory.iterdir() if _FOLDER.fullmatch(place.name))
        return tuple(place.name for place in folders if _swept(place, known, before))

    def check(self) -> None:
        """Try whether files can be written."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(prefix=".check-", dir=self.directory) as file:
            file.write(b"x")
            file.flush()


def _swept(folder: Path, known: Collection[str], before: float) -> bool:
    """Tell whether the whole folder of a job had to go; what killed writers have left in one that stays goes, too."""
    if not folder.is_dir():
        return False
    if folder.name not in known and _changed(folder) < before:
        with suppress(FileNotFoundError):
            shutil.rmtree(folder)
        return True
    for part in folder.glob(f"{_PART}*"):
        if _changed(part) < before:
            part.unlink(missing_ok=True)
    return False


def _changed(path: Path) -> float:
    """Return when a file or folder was last changed; "now" for one that has just gone."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return time.time()
