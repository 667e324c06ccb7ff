"""Open a file as a stream of its decompressed bytes, and tell plainly when it is cut off."""

from __future__ import annotations

import hashlib
import io
import os
import re
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol, cast

import zstandard

from vo_server.errors import IngestError, TooLargeError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Backing", "Source", "open_bytes", "view"]

CHUNK_BYTES: Final = 1024 * 1024
_GZIP_MAGIC: Final = b"\x1f\x8b"
_ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_GZIP_WINDOW: Final = 31
"""zlib's code for a gzip header and the largest window."""
_ZSTD_STEP_BYTES: Final = 2048
"""Bytes that are inflated at once, because the result cannot be bounded: four can become 128 kB, these 64 MB."""
_PART: Final = re.compile(r"(?P<path>.+)\[(?P<part>[^\[\]]+)\]")


class Backing(Protocol):
    """A file that lies elsewhere, and comes here when it is read."""

    @property
    def size_bytes(self) -> int:
        """Size of the file [bytes]."""
        ...

    def open(self) -> io.BufferedReader:
        """Open the file, fetched as a whole."""
        ...

    def glance(self) -> io.BufferedReader:
        """Open the file for a look at a few places, which need not fetch all of it."""
        ...

    def sha256(self) -> str:
        """Return the checksum of what was read."""
        ...

    def release(self) -> None:
        """Give back what the file takes here."""
        ...


@dataclass(frozen=True)
class Source:
    """A file to load, as the user named it: ``path`` or ``path[part]``.

    The part is the number or name of an extension (FITS) or of a table (VOTable).
    """

    name: str
    path: Path
    part: str | None = None
    file: BinaryIO | None = None
    """The file itself, when it is open and may have no path any more: uploads are files that nobody else sees."""
    max_bytes: int | None = None
    """Most bytes that it may have when it is unpacked; None for any."""
    backing: Backing | None = None
    """The file itself, when it lies elsewhere; ``path`` is its name only."""
    inside: str | None = None
    """Path in the folder that was named instead of the file, if one was."""

    @classmethod
    def of(cls, text: str) -> Source:
        """Read the user's word for a file.

        Raises
        ------
        IngestError
            If there is no such file.
        """
        path, part = Path(text), None
        found = None if path.exists() else _PART.fullmatch(text)
        if found is not None:
            path, part = Path(found["path"]), found["part"]
        if not path.exists():
            raise IngestError("there is no such file", file=text)
        if not path.is_file():
            raise IngestError(
                "it is not a file", file=text, hint="name the files one by one, or the folder of a HATS catalogue"
            )
        return cls(text, path, part)

    @property
    def label(self) -> str:
        """What releases call the file: where it is in the folder that was named, or its name without its folder."""
        part = "" if self.part is None else f"[{self.part}]"
        return f"{self.inside or self.path.name}{part}"

    @property
    def is_here(self) -> bool:
        """True for a file of this machine that has a path."""
        return self.file is None and self.backing is None

    def open(self) -> io.BufferedReader:
        """Open the file as it lies on disk."""
        if self.backing is not None:
            return self.backing.open()
        return self.path.open("rb") if self.file is None else view(self.file)

    def glance(self) -> io.BufferedReader:
        """Open the file for a look at a few places; of one that lies elsewhere only these come here."""
        return self.open() if self.backing is None else self.backing.glance()

    def release(self) -> None:
        """Tell that the rows were read: what the file takes here, if it lies elsewhere, is not needed any more."""
        if self.backing is not None:
            self.backing.release()

    @property
    def size_bytes(self) -> int:
        """Size on disk."""
        if self.backing is not None:
            return self.backing.size_bytes
        return self.path.stat().st_size if self.file is None else os.fstat(self.file.fileno()).st_size

    def state(self) -> tuple[int, int, int] | None:
        """Return what changes with the file; None when there is nothing to look at."""
        if not self.is_here or not self.path.exists():
            return None
        found = self.path.stat()
        return found.st_ino, found.st_size, found.st_mtime_ns

    def sha256(self) -> str:
        """Return the checksum of the file as it lies on disk, by a pass of its own over the bytes if it is here."""
        if self.backing is not None:
            return self.backing.sha256()
        with self.open() as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    def starts_with(self, n_bytes: int) -> bytes:
        """Return the first decompressed bytes."""
        with _inflated(self.glance(), self) as stream:
            return stream.read(n_bytes)

    @property
    def is_compressed(self) -> bool:
        """True for a gzip or zstandard file."""
        with self.glance() as stream:
            return stream.read(4).startswith((_GZIP_MAGIC, _ZSTD_MAGIC))

    def spooled(self) -> BinaryIO:
        """Return the decompressed file as one that can be sought: itself, or a temporary copy on disk."""
        if not self.is_compressed:
            return self.open()
        copy = tempfile.TemporaryFile(prefix="vo-server-")  # noqa: SIM115 - the caller closes it
        try:
            with open_bytes(self) as stream:
                while chunk := stream.read(CHUNK_BYTES):
                    copy.write(chunk)
        except BaseException:
            copy.close()
            raise
        copy.flush()
        return cast("BinaryIO", copy)


def view(file: BinaryIO) -> io.BufferedReader:
    """Open a file that is open already at a place of its own; it may be closed before this one is."""
    return io.BufferedReader(_View(os.dup(file.fileno())), CHUNK_BYTES)


class _View(io.RawIOBase):
    """A file that is open elsewhere, read from its start at a place of its own; closing it leaves that open."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # io asks for a writable buffer
        n_bytes = os.preadv(self._descriptor, [buffer], self._at)
        self._at += n_bytes
        return n_bytes

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at}.get(whence)
        self._at = (os.fstat(self._descriptor).st_size if start is None else start) + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def close(self) -> None:
        if not self.closed:
            os.close(self._descriptor)
        super().close()


class _Member(Protocol):
    """One compressed member of a file, inflated in steps whose results are bounded."""

    @property
    def is_done(self) -> bool:
        """True when the end of the member has been met."""
        ...

    def inflate(self, data: memoryview) -> tuple[bytes, int]:
        """Return the next bytes, perhaps none, and how many of the given ones they took."""
        ...


class _GzipMember:
    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(_GZIP_WINDOW)

    @property
    def is_done(self) -> bool:
        return self._inflater.eof

    def inflate(self, data: memoryview) -> tuple[bytes, int]:
        inflated = self._inflater.decompress(data, CHUNK_BYTES)
        rest = self._inflater.unused_data if self._inflater.eof else self._inflater.unconsumed_tail
        return inflated, len(data) - len(rest)


class _ZstdMember:
    def __init__(self) -> None:
        self._inflater = zstandard.ZstdDecompressor().decompressobj()

    @property
    def is_done(self) -> bool:
        return self._inflater.eof

    def inflate(self, data: memoryview) -> tuple[bytes, int]:
        taken = data[:_ZSTD_STEP_BYTES]
        return self._inflater.decompress(taken), len(taken) - len(self._inflater.unused_data)


class _Inflated(io.RawIOBase):
    """The decompressed bytes of a file of one or more compressed members."""

    def __init__(self, raw: BinaryIO, make: Callable[[], _Member], source: Source) -> None:
        self._raw = raw
        self._make = make
        self._name = source.name
        self._max_bytes = source.max_bytes
        self._n_bytes = 0
        self._member: _Member | None = None
        self._packed = memoryview(b"")
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # io asks for a writable buffer
        while not self._ready:
            if not self._packed:
                self._packed = memoryview(self._raw.read(CHUNK_BYTES))
            if not self._packed and self._member is None:
                return 0
            self._step(is_last=not self._packed)
        taken = min(len(buffer), len(self._ready))
        buffer[:taken] = self._ready[:taken]
        self._ready = self._ready[taken:]
        return taken

    def _step(self, *, is_last: bool) -> None:
        if self._member is None:
            if self._packed[0] == 0 and not bytes(self._packed).strip(b"\0"):
                # Tape blocks: zeros behind the last member mean nothing.
                self._packed = memoryview(b"")
                return
            self._member = self._make()
        try:
            inflated, n_taken = self._member.inflate(self._packed)
        except (zlib.error, zstandard.ZstdError) as error:
            raise IngestError(f"the compressed file is damaged: {error}", file=self._name) from error
        self._ready, self._packed = memoryview(inflated), self._packed[n_taken:]
        self._n_bytes += len(inflated)
        if self._max_bytes is not None and self._n_bytes > self._max_bytes:
            raise TooLargeError(
                f"{self._name} has more than the limit of {self._max_bytes} bytes when it is unpacked",
                hint="send fewer rows, or only the columns that the query needs",
            )
        if self._member.is_done:
            self._member = None
        elif is_last and not inflated:
            raise IngestError("the compressed file ends too early", file=self._name, hint="it is cut off; get it again")

    def close(self) -> None:
        self._raw.close()
        super().close()


def open_bytes(source: Source) -> BinaryIO:
    """Open a file for reading its decompressed bytes; the kind of compression is told by its first bytes."""
    return _inflated(source.open(), source)


def _inflated(raw: BinaryIO, source: Source) -> BinaryIO:
    magic = raw.read(4)
    raw.seek(0)
    if magic.startswith(_GZIP_MAGIC):
        inflated = _Inflated(raw, _GzipMember, source)
    elif magic.startswith(_ZSTD_MAGIC):
        inflated = _Inflated(raw, _ZstdMember, source)
    else:
        return raw
    return cast("BinaryIO", io.BufferedReader(inflated, CHUNK_BYTES))
