"""Small builders of sqlglot trees: what sqlglot leaves to its caller when trees are made by hand."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from sqlglot import exp

from vo_server.engine.grammar import grammar_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "aliased",
    "all_of",
    "any_of",
    "call",
    "cast",
    "column",
    "element",
    "is_constant",
    "name",
    "null",
    "quantity",
    "wrapped",
]

_CLOSED: Final = (exp.Paren, exp.Case, exp.Exists, exp.Subquery, exp.Column, exp.Literal)
_OPEN: Final = (exp.Binary, exp.Unary, exp.Between, exp.In)


def wrapped(value: exp.Expr) -> exp.Expr:
    """Put parentheses around what an operator beside it could tear apart."""
    if isinstance(value, _CLOSED) or not isinstance(value, _OPEN):
        return value
    return exp.Paren(this=value)


def name(text: str) -> exp.Identifier:
    """Return a quoted identifier."""
    return exp.Identifier(this=text, quoted=True)


def column(table: str, text: str) -> exp.Column:
    """Return ``"table"."text"``."""
    return exp.Column(this=name(text), table=name(table))


def aliased(value: exp.Expr, alias: str) -> exp.Expr:
    """Return ``value AS "alias"``."""
    return exp.Alias(this=value, alias=name(alias))


def null() -> exp.Expr:
    """Return ``NULL``."""
    return exp.Null()


def quantity(number: int) -> exp.Expr:
    """Return a whole number; a negative one with its sign in front."""
    literal = exp.Literal.number(abs(number))
    return exp.Neg(this=literal) if number < 0 else literal


@lru_cache(maxsize=256)
def _parsed_type(type_name: str, dialect: str) -> exp.DataType:
    return exp.DataType.build(type_name, dialect=grammar_of(dialect))


def cast(value: exp.Expr, type_name: str, dialect: str) -> exp.Expr:
    """Return ``CAST(value AS type_name)``."""
    return exp.Cast(this=value, to=_parsed_type(type_name, dialect).copy())


def call(function: str, *arguments: exp.Expr) -> exp.Expr:
    """Return a call exactly as named; sqlglot rewrites the functions it knows (``LOG10(x)`` to ``LOG(10, x)``)."""
    return exp.Anonymous(this=function, expressions=list(arguments))


def all_of(conditions: Iterable[exp.Expr]) -> exp.Expr:
    """Join conditions by AND."""
    return _chained(exp.And, list(conditions))


def any_of(conditions: Iterable[exp.Expr]) -> exp.Expr:
    """Join conditions by OR."""
    return _chained(exp.Or, list(conditions))


def _chained(connector: type[exp.Connector], conditions: Sequence[exp.Expr]) -> exp.Expr:
    """Build a left-deep chain, which sqlglot writes without recursion and both databases read as one list."""
    if len(conditions) == 1:
        return conditions[0]
    parts = [_operand(connector, condition) for condition in conditions]
    chain = parts[0]
    for part in parts[1:]:
        chain = connector(this=chain, expression=part)
    return chain


def _operand(connector: type[exp.Connector], condition: exp.Expr) -> exp.Expr:
    if isinstance(condition, exp.Connector) and not isinstance(condition, connector):
        return exp.Paren(this=condition)
    return condition


def element(array: exp.Expr, number: int) -> exp.Expr:
    """Return an element of an array, the first being 1."""
    return exp.Bracket(this=exp.Paren(this=array), expressions=[exp.Literal.number(number)], offset=1)


def is_constant(value: exp.Expr) -> bool:
    """Tell whether a value is a literal, perhaps signed, cast or in parentheses."""
    while isinstance(value, (exp.Paren, exp.Neg, exp.Cast)):
        value = value.this
    return isinstance(value, (exp.Literal, exp.Null, exp.Boolean))
