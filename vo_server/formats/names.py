"""Column names for formats in which a name may not repeat."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vo_server.model.table import Column

__all__ = ["uniquely_named"]


def uniquely_named(columns: Sequence[Column]) -> tuple[Column, ...]:
    """Return the columns with a number behind each name that was there before: ``ra``, ``ra_2``.

    Case does not make a difference, because it makes none to many readers. White space becomes single spaces, as in
    the FIELDs of a VOTable, with which these names are matched.
    """
    # A name that is given as it stands is never taken away by one with a number.
    stems = [" ".join(column.name.split()) or "_" for column in columns]
    given = {stem.lower() for stem in stems}
    taken: set[str] = set()
    found = []
    for column, stem in zip(columns, stems, strict=True):
        name, number = stem, 1
        while name.lower() in taken or (number > 1 and name.lower() in given):
            number += 1
            name = f"{stem}_{number}"
        taken.add(name.lower())
        found.append(column if name == column.name else column.renamed(name))
    return tuple(found)
