"""Tables that users keep: whose they are, who else sees them, and until when."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from vo_server.errors import UsageError

if TYPE_CHECKING:
    from vo_server.model.identity import Identity

__all__ = ["TableUse", "UserTable", "own_schema", "plain_table_name"]

SCHEMA_PREFIX: Final = "u_"

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")


@dataclass(frozen=True)
class UserTable:
    """What is kept of a table besides its releases."""

    full_name: str
    """``schema.table``, bare."""
    owner: str
    created: datetime
    expires: datetime
    """When it is removed."""
    n_rows: int
    size_bytes: int
    """Volume of the rows as Arrow has them in memory, the same on every engine [bytes]."""
    is_public: bool = False
    """Whether everybody sees it."""
    readers: frozenset[str] = frozenset()
    """Users who see it besides its owner."""
    unique: tuple[str, ...] = ()
    """Columns that have no value twice."""
    derivation: tuple[str, str, str] | None = None
    """Kind, longitude and latitude of positions that are computed when rows are loaded; None when there are none."""

    def is_visible_to(self, caller: Identity) -> bool:
        """Tell whether a caller may know of the table."""
        return self.is_public or (caller.name is not None and caller.name in {self.owner, *self.readers})


@dataclass(frozen=True)
class TableUse:
    """What the tables of one user take together."""

    n_tables: int = 0
    n_rows: int = 0
    size_bytes: int = 0


def own_schema(user_name: str) -> str:
    """Return the name of the schema of a user; names of users are plain identifiers in lower case."""
    return f"{SCHEMA_PREFIX}{user_name}"


def plain_table_name(name: str, *, reserved: frozenset[str]) -> str:
    """Return a name that a table of a user may have.

    It needs quotes in no query, and can stand in a URL and in the name of a file as it is.

    Parameters
    ----------
    name
        The bare name, without its schema.
    reserved
        Reserved words of ADQL in upper case.

    Raises
    ------
    UsageError
        If it is none.
    """
    if not _NAME.fullmatch(name):
        shown = "".join(character if character.isprintable() else "?" for character in name[:40])
        raise UsageError(
            f"{shown!r} cannot be the name of a table; expected a letter, then up to 62 letters, digits or _",
            hint="for example my_stars",
        )
    if name.upper() in reserved:
        raise UsageError(
            f"{name} is a reserved word of ADQL and would need quotes in every query", hint=f"for example my_{name}"
        )
    return name
