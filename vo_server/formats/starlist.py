"""Star lists as telescope control systems read them: a name of 15 characters, sexagesimal position, equinox, keywords.

The layout is that of the Keck telescopes, which Lick and others read as well: name in columns 1 to 16, then
``hh mm ss.sss``, ``+dd mm ss.ss``, ``2000.0``, then ``keyword=value``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vo_server.model.query import QueryResult

__all__ = ["write_star_list"]

_NAME: Final = 15
_KEYWORDS: Final = {"magnitude": "vmag", "priority": "priority"}


def write_star_list(result: QueryResult) -> Iterator[bytes]:
    """Yield a star list of a target list, a line for each target, after comments that tell where it comes from.

    Parameters
    ----------
    result
        With the columns ``name``, ``ra``, ``dec`` [deg, ICRS], ``magnitude`` and ``priority``.
    """
    for note in result.notes:
        if note.name in {"RECIPE", "SITE", "NIGHT", "SELECTED", "UP"}:
            yield f"# {note.name}: {note.value} {note.text}".rstrip().encode() + b"\n"
    for batch in result.batches:
        rows = batch.select(["name", "ra", "dec", *_KEYWORDS]).to_pylist()
        yield "".join(_line(row) for row in rows).encode()


def _line(row: dict[str, float | str | None]) -> str:
    name, ra, dec = row["name"], row["ra"], row["dec"]
    assert isinstance(ra, float)
    assert isinstance(dec, float)
    shown = "_".join(str(name).split())
    # Identifiers differ at their ends: the start is what can be spared.
    line = f"{shown[-_NAME:]:<16}{_sexagesimal(ra / 15, 3)} {_sexagesimal(dec, 2, sign=True)} 2000.0"
    for column, keyword in _KEYWORDS.items():
        if row[column] is not None:
            line += f" {keyword}={row[column]:.3f}"
    return line + "\n"


def _sexagesimal(value: float, n_digits: int, *, sign: bool = False) -> str:
    """Return ``hh mm ss.s``; rounded as a whole, so that no 60 appears."""
    unit = 10**n_digits
    total = int(np.rint(abs(value) * 3600 * unit))
    if not sign:
        total %= 24 * 3600 * unit
    whole, fraction = divmod(total, unit)
    minutes, seconds = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    shown = f"{hours:02d} {minutes:02d} {seconds:02d}.{fraction:0{n_digits}d}"
    return ("-" if value < 0 else "+") + shown if sign else shown
