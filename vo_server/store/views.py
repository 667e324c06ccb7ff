"""One state of the catalogue as each caller sees it: tables of users are there for those who may see them."""

from __future__ import annotations

import threading
from dataclasses import replace
from operator import is_
from typing import TYPE_CHECKING, Final

from vo_server.model.identity import ANONYMOUS
from vo_server.model.table import Catalogue
from vo_server.store.keys import without_keys_to

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vo_server.model.identity import Identity
    from vo_server.model.table import Schema
    from vo_server.model.user_table import UserTable

__all__ = ["CatalogueViews"]

_MOST_KEPT: Final = 256
"""Views kept; they share all tables and most schemas."""


class CatalogueViews:
    """The views of one state of the catalogue, each made when it is first asked for.

    What everybody sees is made at once. A caller who sees nothing more gets the very same object, so that whatever is
    kept by catalogue is kept once for all of them.

    Parameters
    ----------
    whole
        Everything that is published.
    user_tables
        What is known of those tables that belong to users, by full name.
    """

    def __init__(self, whole: Catalogue, user_tables: Mapping[str, UserTable]) -> None:
        self.whole = whole
        self._user_tables = user_tables
        self._lock = threading.Lock()
        self._by_hidden: dict[frozenset[str], Catalogue] = {frozenset(): whole}
        self._by_caller: dict[str | None, Catalogue] = {}
        self.anonymous = self.of(ANONYMOUS)

    @property
    def version(self) -> int:
        """Version of the state."""
        return self.whole.version

    def of(self, caller: Identity) -> Catalogue:
        """Return what a caller sees."""
        with self._lock:
            found = self._by_caller.get(caller.name)
            if found is None:
                if len(self._by_caller) >= _MOST_KEPT:
                    self._by_caller = {None: self.anonymous}
                    self._by_hidden = {frozenset(): self.whole}
                found = self._by_caller[caller.name] = self._made(caller)
            return found

    def _made(self, caller: Identity) -> Catalogue:
        hidden = frozenset(name for name, one in self._user_tables.items() if not one.is_visible_to(caller))
        if hidden not in self._by_hidden:
            schemas = (_without(schema, hidden) for schema in self.whole.schemas)
            kept = tuple(schema for schema in schemas if schema is not None)
            self._by_hidden[hidden] = Catalogue(
                kept, self.whole.version, self.whole.releases.without(hidden), self.whole.footprints
            )
        return self._by_hidden[hidden]


def _without(schema: Schema, hidden: frozenset[str]) -> Schema | None:
    """Return a schema without hidden tables and without keys that lead to them; None when nothing else is in it.

    One that has neither is the same object.
    """
    tables = tuple(
        without_keys_to(hidden, table) for table in schema.tables if (table.release_of or table.full_name) not in hidden
    )
    if len(tables) == len(schema.tables) and all(map(is_, tables, schema.tables)):
        return schema
    return replace(schema, tables=tables) if tables else None
