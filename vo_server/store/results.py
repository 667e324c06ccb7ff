"""Results of jobs: files in one folder per job, there whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from vo_server.errors import ConfigurationError, MissingError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from io import FileIO

__all__ = ["ResultFile", "ResultStore"]

_SAFE: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


class ResultFile:
    """A result that is being written.

    Parameters
    ----------
    file
        Where the bytes go for now, unbuffered.
    path
        Place in the results store, for :attr:`vo_server.model.job.JobResult.path`.
    """

    def __init__(self, file: FileIO, path: str) -> None:
        self._file = file
        self.path = path
        self.size_bytes = 0

    def write(self, data: bytes) -> int:
        """Append bytes.

        Raises
        ------
        ConfigurationError
            If the disk is full or fails.
        """
        left = memoryview(data)
        with _translated("written"):
            while left:
                left = left[self._file.write(left) :]
        self.size_bytes += len(data)
        return len(data)


class ResultStore:
    """The results of all jobs of a service.

    Parameters
    ----------
    directory
        Made when the first result is written.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @contextmanager
    def create(self, job_id: str, name: str) -> Iterator[ResultFile]:
        """Give a file to write; at the end it is durable and takes its name, after an exception nothing is left.

        Raises
        ------
        ConfigurationError
            If the directory cannot be written.
        """
        place = f"{_safe(job_id)}/{_safe(name)}"
        with _translated("written"):
            folder = self.directory / job_id
            folder.mkdir(parents=True, exist_ok=True)
            handle, part = tempfile.mkstemp(prefix=".part-", dir=folder)
        try:
            # Unbuffered, so that closing after a failure has nothing left to write; pieces are large.
            with os.fdopen(handle, "wb", buffering=0) as file:
                yield ResultFile(file, place)
                with _translated("written"):
                    os.fsync(handle)
            with _translated("written"):
                Path(part).replace(self.directory / place)
        finally:
            Path(part).unlink(missing_ok=True)

    def locate(self, path: str) -> Path:
        """Return the file of a result.

        Raises
        ------
        MissingError
            If it is not there (any more).
        """
        job_id, _, name = path.partition("/")
        file = self.directory / _safe(job_id) / _safe(name)
        if not file.is_file():
            raise MissingError("the result is not there any more", hint="run the job again")
        return file

    def open(self, path: str) -> BinaryIO:
        """Open a result for reading; it stays readable when the job is destroyed meanwhile.

        Raises
        ------
        MissingError
            If it is not there (any more).
        """
        file = self.locate(path)
        try:
            return file.open("rb")
        except FileNotFoundError as error:
            raise MissingError("the result is not there any more", hint="run the job again") from error

    def discard(self, path: str) -> None:
        """Remove one result, if it is there."""
        job_id, _, name = path.partition("/")
        with _translated("removed"):
            (self.directory / _safe(job_id) / _safe(name)).unlink(missing_ok=True)

    def remove(self, job_id: str) -> None:
        """Remove all results of a job, if there are any."""
        with _translated("removed"), suppress(FileNotFoundError):
            shutil.rmtree(self.directory / _safe(job_id))

    def sweep(self, known_job_ids: Collection[str], *, min_age_s: float = 3600.0) -> tuple[str, ...]:
        """Remove the results of jobs that do not exist, and what killed writers have left behind.

        Parameters
        ----------
        known_job_ids
            Jobs whose results stay.
        min_age_s
            Only what was not touched for so long [s]: a job may be younger than the list of jobs.

        Returns
        -------
        tuple of str
            The jobs whose results went.

        Raises
        ------
        ConfigurationError
            If the directory cannot be read or something in it not be removed.
        """
        if not self.directory.is_dir():
            return ()
        before = time.time() - min_age_s
        with _translated("removed"):
            folders = sorted(folder for folder in self.directory.iterdir() if _SAFE.fullmatch(folder.name))
            return tuple(folder.name for folder in folders if _swept(folder, known_job_ids, before))

    def check(self) -> None:
        """Raise ConfigurationError unless results can be written."""
        with _translated("written"):
            self.directory.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(prefix=".check-", dir=self.directory) as file:
                file.write(b"x")
                file.flush()


def _swept(folder: Path, known_job_ids: Collection[str], before: float) -> bool:
    """Tell whether the whole folder of a job had to go; what killed writers have left in one that stays goes, too."""
    if not folder.is_dir():
        return False
    if folder.name not in known_job_ids and _age_mark(folder) < before:
        with suppress(FileNotFoundError):
            shutil.rmtree(folder)
        return True
    for part in folder.glob(".part-*"):
        if _age_mark(part) < before:
            part.unlink(missing_ok=True)
    return False


def _age_mark(path: Path) -> float:
    """Return when a file or folder was last changed; "now" for one that has just gone."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return time.time()


def _safe(name: str) -> str:
    if not _SAFE.fullmatch(name):
        raise MissingError(f"{name[:40]!r} cannot be the name of a result")
    return name


@contextmanager
def _translated(verb: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            f"the result cannot be {verb}: {error.strerror or error}",
            hint="this is for the operator of the service to mend: the directory of results is full or not accessible",
        ) from error
