"""Bodies that are tables, as files: they are read as they come and never held in memory."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from anyio import to_thread

from vo_server.errors import ConfigurationError, UsageError
from vo_server.web.params import DRAIN_FACTOR, limited

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from starlette.requests import Request

__all__ = ["spooled_body"]

_ENDINGS: Final = {"text/tab-separated-values": ".tsv", "text/csv": ".csv"}
"""Names that say how a text is to be cut; other formats show it themselves."""

_PIECE_BYTES: Final = 1024 * 1024


@asynccontextmanager
async def spooled_body(request: Request, *, max_bytes: int, folder: Path | None = None) -> AsyncIterator[Path]:
    """Write the body of a request to a file that is gone afterwards, whatever happens.

    Parameters
    ----------
    request
        Its body was not read yet.
    max_bytes
        Largest body that is accepted.
    folder
        Where the file is made; None for the system's folder of temporary files.

    Raises
    ------
    TooLargeError
        If the body is larger; it has been read on, within bounds, so that the client listens to the answer.
    UsageError
        If there is no body.
    ConfigurationError
        If it cannot be written: the disk is full, for example.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    with ExitStack() as stack:
        with _translated():
            place = stack.enter_context(_folder(folder))
            path = Path(place) / f"body{_ENDINGS.get(kind, '')}"
            n_bytes = await _write(path, request, max_bytes)
        if n_bytes == 0:
            raise UsageError("the request has no body", hint="send a table, e.g. with curl --data-binary @FILE")
        yield path


def _folder(parent: Path | None) -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="vo-server-body-", dir=parent, ignore_cleanup_errors=True)


async def _write(path: Path, request: Request, max_bytes: int) -> int:
    """Write a body as it comes, and return its length [bytes]."""
    n_bytes = n_written = 0
    with path.open("wb") as file:
        waiting: list[bytes] = []
        async for piece in limited(request, max_bytes, drain_bytes=DRAIN_FACTOR * max_bytes):
            n_bytes += len(piece)
            waiting.append(piece)
            if n_bytes - n_written >= _PIECE_BYTES:
                await to_thread.run_sync(file.writelines, waiting)
                n_written, waiting = n_bytes, []
        await to_thread.run_sync(file.writelines, waiting)
    return n_bytes


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            f"the body of the request cannot be kept: {error.strerror or error}",
            hint="this is for the operator to mend: the folder of temporary files is full or cannot be written",
        ) from error
