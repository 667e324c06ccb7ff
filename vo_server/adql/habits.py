"""Habits from other SQL dialects: how each is written in ADQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vo_server.adql.tokens import END

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vo_server.adql.tokens import Token

__all__ = ["CAST_HINTS", "habit_hint"]

_DISTINCT_TARGETS: Final = "SMALLINT, INTEGER, BIGINT, REAL, DOUBLE PRECISION, CHAR(n), VARCHAR(n), TIMESTAMP"

CAST_HINTS: Final = {
    "FLOAT": "write REAL or DOUBLE PRECISION", "FLOAT4": "write REAL", "FLOAT8": "write DOUBLE PRECISION",
    "NUMERIC": "write DOUBLE PRECISION", "DECIMAL": "write DOUBLE PRECISION", "INT": "write INTEGER",
    "INT2": "write SMALLINT", "INT4": "write INTEGER", "INT8": "write BIGINT", "LONG": "write BIGINT",
    "TEXT": "write VARCHAR", "STRING": "write VARCHAR", "CHARACTER": "write CHAR", "DATE": "write TIMESTAMP",
    "DATETIME": "write TIMESTAMP", "TIME": "write TIMESTAMP", "BOOLEAN": "write SMALLINT",
}  # fmt: skip
"""ADQL types for those of other languages."""

_AFTER_A_VALUE: Final = {
    "ESCAPE": "LIKE has no ESCAPE in ADQL; % and _ always stand for characters",
    "OVER": "ADQL has no window functions; join with a subquery that groups",
    "COLLATE": "ADQL has no collations; use LOWER(...) or ILIKE to ignore case",
    "NULLS": "ADQL has no NULLS FIRST or LAST; leave NULLs out with IS NOT NULL",
    "FETCH": "write SELECT TOP n ... to limit the number of rows",
    "INTO": "results cannot be written to a table; ask for an asynchronous job",
    "FOR": "rows cannot be locked; the service is read-only",
    "REGEXP": "ADQL has LIKE, with % and _",
    "RLIKE": "ADQL has LIKE, with % and _",
    "SIMILAR": "ADQL has LIKE, with % and _",
    "GLOB": "ADQL has LIKE, with % and _",
    "ISNULL": "write IS NULL",
    "NOTNULL": "write IS NOT NULL",
    "MOD": "write MOD(x, y)",
    "DIV": "write x / y; two integers give an integer",
    "LIMIT": "write SELECT TOP n ... to limit the number of rows",
    "MINUS": "write EXCEPT",
    "XOR": "ADQL has AND, OR and NOT",
    "DESCENDING": "write DESC",
    "ASCENDING": "write ASC",
    "QUALIFY": "ADQL has no window functions",
    "LATERAL": "a subquery in FROM cannot use its neighbours; join with ON",
}
_BEFORE_A_VALUE: Final = {
    "TIMESTAMP": "write CAST('2015-01-01T00:00:00' AS TIMESTAMP)",
    "DATE": "write CAST('2015-01-01' AS TIMESTAMP)",
    "TIME": "write CAST('2015-01-01T00:00:00' AS TIMESTAMP)",
    "INTERVAL": "ADQL has no intervals of time; calculate with numbers",
}
_SQL_FUNCTIONS: Final = {
    "SUBSTRING": "ADQL has no SUBSTRING; compare with LIKE",
    "TRIM": "ADQL has no TRIM; compare with LIKE",
    "EXTRACT": "ADQL has no EXTRACT; compare timestamps with CAST('...' AS TIMESTAMP)",
    "NULLIF": "ADQL has no NULLIF; write CASE WHEN x <> y THEN x END",
    "POSITION": "ADQL has no POSITION; compare with LIKE",
    "CHAR_LENGTH": "ADQL has no CHAR_LENGTH; compare with LIKE and _",
    "CHARACTER_LENGTH": "ADQL has no CHARACTER_LENGTH; compare with LIKE and _",
    "CONVERT": "write CAST(x AS type)",
    "CURRENT_TIMESTAMP": "ADQL has no current time; write CAST('...' AS TIMESTAMP)",
    "CURRENT_DATE": "ADQL has no current time; write CAST('...' AS TIMESTAMP)",
    "LEFT": "ADQL has no LEFT(); compare with LIKE",
    "RIGHT": "ADQL has no RIGHT(); compare with LIKE",
}
_CONDITION_WORDS: Final = frozenset({"NOT", "AND", "OR", "IS", "IN", "LIKE", "ILIKE", "BETWEEN", "EXISTS"})
_NOT_SELECTED: Final = "a condition cannot be selected; write CASE WHEN condition THEN 1 ELSE 0 END"
_LITERAL: Final = frozenset({"UNSIGNED", "NUMBER", "STRING", "NAME", "DELIMITED", "LPAR"})

_Accepted = frozenset[str]


def habit_hint(tokens: Sequence[Token], index: int, accepted: _Accepted) -> str | None:
    """Return how to write in ADQL what somebody wrote as elsewhere, or None.

    Parameters
    ----------
    tokens
        All tokens, the last of type END.
    index
        The token that does not fit.
    accepted
        Types of tokens that would have fitted.
    """
    token, previous = tokens[index], tokens[index - 1]
    following = tokens[index + 1] if index + 1 < len(tokens) else token
    return next((hint for rule in _RULES if (hint := rule(token, previous, following, accepted)) is not None), None)


def _types(token: Token, previous: Token, following: Token, accepted: _Accepted) -> str | None:
    if "SMALLINT" not in accepted:
        return None
    del previous, following
    return CAST_HINTS.get(token.word, f"the types are {_DISTINCT_TARGETS}, POINT, CIRCLE and POLYGON")


def _counts(token: Token, previous: Token, following: Token, accepted: _Accepted) -> str | None:
    del following, accepted
    if previous.type in {"TOP", "OFFSET"} and previous.type != token.type:
        if token.type == "END" or token.type in {"FROM", "COMMA", "DOT"}:
            return f'{previous.text} is a reserved word; as a name it is written "{previous.text}"'
        return f"{previous.word} takes an unsigned integer, such as {previous.word} 10"
    if token.type == "TOP":
        return "TOP stands after SELECT and DISTINCT, before the columns: SELECT DISTINCT TOP 10 ..."
    if previous.type == "NAME" and previous.word == "LIMIT":
        return "write SELECT TOP n ... to limit the number of rows"
    return None


def _doubled(token: Token, previous: Token, following: Token, accepted: _Accepted) -> str | None:
    del following, accepted
    if token.type == previous.type == "COMPARATOR":
        both = previous.text + token.text
        known = {"==": "=", "=>": ">=", "=<": "<=", "><": "<>", "=!": "<>"}
        return f"write {known.get(both, 'one operator')} instead of {both}"
    if token.type in {"PLUS", "MINUS"} and previous.type in {"PLUS", "MINUS"}:
        return "a value has at most one sign; use parentheses: -(-x)"
    return None


def _comparison(token: Token, previous: Token, following: Token, accepted: _Accepted) -> str | None:
    if token.type in _CONDITION_WORDS and ("FROM" in accepted or previous.type == "SELECT"):
        return _NOT_SELECTED
    if token.type == "COMPARATOR" and previous.type != "COMPARATOR":
        if "FROM" in accepted:
            return _NOT_SELECTED
        if "AND" in accepted:
            return "comparisons do not chain: write a < b AND b < c"
        if previous.type == "NOT":
            return "write NOT before the whole comparison, or <>"
    if previous.type == "COMPARATOR" and token.word in {"ANY", "SOME", "ALL"} and following.type == "LPAR":
        return "ADQL has no ANY, SOME or ALL; use IN, EXISTS, or MIN and MAX in the subquery"
    if previous.type in {"IS", "NOT"} and token.word in {"TRUE", "FALSE", "UNKNOWN"}:
        return "write = 1 or = 0; IS is for NULL only"
    if previous.type == "IS" and "NULL" in accepted:
        return "IS is for NULL only; compare with ="
    return None


def _joins(token: Token, previous: Token, following: Token, accepted: _Accepted) -> str | None:
    del following
    if {"ON", "USING"} <= accepted and "JOIN" not in accepted:
        return "a JOIN needs ON condition, USING (columns), or NATURAL before it"
    if "JOIN" in accepted and token.type in {"ON", "USING"}:
        return "a JOIN takes one ON or one USING; NATURAL and CROSS JOIN take neither"
    if token.type == "JOIN" and previous.type not in {"NATURAL", "INNER"} and {"ON", "USING"} <= accepted:
        return "give each JOIN its own ON or USING before the next JOIN"
    return None


def _words(token: Token, previous: Token, following: Token, accepted: _Accepted) -> str | None:
    if following.type == "LPAR" and token.word in _SQL_FUNCTIONS:
        return _SQL_FUNCTIONS[token.word]
    if token.type == "LPAR" and previous.word in _SQL_FUNCTIONS:
        return _SQL_FUNCTIONS[previous.word]
    if token.type == "STRING" and previous.word in _BEFORE_A_VALUE:
        return _BEFORE_A_VALUE[previous.word]
    if token.type == "STRING" and previous.type == "STRING":
        return "strings are joined by ||; a quote inside a string is doubled: 'it''s'"
    if token.word in _AFTER_A_VALUE and not (accepted >= {"NAME", "UNSIGNED"}):
        return _AFTER_A_VALUE[token.word]
    if previous.word in _AFTER_A_VALUE and previous.type == "NAME":
        return _AFTER_A_VALUE[previous.word]
    return None


def _symbols(token: Token, previous: Token, following: Token, accepted: _Accepted) -> str | None:
    del following
    if token.type == "DOUBLE_COLON":
        return "write CAST(x AS type)"
    if token.type == "SELECT" and previous.type != "AS":
        return "a subquery has parentheses of its own: (SELECT ...)"
    if token.type == "STAR" and previous.word == "DISTINCT":
        return "COUNT(DISTINCT *) does not exist; name a column"
    if token.type == "COMMA" and "RPAR" in accepted and "COMMA" not in accepted:
        return "one value only can stand here; lists of values stand after IN"
    if token.type in {"UNION", "EXCEPT", "INTERSECT"} and "COMMA" in accepted:
        return "put a SELECT with ORDER BY or OFFSET into parentheses"
    if token.type == "RPAR" and previous.type == "COMMA":
        return "remove the comma before )"
    if token.type == "LPAR" and previous.type == "DELIMITED":
        return "the name of a function is not quoted"
    if token.type == "DELIMITED" and "STRING" in accepted and "NAME" not in accepted:
        return "strings are written in single quotes"
    if token.type == END and accepted >= _LITERAL:
        return "the query stops in the middle"
    return None


def _reserved(token: Token, previous: Token, following: Token, accepted: _Accepted) -> str | None:
    """Explain a reserved word that stands where a name is wanted, or was taken for a keyword."""
    del following
    is_name_wanted = "NAME" in accepted and "AS" not in accepted and not accepted >= {"UNSIGNED", "STRING"}
    is_clause = token.type in {"SELECT", "FROM", "WHERE", "ON"} and previous.type != "AS"
    if token.is_reserved and is_name_wanted and not is_clause:
        return f'{token.text} is a reserved word; as a name it is written "{token.text}"'
    return None


_RULES: Final[tuple[Callable[[Token, Token, Token, _Accepted], str | None], ...]] = (
    _types,
    _counts,
    _doubled,
    _words,
    _comparison,
    _joins,
    _symbols,
    _reserved,
)
