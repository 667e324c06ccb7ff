"""Documents that clients ask for again and again: sent once, and told to be the same after that."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["tagged"]

_NOT_MODIFIED: Final = 304


def tagged(request: Request, document: bytes, media_type: str) -> Response:
    """Send a document, or the news that the client has it already (RFC 9110, section 13.1.2).

    Parameters
    ----------
    request
        Its header If-None-Match has the tags of what the client has.
    document
        The document as it is now.
    media_type
        What it is.
    """
    tag = f'W/"{blake2b(document, digest_size=12).hexdigest()}"'
    headers = {"Content-Type": media_type, "Cache-Control": "no-cache", "ETag": tag}
    known = [one.strip() for one in request.headers.get("if-none-match", "").split(",")]
    if tag in known:
        return Response(status_code=_NOT_MODIFIED, headers=headers)
    return Response(document, headers=headers)
