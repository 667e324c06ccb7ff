"""Rules for values: literals, columns, arithmetic, functions, aggregates, casts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from sqlglot import exp

from vo_server.adql.functions import find
from vo_server.adql.resolved import MergedColumn, OutputColumn
from vo_server.adql.tree import (
    Aggregate,
    Arithmetic,
    BooleanLiteral,
    Call,
    Cast,
    ColumnName,
    Concatenation,
    Expression,
    Node,
    NullLiteral,
    NumberLiteral,
    Parenthesised,
    ScalarQuery,
    Signed,
    StringLiteral,
    Subscript,
)
from vo_server.engine.choices import CHOICE_FUNCTION_RULES
from vo_server.engine.fold import constant, unwrapped, whole_literal
from vo_server.engine.instants import instant_text
from vo_server.engine.lower import Ask, refusal, unsupported
from vo_server.engine.numbers import INT_MIN, LONG_MIN, number, read_as
from vo_server.engine.rounding import ROUNDING_RULES
from vo_server.engine.shapes import shape_of
from vo_server.engine.spatial import GEOMETRY_RULES, shape_value
from vo_server.engine.sqltree import call, cast, null, quantity, wrapped
from vo_server.engine.udfs import UDF_RULES
from vo_server.errors import ProblemKind
from vo_server.model.datatype import ADQL_CAST_TYPES, DataType, Kind, Primitive

if TYPE_CHECKING:
    from collections.abc import Callable

    from vo_server.adql.functions import Function
    from vo_server.engine.lower import Lowering, Rule, Steps

__all__ = ["VALUE_RULES"]

_INT: Final = DataType(Primitive.INT)
_LONG: Final = DataType(Primitive.LONG)
_DOUBLE: Final = DataType(Primitive.DOUBLE)
_LONG_CHAIN: Final = 200
"""Operands of a chain that are still computed from left to right."""

_SLICE_LENGTH: Final = 20
"""Operators of a chain after which the SQL so far is written out, because sqlglot recurses into it."""


def _number(lowering: Lowering, node: NumberLiteral, _: Ask) -> exp.Expr:
    return number(lowering, node)


def _string(_: Lowering, node: StringLiteral, __: Ask) -> exp.Expr:
    if "\0" in node.value:
        raise refusal(ProblemKind.TYPE, "a text cannot hold the character with the code 0", node.span)
    return exp.Literal.string(node.value)


def _null(_: Lowering, __: NullLiteral, ___: Ask) -> exp.Expr:
    return null()


def _boolean(_: Lowering, node: BooleanLiteral, __: Ask) -> exp.Expr:
    return exp.Boolean(this=node.value)


def _column(lowering: Lowering, node: ColumnName, ask: Ask) -> Steps:
    meaning = lowering.query.names[node]
    if isinstance(meaning, OutputColumn):
        if isinstance(meaning.value, Expression):
            return (yield Ask(meaning.value, ask.is_positive))
        meaning = meaning.value
    return lowering.merged(meaning) if isinstance(meaning, MergedColumn) else lowering.bound(meaning)


def _parenthesised(_: Lowering, node: Parenthesised, __: Ask) -> Steps:
    # Parentheses are written again wherever operators need them.
    return (yield Ask(unwrapped(node)))


def _signed(lowering: Lowering, node: Signed, _: Ask) -> Steps:
    if node.sign == "-" and isinstance(unwrapped(node.operand), NumberLiteral):
        whole = whole_literal(node)
        if whole in {LONG_MIN, INT_MIN}:
            # Whole numbers that fit a type with their sign only: the databases do not agree which type they have.
            return lowering.dialect.cast(quantity(whole), _LONG)
    value = yield Ask(node.operand)
    datatype = lowering.type_of(node.operand)
    if datatype is not None and datatype.is_integer:
        # With either sign it is an INTEGER at least, and what it is an operand of counts on that.
        value = lowering.dialect.whole(value, datatype, DataType.widest(datatype, _INT))
    return exp.Neg(this=wrapped(value)) if node.sign == "-" else value


def _arithmetic(lowering: Lowering, node: Arithmetic, _: Ask) -> Steps:
    operands = []
    for operand in node.operands:
        value = yield Ask(operand)
        operands.append(_Operand(read_as(value, lowering.type_of(operand)), lowering.type_of(operand)))
    if len(operands) <= _LONG_CHAIN:
        return _chain(lowering, node, operands)
    if not {"+", "-"}.issuperset(node.operators):
        message = f"a product of more than {_LONG_CHAIN} factors is too long"
        raise refusal(ProblemKind.LIMIT, message, node.span, hint="compute a part of it in a subquery")
    return _long_sum(lowering, node, operands)


@dataclass(frozen=True)
class _Operand:
    value: exp.Expr
    datatype: DataType | None
    is_nonzero: bool = False


def _chain(lowering: Lowering, node: Arithmetic, operands: list[_Operand]) -> exp.Expr:
    """Compute from left to right."""
    left = operands[0]
    for at, (operator, right) in enumerate(zip(node.operators, operands[1:], strict=True), start=1):
        is_nonzero = bool(constant(node.operands[at]))
        left = _pair(lowering, operator, left, replace(right, is_nonzero=is_nonzero))
        if at % _SLICE_LENGTH == 0:
            left = replace(left, value=lowering.written(left.value))
    return left.value


def _long_sum(lowering: Lowering, node: Arithmetic, operands: list[_Operand]) -> exp.Expr:
    """Add in pairs of pairs: databases bound the depth of expressions, and DuckDB takes cubic time in it."""
    terms = [operands[0]]
    for operator, operand in zip(node.operators, operands[1:], strict=True):
        value = exp.Neg(this=wrapped(operand.value)) if operator == "-" else operand.value
        terms.append(replace(operand, value=value))
    while len(terms) > 1:
        pairs = zip(terms[::2], terms[1::2], strict=False)
        added = [_pair(lowering, "+", left, right) for left, right in pairs]
        terms = added + (terms[-1:] if len(terms) % 2 else [])
    return terms[0].value


def _pair(lowering: Lowering, operator: str, left: _Operand, right: _Operand) -> _Operand:
    """Apply one operator."""
    result = _pair_type(left.datatype, right.datatype)
    one, other = _widened(lowering, left, right, result)
    if operator == "/" and not right.is_nonzero:
        other = exp.Nullif(this=other, expression=exp.Literal.number(0))
    return _Operand(_applied(lowering, operator, one, other, is_whole=result.is_integer), result)


def _pair_type(left: DataType | None, right: DataType | None) -> DataType:
    numeric = [
        _INT if one.primitive is Primitive.BOOLEAN else DataType(one.primitive)
        for one in (left, right)
        if one is not None and (one.is_numeric or one.primitive is Primitive.BOOLEAN)
    ]
    result = DataType.widest(*numeric) if numeric else _DOUBLE
    return DataType.widest(result, _INT) if result.is_integer else result


def _widened(lowering: Lowering, left: _Operand, right: _Operand, result: DataType) -> tuple[exp.Expr, exp.Expr]:
    """Widen the operands of one operator where the databases would not do it in the same way."""
    primitives = {one.datatype.primitive for one in (left, right) if one.datatype is not None}
    values = []
    for one in (left, right):
        if one.datatype is None or one.datatype.primitive is result.primitive:
            value = one.value
        elif result.is_integer:
            value = lowering.dialect.whole(one.value, one.datatype, result)
        elif result.primitive in primitives and result.primitive is Primitive.DOUBLE:
            value = one.value
        else:
            value = lowering.dialect.cast(one.value, result)
        values.append(wrapped(value))
    return values[0], values[1]


def _applied(lowering: Lowering, operator: str, left: exp.Expr, right: exp.Expr, *, is_whole: bool) -> exp.Expr:
    if operator == "+":
        return exp.Add(this=left, expression=right)
    if operator == "-":
        return exp.Sub(this=left, expression=right)
    if operator == "*":
        return exp.Mul(this=left, expression=right)
    if operator == "%":
        if is_whole:
            return lowering.dialect.remainder(left, right)
        return lowering.filled(_template(find("MOD")[0], lowering), {"x": left, "y": right})
    if is_whole:
        return lowering.dialect.quotient(left, right)
    return exp.Div(this=left, expression=right, typed=True)


def _concatenation(lowering: Lowering, node: Concatenation, _: Ask) -> Steps:
    parts = []
    for operand in node.operands:
        value = yield Ask(operand)
        parts.append(wrapped(lowering.dialect.text_of(value, lowering.type_of(operand))))
    return _balanced(parts)


def _balanced(parts: list[exp.Expr]) -> exp.Expr:
    """Concatenate in pairs of pairs: databases bound the depth of an expression, and here order does not matter."""
    while len(parts) > 1:
        pairs = zip(parts[::2], parts[1::2], strict=False)
        joined: list[exp.Expr] = [exp.Paren(this=exp.DPipe(this=left, expression=right)) for left, right in pairs]
        parts = joined + (parts[-1:] if len(parts) % 2 else [])
    return parts[0]


def _call(lowering: Lowering, node: Call, ask: Ask) -> Steps:
    special = _SPECIAL_RULES.get(node.name.upper())
    if special is not None:
        return (yield from special(lowering, node, ask))
    function = lowering.query.functions[node]
    template = _template(function, lowering)
    if not template:
        raise unsupported(f"the function {node.name.upper()}", node.span, token=node.name)
    values = []
    for argument in node.arguments:
        value = yield Ask(argument)
        values.append(read_as(value, lowering.type_of(argument)))
    return lowering.filled(template, _named(function, values))


def _template(function: Function, lowering: Lowering) -> str:
    """Return the SQL of a function on this database; empty when it has none."""
    return function.sql.get(lowering.dialect.name) or function.sql.get("*") or ""


def _in_unit(lowering: Lowering, node: Call, _: Ask) -> Steps:
    value = yield Ask(node.arguments[0])
    value = lowering.dialect.cast(read_as(value, lowering.type_of(node.arguments[0])), _DOUBLE)
    return exp.Mul(this=wrapped(value), expression=lowering.dialect.real(lowering.query.factors[node]))


def _named(function: Function, values: list[exp.Expr]) -> dict[str, exp.Expr]:
    """Give arguments the names of their parameters; the repeated last one of a variadic function is one list."""
    names = [parameter.name for parameter in function.parameters]
    named: dict[str, exp.Expr] = dict(zip(names, values, strict=False))
    if function.is_variadic and len(values) > len(names):
        named[names[-1]] = exp.Tuple(expressions=values[len(names) - 1 :])
    for missing in names[len(values) :]:
        named[missing] = null()
    return named


def _aggregate(lowering: Lowering, node: Aggregate, _: Ask) -> Steps:
    if node.argument is None:
        return exp.Count(this=exp.Star())
    datatype = lowering.type_of(node.argument)
    value = read_as((yield Ask(node.argument)), datatype)
    if node.name in {"SUM", "AVG"} and datatype is not None and datatype.is_numeric:
        value = lowering.dialect.summed(value, datatype)
    elif node.name in {"SUM", "AVG"} and isinstance(value, exp.Null):
        # The databases do not know which sum is meant.
        value = lowering.dialect.cast(value, _LONG)
    if node.is_distinct:
        value = exp.Distinct(expressions=[value])
    is_whole = datatype is None or datatype.is_integer or datatype.kind is Kind.BOOLEAN
    if node.name == "AVG":
        return lowering.dialect.mean(value, lowering.duplicate(value), is_whole=is_whole)
    total = call(node.name, value)
    if node.name == "SUM":
        # Adding 0 makes 0 of -0, which the sum of nothing but -0 is on one of the engines.
        zero = lowering.dialect.real(0.0)
        return lowering.dialect.cast(total, _LONG) if is_whole else exp.Add(this=total, expression=zero)
    return total


def _cast(lowering: Lowering, node: Cast, _: Ask) -> Steps:
    target = ADQL_CAST_TYPES[node.target.name]
    source = lowering.type_of(node.operand)
    if target.is_geometry and isinstance(unwrapped(node.operand), StringLiteral):
        return shape_value(lowering, (yield from shape_of(lowering, node)))
    value = yield Ask(node.operand)
    if target.is_geometry:
        return _shape_cast(lowering, value, source, target)
    if target.is_string:
        text = (
            lowering.dialect.text_of(value, source)
            if source is not None
            else cast(value, "TEXT", lowering.dialect.name)
        )
        return text if node.target.length is None else call("LEFT", text, exp.Literal.number(node.target.length))
    if source is not None and source.is_string and not target.is_string:
        return _read_text(lowering, node, value, target)
    if source is not None and source.primitive is Primitive.DOUBLE and target.primitive is Primitive.FLOAT:
        return lowering.dialect.narrowed(wrapped(value))
    return lowering.dialect.cast(read_as(value, source), target)


def _shape_cast(lowering: Lowering, value: exp.Expr, source: DataType | None, target: DataType) -> exp.Expr:
    """Read texts as the numbers of a shape; a shape of the same kind stays what it is."""
    if source is None or not source.is_string:
        return lowering.dialect.cast(value, target)
    count = 0 if target.fixed_length is None else target.fixed_length
    return lowering.filled(f"vo_functions.shape_of({{text}}, {count})", {"text": value})


def _read_text(lowering: Lowering, node: Cast, value: exp.Expr, target: DataType) -> exp.Expr:
    """Read a text as a number or a timestamp; what is none is an error."""
    if target.is_integer:
        return lowering.dialect.whole_of_text(value, target)
    if not target.is_timestamp:
        return lowering.dialect.real_of_text(value, target)
    literal = unwrapped(node.operand)
    if isinstance(literal, StringLiteral):
        return lowering.dialect.cast(exp.Literal.string(instant_text(literal)), target)
    return lowering.dialect.cast(call("vo_functions.instant_text", value), target)


def _subscript(lowering: Lowering, node: Subscript, _: Ask) -> Steps:
    array = yield Ask(node.array)
    element = constant(node.index)
    if isinstance(element, int):
        index: exp.Expr = exp.Literal.number(element)
    else:
        index = exp.Literal.number(_element_number(lowering, node))
    return exp.Bracket(this=exp.Paren(this=array), expressions=[index], offset=1)


def _element_number(lowering: Lowering, node: Subscript) -> int:
    """Look a named element up in the names that the column's description gives."""
    array = lowering.query.values.get(node.array)
    names = array.element_names if array is not None else ()
    wanted = node.index.name.name if isinstance(node.index, ColumnName) else ""
    for at, known in enumerate(names, start=1):
        if known.lower() == wanted.lower():
            return at
    raise unsupported("a subscript that is not a number", node.index.span)


def _scalar_query(_: Lowering, node: ScalarQuery, __: Ask) -> Steps:
    return exp.Subquery(this=(yield Ask(node.query)))


_SPECIAL_RULES: Final[dict[str, Callable[[Lowering, Call, Ask], Steps]]] = {
    **CHOICE_FUNCTION_RULES, **GEOMETRY_RULES, **UDF_RULES, "IN_UNIT": _in_unit, **ROUNDING_RULES,
}  # fmt: skip
"""Functions that are more than a template, by their names in upper case."""

VALUE_RULES: Final[dict[type[Node], Rule]] = {
    Aggregate: _aggregate,
    Arithmetic: _arithmetic,
    BooleanLiteral: _boolean,
    Call: _call,
    Cast: _cast,
    ColumnName: _column,
    Concatenation: _concatenation,
    NullLiteral: _null,
    NumberLiteral: _number,
    Parenthesised: _parenthesised,
    ScalarQuery: _scalar_query,
    Signed: _signed,
    StringLiteral: _string,
    Subscript: _subscript,
}
