"""Tokens to tree: an LALR parser made from ``grammar.lark``, fed token by token.

The parser's tables take a quarter of a second to compute, so they are kept in the user's cache directory;
without one that can be written they are computed in each process.
"""

from __future__ import annotations

import functools
import os
import sys
import tempfile
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import lark
from lark import Lark
from lark.exceptions import UnexpectedToken
from lark.lexer import Lexer

from vo_server.adql.build import Builder
from vo_server.adql.syntax import check_beginning, syntax_problem
from vo_server.adql.tokens import END, Token, TokenText, tokenize
from vo_server.adql.tree import QueryNode
from vo_server.adql.words import RESERVED_SINCE_21, STRUCTURE_WORDS
from vo_server.errors import AdqlError, Problem, ProblemKind
from vo_server.model.query import Lang

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lark.parsers.lalr_interactive_parser import InteractiveParser

__all__ = ["READ_AS_NAME", "grammar_parser", "parse_text", "parse_tokens"]

READ_AS_NAME: Final = "; it was read as a name"
"""End of the messages about reserved words."""

_COUNTS: Final = frozenset({"UNSIGNED"})
_OPERANDS: Final = frozenset({"STRING", "NAME", "DELIMITED", "LPAR", "FUNCTION", "CAST", "NULL"})
"""What follows OFFSET and ILIKE where they are keywords."""

_NEVER_AFTER_POINT: Final = frozenset({"FROM", "WHERE", "SELECT"})


class _NoLexer(Lexer):
    """Stands where lark wants a lexer: the tokens are fed by hand."""

    def __init__(self, lexer_conf: Any) -> None:
        del lexer_conf

    def lex(self, lexer_state: Any, parser_state: Any) -> Iterator[Any]:
        """Give nothing."""
        del lexer_state, parser_state
        return iter(())


def _cache_file(grammar: str) -> Path | None:
    """Return where the parser's tables are kept, or None when there is no private place for them.

    The name tells what they were made from, so that a file, once there, is written again only when it is damaged.
    """
    default = Path.home() / ".cache" if "HOME" in os.environ else None
    base = os.environ.get("XDG_CACHE_HOME") or default
    if base is None:
        return None
    folder = Path(base) / "vo-server"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
    except OSError:
        return None
    # Pickled tables: nobody else may be able to write them.
    is_private = not hasattr(os, "getuid") or (found.st_uid == os.getuid() and not found.st_mode & 0o022)
    made_from = f"{grammar}\n{lark.__version__}\n{sys.version}"
    return folder / f"adql-{sha256(made_from.encode()).hexdigest()[:16]}.tables" if is_private else None


@functools.cache
def grammar_parser() -> Lark:
    """Return the parser of the grammar, made once per process."""
    grammar = (files("vo_server.adql") / "grammar.lark").read_text(encoding="utf-8")
    kept = _cache_file(grammar)
    if kept is None or kept.exists():
        return _made(grammar, cache=kept)
    try:
        # lark writes into the file that it is given, where another process could read half of it.
        with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
            fresh = Path(folder) / kept.name
            parser = _made(grammar, cache=fresh)
            if fresh.exists():
                fresh.replace(kept)
            return parser
    except OSError:  # a directory that cannot be written, or a full disk
        return _made(grammar, cache=None)


def _made(grammar: str, *, cache: Path | None) -> Lark:
    return Lark(
        grammar,
        parser="lalr",
        lexer=_NoLexer,
        strict=True,
        keep_all_tokens=True,
        maybe_placeholders=True,
        transformer=Builder(),
        cache=False if cache is None else str(cache),
    )


def parse_text(text: str, lang: Lang = Lang.ADQL) -> tuple[QueryNode, tuple[Problem, ...]]:
    """Parse a query.

    Parameters
    ----------
    text
        The query.
    lang
        Version of the language: ADQL 2.0 reserves fewer words.

    Returns
    -------
    tuple
        The tree, and notes on what the tree does not show: reserved words that were read as names.

    Raises
    ------
    AdqlError
        With one problem, the first one, of kind ``syntax`` or ``limit``.
    """
    _, query, notes = parse_tokens(text, lang)
    return query, notes


def parse_tokens(text: str, lang: Lang = Lang.ADQL) -> tuple[TokenText, QueryNode, tuple[Problem, ...]]:
    """Parse a query as :func:`parse_text` does, and return its tokens as well, each of the type it was read as."""
    found = tokenize(text)
    _strip_semicolon(found)
    check_beginning(found)
    return found, *_parse(found, lang)


def _strip_semicolon(found: TokenText) -> None:
    """Drop one semicolon at the end; refuse any other."""
    tokens = found.tokens
    at = next((i for i, token in enumerate(tokens) if token.type == "SEMICOLON"), None)
    if at is None:
        return
    if at == 0:
        raise AdqlError([_syntax("a semicolon before the query", tokens[0], "remove it")])
    rest = [token for token in tokens[at + 1 : -1] if token.type != "SEMICOLON"]
    if rest:
        message = "a second statement: only one query can be run at a time"
        raise AdqlError([_syntax(message, rest[0], "send the queries one by one")])
    if at + 2 < len(tokens):
        raise AdqlError([_syntax("more than one semicolon at the end", tokens[at + 1], "remove it")])
    del tokens[at]


def _syntax(message: str, token: Token, hint: str | None) -> Problem:
    return Problem(ProblemKind.SYNTAX, message, token.span, token.text, hint)


def _parse(found: TokenText, lang: Lang) -> tuple[QueryNode, tuple[Problem, ...]]:
    parser = grammar_parser().parse_interactive("").parser_state
    states, stack = parser.parse_conf.states, parser.state_stack
    notes: list[Problem] = []
    previous: Token | None = None
    for index, token in enumerate(found.tokens):
        choices = states[stack[-1]]
        if lang is Lang.ADQL_20 and _is_name_in_20(token, found.tokens[index + 1 : index + 2], choices):
            token.type = "NAME"
        if (
            token.type not in choices
            and _can_be_name(token, previous, choices)
            and found.tokens[index + 1].type != "LPAR"  # a function that ADQL does not have
        ):
            notes.append(_name_note(token))
            token.type = "NAME"
        try:
            result = parser.feed_token(token, token.type == END)  # type: ignore[arg-type] # duck-typed
        except UnexpectedToken:
            raise AdqlError([syntax_problem(found, index, _accepted(found, index))]) from None
        previous = token
    assert isinstance(result, QueryNode)
    return result, tuple(notes)


def _is_name_in_20(token: Token, following: list[Token], choices: Any) -> bool:
    """Tell whether a word that ADQL 2.1 reserves, and 2.0 does not, stands where a name can stand."""
    if token.word not in RESERVED_SINCE_21 or token.type == "FUNCTION" or "NAME" not in choices:
        return False
    after = following[0].type if following else END
    is_keyword = token.type in choices and after in (_COUNTS if token.type == "OFFSET" else _OPERANDS)
    return token.type != "DELIMITED" and not is_keyword


def _can_be_name(token: Token, previous: Token | None, choices: Any) -> bool:
    """Tell whether a reserved word stands where only a name can stand."""
    if "NAME" not in choices or "AS" in choices or not token.is_reserved:
        return False
    if previous is not None and previous.type == "DOT":
        return token.word not in _NEVER_AFTER_POINT
    return token.word not in STRUCTURE_WORDS


def _name_note(token: Token) -> Problem:
    return Problem(
        ProblemKind.NONSTANDARD,
        f"{token.text} is a reserved word{READ_AS_NAME}",
        token.span,
        token.text,
        f'write "{token.text}"',
    )


def _accepted(found: TokenText, index: int) -> frozenset[str]:
    """Return the token types that could stand at a place, exactly."""
    interactive: InteractiveParser = grammar_parser().parse_interactive("")
    for token in found.tokens[:index]:
        interactive.parser_state.feed_token(token)  # type: ignore[arg-type] # duck-typed
    return frozenset(interactive.accepts())  # type: ignore[no-untyped-call] # lark
