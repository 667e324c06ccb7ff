"""Queries that were compiled against the catalogue, for those who ask the same again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from vo_server.adql.front import compile_query

if TYPE_CHECKING:
    from vo_server.adql.resolved import ResolvedQuery
    from vo_server.model.query import Lang
    from vo_server.model.table import Catalogue

__all__ = ["CompiledQueries"]

MAX_QUERIES: Final = 256
"""Compiled queries that are kept."""

MAX_CHARACTERS: Final = 4_000
"""Longest text that is kept; longer ones are lists of values, which do not come again."""

MAX_COLUMNS: Final = 300
"""Most output columns that are kept; more take a megabyte."""


class CompiledQueries:
    """Compiles queries, and keeps the last ones of the catalogue of today.

    What a query means depends on its text, the version of the language and the catalogue that its caller sees, and on
    nothing else. Who asks the same again is given the same object, so that an engine may remember its SQL by it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._version: int | None = None
        self._kept: OrderedDict[tuple[int, str, Lang], tuple[Catalogue, ResolvedQuery]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def compile(self, text: str, catalogue: Catalogue, *, lang: Lang) -> ResolvedQuery:
        """Compile a query, or return what was compiled before against the same catalogue.

        Parameters
        ----------
        text
            One query.
        catalogue
            What its caller sees. It is told from others by being the same object: callers see different tables.
        lang
            Version of the language.

        Raises
        ------
        AdqlError
            With every known mistake in the text; mistakes are found anew each time.
        """
        key = id(catalogue), text, lang
        with self._lock:
            if self._version != catalogue.version:
                self._version = catalogue.version
                self._kept.clear()
            known = self._kept.get(key)
            if known is not None and known[0] is catalogue:
                self._kept.move_to_end(key)
                return known[1]
        compiled = compile_query(text, catalogue, lang=lang)
        if len(text) <= MAX_CHARACTERS and len(compiled.columns) <= MAX_COLUMNS:
            with self._lock:
                if self._version == catalogue.version:
                    self._kept[key] = catalogue, compiled
                    while len(self._kept) > MAX_QUERIES:
                        self._kept.popitem(last=False)
        return compiled
