"""Read files of web servers through fsspec: in ranges where the server can, as one stream elsewhere."""

from __future__ import annotations

import re
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import fsspec

from ingest.remote.faults import StatusError
from ingest.remote.files import Facts

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["WebFile"]

_CONNECT_S: Final = 30.0
_SILENCE_S: Final = 60.0
"""Longest time without a byte [s]; a large file may take as long as it needs."""

_CONTENT_RANGE: Final = re.compile(r"bytes (?P<first>\d+)-(?P<last>\d+)/(?P<size>\d+|\*)")


class WebFile:
    """A file behind an HTTP URL; a :class:`~ingest.remote.files.RemoteBytes`."""

    def __init__(self, url: str) -> None:
        self._url = url

    def facts(self) -> Facts:
        """Ask for the first byte, which tells more than a HEAD that servers do not allow or answer wrongly."""
        with self._asked({"Range": "bytes=0-0"}) as response:
            return _facts(response)

    def stream(self, start: int, facts: Facts) -> Iterator[bytes]:
        """Yield the bytes from a place on.

        Raises
        ------
        StatusError
            If the server does not send them; 412 when the file is not the one of the facts any more.
        """
        # A server that knows If-Range sends the whole of a changed file, which the status tells.
        version = {"If-Range": facts.etag} if facts.etag and not facts.etag.startswith("W/") else {}
        headers = {"Range": f"bytes={start}-", **version} if start else {}
        with self._asked(headers) as response:
            if start and response.status != HTTPStatus.PARTIAL_CONTENT:
                raise StatusError(HTTPStatus.PRECONDITION_FAILED)
            if _facts(response) != facts:
                raise StatusError(HTTPStatus.PRECONDITION_FAILED)
            yield from self._content(response)

    def range(self, start: int, end: int, facts: Facts) -> bytes:
        """Return the bytes from ``start`` to before ``end``."""
        with self._asked({"Range": f"bytes={start}-{end - 1}"}) as response:
            if response.status != HTTPStatus.PARTIAL_CONTENT or _facts(response) != facts:
                raise StatusError(HTTPStatus.PRECONDITION_FAILED)
            return b"".join(self._content(response))

    @contextmanager
    def _asked(self, headers: dict[str, str]) -> Iterator[Any]:
        """Give the response to a request; its content is read by :meth:`_content`."""
        # Without a size given, fsspec would ask for it by a request of its own.
        self._file = _file_system().open(
            self._url, block_size=0, size=1, headers={"Accept-Encoding": "identity", **headers}
        )
        try:
            yield self._file.r
        finally:
            self._file.close()

    def _content(self, response: Any) -> Iterator[bytes]:
        left = int(response.headers["Content-Length"]) if "Content-Length" in response.headers else None
        while chunk := self._file.read(1024 * 1024):
            if left is not None:
                left -= len(chunk)
            yield chunk
        if left:
            raise EOFError(f"the transfer was cut off {left} bytes before its end")


def _facts(response: Any) -> Facts:
    headers = response.headers
    found = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))
    if response.status == HTTPStatus.PARTIAL_CONTENT and found is not None:
        size = None if found["size"] == "*" else int(found["size"])
    else:
        size = int(headers["Content-Length"]) if "Content-Length" in headers else None
    has_ranges = response.status == HTTPStatus.PARTIAL_CONTENT or headers.get("Accept-Ranges") == "bytes"
    return Facts(size, headers.get("ETag"), headers.get("Last-Modified"), has_ranges=has_ranges)


def _file_system() -> Any:
    import aiohttp  # noqa: PLC0415 - only loads from the web need it

    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=_SILENCE_S)
    # What is packed stays packed: the checksum is that of the file, and readers unpack it.
    return fsspec.filesystem("http", client_kwargs={"timeout": timeout, "auto_decompress": False, "trust_env": True})
