"""Which values can be compared and put together, and of what type the result is."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from vo_server.adql.library.text import text_type
from vo_server.adql.marks import NULL_VALUE, UNKNOWN, describe, kind_of
from vo_server.adql.tree import BooleanLiteral, NumberLiteral, Parenthesised, Signed, StringLiteral
from vo_server.errors import ProblemKind
from vo_server.model.datatype import DataType, Kind, Primitive
from vo_server.model.table import Column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vo_server.adql.state import Resolution
    from vo_server.adql.tree import Expression, Node

__all__ = ["check_comparable", "unify", "widest_number"]

_ORDERED: Final = frozenset({Kind.NUMBER, Kind.STRING, Kind.TIMESTAMP, Kind.BOOLEAN})
_NUMBER_TEXT: Final = re.compile(r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*")
_TIME_TEXT: Final = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?Z?)?")
_TRUE_TEXTS: Final = frozenset({"true", "t", "1", "false", "f", "0"})

BOOLEAN: Final = Column("", DataType(Primitive.BOOLEAN))
TIMESTAMP: Final = Column("", DataType(Primitive.CHAR, "*", "timestamp"))


def widest_number(columns: Sequence[Column]) -> DataType:
    """Return the number type that holds the values of all numbers; unknown values and NULLs do not count."""
    types = [one.datatype for one in columns if kind_of(one) is Kind.NUMBER]
    return DataType.widest(*types) if types else DataType(Primitive.DOUBLE)


def unify(columns: Sequence[Column]) -> Column | None:
    """Return metadata for a value that is one of several: type of all, the rest from the first; None if kinds differ.

    NULLs and unknown values fit everything.
    """
    known = [one for one in columns if kind_of(one) not in {None, Kind.NULL}]
    if not known:
        return UNKNOWN if any(one is UNKNOWN for one in columns) else NULL_VALUE
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

    A literal that is compared with a value of another kind takes that kind: ``flag = 1`` makes the 1 a boolean,
    ``x > '100'`` makes the string a number, ``t > '2015-01-01'`` makes it a timestamp.
    """
    kinds = kind_of(state.value(left)), kind_of(state.value(right))
    if None in kinds or Kind.NULL in kinds:
        return
    if kinds[0] == kinds[1] and kinds[0] in _ORDERED:
        return
    if _adapts(state, left, right) or _adapts(state, right, left):
        return
    hint = _hint(kinds)
    message = f"cannot compare {describe(state.value(left))} with {describe(state.value(right))}"
    state.report(ProblemKind.TYPE, message, place, hint=hint)


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


def _literal(node: Expression) -> Expression:
    while isinstance(node, Parenthesised):
        node = node.inner
    return node


def _adapts(state: Resolution, written: Expression, other: Expression) -> bool:
    """Give a literal the kind of the value it is compared with, if it can have it."""
    literal = _literal(written)
    kind = kind_of(state.value(other))
    adapted: Column | None = None
    standard = ""
    if isinstance(literal, StringLiteral):
        adapted, standard = _of_text(literal.value, kind)
    elif isinstance(literal, NumberLiteral) and kind is Kind.BOOLEAN and literal.text in {"0", "1"}:
        adapted, standard = BOOLEAN, "booleans are not part of ADQL; this service compares them with 1 and 0"
    if adapted is None:
        return False
    node = written
    while isinstance(node, Parenthesised):
        state.values[node] = adapted
        node = node.inner
    state.values[literal] = adapted
    state.note(f"{state.source_text(literal)} was read as {describe(adapted)}", literal, hint=standard)
    return True


def _of_text(text: str, kind: Kind | None) -> tuple[Column | None, str]:
    if kind is Kind.NUMBER and _NUMBER_TEXT.fullmatch(text):
        stripped = text.strip()
        is_integer = stripped.lstrip("+-").isdigit() and len(stripped) < 19  # noqa: PLR2004 - fits a long
        primitive = Primitive.LONG if is_integer else Primitive.DOUBLE
        return Column("", DataType(primitive)), f"write the number without quotes: {stripped}"
    if kind is Kind.TIMESTAMP and _TIME_TEXT.fullmatch(text):
        return TIMESTAMP, f"write CAST('{text}' AS TIMESTAMP)"
    if kind is Kind.BOOLEAN and text.lower() in _TRUE_TEXTS:
        value = 1 if text.lower() in {"true", "t", "1"} else 0
        return BOOLEAN, f"booleans are not part of ADQL; compare with {value}"
    return None, ""


def is_literal(node: Expression) -> bool:
    """Tell whether an expression is a literal, a sign before a number included."""
    if isinstance(node, Signed):
        return isinstance(node.operand, NumberLiteral)
    return isinstance(node, NumberLiteral | StringLiteral | BooleanLiteral)
