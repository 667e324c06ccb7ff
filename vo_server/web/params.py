"""DALI parameters and files of a request: names in upper case, every value kept, from query string and body.

What the values mean is not judged here: TAP 1.1, section 2.7 has them judged when a query is executed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final, TypeAlias
from urllib.parse import parse_qsl

import anyio
from anyio import to_thread
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from vo_server.errors import TooLargeError, UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from starlette.requests import Request

__all__ = ["Body", "Parameters", "drain", "first_of", "from_body", "from_query_string", "limited", "values_of"]

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


@dataclass(frozen=True)
class Body:
    """What the body of a request has in it."""

    parameters: Parameters = ()
    files: tuple[tuple[str, UploadFile], ...] = ()
    """(label, file) of the parts that are files, on disk beyond a megabyte; labels as given."""

    def file(self, label: str) -> BinaryIO | None:
        """Return the file of a part from its start; None when there is no such part. Case does not matter.

        Raises
        ------
        UsageError
            If several parts have the label.
        """
        file = self.by_label().get(label.lower())
        if file is not None:
            file.seek(0)
        return file

    def by_label(self) -> dict[str, BinaryIO]:
        """Return the files by their labels in lower case.

        Raises
        ------
        UsageError
            If several parts have one label.
        """
        found: dict[str, BinaryIO] = {}
        for label, file in self.files:
            if label.lower() in found:
                raise UsageError(
                    f"the request has several files with the label {label[:40]!r}",
                    hint="labels of parts count without case; give each another one",
                )
            found[label.lower()] = file.file
        return found

    def close(self) -> None:
        """Remove the files."""
        for _, file in self.files:
            file.file.close()


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


async def from_body(request: Request, *, max_body_bytes: int, max_form_bytes: int) -> Body:
    """Read the parameters and files in the body of a request; only a POST has any. The caller closes it.

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
        return Body()
    drain_bytes = DRAIN_FACTOR * max_body_bytes
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == _MULTIPART:
        body = limited(request, max_body_bytes, drain_bytes=drain_bytes)
        return await _from_multipart(request, body, max_field_bytes=max_form_bytes)
    limit = min(max_form_bytes, max_body_bytes)
    content = b"".join([piece async for piece in limited(request, limit, drain_bytes=drain_bytes)])
    if kind not in {_FORM, ""} and content:
        raise UsageError(
            f"the request body has the media type {kind!r}; expected {_FORM} or {_MULTIPART}",
            hint="send the parameters as a form, e.g. with curl --data-urlencode",
        )
    return Body(await _decoded(content, "the request body"))


async def _from_multipart(request: Request, body: AsyncGenerator[bytes, None], *, max_field_bytes: int) -> Body:
    limit = 2**62  # `body` is limited as a whole, and the fields together.
    parser = _Parser(request.headers, body, max_files=MAX_FIELDS, max_fields=MAX_FIELDS, max_part_size=limit)
    parser.room_bytes = max_field_bytes
    try:
        form = await parser.parse()
    except _TooMuchTextError as error:
        async for _ in body:  # so that the client listens to the answer
            pass
        raise TooLargeError(
            f"the parameters of the request have more than the limit of {max_field_bytes} bytes",
            hint="send tables as files, with a filename in the header of their part",
        ) from error
    except MultiPartException as error:
        raise UsageError(f"the multipart body cannot be read: {error.message}") from error
    try:
        return await _body(form, is_complete=parser.is_complete, max_field_bytes=max_field_bytes)
    except BaseException:
        parser.close_files()
        raise


async def _body(form: FormData, *, is_complete: bool, max_field_bytes: int) -> Body:
    """Sort the parts of a multipart body."""
    if not is_complete:
        raise UsageError("the multipart body is cut off: its closing boundary is missing")
    given: list[tuple[str, str]] = []
    files: list[tuple[str, UploadFile]] = []
    for name, value in form.multi_items():
        if isinstance(value, str):
            given.append((name.upper(), value))
        elif name.upper() == "QUERY":
            # `curl --form QUERY=@file.adql` sends the query as a file; other files are tables.
            given.append(("QUERY", await _text(value, max_field_bytes)))
            await value.close()
        else:
            files.append((name, value))
    return Body(tuple(given), tuple(files))


class _TooMuchTextError(MultiPartException):
    """The parts that are no files are too large for the memory."""


class _Parser(MultiPartParser):
    """A parser that knows whether the body had its end; without one the last part would vanish unseen."""

    is_complete = False
    room_bytes = 0
    """Bytes that parts which are no files may still have; they are kept in memory."""

    def on_end(self) -> None:
        self.is_complete = True

    def close_files(self) -> None:
        """Remove the files of all parts; the form knows none of a part that has no end."""
        for file in self._files_to_close_on_error:
            file.close()

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._current_part.file is None:
            self.room_bytes -= end - start
            if self.room_bytes < 0:
                raise _TooMuchTextError("too many parameters")
        super().on_part_data(data, start, end)


async def _text(file: UploadFile, max_bytes: int) -> str:
    if (file.size or 0) > max_bytes:
        raise TooLargeError(f"the file given as QUERY has {file.size} bytes; at most {max_bytes} are accepted")
    try:
        return (await file.read()).decode()
    except UnicodeDecodeError as error:
        raise UsageError("the file given as QUERY is not text in UTF-8") from error


async def limited(request: Request, max_bytes: int, *, drain_bytes: int) -> AsyncGenerator[bytes, None]:
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
        limit="body-bytes",
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
