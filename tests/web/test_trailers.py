"""Fields after the last chunk, read from the wire."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tests.support.service import serving
from vo_server.web.trailers import EXTENSION


class _Told:
    """An answer with trailers where they are offered."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        is_offered = EXTENSION in scope.get("extensions", {})
        headers = [(b"content-type", b"text/plain"), (b"x-offered", str(is_offered).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers, "trailers": is_offered})
        await send({"type": "http.response.body", "body": b"rows", "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        if is_offered:
            await send({"type": EXTENSION, "headers": [(b"x-one", b"1")], "more_trailers": True})
            await send({"type": EXTENSION, "headers": [(b"x-two", b"2")], "more_trailers": False})


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving(Starlette(routes=[Route("/", _Told())])) as (url, _):
        yield url


def _raw(url: str, request: bytes) -> bytes:
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_trailers_come_after_the_last_chunk(url: str) -> None:
    answer = _raw(url, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert answer.endswith(b"\r\n4\r\nrows\r\n0\r\nx-one: 1\r\nx-two: 2\r\n\r\n")


def test_the_connection_is_good_for_another_request(url: str) -> None:
    one = b"GET / HTTP/1.1\r\nHost: a\r\n"
    answer = _raw(url, one + b"\r\n" + one + b"Connection: close\r\n\r\n")
    assert answer.count(b"x-two: 2") == 2
    with httpx.Client(timeout=60) as client:
        assert [client.get(url).text for _ in range(3)] == ["rows"] * 3


@pytest.mark.parametrize("request_line", [b"HEAD / HTTP/1.1", b"GET / HTTP/1.0"])
def test_they_are_not_offered_where_there_is_no_place_for_them(url: str, request_line: bytes) -> None:
    answer = _raw(url, request_line + b"\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert b"x-offered: False" in answer
    assert b"x-one" not in answer
