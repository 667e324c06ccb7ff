"""Tell what is wrong with a URL in our words, and whether it may be right a moment later."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, TypeVar

from vo_server.errors import IngestError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["INSTALL_HINT", "Patience", "StatusError", "is_missing", "is_transient", "status_of", "told"]

T = TypeVar("T")

_LATER: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses of HTTP that may be others a moment later."""

_DENIED: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_GONE: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})


class StatusError(OSError):
    """A server has answered with a status that is no success."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the server answers {status} {_phrase(status)}".rstrip())
        self.status = status


@dataclass(frozen=True)
class Patience:
    """How often a step is tried when it fails in a way that may pass."""

    attempts: int = 5
    first_s: float = 0.5
    """Pause before the second attempt [s]; each following one is twice as long."""

    def call(self, step: Callable[[], T]) -> T:
        """Do a step, again and again if need be; what cannot pass is raised at once."""
        attempt = 1
        while True:
            try:
                return step()
            except Exception as error:
                if attempt >= self.attempts or not is_transient(error):
                    raise
            self.wait(attempt)
            attempt += 1

    def wait(self, attempt: int) -> None:
        """Pause after so many attempts."""
        time.sleep(self.first_s * 2 ** (attempt - 1))


def status_of(error: BaseException) -> int | None:
    """Return the status of HTTP in an error of any driver."""
    for one in _chain(error):
        status = getattr(one, "status", None)
        if isinstance(status, int):
            return status
        response = getattr(one, "response", None)
        if isinstance(response, dict):
            with suppress(KeyError, TypeError):
                return int(response["ResponseMetadata"]["HTTPStatusCode"])
    return None


def is_missing(error: BaseException) -> bool:
    """Tell whether there is nothing at the URL."""
    return isinstance(error, FileNotFoundError) or status_of(error) in _GONE


def is_transient(error: BaseException) -> bool:
    """Tell whether the same step may succeed a moment later."""
    if isinstance(error, (IngestError, FileNotFoundError, PermissionError)) or _is_unknown_host(error):
        return False
    status = status_of(error)
    if status is not None:
        return status in _LATER
    kinds = (TimeoutError, asyncio.TimeoutError, ConnectionError, EOFError)
    names = {name for one in _chain(error) for name in _names(one)}
    return any(isinstance(one, kinds) for one in _chain(error)) or bool(names & _LOST)


_LOST: Final = frozenset(
    {
        "ClientConnectionError",
        "ClientPayloadError",
        "ConnectionError",
        "EndpointConnectionError",
        "HTTPClientError",
        "IncompleteRead",
        "ServerDisconnectedError",
    }
)
"""Errors of aiohttp and botocore that tell of a lost or refused connection; neither may be imported here."""


INSTALL_HINT: Final = "pip install 'vo-server[remote]' brings what http(s):// and s3:// need"
"""What to do about a package that is missing; other stores need the package of fsspec for them."""


def told(error: BaseException, *, file: str) -> IngestError:
    """Return what to say of an error.

    Parameters
    ----------
    error
        Of fsspec, or of a driver below it.
    file
        The URL as it may be shown.
    """
    if isinstance(error, IngestError):
        return error
    status = status_of(error)
    if _is_unknown_host(error):
        return IngestError("its host is not known", file=file, hint="is the URL right, and is there a network?")
    if is_missing(error):
        return IngestError(
            f"there is no such file{_in_brackets(status)}", file=file, hint="is the URL right? Open it in a browser"
        )
    if isinstance(error, PermissionError) or status in _DENIED:
        return IngestError(
            f"it may not be read{_in_brackets(status)}",
            file=file,
            hint="credentials are those of the environment (AWS_ACCESS_KEY_ID, ~/.netrc, FSSPEC_*)",
        )
    if status is not None:
        return IngestError(f"the server answers {status} {_phrase(status)}".rstrip(), file=file, hint=_hint(status))
    absent = next((one for one in _chain(error) if isinstance(one, ImportError)), None)
    if absent is not None:
        return IngestError(f"it cannot be fetched: {absent}", file=file, hint=INSTALL_HINT)
    reason = str(error).strip() or type(error).__name__
    return IngestError(f"it cannot be fetched: {reason}", file=file, hint="the transfer was tried several times")


def _hint(status: int) -> str:
    return "it was tried several times; try again later" if status in _LATER else "is the URL right?"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _in_brackets(status: int | None) -> str:
    return "" if status is None else f" ({status} {_phrase(status)})"


def _is_unknown_host(error: BaseException) -> bool:
    return any(isinstance(one, socket.gaierror) or "ClientConnectorDNSError" in _names(one) for one in _chain(error))


def _names(error: BaseException) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}


def _chain(error: BaseException) -> list[BaseException]:
    """Return an error and what it goes back to."""
    found: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and one not in found:
        found.append(one)
        one = one.__cause__ or getattr(one, "os_error", None) or one.__context__
    return found
