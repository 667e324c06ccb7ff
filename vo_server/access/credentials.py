"""What a request gives to prove who asks: the header ``Authorization``, as ``Bearer`` or as ``Basic``."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import Final

from vo_server.errors import AuthenticationError

__all__ = ["Credentials", "parse_authorization"]

PLACEHOLDER: Final = "x-oauth-basic"
"""What stands for the missing half where a token is sent as ``Basic``, as GitHub has it."""

_FORMS: Final = "send 'Authorization: Bearer TOKEN', or HTTP Basic with your user name, or x-oauth-basic, and the token"


@dataclass(frozen=True)
class Credentials:
    """A token, and whose it is said to be."""

    token: str = field(repr=False)
    user_name: str | None = None
    """Who the caller claims to be; None where the token alone says it."""


def parse_authorization(header: str) -> Credentials:
    """Read the value of the header ``Authorization``.

    Parameters
    ----------
    header
        ``Bearer TOKEN`` (RFC 6750, section 2.1), or ``Basic`` (RFC 7617) with the token as password and either
        ``x-oauth-basic`` or the name of the user as user, or with the token as user and ``x-oauth-basic``, or nothing,
        as password.

    Raises
    ------
    AuthenticationError
        If it is nothing of that.
    """
    scheme, _, rest = header.strip().partition(" ")
    value = rest.strip()
    if scheme.lower() == "bearer" and value and " " not in value:
        return Credentials(value)
    if scheme.lower() == "basic" and value:
        return _from_basic(value)
    raise AuthenticationError("the header Authorization is not understood", hint=_FORMS)


def _from_basic(value: str) -> Credentials:
    try:
        user, colon, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise AuthenticationError("the header Authorization is damaged", hint=_FORMS) from error
    if not colon or not (user or password):
        raise AuthenticationError("the header Authorization names neither a user nor a token", hint=_FORMS)
    if password in {PLACEHOLDER, ""}:
        return Credentials(user)
    return Credentials(password, None if user in {PLACEHOLDER, ""} else user)
