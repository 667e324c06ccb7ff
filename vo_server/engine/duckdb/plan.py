"""What DuckDB's EXPLAIN tells, as steps that mean the same on every engine."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from vo_server.model.plan import Access, Action, Basis, Method, Step
from vo_server.model.table import HEALPIX_COLUMN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vo_server.model.table import Table

__all__ = ["PlanReader", "cell_ranges"]

_PAIRS: Final = frozenset({"BLOCKWISE_NL_JOIN", "NESTED_LOOP_JOIN", "CROSS_PRODUCT", "PIECEWISE_MERGE_JOIN", "IE_JOIN"})
_COMBINATIONS: Final = frozenset({"UNION", "RECURSIVE_CTE", "EXCEPT", "INTERSECT"})
_GIVEN: Final = frozenset({"CTE_SCAN", "DELIM_SCAN", "REC_CTE_SCAN", "ARROW_SCAN"})

_MATCH_CELL: Final = "_match_cell"
"""In the condition of a join by neighbouring cells, see :mod:`vo_server.engine.duckdb.grid`."""

_BY_ROW_NUMBER: Final = frozenset({"rowid = rowid", "rowid ASC"})
"""Condition of the join that fetches the columns of rows which were chosen by some columns only, and order after it."""

_RANGE: Final = re.compile(rf"{HEALPIX_COLUMN} >= (\d+)\) AND \({HEALPIX_COLUMN} <= (\d+)")
_BETWEEN: Final = re.compile(rf"{HEALPIX_COLUMN} BETWEEN (\d+) AND (\d+)")

Node = dict[str, Any]


class PlanReader:
    """Reads one plan.

    Parameters
    ----------
    tables
        The published tables by what DuckDB calls them, without quotes.
    count
        Tells how many rows of a table have cells in some ranges, which makes the number of rows that are read.
    """

    def __init__(
        self, tables: Mapping[str, Table], count: Callable[[Table, tuple[tuple[int, int], ...]], float]
    ) -> None:
        self._tables = tables
        self._count = count
        self.basis = Basis.STATISTICS
        """GUESS after :meth:`read` has met a condition: DuckDB then assumes a fifth of the rows."""

    def read(self, root: Node) -> tuple[Step | None, float]:
        """Return the last step, and the number of rows before the outermost LIMIT."""
        step = self._step(root)
        return step, _rows(root) if step is None or step.rows is None else step.rows

    def _step(self, node: Node) -> Step | None:
        if node["name"] == "SEQ_SCAN":
            return self._read(node)
        if node["name"] in _GIVEN:
            return Step(Action.READ, _rows(node), access=Access.GIVEN)
        inputs = tuple(step for child in node["children"] if (step := self._step(child)) is not None)
        return self._above(node, inputs) if inputs else None

    def _above(self, node: Node, inputs: tuple[Step, ...]) -> Step:
        kind, told = node["name"], node.get("extra_info", {})
        if any(
            told.get(name) in _BY_ROW_NUMBER for name in ("Conditions", "Order By") if isinstance(told.get(name), str)
        ):
            return inputs[-1]
        if "JOIN" in kind or kind == "CROSS_PRODUCT":
            return self._join(node, inputs)
        if "GROUP_BY" in kind or "AGGREGATE" in kind or "DISTINCT" in kind:
            return self._group(node, inputs)
        if kind in _COMBINATIONS:
            return Step(Action.COMBINE, _rows(node) or sum(one.rows or 0.0 for one in inputs), inputs)
        return self._passing_on(kind, node, _together(inputs))

    def _passing_on(self, kind: str, node: Node, step: Step) -> Step:
        """Return the step above one whose rows a node passes on, some of them or in another order."""
        if kind == "TOP_N":
            return Step(Action.SORT, step.rows, (step,), keeps=int(str(node["extra_info"]["Top"])))
        if step.action is Action.SORT:
            return step
        if kind == "ORDER_BY":
            return Step(Action.SORT, step.rows, (step,))
        return self._filtered(step, _rows(node)) if kind == "FILTER" else step

    def _read(self, node: Node) -> Step:
        told = node["extra_info"]
        name = str(told.get("Table", "")).replace('"', "")
        table = self._tables.get(name)
        if table is None or table.location is None:
            return Step(Action.READ, _rows(node), table=table, access=Access.GIVEN, rows_read=0.0)
        n_rows, filters = _rows(node), _texts(told.get("Filters", ()))
        if any(not one.startswith("optional:") for one in filters):
            self.basis = Basis.GUESS
        ranges = cell_ranges(filters)
        if not ranges:
            rows_read = float(n_rows if table.n_rows is None else table.n_rows)
            return Step(Action.READ, n_rows, table=table, access=Access.SCAN, rows_read=rows_read)
        rows_read = self._count(table, ranges)
        return Step(Action.READ, min(n_rows, rows_read), table=table, access=Access.POSITION, rows_read=rows_read)

    def _filtered(self, step: Step, n_rows: float) -> Step:
        self.basis = Basis.GUESS
        return replace(step, rows=n_rows if step.rows is None else min(n_rows, step.rows))

    def _join(self, node: Node, inputs: tuple[Step, ...]) -> Step:
        if len(inputs) == 1:
            return inputs[0]  # The other side is a list of constants.
        conditions = " ".join(_texts(node["extra_info"].get("Conditions", ())))
        n_rows = _rows(node)
        if _MATCH_CELL in conditions:
            # DuckDB counts the pairs in one cell; whoever matches catalogues expects about one for each row.
            self.basis = Basis.GUESS
            known = [one.rows for one in inputs if one.rows is not None]
            return Step(Action.JOIN, min(known, default=None), inputs, method=Method.CELLS)
        return Step(Action.JOIN, n_rows, inputs, method=Method.PAIRS if node["name"] in _PAIRS else Method.HASH)

    def _group(self, node: Node, inputs: tuple[Step, ...]) -> Step:
        if "Groups" in node["extra_info"]:
            self.basis = Basis.GUESS
            return Step(Action.GROUP, _rows(node) or inputs[-1].rows, inputs)
        return Step(Action.GROUP, 1.0, inputs)


def cell_ranges(filters: list[str]) -> tuple[tuple[int, int], ...]:
    """Return the ranges of cells, both ends included, that the filters of a scan name."""
    return tuple(
        (int(first), int(last))
        for one in filters
        for pattern in (_RANGE, _BETWEEN)
        for first, last in pattern.findall(one)
    )


def _together(inputs: tuple[Step, ...]) -> Step:
    """Return one step in place of a node that is none: the last one below it, after the others."""
    *others, last = inputs
    return replace(last, before=(*others, *last.before)) if others else last


def _rows(node: Node) -> float:
    return float(node.get("extra_info", {}).get("Estimated Cardinality", 0))


def _texts(told: object) -> list[str]:
    return [told] if isinstance(told, str) else [str(one) for one in told] if isinstance(told, (list, tuple)) else []
