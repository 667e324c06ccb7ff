"""Compresses answers, streams too, for those clients that ask for it and nobody else (RFC 9110, section 12.5.3)."""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING, Final, Protocol

import zstandard
from anyio import to_thread
from starlette.datastructures import Headers, MutableHeaders

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["CODINGS", "CompressionMiddleware", "choose_coding"]

_GZIP_LEVEL: Final = 1
_ZSTD_LEVEL: Final = 1
"""A stream is compressed while the client waits: speed before size."""

_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS
"""Tells zlib to write the gzip format."""

SMALL_BYTES: Final = 512
"""Answers shorter than this go as they are [bytes]."""

_QUICK_BYTES: Final = 32 * 1024
"""Up to here compression is so quick that no thread is asked for it [bytes]."""

_COMPRESSED_TYPES: Final = ("application/vnd.apache.parquet", "image/", "application/zip", "application/gzip")
"""Media types that are compressed already."""

_NO_BODY: Final = frozenset({204, 304})


class Compressor(Protocol):
    """A coding at work."""

    def add(self, data: bytes) -> bytes:
        """Return the coded form of some more data, to the last byte: the client can read all of it at once."""
        ...

    def end(self) -> bytes:
        """Return what ends the stream."""
        ...


class _Gzip:
    def __init__(self) -> None:
        self._stream = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)

    def add(self, data: bytes) -> bytes:
        return self._stream.compress(data) + self._stream.flush(zlib.Z_SYNC_FLUSH)

    def end(self) -> bytes:
        return self._stream.flush()


class _Zstd:
    def __init__(self) -> None:
        self._stream = zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compressobj()

    def add(self, data: bytes) -> bytes:
        return self._stream.compress(data) + self._stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)

    def end(self) -> bytes:
        return self._stream.flush()


CODINGS: Final[dict[str, Callable[[], Compressor]]] = {"zstd": _Zstd, "gzip": _Gzip}
"""Content codings that are offered, the best first."""

_ALSO_CALLED: Final = {"x-gzip": "gzip"}
_WEIGHT: Final = re.compile(r"q\s*=\s*(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")


def choose_coding(accepted: str) -> str | None:
    """Return the coding that an ``Accept-Encoding`` header asks for; None to send the answer as it is.

    The highest weight wins, then the order of :data:`CODINGS`. ``*`` alone asks for nothing, but where ``identity;q=0``
    forbids the plain form it stands for what the service likes best. A client that forbids everything that there is
    gets the plain form, as RFC 9110, section 12.5.3 recommends.
    """
    weights: dict[str, float] = {}
    for part in accepted.lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        found = [_WEIGHT.fullmatch(one) for one in parameters]
        weight = next((float(one[1]) for one in found if one), 1.0)
        if name:
            weights.setdefault(_ALSO_CALLED.get(name, name), weight)
    plain = weights.get("identity")
    if plain == 0 and weights.get("*", 0) > 0:
        weights = dict.fromkeys(CODINGS, weights["*"]) | weights
    best = max(CODINGS, key=lambda name: weights.get(name, 0.0))
    is_asked = weights.get(best, 0.0) > 0 and weights[best] >= (plain or 0.0)
    return best if is_asked else None


class CompressionMiddleware:
    """Compresses what an application sends.

    Every piece of a stream is flushed, so that first rows arrive as early as without compression.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # RFC 9110, section 9.3.2: an answer to HEAD need not have the fields that only the content decides.
        accepted = "" if scope["method"] == "HEAD" else ",".join(Headers(scope=scope).getlist("accept-encoding"))
        await self._app(scope, receive, _Compressed(send, choose_coding(accepted)))


class _Compressed:
    """Sends one answer; its head is kept until the first piece shows how it can be sent."""

    def __init__(self, send: Send, coding: str | None) -> None:
        self._send = send
        self._coding = coding
        self._start: Message | None = None
        self._compressor: Compressor | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._begin(message)
        elif message["type"] == "http.response.body" and self._coding is not None:
            await self._continue(message.get("body", b""), more=message.get("more_body", False))
        else:
            await self._send(message)

    async def _begin(self, message: Message) -> None:
        headers = MutableHeaders(raw=list(message["headers"]))
        kind = headers.get("content-type", "")
        if "content-encoding" in headers or message["status"] in _NO_BODY or kind.startswith(_COMPRESSED_TYPES):
            self._coding = None
        else:
            headers.add_vary_header("Accept-Encoding")
        message = {**message, "headers": headers.raw}
        if self._coding is None:
            await self._send(message)
        else:
            self._start = message

    async def _continue(self, body: bytes, *, more: bool) -> None:
        if self._start is not None and not more and len(body) < SMALL_BYTES:
            self._coding = None
            await self._send(self._start)
            await self._send({"type": "http.response.body", "body": body})
            return
        assert self._coding is not None
        if self._compressor is None:
            self._compressor = CODINGS[self._coding]()
        data = await self._add(body) if body else b""
        if not more:
            data += self._compressor.end()
        if self._start is not None:
            start, self._start = self._start, None
            headers = MutableHeaders(raw=list(start["headers"]))
            headers["Content-Encoding"] = self._coding
            del headers["Content-Length"]
            if not more and not start.get("trailers", False):  # Trailers come behind chunks only.
                headers["Content-Length"] = str(len(data))
            await self._send({**start, "headers": headers.raw})
        await self._send({"type": "http.response.body", "body": data, "more_body": more})

    async def _add(self, body: bytes) -> bytes:
        assert self._compressor is not None
        if len(body) <= _QUICK_BYTES:
            return self._compressor.add(body)
        return await to_thread.run_sync(self._compressor.add, body)
