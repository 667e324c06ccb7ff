"""Names to meanings: a tree and a catalogue become a resolved query.

Query blocks are resolved from FROM outwards: tables, conditions, select list, groups, order. All mistakes that
can be known are collected, each told once.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vo_server.adql import tree
from vo_server.adql.annotate import annotate
from vo_server.adql.grouping import Fingerprints, aggregates, check_grouped, check_no_aggregates
from vo_server.adql.kinds import unify
from vo_server.adql.marks import describe
from vo_server.adql.names import matches, unique_names
from vo_server.adql.order import resolve_order
from vo_server.adql.output import output_columns
from vo_server.adql.resolved import OutputColumn, ResolvedQuery
from vo_server.adql.scope import Scope
from vo_server.adql.state import CommonTable, Resolution
from vo_server.adql.tables import FromResolver
from vo_server.adql.units import are_equal
from vo_server.adql.walk import run
from vo_server.errors import ProblemKind

if TYPE_CHECKING:
    from vo_server.adql.output import Candidate
    from vo_server.adql.state import CommonTables
    from vo_server.adql.walk import Task
    from vo_server.model.table import Catalogue, Column

__all__ = ["resolve"]

Operand = tree.Select | tree.SetOperation | tree.QueryNode


def resolve(query: tree.QueryNode, catalogue: Catalogue, text: str, *, is_open: bool = False) -> Resolution:
    """Find out what every name of a query means and what type every value has.

    Parameters
    ----------
    query
        The tree.
    catalogue
        What is published.
    text
        What the tree was made from, for messages.
    is_open
        Take unknown tables, columns and functions as given.

    Returns
    -------
    Resolution
        With all mistakes in ``problems``; turn it into a query by :func:`finish` when there are none.
    """
    state = Resolution(catalogue, text, is_open=is_open)
    run(_Resolver(state).query(query, None, ()))
    return state


def finish(state: Resolution, query: tree.QueryNode) -> ResolvedQuery:
    """Return the resolved query of a resolution without mistakes."""
    body = query.body
    columns = (
        tuple(one.column for one in state.outputs[body]) if isinstance(body, tree.Select) else state.set_columns[body]
    )
    return ResolvedQuery(
        tree=query,
        columns=_distinct(state, query, columns),
        names=state.names,
        values=state.values,
        functions=state.functions,
        outputs=state.outputs,
        set_columns=state.set_columns,
        sources=state.sources,
        merged=state.merged,
        factors=state.factors,
        footprints=state.footprints,
        notes=tuple(sorted(state.notes, key=lambda note: (note.span.start, note.span.end))),
    )


def _distinct(state: Resolution, query: tree.QueryNode, columns: tuple[Column, ...]) -> tuple[Column, ...]:
    """Make the names of the result differ without case, too: in queries ``"A"`` and ``"a"`` are two, in files one."""
    names = unique_names([column.name for column in columns], ignores_case=True)
    for column, unique in zip(columns, names, strict=True):
        if column.name != unique:
            message = f"two output columns are called {column.name}, but for the case; the later one is {unique}"
            state.note(message, query, hint="name the columns with AS", kind=ProblemKind.AMBIGUOUS)
    return tuple(
        column if column.name == unique else replace(column, name=unique)
        for column, unique in zip(columns, names, strict=True)
    )


class _Resolver:
    def __init__(self, state: Resolution) -> None:
        self._state = state

    # ------------------------------------------------------------------------------------------------ queries

    def query(self, node: tree.QueryNode, outer: Scope | None, common: CommonTables) -> Task[tuple[Column, ...]]:
        """Resolve a whole query or a subquery and return its output columns."""
        common = yield self._common_tables(node, common)
        if isinstance(node.body, tree.Select):
            columns: tuple[Column, ...] = yield self._ordered_select(node, node.body, outer, common)
            return columns
        columns = yield self._set_operation(node.body, outer, common)
        first = self._first_outputs(node.body)
        outputs = [
            (column.name, OutputColumn(column, first[i].value if i < len(first) else _nothing(node)))
            for i, column in enumerate(columns)
        ]
        is_open = self._state.is_open_query(node.body)
        yield resolve_order(self._state, node.order_by, outputs, None, self._subqueries(common), is_open=is_open)
        return columns

    def _first_outputs(self, body: Operand) -> tuple[OutputColumn, ...]:
        """Return the output columns of the first SELECT of a set operation."""
        while not isinstance(body, tree.Select):
            body = body.operands[0] if isinstance(body, tree.SetOperation) else body.body
        return self._state.outputs.get(body, ())

    def _common_tables(self, node: tree.QueryNode, common: CommonTables) -> Task[CommonTables]:
        own: list[CommonTable] = []
        for definition in node.ctes:
            columns = yield self.query(definition.query, None, (*common, *own))
            if any(one.definition.name.name.lower() == definition.name.name.lower() for one in own):
                message = f"two common tables are called {definition.name.name}"
                self._state.report(ProblemKind.AMBIGUOUS, message, definition.name)
            own.append(CommonTable(definition, columns))
        return (*common, *own)

    def _subqueries(self, common: CommonTables) -> _Subqueries:
        return _Subqueries(self, common)

    # ----------------------------------------------------------------------------------------- set operations

    def _set_operation(
        self, node: tree.SetOperation, outer: Scope | None, common: CommonTables
    ) -> Task[tuple[Column, ...]]:
        columns: tuple[Column, ...] = yield self._operand(node.operands[0], outer, common)
        is_known = not self._state.is_open_query(node.operands[0])
        for operand in node.operands[1:]:
            others = yield self._operand(operand, outer, common)
            if is_known and not self._state.is_open_query(operand):
                columns = self._combine(columns, others, operand)
        self._state.set_columns[node] = columns
        return columns

    def _operand(self, node: Operand, outer: Scope | None, common: CommonTables) -> Task[tuple[Column, ...]]:
        columns: tuple[Column, ...]
        if isinstance(node, tree.QueryNode):
            columns = yield self.query(node, outer, common)
            return columns
        if isinstance(node, tree.SetOperation):
            columns = yield self._set_operation(node, outer, common)
            return columns
        candidates, _ = yield self._select(node, outer, common)
        return tuple(one.column for _, one in candidates)

    def _combine(self, columns: tuple[Column, ...], others: tuple[Column, ...], operand: Operand) -> tuple[Column, ...]:
        """Return the columns of two operands in one: names and metadata of the first, types wide enough for both."""
        if len(columns) != len(others):
            self._state.report(
                ProblemKind.ARITY,
                f"the operands of a set operation have {len(columns)} and {len(others)} columns",
                operand,
                hint="select the same number of columns on both sides",
            )
            return columns
        result = []
        for i, (one, other) in enumerate(zip(columns, others, strict=True), start=1):
            both = unify([one, other])
            if both is None:
                message = f"column {i} is {describe(one)} on one side and {describe(other)} on the other"
                self._state.report(ProblemKind.TYPE, message, operand, hint="CAST them to one type")
            elif one.unit and other.unit and not are_equal(one.unit, other.unit):
                message = f"column {i} is in {one.unit} on one side and in {other.unit} on the other"
                self._state.note(message, operand, hint=None, kind=ProblemKind.UNIT)
            result.append(one if both is None else replace(one, datatype=both.datatype))
        return tuple(result)

    # ----------------------------------------------------------------------------------------------- a SELECT

    def _ordered_select(
        self, node: tree.QueryNode, body: tree.Select, outer: Scope | None, common: CommonTables
    ) -> Task[tuple[Column, ...]]:
        outputs, scope = yield self._select(body, outer, common, is_checked_later=True)
        is_open = self._state.is_open_query(body)
        extra = yield resolve_order(
            self._state, node.order_by, outputs, scope, self._subqueries(common), body=body, is_open=is_open
        )
        self._check_groups(body, scope, extra)
        return tuple(one.column for _, one in outputs)

    def _select(
        self, node: tree.Select, outer: Scope | None, common: CommonTables, *, is_checked_later: bool = False
    ) -> Task[tuple[list[Candidate], Scope]]:
        """Resolve a query block; return its output columns and the scope of its names."""
        subqueries = self._subqueries(common)

        def condition(root: tree.Condition, scope: Scope) -> Task[None]:
            check_no_aggregates(self._state, root, "ON")
            yield annotate(self._state, root, scope, subqueries)

        tables = FromResolver(self._state, outer, common, resolve_query=self.query, resolve_condition=condition)
        shape = yield tables.resolve(node.tables)
        scope = Scope(shape, outer, aliases=self._aliases(node))
        if node.where is not None:
            check_no_aggregates(self._state, node.where, "WHERE")
            yield annotate(self._state, node.where, scope, subqueries)
        for item in node.items:
            if isinstance(item, tree.SelectItem):
                yield annotate(self._state, item.value, scope, subqueries)
        outputs = output_columns(self._state, node, scope)
        self._state.outputs[node] = tuple(one for _, one in outputs)
        yield self._groups(node, scope, outputs, subqueries)
        if not is_checked_later:
            self._check_groups(node, scope, [])
        return outputs, scope

    def _aliases(self, node: tree.Select) -> tuple[tuple[tree.Identifier, str], ...]:
        items = (item for item in node.items if isinstance(item, tree.SelectItem))
        return tuple((item.alias, self._state.source_text(item.value)) for item in items if item.alias is not None)

    def _groups(self, node: tree.Select, scope: Scope, outputs: list[Candidate], subqueries: _Subqueries) -> Task[None]:
        for term in node.group_by:
            check_no_aggregates(self._state, term, "GROUP BY")
            if isinstance(term, tree.NumberLiteral) and not self._state.is_open:
                self._state.report(
                    ProblemKind.TYPE, "GROUP BY takes columns and expressions, not positions", term,
                    hint="repeat the expression of the select list",
                )  # fmt: skip
            elif not self._names_output(term, scope, outputs):
                yield annotate(self._state, term, scope, subqueries)
        if node.having is not None:
            yield annotate(self._state, node.having, scope, subqueries)

    def _names_output(self, term: tree.Expression, scope: Scope, outputs: list[Candidate]) -> bool:
        """Find the output column that a term of GROUP BY names, which no column of FROM is called."""
        if not isinstance(term, tree.ColumnName) or term.qualifier or scope.shape.index.find(term.name):
            return False
        found = next((one for name, one in outputs if matches(term.name, name)), None)
        if found is None or not isinstance(found.value, tree.Expression):
            return False
        if scope.shape.is_open:
            # It may as well be a column of the table that is not known.
            self._state.names[term] = found
            self._state.values[term] = found.column
            return True
        check_no_aggregates(self._state, found.value, "GROUP BY")
        self._state.names[term] = found
        self._state.values[term] = found.column
        text = self._state.source_text(found.value)
        hint = f"write GROUP BY {text}" if len(text) < 80 else "repeat the expression"  # noqa: PLR2004 - a line
        self._state.note("an output name in GROUP BY", term, hint=hint)
        return True

    def _check_groups(self, node: tree.Select, scope: Scope, ordered: list[tree.Expression]) -> None:
        """Check set functions: not inside each other, and no single columns beside them."""
        roots: list[tree.Node] = [*node.items, *ordered]
        if node.having is not None:
            roots.append(node.having)
        found = [pair for root in roots for pair in aggregates(root)]
        for aggregate, is_inside in found:
            if is_inside:
                self._state.report(
                    ProblemKind.TYPE, f"{aggregate.name.upper()} cannot stand inside another set function", aggregate,
                    hint="use a subquery in FROM",
                )  # fmt: skip
        if node.group_by or node.having is not None or found:
            check_grouped(self._state, node, scope, Fingerprints(self._state), ordered)


class _Subqueries:
    """Resolves subqueries inside expressions, with the common tables that may be named there."""

    def __init__(self, resolver: _Resolver, common: CommonTables) -> None:
        self._resolver = resolver
        self._common = common

    def __call__(self, node: tree.QueryNode, scope: Scope) -> Task[tuple[Column, ...]]:
        return self._resolver.query(node, scope, self._common)


def _nothing(node: tree.QueryNode) -> tree.Expression:
    return tree.NullLiteral(span=node.span)
