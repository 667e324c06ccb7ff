"""Compression on demand, over real HTTP: what arrives, when, and for whom."""

from __future__ import annotations

import threading
import zlib
from typing import TYPE_CHECKING

import httpx
import pytest
import zstandard
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from tests.support.service import serving
from vo_server.web.compress import SMALL_BYTES, CompressionMiddleware, choose_coding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

ROWS = [b"%06d,first rows arrive early\r\n" % number for number in range(5000)]
TEXT = b"".join(ROWS)
GO_ON = threading.Event()


async def _stream(request: Request) -> Response:
    def pieces() -> Iterator[bytes]:
        yield ROWS[0]
        assert GO_ON.wait(30)
        yield b"".join(ROWS[1:])

    return StreamingResponse(pieces(), media_type="text/csv", headers={"Content-Length": str(len(TEXT))})


async def _whole(request: Request) -> Response:
    n_bytes = int(request.query_params.get("bytes", "100000"))
    return Response(TEXT[:n_bytes], media_type=request.query_params.get("type", "text/csv"))


async def _encoded(request: Request) -> Response:
    return Response(TEXT, headers={"Content-Encoding": "br"})


async def _nothing(request: Request) -> Response:
    return Response(status_code=304)


APP = Starlette(
    routes=[
        Route("/stream", _stream),
        Route("/whole", _whole),
        Route("/encoded", _encoded),
        Route("/nothing", _nothing),
    ],
    middleware=[Middleware(CompressionMiddleware)],
)


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with serving(APP) as (url, _), httpx.Client(base_url=url, timeout=30) as client:
        yield client


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        ("", None),
        ("identity", None),
        ("*", None),
        ("br, deflate", None),
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("br,x-gzip", "gzip"),
        ("zstd", "zstd"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip;q=1.0, zstd;q=0.5", "gzip"),
        ("gzip;q=0", None),
        ("gzip; q=0.0", None),
        ("gzip;q=0, zstd", "zstd"),
        ("gzip;q=0.001", "gzip"),
        ("gzip;q=0.5, identity", None),
        ("gzip;q=0.5, identity;q=0.4", "gzip"),
        ("gzip, identity;q=0", "gzip"),
        ("identity;q=0, *", "zstd"),
        ("identity;q=0, *, zstd;q=0", "gzip"),
        ("identity;q=0", None),
        ("identity;q=0, *;q=0", None),
        ("gzip;q=nonsense", "gzip"),
        (",,;q=1,", None),
    ],
)
def test_what_a_client_asks_for(accepted: str, expected: str | None) -> None:
    assert choose_coding(accepted) == expected


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
@pytest.mark.parametrize("path", ["/stream", "/whole?bytes=1000000"])
def test_every_byte_arrives(client: httpx.Client, coding: str, path: str) -> None:
    GO_ON.set()
    answer = client.get(path, headers={"Accept-Encoding": coding})
    assert answer.headers["Content-Encoding"] == coding
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert answer.content == TEXT
    assert answer.num_bytes_downloaded < len(TEXT) / 3


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_the_first_piece_of_a_stream_can_be_read_before_the_second_is_there(client: httpx.Client, coding: str) -> None:
    GO_ON.clear()
    decoder = zlib.decompressobj(31) if coding == "gzip" else zstandard.ZstdDecompressor().decompressobj()
    with client.stream("GET", "/stream", headers={"Accept-Encoding": coding}) as answer:
        raw = answer.iter_raw()
        found = b""
        while len(found) < len(ROWS[0]):
            found += decoder.decompress(next(raw))
        assert found == ROWS[0]
        assert not GO_ON.is_set()
        GO_ON.set()
        for piece in raw:
            found += decoder.decompress(piece)
    assert found == TEXT


def test_nobody_gets_what_was_not_asked_for_but_caches_learn_that_it_differs(client: httpx.Client) -> None:
    answer = client.get("/whole", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in answer.headers
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert int(answer.headers["Content-Length"]) == len(answer.content)


@pytest.mark.parametrize(
    "path",
    [f"/whole?bytes={SMALL_BYTES - 1}", "/whole?type=application/vnd.apache.parquet", "/encoded", "/nothing"],
)
def test_what_would_not_gain_goes_as_it_is(client: httpx.Client, path: str) -> None:
    with client.stream("GET", path, headers={"Accept-Encoding": "gzip"}) as answer:
        assert answer.headers.get("Content-Encoding") in {None, "br"}


def test_a_whole_answer_has_the_length_of_what_is_sent(client: httpx.Client) -> None:
    with client.stream("GET", "/whole", headers={"Accept-Encoding": "gzip"}) as answer:
        assert int(answer.headers["Content-Length"]) == len(b"".join(answer.iter_raw()))


def test_head_says_nothing_of_a_coding(client: httpx.Client) -> None:
    answer = client.head("/whole", headers={"Accept-Encoding": "gzip"})
    assert answer.status_code == 200
    assert "Content-Encoding" not in answer.headers
