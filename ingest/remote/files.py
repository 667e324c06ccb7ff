"""A file elsewhere: looked into by ranges, or fetched to a file without a name, with a checksum of what was read."""

from __future__ import annotations

import hashlib
import io
import os
import re
import tempfile
import threading
import weakref
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol, cast

from ingest.remote.faults import Patience, StatusError, is_transient, status_of, told
from vo_server.errors import IngestError
from vo_server.formats.read.source import view

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Facts", "RemoteBytes", "RemoteFile"]

_GLANCE_BYTES: Final = 256 * 1024
"""Bytes that a look into a file fetches at once."""

_PAGE: Final = re.compile(rb"^(\xef\xbb\xbf)?\s*(<!doctype html|<html)", re.IGNORECASE)
_PAGE_BYTES: Final = 512


@dataclass(frozen=True)
class Facts:
    """What tells a version of a file from another one."""

    size_bytes: int | None
    """None when the server does not tell it."""
    etag: str | None
    modified: str | None
    has_ranges: bool = field(default=False, compare=False)
    """Whether parts of it can be asked for."""


class RemoteBytes(Protocol):
    """How the bytes of a file elsewhere are had; what goes wrong comes out as the driver has it."""

    def facts(self) -> Facts:
        """Ask what the file is now."""
        ...

    def stream(self, start: int, facts: Facts) -> Iterator[bytes]:
        """Yield the bytes from a place on; fail with status 412 when the file is another one now."""
        ...

    def range(self, start: int, end: int, facts: Facts) -> bytes:
        """Return the bytes from ``start`` to before ``end``."""
        ...


class RemoteFile:
    """A file elsewhere; a :class:`~vo_server.formats.read.source.Backing`.

    Parameters
    ----------
    bytes_
        How its bytes are had.
    shown
        Its URL as it may be shown.
    folder
        Where it is kept while it is read. The file there has no name: whatever happens to this process, it is gone
        afterwards.
    patience
        How often a step is tried.
    """

    def __init__(self, bytes_: RemoteBytes, *, shown: str, folder: Path, patience: Patience | None = None) -> None:
        self._bytes = bytes_
        self._shown = shown
        self._folder = folder
        self._patience = patience or Patience()
        self._lock = threading.RLock()
        self._facts: Facts | None = None
        self._spool: BinaryIO | None = None
        self._spooled: tuple[int, str] | None = None
        self._seen = (0, b"")
        """The last range that was looked at: several readers look at the same beginning."""

    @property
    def size_bytes(self) -> int:
        """Size of the file [bytes]; fetches it when the server does not tell."""
        known = self._known().size_bytes
        return self._fetched()[0] if known is None else known

    def sha256(self) -> str:
        """Return the checksum of what was read; fetches the file when that was not done yet."""
        return self._fetched()[1]

    def glance(self) -> io.BufferedReader:
        """Open the file for a look at a few places: by ranges where that is possible."""
        facts = self._known()
        with self._lock:
            if self._spool is None and facts.has_ranges and facts.size_bytes is not None:
                return io.BufferedReader(_Ranges(self, facts.size_bytes), _GLANCE_BYTES)
        return self.open()

    def open(self) -> io.BufferedReader:
        """Open the file, fetched as a whole to the disk of this machine."""
        with self._lock:
            return view(self._fetch())

    def release(self) -> None:
        """Give back the disk; who opens the file again fetches it again."""
        with self._lock:
            if self._spool is not None:
                self._spool.close()
                self._spool = None

    def read_range(self, start: int, end: int) -> bytes:
        """Return the bytes from ``start`` to before ``end``."""
        facts = self._known()
        with self._lock:
            first, block = self._seen
            if not first <= start <= end <= first + len(block):
                try:
                    block = self._patience.call(lambda: self._bytes.range(start, end, facts))
                    if start == 0:
                        self._check_content(block)
                except Exception as error:
                    raise self._told(error) from error
                first, self._seen = start, (start, block)
        return block[start - first : end - first]

    def _known(self) -> Facts:
        with self._lock:
            if self._facts is None:
                try:
                    self._facts = self._patience.call(self._bytes.facts)
                except Exception as error:
                    raise self._told(error) from error
            return self._facts

    def _fetched(self) -> tuple[int, str]:
        with self._lock:
            if self._spooled is None:
                self._fetch()
            assert self._spooled is not None
            return self._spooled

    def _fetch(self) -> BinaryIO:
        if self._spool is not None:
            return self._spool
        facts = self._known()
        self._folder.mkdir(parents=True, exist_ok=True)
        spool = tempfile.TemporaryFile(prefix="vo-server-", dir=self._folder)  # noqa: SIM115 - release() closes it
        try:
            digest = self._transfer(cast("BinaryIO", spool), facts)
            self._check_digest(digest)
        except Exception as error:
            spool.close()
            raise self._told(error) from error
        except BaseException:
            spool.close()
            raise
        weakref.finalize(self, spool.close)
        self._spool, self._spooled = cast("BinaryIO", spool), (spool.tell(), digest)
        return self._spool

    def _transfer(self, spool: BinaryIO, facts: Facts) -> str:
        """Fetch everything; where it breaks off it goes on, if the server can, or begins anew."""
        digest, attempt = hashlib.sha256(), 1
        while True:
            before = spool.tell()
            try:
                for chunk in self._bytes.stream(before, facts):
                    if spool.tell() == 0:
                        self._check_content(chunk)
                    spool.write(chunk)
                    digest.update(chunk)
                break
            except Exception as error:
                attempt = 1 if facts.has_ranges and spool.tell() > before else attempt
                if attempt >= self._patience.attempts or not is_transient(error):
                    raise
            self._patience.wait(attempt)
            attempt += 1
            if not facts.has_ranges:
                spool.seek(0)
                spool.truncate()
                digest = hashlib.sha256()
        if facts.size_bytes is not None and spool.tell() != facts.size_bytes:
            raise IngestError(
                f"{spool.tell()} of {facts.size_bytes} bytes were sent",
                file=self._shown,
                hint="the transfer was cut off, or the file changed meanwhile; load it again",
            )
        spool.flush()
        return digest.hexdigest()

    def _check_digest(self, digest: str) -> None:
        if self._spooled is not None and self._spooled[1] != digest:
            raise StatusError(HTTPStatus.PRECONDITION_FAILED)

    def _check_content(self, first: bytes) -> None:
        if _PAGE.match(first[:_PAGE_BYTES]):
            raise IngestError(
                "the server sent a web page, not a table",
                file=self._shown,
                hint="is a login needed, or is this the page about the file instead of the file?",
            )

    def _told(self, error: Exception) -> IngestError:
        if status_of(error) == HTTPStatus.PRECONDITION_FAILED:
            return IngestError(
                "it was changed while it was read", file=self._shown, hint="load it again, when it stays as it is"
            )
        if isinstance(error, IngestError) and error.file is None:
            return IngestError(error.message, file=self._shown, hint=error.hint)
        return told(error, file=self._shown)


class _Ranges(io.RawIOBase):
    """The file as one that can be sought, each read a range of it."""

    def __init__(self, file: RemoteFile, size_bytes: int) -> None:
        self._file = file
        self._size_bytes = size_bytes
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # io asks for a writable buffer
        end = min(self._at + len(buffer), self._size_bytes)
        if end <= self._at:
            return 0
        block = self._file.read_range(self._at, end)
        buffer[: len(block)] = block
        self._at += len(block)
        return len(block)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at}.get(whence, self._size_bytes)
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        return self._at
