"""Queries that were compiled against the catalogue, for those who ask the same again."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, TypeAlias

from vo_server.adql.front import compile_query
from vo_server.services.recent import Recent

if TYPE_CHECKING:
    from vo_server.adql.resolved import ResolvedQuery
    from vo_server.model.query import Lang
    from vo_server.model.table import Catalogue

__all__ = ["CompiledQueries"]

MAX_QUERIES: Final = 128
"""Compiled queries that are kept of those asked once, and of those asked again."""

MAX_CHARACTERS: Final = 4_000
"""Longest text that is kept; longer ones are lists of values, which do not come again."""

MAX_COLUMNS: Final = 300
"""Most output columns that are kept; more take a megabyte."""

_Key: TypeAlias = "tuple[int, str, Lang]"
_Kept: TypeAlias = "Recent[_Key, tuple[Catalogue, ResolvedQuery]]"


class CompiledQueries:
    """Compiles queries, and keeps the last ones of the catalogue of today.

    What a query means depends on its text, the version of the language and the catalogue that its caller sees, and on
    nothing else. Who asks the same again is given the same object, so that an engine may remember its SQL by it.

    Queries that were asked once and those that were asked again have room of their own: a thousand cone searches, each
    of another place, displace each other and nothing that comes again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._version: int | None = None
        self._once: _Kept = Recent(MAX_QUERIES)
        self._again: _Kept = Recent(MAX_QUERIES)

    def __len__(self) -> int:
        return len(self._once) + len(self._again)

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
                self._once.clear()
                self._again.clear()
            known = self._once.pop(key) or self._again.get(key)
            if known is not None and known[0] is catalogue:
                self._again.put(key, known)
                return known[1]
        compiled = compile_query(text, catalogue, lang=lang)
        if len(text) <= MAX_CHARACTERS and len(compiled.columns) <= MAX_COLUMNS:
            with self._lock:
                if self._version == catalogue.version:
                    self._once.put(key, (catalogue, compiled))
        return compiled
