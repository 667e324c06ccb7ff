"""From credentials to an identity, without a question to the database for each request."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from vo_server.access.credentials import Credentials, parse_authorization
from vo_server.access.tokens import digest_of
from vo_server.errors import AuthenticationError
from vo_server.model.identity import ANONYMOUS, Identity
from vo_server.store.tables import utc_now

if TYPE_CHECKING:
    from vo_server.model.user import Token
    from vo_server.store.users import UserStore

__all__ = ["REMEMBERED_S", "Authenticator"]

REMEMBERED_S: Final = 3.0
"""How long it is remembered what a token is worth [s]; so late may a revoked one still be taken."""

_MOST_REMEMBERED: Final = 10_000
"""Tokens remembered; wrong ones count, and whoever tries many must not fill the memory."""


@dataclass(frozen=True)
class _Memory:
    token: Token | None
    """None for a token that nobody has."""
    until: float
    """On the monotonic clock [s]."""


class Authenticator:
    """Finds out who asks.

    Parameters
    ----------
    users
        Who has which token.
    remembered_s
        How long an answer of the database holds [s].
    clock
        Gives the time in UTC, for tokens that expire.
    """

    def __init__(
        self,
        users: UserStore,
        *,
        remembered_s: float = REMEMBERED_S,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._users = users
        self._remembered_s = remembered_s
        self._clock = clock
        self._memory: dict[str, _Memory] = {}

    def recall(self, authorization: str | None) -> Identity | None:
        """Return who asks if that is known without the database, else None.

        Parameters
        ----------
        authorization
            Value of the header of that name; None when there is none, which makes the caller anonymous.

        Raises
        ------
        AuthenticationError
            If the credentials are wrong; a caller who gives some is never taken for an anonymous one.
        """
        if authorization is None:
            return ANONYMOUS
        given = parse_authorization(authorization)
        found = self._memory.get(digest_of(given.token))
        if found is None or time.monotonic() > found.until:
            return None
        return self._identity(given, found.token)

    def identify(self, authorization: str) -> Identity:
        """Return who asks, from the database.

        Raises
        ------
        AuthenticationError
            If the credentials are wrong.
        """
        return self._check(parse_authorization(authorization))

    def check(self, user_name: str, token: str) -> Identity:
        """Return who asks, from the database, given the name of a user and one of their tokens.

        Raises
        ------
        AuthenticationError
            If the token is not one of theirs.
        """
        return self._check(Credentials(token, user_name))

    def _check(self, given: Credentials) -> Identity:
        digest = digest_of(given.token)
        until = time.monotonic() + self._remembered_s  # taken before the look, which may be slow
        token = self._users.find_token(digest)
        if len(self._memory) >= _MOST_REMEMBERED:
            self._memory.clear()
        self._memory[digest] = _Memory(token, until)
        return self._identity(given, token)

    def _identity(self, given: Credentials, token: Token | None) -> Identity:
        if token is None or not token.is_valid(self._clock()):
            raise AuthenticationError(
                "the token is wrong, revoked or expired" if token is None else f"the token {token.id} has expired",
                hint="ask the operator for another, or send no credentials to be anonymous",
            )
        if given.user_name is not None and given.user_name != token.user_name:
            raise AuthenticationError(
                "the token is not one of the user whose name was given with it",
                hint="check the user name, or use x-oauth-basic in its place",
            )
        return Identity(token.user_name)
