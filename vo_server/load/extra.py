"""Columns of files that a description leaves to the files: what those say is taken."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vo_server.errors import IngestError
from vo_server.model.table import HEALPIX_COLUMN

if TYPE_CHECKING:
    from vo_server.load.description import Description

__all__ = ["with_extra"]


def with_extra(described: Description, inferred: Description) -> Description:
    """Add the columns that are not described.

    They stand behind the described ones, in the order of the files. A description without any column is that of the
    files, positions included, but for what it says of the table.

    Parameters
    ----------
    described
        The description as it was given.
    inferred
        What the files say; see :func:`vo_server.load.infer.infer`.

    Raises
    ------
    IngestError
        If a column of the files that is not described has a name of a described one.
    """
    table, seen = described.table, inferred.table
    if not table.columns:
        return replace(
            inferred,
            schema=described.schema,
            table=replace(table, columns=seen.columns, position=seen.position),
            is_inferred=False,
        )
    known = {name.lower() for name in described.sources.values()}
    known.update(alias.lower() for column in table.columns for alias in column.aliases)
    extra = [
        column
        for column in seen.columns
        if column.name in inferred.sources and inferred.sources[column.name].strip().lower() not in known
    ]
    taken = {column.name.lower() for column in table.columns}
    for column in extra:
        if column.name.lower() in taken:
            raise IngestError(
                f"the column {column.name} of the files is not described, but another column has its name",
                hint="describe it under another name, with `vo: {source: ...}`",
            )
    own = tuple(column for column in table.columns if column.name != HEALPIX_COLUMN)
    last = table.columns[len(own) :]
    names = tuple(f"column {column.name}: " for column in extra)
    return replace(
        described,
        table=replace(table, columns=(*own, *extra, *last)),
        sources={**described.sources, **{column.name: inferred.sources[column.name] for column in extra}},
        warnings=(*described.warnings, *(one for one in inferred.warnings if one.startswith(names))),
    )
