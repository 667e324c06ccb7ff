"""Results of jobs, and what else belongs to them: files in one folder per job, there whole or not at all."""

from __future__ import annotations

import re
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, Final

from vo_server.errors import ConfigurationError, MissingError
from vo_server.store.files import open_files

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from vo_server.store.files import Sink

__all__ = ["ResultFile", "ResultStore"]

_SAFE: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


class ResultFile:
    """A file that is being written.

    Parameters
    ----------
    sink
        Where the bytes go.
    path
        Place in the results store, for :attr:`vo_server.model.job.JobResult.path`.
    """

    def __init__(self, sink: Sink, path: str) -> None:
        self._sink = sink
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
                left = left[self._sink.write(left) :]
        self.size_bytes += len(data)
        return len(data)


class ResultStore:
    """The files of all jobs of a service.

    Parameters
    ----------
    place
        A local directory, made when the first file is written, or the URL of a place that fsspec understands
        (``s3://bucket/path``). Processes on several machines need one that all of them reach.

    Raises
    ------
    ConfigurationError
        If the URL is not understood.
    """

    def __init__(self, place: Path | str) -> None:
        self._files = open_files(place)

    def __str__(self) -> str:
        return str(self._files)

    @contextmanager
    def create(self, job_id: str, name: str) -> Iterator[ResultFile]:
        """Give a file to write; at the end it is durable and takes its name, after an exception nothing is left.

        Raises
        ------
        ConfigurationError
            If the place cannot be written.
        """
        folder, safe = _safe(job_id), _safe(name)
        creation = self._files.create(folder, safe)
        with _translated("written"):
            sink = creation.__enter__()
        try:
            yield ResultFile(sink, f"{folder}/{safe}")
        except BaseException:
            # Failures of who writes are not failures of the place.
            creation.__exit__(*sys.exc_info())
            raise
        with _translated("written"):
            creation.__exit__(None, None, None)

    def open(self, path: str) -> BinaryIO:
        """Open a file for reading; a local one stays readable when the job is destroyed meanwhile.

        Raises
        ------
        MissingError
            If it is not there (any more).
        ConfigurationError
            If the place does not answer.
        """
        folder, name = _parts(path)
        try:
            with _translated("read"):
                return self._files.open(folder, name)
        except ConfigurationError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                raise MissingError("the result is not there any more", hint="run the job again") from error.__cause__
            raise

    def discard(self, path: str) -> None:
        """Remove one file, if it is there."""
        with _translated("removed"):
            self._files.delete(*_parts(path))

    def remove(self, job_id: str) -> None:
        """Remove all files of a job, if there are any."""
        with _translated("removed"):
            self._files.delete_folder(_safe(job_id))

    def sweep(self, known_job_ids: Collection[str], *, min_age_s: float = 3600.0) -> tuple[str, ...]:
        """Remove the files of jobs that do not exist, and what killed writers have left behind.

        Parameters
        ----------
        known_job_ids
            Jobs whose files stay.
        min_age_s
            Only what was not touched for so long [s]: a job may be younger than the list of jobs.

        Returns
        -------
        tuple of str
            The jobs whose files went.

        Raises
        ------
        ConfigurationError
            If the place cannot be read or something in it not be removed.
        """
        with _translated("removed"):
            return self._files.sweep(known_job_ids, before=time.time() - min_age_s)

    def check(self) -> None:
        """Raise ConfigurationError unless files can be written."""
        with _translated("written"):
            self._files.check()


def _parts(path: str) -> tuple[str, str]:
    """Return the job and the name of a file."""
    job_id, _, name = path.partition("/")
    return _safe(job_id), _safe(name)


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
            hint="this is for the operator of the service to mend: the place of results is full or not accessible",
        ) from error
