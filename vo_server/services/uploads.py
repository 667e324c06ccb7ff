"""Tables that come with a query: their files are gathered first, and read when the query runs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, TypeAlias, cast

import anyio
from anyio import to_thread

from vo_server.errors import ConfigurationError, MissingError, TooLargeError, UploadError
from vo_server.formats.read.source import Source
from vo_server.load.upload import ReadLimits, read_upload
from vo_server.model.identity import ANONYMOUS, Identity
from vo_server.services.upload_memory import Patience, UploadMemory

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vo_server.model.job import Job
    from vo_server.model.limits import LimitTable
    from vo_server.model.upload import UploadedTable, UploadRequest
    from vo_server.services.fetch import Fetcher
    from vo_server.store.results import ResultStore

__all__ = ["Gathered", "Parts", "UploadLimits", "UploadService", "part_name", "parts_of_job"]

Parts: TypeAlias = Callable[[str], AbstractContextManager[BinaryIO] | None]
"""Opens the part of a request that has a label, from its start; None when there is none."""

_CHUNK_BYTES: Final = 1024 * 1024

_GATHERERS: Final = 8
"""Requests whose uploads are gathered at once."""

_HOLDERS: Final = 32
"""Requests that wait for room at once."""

_MEMORY_FACTOR: Final = 4
"""Rows may take this many times the bytes of the file: a digit of CSV becomes a double."""


@dataclass(frozen=True)
class UploadLimits:
    """What may come with one query."""

    max_bytes: int
    """Largest volume of all its uploads together, as sent and unpacked [bytes]."""
    max_rows: int
    """Most rows of one upload."""
    max_tables: int


class Gathered:
    """The files of the uploads of one query, on disk and without a name, so that a crash leaves nothing behind.

    Parameters
    ----------
    requests
        What they are.
    limits
        How much of them is read.
    memory
        Where their rows are counted, from :meth:`hold` or :meth:`read` to :meth:`close`; None for nowhere.
    patience
        How long to wait for room in it; None for the usual time.
    """

    def __init__(
        self,
        requests: Sequence[UploadRequest],
        limits: UploadLimits,
        *,
        memory: UploadMemory | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._requests = requests
        self._limits = limits
        self._memory = memory
        self._patience = patience or Patience()
        self._files: list[BinaryIO] = []
        self._held_bytes = 0

    def take(self, pieces: Iterable[bytes]) -> None:
        """Keep bytes as the file of the next upload.

        Raises
        ------
        TooLargeError
            If all files together are too large.
        ConfigurationError
            If there is no room for them.
        """
        room = self.room_bytes
        try:
            copy = cast("BinaryIO", tempfile.TemporaryFile(prefix="vo-server-"))  # noqa: SIM115 - close() closes it
            self._files.append(copy)
            for piece in pieces:
                room -= len(piece)
                if room < 0:
                    raise too_large(self._limits.max_bytes)
                copy.write(piece)
            copy.flush()
        except OSError as error:
            raise ConfigurationError(
                f"the uploads cannot be kept: {error.strerror or error}",
                hint="this is for the operator of the service to mend: the directory for temporary files is full",
            ) from error

    @property
    def room_bytes(self) -> int:
        """What the files that are still to come may have together."""
        return self._limits.max_bytes - sum(file.tell() for file in self._files)

    def hold(self) -> None:
        """Wait for room in memory, as much as the files are long: rows mostly take less.

        Raises
        ------
        TooManyError
            If the uploads of others leave no room in time.
        QueryCancelledError
            If the query is not wanted any more.
        """
        self._want(sum(file.tell() for file in self._files))

    def read(self) -> tuple[UploadedTable, ...]:
        """Read the tables, once: the files are gone then. Their rows count as held until :meth:`close`.

        Raises
        ------
        UploadError
            If one cannot be read, with the row and the column where they are known.
        TooLargeError
            If one has too many rows, or is too large when it is unpacked.
        TooManyError, QueryCancelledError
            As of :meth:`hold`.
        """
        self.hold()
        limits = ReadLimits(self._limits.max_rows, _MEMORY_FACTOR * self._limits.max_bytes)
        found: list[UploadedTable] = []
        n_bytes = 0
        for request, file in zip(self._requests, self._files, strict=True):
            hold = partial(self._want_beside, n_bytes)
            found.append(read_upload(self._source(request, file), request.name, limits, hold=hold))
            n_bytes += found[-1].rows.nbytes
        self._drop_files()
        if self._memory is not None and found:
            self._memory.hold(self, n_bytes)
        return tuple(found)

    def close(self) -> None:
        """Remove the files, and give back the room of the rows; may be called more than once."""
        self._drop_files()
        if self._memory is not None:
            self._memory.release(self)

    def _want(self, n_bytes: int) -> None:
        """Wait for room for so many bytes, unless there is some already."""
        if self._memory is not None and n_bytes > self._held_bytes:
            self._memory.want(self, n_bytes, self._patience)
            self._held_bytes = n_bytes

    def _want_beside(self, n_before: int, n_bytes: int) -> None:
        self._want(n_before + n_bytes)

    def _drop_files(self) -> None:
        for file in self._files:
            file.close()

    def _source(self, request: UploadRequest, file: BinaryIO) -> Source:
        source = Source(f"upload {request.name}", Path(request.name), file=file)
        return replace(source, max_bytes=self._limits.max_bytes)


class UploadService:
    """Gets the uploads of queries.

    Parameters
    ----------
    limits
        What the service allows.
    fetcher
        Gets those that are given by a URL.
    callers
        What each class of callers may use of that; None for all of it.
    memory
        What the rows of all queries may take together; None for any volume.
    """

    def __init__(
        self,
        *,
        limits: UploadLimits,
        fetcher: Fetcher,
        callers: LimitTable | None = None,
        memory: UploadMemory | None = None,
    ) -> None:
        self.limits = limits
        self.fetcher = fetcher
        self._callers = callers
        self.memory = memory
        self.patience = Patience()
        """How long requests wait for room in memory."""
        self._gatherers = anyio.CapacityLimiter(_GATHERERS)
        """For the threads that gather, so that slow addresses elsewhere take none from anybody else."""
        self._holders = anyio.CapacityLimiter(_HOLDERS)
        """For the threads that wait for room, so that they keep no small upload from being gathered."""

    async def gather_apart(
        self, requests: Sequence[UploadRequest], parts: Parts, *, caller: Identity = ANONYMOUS
    ) -> Gathered:
        """Bring the files of uploads together as :meth:`gather` does, and wait for room, in threads kept for that.

        Raises
        ------
        UploadError, TooLargeError
            As of :meth:`gather`.
        TooManyError
            If the uploads of others leave no room in time.
        """
        gather = partial(self.gather, requests, parts, caller=caller)
        if not requests:
            return gather()
        gathered = await to_thread.run_sync(gather, limiter=self._gatherers)
        try:
            await to_thread.run_sync(gathered.hold, limiter=self._holders)
        except BaseException:
            gathered.close()
            raise
        return gathered

    def gather(
        self,
        requests: Sequence[UploadRequest],
        parts: Parts,
        *,
        caller: Identity = ANONYMOUS,
        patience: Patience | None = None,
    ) -> Gathered:
        """Bring the files of uploads together; the caller closes what is returned after the rows were used.

        Parameters
        ----------
        requests
            What the query asks for.
        parts
            Where inline uploads are.
        caller
            Who asks; the limits of their class hold.
        patience
            How long to wait for room when they are read; None for that of a request.

        Raises
        ------
        UploadError
            If a part is missing, or a URL gives no file.
        TooLargeError
            If there are too many tables, or their files are too large.
        """
        if len(requests) > self.limits.max_tables:
            raise TooLargeError(
                f"the query has {len(requests)} uploads; at most {self.limits.max_tables} are accepted",
                hint="upload fewer tables, or join some before",
            )
        gathered = Gathered(requests, self._allowed(caller), memory=self.memory, patience=patience or self.patience)
        try:
            for request in requests:
                self._gather(gathered, request, parts)
        except BaseException:
            gathered.close()
            raise
        return gathered

    def _allowed(self, caller: Identity) -> UploadLimits:
        if self._callers is None:
            return self.limits
        return replace(self.limits, max_bytes=min(self.limits.max_bytes, self._callers.of(caller).upload_bytes))

    def _gather(self, gathered: Gathered, request: UploadRequest, parts: Parts) -> None:
        label = request.label
        if label is None:
            gathered.take(self.fetcher.fetch(request.uri, max_bytes=gathered.room_bytes))
            return
        part = parts(label)
        if part is None:
            raise UploadError(
                f"UPLOAD names the part {label!r} for the table {request.name}, but the request has no such part",
                hint="send the table as a file with this name in a multipart/form-data body",
            )
        with part as stream:
            gathered.take(iter(partial(stream.read, _CHUNK_BYTES), b""))


def part_name(label: str) -> str:
    """Return the name of the file of a job that an upload of this label is kept in; case does not matter."""
    return f"upload-{sha256(label.lower().encode()).hexdigest()[:32]}"


def parts_of_job(job: Job, results: ResultStore) -> Parts:
    """Return where the inline uploads of a job are: its files, or its parameters for those that were no files."""

    def part(label: str) -> AbstractContextManager[BinaryIO] | None:
        try:
            return results.open(f"{job.id}/{part_name(label)}")
        except MissingError:
            text = job.parameter(label)
            return None if text is None else BytesIO(text.encode())

    return part


def too_large(max_bytes: int) -> TooLargeError:
    """Return the error for uploads over the limit of bytes."""
    return TooLargeError(
        f"the uploads of one query may have {max_bytes} bytes together, and these have more",
        hint="send fewer rows, or only the columns that the query needs",
        limit="upload-bytes",
    )
