"""Clients that cost next to nothing: plain sockets, one large buffer, no parsing of what comes.

A client in Python that looked at the rows would itself be the slowest part of what is measured.
"""

from __future__ import annotations

import re
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import urlencode

from vo_server.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

__all__ = ["Address", "Answer", "Connection", "Download", "get", "job_request_of", "request_of", "upload_request_of"]

_CHUNKED_END: Final = re.compile(rb"\r\n0\r\n(?:[^\r\n]+\r\n)*\r\n\Z")
"""What ends a chunked answer that is complete: the last chunk, trailers, an empty line."""

_BOUNDARY: Final = "between-the-parts-of-a-benchmark"
_BUFFER_BYTES: Final = 1024 * 1024
_TIMEOUT_S: Final = 900.0
_KEPT_BYTES: Final = 1024
_CRLF: Final = b"\r\n"
_HEAD_END: Final = b"\r\n\r\n"


@dataclass(frozen=True)
class Address:
    """Where a server listens."""

    host: str
    port: int


@dataclass(frozen=True)
class Download:
    """What came of one request."""

    first_byte_s: float
    """From sending the request to the first bytes of the body [s]."""
    total_s: float
    """From sending the request to the end of the body [s]."""
    n_bytes: int
    """Bytes of the answer, its head included."""
    tail: bytes
    """The last bytes of the answer, at most a kilobyte."""


@dataclass(frozen=True)
class Answer:
    """A small answer as a whole."""

    status: int
    headers: Mapping[str, str]
    """By their names in lower case."""
    body: bytes


def request_of(address: Address, adql: str, *, response_format: str = "votable", maxrec: int | None = None) -> bytes:
    """Return a request for ``/tap/sync`` as it goes over the wire."""
    given = {"LANG": "ADQL", "QUERY": adql, "RESPONSEFORMAT": response_format}
    return _form_request(address, "/tap/sync", given if maxrec is None else {**given, "MAXREC": str(maxrec)})


def job_request_of(address: Address, adql: str) -> bytes:
    """Return a request for a job that is run at once."""
    return _form_request(address, "/tap/async", {"LANG": "ADQL", "QUERY": adql, "PHASE": "RUN"})


def _form_request(address: Address, path: str, given: Mapping[str, str]) -> bytes:
    body = urlencode(given)
    return (
        f"POST {path} HTTP/1.1\r\nHost: {address.host}:{address.port}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def get(path: str) -> bytes:
    """Return a request for what is at a path."""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def upload_request_of(address: Address, adql: str, table: bytes, *, maxrec: int) -> bytes:
    """Return a request for ``/tap/sync`` with a table that the query knows as ``TAP_UPLOAD.mine``."""
    given = {"LANG": "ADQL", "QUERY": adql, "MAXREC": str(maxrec), "UPLOAD": "mine,param:mine"}
    parts = [
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in given.items()
    ]
    parts.append(f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="mine"; filename="mine"\r\n\r\n'.encode())
    body = b"".join([*parts, table, f"\r\n--{_BOUNDARY}--\r\n".encode()])
    head = (
        f"POST /tap/sync HTTP/1.1\r\nHost: {address.host}:{address.port}\r\n"
        f"Content-Type: multipart/form-data; boundary={_BOUNDARY}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Connection:
    """One connection that is kept for many requests, as clients with a session do."""

    def __init__(self, address: Address) -> None:
        self._socket = socket.create_connection((address.host, address.port), timeout=_TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray(_BUFFER_BYTES)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def fetch(self, request: bytes) -> Download:
        """Send a request and read the answer to its end.

        Raises
        ------
        EngineError
            If the status is not 200 or the answer breaks off.
        """
        begin = time.perf_counter()
        self._socket.sendall(request)
        head = b""
        while _HEAD_END not in head:
            head += self._last(self._receive())
        head, _, tail = head.partition(_HEAD_END)
        length = _answer_length(head)
        tail = tail or self._last(self._receive())
        first_byte_s = time.perf_counter() - begin
        n_bytes = len(tail)
        while not (n_bytes >= length if length is not None else _CHUNKED_END.search(_CRLF + tail)):
            n_new = self._receive()
            n_bytes += n_new
            # The end may come in two pieces, so that enough is kept of what came before.
            tail = (tail + self._last(n_new, _KEPT_BYTES))[-_KEPT_BYTES:]
        return Download(first_byte_s, time.perf_counter() - begin, len(head) + len(_HEAD_END) + n_bytes, tail)

    def ask(self, request: bytes) -> Answer:
        """Send a request whose answer is small and tells its length, and return the answer, whatever its status.

        Raises
        ------
        EngineError
            If the answer breaks off or does not tell its length.
        """
        self._socket.sendall(request)
        head = b""
        while _HEAD_END not in head:
            head += self._last(self._receive())
        head, _, body = head.partition(_HEAD_END)
        status, *lines = head.decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        if "content-length" not in headers:
            raise EngineError(f"an answer with status {status} does not tell its length")
        while len(body) < int(headers["content-length"]):
            body += self._last(self._receive())
        return Answer(int(status.split()[1]), headers, body)

    def _receive(self) -> int:
        """Wait for more bytes, put them into the buffer, and return their number."""
        n_bytes = self._socket.recv_into(self._buffer)
        if not n_bytes:
            raise EngineError("the answer broke off")
        return n_bytes

    def _last(self, n_bytes: int, most: int = _BUFFER_BYTES) -> bytes:
        """Return the last of the first ``n_bytes`` in the buffer."""
        return bytes(memoryview(self._buffer)[max(0, n_bytes - most) : n_bytes])


def _answer_length(head: bytes) -> int | None:
    """Return the length that the head of an answer tells; None when the answer comes in chunks.

    Raises
    ------
    EngineError
        If the status is not 200.
    """
    status, *lines = head.split(b"\r\n")
    if b" 200 " not in status:
        raise EngineError(f"the server answered {status.decode(errors='replace')}")
    for line in lines:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    return None
