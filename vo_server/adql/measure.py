"""Units of calculated values, and notes where units do not go together.

A value is a *number* when it is made of literals, a *ratio* when it is known to have no unit (a count, a sine), a
quantity when it has a unit, and otherwise of an unknown unit, about which nothing is said. Units that do not go
together are never a mistake: the metadata may be wrong, and the user may know better.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from vo_server.adql import tree
from vo_server.adql.function import Family
from vo_server.adql.kinds import unwrapped
from vo_server.adql.marks import kind_of
from vo_server.adql.units import DIMENSIONLESS, Unit, are_convertible, are_equal, read_unit
from vo_server.errors import ProblemKind
from vo_server.model.datatype import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vo_server.adql.state import Resolution
    from vo_server.model.table import Column

__all__ = ["compare_units", "is_number", "measured"]


class _Plain(Enum):
    """Kinds of values without a unit."""

    NUMBER = "number"
    RATIO = "ratio"


_SIMPLE: Final = frozenset({"0.5", "1", "1.", "1.0", "2", "2.", "2.0"})
"""Factors that change no unit; any other one may be a conversion, as in ``3600 * DISTANCE(...)``."""

_OF_ANGLES: Final = {"SIN": "rad", "COS": "rad", "TAN": "rad", "COT": "rad", "DEGREES": "rad", "RADIANS": "deg"}
_SAME_FOR_ALL: Final = frozenset({"COALESCE", "GREATEST", "LEAST"})
_RATIOS: Final = frozenset({"SIN", "COS", "TAN", "COT", "RAND", "CONTAINS", "INTERSECTS"})
_KEEP: Final = frozenset({"ABS", "CEILING", "FLOOR", "ROUND", "TRUNCATE"})


def measured(state: Resolution, node: tree.Expression, column: Column) -> Column:
    """Return the metadata of a value with its unit; what is inside it is known already.

    Parameters
    ----------
    state
        Where values without a unit are written down, and notes.
    node
        The value.
    column
        Its metadata so far.
    """
    if kind_of(column) is None:
        return column
    rule = _RULES.get(type(node))
    return column if rule is None else rule(state, node, column)


def is_number(state: Resolution, node: tree.Expression) -> bool:
    """Tell whether a value is made of literals only."""
    return state.plain.get(node) is _Plain.NUMBER


# ------------------------------------------------------------------------------------------------ calculation


def _number(state: Resolution, node: tree.Expression, column: Column) -> Column:
    state.plain[node] = _Plain.NUMBER
    return column


def _inside(state: Resolution, node: tree.Parenthesised | tree.Signed, column: Column) -> Column:
    inner = node.inner if isinstance(node, tree.Parenthesised) else node.operand
    if inner in state.plain:
        state.plain[node] = state.plain[inner]
    return column


def _arithmetic(state: Resolution, node: tree.Arithmetic, column: Column) -> Column:
    if all(is_number(state, one) for one in node.operands):
        return _number(state, node, column)
    if set(node.operators) <= {"+", "-"}:
        return replace(column, unit=_unit_of_sum(state, node))
    unit = _unit_of_product(state, node)
    if unit == DIMENSIONLESS:
        state.plain[node] = _Plain.RATIO
    return replace(column, unit=None if unit is None else unit.text)


def _unit_of_sum(state: Resolution, node: tree.Arithmetic) -> str | None:
    first: tree.Expression | None = None
    is_sure = True
    for i, operand in enumerate(node.operands):
        unit = state.value(operand).unit
        if not unit:
            is_sure &= is_number(state, operand)
        elif first is None:
            first = operand
        elif not are_equal(state.value(first).unit or "", unit):
            is_sure = False
            what = "adding {1} to {0}" if node.operators[i - 1] == "+" else "subtracting {1} from {0}"
            _note(state, what, first, operand)
    return state.value(first).unit if is_sure and first is not None else None


def _unit_of_product(state: Resolution, node: tree.Arithmetic) -> Unit | None:
    result = DIMENSIONLESS
    for operator, operand in zip(("*", *node.operators), node.operands, strict=True):
        factor = _factor(state, operand)
        if factor is None or operator == "%":
            return None
        result = result.times(factor, -1 if operator == "/" else 1)
    return result


def _factor(state: Resolution, node: tree.Expression) -> Unit | None:
    """Return the unit of a factor; None when it is not known, or the factor may be there to change the unit."""
    unit = state.value(node).unit
    if unit:
        return read_unit(unit)
    if state.plain.get(node) is _Plain.RATIO:
        return DIMENSIONLESS
    bare = unwrapped(node)
    while isinstance(bare, tree.Signed):
        bare = unwrapped(bare.operand)
    return DIMENSIONLESS if isinstance(bare, tree.NumberLiteral) and bare.text in _SIMPLE else None


def _aggregate(state: Resolution, node: tree.Aggregate, column: Column) -> Column:
    if node.name == "COUNT" or (node.argument is not None and state.plain.get(node.argument) is _Plain.RATIO):
        state.plain[node] = _Plain.RATIO
    return column


# -------------------------------------------------------------------------------------------------- functions


def _call(state: Resolution, node: tree.Call, column: Column) -> Column:
    name, arguments = node.name.upper(), node.arguments
    if name in _OF_ANGLES and len(arguments) == 1:
        _check_angle(state, node, _OF_ANGLES[name])
    if name in _SAME_FOR_ALL:
        return replace(column, unit=_common_unit(state, arguments))
    function = state.functions.get(node)
    if function is None or function.family is not Family.MATHS:
        if name in _RATIOS:
            state.plain[node] = _Plain.RATIO
        return column
    if name != "RAND" and all(is_number(state, one) for one in arguments):
        return _number(state, node, column)
    if name in _RATIOS or (name in _KEEP and state.plain.get(arguments[0]) is _Plain.RATIO):
        state.plain[node] = _Plain.RATIO
    if name == "MOD":
        return replace(column, unit=_common_unit(state, arguments))
    power = _power(name, arguments)
    base = _factor(state, arguments[0]) if power is not None and arguments else None
    unit = None if base is None or power is None else base.to_power(power)
    return column if unit is None else replace(column, unit=unit.text)


def _power(name: str, arguments: Sequence[tree.Expression]) -> Fraction | None:
    """Return the power that a function raises its first argument to, when it is a literal."""
    if name == "SQRT":
        return Fraction(1, 2)
    if name != "POWER":
        return None
    bare, sign = unwrapped(arguments[1]), 1
    if isinstance(bare, tree.Signed):
        sign = -1 if bare.sign == "-" else 1
        bare = unwrapped(bare.operand)
    if not isinstance(bare, tree.NumberLiteral) or len(bare.text) > 6:  # noqa: PLR2004 - no unit has such powers
        return None
    return sign * Fraction(bare.text)


def _check_angle(state: Resolution, node: tree.Call, wanted: str) -> None:
    unit = state.value(node.arguments[0]).unit
    if not unit or are_equal(unit, wanted):
        return
    name, text = node.name.upper(), state.source_text(node.arguments[0])
    hint = None
    if wanted == "rad" and are_equal(unit, "deg") and name != "DEGREES":
        hint = f"write {name}(RADIANS({text}))"
    elif are_convertible(unit, wanted):
        hint = f"write {name}(IN_UNIT({text}, '{wanted}'))"
    state.note(f"{name} takes {wanted}, not {unit}", node, hint=hint, kind=ProblemKind.UNIT)


def _cast(state: Resolution, node: tree.Cast, column: Column) -> Column:
    if node.operand in state.plain:
        state.plain[node] = state.plain[node.operand]
    return column


def _case(state: Resolution, node: tree.Case, column: Column) -> Column:
    results = [value for _, value in node.whens] + ([] if node.default is None else [node.default])
    return replace(column, unit=_common_unit(state, results))


def _common_unit(state: Resolution, nodes: Sequence[tree.Expression]) -> str | None:
    """Return the unit of a value that is one of several; note units that differ."""
    first: tree.Expression | None = None
    is_sure = True
    for node in nodes:
        unit = state.value(node).unit
        if not unit:
            is_sure &= is_number(state, node) or kind_of(state.value(node)) is Kind.NULL
        elif first is None:
            first = node
        elif not are_equal(state.value(first).unit or "", unit):
            is_sure = False
            _note(state, "mixing {0} and {1}", first, node)
    return state.value(first).unit if is_sure and first is not None else None


def compare_units(state: Resolution, left: tree.Expression, right: tree.Expression) -> None:
    """Note that two values that are compared have different units."""
    units = state.value(left).unit, state.value(right).unit
    if units[0] and units[1] and not are_equal(units[0], units[1]):
        _note(state, "comparing {0} with {1}", left, right)


def _note(state: Resolution, what: str, left: tree.Expression, right: tree.Expression) -> None:
    units = state.value(left).unit or "", state.value(right).unit or ""
    hint = None
    if are_convertible(*units):
        hint = f"write IN_UNIT({state.source_text(right)[:80]}, '{units[0]}')"
    span = left.span.to(right.span) if left.span.start <= right.span.start else right.span.to(left.span)
    state.note(what.format(*units), tree.Node(span=span), hint=hint, kind=ProblemKind.UNIT)


_RULES: Final[dict[type[tree.Node], Callable[[Resolution, Any, Column], Column]]] = {
    tree.NumberLiteral: _number,
    tree.Parenthesised: _inside,
    tree.Signed: _inside,
    tree.Arithmetic: _arithmetic,
    tree.Aggregate: _aggregate,
    tree.Call: _call,
    tree.Cast: _cast,
    tree.Case: _case,
}
