"""Read Arrow: the stream and the file of the IPC format, batch by batch.

A file is a stream between two marks and an index. All messages are looked at before any is unpacked, so that what they
say of themselves can be compared with what is allowed.
"""

from __future__ import annotations

import struct
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from vo_server.errors import IngestError, TooLargeError
from vo_server.formats.read.arrow_columns import described, storable_batch
from vo_server.formats.read.base import BATCH_ROWS, MalformedRows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from vo_server.formats.read.source import Source

__all__ = ["FILE_MAGIC", "STREAM_MAGIC", "ArrowReader"]

FILE_MAGIC: Final = b"ARROW1"
STREAM_MAGIC: Final = b"\xff\xff\xff\xff"
"""What each message of a stream begins with."""

_FILE_START_BYTES: Final = 8
_END: Final = b"\xff\xff\xff\xff\x00\x00\x00\x00"
_HINT: Final = "it seems to be cut off; get it again"

_HEADER, _DATA, _LENGTH, _BUFFERS, _COMPRESSION = 2, 1, 0, 2, 3
"""Places of what is needed in the tables Message, DictionaryBatch and RecordBatch (twice the last three)."""


class ArrowReader:
    """A stream or file of Arrow batches.

    Parameters
    ----------
    source
        The file; it may be packed as a whole, and its buffers may be.

    Raises
    ------
    IngestError
        If it is cut off or damaged, or has columns of a type that cannot be published.
    TooLargeError
        If its batches have more bytes when they are unpacked than the source may have.
    """

    null_texts: frozenset[str] = frozenset()
    keeps_empty: bool = True

    def __init__(self, source: Source) -> None:
        self.file = source.name
        self._source = source
        self.malformed = MalformedRows()
        self._n_read = 0
        self._n_rows = self._checked_rows(source.max_bytes)
        with self._opened() as stream, _Translated(self), pa.ipc.open_stream(stream) as opened:
            schema = opened.schema
        self.facts = described(schema, file=source.name, n_rows=self._n_rows)

    def row_number(self, index: int) -> int:
        """Return the row in the file, from 1, of a row of the batches."""
        return index + 1

    def fraction(self) -> float | None:
        """Tell how much has been read."""
        return self._n_read / max(1, self._n_rows)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Read the rows."""
        self._n_read = 0
        with self._opened() as stream, _Translated(self), pa.ipc.open_stream(stream) as opened:
            for whole in opened:
                for start in range(0, whole.num_rows, BATCH_ROWS):
                    batch = whole.slice(start, BATCH_ROWS)
                    yield storable_batch(batch)
                    self._n_read += batch.num_rows

    def broken(self, error: Exception) -> IngestError:
        """Return the error for a file that cannot be decoded."""
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        return IngestError(f"the Arrow file is damaged: {reason}", file=self.file, row=self._n_read + 1, hint=_HINT)

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        with self._source.spooled() as stream:
            if stream.read(len(FILE_MAGIC)) == FILE_MAGIC:
                stream.seek(_FILE_START_BYTES)
            else:
                stream.seek(0)
            yield stream

    def _checked_rows(self, max_bytes: int | None) -> int:
        """Return the number of rows, after a look at each message."""
        n_rows = n_bytes = 0
        with self._opened() as stream, _Translated(self):
            for message in pa.ipc.MessageReader.open_stream(stream):
                size = _Size.of(message)
                n_rows += size.n_rows
                n_bytes += size.n_bytes
                if max_bytes is not None and n_bytes > max_bytes:
                    raise TooLargeError(
                        f"{self.file} has more than the limit of {max_bytes} bytes when it is unpacked",
                        hint="send fewer rows, or only the columns that the query needs",
                    )
            stream.seek(-len(_END), 1)
            if stream.read(len(_END)) != _END:
                raise IngestError("the stream of Arrow batches has no end mark", file=self.file, hint=_HINT)
        return n_rows


class _Translated:
    """Tells errors of Arrow as errors of the file."""

    def __init__(self, reader: ArrowReader) -> None:
        self._reader = reader

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, pa.ArrowException | OSError | struct.error):
            raise self._reader.broken(error) from error


@dataclass(frozen=True)
class _Size:
    """What a message says of itself."""

    n_rows: int = 0
    n_bytes: int = 0
    """Of its buffers, unpacked."""

    @classmethod
    def of(cls, message: pa.ipc.Message) -> _Size:
        if message.type not in {"record batch", "dictionary"}:
            return cls()
        metadata, body = memoryview(message.metadata), memoryview(message.body or b"")
        header = _Table(metadata, _Table(metadata, _offset(metadata, 0)).at(_HEADER))
        if message.type == "dictionary":
            return cls(0, _batch_bytes(_Table(metadata, header.at(_DATA)), body))
        place = header.place(_LENGTH)
        n_rows = struct.unpack_from("<q", metadata, place)[0] if place else 0
        return cls(n_rows, _batch_bytes(header, body))


@dataclass(frozen=True)
class _Table:
    """A table of Flatbuffers, in which the headers of messages are written."""

    data: memoryview
    start: int

    def place(self, field: int) -> int:
        """Return where a field is; 0 when it is left out."""
        directory = self.start - struct.unpack_from("<i", self.data, self.start)[0]
        size = struct.unpack_from("<H", self.data, directory)[0]
        entry = 4 + 2 * field
        relative = struct.unpack_from("<H", self.data, directory + entry)[0] if entry < size else 0
        return self.start + relative if relative else 0

    def at(self, field: int) -> int:
        """Return where the table or vector is that a field points to."""
        return _offset(self.data, self.place(field))


def _offset(data: memoryview, place: int) -> int:
    return int(place + struct.unpack_from("<I", data, place)[0])


def _batch_bytes(batch: _Table, body: memoryview) -> int:
    """Return the bytes of all buffers; a packed one tells its size in front, -1 when it is not packed after all."""
    is_packed = bool(batch.place(_COMPRESSION))
    vector = batch.at(_BUFFERS)
    total = 0
    for number in range(struct.unpack_from("<I", batch.data, vector)[0]):
        start, length = struct.unpack_from("<qq", batch.data, vector + 4 + 16 * number)
        if is_packed and length:
            unpacked = struct.unpack_from("<q", body, start)[0]
            length = length if unpacked < 0 else unpacked
        total += length
    return total
