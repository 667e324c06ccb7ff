"""Users and the digests of their tokens."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, insert, select
from sqlalchemy.exc import IntegrityError

from vo_server.errors import MissingError, UsageError
from vo_server.model.user import Token, User, check_user_name
from vo_server.store.job_changes import disown_jobs
from vo_server.store.tables import tokens, users, utc_now
from vo_server.store.user_tables import disown_tables

if TYPE_CHECKING:
    from sqlalchemy import Row

    from vo_server.store.database import Database

__all__ = ["UserStore"]


class UserStore:
    """The users of a service.

    Parameters
    ----------
    database
        Where the rows are.
    clock
        Gives the time in UTC.
    """

    def __init__(self, database: Database, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._clock = clock

    def add(self, name: str, *, note: str | None = None) -> User:
        """Add a user, who has no token yet.

        Raises
        ------
        UsageError
            If there is such a user already, or nobody can have that name.
        """
        user = User(check_user_name(name), self._clock(), note=note)
        with self._database.write() as connection:
            try:
                connection.execute(insert(users).values(name=name, created=user.created, note=note))
            except IntegrityError as error:
                raise UsageError(
                    f"there is a user {name} already", hint=f"vo-server user token {name} makes another token"
                ) from error
        return user

    def remove(self, name: str) -> int:
        """Remove a user with all tokens, end their jobs, and let these and their tables be removed at once.

        Whoever gets the name later must not find the jobs and tables of this one, nor what was shared with them.

        Returns
        -------
        int
            Number of jobs that are to be destroyed.

        Raises
        ------
        MissingError
            If there is no such user.
        """
        with self._database.write() as connection:
            if connection.execute(delete(users).where(users.c.name == name)).rowcount == 0:
                raise _no_user(name)
            disown_tables(connection, name, self._clock())
            return disown_jobs(connection, name, self._clock())

    def list(self) -> tuple[User, ...]:
        """Return all users by name, each with the number of tokens, expired ones included."""
        query = (
            select(users, func.count(tokens.c.id).label("n_tokens"))
            .outerjoin(tokens, tokens.c.user_name == users.c.name)
            .group_by(users.c.name)
            .order_by(users.c.name)
        )
        with self._database.read() as connection:
            return tuple(User(row.name, row.created, row.n_tokens, row.note) for row in connection.execute(query))

    def tokens(self, name: str) -> tuple[Token, ...]:
        """Return the tokens of a user, the newest first.

        Raises
        ------
        MissingError
            If there is no such user.
        """
        with self._database.snapshot() as connection:
            if connection.scalar(select(users.c.name).where(users.c.name == name)) is None:
                raise _no_user(name)
            query = select(tokens).where(tokens.c.user_name == name).order_by(tokens.c.created.desc(), tokens.c.id)
            return tuple(_token(row) for row in connection.execute(query))

    def add_token(self, name: str, digest: str, *, expires: datetime | None = None, label: str | None = None) -> Token:
        """Keep the digest of a new token.

        Parameters
        ----------
        name
            Whose token it is.
        digest
            What :func:`vo_server.access.tokens.digest_of` made of it.
        expires
            When it ceases to be valid; None for never.
        label
            What it is for, in the words of the operator.

        Raises
        ------
        MissingError
            If there is no such user.
        """
        token = Token(secrets.token_hex(4), name, self._clock(), expires, label)
        with self._database.write() as connection:
            if connection.scalar(select(users.c.name).where(users.c.name == name)) is None:
                raise _no_user(name)
            connection.execute(
                insert(tokens).values(
                    id=token.id, user_name=name, digest=digest, created=token.created, expires=expires, label=label
                )
            )
        return token

    def revoke(self, token_id: str) -> Token:
        """Remove a token; servers refuse it within seconds.

        Raises
        ------
        MissingError
            If there is no such token (any more).
        """
        with self._database.write() as connection:
            row = connection.execute(select(tokens).where(tokens.c.id == token_id)).one_or_none()
            if row is None:
                raise MissingError(
                    f"there is no token {token_id}", hint="vo-server user tokens NAME lists those of a user"
                )
            connection.execute(delete(tokens).where(tokens.c.id == token_id))
        return _token(row)

    def find_token(self, digest: str) -> Token | None:
        """Return the token with this digest, expired or not; None when nobody has it. One quick SELECT.

        The time that the comparison takes tells nothing: who could choose a digest to compare with, bit by bit, would
        have to find a text for each.
        """
        with self._database.read() as connection:
            row = connection.execute(select(tokens).where(tokens.c.digest == digest)).one_or_none()
        return None if row is None else _token(row)


def _token(row: Row[Any]) -> Token:
    return Token(row.id, row.user_name, row.created, row.expires, row.label)


def _no_user(name: str) -> MissingError:
    return MissingError(f"there is no user {name}", hint=f"vo-server user list; vo-server user add {name}")
