"""Comparing names: which published name a written one means, and unique names for output columns."""

from __future__ import annotations

import re
from typing import Final

from vo_server.adql.tree import Identifier

__all__ = ["matches", "shown_name", "unique_names"]

_REGULAR: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def matches(identifier: Identifier, name: str) -> bool:
    """Tell whether an identifier of a query means a published name.

    A bare identifier is compared without case. A delimited one must be exact; for a name that needs no quotes
    its spelling in lower case will do as well, because clients quote what a database would have folded.
    """
    if not identifier.is_delimited:
        return identifier.name.lower() == name.lower()
    if identifier.name == name:
        return True
    return _REGULAR.fullmatch(name) is not None and identifier.name == name.lower()


def shown_name(parts: tuple[Identifier, ...]) -> str:
    """Write names joined by points as the user did."""
    return ".".join(f'"{one.name}"' if one.is_delimited else one.name for one in parts)


def unique_names(wanted: list[str]) -> list[str]:
    """Return names that differ even without case: repeated ones get ``_2``, ``_3``, ... in order."""
    taken = {name.lower() for name in wanted}
    seen: set[str] = set()
    result = []
    for name in wanted:
        chosen = name
        if name.lower() in seen:
            number = 2
            while f"{name}_{number}".lower() in taken:
                number += 1
            chosen = f"{name}_{number}"
            taken.add(chosen.lower())
        seen.add(chosen.lower())
        result.append(chosen)
    return result
