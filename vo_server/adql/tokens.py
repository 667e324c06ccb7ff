"""Text to tokens: words, numbers, strings and symbols with their places.

White space and comments are dropped. What cannot be a token, and tokens that touch where the standard wants
a separator (``1or``, ``89x``), are refused here with a hint; so are texts too deep or too large to be
parsed, in time proportional to what was read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from vo_server.adql.limits import (
    MAX_CHARACTERS,
    MAX_DEPTH,
    MAX_DIGITS,
    MAX_JOINS,
    MAX_NAME,
    MAX_OPERATORS,
    MAX_PREDICATES,
    MAX_SUBQUERIES,
    MAX_TOKENS,
    limit_problem,
)
from vo_server.adql.mistyped import mistyped
from vo_server.adql.words import FUNCTION_WORDS, RESERVED, SET_FUNCTION_WORDS
from vo_server.errors import AdqlError, Problem, ProblemKind, Span

__all__ = ["END", "GRAMMAR_WORDS", "Token", "TokenText", "tokenize"]

END: Final = "$END"
"""Type of the token behind the last one."""

_GRAMMAR_WORDS: Final = """
    ALL AND AS ASC BETWEEN BIGINT BY CASE CAST CHAR CIRCLE CROSS DESC DISTINCT DOUBLE ELSE END EXCEPT EXISTS FALSE FROM
    FULL GROUP HAVING ILIKE IN INNER INTEGER INTERSECT IS JOIN LEFT LIKE NATURAL NOT NULL OFFSET ON OR ORDER OUTER POINT
    POLYGON PRECISION REAL RIGHT SELECT SMALLINT THEN TIMESTAMP TOP TRUE UNION USING VARCHAR WHEN WHERE WITH
    """
GRAMMAR_WORDS: Final = frozenset(_GRAMMAR_WORDS.split())
"""Keywords of the grammar; each is a token type of its own. A test holds them against the grammar."""

_PATTERN: Final = re.compile(
    r"""
      (?P<space>[\s\ufeff\u200b]+)
    | (?P<comment>--[^\r\n]*+)
    | (?P<word>[A-Za-z][A-Za-z0-9_]*+)
    | (?P<number>(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]++)?)
    | (?P<string>'[^']*+(?:''[^']*+)*+')
    | (?P<delimited>"[^"]*+(?:""[^"]*+)*+")
    | (?P<symbol><>|!=|<=|>=|\|\||::|[-=<>(),.+*/%\[\];])
    """,
    re.VERBOSE,
)

_SYMBOLS: Final = {
    "(": "LPAR", ")": "RPAR", ",": "COMMA", ".": "DOT", "+": "PLUS", "-": "MINUS", "*": "STAR", "/": "SLASH",
    "%": "PERCENT", "[": "LSQB", "]": "RSQB", ";": "SEMICOLON", "||": "CONCATENATION", "::": "DOUBLE_COLON",
    "=": "COMPARATOR", "<>": "COMPARATOR", "!=": "COMPARATOR", "<": "COMPARATOR", ">": "COMPARATOR",
    "<=": "COMPARATOR", ">=": "COMPARATOR",
}  # fmt: skip

_PREDICATES: Final = frozenset({"COMPARATOR", "BETWEEN", "IN", "LIKE", "ILIKE", "IS", "EXISTS"})
_OPERATORS: Final = frozenset({"PLUS", "MINUS", "STAR", "SLASH", "PERCENT", "CONCATENATION"})
_COUNTED: Final = {
    **dict.fromkeys(_PREDICATES, ("predicates", MAX_PREDICATES)),
    **dict.fromkeys(("AND", "OR"), ("conditions", 2 * MAX_PREDICATES)),
    **dict.fromkeys(_OPERATORS, ("operators", MAX_OPERATORS)),
    "WHEN": ("cases", MAX_PREDICATES),
    "JOIN": ("joins", MAX_JOINS),
    "SELECT": ("subqueries", MAX_SUBQUERIES),
}
_LONG: Final = "put long lists into a table"
_TOUCHING: Final = re.compile(r"[A-Za-z0-9_.]")
_NOT_ASCII_WORD: Final = re.compile(r"[^\W\d_]|[$#@\\]")


@dataclass(eq=False, slots=True)
class Token:
    """One token. ``text`` is as written; ``type`` is a terminal of the grammar."""

    type: str
    text: str
    span: Span

    @property
    def word(self) -> str:
        """The text in upper case."""
        return self.text.upper()

    @property
    def is_reserved(self) -> bool:
        """True for a reserved word, whatever the parser reads it as."""
        return self.text.upper() in RESERVED


@dataclass(eq=False, slots=True)
class TokenText:
    """A text cut into tokens."""

    text: str
    tokens: list[Token] = field(default_factory=list)
    """All tokens, with one of type END at the end."""
    comments: list[Token] = field(default_factory=list)


def tokenize(text: str) -> TokenText:
    """Cut a query text into tokens.

    Raises
    ------
    AdqlError
        Of kind ``syntax`` for what is no token, of kind ``limit`` for a text that is too long, deep or large.
    """
    if len(text) > MAX_CHARACTERS:
        span = Span(MAX_CHARACTERS, len(text), *_place(text, MAX_CHARACTERS))
        raise AdqlError([limit_problem("characters", MAX_CHARACTERS, span, hint=_LONG)])
    result = TokenText(text)
    counter = _Counter()
    position, line, line_start = 0, 1, 0
    while position < len(text):
        match = _PATTERN.match(text, position)
        if match is None:
            raise AdqlError([mistyped(text, position, Span(position, position + 1, line, position - line_start + 1))])
        kind, end = match.lastgroup, match.end()
        span = Span(position, end, line, position - line_start + 1)
        if kind == "comment":
            result.comments.append(Token("COMMENT", match.group(), span))
        elif kind != "space":
            token = _token(str(kind), match.group(), span)
            _check_touching(token, text)
            _revise_previous(result.tokens, token)
            counter.count(token)
            if len(result.tokens) == MAX_TOKENS:
                raise AdqlError([limit_problem("words and signs", MAX_TOKENS, span, hint=_LONG)])
            result.tokens.append(token)
        if kind in _MULTILINE and "\n" in (piece := match.group()):
            line += piece.count("\n")
            line_start = position + piece.rindex("\n") + 1
        position = end
    result.tokens.append(Token(END, "", Span(len(text), len(text), line, len(text) - line_start + 1)))
    return result


_MAX_LENGTHS: Final = {"word": MAX_NAME, "delimited": MAX_NAME, "number": MAX_DIGITS}
_MULTILINE: Final = frozenset({"space", "string", "delimited"})


def _place(text: str, offset: int) -> tuple[int, int]:
    """Return line and column of a character."""
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1


def _token(kind: str, text: str, span: Span) -> Token:
    limit = _MAX_LENGTHS.get(kind)
    if limit is not None and len(text) > limit:
        what = "digits in a number" if kind == "number" else "characters in a name"
        raise AdqlError([limit_problem(what, limit, span)])
    if kind == "word":
        word = text.upper()
        if word in GRAMMAR_WORDS:
            return Token(word, text, span)
        return Token("RESERVED" if word in RESERVED else "NAME", text, span)
    if kind == "symbol":
        return Token(_SYMBOLS[text], text, span)
    if kind == "number":
        return Token("UNSIGNED" if text.isdigit() else "NUMBER", text, span)
    if kind == "delimited" and text == '""':
        raise AdqlError([Problem(ProblemKind.SYNTAX, "an empty name", span, text, "strings are written 'like this'")])
    return Token(kind.upper(), text, span)


def _check_touching(token: Token, text: str) -> None:
    """Refuse a number or a word that runs into something that is no separator (ADQL 2.1, section 2.1.9)."""
    after = text[token.span.end : token.span.end + 1]
    if token.type == "SLASH":
        if after == "*":
            raise AdqlError([mistyped(text, token.span.start, token.span)])
    elif token.type in {"NUMBER", "UNSIGNED"}:
        if _TOUCHING.match(after) or _NOT_ASCII_WORD.match(after):
            raise AdqlError([mistyped(text, token.span.start, token.span)])
    elif token.text[0].isalpha() and _NOT_ASCII_WORD.match(after):
        raise AdqlError([mistyped(text, token.span.start, token.span)])


def _revise_previous(tokens: list[Token], token: Token) -> None:
    """Settle what the word before a token is: some words are keywords only before a parenthesis or a number."""
    if not tokens:
        return
    previous = tokens[-1]
    if token.type == "LPAR" and previous.text[0].isalpha():
        word = previous.word
        if word in SET_FUNCTION_WORDS:
            previous.type = "SET_FUNCTION"
        elif word in FUNCTION_WORDS:
            previous.type = "FUNCTION"
    elif token.type == "UNSIGNED" and previous.type == "NAME" and previous.word == "LIMIT":
        previous.type = "LIMIT"


class _Counter:
    """Counts what is limited."""

    def __init__(self) -> None:
        self._depth = 0
        self._counts: dict[str, int] = {}

    def count(self, token: Token) -> None:
        kind = token.type
        if kind in {"LPAR", "LSQB", "CASE"}:
            self._depth += 1
            if self._depth > MAX_DEPTH:
                raise AdqlError([limit_problem("nested parentheses", MAX_DEPTH, token.span)])
        elif kind in {"RPAR", "RSQB", "END"}:
            self._depth -= 1
        elif kind in _COUNTED:
            what, limit = _COUNTED[kind]
            self._counts[what] = self._counts.get(what, 0) + 1
            if self._counts[what] > limit:
                hint = "use IN (...) for many values of one column" if what in {"predicates", "conditions"} else None
                raise AdqlError([limit_problem(what, limit, token.span, hint=hint)])
