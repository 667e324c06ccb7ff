"""What is published, for those who only look at it: VOSI, the pages, the command line."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from vo_server.errors import MissingError
from vo_server.model.identity import ANONYMOUS, Identity
from vo_server.model.released import AT
from vo_server.store.tap_schema import published_name

if TYPE_CHECKING:
    from vo_server.model.statistics import TableStatistics
    from vo_server.model.table import Catalogue, Table
    from vo_server.sky.coverage import CellCounts
    from vo_server.store.catalogue import CatalogueStore
    from vo_server.store.statistics import StatisticsStore

__all__ = ["CatalogueService", "unknown_table"]


class CatalogueService:
    """Looks things up in the catalogue.

    Parameters
    ----------
    catalogue
        The store of what is published.
    statistics
        What is known of the rows.
    """

    def __init__(self, *, catalogue: CatalogueStore, statistics: StatisticsStore) -> None:
        self._catalogue = catalogue
        self._statistics = statistics

    def load(self, caller: Identity = ANONYMOUS) -> Catalogue:
        """Return what a caller sees now, TAP_SCHEMA included."""
        return self._catalogue.load(caller)

    def table(self, name: str, caller: Identity = ANONYMOUS) -> Table:
        """Return the table of a name: as published, with quotes where it needs them, or else bare, or in another case.

        ``table@version`` is a release of a table, which need not be listed.

        Raises
        ------
        MissingError
            If there is none that the caller may see, with the nearest name.
        """
        catalogue = self._catalogue.load(caller)
        published = {published_name(table): table for table in catalogue.tables}
        found = published.get(name) or catalogue.find(name)
        if found is not None:
            return found
        folded = {key.lower(): table for key, table in published.items()}
        if name.lower() in folded:  # names that differ only in case are never published together
            return folded[name.lower()]
        release = _release(name, catalogue)
        if release is not None:
            return release
        raise unknown_table(name, catalogue)

    def statistics(self, table: Table) -> TableStatistics:
        """Return what is known of the rows of a table that a caller sees.

        Raises
        ------
        MissingError
            If nothing is known.
        """
        return self._statistics.of_table(table)

    def sky(self, table: Table) -> CellCounts:
        """Return the rows by cell of a table that a caller sees.

        Raises
        ------
        MissingError
            If they are not known.
        """
        return self._statistics.sky(table)


def _release(name: str, catalogue: Catalogue) -> Table | None:
    """Return the release that ``schema.table@version`` names, with or without quotes and in any case."""
    schema, _, pinned = name.replace('"', "").partition(".")
    for entry in catalogue.releases.named(pinned) if AT in pinned else ():
        if entry.schema.lower() == schema.lower():
            return catalogue.releases.table(entry)
    return None


def unknown_table(name: str, catalogue: Catalogue) -> MissingError:
    """Return what is said of a table that is not in a catalogue, with the nearest name that is."""
    names = {published_name(table).lower(): published_name(table) for table in catalogue.tables}
    near = get_close_matches(name.lower(), names, n=1)
    hint = f"did you mean {names[near[0]]}?" if near else "see /tables for what there is"
    return MissingError(f"there is no table {name[:100]}", hint=hint)
