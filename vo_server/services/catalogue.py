"""What is published, for those who only look at it: VOSI, the pages, the command line."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from vo_server.errors import MissingError
from vo_server.store.tap_schema import published_name

if TYPE_CHECKING:
    from vo_server.model.table import Catalogue, Table
    from vo_server.store.catalogue import CatalogueStore

__all__ = ["CatalogueService"]


class CatalogueService:
    """Looks things up in the catalogue.

    Parameters
    ----------
    catalogue
        The store of what is published.
    """

    def __init__(self, *, catalogue: CatalogueStore) -> None:
        self._catalogue = catalogue

    def load(self) -> Catalogue:
        """Return what is published now, TAP_SCHEMA included."""
        return self._catalogue.load()

    def table(self, name: str) -> Table:
        """Return the table of a name: as published, with quotes where it needs them, or else bare, or in another case.

        Raises
        ------
        MissingError
            If there is none, with the nearest name.
        """
        catalogue = self._catalogue.load()
        published = {published_name(table): table for table in catalogue.tables}
        found = published.get(name) or catalogue.find(name)
        if found is not None:
            return found
        folded = {key.lower(): table for key, table in published.items()}
        if name.lower() in folded:  # names that differ only in case are never published together
            return folded[name.lower()]
        near = get_close_matches(name.lower(), folded, n=1)
        hint = f"did you mean {published_name(folded[near[0]])}?" if near else "see /tables for what there is"
        raise MissingError(f"there is no table {name[:100]}", hint=hint)
