"""How a caller may prove who asks: the ``WWW-Authenticate`` headers of the service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vo_server.web.deps import root_url

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["LOGIN_METHOD", "add_challenges"]

LOGIN_METHOD: Final = "ivo://ivoa.net/sso#tls-with-password"

_REALM: Final = "vo-server"


def add_challenges(response: Response, request: Request) -> None:
    """Add the challenges to an answer: one header each, because many clients do not take two apart that share one.

    ``ivoa_bearer`` comes first (SSO 2.0 draft): TOPCAT and STILTS take the first that they understand.
    """
    for challenge in (
        f'ivoa_bearer standard_id="{LOGIN_METHOD}", access_url="{root_url(request)}/login"',
        f'Bearer realm="{_REALM}"',
        f'Basic realm="{_REALM}", charset="UTF-8"',
    ):
        response.headers.append("WWW-Authenticate", challenge)
