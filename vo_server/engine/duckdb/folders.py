"""Where releases lie in the data directory, and folders of work in progress that survive no crash.

::

    DIR/tables/<schema>/<table>/<release>.duckdb    published, or about to be; never changed
    DIR/tables/.work/<random>/                      a load or the spilled rows of a server, with a locked file
    DIR/tables/.work/load-<key>/                    a load that can be resumed

A folder of work belongs to the process that holds the lock of its file ``lock``. The operating system lets go of the
lock however the process ends, so that a folder with a free lock is rubbish; one that can be resumed is so after some
days.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import shutil
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Final
from urllib.parse import quote

from vo_server.errors import EngineError, IngestError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "TABLES",
    "WorkFolder",
    "location_of",
    "path_of",
    "remove_empty_parents",
    "spill_folder",
    "sweep_work",
    "sync_directory",
    "try_lock",
    "unknown_releases",
    "work_folder",
]

TABLES: Final = "tables"
_WORK: Final = ".work"
_LOCK: Final = "lock"
_RESUMABLE: Final = "load-"
_SUFFIX: Final = ".duckdb"
_LONGEST_NAME: Final = 180
"""Bytes of a name in a path; file systems take 255, and the suffix needs room."""
_LOCATION: Final = re.compile(rf"{TABLES}/[^/.][^/]*/[^/.][^/]*/[^/.][^/]*{re.escape(_SUFFIX)}")


def location_of(schema: str, table: str, version: str) -> str:
    """Return the place of a release, relative to the data directory; different names give different places."""
    parts = [_safe(name) for name in (schema, table, version)]
    return f"{TABLES}/{parts[0]}/{parts[1]}/{parts[2]}{_SUFFIX}"


def _safe(name: str) -> str:
    """Write a name with ASCII letters, digits and ``_-.~%`` only, not beginning with a dot, not too long."""
    text = quote(name, safe="")
    if text.startswith("."):
        text = f"%2E{text[1:]}"
    if not text or len(text) > _LONGEST_NAME:
        # A per cent sign that no quoted character begins with keeps these apart from all other names.
        text = f"{text[:_LONGEST_NAME]}%-{_digest(name)}"
    return text


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:16]


def path_of(directory: Path, location: str) -> Path:
    """Return the file of a release.

    Raises
    ------
    EngineError
        If the location was not made by :func:`location_of`, e.g. by another engine.
    """
    if not _LOCATION.fullmatch(location):
        raise EngineError(
            f"{location!r} is not a place of the embedded engine",
            hint="the catalogue belongs to another engine or was edited by hand",
        )
    return directory / PurePosixPath(location)


def unknown_releases(directory: Path, known: frozenset[str]) -> list[str]:
    """Return the locations of the release files that are not among the known ones."""
    files = (directory / TABLES).glob(f"[!.]*/[!.]*/[!.]*{_SUFFIX}")
    found = (file.relative_to(directory).as_posix() for file in files)
    return sorted(location for location in found if location not in known and _LOCATION.fullmatch(location))


def remove_empty_parents(directory: Path, file: Path) -> None:
    """Remove the folders of the table and of the schema when nothing is left in them."""
    for folder in (file.parent, file.parent.parent):
        if folder == directory / TABLES:
            return
        try:
            folder.rmdir()
        except OSError:  # Not empty, or another process was quicker.
            return


def sync_directory(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def try_lock(file: IO[bytes]) -> bool:
    """Lock an open file for this process, unless somebody else has it; never waits."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def work_folder(directory: Path) -> Path:
    """Return the folder of all work in progress; a file in it must have no name, or belong to a :class:`WorkFolder`."""
    return directory / TABLES / _WORK


class WorkFolder:
    """A folder of this process for as long as it runs; :meth:`close` removes it.

    Parameters
    ----------
    directory
        The data directory.
    key
        Of a load that can be resumed: the folder of an earlier one with the same key is taken over. None for a new
        folder that nobody takes over.

    Raises
    ------
    IngestError
        If another process has the folder of this key.
    """

    def __init__(self, directory: Path, *, key: str | None = None) -> None:
        parent = work_folder(directory)
        parent.mkdir(parents=True, exist_ok=True)
        with _creating(parent):
            if key is None:
                self.path = Path(tempfile.mkdtemp(dir=parent))
            else:
                self.path = parent / f"{_RESUMABLE}{key}"
                self.path.mkdir(exist_ok=True)
            self._lock = (self.path / _LOCK).open("ab")
            if not try_lock(self._lock):
                self._lock.close()
                raise IngestError(
                    "another process is loading the same table in the same way", hint="wait for its end, or end it"
                )
            os.utime(self._lock.fileno())

    def close(self, *, is_kept: bool = False) -> None:
        """Remove the folder and all that is in it, or keep it for a load with the same key; safe more than once."""
        if not self._lock.closed:
            if not is_kept:
                shutil.rmtree(self.path, ignore_errors=True)
            self._lock.close()


class TemporaryFolder:
    """A folder of this process outside the data directory, for who may only read that; :meth:`close` removes it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="vo-server-", ignore_cleanup_errors=True)
        self.path = Path(self._folder.name)

    def close(self) -> None:
        """Remove the folder and all that is in it; safe more than once."""
        self._folder.cleanup()


def spill_folder(directory: Path) -> WorkFolder | TemporaryFolder:
    """Return a folder for what queries spill: in the data directory, or elsewhere when that can only be read."""
    try:
        return WorkFolder(directory)
    except OSError as error:
        is_read_only = error.errno in {errno.EACCES, errno.EROFS}
        if not is_read_only or not os.access(directory / TABLES, os.R_OK | os.X_OK):
            raise
        return TemporaryFolder()


def sweep_work(directory: Path, *, kept_s: float) -> list[str]:
    """Remove the folders of processes that are gone; return what went, relative to the data directory.

    Parameters
    ----------
    directory
        The data directory.
    kept_s
        How long a load that can be resumed is kept since it was last worked on [s].
    """
    parent = work_folder(directory)
    if not parent.is_dir():
        return []
    gone: list[str] = []
    with _creating(parent):
        for folder in sorted(parent.iterdir()):
            if folder.is_dir() and _is_abandoned(folder, kept_s if folder.name.startswith(_RESUMABLE) else 0.0):
                shutil.rmtree(folder, ignore_errors=True)
                gone.append(folder.relative_to(directory).as_posix())
    return gone


def _is_abandoned(folder: Path, kept_s: float) -> bool:
    try:
        with (folder / _LOCK).open("rb") as lock:
            age_s = time.time() - os.fstat(lock.fileno()).st_mtime
            return age_s >= kept_s and try_lock(lock)
    except FileNotFoundError:
        return True  # Its process died while making it: nobody makes one now.


@contextmanager
def _creating(parent: Path) -> Iterator[None]:
    """Let one process at a time make folders or judge them, so that none is seen before it has its lock."""
    with (parent / _LOCK).open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
