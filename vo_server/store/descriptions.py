"""Descriptions of releases, each decoded once: a release never changes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, select

from vo_server.store.encode import decode_table
from vo_server.store.tables import releases

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from vo_server.model.table import Table
    from vo_server.store.database import Database

__all__ = ["Descriptions"]

_FEW: Final = 500
"""Up to so many descriptions are asked for one by one; of more, all are read."""

_MOST_OLD: Final = 64
"""Descriptions of releases that are neither current nor pinned that are kept: those asked for last."""


class Descriptions:
    """The descriptions that a process has read.

    Parameters
    ----------
    database
        Where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._listed: dict[int, Table] = {}
        self._old: OrderedDict[int, Table] = OrderedDict()

    def read(self, connection: Connection, ids: Collection[int]) -> Mapping[int, Table]:
        """Return the descriptions of the releases that the catalogue lists; others of before are forgotten."""
        known = {one: self._listed[one] for one in ids if one in self._listed}
        missing = [one for one in ids if one not in known]
        if missing:
            described = select(releases.c.id, releases.c.description)
            if len(missing) < _FEW:
                described = described.where(releases.c.id.in_(missing))
            wanted = set(missing)
            rows = connection.execute(described)
            known |= {row.id: decode_table(row.description) for row in rows if row.id in wanted}
        self._listed = known
        return known

    def find(self, number: int) -> Table | None:
        """Return the description of any release; None when it was dropped.

        Raises
        ------
        CatalogueError
            If it cannot be read.
        """
        with self._lock:
            found = self._listed.get(number) or self._old.get(number)
        if found is not None:
            return found
        with self._database.read() as connection:
            text = connection.scalar(select(releases.c.description).where(releases.c.id == number))
        if text is None:
            return None
        found = decode_table(text)
        with self._lock:
            self._old[number] = found
            while len(self._old) > _MOST_OLD:
                self._old.popitem(last=False)
        return found
