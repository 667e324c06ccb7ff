"""Open a file as a stream of its decompressed bytes, and tell plainly when it is cut off."""

from __future__ import annotations

import hashlib
import io
import re
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol, cast

import zstandard

from vo_server.errors import IngestError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Source", "open_bytes"]

CHUNK_BYTES: Final = 1024 * 1024
_GZIP_MAGIC: Final = b"\x1f\x8b"
_ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_GZIP_WINDOW: Final = 31
"""zlib's code for a gzip header and the largest window."""
_PART: Final = re.compile(r"(?P<path>.+)\[(?P<part>[^\[\]]+)\]")


@dataclass(frozen=True)
class Source:
    """A file to load, as the user named it: ``path`` or ``path[part]``.

    The part is the number or name of an extension (FITS) or of a table (VOTable).
    """

    name: str
    path: Path
    part: str | None = None

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
            raise IngestError("it is not a file", file=text, hint="name the files one by one")
        return cls(text, path, part)

    @property
    def size_bytes(self) -> int:
        """Size on disk."""
        return self.path.stat().st_size

    def sha256(self) -> str:
        """Return the checksum of the file as it lies on disk; a pass of its own over the bytes."""
        with self.path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    def starts_with(self, n_bytes: int) -> bytes:
        """Return the first decompressed bytes."""
        with open_bytes(self) as stream:
            return stream.read(n_bytes)

    @property
    def is_compressed(self) -> bool:
        """True for a gzip or zstandard file."""
        with self.path.open("rb") as stream:
            return stream.read(4).startswith((_GZIP_MAGIC, _ZSTD_MAGIC))

    def spooled(self) -> BinaryIO:
        """Return the decompressed file as one that can be sought: itself, or a temporary copy on disk."""
        if not self.is_compressed:
            return self.path.open("rb")
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


class _Decompressor(Protocol):
    """What :mod:`zlib` and :mod:`zstandard` have in common."""

    eof: bool
    unused_data: bytes

    def decompress(self, data: bytes, /) -> bytes: ...


class _Inflated(io.RawIOBase):
    """The decompressed bytes of a file of one or more compressed members."""

    def __init__(self, raw: BinaryIO, make: Callable[[], _Decompressor], name: str) -> None:
        self._raw = raw
        self._make = make
        self._name = name
        self._member = make()
        self._is_inside = False
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # io asks for a writable buffer
        while not self._ready:
            data = self._member.unused_data if self._member.eof else b""
            if self._member.eof:
                self._member, self._is_inside = self._make(), False
            data = data or self._raw.read(CHUNK_BYTES)
            if not data:
                if self._is_inside:
                    raise IngestError(
                        "the compressed file ends too early", file=self._name, hint="it is cut off; get it again"
                    )
                return 0
            self._feed(data)
        taken = min(len(buffer), len(self._ready))
        buffer[:taken] = self._ready[:taken]
        self._ready = self._ready[taken:]
        return taken

    def _feed(self, data: bytes) -> None:
        if not self._is_inside and not data.strip(b"\0"):
            # Tape blocks: zeros behind the last member mean nothing.
            return
        self._is_inside = True
        try:
            self._ready = memoryview(self._member.decompress(data))
        except (zlib.error, zstandard.ZstdError) as error:
            raise IngestError(f"the compressed file is damaged: {error}", file=self._name) from error
        if self._member.eof:
            self._is_inside = False

    def close(self) -> None:
        self._raw.close()
        super().close()


def open_bytes(source: Source) -> BinaryIO:
    """Open a file for reading its decompressed bytes; the kind of compression is told by its first bytes."""
    raw = source.path.open("rb")
    magic = raw.read(4)
    raw.seek(0)
    if magic.startswith(_GZIP_MAGIC):
        inflated = _Inflated(raw, lambda: cast("_Decompressor", zlib.decompressobj(_GZIP_WINDOW)), source.name)
    elif magic.startswith(_ZSTD_MAGIC):
        context = zstandard.ZstdDecompressor()
        inflated = _Inflated(raw, lambda: cast("_Decompressor", context.decompressobj()), source.name)
    else:
        return raw
    return cast("BinaryIO", io.BufferedReader(inflated, CHUNK_BYTES))
