"""Which values can be compared and put together, and of what type the result is."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from vo_server.adql.library.text import text_type
from vo_server.adql.marks import NULL_VALUE, UNKNOWN, describe, kind_of
from vo_server.adql.tree import BooleanLiteral, Comparison, NumberLiteral, Parenthesised, Signed, StringLiteral
from vo_server.errors import ProblemKind
from vo_server.model.datatype import DataType, Kind, Primitive
from vo_server.model.table import Column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vo_server.adql.state import Resolution
    from vo_server.adql.tree import Expression, Node

__all__ = ["check_comparable", "is_literal", "literal_value", "unify", "unwrapped", "widest_number"]

_ORDERED: Final = frozenset({Kind.NUMBER, Kind.STRING, Kind.TIMESTAMP, Kind.BOOLEAN})
_NUMBER_TEXT: Final = re.compile(r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*")
_TIME_TEXT: Final = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?Z?)?")
_TRUTH_TEXTS: Final = frozenset({"true", "t", "1", "false", "f", "0"})

_NO_BOOLEANS: Final = "ADQL has no booleans; write 1 or 0, which this service reads as true or false"


def widest_number(columns: Sequence[Column]) -> DataType:
    """Return the number type that holds the values of all numbers; a boolean is a small one, others do not count."""
    types = [_as_number(one.datatype) for one in columns if kind_of(one) in {Kind.NUMBER, Kind.BOOLEAN}]
    return DataType.widest(*types) if types else DataType(Primitive.DOUBLE)


def _as_number(datatype: DataType) -> DataType:
    return DataType(Primitive.SHORT) if datatype.kind is Kind.BOOLEAN else datatype


def unify(columns: Sequence[Column]) -> Column | None:
    """Return metadata for a value that is one of several: type of all, the rest from the first; None if kinds differ.

    NULLs and unknown values fit everything.
    """
    known = [one for one in columns if kind_of(one) not in {None, Kind.NULL}]
    if not known:
        return UNKNOWN if any(kind_of(one) is None for one in columns) else NULL_VALUE
    first = known[0]
    kinds = {kind_of(one) for one in known}
    if len(kinds) > 1:
        return None
    if kinds == {Kind.NUMBER}:
        return replace(first, datatype=widest_number(known))
    if kinds == {Kind.STRING}:
        same = all(one.datatype == first.datatype for one in known)
        return first if same else replace(first, datatype=text_type(known))
    if kinds <= {Kind.GEOMETRY, Kind.ARRAY} and any(one.datatype != first.datatype for one in known):
        return None
    return first


def check_comparable(state: Resolution, place: Node, left: Expression, right: Expression) -> None:
    """Report two values that cannot be compared; note those that only this service compares.

    A literal may be of another kind than the value it is compared with, if its text is one of that kind:
    ``x > '100'``, ``t > '2015-01-01'``, ``flag = 'true'``. A boolean counts as 1 or 0.
    """
    kinds = kind_of(state.value(left)), kind_of(state.value(right))
    if None in kinds or Kind.NULL in kinds:
        return
    if kinds[0] == kinds[1] and kinds[0] in _ORDERED:
        return
    if _adapts(state, place, left, right, kinds[1]) or _adapts(state, place, right, left, kinds[0]):
        return
    if set(kinds) == {Kind.NUMBER, Kind.BOOLEAN}:
        state.note("a boolean was compared with a number", place, hint=_as_number_form(state, place, left, right))
        return
    hint = _hint(kinds)
    message = f"cannot compare {describe(state.value(left))} with {describe(state.value(right))}"
    state.report(ProblemKind.TYPE, message, place, hint=hint)


def _as_number_form(state: Resolution, place: Node, left: Expression, right: Expression) -> str:
    """Return the form of the standard for a boolean compared with a truth value."""
    flag, other = (left, right) if kind_of(state.value(left)) is Kind.BOOLEAN else (right, left)
    literal = unwrapped(other)
    number = state.source_text(other)[:60]
    if isinstance(literal, StringLiteral):
        number = "1" if literal.value.strip().lower() in {"true", "t", "1"} else "0"
    form = f"CAST({state.source_text(flag)[:60]} AS INTEGER)"
    written = f"{form} {place.operator} {number}" if isinstance(place, Comparison) else f"{form} and {number}"
    return f"ADQL has no booleans, which this service reads as 1 and 0; write {written}"


def _hint(kinds: tuple[Kind | None, Kind | None]) -> str | None:
    found = set(kinds)
    if Kind.GEOMETRY in found:
        return "use CONTAINS, INTERSECTS or DISTANCE"
    if Kind.ARRAY in found:
        return "compare an element, such as a[1]"
    if found == {Kind.NUMBER, Kind.BOOLEAN}:
        return "compare with 1 or 0"
    if found == {Kind.NUMBER, Kind.STRING}:
        return "write numbers without quotes, or CAST one of them"
    if Kind.TIMESTAMP in found:
        return "write CAST('2015-01-01T00:00:00' AS TIMESTAMP)"
    return None


def unwrapped(node: Expression) -> Expression:
    """Return what stands in parentheses."""
    while isinstance(node, Parenthesised):
        node = node.inner
    return node


def _adapts(state: Resolution, place: Node, written: Expression, other: Expression, kind: Kind | None) -> bool:
    """Tell whether a text can be compared with a value of another kind, and note it."""
    literal = unwrapped(written)
    if not isinstance(literal, StringLiteral):
        return False
    standard = _standard_form(literal.value, kind)
    if standard is None:
        return False
    if kind is Kind.BOOLEAN:
        standard = _as_number_form(state, place, written, other)
    state.note(f"the text {state.source_text(literal)} was read as a {kind}", literal, hint=standard)
    return True


def _standard_form(text: str, kind: Kind | None) -> str | None:
    """Return how a text is written in the standard as a value of a kind; None when it is no such value."""
    if kind is Kind.NUMBER and _NUMBER_TEXT.fullmatch(text):
        return f"write the number without quotes: {text.strip()}"
    if kind is Kind.TIMESTAMP and _TIME_TEXT.fullmatch(text):
        return f"write CAST('{text}' AS TIMESTAMP)"
    if kind is Kind.BOOLEAN and text.lower() in _TRUTH_TEXTS:
        return _NO_BOOLEANS
    return None


def is_literal(node: Expression) -> bool:
    """Tell whether an expression is a literal, a sign before a number included."""
    if isinstance(node, Signed):
        return isinstance(node.operand, NumberLiteral)
    return isinstance(node, NumberLiteral | StringLiteral | BooleanLiteral)


def literal_value(node: Expression) -> float | str | None:
    """Return the value of a literal number or text, None for all else."""
    if isinstance(node, StringLiteral):
        return node.value
    if isinstance(node, NumberLiteral):
        return float(node.text)
    if isinstance(node, Signed) and isinstance(node.operand, NumberLiteral):
        return float(node.sign + node.operand.text)
    return None
