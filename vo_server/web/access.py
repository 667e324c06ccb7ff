"""Who asks: the credentials of a request are checked before anything else looks at it.

A caller without credentials is anonymous, and may do much. One with wrong credentials is refused, whatever was asked
for: who believes to be known must not get the answers and the limits of a stranger without a word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from anyio import to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from vo_server.errors import AuthenticationError, ParameterError, VoError
from vo_server.web.deps import parameters, site
from vo_server.web.errors import respond
from vo_server.web.params import drain, first_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from vo_server.model.identity import Identity

__all__ = ["AUTHENTICATED_HEADER", "BEARER_HEADER", "ROUTES", "IdentityMiddleware"]

AUTHENTICATED_HEADER: Final = "X-VO-Authenticated"
"""Response header with the name of the caller, there when credentials were given and are right (SSO 2.0 draft)."""

BEARER_HEADER: Final = "X-VO-Bearer"
"""Response header in which a login gives the token (SSO 2.0 draft)."""


class IdentityMiddleware:
    """Puts the identity of the caller into the state of the request, or refuses wrong credentials with 401."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            request.state.identity = who = await _identify(request)
        except VoError as error:
            # Clients that send first and read afterwards would see a broken connection in place of the answer.
            await drain(request, max_bytes=site(request).max_body_bytes)
            await respond(error, request)(scope, receive, send)
            return
        if who.name is None:
            await self._app(scope, receive, send)
            return
        name = who.name

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[AUTHENTICATED_HEADER] = name
            await send(message)

        await self._app(scope, receive, send_named)


async def _identify(request: Request) -> Identity:
    given = Headers(scope=request.scope).getlist("authorization")
    if len(given) > 1:
        raise AuthenticationError("the header Authorization is given twice", hint="send it once")
    header = given[0] if given else None
    authenticator = site(request).context.authenticator
    known = authenticator.recall(header)
    if known is not None:
        return known
    assert header is not None
    return await to_thread.run_sync(authenticator.identify, header)


async def login(request: Request) -> Response:
    """Give a client its token back that has a user's name and the token as password (SSO 2.0 draft, ``ivoa_bearer``).

    TOPCAT and STILTS ask people for a name and a password, send them here, and use what they get as a bearer token.
    """
    given = await parameters(request)
    name, password = first_of(given, "USERNAME"), first_of(given, "PASSWORD")
    if name is None or password is None:
        raise ParameterError("USERNAME" if name is None else "PASSWORD", None, "the name of a user, and a token")
    here = site(request).context.authenticator
    who = await to_thread.run_sync(here.check, name, password)
    headers = {BEARER_HEADER: password, AUTHENTICATED_HEADER: str(who.name), "Cache-Control": "no-store"}
    return PlainTextResponse(f"you are {who.name}\n", headers=headers)


ROUTES = [Route("/login", login, methods=["POST"])]
