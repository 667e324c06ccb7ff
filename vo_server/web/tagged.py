"""Documents that clients ask for again and again: sent once, and told to be the same after that."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

__all__ = ["digest_of", "tagged", "unchanged"]

_NOT_MODIFIED: Final = 304
_WEAK: Final = "W/"


def tagged(request: Request, document: bytes, media_type: str) -> Response:
    """Send a document that depends on the caller, or the news that the client has it already.

    Parameters
    ----------
    request
        Its header If-None-Match has the tags of what the client has.
    document
        The document as it is now.
    media_type
        What it is.
    """
    headers = {
        "ETag": f'{_WEAK}"{digest_of(document)}"',
        "Cache-Control": "no-cache",
        "Vary": "Authorization",
        "Content-Type": media_type,
    }
    return unchanged(request, headers) or Response(document, headers=headers)


def digest_of(content: bytes) -> str:
    """Return what goes between the quotes of a tag."""
    return blake2b(content, digest_size=12).hexdigest()


def unchanged(request: Request, headers: Mapping[str, str]) -> Response | None:
    """Return the answer to a client that has what the tag of these headers names; None for one that has not.

    References
    ----------
    RFC 9110, sections 8.8.3.2 (weak comparison) and 13.1.2 (If-None-Match).
    """
    known = [one.strip().removeprefix(_WEAK) for one in request.headers.get("if-none-match", "").split(",")]
    if "*" in known or headers["ETag"].removeprefix(_WEAK) in known:
        return Response(status_code=_NOT_MODIFIED, headers=headers)
    return None
