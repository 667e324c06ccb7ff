"""The grammars that sqlglot has of the databases, for whoever reads or writes SQL with it.

They are imported here, all of them. sqlglot would import one when its name is looked up for the first time, but it
lists a grammar before that is finished: of two threads that begin with a query, the second could write in one that
knows no types yet, and what it has written would be kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlglot import ErrorLevel
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.dialects.postgres import Postgres

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlglot import Dialect
    from sqlglot.generator import Generator

__all__ = ["grammar_of", "writer_of"]

_GRAMMARS: Final[Mapping[str, type[Dialect]]] = {"duckdb": DuckDB, "postgres": Postgres}


def grammar_of(dialect: str) -> Dialect:
    """Return the grammar of a database by the name of its :class:`~vo_server.engine.dialect.SqlDialect`."""
    return _GRAMMARS[dialect]()


def writer_of(dialect: str) -> Generator:
    """Return what writes trees as SQL of a database; it raises for what the database does not have."""
    return grammar_of(dialect).generator(unsupported_level=ErrorLevel.RAISE)
