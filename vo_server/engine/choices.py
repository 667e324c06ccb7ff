"""Rules for values that are one of several: CASE and COALESCE."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlglot import exp

from vo_server.adql.tree import Call, Case, Condition, Expression, Node
from vo_server.engine.lower import Ask
from vo_server.engine.sides import Side, compared
from vo_server.model.datatype import Primitive

if TYPE_CHECKING:
    from collections.abc import Callable

    from vo_server.engine.lower import Lowering, Rule, Steps

__all__ = ["CHOICE_FUNCTION_RULES", "CHOICE_RULES"]


def _case(lowering: Lowering, node: Case, _: Ask) -> Steps:
    operand = None if node.operand is None else (yield Ask(node.operand))
    branches: list[exp.Expr] = []
    for when, then in node.whens:
        test = yield Ask(when)
        if operand is not None and not isinstance(when, Condition):
            assert node.operand is not None
            left = Side(lowering, node.operand, lowering.duplicate(operand))
            right = Side(lowering, when, test)
            left.fitted_to(right)
            right.fitted_to(left)
            test = compared("=", left, right, is_positive=True)
        value = yield Ask(then)
        branches.append(exp.If(this=test, true=_as_result(lowering, node, then, value)))
    default = None
    if node.default is not None:
        default = _as_result(lowering, node, node.default, (yield Ask(node.default)))
    return exp.Case(ifs=branches, default=default)


def _coalesce(lowering: Lowering, node: Call, _: Ask) -> Steps:
    values = []
    for argument in node.arguments:
        value = yield Ask(argument)
        values.append(_as_result(lowering, node, argument, value))
    return exp.Coalesce(this=values[0], expressions=values[1:])


def _as_result(lowering: Lowering, node: Expression, part: Expression, value: exp.Expr) -> exp.Expr:
    """Give a number the type of the result.

    Of a real and a whole number the databases would make a real, and of a byte and a literal DuckDB makes a byte, which
    has no negative value.
    """
    result, datatype = lowering.type_of(node), lowering.type_of(part)
    if result is None or datatype is None or not (result.is_numeric and datatype.is_numeric):
        return value
    if result.is_integer:
        return lowering.dialect.whole(value, datatype, result)
    is_float = result.primitive in {Primitive.FLOAT, Primitive.DOUBLE}
    return lowering.dialect.cast(value, result) if is_float and datatype.primitive is not result.primitive else value


CHOICE_FUNCTION_RULES: Final[dict[str, Callable[[Lowering, Call, Ask], Steps]]] = {"COALESCE": _coalesce}
"""Rules of calls, by their names in upper case."""

CHOICE_RULES: Final[dict[type[Node], Rule]] = {Case: _case}
