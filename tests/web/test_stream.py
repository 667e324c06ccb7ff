"""The contract of a streamed response, with sources that block, fail and count."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from typing import TYPE_CHECKING

import anyio
import httpx
import pyarrow as pa
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from tests.support.service import serving
from vo_server.errors import EngineError, QueryCancelledError, TooManyError
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.query import QueryResult, arrow_schema
from vo_server.model.table import Column
from vo_server.web.gate import Gate
from vo_server.web.sources import ResultSource
from vo_server.web.stream import BrokenStreamError, Patience, StreamedResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Message

COLUMNS = (Column("a", DataType(Primitive.INT)),)
SCHEMA = arrow_schema(COLUMNS)
LEAVING_S = 5
"""Time that a query may outlive its client [s]: far less is usual, but the machine of the tests may be busy."""


class _Rows:
    """An engine's answer with a fault switch: may wait before, or die at, a batch; wakes up when it is closed."""

    def __init__(self, n_batches: int, *, wait_at: int = -1, die_at: int = -1) -> None:
        self.n_batches = n_batches
        self.wait_at = wait_at
        self.die_at = die_at
        self.n_read = 0
        self.is_waiting = threading.Event()
        self.is_closed = threading.Event()

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return self

    def __next__(self) -> pa.RecordBatch:
        if self.n_read == self.wait_at:
            self.is_waiting.set()
            self.is_closed.wait(30)
        if self.is_closed.is_set():
            raise QueryCancelledError("closed")
        if self.n_read == self.die_at:
            raise EngineError("the disk is gone")
        if self.n_read == self.n_batches:
            raise StopIteration
        self.n_read += 1
        return pa.record_batch([pa.array([self.n_read], pa.int32())], schema=SCHEMA)

    def result(self) -> QueryResult:
        return QueryResult(COLUMNS, self, maxrec=10**9, on_close=self.is_closed.set)


def _write(result: QueryResult) -> Iterator[bytes]:
    """A format with a head and a tail that tells of failures, then raises (as a Writer does)."""
    yield b"head"
    try:
        for batch in result.batches:
            yield b"".join(b" %d" % number for number in batch["a"].to_pylist())
    except EngineError as error:
        yield f" failed: {error}".encode()
        raise
    yield b" tail"


def _write_much(result: QueryResult) -> Iterator[bytes]:
    """A format whose batches are no small pieces."""
    return (bytes(70_000) for _ in result.batches)


class _Client:
    """The other side of the connection."""

    def __init__(self, *, leaves: Callable[[], bool] = lambda: False) -> None:
        self.messages: list[Message] = []
        self.leaves = leaves

    async def receive(self) -> Message:
        while not self.leaves():  # noqa: ASYNC110 - what is waited for happens in a thread
            await anyio.sleep(0.005)
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.messages.append(message)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages)

    @property
    def is_complete(self) -> bool:
        return bool(self.messages) and not self.messages[-1].get("more_body", True)


def _deliver(
    rows: _Rows,
    client: _Client,
    *,
    method: str = "GET",
    is_failure_told: bool = False,
    write: Callable[[QueryResult], Iterator[bytes]] = _write,
) -> float:
    """Run one response and return how long it took [s]."""

    async def deliver() -> float:
        source = ResultSource(rows.result, write, is_failure_told=is_failure_told)
        response = StreamedResponse(source, headers={"Content-Type": "text/x-test"}, gate=Gate(1))
        begin = time.monotonic()
        await response({"type": "http", "method": method}, client.receive, client.send)
        return time.monotonic() - begin

    return anyio.run(deliver)


def test_a_result_is_sent_in_order_and_closed() -> None:
    rows, client = _Rows(3), _Client()
    _deliver(rows, client)
    assert client.body == b"head 1 2 3 tail"
    assert client.messages[0]["status"] == 200
    assert (b"content-type", b"text/x-test") in client.messages[0]["headers"]
    assert client.is_complete
    assert rows.is_closed.is_set()


def test_small_pieces_go_together() -> None:
    client = _Client()
    _deliver(_Rows(3), client)
    assert [message.get("body") for message in client.messages[1:]] == [b"head 1 2 3 tail"]


def test_small_pieces_are_sent_while_rows_are_waited_for() -> None:
    rows, client = _Rows(1000, wait_at=2), _Client()
    client.leaves = lambda: bool(client.body)
    _deliver(rows, client)
    assert rows.is_waiting.is_set()
    assert client.body == b"head 1 2"


def test_pieces_that_are_sent_early_stay_in_order() -> None:
    def write(result: QueryResult) -> Iterator[bytes]:
        for number, _ in enumerate(result.batches):
            time.sleep(0.002)
            yield b"%d " % number

    client = _Client()
    anyio.run(
        StreamedResponse(ResultSource(_Rows(300).result, write, is_failure_told=False), headers={}),
        {"type": "http", "method": "GET"},
        client.receive,
        client.send,
    )
    assert client.body.split() == [b"%d" % number for number in range(300)]
    assert len(client.messages) > 3, "nothing was sent before the end"
    assert client.is_complete


def test_a_head_request_gets_the_headers_and_reads_no_further_than_the_first_batch() -> None:
    rows, client = _Rows(1000), _Client()
    _deliver(rows, client, method="HEAD")
    assert client.body == b""
    assert client.is_complete
    assert rows.n_read == 1
    assert rows.is_closed.is_set()


def test_an_error_before_the_first_batch_is_raised_with_nothing_sent() -> None:
    rows, client = _Rows(3, die_at=0), _Client()
    with pytest.raises(EngineError, match="the disk is gone"):
        _deliver(rows, client)
    assert client.messages == []
    assert rows.is_closed.is_set()


def test_an_error_in_the_middle_breaks_the_connection_where_the_format_cannot_tell_it() -> None:
    rows, client = _Rows(3, die_at=2), _Client()
    with pytest.raises(BrokenStreamError, match="the disk is gone"):
        _deliver(rows, client)
    assert not client.is_complete
    assert rows.is_closed.is_set()


def test_an_error_in_the_middle_ends_a_document_that_tells_it() -> None:
    rows, client = _Rows(3, die_at=2), _Client()
    _deliver(rows, client, is_failure_told=True)
    assert client.body == b"head 1 2 failed: the disk is gone"
    assert client.is_complete


@pytest.mark.parametrize("wait_at", [pytest.param(0, id="before-the-first-batch"), pytest.param(2, id="in-the-middle")])
def test_a_client_that_leaves_stops_a_query_that_computes(wait_at: int) -> None:
    rows = _Rows(1000, wait_at=wait_at)
    client = _Client(leaves=rows.is_waiting.is_set)
    assert _deliver(rows, client) < LEAVING_S
    assert rows.is_closed.is_set()
    assert not client.is_complete


def test_a_client_that_leaves_while_nothing_is_read_stops_the_query() -> None:
    rows, client = _Rows(1000), _Client()

    async def stuck(message: Message) -> None:
        client.messages.append(message)
        if message.get("body"):
            await anyio.sleep(30)

    client.send = stuck  # type: ignore[method-assign] # this client takes one piece and no more
    client.leaves = lambda: bool(client.body)
    assert _deliver(rows, client, write=_write_much) < LEAVING_S
    assert rows.is_closed.is_set()
    assert rows.n_read == 1, "no more is read than the client takes"


def test_a_client_that_leaves_while_it_waits_for_a_place_never_starts_its_query() -> None:
    async def scene() -> None:
        gate, started = Gate(1), threading.Event()

        def run() -> QueryResult:
            started.set()
            return _Rows(1).result()

        client = _Client(leaves=lambda: True)
        async with gate.enter(ResultSource(run, _write, is_failure_told=False)):
            response = StreamedResponse(ResultSource(run, _write, is_failure_told=False), headers={}, gate=gate)
            with anyio.fail_after(2):
                await response({"type": "http", "method": "GET"}, client.receive, client.send)
        assert not started.is_set()
        assert client.messages == []

    anyio.run(scene)


def test_a_busy_service_refuses_before_anything_is_sent() -> None:
    async def scene() -> None:
        gate, client = Gate(1, max_wait_s=0.05), _Client()
        source = ResultSource(_Rows(1).result, _write, is_failure_told=False)
        async with gate.enter(source):
            with pytest.raises(TooManyError):
                await StreamedResponse(source, headers={}, gate=gate)(
                    {"type": "http", "method": "GET"}, client.receive, client.send
                )
        assert client.messages == []

    anyio.run(scene)


def test_the_task_may_be_cancelled_from_outside_and_still_closes_the_query() -> None:
    rows, client = _Rows(1000, wait_at=2), _Client()

    async def scene() -> None:
        source = ResultSource(rows.result, _write, is_failure_told=False)
        response = StreamedResponse(source, headers={}, gate=Gate(1))
        task = asyncio.create_task(response({"type": "http", "method": "GET"}, client.receive, client.send))
        while b"2" not in client.body:  # noqa: ASYNC110 - it comes from a thread
            await anyio.sleep(0.01)
        task.cancel()  # what uvicorn does with answers that outlast its shutdown
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scene())
    assert rows.is_closed.is_set()
    assert not client.is_complete


@pytest.mark.parametrize(
    ("patience", "told"),
    [
        pytest.param(Patience(0.05, 10.0), "took no data for 0.05 s", id="stalled"),
        pytest.param(Patience(0.5, 1e7), "bytes only while", id="slow"),
    ],
)
def test_a_client_is_not_waited_for_longer_than_patience_lasts(patience: Patience, told: str) -> None:
    rows, client = _Rows(1000), _Client()

    async def take_slowly(message: Message) -> None:
        await anyio.sleep(0.1)
        client.messages.append(message)

    client.send = take_slowly  # type: ignore[method-assign] # each piece takes its time
    response = StreamedResponse(
        ResultSource(rows.result, _write_much, is_failure_told=True), headers={}, gate=Gate(1), patience=patience
    )
    with pytest.raises(BrokenStreamError, match=told):
        anyio.run(response, {"type": "http", "method": "GET"}, client.receive, client.send)
    assert rows.is_closed.is_set()
    assert rows.n_read < 100


def test_a_real_client_that_reads_slowly_but_steadily_loses_its_place() -> None:
    rows, gates = _Rows(10**6), []

    def write(result: QueryResult) -> Iterator[bytes]:
        return (bytes(16_000) for _ in result.batches)

    async def answer(request: Request) -> Response:
        gates.append(Gate(1))
        source = ResultSource(rows.result, write, is_failure_told=False)
        return StreamedResponse(source, headers={}, gate=gates[0], patience=Patience(1.0, 1e8))

    with serving(Starlette(routes=[Route("/", answer)])) as (url, _), socket.socket() as client:
        client.connect(("127.0.0.1", int(url.rpartition(":")[2])))
        client.sendall(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
        deadline = time.monotonic() + 90
        while not rows.is_closed.is_set() and time.monotonic() < deadline:
            client.recv(50_000)
            time.sleep(0.01)
        assert rows.is_closed.is_set()
        assert gates[0].n_running == 0


def test_stopping_the_source_breaks_an_answer_off() -> None:
    rows, client = _Rows(1000, wait_at=2), _Client()

    async def scene() -> None:
        gate = Gate(1)
        source = ResultSource(rows.result, _write, is_failure_told=True)
        async with anyio.create_task_group() as group:
            group.start_soon(_stop_later, gate, client)
            with pytest.raises(BrokenStreamError, match=r"cancelled|closed|stopped"):
                await StreamedResponse(source, headers={}, gate=gate)(
                    {"type": "http", "method": "GET"}, client.receive, client.send
                )

    anyio.run(scene)
    assert rows.is_closed.is_set()
    assert not client.is_complete


async def _stop_later(gate: Gate, client: _Client) -> None:
    while b"2" not in client.body:  # noqa: ASYNC110 - it comes from a thread
        await anyio.sleep(0.01)
    await gate.stop_all()


def test_a_source_that_was_stopped_does_not_start() -> None:
    rows = _Rows(1)
    source = ResultSource(rows.result, _write, is_failure_told=False)
    source.stop()
    source.stop()
    with pytest.raises(QueryCancelledError):
        source.start()


@pytest.mark.parametrize("die_at", [1, 50])
def test_a_real_client_sees_that_an_answer_breaks_off(die_at: int) -> None:
    async def breaking(request: Request) -> Response:
        source = ResultSource(_Rows(100, die_at=die_at).result, _write, is_failure_told=False)
        return StreamedResponse(source, headers={})

    with serving(Starlette(routes=[Route("/", breaking)])) as (url, _), pytest.raises(httpx.RemoteProtocolError):
        httpx.get(url, timeout=60)


def test_what_a_writer_has_is_sent_before_it_reads_all_rows() -> None:
    rows = _Rows(1000, wait_at=500)

    def write_late(result: QueryResult) -> Iterator[bytes]:
        yield b"head"
        yield b""
        n_rows = sum(batch.num_rows for batch in result.batches)
        yield str(n_rows).encode()

    source = ResultSource(rows.result, write_late, is_failure_told=False)
    source.start()
    assert source.read() == b"head"
    source.stop()
