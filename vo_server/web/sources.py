"""Where the bytes of a streamed response come from: a query and its writer, or a stored file."""

from __future__ import annotations

import logging
from threading import Lock
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol

from vo_server.errors import QueryCancelledError, VoError
from vo_server.services.again import with_newest
from vo_server.web.status import known_after, known_before

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa

    from vo_server.model.query import QueryResult

__all__ = ["PIECE_BYTES", "FileSource", "ResultSource", "Source"]

PIECE_BYTES: Final = 256 * 1024
"""Bytes that are sent at once, and read at once of a stored result."""

_SMALL_BYTES: Final = 64 * 1024
"""Pieces that are smaller wait for the next ones, unless they are taken meanwhile; and a first batch that is smaller
becomes text at once [bytes]."""

_log = logging.getLogger(__name__)


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

    @property
    def is_small(self) -> bool:
        """Whether the first piece is so small that it is made without asking for memory."""
        ...

    @property
    def is_ended(self) -> bool:
        """Whether all has been read; then nothing is left to be stopped."""
        ...

    def start(self) -> None:
        """Do all that can fail before the first byte."""
        ...

    def read(self) -> bytes:
        """Return the next piece; empty when there is none any more, or it was taken."""
        ...

    def take(self) -> bytes:
        """Return, and do not have :meth:`read` return, what it has so far while it waits for more in another thread.

        This alone does not block.
        """
        ...

    def stop(self) -> None:
        """End :meth:`start` or :meth:`read` in another thread and give everything back; may be called again."""
        ...


class ResultSource:
    """A query and the document made of its rows.

    Parameters
    ----------
    run
        Compiles and starts the query; done again when a release that it reads is dropped meanwhile.
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
        self._is_ended = False
        self._failure: VoError | None = None
        self._postponed: VoError | None = None
        self._handing_over = Lock()
        self._ready: list[bytes] = []
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
            self._pieces = self._write(with_newest(self._started))

    def _started(self) -> QueryResult:
        """Start the query, and wait for its first rows."""
        self._check()
        result = self._run()
        with self._stopping:
            former, self._result = self._result, result
        if former is not None:
            former.close()
        self._check()
        result.batches = self._weighed(result.batches)
        result.prefetch()
        return result

    @property
    def is_small(self) -> bool:
        """Whether the first rows are few."""
        return self._batch_bytes <= _SMALL_BYTES

    @property
    def is_ended(self) -> bool:
        """Whether the document was read to its end, and the query given back."""
        return self._is_ended

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
                self._end()
                return b""

    def take(self) -> bytes:
        """Return the pieces that wait for the next rows."""
        with self._handing_over:
            ready, self._ready = self._ready, []
        return b"".join(ready)

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
            self._give_back()

    def _joined(self) -> bytes:
        """Return pieces together as long as they are small.

        Each costs a thread, a chunk and often a packet. Who cannot wait for the rows behind them takes them. An empty
        piece says that what follows takes its time.
        """
        if self._postponed is not None:
            raise self._postponed
        n_bytes = 0
        try:
            while n_bytes < _SMALL_BYTES:
                piece = next(self._pieces, None)
                if piece is None:
                    self._end()
                    break
                if not piece and n_bytes:
                    break
                n_bytes += len(piece)
                with self._handing_over:
                    self._ready.append(piece)
        except VoError as error:
            if not n_bytes:
                raise
            self._postponed = error  # What was written before it goes first.
        return self.take()

    def _end(self) -> None:
        assert self._result is not None
        self._result.close()
        self._give_back()
        self._is_ended = True

    def _give_back(self) -> None:
        """Give back once what the query was made from; nobody stops what has ended."""
        release, self._release = self._release, lambda: None
        release()

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
        self._is_ended = False

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
    def is_small(self) -> bool:
        """A piece is large."""
        return False

    @property
    def is_ended(self) -> bool:
        """Whether the file was read and closed."""
        return self._is_ended

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
        piece = self._file.read(PIECE_BYTES)
        if not piece:
            self._file.close()
            self._is_ended = True
        return piece

    def take(self) -> bytes:
        """Return nothing: reading a piece takes no time."""
        return b""

    def stop(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
