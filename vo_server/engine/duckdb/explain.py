"""What a query would cost: DuckDB's plan, with the numbers of rows that DuckDB does not know.

DuckDB keeps the least and the largest value of each block of rows, and no distribution: for any condition it expects a
fifth of the rows. So the rows within the cells of a region are counted, and a query of one table is tried on a part of
its rows. Neither reads more than a bounded number of rows.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from math import sqrt
from typing import TYPE_CHECKING, Final, Protocol

from vo_server.adql.tree import QueryNode, Select
from vo_server.adql.walk import preorder
from vo_server.engine.arrow import row_bytes
from vo_server.engine.duckdb.plan import PlanReader
from vo_server.engine.outlook import has_groups, is_one_row, within_own_limits
from vo_server.errors import EvaluationError, QueryTimeoutError
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.plan import Access, Action, Basis, Plan, Step
from vo_server.model.query import arrow_schema
from vo_server.model.table import HEALPIX_COLUMN, Column

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa

    from vo_server.adql.resolved import ResolvedQuery
    from vo_server.adql.tree import Node
    from vo_server.model.table import Table

__all__ = ["Ask", "explain"]

_SAMPLE_ROWS: Final = 100_000
"""Rows on which a query is tried: a few milliseconds, and a condition that one in a thousand meets is seen well."""

_SEEN: Final = 30
"""Rows found in a part that make their share known well enough."""

_AT_MOST: Final = 3.0
"""Rows that a part may be expected to have when none was found in it: with fewer, that happens in one of twenty cases
only."""

_MOST_TRIED: Final = 2_000_000
"""Rows within the cells of a region on which a query is tried, all of them."""

_MEASURED_ROWS: Final = 1_000
"""Rows whose size is measured."""

_FEW: Final = 10
"""A part in which there is a group for ten rows or more has probably seen all groups."""

_COUNT: Final = (Column("n", DataType(Primitive.LONG)),)
_PLAN: Final = (Column("key", DataType(Primitive.CHAR, "*")), Column("value", DataType(Primitive.CHAR, "*")))


class Ask(Protocol):
    """Runs a SELECT over the tables of a query, or shows its plan."""

    def __call__(self, sql: str, columns: Sequence[Column], *, is_plan: bool = False) -> pa.Table:
        """Return all rows; raises what running the query itself raises."""
        ...


def explain(
    query: ResolvedQuery,
    *,
    write: Callable[[int | None, Callable[[Table], str]], str],
    relation: Callable[[Table], str],
    tables: Mapping[str, Table],
    limit: int | None,
    ask: Ask,
) -> Plan:
    """Return the plan of a query.

    Parameters
    ----------
    query
        The query.
    write
        Writes its SQL with a limit, reading each table from where a function says.
    relation
        That function.
    tables
        The tables by what plans call them.
    limit
        Most rows that will be asked for.
    ask
        Asks DuckDB.
    """
    tries = _Tries(query, write=write, relation=relation, ask=ask)
    reader = PlanReader(tables, tries.count_cells)
    told = ask(write(limit, relation), _PLAN, is_plan=True).column("value")[0].as_py()
    (tree,) = json.loads(told)
    root, n_rows = reader.read(tree)
    width = float(row_bytes(arrow_schema(query.columns)))
    if is_one_row(query):
        return Plan(root, within_own_limits(query, 1.0), Basis.EXACT, width)
    if root is None:
        return Plan(None, within_own_limits(query, n_rows), Basis.EXACT, width)
    tried = tries.rows(root)
    if tried is None:
        return Plan(root, within_own_limits(query, n_rows), reader.basis, width)
    if tried.most is not None:
        n_rows = min(n_rows, tried.most)
        return Plan(_corrected(root, n_rows), within_own_limits(query, n_rows), Basis.GUESS, width)
    n_rows, width = tried.rows, tried.row_bytes or width
    is_whole = all(_own_limit(node) is None for node in (query.tree, query.tree.body))
    return Plan(_corrected(root, n_rows) if is_whole else root, within_own_limits(query, n_rows), Basis.SAMPLE, width)


@dataclass(frozen=True)
class _Found:
    """What trying a query on a part of the rows has shown."""

    rows: float
    """Rows of the whole answer."""
    row_bytes: float | None = None
    """Mean size of a row [bytes]; None when there was none."""
    most: float | None = None
    """When no row was found in the part: how many the whole may have for all that."""


class _Tries:
    """Asks how many rows there are, on a bounded number of them."""

    def __init__(
        self,
        query: ResolvedQuery,
        *,
        write: Callable[[int | None, Callable[[Table], str]], str],
        relation: Callable[[Table], str],
        ask: Ask,
    ) -> None:
        self._query = query
        self._write = write
        self._relation = relation
        self._ask = ask

    def count_cells(self, table: Table, ranges: tuple[tuple[int, int], ...]) -> float:
        """Return how many rows of a table have their cells in ranges."""
        condition = " OR ".join(f'"{HEALPIX_COLUMN}" BETWEEN {first} AND {last}' for first, last in ranges)
        n_rows = table.n_rows
        if n_rows is not None and n_rows > _MOST_TRIED:
            part, share = self._part(table, n_rows)
            seen = self._count(f"SELECT 1 FROM {part} WHERE {condition}")
            if seen > _SEEN or share == 1:
                return seen / share
        return self._count(f"SELECT 1 FROM {self._relation(table)} WHERE {condition}")

    def rows(self, root: Step) -> _Found | None:
        """Return how many rows the query would give, and how large they are; None when that cannot be tried."""
        reads = [step for step in root.steps() if step.action is Action.READ and step.table is not None]
        sources = [source.table for source in self._query.sources.values() if source.table is not None]
        if len(reads) != 1 or len(sources) != 1 or self._query.tree.offset or self._has_inner_limit():
            return None
        table = sources[0]
        if table.location is None or table.n_rows is None:
            return None
        try:
            if reads[0].access is Access.POSITION and (reads[0].rows_read or 0) <= _MOST_TRIED:
                return self._tried(self._relation(table), 1.0, table.n_rows)
            return self._tried(*self._part(table, table.n_rows), table.n_rows)
        except (EvaluationError, QueryTimeoutError):
            return None  # running it would tell; its plan is no worse for that

    def _tried(self, part: str, share: float, n_rows: int) -> _Found:
        def of_part(_: Table) -> str:
            return part

        found = self._count(self._write(None, of_part))
        if not found and share < 1:
            return _Found(0.0, most=_AT_MOST / share)
        scaled = found / share
        if has_groups(self._query) and share < 1:
            scaled = found if found * _FEW <= n_rows * share else found / sqrt(share)
        some = self._ask(self._write(_MEASURED_ROWS, of_part), self._query.columns)
        return _Found(scaled, some.nbytes / some.num_rows if some.num_rows else None)

    def _part(self, table: Table, n_rows: int) -> tuple[str, float]:
        """Return the SQL of a part of a table, and how large a part of the rows it is."""
        relation = self._relation(table)
        if n_rows <= 2 * _SAMPLE_ROWS:
            return relation, 1.0
        percent = 100 * _SAMPLE_ROWS / n_rows
        part = f"(SELECT * FROM {relation} TABLESAMPLE SYSTEM ({percent:.8f} PERCENT) REPEATABLE (1))"
        n_taken = self._count(f"SELECT 1 FROM {part} AS p")
        return (part, n_taken / n_rows) if n_taken else (relation, 1.0)

    def _count(self, sql: str) -> float:
        return float(self._ask(f"SELECT COUNT(*) AS n FROM ({sql}) AS q", _COUNT).column(0)[0].as_py())

    def _has_inner_limit(self) -> bool:
        body = self._query.tree.body
        inner = (node for node in preorder(self._query.tree) if node is not body and node is not self._query.tree)
        return any(_own_limit(node) is not None for node in inner)


def _own_limit(node: Node) -> int | None:
    """Return the TOP of a query block, or the LIMIT of a query."""
    return node.top if isinstance(node, Select) else node.limit if isinstance(node, QueryNode) else None


def _corrected(step: Step, n_rows: float) -> Step:
    """Put the number of rows that were found in place of what DuckDB expects, in each step that keeps all rows."""
    if step.action in {Action.READ, Action.GROUP}:
        return replace(step, rows=n_rows)
    if step.action is Action.SORT:
        return replace(step, rows=n_rows, inputs=tuple(_corrected(one, n_rows) for one in step.inputs))
    return step
