"""Making the next piece of an answer while the present one is sent."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio
import pytest

from vo_server.errors import EngineError, QueryCancelledError
from vo_server.web.budget import ByteBudget
from vo_server.web.gate import Gate
from vo_server.web.sources import PIECE_BYTES
from vo_server.web.stream import BrokenStreamError, Patience, StreamedResponse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import Message

PIECES = [bytes([number]) * (3 * PIECE_BYTES) for number in range(1, 6)]
LARGE = 100 * len(PIECES[0])


@dataclass(eq=False)
class Source:
    """Gives pieces; fails or waits for its end at one of them."""

    fails_at: int | None = None
    waits_at: int | None = None
    n_read: int = 0
    held_bytes: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    trailers: dict[str, str] = field(default_factory=dict)
    has_trailers: bool = False
    is_small: bool = False
    is_stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def is_ended(self) -> bool:
        return self.n_read > len(PIECES)

    def start(self) -> None:
        pass

    def take(self) -> bytes:
        return b""

    def read(self) -> bytes:
        number, self.n_read = self.n_read, self.n_read + 1
        if number == self.fails_at:
            raise EngineError("the disk is gone")
        if number == self.waits_at:
            self.is_stopped.wait(20)
            raise QueryCancelledError("stopped")
        return PIECES[number] if number < len(PIECES) else b""

    def stop(self) -> None:
        self.is_stopped.set()


def deliver(
    source: Source, send: Callable[[Message], Awaitable[None]], *, budget_bytes: int = LARGE, stall_s: float = 10
) -> float:
    """Send an answer to a client that stays, and return how long it took [s]."""

    async def receive() -> Message:
        await anyio.sleep_forever()
        return {"type": "http.disconnect"}

    async def run() -> float:
        begin = time.monotonic()
        response = StreamedResponse(
            source, headers={}, gate=Gate(1), patience=Patience(stall_s), budget=ByteBudget(budget_bytes)
        )
        try:
            await response({"type": "http", "method": "GET"}, receive, send)
        finally:
            took_s = time.monotonic() - begin
            assert took_s < 5
        return took_s

    return anyio.run(run)


def collecting(into: list[bytes]) -> Callable[[Message], Awaitable[None]]:
    async def send(message: Message) -> None:
        into.append(bytes(message.get("body", b"")))

    return send


@pytest.mark.parametrize("budget_bytes", [1, 4 * len(PIECES[0]), LARGE])
def test_pieces_come_whole_and_in_order_whatever_memory_there_is(budget_bytes: int) -> None:
    sent: list[bytes] = []
    deliver(Source(), collecting(sent), budget_bytes=budget_bytes)
    assert b"".join(sent) == b"".join(PIECES)


@pytest.mark.parametrize(("budget_bytes", "n_read"), [(LARGE, 2), (len(PIECES[0]), 1)], ids=["room", "no room"])
def test_the_next_piece_is_made_while_one_is_sent_if_there_is_memory_for_both(budget_bytes: int, n_read: int) -> None:
    source, seen = Source(), []

    async def send(message: Message) -> None:
        if message.get("body"):
            await anyio.sleep(0.1)
            seen.append(source.n_read)

    deliver(source, send, budget_bytes=budget_bytes)
    assert seen[:3] == [1, n_read, n_read]


def test_a_client_that_takes_nothing_holds_one_piece() -> None:
    source = Source()

    async def send(message: Message) -> None:
        if message.get("body"):
            await anyio.sleep_forever()

    with pytest.raises(BrokenStreamError, match="took no data"):
        deliver(source, send, stall_s=0.2)
    assert source.n_read == 1


def test_what_was_made_before_an_error_is_sent_before_it_is_told() -> None:
    sent: list[bytes] = []
    with pytest.raises(BrokenStreamError, match="the disk is gone"):
        deliver(Source(fails_at=2), collecting(sent))
    assert b"".join(sent) == b"".join(PIECES[:2])


def test_a_client_that_stalls_stops_the_piece_that_is_being_made() -> None:
    source, n_sent = Source(waits_at=1), 0

    async def send(message: Message) -> None:
        nonlocal n_sent
        if message.get("body"):
            n_sent += 1
            if n_sent == 2:
                await anyio.sleep_forever()

    with pytest.raises(BrokenStreamError, match="took no data"):
        deliver(source, send, stall_s=0.2)
    assert source.n_read == 2
    assert source.is_stopped.is_set()
