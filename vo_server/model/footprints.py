"""Where on the sky tables have been observed, for those who ask whether a place was."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from vo_server.model.table import Table

__all__ = ["NO_FOOTPRINTS", "CellRanges", "Footprints"]

CellRanges: TypeAlias = tuple[tuple[int, int], ...]
"""Order-29 NESTED cells: first and last of each range, both inclusive, ascending, disjoint."""


class Footprints:
    """The footprints of the tables of a catalogue, each read when it is first asked for.

    Parameters
    ----------
    read
        Returns the footprint of a table as it is published; None where it is not known.
    covered
        Locations of the releases whose rows were counted by cell.
    """

    def __init__(
        self,
        read: Callable[[Table], CellRanges | None] = lambda _: None,
        *,
        covered: AbstractSet[str] = frozenset(),
    ) -> None:
        self._read = read
        self._covered = covered
        self._known: dict[str, CellRanges | None] = {}

    def of(self, table: Table) -> CellRanges | None:
        """Return the footprint of a table; None where it is not known."""
        key = table.location or table.full_name
        if key not in self._known:
            self._known[key] = self._read(table)
        return self._known[key]

    def has_coverage(self, table: Table) -> bool:
        """Tell, without reading anything, whether the coverage of a table is published."""
        return table.location in self._covered


NO_FOOTPRINTS: Final = Footprints()
"""Of a catalogue that knows none."""
