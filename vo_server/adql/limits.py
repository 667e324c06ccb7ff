"""How large a query may be: what lies beyond is refused before a parser or an engine sees it.

The numbers are far above what people write and below what makes an optimiser slow: DuckDB's ignores
interrupts while it plans some hundred joins.
"""

from __future__ import annotations

from typing import Final

from vo_server.errors import Problem, ProblemKind, Span

__all__ = [
    "MAX_ALL_COLUMNS",
    "MAX_CHARACTERS",
    "MAX_COLUMNS",
    "MAX_DEPTH",
    "MAX_DIGITS",
    "MAX_FOOTPRINT_CELLS",
    "MAX_JOINS",
    "MAX_NAME",
    "MAX_OPERATORS",
    "MAX_PREDICATES",
    "MAX_SUBQUERIES",
    "MAX_TOKENS",
    "limit_problem",
]

MAX_CHARACTERS: Final = 1_000_000
"""Length of a query text."""

MAX_TOKENS: Final = 50_000
"""Words, numbers and signs of a query; twenty thousand values after IN and all around them, read in half a second."""

MAX_DEPTH: Final = 100
"""Nested parentheses, brackets and CASEs."""

MAX_JOINS: Final = 50
"""Joins of a whole query, commas in FROM included."""

MAX_PREDICATES: Final = 5_000
"""Comparisons, BETWEENs, INs, LIKEs, IS NULLs and EXISTs; a list after IN counts as one, however long."""

MAX_OPERATORS: Final = 5_000
"""Arithmetic operators and concatenations."""

MAX_SUBQUERIES: Final = 200
"""SELECTs in one query."""

MAX_COLUMNS: Final = 20_000
"""Output columns of one SELECT."""


MAX_ALL_COLUMNS: Final = 100_000
"""Output columns of all SELECTs of a query together."""

MAX_NAME: Final = 1_000
"""Characters of one name."""

MAX_DIGITS: Final = 1_000
"""Characters of one number."""

MAX_FOOTPRINT_CELLS: Final = 50_000
"""Cells of all footprints that a query asks for, each as often as it does: the SQL names every one of them."""


def limit_problem(what: str, limit: int, span: Span, *, hint: str | None = None) -> Problem:
    """Return the problem of a query that has too many of something."""
    return Problem(ProblemKind.LIMIT, f"too many {what}: at most {limit} are accepted in one query", span, hint=hint)
