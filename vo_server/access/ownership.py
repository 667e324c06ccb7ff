"""Whose is it: what belongs to a user is for that user alone; sharing and roles will have their rules here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vo_server.errors import AuthenticationError, ForbiddenError

if TYPE_CHECKING:
    from vo_server.model.identity import Identity

__all__ = ["require_owner"]


def require_owner(owner: str | None, caller: Identity, what: str) -> None:
    """Let a caller use what is theirs, or nobody's.

    UWS 1.1, section 2.2 has 403 for the job of another user, and not the 404 of a job that does not exist. There is
    nothing to hide in the difference: ids cannot be guessed, so who has one knows that it exists. A caller without
    credentials gets 401, so that clients ask their user for some.

    Parameters
    ----------
    owner
        Name of the owner; None for what belongs to nobody: whoever knows its unguessable name may use it.
    caller
        Who asks.
    what
        What is asked for, as the subject of the error message.

    Raises
    ------
    AuthenticationError
        If it belongs to a user and the caller is anonymous.
    ForbiddenError
        If it belongs to another user.
    """
    if owner is None or owner == caller.name:
        return
    if caller.is_anonymous:
        raise AuthenticationError(f"{what} belongs to a user", hint="send the credentials of its owner")
    raise ForbiddenError(f"{what} belongs to another user", hint="check whose token is sent")
