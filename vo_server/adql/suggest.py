"""Guessing what was meant: near names among those that could have been used."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from vo_server.adql.words import RESERVED
from vo_server.model.table import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["did_you_mean", "enumerate_names", "near"]

MAX_SHOWN = 5


def near(name: str, known: Iterable[str], *, limit: int = 3) -> tuple[str, ...]:
    """Return the known names that look like a name, best first; compared without case."""
    by_folded = {one.lower(): one for one in reversed(list(known))}
    close = get_close_matches(name.lower(), by_folded, n=limit, cutoff=0.6)
    if not close:
        close = [one for one in by_folded if len(name) > 2 and name.lower() in one][:limit]  # noqa: PLR2004 - a stem
    return tuple(by_folded[one] for one in close)


def did_you_mean(name: str, known: Iterable[str], *, are_names: bool = True) -> str | None:
    """Return ``did you mean 'x'?``, or None when nothing comes near. Names are written as a query must."""
    found = [quoted(one, RESERVED) if are_names else one for one in near(name, known)]
    return f"did you mean {_either(found)}?" if found else None


def _either(names: list[str]) -> str:
    shown = [f"'{one}'" for one in names]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} or {shown[-1]}"


def enumerate_names(names: Iterable[str]) -> str:
    """Write some names in a row, with the number of those left out."""
    every = list(names)
    shown = ", ".join(every[:MAX_SHOWN])
    return shown if len(every) <= MAX_SHOWN else f"{shown} and {len(every) - MAX_SHOWN} more"
