"""The releases of a catalogue: what is known of each without its description, and their names in queries.

``schema.table`` is the current release, ``schema."table@version"`` the one of that version, whichever is current.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from vo_server.model.changes import Changes

if TYPE_CHECKING:
    from vo_server.model.table import Table

__all__ = ["AT", "NO_RELEASES", "ReleaseEntry", "Releases"]

AT: Final = "@"
"""Sign between the name of a table and the version of a release; no table has it in its own name."""


@dataclass(frozen=True)
class ReleaseEntry:
    """A release in the list of releases."""

    number: int
    """Tells it from all other releases that the catalogue ever had; later ones have higher ones."""
    schema: str
    table: str
    version: str
    created: datetime
    is_current: bool
    n_rows: int | None = None
    code_version: str = ""
    checksum: str | None = None
    """Of the rows; see :mod:`vo_server.engine.checksum`. None where it was not computed."""
    changes: Changes | None = None
    """Against the release that was current before; None for a first release, and where it was not computed."""
    aliases: tuple[str, ...] = ()
    """Names of tables in the same schema that mean this release until they are taken from it."""

    @property
    def full_name(self) -> str:
        """``schema.table``, bare: the table that it is a release of."""
        return f"{self.schema}.{self.table}"

    @property
    def pinned_name(self) -> str:
        """``table@version``: the name of this very release in its schema."""
        return f"{self.table}{AT}{self.version}"


class Releases:
    """All releases that a caller may see.

    Parameters
    ----------
    entries
        The releases, those of a table newest first.
    read
        Returns the description of a release as it was loaded, under the name of its table; None when it was dropped
        meanwhile.
    """

    def __init__(
        self, entries: tuple[ReleaseEntry, ...] = (), read: Callable[[ReleaseEntry], Table | None] = lambda _: None
    ) -> None:
        self.entries = entries
        self._read = read
        self._by_folded_table: dict[str, list[ReleaseEntry]] = {}
        for entry in entries:
            self._by_folded_table.setdefault(entry.table.lower(), []).append(entry)

    def __iter__(self) -> Iterator[ReleaseEntry]:
        return iter(self.entries)

    def of_table(self, name: str) -> tuple[ReleaseEntry, ...]:
        """Return the releases of the tables of a bare name in any case, in whatever schema."""
        return tuple(self._by_folded_table.get(name.lower(), ()))

    def named(self, pinned_name: str) -> tuple[ReleaseEntry, ...]:
        """Return the releases that ``table@version`` may mean, in whatever schema and case."""
        table, _, version = pinned_name.rpartition(AT)
        return tuple(one for one in self.of_table(table) if one.version.lower() == version.lower())

    def table(self, entry: ReleaseEntry) -> Table | None:
        """Return a release as a table that is called ``table@version``, described as it was; None when it is gone."""
        found = self._read(entry)
        return None if found is None else found.pinned(entry.pinned_name)

    def without(self, hidden: AbstractSet[str]) -> Releases:
        """Return the releases of all tables but some, given by their full names."""
        kept = tuple(entry for entry in self.entries if entry.full_name not in hidden)
        return Releases(kept, self._read)


NO_RELEASES: Final = Releases()
"""Of a catalogue that keeps none."""
