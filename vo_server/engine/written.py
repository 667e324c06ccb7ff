"""SQL that was written for a query, for those who ask the same query again."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Callable

    from vo_server.adql.resolved import ResolvedQuery

__all__ = ["WrittenQueries"]


class WrittenQueries:
    """The last SQL of each query that somebody keeps; it goes with the query.

    A resolved query never changes and names the releases that it reads, so that its SQL depends on the limit alone.
    """

    def __init__(self) -> None:
        self._kept: WeakKeyDictionary[ResolvedQuery, tuple[int | None, str]] = WeakKeyDictionary()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, query: ResolvedQuery, limit: int | None, write: Callable[[], str]) -> str:
        """Return the SQL of a query with a limit, written now if it is not known.

        Raises
        ------
        AdqlError
            What ``write`` raises; nothing is kept then.
        """
        known = self._kept.get(query)
        if known is not None and known[0] == limit:
            return known[1]
        sql = write()
        self._kept[query] = limit, sql
        return sql
