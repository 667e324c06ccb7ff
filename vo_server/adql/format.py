"""The canonical layout of a query: keywords in upper case, one clause per line, names as they are written.

The layout is a matter of tokens: the parser says what each of them is, and only the space between them changes.
Parentheses, quotes and comments all stay. A comment on a line of its own stays on one, before the same token;
another one stays at the end of its line.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from vo_server.adql.parse import parse_tokens
from vo_server.adql.tokens import END, GRAMMAR_WORDS
from vo_server.model.query import Lang

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vo_server.adql.tokens import Token, TokenText

__all__ = ["format_query"]

MAX_WIDTH: Final = 100
"""Columns of a clause that stays on one line."""

INDENT: Final = 4
"""Columns by which a subquery is indented; what continues a clause is indented by half of it."""

_CLAUSES: Final = frozenset({"SELECT", "FROM", "WHERE", "GROUP", "HAVING", "ORDER", "OFFSET", "LIMIT", "WITH"})
_OPERATORS: Final = frozenset({"UNION", "EXCEPT", "INTERSECT"})
_JOIN_WORDS: Final = frozenset({"NATURAL", "INNER", "LEFT", "RIGHT", "FULL", "OUTER", "CROSS", "JOIN"})
_VALUE_ENDS: Final = frozenset(
    {"NAME", "DELIMITED", "UNSIGNED", "NUMBER", "STRING", "RPAR", "RSQB", "NULL", "TRUE", "FALSE", "END"}
)
_CALLED: Final = frozenset({"NAME", "FUNCTION", "SET_FUNCTION", "CAST", "CHAR", "VARCHAR"})
_OPEN: Final = frozenset({"LPAR", "LSQB", "CASE"})
_CLOSE: Final = frozenset({"RPAR", "RSQB", "END"})


def format_query(text: str, *, lang: Lang = Lang.ADQL) -> str:
    """Return a query in the canonical layout, without an end of line.

    Parameters
    ----------
    text
        A query that follows the grammar; it need not make sense.
    lang
        Version of the language; 2.0 has fewer reserved words.

    Returns
    -------
    str
        A text that is parsed to the same tree. Formatting it again changes nothing.

    Raises
    ------
    AdqlError
        If it is not a query.
    """
    found, _, _ = parse_tokens(text, lang)
    pieces = [_Piece(token, _written(token)) for token in found.tokens if token.type != END]
    _hang_comments(found, pieces)
    _Layout(pieces).mark()
    _space(pieces)
    return "\n".join(_lines(pieces))


@dataclass(eq=False, slots=True)
class _Clause:
    """A clause of a query block, or a set operator between two blocks."""

    indent: int
    pieces: list[_Piece] = field(default_factory=list)
    is_broken: bool = False
    """True when each entry has its own line."""


@dataclass(eq=False, slots=True)
class _Piece:
    """A token and what stands before it."""

    token: Token
    text: str
    clause: _Clause | None = None
    is_entry: bool = False
    """True where a clause can be broken."""
    indent: int | None = None
    """Indentation of the line that it begins; None inside a line."""
    has_space: bool = False
    above: list[str] = field(default_factory=list)
    """Comments on lines of their own before it."""
    beside: list[str] = field(default_factory=list)
    """Comments behind it."""


def _written(token: Token) -> str:
    if token.type in GRAMMAR_WORDS or token.type in {"LIMIT", "FUNCTION", "SET_FUNCTION"}:
        if token.type == "FUNCTION" and not token.is_reserved:
            return token.text
        return token.word
    return "<>" if token.text == "!=" else token.text


class _Layout:
    """Finds blocks, clauses and their entries, and breaks lines between them."""

    def __init__(self, pieces: list[_Piece]) -> None:
        self._pieces = pieces
        self._clauses: list[_Clause] = []
        self._blocks: list[tuple[int, int, _Clause | None]] = []
        """Around each open block: depth of parentheses, indentation, and the clause it stands in."""
        self._opened: list[bool] = []
        """For each open parenthesis, whether a block stands in it."""
        self._indent = 0
        self._clause: _Clause | None = None
        self._between = 0
        self._depth = 0

    def mark(self) -> None:
        """Give every piece its clause and its place."""
        for at, piece in enumerate(self._pieces):
            kind = piece.token.type
            if kind in _CLOSE:
                self._close(piece)
            elif self._depth == 0:
                self._at_top(at, piece)
            if self._clause is None:
                self._clause = self._new_clause(piece)
            piece.clause = self._clause
            self._clause.pieces.append(piece)
            if kind in _OPEN:
                self._open(at, piece)
        for clause in self._clauses:
            _break(clause)

    def _new_clause(self, piece: _Piece) -> _Clause:
        clause = _Clause(self._indent)
        piece.indent = self._indent
        self._clauses.append(clause)
        return clause

    def _at_top(self, at: int, piece: _Piece) -> None:
        """Begin a clause or an entry of one, outside all parentheses of the block."""
        kind = piece.token.type
        before = self._pieces[at - 1].token.type if at else ""
        head = self._clause.pieces[0].token.type if self._clause is not None else ""
        is_behind_operator = head in _OPERATORS and kind != "ALL"
        if kind in _CLAUSES or kind in _OPERATORS or is_behind_operator:
            self._clause = self._new_clause(piece)
            self._between = 0
        elif kind == "BETWEEN":
            self._between += 1
        elif kind == "AND" and self._between:
            self._between -= 1
        elif head in {"WHERE", "HAVING"}:
            piece.is_entry = kind in {"AND", "OR"}
        elif before == "COMMA":
            piece.is_entry = True
        elif head == "FROM":
            piece.is_entry = kind in _JOIN_WORDS and before not in _JOIN_WORDS

    def _open(self, at: int, piece: _Piece) -> None:
        following = self._pieces[at + 1].token.type if at + 1 < len(self._pieces) else ""
        is_block = piece.token.type == "LPAR" and self._holds_query(at, following)
        self._opened.append(is_block)
        if not is_block:
            self._depth += 1
            return
        self._blocks.append((self._depth, self._indent, self._clause))
        assert self._clause is not None
        self._clause.is_broken |= self._clause.pieces[0] is not piece
        self._indent += INDENT
        self._depth = 0
        self._clause = None

    def _holds_query(self, at: int, following: str) -> bool:
        """Tell whether a parenthesis holds a query."""
        while following == "LPAR":
            at += 1
            following = self._pieces[at + 1].token.type
            if following not in {"LPAR", "SELECT", "WITH"}:
                return False
        return following in {"SELECT", "WITH"}

    def _close(self, piece: _Piece) -> None:
        if self._opened.pop():
            self._depth, self._indent, self._clause = self._blocks.pop()
            assert self._clause is not None
            is_first = self._clause.pieces[0].token.type == "LPAR"
            piece.indent = self._indent + (0 if is_first else INDENT // 2)
        else:
            self._depth -= 1


def _break(clause: _Clause) -> None:
    """Put the entries of a clause on lines of their own when it does not fit a line."""
    head = clause.pieces[0].token.type
    width = clause.indent + sum(len(piece.text) + 1 for piece in clause.pieces)
    has_comments = any(one.beside for one in clause.pieces[:-1]) or any(one.above for one in clause.pieces[1:])
    has_joins = head == "FROM" and any(piece.is_entry and piece.token.type in _JOIN_WORDS for piece in clause.pieces)
    if width <= MAX_WIDTH and not (clause.is_broken or has_comments or has_joins):
        return
    for piece in clause.pieces:
        if piece.is_entry:
            piece.indent = clause.indent + INDENT // 2


def _space(pieces: list[_Piece]) -> None:
    """Find out where spaces stand inside lines."""
    is_sign = False
    for at, piece in enumerate(pieces[1:], start=1):
        kind, before = piece.token.type, pieces[at - 1].token.type
        is_tight = (
            kind in {"COMMA", "RPAR", "DOT", "LSQB", "RSQB", "DOUBLE_COLON"}
            or before in {"LPAR", "DOT", "LSQB", "DOUBLE_COLON"}
            or (kind == "LPAR" and before in _CALLED)
            or is_sign
        )
        piece.has_space = not is_tight
        is_sign = kind in {"PLUS", "MINUS"} and before not in _VALUE_ENDS


def _hang_comments(found: TokenText, pieces: list[_Piece]) -> None:
    """Give every comment to the token behind whose line it stands, or to the next one."""
    at = 0
    for comment in found.comments:
        while at < len(pieces) and pieces[at].token.span.start < comment.span.start:
            at += 1
        line_start = found.text.rfind("\n", 0, comment.span.start) + 1
        is_alone = not found.text[line_start : comment.span.start].strip("\ufeff\u200b \t\r\f\v")
        text = comment.text.rstrip()
        # A comma belongs to what stands before it, and the comment behind both.
        owner = at + 1 if at < len(pieces) and pieces[at].token.type == "COMMA" else at
        if owner == len(pieces):
            pieces[-1].beside.append(f"\n{text}" if is_alone else text)
        elif is_alone or owner == 0 or pieces[owner].above or pieces[owner - 1].beside:
            pieces[owner].above.append(text)
        else:
            pieces[owner - 1].beside.append(text)


def _lines(pieces: list[_Piece]) -> Iterator[str]:
    line, is_ended = "", False
    continued = 0
    for at, piece in enumerate(pieces):
        assert piece.clause is not None
        indent = piece.indent
        if indent is not None:
            continued = indent + INDENT
        if indent is None and (is_ended or piece.above):
            indent = continued
        if at and indent is not None:
            yield line
            line = ""
        for comment in piece.above:
            yield " " * (indent or 0) + comment
        is_begun = at == 0 or indent is not None
        line += " " * (indent or 0) if is_begun else " " * piece.has_space
        line += piece.text
        is_ended = bool(piece.beside)
        for number, comment in enumerate(piece.beside):
            if comment.startswith("\n") or number:
                yield line
                line = " " * (continued - INDENT) + comment.strip()
            else:
                line += f"  {comment}"
    yield line
