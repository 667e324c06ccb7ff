"""Rules for conditions; what NaN and NULL mean in them is written in :mod:`vo_server.engine.sides`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sqlglot import exp

from vo_server.adql.resolved import BoundColumn
from vo_server.adql.tree import (
    And,
    BareCondition,
    Between,
    Call,
    ColumnName,
    Comparison,
    Exists,
    InList,
    InQuery,
    IsNull,
    Join,
    JoinKind,
    Like,
    Node,
    Not,
    Or,
    TableReference,
)
from vo_server.adql.walk import preorder
from vo_server.engine.lower import Ask, unsupported
from vo_server.engine.negation import opposite
from vo_server.engine.prefilter import united
from vo_server.engine.queries import output_columns
from vo_server.engine.sides import Side, compared, is_longer_than_float, may_be_nan, without_nan
from vo_server.engine.spatial import distance_filters, overlap_test
from vo_server.engine.sqltree import all_of, any_of, column, name, wrapped
from vo_server.model.datatype import DataType, Kind, Primitive

if TYPE_CHECKING:
    from collections.abc import Generator

    from vo_server.engine.lower import Lowering, Rule, Steps

__all__ = ["CONDITION_RULES"]

_OUTER: Final = frozenset({JoinKind.LEFT, JoinKind.RIGHT, JoinKind.FULL})

_FEW: Final = 8
"""Places in an OR up to which each row that is near one of them is sooner compared with all than planned for."""

_WIDE: Final = 50
"""Conditions in a row that an optimiser is shown; it may compare each with each of the others."""


# ------------------------------------------------------------------------------------------------- connectives


def _and(lowering: Lowering, node: And, ask: Ask) -> Steps:
    parts = yield from _parts(node, ask)
    lowering.note_filter(node, [lowering.filters[one] for one in node.operands if one in lowering.filters])
    if len(parts) > _WIDE:
        parts[_WIDE:] = [lowering.dialect.closed(all_of(parts[_WIDE:]))]
    return all_of(parts)


def _or(lowering: Lowering, node: Or, ask: Ask) -> Steps:
    condition = any_of((yield from _parts(node, Ask(node, ask.is_positive))))
    is_list = all(isinstance(one, Comparison) and one.operator == "=" for one in node.operands)
    if not is_list and len(node.operands) > _WIDE:
        condition = lowering.dialect.closed(condition)
    if not all(one in lowering.filters for one in node.operands):
        return condition
    filters = [lowering.filters[one] for one in node.operands]
    joined = united([lowering.duplicate(one) for one in filters])
    lowering.note_filter(node, [joined])
    if len(filters) <= _FEW:
        for one in filters:
            _take_out(one)
    return all_of([joined, condition])


def _take_out(condition: exp.Expr) -> None:
    """Remove a condition from the AND that it stands in, if it does."""
    while isinstance(condition.parent, exp.Paren):
        condition = condition.parent
    connector = condition.parent
    if isinstance(connector, exp.And):
        connector.replace(connector.left if condition is connector.right else connector.right)


def _parts(node: And | Or, ask: Ask) -> Generator[Ask, exp.Expr, list[exp.Expr]]:
    parts = []
    for operand in node.operands:
        part = yield replace(ask, node=operand)
        parts.append(part)
    return parts


def _not(lowering: Lowering, node: Not, ask: Ask) -> Steps:
    inner = opposite(node.operand) if ask.is_positive else None
    if inner is not None:
        condition = yield replace(ask, node=inner)
        lowering.note_filter(node, [lowering.filters[inner]] if inner in lowering.filters else [])
        return condition
    return exp.Not(this=exp.Paren(this=(yield Ask(node.operand, is_positive=False))))


def _exists(lowering: Lowering, node: Exists, _: Ask) -> Steps:
    query = yield Ask(node.query)
    if lowering.dialect.exists_of_outer_join or not _may_see_outer_join(lowering, node):
        return exp.Exists(this=query)
    rows = exp.Subquery(this=query, alias=exp.TableAlias(this=name("q")))
    n_rows = exp.select(exp.Count(this=exp.Star())).from_(rows)
    return exp.GT(this=exp.Subquery(this=n_rows), expression=exp.Literal.number(0))


def _may_see_outer_join(lowering: Lowering, node: Exists) -> bool:
    """Tell whether there is an outer join in a subquery, or in a WITH clause that it may use."""
    places: tuple[Node, ...] = (node.query, *lowering.query.tree.ctes)
    inside = (one for place in places for one in preorder(place))
    return any(isinstance(one, Join) and one.kind in _OUTER for one in inside)


def _bare(lowering: Lowering, node: BareCondition, ask: Ask) -> Steps:
    if ask.is_positive:
        test = yield from overlap_test(lowering, node, ask)
        if test is not None:
            return test
    value = yield Ask(node.value)
    datatype = lowering.type_of(node.value)
    if datatype is not None and datatype.kind is Kind.BOOLEAN:
        return value
    side = Side(lowering, node.value, value)
    return exp.NEQ(this=wrapped(side.without_nan()), expression=exp.Literal.number(0))


# ------------------------------------------------------------------------------------------------- comparisons


def _comparison(lowering: Lowering, node: Comparison, ask: Ask) -> Steps:
    if not ask.is_positive:
        return (yield from _plain_comparison(lowering, node, ask))
    test = yield from overlap_test(lowering, node, ask)
    if test is not None:
        return test
    found = yield from distance_filters(lowering, node, ask)
    test = yield from _plain_comparison(lowering, node, ask)
    return test if found is None else all_of([found, test])


def _plain_comparison(lowering: Lowering, node: Comparison, ask: Ask) -> Steps:
    left = Side(lowering, node.left, (yield Ask(node.left)))
    right = Side(lowering, node.right, (yield Ask(node.right)))
    left.fitted_to(right)
    right.fitted_to(left)
    return compared(node.operator, left, right, is_positive=ask.is_positive)


def _between(lowering: Lowering, node: Between, ask: Ask) -> Steps:
    found = None
    if ask.is_positive and not node.is_negated:
        test = yield from overlap_test(lowering, node, ask)
        if test is not None:
            return test
        found = yield from distance_filters(lowering, node, ask)
    test = yield from _plain_between(lowering, node, ask)
    return test if found is None else all_of([found, test])


def _plain_between(lowering: Lowering, node: Between, ask: Ask) -> Steps:
    middle = Side(lowering, node.operand, (yield Ask(node.operand)))
    low = Side(lowering, node.low, (yield Ask(node.low)))
    high = Side(lowering, node.high, (yield Ask(node.high)))
    for bound in (low, high):
        bound.fitted_to(middle)
    middle.fitted_to(low if low.kind is not Kind.NULL else high)
    is_exact = node.is_negated or not ask.is_positive
    for side in (low, middle, high) if is_exact else (high,):
        side.value = side.without_nan()
    test = exp.Between(this=wrapped(middle.value), low=wrapped(low.value), high=wrapped(high.value))
    return exp.Not(this=exp.Paren(this=test)) if node.is_negated else test


def _in_list(lowering: Lowering, node: InList, ask: Ask) -> Steps:
    if ask.is_positive and not node.is_negated:
        overlap = yield from overlap_test(lowering, node, ask)
        if overlap is not None:
            return overlap
    operand = Side(lowering, node.operand, (yield Ask(node.operand)))
    items = []
    for item in node.items:
        side = Side(lowering, item, (yield Ask(item)))
        side.fitted_to(operand)
        items.append(side)
    if operand.kind is not Kind.BOOLEAN:
        operand.fitted_to(items[0])
    is_exact = node.is_negated or not ask.is_positive
    if is_exact or any(item.may_be_nan for item in items):
        operand.value = operand.without_nan()
    for side in items if is_exact else ():
        side.value = side.without_nan()
    test = exp.In(this=wrapped(operand.value), expressions=[item.value for item in items])
    return exp.Not(this=exp.Paren(this=test)) if node.is_negated else test


def _in_query(lowering: Lowering, node: InQuery, ask: Ask) -> Steps:
    operand = Side(lowering, node.operand, (yield Ask(node.operand)))
    query = yield Ask(node.query)
    (found,) = output_columns(lowering.query, node.query.body)
    is_exact = node.is_negated or not ask.is_positive
    if is_exact and not lowering.dialect.not_in_of_random:
        _check_chance(lowering, node)
    is_widened = is_longer_than_float(found.datatype, operand.datatype)
    if is_widened or (is_exact and may_be_nan(found.datatype)):
        query = _around(lowering, query, found.datatype, is_widened=is_widened)
    value = operand.without_nan()
    if is_longer_than_float(operand.datatype, found.datatype):
        value = lowering.dialect.cast(value, DataType(Primitive.DOUBLE))
    test = exp.In(this=wrapped(value), query=exp.Subquery(this=query))
    return exp.Not(this=exp.Paren(this=test)) if node.is_negated else test


def _check_chance(lowering: Lowering, node: InQuery) -> None:
    """Refuse random numbers in a subquery that names what is outside of it."""
    inside = list(preorder(node.query))
    sources = {lowering.query.sources.get(one) for one in inside if isinstance(one, TableReference)}
    functions = (lowering.query.functions.get(one) for one in inside if isinstance(one, Call))
    chance = next((one for one in functions if one is not None and one.is_random), None)
    if chance is None:
        return
    names = (lowering.query.names.get(one) for one in inside if isinstance(one, ColumnName))
    if any(isinstance(one, BoundColumn) and one.source not in sources for one in names):
        raise unsupported(
            f"{chance.name} in a subquery of NOT IN that names columns of the query around it",
            node.span,
            hint="write NOT EXISTS (SELECT ... WHERE ...) with the comparison in its WHERE",
        )


def _around(lowering: Lowering, query: exp.Expr, datatype: DataType, *, is_widened: bool) -> exp.Expr:
    """Put a query around a query of one number: NaN in the answer is like NULL in it."""
    value: exp.Expr = column("q", "c1")
    if is_widened:
        value = lowering.dialect.cast(value, DataType(Primitive.DOUBLE))
    if may_be_nan(datatype):
        value = without_nan(lowering, value)
    rows = exp.Subquery(this=query, alias=exp.TableAlias(this=name("q")))
    select = exp.Select(expressions=[value])
    select.set("from_", exp.From(this=rows))
    return select


def _like(lowering: Lowering, node: Like, _: Ask) -> Steps:
    operand = lowering.dialect.text_of((yield Ask(node.operand)), lowering.type_of(node.operand))
    pattern = lowering.dialect.text_of((yield Ask(node.pattern)), lowering.type_of(node.pattern))
    match = lowering.dialect.ilike if node.ignores_case else lowering.dialect.like
    test = match(wrapped(operand), wrapped(pattern))
    return exp.Not(this=exp.Paren(this=test)) if node.is_negated else test


def _is_null(_: Lowering, node: IsNull, __: Ask) -> Steps:
    test = exp.Is(this=wrapped((yield Ask(node.operand))), expression=exp.Null())
    return exp.Not(this=exp.Paren(this=test)) if node.is_negated else test


CONDITION_RULES: Final[dict[type[Node], Rule]] = {
    And: _and,
    BareCondition: _bare,
    Between: _between,
    Comparison: _comparison,
    Exists: _exists,
    InList: _in_list,
    InQuery: _in_query,
    IsNull: _is_null,
    Like: _like,
    Not: _not,
    Or: _or,
}
