"""HTTP/1.1 as it is on the wire: chunks, trailers, and whether an answer has its end."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

import h11

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Answer", "fetch", "request_bytes", "start"]


@dataclass
class Answer:
    """What came back."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    """By lower-case name."""
    body: bytes = b""
    trailers: dict[str, str] = field(default_factory=dict)
    is_complete: bool = False
    """Whether the end of the message came; a connection that breaks off has none."""


def request_bytes(url: str, given: Mapping[str, object], headers: Mapping[str, str] | None = None) -> bytes:
    """Return a GET request."""
    parts = urlsplit(url)
    lines = [f"GET {parts.path}?{urlencode(given)} HTTP/1.1", f"Host: {parts.netloc}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def start(url: str, given: Mapping[str, object], *, receive_bytes: int | None = None) -> socket.socket:
    """Send a GET request and return the connection, from which nothing has been read.

    Parameters
    ----------
    receive_bytes
        Size of the receive buffer; small ones make a slow reader felt at once.
    """
    parts = urlsplit(url)
    connection = socket.socket()
    if receive_bytes is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    connection.settimeout(30)
    connection.connect((parts.hostname or "", parts.port or 80))
    connection.sendall(request_bytes(url, given))
    return connection


def fetch(url: str, given: Mapping[str, object]) -> Answer:
    """GET something and read all there is."""
    answer = Answer()
    reader = h11.Connection(h11.CLIENT)
    reader.send(h11.Request(method="GET", target="/", headers=[("Host", "x"), ("Connection", "close")]))
    reader.send(h11.EndOfMessage())
    body = bytearray()
    with start(url, given) as connection:
        while not answer.is_complete:
            try:
                event = reader.next_event()
            except h11.RemoteProtocolError:
                break
            if event is h11.NEED_DATA:
                reader.receive_data(connection.recv(65536))
            elif isinstance(event, h11.Response):
                answer.status = event.status_code
                answer.headers = {name.decode(): value.decode() for name, value in event.headers}
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                answer.trailers = {name.decode(): value.decode() for name, value in event.headers}
                answer.is_complete = True
            else:
                break
    answer.body = bytes(body)
    return answer
