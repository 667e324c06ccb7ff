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


def unique_names(wanted: list[str], *, ignores_case: bool) -> list[str]:
    """Return names that differ, perhaps even without case: repeated ones get ``_2``, ``_3``, ... in order."""
    key = str.lower if ignores_case else str
    taken = {key(name) for name in wanted}
    next_number: dict[str, int] = {}
    result = []
    for name in wanted:
        folded, chosen = key(name), name
        if folded in next_number:
            number = next_number[folded]
            while f"{folded}_{number}" in taken:
                number += 1
            chosen = f"{name}_{number}"
            taken.add(key(chosen))
            next_number[folded] = number + 1
        else:
            next_number[folded] = 2
        result.append(chosen)
    return result
