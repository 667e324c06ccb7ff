"""HTTP/1.1 with trailers: fields after the last chunk, for what is known only when all rows have been sent.

uvicorn implements the ASGI extension ``http.response.trailers`` for HTTP/2 only; h11 below it can write trailers, and
this is the link between the two. A client that does not know trailers skips them (RFC 9112, section 7.1.2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["EXTENSION", "TrailerProtocol"]

EXTENSION = "http.response.trailers"
"""Name of the ASGI extension, and of its message."""


class TrailerProtocol(H11Protocol):
    """uvicorn's protocol on h11, with trailers."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        limit = self.config.h11_max_incomplete_event_size
        self.conn = connection = (
            _Connection(h11.SERVER) if limit is None else _Connection(h11.SERVER, max_incomplete_event_size=limit)
        )
        self.app = _with_trailers(self.app, connection)


class _Connection(h11.Connection):
    """Adds the trailers that it was given to the end of a message."""

    trailers: tuple[tuple[bytes, bytes], ...] = ()

    def send(self, event: Any) -> Any:
        if isinstance(event, h11.EndOfMessage) and self.trailers:
            event, self.trailers = h11.EndOfMessage(headers=list(self.trailers)), ()
        return super().send(event)


def _with_trailers(app: ASGIApp, connection: _Connection) -> ASGIApp:
    """Return an application that is offered the extension where the answer may have trailers."""

    async def offering(scope: Scope, receive: Receive, send: Send) -> None:
        # HTTP/1.0 has no chunks and the answer to HEAD no body: no place for trailers.
        if scope["type"] != "http" or scope["http_version"] != "1.1" or scope["method"] == "HEAD":
            await app(scope, receive, send)
            return
        scope["extensions"] = {**scope.get("extensions", {}), EXTENSION: {}}
        await app(scope, receive, _holding(send, connection))

    return offering


def _holding(send: Send, connection: _Connection) -> Callable[[Message], Awaitable[None]]:
    """Return a ``send`` that keeps the end of the message open until the trailers are there."""
    is_expecting = False

    async def held(message: Message) -> None:
        nonlocal is_expecting
        if message["type"] == "http.response.start":
            is_expecting = message.get("trailers", False)
        if message["type"] == EXTENSION:
            connection.trailers += tuple((bytes(name), bytes(value)) for name, value in message["headers"])
            if not message.get("more_trailers", False):
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        elif is_expecting and message["type"] == "http.response.body":
            await send({**message, "more_body": True})
        else:
            await send(message)

    return held
