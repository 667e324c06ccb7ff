"""Where the bytes of a streamed response come from: a query and its writer, or a stored file."""

from __future__ import annotations

import logging
from enum import Enum
from threading import Lock
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol

from vo_server.errors import QueryCancelledError, VoError
from vo_server.web.status import known_after, known_before

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa

    from vo_server.model.query import QueryResult

__all__ = ["PIECE_BYTES", "FileSource", "ResultSource", "Source"]

PIECE_BYTES: Final = 256 * 1024
"""Bytes that are sent at once, and read at once of a stored result."""

_SMALL_BYTES: Final = 32 * 1024
"""Pieces that are smaller are sent together with the next ones [bytes]."""

_log = logging.getLogger(__name__)


class _Taken(Enum):
    """Batches that a writer has asked for."""

    NONE = "none"
    SOME = "some"
    ALL = "all"


class Source(Protocol):
    """Where the bytes of a response come from; every method blocks, and is called in a thread."""

    @property
    def headers(self) -> dict[str, str]:
        """What is known of the answer once it has been started, for its headers."""
        ...

    @property
    def trailers(self) -> dict[str, str]:
        """What is known of the answer once it has been read to its end; empty when it has no trailers."""
        ...

    @property
    def has_trailers(self) -> bool:
        """Whether there will be any."""
        ...

    @property
    def held_bytes(self) -> int:
        """Memory of the rows that were fetched last, beside the piece that :meth:`read` returned [bytes]."""
        ...

    def start(self) -> None:
        """Do all that can fail before the first byte."""
        ...

    def read(self) -> bytes:
        """Return the next piece; empty at the end."""
        ...

    def stop(self) -> None:
        """End :meth:`start` or :meth:`read` in another thread and give everything back; may be called again."""
        ...


class ResultSource:
    """A query and the document made of its rows.

    Parameters
    ----------
    run
        Starts the query.
    write
        Writes the document of a result.
    is_failure_told
        Whether the document itself tells of an error in the middle (VOTable does); then it ends properly, else the
        error comes out of :meth:`read`.
    release
        Gives back what the query was made from, once it is over.
    """

    def __init__(
        self,
        run: Callable[[], QueryResult],
        write: Callable[[QueryResult], Iterator[bytes]],
        *,
        is_failure_told: bool,
        release: Callable[[], None] = lambda: None,
    ) -> None:
        self._release = release
        self._run = run
        self._write = write
        self._is_failure_told = is_failure_told
        self._stopping = Lock()
        self._working = Lock()  # One thread at a time in the query and in the writer.
        self._is_stopped = False
        self._failure: VoError | None = None
        self._postponed: VoError | None = None
        self._taken = _Taken.NONE
        self._result: QueryResult | None = None
        self._batch_bytes = 0
        self._pieces: Iterator[bytes] = iter(())

    @property
    def headers(self) -> dict[str, str]:
        """The limits: formats other than VOTable cannot tell inside that rows are left out."""
        return {} if self._result is None else known_before(self._result)

    @property
    def trailers(self) -> dict[str, str]:
        """What became of the answer."""
        return {} if self._result is None else known_after(self._result, self._failure)

    @property
    def has_trailers(self) -> bool:
        """How an answer ends is always told."""
        return True

    @property
    def held_bytes(self) -> int:
        """The batch of which the last piece was made, and those that wait behind it."""
        return self._batch_bytes + (0 if self._result is None else self._result.ahead_bytes())

    def start(self) -> None:
        """Compile and start the query, and wait for its first rows.

        Raises
        ------
        VoError
            Why there is no answer; QueryCancelledError after :meth:`stop`.
        """
        with self._working:
            self._check()
            result = self._run()
            with self._stopping:
                self._result = result
            self._check()
            result.batches = self._weighed(result.batches)
            result.prefetch()
            result.batches = self._counted(result.batches)
            self._pieces = self._write(result)

    def read(self) -> bytes:
        """Return the next piece of the document; empty at the end.

        Raises
        ------
        VoError
            Why there are no more rows, unless the document tells it.
        """
        with self._working:
            self._check()
            try:
                return self._joined()
            except VoError as error:
                if not self._is_failure_told or self._is_stopped:
                    raise
                _log.warning("the answer ends with an error: %s", error)
                self._failure = error
                return b""

    def stop(self) -> None:
        """Cancel the query; a thread that waits for it wakes up with QueryCancelledError."""
        with self._stopping:
            self._is_stopped = True
            result = self._result
        if result is not None:
            result.close()
        with self._working:
            if self._result is not None:
                self._result.close()
            close = getattr(self._pieces, "close", None)
            if close is not None:
                close()
            self._release()

    def _joined(self) -> bytes:
        """Return pieces together as long as they are small and there without waiting for rows.

        Each costs a thread, a chunk and often a packet. The first batch is there before the head is written, and
        after the last one nothing is waited for. An empty piece says that what follows takes its time.
        """
        if self._postponed is not None:
            raise self._postponed
        pieces: list[bytes] = []
        try:
            while not pieces or (sum(map(len, pieces)) < _SMALL_BYTES and self._taken is not _Taken.SOME):
                piece = next(self._pieces, None)
                if piece is None or (pieces and not piece):
                    break
                pieces.extend([piece] if piece else [])
        except VoError as error:
            if not pieces:
                raise
            self._postponed = error  # What was written before it goes first.
        return b"".join(pieces)

    def _counted(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            self._taken = _Taken.SOME
            yield batch
        self._taken = _Taken.ALL

    def _weighed(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            self._batch_bytes = batch.nbytes
            yield batch

    def _check(self) -> None:
        if self._is_stopped:
            raise QueryCancelledError("the query was stopped because its client has gone")


class FileSource:
    """A stored result.

    Parameters
    ----------
    open_file
        Opens it; what it raises comes out of :meth:`start`.
    """

    def __init__(self, open_file: Callable[[], BinaryIO]) -> None:
        self._open_file = open_file
        self._file: BinaryIO | None = None

    @property
    def headers(self) -> dict[str, str]:
        """Nothing that was not known before."""
        return {}

    @property
    def trailers(self) -> dict[str, str]:
        """Nothing that was not known before."""
        return {}

    @property
    def has_trailers(self) -> bool:
        """The headers have told all."""
        return False

    @property
    def held_bytes(self) -> int:
        """A file keeps nothing in memory."""
        return 0

    def start(self) -> None:
        """Open the file."""
        self._file = self._open_file()

    def read(self) -> bytes:
        """Return the next piece; empty at the end."""
        assert self._file is not None
        return self._file.read(PIECE_BYTES)

    def stop(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
