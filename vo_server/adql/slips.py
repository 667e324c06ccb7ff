"""Slips: what is left out, doubled or in the wrong place, told from the tokens around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vo_server.adql.tokens import END

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vo_server.adql.tokens import Token

__all__ = ["slip_hint"]

_CLAUSES: Final = frozenset({"WHERE", "GROUP", "HAVING", "ORDER", END})
_VALUES: Final = frozenset({"NAME", "DELIMITED", "UNSIGNED", "NUMBER", "STRING", "FUNCTION", "SET_FUNCTION"})
_SET_OPERATORS: Final = frozenset({"UNION", "EXCEPT", "INTERSECT"})
_PLAIN_NAME: Final = "names are written as they are, or in double quotes; single quotes are for strings"


def slip_hint(tokens: Sequence[Token], index: int, accepted: frozenset[str]) -> str | None:
    """Return how to mend a slip, or None.

    Parameters
    ----------
    tokens
        All tokens, the last of type END.
    index
        The token that does not fit.
    accepted
        Types of tokens that would have fitted.
    """
    token, previous, before = tokens[index], tokens[index - 1], tokens[max(index - 2, 0)]
    kinds = (previous.type, token.type)
    return (
        _between_clauses(token, previous, accepted)
        or _in_tables(token, previous, accepted)
        or _around_counts(token, previous, before)
        or _in_conditions(token, previous, accepted)
        or _in_calls(token, previous, before, accepted)
        or ('names that need quotes are written "like this"' if kinds == ("SELECT", "LSQB") else None)
    )


def _first(*choices: tuple[bool, str]) -> str | None:
    return next((hint for holds, hint in choices if holds), None)


def _between_clauses(token: Token, previous: Token, accepted: frozenset[str]) -> str | None:
    is_cut = previous.type in {"GROUP", "ORDER"} and "BY" in accepted
    return _first(
        (previous.type == "SELECT" and token.type == "FROM", "name the columns, or write * for all of them"),
        (token.type in _CLAUSES and "FROM" in accepted and "AS" in accepted, "FROM and the tables come before this"),
        (is_cut and token.type == END, f"write {previous.type} BY and columns"),
        (is_cut, f"write {previous.type} BY {token.text}"),
        (previous.type in _SET_OPERATORS and token.type != "DISTINCT", f"write a SELECT after {previous.type}"),
    )


def _in_tables(token: Token, previous: Token, accepted: frozenset[str]) -> str | None:
    return _first(
        (token.type == "ON" and previous.type == "JOIN", "name a table between JOIN and ON"),
        (token.type == "OUTER", "write LEFT, RIGHT or FULL before OUTER JOIN"),
        (previous.type == "USING" and token.type in _VALUES, f"write USING ({token.text})"),
        (token.type == "STRING" and previous.type in {"FROM", "JOIN", "AS"}, _PLAIN_NAME),
        (token.type == previous.type == "DOT", "write one point; tables are called schema.table"),
        (token.type == "LPAR" and accepted == {"AS"}, "name the columns inside: x AS (SELECT z AS a ...)"),
        (previous.type == "AS" and token.type == "SELECT", "put the SELECT of a common table into parentheses"),
    )


def _around_counts(token: Token, previous: Token, before: Token) -> str | None:
    count = f"{before.word} {previous.text}"
    return _first(
        (before.type == "TOP" and token.type == "COMMA", f"there is no comma after {count}"),
        (before.type == "TOP" and token.type in {"DISTINCT", "ALL"}, f"write SELECT {token.word} {count} ..."),
        (before.type == "LIMIT" and token.type == "COMMA", "write SELECT TOP n ... OFFSET m, with n rows after m"),
    )


def _in_conditions(token: Token, previous: Token, accepted: frozenset[str]) -> str | None:
    is_beginning = previous.type in {"WHERE", "ON", "HAVING", "AND", "OR", "LPAR"}
    is_complete = {"AND", "OR", "$END"} <= accepted and "COMPARATOR" not in accepted
    return _first(
        (token.type == "NULL" and previous.type == "NOT", "write IS NOT NULL"),
        (token.type == "NOT" and previous.type == "COMPARATOR", "write IS NOT NULL, or NOT before the comparison"),
        (token.type in {"AND", "OR"} and is_beginning, f"write a condition before {token.type}, or remove it"),
        (previous.type == "IN" and token.type in _VALUES, f"write IN ({token.text}, ...)"),
        (previous.type == "EXISTS", "write EXISTS (SELECT ...)"),
        ("AND" in accepted and not {"OR", "COMPARATOR"} & accepted, "write BETWEEN low AND high"),
        (
            token.type in _VALUES and is_complete and token.type != "STRING" and previous.word not in {"DATE", "TIME"},
            f"is AND or OR missing before {token.text[:40]}?",
        ),
    )


def _in_calls(token: Token, previous: Token, before: Token, accepted: frozenset[str]) -> str | None:
    is_empty = token.type == "RPAR" and previous.type == "LPAR"
    return _first(
        (is_empty and before.type == "IN", "put at least one value into the list"),
        (is_empty and before.word == "COUNT", "write COUNT(*), or COUNT(x) for values that are not NULL"),
        (is_empty and before.type == "SET_FUNCTION", f"write {before.word}(x)"),
        (token.type == "COMMA" and "AS" in accepted and "FROM" not in accepted, "write CAST(x AS type)"),
        ("END" in accepted, "a CASE ends with END"),
    )
