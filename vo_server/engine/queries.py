"""Rules for query blocks: select lists, joins, set operations, order, limits."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from sqlglot import exp

from vo_server.adql.resolved import BoundColumn, MergedColumn, OutputColumn
from vo_server.adql.tree import (
    CteDefinition,
    DerivedTable,
    Expression,
    Join,
    Joined,
    JoinKind,
    Node,
    OrderTerm,
    QueryNode,
    Select,
    SetOperation,
    SetOperator,
    TableName,
    TableReference,
)
from vo_server.engine.lower import Ask
from vo_server.engine.sides import may_be_nan, without_nan
from vo_server.engine.sqltree import aliased, all_of, is_constant, name, wrapped
from vo_server.model.table import delimited

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from vo_server.adql.resolved import ResolvedQuery
    from vo_server.engine.lower import Lowering, Rule, Steps
    from vo_server.model.table import Column

__all__ = ["QUERY_RULES"]

_ALIAS: Final = re.compile(r'"(t[0-9]+)"\.')
"""Alias of a source in front of a column."""

_SET_OPERATIONS: Final[dict[SetOperator, type[exp.SetOperation]]] = {
    SetOperator.UNION: exp.Union,
    SetOperator.EXCEPT: exp.Except,
    SetOperator.INTERSECT: exp.Intersect,
}


# ------------------------------------------------------------------------------------------------ whole queries


def _query(lowering: Lowering, node: QueryNode, ask: Ask) -> Steps:
    ctes = []
    for cte in node.ctes:
        inner = yield Ask(cte.query)
        alias = exp.TableAlias(this=name(lowering.cte_name(cte)))
        ctes.append(exp.CTE(this=inner, alias=alias))
    top = node.body.top if isinstance(node.body, Select) else None
    limits = [limit for limit in (top, node.limit, ask.limit) if limit is not None]
    body = yield Ask(node.body, targets=ask.targets)
    body = yield from _ordered(lowering, node, body)
    if limits:
        body.set("limit", exp.Limit(expression=exp.Literal.number(min(limits))))
    if node.offset:
        body.set("offset", exp.Offset(expression=exp.Literal.number(node.offset)))
    if ctes:
        body.set("with_", exp.With(expressions=ctes))
    return body


def _ordered(lowering: Lowering, node: QueryNode, body: exp.Expr) -> Steps:
    """Add ORDER BY; set operations are ordered by their output columns only."""
    places = [_place(lowering, node, term) for term in node.order_by]
    terms = []
    for term, place in zip(node.order_by, places, strict=True):
        if place is None:
            value = yield Ask(term.value)
            value = _output_number(body, value) or value
            if is_constant(value) and not value.is_int:
                continue
        else:
            value = exp.Literal.number(place)
        # NULL is larger than everything, which is the order of a plain index on PostgreSQL.
        terms.append(exp.Ordered(this=value, desc=term.is_descending, nulls_first=term.is_descending))
    if terms:
        body.set("order", exp.Order(expressions=terms))
    return body


def _place(lowering: Lowering, node: QueryNode, term: OrderTerm) -> int | None:
    """Return the number of the output column that a term of ORDER BY names, from 1; None for other values."""
    meaning = lowering.query.names.get(term.value)
    if not isinstance(meaning, OutputColumn):
        return None
    return _output_place(lowering, node.body, meaning)


def _output_place(lowering: Lowering, body: Select | SetOperation, output: OutputColumn) -> int:
    if isinstance(body, Select) and output in lowering.query.outputs[body]:
        return lowering.query.outputs[body].index(output) + 1
    columns = output_columns(lowering.query, body)
    return [column.name for column in columns].index(output.column.name) + 1


def _output_number(body: exp.Expr, value: exp.Expr) -> exp.Expr | None:
    """Return the ordinal of an output column with this value: SELECT DISTINCT may be ordered by nothing else."""
    if not isinstance(body, exp.Select):
        return None
    for at, output in enumerate(body.expressions, start=1):
        if output.this == value:
            return exp.Literal.number(at)
    return None


# ------------------------------------------------------------------------------------------------ query blocks


def _set_operation(lowering: Lowering, node: SetOperation, ask: Ask) -> Steps:
    targets = ask.targets or lowering.query.set_columns[node]
    result = yield from _operand(node.operands[0], targets)
    for (operator, keeps_all), operand in zip(node.operators, node.operands[1:], strict=True):
        right = yield from _operand(operand, targets)
        result = _SET_OPERATIONS[operator](this=result, expression=right, distinct=not keeps_all)
    return result


def output_columns(query: ResolvedQuery, body: Select | SetOperation) -> tuple[Column, ...]:
    """Return the output columns of a query block."""
    if isinstance(body, SetOperation):
        return query.set_columns[body]
    return tuple(output.column for output in query.outputs[body])


def _operand(node: Select | SetOperation | QueryNode, targets: tuple[Column, ...]) -> Steps:
    lowered = yield Ask(node, targets=targets)
    if isinstance(node, Select):
        if node.top is None:
            return lowered
        lowered.set("limit", exp.Limit(expression=exp.Literal.number(node.top)))
    return exp.Subquery(this=lowered)


def _select(lowering: Lowering, node: Select, ask: Ask) -> Steps:
    outputs = lowering.query.outputs[node]
    items: list[exp.Expr] = []
    for at, output in enumerate(outputs, start=1):
        if not ask.targets and not node.is_distinct and (written := _written(lowering, output)) is not None:
            items.append(exp.Var(this=f'{written} AS "c{at}"'))
            continue
        value = yield from _output_value(lowering, output)
        target = ask.targets[at - 1] if ask.targets else output.column
        is_other = target.datatype.arrow != output.column.datatype.arrow
        if isinstance(value, exp.Null) or is_other:
            value = lowering.dialect.cast(value, target.datatype)
        items.append(aliased(value, f"c{at}"))
    select = exp.Select(expressions=items)
    if node.is_distinct:
        select.set("distinct", exp.Distinct())
    aliases = _aliases(lowering, node.tables)
    yield from _from(lowering, node, select, aliases)
    if node.where is not None:
        select.set("where", exp.Where(this=(yield Ask(node.where, repeatable=aliases))))
    if node.group_by:
        select.set("group", exp.Group(expressions=(yield from _grouping(lowering, node))))
    if node.having is not None:
        select.set("having", exp.Having(this=(yield Ask(node.having))))
    return select


def _written(lowering: Lowering, output: OutputColumn) -> str | None:
    """Write what a star stands for, when it is just a column of a table: 1 300 small trees take 30 ms."""
    bound = output.value
    if not isinstance(bound, BoundColumn) or bound.source.table is None or bound.column.stored_as is not None:
        return None
    if bound.column.datatype.arrow != output.column.datatype.arrow:
        return None
    stored = lowering.dialect.stored_name(bound.source.table, bound.column)
    return f'"{bound.source.alias}".{delimited(stored)}'


def _output_value(lowering: Lowering, output: OutputColumn) -> Steps:
    if isinstance(output.value, Expression):
        return (yield Ask(output.value))
    if isinstance(output.value, MergedColumn):
        return lowering.merged(output.value)
    return lowering.bound(output.value)


def _grouping(lowering: Lowering, node: Select) -> Generator[Ask, exp.Expr, list[exp.Expr]]:
    terms = []
    for term in node.group_by:
        value = yield Ask(term)
        datatype = lowering.type_of(term)
        if is_constant(value) and datatype is not None:
            # A bare number would be the place of an output column.
            value = lowering.dialect.cast(value, datatype)
        terms.append(value)
    return terms


# -------------------------------------------------------------------------------------------------------- FROM


def _aliases(lowering: Lowering, references: Iterable[TableReference]) -> frozenset[str]:
    """Return the aliases of all sources in entries of FROM."""
    found = []
    stack = list(references)
    while stack:
        reference = stack.pop()
        if isinstance(reference, Joined):
            stack += [reference.first, *(join.right for join in reference.joins)]
        else:
            found.append(lowering.query.sources[reference].alias)
    return frozenset(found)


def _from(
    lowering: Lowering, node: Select, select: exp.Select, aliases: frozenset[str]
) -> Generator[Ask, exp.Expr, None]:
    joins: list[exp.Expr] = []
    for at, reference in enumerate(node.tables):
        chain = reference if isinstance(reference, Joined) else None
        first = yield from _entry(lowering, reference if chain is None else chain.first, aliases)
        if at == 0:
            select.set("from_", exp.From(this=first))
        else:
            joins.append(exp.Join(this=first))
        if chain is not None:
            joins.extend((yield from _joins(lowering, chain, aliases)))
    if joins:
        select.set("joins", joins)


def _entry(lowering: Lowering, reference: TableReference, aliases: frozenset[str]) -> Steps:
    """Lower one entry of FROM; the rows of a subquery may be given columns for a match, as those of a table."""
    entry = yield Ask(reference, repeatable=aliases)
    if isinstance(reference, DerivedTable) and isinstance(entry, exp.Subquery):
        lowering.items[lowering.query.sources[reference].alias] = entry
    return entry


def _joins(lowering: Lowering, node: Joined, aliases: frozenset[str]) -> Generator[Ask, exp.Expr, list[exp.Expr]]:
    joins: list[exp.Expr] = []
    for join in node.joins:
        right = yield from _entry(lowering, join.right, aliases)
        kind = join.kind
        condition = yield from _join_condition(lowering, node, join, aliases)
        if condition is None:
            # NATURAL without a common column, or CROSS.
            kind = JoinKind.CROSS if kind is JoinKind.INNER else kind
            condition = None if kind is JoinKind.CROSS else exp.true()
        made = exp.Join(this=right, on=condition)
        made.set("side" if kind in _SIDES else "kind", kind.value)
        joins.append(made)
    return joins


_SIDES: Final = frozenset({JoinKind.LEFT, JoinKind.RIGHT, JoinKind.FULL})


def _join_condition(
    lowering: Lowering, node: Joined, join: Join, aliases: frozenset[str]
) -> Generator[Ask, exp.Expr, exp.Expr | None]:
    if join.condition is not None:
        looked_up = _looked_up(lowering, join)
        if join.kind is not JoinKind.INNER:
            # Rows of the other side are kept when nothing is found, and must therefore stay single.
            aliases = frozenset({looked_up}) & aliases
        condition = yield Ask(join.condition, looked_up=looked_up, repeatable=aliases)
        needs_equation = join.kind is JoinKind.FULL and lowering.dialect.full_join_needs_equation
        if needs_equation and not _has_equation(lowering, condition, _aliases(lowering, [join.right])):
            return all_of([_sham_equation(lowering, node, join), exp.Paren(this=condition)])
        return condition
    equalities: list[exp.Expr] = []
    right = _aliases(lowering, [join.right])
    for merged in lowering.query.merged.get(join, ()):
        sides = [
            MergedColumn(
                tuple(part for part in merged.parts if (part.source.alias in right) is is_right), merged.column
            )
            for is_right in (False, True)
        ]
        left, right_value = (_matched(lowering, side) for side in sides)
        equalities.append(exp.EQ(this=wrapped(left), expression=wrapped(right_value)))
    return all_of(equalities) if equalities else None


def _matched(lowering: Lowering, side: MergedColumn) -> exp.Expr:
    """Return a side of NATURAL or USING; NaN is like NULL and has no match."""
    value = lowering.merged(side)
    return without_nan(lowering, value) if may_be_nan(side.column.datatype) else value


def _sham_equation(lowering: Lowering, node: Joined, join: Join) -> exp.Expr:
    """Return an equation between the two sides of a join that is always true, and that no optimiser sees through."""
    sides = []
    for side in (node.first, join.right):
        source = lowering.query.sources[_first_of(side)]
        is_null = exp.Is(this=lowering.bound(BoundColumn(source, source.columns[0])), expression=exp.Null())
        number = exp.Cast(this=exp.Paren(this=is_null), to=exp.DataType(this=exp.DType.INT))
        sides.append(exp.Mul(this=number, expression=exp.Literal.number(0)))
    return exp.EQ(this=sides[0], expression=sides[1])


def _first_of(reference: TableReference) -> TableReference:
    while isinstance(reference, Joined):
        reference = reference.first
    return reference


def _has_equation(lowering: Lowering, condition: exp.Expr, right: frozenset[str]) -> bool:
    """Tell whether one of the conditions that are joined by AND equates values of both sides of a join."""
    while isinstance(condition, exp.And):
        if _equates(lowering, condition.expression, right):
            return True
        condition = condition.this
    return _equates(lowering, condition, right)


def _equates(lowering: Lowering, condition: exp.Expr, right: frozenset[str]) -> bool:
    if not isinstance(condition, exp.EQ):
        return False
    sides = [set(_ALIAS.findall(lowering.sql(side.copy()))) for side in (condition.this, condition.expression)]
    is_right = [bool(aliases) and aliases <= right for aliases in sides]
    is_left = [bool(aliases) and aliases.isdisjoint(right) for aliases in sides]
    return (is_right[0] and is_left[1]) or (is_left[0] and is_right[1])


def _looked_up(lowering: Lowering, join: Join) -> str:
    """Return the alias of the source whose rows an outer join looks up for each row of the other side."""
    source = lowering.query.sources.get(join.right)
    return source.alias if join.kind is JoinKind.LEFT and source is not None else ""


def _joined(lowering: Lowering, node: Joined, ask: Ask) -> Steps:
    """A join in parentheses; its own alias is not needed, as the aliases of all sources differ."""
    first = yield from _entry(lowering, node.first, ask.repeatable)
    joins = yield from _joins(lowering, node, ask.repeatable)
    if isinstance(first, (exp.Paren, exp.Var)):
        first = exp.Table(this=first)
    first.set("joins", joins)
    return exp.Paren(this=first)


def _table_name(lowering: Lowering, node: TableName, _: Ask) -> exp.Expr:
    source = lowering.query.sources[node]
    if source.table is not None:
        rows: exp.Expr = exp.Var(this=lowering.relation(source.table))
    else:
        assert isinstance(source.derivation, CteDefinition)
        rows = name(lowering.cte_name(source.derivation))
    item = exp.Table(this=rows, alias=exp.TableAlias(this=name(source.alias)))
    lowering.items[source.alias] = item
    return item


def _derived_table(lowering: Lowering, node: DerivedTable, _: Ask) -> Steps:
    source = lowering.query.sources[node]
    return exp.Subquery(this=(yield Ask(node.query)), alias=exp.TableAlias(this=name(source.alias)))


QUERY_RULES: Final[dict[type[Node], Rule]] = {
    DerivedTable: _derived_table,
    Joined: _joined,
    QueryNode: _query,
    Select: _select,
    SetOperation: _set_operation,
    TableName: _table_name,
}
