"""The cheap client, against a socket that says what a test wants."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from ingest.bench.service.client import Address, Connection, request_of
from ingest.bench.service.load import load
from vo_server.errors import EngineError

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@contextmanager
def _saying(*answers: Sequence[bytes]) -> Iterator[Address]:
    """Listen, and answer the requests of one connection, each in the given pieces; then close."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            listening.close()  # Whoever comes again is refused, instead of waiting for nobody.
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for pieces in answers:
                    connection.recv(65_536)
                    for piece in pieces:
                        connection.sendall(piece)
                        threading.Event().wait(0.01)

        thread = threading.Thread(target=answer)
        port = listening.getsockname()[1]
        thread.start()
        yield Address("127.0.0.1", port)
        thread.join(10)


@pytest.mark.parametrize("trailers", [b"", b"X-Rows: 3\r\nX-More: no\r\n"], ids=["plain", "trailers"])
def test_a_chunked_answer_ends_with_its_last_chunk_wherever_it_is_cut(trailers: bytes) -> None:
    whole = CHUNKED + b"3\r\nabc\r\n0\r\n" + trailers + b"\r\n"
    for cut in range(1, len(whole)):
        with _saying([whole[:cut], whole[cut:]]) as address, Connection(address) as connection:
            got = connection.fetch(request_of(address, "SELECT 1"))
        assert got.n_bytes == len(whole)
        assert got.tail.endswith(b"abc\r\n0\r\n" + trailers + b"\r\n")


def test_one_connection_carries_many_answers() -> None:
    sized = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    with _saying([sized], [CHUNKED, b"0\r\n\r\n"], [sized[:-2], sized[-2:]]) as address, Connection(address) as one:
        sizes = [one.fetch(request_of(address, "SELECT 1")).n_bytes for _ in range(3)]
    assert sizes == [len(sized), len(CHUNKED) + 5, len(sized)]


def test_an_answer_that_breaks_off_is_an_error() -> None:
    with (
        _saying([CHUNKED, b"3\r\nabc\r\n"]) as address,
        Connection(address) as connection,
        pytest.raises(EngineError, match="broke off"),
    ):
        connection.fetch(request_of(address, "SELECT 1"))


def test_another_status_is_an_error() -> None:
    with (
        _saying([b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"]) as address,
        Connection(address) as connection,
        pytest.raises(EngineError, match="400 Bad Request"),
    ):
        connection.fetch(request_of(address, "SELECT 1"))


def test_answers_that_fail_count_as_errors_of_a_load() -> None:
    bad = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
    good = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    with _saying([good], [bad]) as address:
        found = load(address, [b"GET / HTTP/1.1\r\n\r\n"], n_clients=1, seconds=0.5)
    assert len(found.latencies_ms) == 1
    assert found.n_errors >= 1
