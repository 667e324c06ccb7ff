"""What to say about a query that does not follow the grammar: what was expected, in words, and how to mend it."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from vo_server.adql.habits import habit_hint
from vo_server.adql.slips import slip_hint
from vo_server.adql.tokens import END, GRAMMAR_WORDS
from vo_server.adql.words import STATEMENT_WORDS
from vo_server.errors import AdqlError, Problem, ProblemKind, Span

if TYPE_CHECKING:
    from vo_server.adql.tokens import Token, TokenText

__all__ = ["check_beginning", "syntax_problem"]

_VALUE_START: Final = frozenset({"NAME", "UNSIGNED", "STRING"})
_WORDS: Final = {
    "LPAR": "(", "RPAR": ")", "COMMA": "a comma", "DOT": ".", "RSQB": "]", "UNSIGNED": "an unsigned integer",
    "STAR": "*", "DELIMITED": "a name", "COMPARATOR": "a comparison",
}  # fmt: skip
_LANDMARKS: Final = (
    "SELECT",
    "THEN", "WHEN", "END", "BY", "ON", "USING", "JOIN", "OUTER", "PRECISION", "NULL", "BETWEEN", "LPAR", "RSQB",
    "RPAR", "COMMA", "AS", "FROM", "UNSIGNED", "STAR",
)  # fmt: skip
"""What is worth naming of what could stand in a place, in this order."""

_COMMENTED_NUMBER: Final = re.compile(r"--\s*[0-9.(A-Za-z]")
_CLAUSE_WORDS: Final = ("FROM", "GROUP", "HAVING", "NATURAL", "OFFSET", "ORDER", "UNION", "USING", "WHERE")
_CLAUSE_ORDER: Final = ("SELECT", "FROM", "WHERE", "GROUP", "HAVING", "ORDER", "OFFSET")


def check_beginning(found: TokenText) -> None:
    """Refuse an empty text, and statements other than SELECT, in words of their own.

    Raises
    ------
    AdqlError
        If the text cannot become a query whatever follows.
    """
    first = found.tokens[0]
    if first.type == END:
        message = "the query is empty" if not found.comments else "the query holds nothing but comments"
        raise AdqlError([_problem(message, first, "write SELECT ... FROM ...")])
    if first.type in {"SELECT", "WITH", "LPAR"}:
        return
    if first.word in STATEMENT_WORDS:
        message = f"{first.word} is not possible: only SELECT statements can be run"
        raise AdqlError([_problem(message, first, "the service is read-only")])
    close = get_close_matches(first.word, ["SELECT", "WITH"], n=1) or (["SELECT"] if "SELECT" in first.word else [])
    hint = f"did you mean {close[0]}?" if close else None
    raise AdqlError([_problem(f"a query begins with SELECT or WITH, not with {shown(first)}", first, hint)])


def syntax_problem(found: TokenText, index: int, accepted: frozenset[str]) -> Problem:
    """Describe a token that cannot stand where it does.

    Parameters
    ----------
    found
        The text in tokens.
    index
        The token that does not fit.
    accepted
        Types of tokens that would have fitted.
    """
    token, previous = found.tokens[index], found.tokens[index - 1]
    for describe in (_commented_number, _parentheses):
        problem = describe(found, index, accepted)
        if problem is not None:
            return problem
    hint = habit_hint(found.tokens, index, accepted)
    hint = hint or _clause_hint(found, index, accepted) or slip_hint(found.tokens, index, accepted)
    expected = _expected(previous, accepted)
    if expected is None:
        return _problem(f"unexpected {shown(token)} after {shown(previous)}", token, hint)
    return _problem(f"expected {expected} after {shown(previous)}, found {shown(token)}", token, hint)


def shown(token: Token) -> str:
    """Return how a token is called in messages."""
    if token.type == END:
        return "the end of the query"
    text = token.text if len(token.text) <= 40 else f"{token.text[:37]}..."  # noqa: PLR2004 - fits a line
    return text.upper() if token.type in GRAMMAR_WORDS else f"'{text}'" if token.type != "STRING" else text


def _problem(message: str, token: Token, hint: str | None) -> Problem:
    return Problem(ProblemKind.SYNTAX, message, token.span, token.text, hint)


def _expected(previous: Token, accepted: frozenset[str]) -> str | None:
    """Say what could stand here; None when it is only more of the same."""
    if accepted >= _VALUE_START:
        return _expected_value(previous, accepted)
    if "NAME" in accepted and "AS" not in accepted:
        return _expected_name(previous, accepted)
    if {"AND", "COMPARATOR"} & accepted == {"AND"} and "OR" not in accepted:
        return "AND"
    if "$END" in accepted:
        return None
    if "FROM" in accepted:
        return "a comma or FROM" if "COMMA" in accepted else "FROM"
    if "SMALLINT" in accepted:
        return "a type"
    if {"BETWEEN", "LIKE", "IN"} <= accepted and previous.type == "NOT":
        return "BETWEEN, IN or LIKE"
    if {"ON", "USING"} <= accepted:
        return "ON or USING"
    named = [
        _WORDS.get(kind, kind) for kind in _LANDMARKS if kind in accepted and kind not in _noise(previous, accepted)
    ]
    if "SLASH" in accepted:
        named = [*named[:2], "an operator"]
    return _either(named[:3]) if named else None


def _noise(previous: Token, accepted: frozenset[str]) -> set[str]:
    """Return what could stand here and nobody thinks of."""
    noise = set()
    if "SLASH" in accepted:
        noise.add("STAR")
    if previous.type == "NAME":
        noise.add("LPAR")
    if previous.type != "NOT":
        noise.add("BETWEEN")
    return noise


def _either(named: list[str]) -> str:
    return named[0] if len(named) == 1 else f"{', '.join(named[:-1])} or {named[-1]}"


def _expected_value(previous: Token, accepted: frozenset[str]) -> str:
    if previous.type == "SELECT" or "STAR" in accepted:
        return "a column or value"
    if "EXISTS" in accepted:
        return "a condition"
    return "a value or a subquery" if "SELECT" in accepted and previous.type == "LPAR" else "a column or value"


def _expected_name(previous: Token, accepted: frozenset[str]) -> str:
    if previous.type in {"FROM", "JOIN"}:
        return "a table"
    if "SELECT" in accepted:
        return "a subquery" if previous.type == "LPAR" and "DELIMITED" not in accepted else "a table or a subquery"
    if previous.type == "LSQB":
        return "the number or the name of an element"
    if previous.type == "DOT":
        return "a name or *" if "STAR" in accepted else "a name"
    if previous.type == "COMMA" and "LPAR" in accepted:
        return "a table"
    return "a name"


def _commented_number(found: TokenText, index: int, accepted: frozenset[str]) -> Problem | None:
    """Find ``--28.1`` just before the place of the error."""
    del accepted
    start = found.tokens[index - 1].span.end
    for comment in found.comments:
        if start <= comment.span.start < found.tokens[index].span.start and _COMMENTED_NUMBER.match(comment.text):
            written = re.match(r"--\s*([0-9.]+)", comment.text)
            number = written.group(1) if written else "x"
            return Problem(
                ProblemKind.SYNTAX,
                f"-- starts a comment, so the rest of the line is not read, and the query stops after "
                f"{shown(found.tokens[index - 1])}",
                Span(comment.span.start, comment.span.end, comment.span.line, comment.span.column),
                comment.text[:40],
                f"write -{number}, or -(-{number}) for the opposite of a negative number",
            )
    return None


def _parentheses(found: TokenText, index: int, accepted: frozenset[str]) -> Problem | None:
    """Find a parenthesis that is never closed, or never opened."""
    token = found.tokens[index]
    opened: list[Token] = []
    for one in found.tokens[:index]:
        if one.type == "LPAR":
            opened.append(one)
        elif one.type == "RPAR" and opened:
            opened.pop()
    if token.type == "RPAR" and not opened:
        return _problem("a closing parenthesis without an opening one", token, "remove it, or open one before")
    closes_late = token.type == END or token.type in _CLAUSE_ORDER[1:]
    if opened and closes_late and "RPAR" in accepted:
        where = "the query ends" if token.type == END else f"{shown(token)} follows"
        return Problem(
            ProblemKind.SYNTAX,
            f"this parenthesis is still open where {where} (line {token.span.line}, column {token.span.column})",
            opened[-1].span,
            "(",
            "add the missing )",
        )
    return None


def _clause_hint(found: TokenText, index: int, accepted: frozenset[str]) -> str | None:
    """Explain clauses in the wrong order, missing commas and misspelled keywords."""
    token, previous = found.tokens[index], found.tokens[index - 1]
    if token.type in _CLAUSE_ORDER and "$END" in accepted:
        return "the order is SELECT, FROM, WHERE, GROUP BY, HAVING, ORDER BY, OFFSET"
    if token.type == "FROM" and previous.type == "COMMA":
        return "remove the comma before FROM"
    if token.type in {"NAME", "DELIMITED", "UNSIGNED", "NUMBER", "STRING", "FUNCTION", "SET_FUNCTION"}:
        close = get_close_matches(token.word, sorted(accepted & GRAMMAR_WORDS), n=1, cutoff=0.75)
        if close:
            return f"did you mean {close[0]}?"
        if previous.type in {"NAME", "DELIMITED"}:
            near = get_close_matches(previous.word, _CLAUSE_WORDS, n=1, cutoff=0.75)
            if near and previous.type == "NAME":
                return f"did you mean {near[0]} instead of {previous.text}?"
        if "COMMA" in accepted:
            return f"is a comma or an operator missing before {shown(token)}?"
        if "COMPARATOR" in accepted:
            return f"is an operator missing before {shown(token)}?"
    return None
