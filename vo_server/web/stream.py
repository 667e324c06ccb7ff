"""A blocking iterator as a response: early errors keep their status, a client that leaves stops its query.

Starlette neither watches for a client that leaves before the first byte nor closes an abandoned generator. Here the
response owns its source: whatever happens, it stops it, and nothing can interrupt that.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import anyio
from anyio import CancelScope, CapacityLimiter, to_thread
from starlette.responses import Response

from vo_server.web.ahead import NextPiece
from vo_server.web.deps import client_of
from vo_server.web.sources import PIECE_BYTES
from vo_server.web.status import TRAILERS
from vo_server.web.trailers import EXTENSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from anyio.abc import TaskGroup
    from starlette.types import Message, Receive, Scope, Send

    from vo_server.web.budget import ByteBudget
    from vo_server.web.gate import Gate
    from vo_server.web.sources import Source

__all__ = ["FLUSH_S", "BrokenStreamError", "Patience", "StreamedResponse"]

FLUSH_S: Final = 0.02
"""How long a small piece waits for the rows behind it before it is sent alone [s]."""

_STEP_BATCHES: Final = 4
"""What the first step is taken to need, in batches: the batch, and text of it that is three times as long."""

STALL_S: Final = 120.0
"""A client that takes no byte for this long has its query stopped [s]: others wait for the place."""

MIN_RATE_BYTES_PER_S: Final = 10_000.0
"""A client that takes less than this, on the average over the whole answer, has its query stopped, too [bytes/s].

Only the time in which the service waits for the client counts, and :data:`STALL_S` of it are for free: a modem passes,
somebody who takes a byte now and then to keep a place does not."""


class BrokenStreamError(Exception):
    """An answer that could not be finished; raised through the server, so that the connection breaks visibly."""


@dataclass(frozen=True)
class Patience:
    """How long a slow client is waited for."""

    stall_s: float = STALL_S
    min_rate_bytes_per_s: float = MIN_RATE_BYTES_PER_S


class StreamedResponse(Response):
    """A response whose bytes come from a blocking source, as fast as the client takes them.

    Errors of :meth:`Source.start` are raised before anything was sent, for the exception handlers; later ones break
    the connection. When the client leaves, the source is stopped at once, whatever it is doing.

    Parameters
    ----------
    source
        Where the bytes come from; stopped in every case.
    headers
        Headers of the answer.
    gate
        What to pass before the source is started; None for sources that cost nothing.
    most
        Places behind the gate that the caller may hold; None for any number.
    patience
        How long a slow client is waited for; None for the usual time.
    budget
        What limits the memory of all answers together; None where it does not count.
    """

    def __init__(
        self,
        source: Source,
        *,
        headers: Mapping[str, str],
        gate: Gate | None = None,
        most: int | None = None,
        patience: Patience | None = None,
        budget: ByteBudget | None = None,
    ) -> None:
        self.status_code = 200
        self.background = None
        self.init_headers(headers)
        self._source = source
        self._gate = gate
        self._most = most
        self._patience = patience or Patience()
        self._budget = budget
        self._step_bytes = PIECE_BYTES
        self._sending = anyio.Lock(fast_acquire=True)
        self._delivery: _Delivery | None = None
        self._failure: Exception | None = None
        self._is_inside = False
        self._is_opened = False
        self._has_trailers = False
        self._is_abandoned = False
        self._next: NextPiece | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response, unless the client leaves before."""
        self._delivery = _Delivery(send, self._patience)
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._watch, scope, receive, group.cancel_scope)
                try:
                    await self._deliver(scope, group)
                except Exception as error:  # noqa: BLE001 - raised again below, out of the group that would wrap it
                    self._failure = self._failure or error
                    if self._next is not None and not self._next.is_done:
                        await self._stop()  # The group waits for the thread.
                group.cancel_scope.cancel()
        finally:
            await self._stop()
            if self._budget is not None:
                self._budget.release(self)
        if self._failure is not None and not self._is_abandoned:
            raise self._told(self._failure)

    def _told(self, failure: Exception) -> Exception:
        """Return what to raise: before the first byte the failure itself, which becomes a document."""
        if not self._is_opened:
            return failure
        broken = BrokenStreamError(f"the answer breaks off: {failure}")
        broken.__cause__ = failure
        return broken

    async def _watch(self, scope: Scope, receive: Receive, group: CancelScope) -> None:
        """Stop when the client leaves; now and then send what waits for rows."""
        try:
            while True:
                with anyio.move_on_after(FLUSH_S):
                    if (await receive())["type"] == "http.disconnect":
                        self._is_abandoned = True
                        break
                await self._flush(scope)
        except Exception as error:  # noqa: BLE001 - raised again by whoever made the group
            self._failure = self._failure or error
        await self._stop()
        group.cancel()

    async def _flush(self, scope: Scope) -> None:
        async with self._sending:
            piece = self._source.take()
            if piece:
                await self._send(scope, piece, is_last=False)

    async def _stop(self) -> None:
        if self._source.is_ended:
            return
        # What never passed the gate stops at once; what did may have to wait for a slow engine.
        limiter = self._gate.stoppers if self._gate is not None and self._is_inside else None
        with CancelScope(shield=True):
            await to_thread.run_sync(self._source.stop, limiter=limiter)

    def _begin(self) -> bytes:
        """Start, and go on in the same thread where that needs no more memory to speak of."""
        self._source.start()
        return self._source.read() if self._source.is_small else b""

    async def _next_piece(self, limiter: CapacityLimiter | None) -> bytes:
        """Read on as soon as there is memory for as much as the most so far."""
        if self._budget is None:
            return await to_thread.run_sync(self._source.read, limiter=limiter)
        await self._budget.want(self, self._step_bytes)
        piece = await to_thread.run_sync(self._source.read, limiter=limiter)
        n_bytes = self._source.held_bytes + len(piece)
        self._step_bytes = max(self._step_bytes, n_bytes)
        self._budget.hold(self, n_bytes)
        return piece

    def _read_ahead(self, group: TaskGroup, limiter: CapacityLimiter | None, n_sending: int) -> None:
        """Have the next piece made in a task while ``n_sending`` bytes are sent, if there is memory for both."""
        if self._budget is None or not self._budget.may_hold(self, n_sending + self._step_bytes):
            return
        budget = self._budget

        async def read() -> bytes:
            piece = await to_thread.run_sync(self._source.read, limiter=limiter)
            n_bytes = self._source.held_bytes + len(piece)
            self._step_bytes = max(self._step_bytes, n_bytes)
            budget.hold(self, n_sending + n_bytes)
            return piece

        self._next = NextPiece(read)
        group.start_soon(self._next.make)

    async def _deliver(self, scope: Scope, group: TaskGroup) -> None:
        limiter = None if self._gate is None else self._gate.threads
        async with (
            nullcontext()
            if self._gate is None
            else self._gate.enter(self._source, client=client_of(scope), most=self._most)
        ):
            self._is_inside = True
            if scope["method"] == "HEAD":
                await to_thread.run_sync(self._source.start, limiter=limiter)
                async with self._sending:
                    await self._send(scope, b"", is_last=True)
                return
            async with nullcontext() if self._gate is None else self._gate.lane.enter():
                piece = await to_thread.run_sync(self._begin, limiter=limiter)
            self._step_bytes = max(PIECE_BYTES, _STEP_BATCHES * self._source.held_bytes)
            ahead = partial(self._read_ahead, group, limiter)
            while True:
                is_last = self._source.is_ended  # Before the next piece may be begun.
                async with self._sending:
                    await self._send(scope, piece, is_last=is_last, ahead=ahead)
                if is_last:
                    return
                del piece  # The next one is made meanwhile.
                following, self._next = self._next, None
                piece = await (self._next_piece(limiter) if following is None else following.get())

    async def _send(
        self, scope: Scope, piece: bytes, *, is_last: bool, ahead: Callable[[int], None] | None = None
    ) -> None:
        """Send a piece, with what comes before the first one and after the last one.

        ``ahead`` has the next one made, and is told the size of this one.
        """
        delivery = self._delivery
        assert delivery is not None
        if not self._is_opened:
            await self._open(scope, delivery)
        view = memoryview(piece)
        starts = range(0, max(len(piece), is_last), PIECE_BYTES)
        for start in starts:
            if start == PIECE_BYTES and ahead is not None and not is_last:
                # Its client takes what comes; one that took nothing shall not hold two pieces.
                ahead(len(piece))
            await delivery.send(view[start : start + PIECE_BYTES], more=not is_last or start != starts[-1])
        if is_last and self._has_trailers:
            await delivery.tell({"type": EXTENSION, "headers": _raw(self._source.trailers), "more_trailers": False})

    async def _open(self, scope: Scope, delivery: _Delivery) -> None:
        self._is_opened = True
        self.headers.update(self._source.headers)
        self._has_trailers = self._source.has_trailers and EXTENSION in scope.get("extensions", ())
        if self._has_trailers:
            self.headers["Trailer"] = ", ".join(TRAILERS)
        opening = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        await delivery.tell({**opening, "trailers": self._has_trailers})


def _raw(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("ascii"), value.encode("latin-1")) for name, value in headers.items()]


class _Delivery:
    """Sends the body of one answer and keeps the time that its client takes."""

    def __init__(self, send: Send, patience: Patience) -> None:
        self._send = send
        self._patience = patience
        self._n_bytes = 0
        self._waited_s = 0.0

    async def tell(self, message: Message) -> None:
        """Send what is no body."""
        await self._send(message)

    async def send(self, piece: bytes | memoryview, *, more: bool) -> None:
        stall_s = self._patience.stall_s
        left_s = stall_s + self._n_bytes / self._patience.min_rate_bytes_per_s - self._waited_s
        start = anyio.current_time()
        try:
            with anyio.fail_after(min(stall_s, left_s)):
                await self._send({"type": "http.response.body", "body": piece, "more_body": more})
        except TimeoutError as error:
            raise BrokenStreamError(
                f"the client took no data for {stall_s:g} s"
                if left_s >= stall_s
                else f"the client took {self._n_bytes} bytes only while it was waited for {self._waited_s:.0f} s"
            ) from error
        self._waited_s += anyio.current_time() - start
        self._n_bytes += len(piece)
