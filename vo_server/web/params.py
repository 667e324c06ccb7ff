"""DALI parameters of a request: names in upper case, every value kept, from the query string and from the body.

What the values mean is not judged here: TAP 1.1, section 2.7 has them judged when a query is executed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import parse_qsl

import anyio
from anyio import to_thread
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from vo_server.errors import TooLargeError, UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from starlette.requests import Request

__all__ = ["Parameters", "drain", "first_of", "from_body", "from_query_string", "values_of"]

Parameters: TypeAlias = tuple[tuple[str, str], ...]
"""(name in upper case, value) in the order they were given; a name may repeat, a value may be empty."""

MAX_FIELDS: Final = 1_000
"""Most parameters of one request; real ones have ten."""

DRAIN_FACTOR: Final = 8
"""A body over its limit is read on to this many times the largest body, so that a client that sends first and reads
afterwards gets to see the answer instead of a broken pipe."""

DRAIN_S: Final = 20.0
"""Longest time that reading on may take [s]."""

SMALL_BYTES: Final = 64 * 1024
"""Up to here parameters are decoded at once; a megabyte of percent signs takes long enough for others to notice."""

_FORM: Final = "application/x-www-form-urlencoded"
_MULTIPART: Final = "multipart/form-data"


def values_of(parameters: Parameters, name: str) -> list[str]:
    """Return all values of a parameter, in order; ``name`` in upper case."""
    return [value for key, value in parameters if key == name]


def first_of(parameters: Parameters, *names: str) -> str | None:
    """Return the first non-empty value among parameters of these names, or None."""
    return next((value for name in names for value in values_of(parameters, name) if value), None)


async def from_query_string(request: Request) -> Parameters:
    """Read the parameters in the URL of a request.

    Raises
    ------
    UsageError
        If they are not UTF-8.
    """
    return await _decoded(request.scope["query_string"], "the query string")


async def from_body(request: Request, *, max_body_bytes: int, max_form_bytes: int) -> Parameters:
    """Read the parameters in the body of a request; only a POST has any.

    Parameters
    ----------
    request
        GET, HEAD or POST; the body may be urlencoded or multipart (DALI 1.2, section 2).
    max_body_bytes
        Largest multipart body that is accepted: it may carry tables.
    max_form_bytes
        Largest body of any other kind: it carries a query at most, but costs a hundred times more to read.

    Raises
    ------
    TooLargeError
        If the body is larger; it has been read on, within bounds, so that the client listens to the answer.
    UsageError
        If the body is of another kind, or damaged.
    """
    if request.method != "POST":
        return ()
    drain_bytes = DRAIN_FACTOR * max_body_bytes
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == _MULTIPART:
        return await _from_multipart(request, _limited(request, max_body_bytes, drain_bytes=drain_bytes))
    limit = min(max_form_bytes, max_body_bytes)
    content = b"".join([piece async for piece in _limited(request, limit, drain_bytes=drain_bytes)])
    if kind not in {_FORM, ""} and content:
        raise UsageError(
            f"the request body has the media type {kind!r}; expected {_FORM} or {_MULTIPART}",
            hint="send the parameters as a form, e.g. with curl --data-urlencode",
        )
    return await _decoded(content, "the request body")


async def _from_multipart(request: Request, body: AsyncGenerator[bytes, None]) -> Parameters:
    limit = 2**62  # `body` is limited as a whole already.
    parser = _Parser(request.headers, body, max_files=MAX_FIELDS, max_fields=MAX_FIELDS, max_part_size=limit)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise UsageError(f"the multipart body cannot be read: {error.message}") from error
    if not parser.is_complete:
        await form.close()
        raise UsageError("the multipart body is cut off: its closing boundary is missing")
    given = [
        (name.upper(), await _text(value) if isinstance(value, UploadFile) else value)
        for name, value in form.multi_items()
        # `curl --form QUERY=@file.adql` sends the query as a file; other files are tables.
        if isinstance(value, str) or name.upper() == "QUERY"
    ]
    await form.close()
    return tuple(given)


class _Parser(MultiPartParser):
    """A parser that knows whether the body had its end; without one the last part would vanish unseen."""

    is_complete = False

    def on_end(self) -> None:
        self.is_complete = True


async def _text(file: UploadFile) -> str:
    try:
        return (await file.read()).decode()
    except UnicodeDecodeError as error:
        raise UsageError("the file given as QUERY is not text in UTF-8") from error


async def _limited(request: Request, max_bytes: int, *, drain_bytes: int) -> AsyncGenerator[bytes, None]:
    """Pass the body on as long as it is within the limit; then read on without keeping, and refuse."""
    n_bytes = 0
    stream = request.stream()
    async for piece in stream:
        n_bytes += len(piece)
        if n_bytes > max_bytes:
            break
        yield piece
    else:
        return
    await _read_on(stream, drain_bytes - n_bytes)
    raise TooLargeError(
        f"the request body is larger than the limit of {max_bytes} bytes",
        hint="send less in one request",
    )


async def drain(request: Request, *, max_bytes: int) -> None:
    """Read the body of a request that is refused, within bounds: many clients listen only after they have sent all.

    Parameters
    ----------
    request
        Its body was not read yet.
    max_bytes
        Largest body that would have been accepted; see :data:`DRAIN_FACTOR`.
    """
    await _read_on(request.stream(), DRAIN_FACTOR * max_bytes)


async def _read_on(stream: AsyncIterator[bytes], most_bytes: int) -> None:
    """Read without keeping, up to a number of bytes or :data:`DRAIN_S`."""
    n_bytes = 0
    with anyio.move_on_after(DRAIN_S):
        async for piece in stream:
            n_bytes += len(piece)
            if n_bytes > most_bytes:
                break


async def _decoded(encoded: bytes, where: str) -> Parameters:
    if len(encoded) <= SMALL_BYTES:
        return _decode(encoded, where)
    return await to_thread.run_sync(_decode, encoded, where)


def _decode(encoded: bytes, where: str) -> Parameters:
    """Decode ``application/x-www-form-urlencoded``: UTF-8, ``+`` is a space, blank values are kept."""
    try:
        pairs = parse_qsl(
            encoded.decode(), keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=MAX_FIELDS
        )
    except UnicodeDecodeError as error:
        raise UsageError(f"{where} is not in UTF-8", hint="encode the parameters as UTF-8") from error
    except ValueError as error:
        raise UsageError(f"{where} has more than {MAX_FIELDS} parameters") from error
    return tuple((name.upper(), value) for name, value in pairs)
