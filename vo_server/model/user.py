"""Users and their tokens, as the operator sees them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from vo_server.errors import UsageError

__all__ = ["NOBODY", "Token", "User", "check_user_name"]

NOBODY: Final = ""
"""Owner of the jobs and tables whose user is gone, until they are swept; no user has that name."""

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")


@dataclass(frozen=True)
class User:
    """Somebody who has an account."""

    name: str
    created: datetime
    n_tokens: int = 0
    note: str | None = None
    """What the operator wants to remember of them, e.g. an address."""


@dataclass(frozen=True)
class Token:
    """What is kept of a token: never the token itself."""

    id: str
    """Short name for people; of no use to a thief."""
    user_name: str
    created: datetime
    expires: datetime | None = None
    """When it ceases to be valid; None for never."""
    label: str | None = None

    def is_valid(self, now: datetime) -> bool:
        """Tell whether the token has not expired."""
        return self.expires is None or now < self.expires


def check_user_name(name: str) -> str:
    """Return a name that a user may have.

    It is a plain ADQL identifier in lower case, so that it can stand in the name of a schema and in a URL as it is.

    Raises
    ------
    UsageError
        If it is none.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be the name of a user; expected a lower-case letter, then up to 31 letters, digits or _",
            hint="for example rita, or survey_team",
        )
    return name
