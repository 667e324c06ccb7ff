"""Guessing what was meant: near names among those that could have been used."""

from __future__ import annotations

from difflib import SequenceMatcher, get_close_matches
from typing import TYPE_CHECKING, Final

from vo_server.adql.words import RESERVED
from vo_server.model.table import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["MAX_SHOWN", "did_you_mean", "either", "enumerate_names", "near", "nearest"]

MAX_SHOWN: Final = 5
"""Names of a list that are written out."""

_NOTICEABLE: Final = 0.1
"""Difference in likeness from which on only the better name is worth telling."""


def near(name: str, known: Iterable[str], *, limit: int = 3) -> tuple[str, ...]:
    """Return the known names that look like a name, best first; compared without case."""
    by_folded = {one.lower(): one for one in reversed(list(known))}
    close = get_close_matches(name.lower(), by_folded, n=limit, cutoff=0.6)
    if close:
        likeness = [SequenceMatcher(None, one, name.lower()).ratio() for one in close]
        close = [one for one, ratio in zip(close, likeness, strict=True) if ratio > likeness[0] - _NOTICEABLE]
    else:
        close = [one for one in by_folded if len(name) > 2 and name.lower() in one][:limit]  # noqa: PLR2004 - a stem
    return tuple(by_folded[one] for one in close)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the one known name that is almost the same as a name; compared without case."""
    by_folded = {one.lower(): one for one in reversed(list(known))}
    close = get_close_matches(name.lower(), by_folded, n=1, cutoff=0.8)
    return by_folded[close[0]] if close else None


def did_you_mean(name: str, known: Iterable[str], *, are_names: bool = True) -> str | None:
    """Return ``did you mean x?``, or None when nothing comes near. Names are written as a query must."""
    found = [quoted(one, RESERVED) if are_names else one for one in near(name, known)]
    return f"did you mean {either(found)}?" if found else None


def either(names: Sequence[str]) -> str:
    """Write a choice: ``a, b or c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def enumerate_names(names: Iterable[str]) -> str:
    """Write some names in a row, with the number of those left out."""
    every = list(names)
    shown = ", ".join(every[:MAX_SHOWN])
    return shown if len(every) <= MAX_SHOWN else f"{shown} and {len(every) - MAX_SHOWN} more"
