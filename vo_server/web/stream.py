"""A blocking iterator as a response: early errors keep their status, a client that leaves stops its query.

Starlette neither watches for a client that leaves before the first byte nor closes an abandoned generator. Here the
response owns its source: whatever happens, it stops it, and nothing can interrupt that.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import anyio
from anyio import CancelScope, CapacityLimiter, to_thread
from starlette.responses import Response

from vo_server.web.deps import client_of
from vo_server.web.sources import PIECE_BYTES
from vo_server.web.status import TRAILERS
from vo_server.web.trailers import EXTENSION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Receive, Scope, Send

    from vo_server.web.budget import ByteBudget
    from vo_server.web.gate import Gate
    from vo_server.web.sources import Source

__all__ = ["BrokenStreamError", "Patience", "StreamedResponse"]

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
        self._is_inside = False
        self._is_started = False
        self._is_abandoned = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response, unless the client leaves before."""
        failure: Exception | None = None
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._stop_when_abandoned, receive, group.cancel_scope)
                try:
                    await self._deliver(scope, send)
                except Exception as error:  # noqa: BLE001 - raised again below, out of the group that would wrap it
                    failure = error
                group.cancel_scope.cancel()
        finally:
            await self._stop()
            if self._budget is not None:
                self._budget.release(self)
        if failure is not None and not self._is_abandoned:
            raise self._told(failure)

    def _told(self, failure: Exception) -> Exception:
        """Return what to raise: before the first byte the failure itself, which becomes a document."""
        if not self._is_started:
            return failure
        broken = BrokenStreamError(f"the answer breaks off: {failure}")
        broken.__cause__ = failure
        return broken

    async def _stop_when_abandoned(self, receive: Receive, scope: CancelScope) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._is_abandoned = True
        await self._stop()
        scope.cancel()

    async def _stop(self) -> None:
        # What never passed the gate stops at once; what did may have to wait for a slow engine.
        limiter = self._gate.stoppers if self._gate is not None and self._is_inside else None
        with CancelScope(shield=True):
            await to_thread.run_sync(self._source.stop, limiter=limiter)

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

    async def _deliver(self, scope: Scope, send: Send) -> None:
        limiter = None if self._gate is None else self._gate.threads
        async with (
            nullcontext()
            if self._gate is None
            else self._gate.enter(self._source, client=client_of(scope), most=self._most)
        ):
            self._is_inside = True
            await to_thread.run_sync(self._source.start, limiter=limiter)
            self._is_started = True
            self._step_bytes = max(PIECE_BYTES, _STEP_BATCHES * self._source.held_bytes)
            self.headers.update(self._source.headers)
            has_trailers = self._source.has_trailers and EXTENSION in scope.get("extensions", ())
            if has_trailers:
                self.headers["Trailer"] = ", ".join(TRAILERS)
            opening = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            await send({**opening, "trailers": has_trailers})
            delivery = _Delivery(send, self._patience)
            while scope["method"] != "HEAD" and (piece := await self._next_piece(limiter)):
                for start in range(0, len(piece), PIECE_BYTES):
                    await delivery.send(piece[start : start + PIECE_BYTES], more=True)
                del piece  # The next one is made meanwhile.
            await delivery.send(b"", more=False)
            if has_trailers:
                await send({"type": EXTENSION, "headers": _raw(self._source.trailers), "more_trailers": False})


def _raw(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("ascii"), value.encode("latin-1")) for name, value in headers.items()]


class _Delivery:
    """Sends the body of one answer and keeps the time that its client takes."""

    def __init__(self, send: Send, patience: Patience) -> None:
        self._send = send
        self._patience = patience
        self._n_bytes = 0
        self._waited_s = 0.0

    async def send(self, piece: bytes, *, more: bool) -> None:
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
