"""What happens to every request: an identifier, a log line, common headers, and what browsers ask first."""

from __future__ import annotations

import logging
import re
import secrets
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from vo_server.errors import VoError
from vo_server.web.errors import ASYNC_HEADER, CODE_HEADER, printable, respond
from vo_server.web.params import first_of
from vo_server.web.status import NAMES
from vo_server.web.stream import BrokenStreamError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["REQUEST_ID", "FailsafeMiddleware", "PreflightMiddleware", "RequestMiddleware"]

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="-")
"""Identifier of the request that the current task or thread works for, for the log."""

EXPOSED_HEADERS: Final = ", ".join(
    (
        "Content-Disposition",
        "Location",
        "Retry-After",
        "WWW-Authenticate",
        "X-Request-ID",
        "X-VO-Authenticated",
        "X-VO-Bearer",
        ASYNC_HEADER,
        CODE_HEADER,
        *NAMES,
    )
)
"""Headers that scripts of other sites may read (CORS)."""

ALLOWED_METHODS: Final = "GET, HEAD, POST, PUT, DELETE, OPTIONS"
"""Methods that some resource of the service has."""

PREFLIGHT_AGE_S: Final = 86400
"""How long a browser may remember what :class:`PreflightMiddleware` told it [s]."""

CLIENT_CLOSED: Final = 499
"""Status in the access log of a request whose client left before the answer."""

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")

_FIELD_NAMES: Final = re.compile(r"[A-Za-z0-9_-]+(?:\s*,\s*[A-Za-z0-9_-]+)*")

_log = logging.getLogger(__name__)
_access = logging.getLogger("vo_server.access")


class RequestMiddleware:
    """Gives each request an identifier, adds the headers that all answers have, and writes the access log.

    Parameters
    ----------
    app
        What answers.
    product
        Product token for the ``Server`` header (Software Identification note), e.g. ``vo-server/1.0``.
    """

    def __init__(self, app: ASGIApp, *, product: str) -> None:
        self._app = app
        self._product = product

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        token = REQUEST_ID.set(request_id)
        told = _Told()
        begin = time.monotonic()
        try:
            await self._app(scope, receive, self._adding(send, request_id, told))
        finally:
            _log_access(scope, told, time.monotonic() - begin)
            REQUEST_ID.reset(token)

    def _adding(self, send: Send, request_id: str, told: _Told) -> Callable[[Message], Awaitable[None]]:
        async def send_more(message: Message) -> None:
            if message["type"] == "http.response.start":
                told.status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["Server"] = self._product
                headers["X-Request-ID"] = request_id
                headers["Access-Control-Allow-Origin"] = "*"
                headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS
            elif message["type"] == "http.response.body":
                told.n_bytes += len(message.get("body", b""))
                told.is_complete = not message.get("more_body", False)
            await send(message)

        return send_more


class _Told:
    """What was sent of one answer."""

    status = CLIENT_CLOSED
    n_bytes = 0
    is_complete = False


def _log_access(scope: Scope, told: _Told, duration_s: float) -> None:
    client = scope.get("client")
    state = scope.get("state", {})
    run_id, who = first_of(state.get("parameters", ()), "RUNID"), state.get("identity")
    _access.info(
        '%s "%s %s" %d %d bytes %.0f ms%s%s%s',
        client[0] if client else "-",
        scope["method"],
        printable(scope["path"]),
        told.status,
        told.n_bytes,
        duration_s * 1e3,
        "" if told.is_complete else " unfinished",
        "" if who is None or who.name is None else f" user={who.name}",
        "" if run_id is None else f" RUNID={printable(run_id)[:64]!r}",
    )


class FailsafeMiddleware:
    """Turns a mistake of ours into an error document that names the request, and into a traceback in the log."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_started = False

        async def watched(message: Message) -> None:
            nonlocal is_started
            is_started = is_started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except ClientDisconnect:
            return  # It left while its request was being read: nobody listens.
        except BrokenStreamError:
            raise  # The server closes the connection without an end: the client sees that rows are missing.
        except Exception as error:
            _log.exception("%s %s failed", scope["method"], printable(scope["path"]))
            if is_started:
                raise BrokenStreamError("the answer breaks off") from error
            internal = VoError(
                f"the service has failed; its log has the details under the request {REQUEST_ID.get()}",
                hint="report this to the operators of the service",
            )
            await respond(internal, Request(scope, receive))(scope, receive, send)


class PreflightMiddleware:
    """Answers OPTIONS, so that scripts of any site may ask for anything that anybody may have (CORS protocol, Fetch).

    Aladin Lite, TOPCAT in a browser and notebooks run on other sites than the service. Answers to everybody carry no
    cookies and need none, so there is nothing to protect from a script that its user could not fetch by hand.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["method"] != "OPTIONS":
            await self._app(scope, receive, send)
            return
        asked = Headers(scope=scope)
        headers = {"Allow": ALLOWED_METHODS}
        if "access-control-request-method" in asked:
            headers |= {
                "Access-Control-Allow-Methods": ALLOWED_METHODS,
                "Access-Control-Max-Age": str(PREFLIGHT_AGE_S),
                "Vary": "Access-Control-Request-Headers",
            }
            wanted = asked.get("access-control-request-headers", "")
            if _FIELD_NAMES.fullmatch(wanted):
                headers["Access-Control-Allow-Headers"] = wanted
        if asked.get("access-control-request-private-network") == "true":
            headers["Access-Control-Allow-Private-Network"] = "true"  # A page of the web that looks at a local demo.
        await Response(status_code=204, headers=headers)(scope, receive, send)
