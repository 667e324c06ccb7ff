"""What PostgreSQL's EXPLAIN tells, as steps that mean the same on every engine."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from vo_server.model.plan import Access, Action, Basis, Method, Step
from vo_server.model.table import HEALPIX_COLUMN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vo_server.model.table import Table

__all__ = ["PlanReader", "width_of"]

_LEADER_SHARE: Final = 0.3
"""Part of its time that the leader loses for each worker it looks after, as PostgreSQL's planner has it."""

_SCANS: Final = frozenset({"Seq Scan", "Sample Scan", "Tid Scan", "Tid Range Scan"})
_INDEX_SCANS: Final = frozenset({"Index Scan", "Index Only Scan"})
_GIVEN: Final = frozenset({"Values Scan", "Function Scan", "CTE Scan", "WorkTable Scan", "Table Function Scan"})
_JOINS: Final = frozenset({"Nested Loop", "Hash Join", "Merge Join"})
_GROUPS: Final = frozenset({"Aggregate", "Group", "Unique"})
_SORTS: Final = frozenset({"Sort", "Incremental Sort"})
_COMBINATIONS: Final = frozenset({"Append", "Merge Append", "SetOp", "Recursive Union"})
_GATHERERS: Final = frozenset({"Gather", "Gather Merge"})
_KEEPERS: Final = frozenset({"Materialize", "Memoize"})
"""Nodes that compute their rows once and give them again and again."""

_PLACES: Final = (HEALPIX_COLUMN, "q3c_", "<@", "&&", "vo_functions")
"""What the condition of an index has when the index knows places: cells, Q3C, pgSphere, boxes around shapes."""

_BARE_COLUMN: Final = re.compile(r'(?:\w+\.)?(?:\w+|"(?:[^"]|"")+")')

Node = dict[str, Any]


class PlanReader:
    """Reads one plan.

    Parameters
    ----------
    tables
        The published tables by database schema and relation; the schema of what comes with the query is ``""``.
    """

    def __init__(self, tables: Mapping[tuple[str, str], Table]) -> None:
        self._tables = tables
        self.basis = Basis.STATISTICS
        """GUESS after :meth:`read` has met something that the statistics know nothing of."""

    def read(self, root: Node) -> tuple[Step | None, float]:
        """Return the last step, and the number of rows before the outermost LIMIT."""
        step = self._step(root, loops=1.0, workers=0)
        node = root
        while node["Node Type"] in {"Result", "Subquery Scan", "Gather"} and len(node.get("Plans", ())) == 1:
            node = node["Plans"][0]
        n_rows = float(node["Plan Rows"])
        if node["Node Type"] == "Limit":
            last = node["Plans"][-1]
            n_rows = float(last["Plan Rows"]) if step is None or step.rows is None else step.rows
        elif step is not None and step.method is Method.LOOKUP and step.rows is not None:
            n_rows = step.rows
        return step, n_rows

    def _step(self, node: Node, *, loops: float, workers: int) -> Step | None:
        kind = node["Node Type"]
        if kind in _GATHERERS:
            workers = int(node.get("Workers Planned", 0))
        n_rows = node["Plan Rows"] * loops * (_share(workers) if workers and _is_partial(node) else 1.0)
        if kind in _SCANS or kind in _INDEX_SCANS or kind == "Bitmap Heap Scan":
            return self._with_inner(node, self._read(node, n_rows, loops), loops, workers)
        if kind in _GIVEN:
            return Step(Action.READ, n_rows, access=Access.GIVEN, repeats=loops)
        return self._above(node, n_rows, self._inputs(node, loops, workers))

    def _above(self, node: Node, n_rows: float, inputs: tuple[Step, ...]) -> Step | None:
        kind = node["Node Type"]
        if not inputs:
            return None
        if kind in _JOINS:
            return self._join(node, n_rows, inputs)
        if kind in _GROUPS and node.get("Partial Mode") != "Partial":
            return self._group(node, n_rows, inputs)
        if kind in _COMBINATIONS:
            return Step(Action.COMBINE, n_rows, inputs)
        last = _together(inputs)
        if kind in _SORTS:
            return Step(Action.SORT, n_rows, (last,))
        return _first(last, float(node["Plan Rows"])) if kind == "Limit" else last

    def _inputs(self, node: Node, loops: float, workers: int) -> tuple[Step, ...]:
        """Return the steps below a node; those on the inner side of a loop are done again and again."""
        found: list[Step] = []
        outer_rows = loops
        for child in node.get("Plans", ()):
            relation = child.get("Parent Relationship")
            times = loops
            if relation == "Inner" and node["Node Type"] == "Nested Loop" and child["Node Type"] not in _KEEPERS:
                times = max(outer_rows, 1.0)
            elif relation == "SubPlan":
                times = max(node["Plan Rows"] * loops, 1.0)
            elif relation == "InitPlan":
                times = 1.0
            step = self._step(child, loops=times, workers=workers)
            if relation == "Outer":
                outer_rows = child["Plan Rows"] * loops
            if step is not None:
                found.append(step)
        return tuple(found)

    def _with_inner(self, node: Node, step: Step, loops: float, workers: int) -> Step:
        """Add the subqueries in the condition of a scan; the parts of a bitmap are no steps."""
        below = [one for one in node.get("Plans", ()) if one.get("Parent Relationship") in {"SubPlan", "InitPlan"}]
        return replace(step, before=self._inputs({**node, "Plans": below}, loops, workers)) if below else step

    def _read(self, node: Node, n_rows: float, loops: float) -> Step:
        schema = node.get("Schema", "")
        is_temporary = schema.startswith("pg_temp")
        table = self._tables.get(("" if is_temporary else schema, node["Relation Name"]))
        if is_temporary:
            return Step(Action.READ, n_rows, table=table, access=Access.GIVEN, rows_read=0.0, repeats=loops)
        conditions = _index_conditions(node)
        if node["Node Type"] in _SCANS:
            access, rows_read = Access.SCAN, _size(table, node) * loops
        elif not conditions:
            access, rows_read = Access.ORDER, _size(table, node) * loops
        else:
            is_place = any(mark in one for one in conditions for mark in _PLACES)
            access = Access.POSITION if is_place else Access.INDEX
            # What Q3C expects of a look-up is a fixed part of the table.
            found = _bitmap_rows(node) * loops if loops == 1 and "Plans" in node else max(n_rows, loops)
            rows_read = max(found, n_rows)
        columns = _columns(table, conditions) if access is Access.INDEX else ()
        return Step(
            Action.READ, n_rows, table=table, access=access, rows_read=rows_read, repeats=loops, columns=columns
        )

    def _join(self, node: Node, n_rows: float, inputs: tuple[Step, ...]) -> Step:
        if len(inputs) == 1:
            return inputs[0]
        *_, outer, inner = inputs
        if node["Node Type"] == "Nested Loop":
            is_lookup = inner.action is Action.READ and inner.access in {Access.POSITION, Access.INDEX}
            method = Method.LOOKUP if is_lookup else Method.PAIRS
            if is_lookup and inner.access is Access.POSITION and outer.rows is not None:
                # The planner expects next to nothing; whoever matches catalogues expects about one for each.
                self.basis = Basis.GUESS
                n_rows = max(n_rows, outer.rows)
        else:
            method = Method.HASH if node["Node Type"] == "Hash Join" else Method.MERGE
        if any(one.access is Access.GIVEN and one.table is None for one in inputs):
            self.basis = Basis.GUESS  # Of rows made before, only the number is expected.
        return Step(Action.JOIN, n_rows, inputs, method=method)

    def _group(self, node: Node, n_rows: float, inputs: tuple[Step, ...]) -> Step:
        keys = node.get("Group Key", ())
        if not all(_BARE_COLUMN.fullmatch(key) for key in keys):
            self.basis = Basis.GUESS
        return Step(Action.GROUP, n_rows, inputs)


def width_of(root: Node) -> float:
    """Return the mean size of a row of the answer [bytes]."""
    return float(root["Plan Width"])


def _together(inputs: tuple[Step, ...]) -> Step:
    """Return one step in place of a node that is none: the last one below it, after the others."""
    *others, last = inputs
    return replace(last, before=(*others, *last.before)) if others else last


def _first(step: Step, n_wanted: float) -> Step:
    """Return a step of which only so many rows are wanted."""
    if step.action is Action.SORT:
        return replace(step, keeps=int(n_wanted))
    if step.access is Access.ORDER and step.rows and step.rows_read is not None:
        return replace(step, rows_read=min(step.rows_read, n_wanted * step.rows_read / step.rows))
    return step


def _share(workers: int) -> float:
    return workers + max(0.0, 1.0 - _LEADER_SHARE * workers)


def _is_partial(node: Node) -> bool:
    """Tell whether a node below a Gather sees a part of the rows in each worker."""
    while True:
        if node["Node Type"] in _GATHERERS:
            return False
        if node.get("Parallel Aware"):
            return True
        outer = [one for one in node.get("Plans", ()) if one.get("Parent Relationship") in {"Outer", "Member"}]
        if not outer:
            return False
        node = outer[0]


def _size(table: Table | None, node: Node) -> float:
    return float(node["Plan Rows"] if table is None or table.n_rows is None else table.n_rows)


def _index_conditions(node: Node) -> list[str]:
    """Return the conditions that indexes serve for a scan."""
    found: list[str] = []
    stack = [node]
    while stack:
        one = stack.pop()
        if "Index Cond" in one:
            found.append(str(one["Index Cond"]))
        stack.extend(child for child in one.get("Plans", ()) if child["Node Type"].startswith("Bitmap"))
    return found


def _bitmap_rows(node: Node) -> float:
    parts = [child for child in node.get("Plans", ()) if child["Node Type"].startswith("Bitmap")]
    return float(sum(part["Plan Rows"] for part in parts))


def _columns(table: Table | None, conditions: list[str]) -> tuple[str, ...]:
    words = {word for one in conditions for word in re.findall(r'\w+|"(?:[^"]|"")+"', re.sub(r"'[^']*'", "", one))}
    names = {word.strip('"').replace('""', '"') for word in words}
    return () if table is None else tuple(one.name for one in table.visible_columns if one.name in names)
