"""The only public door of the language: text and catalogue in, resolved tree out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vo_server.adql.check import tree_problems
from vo_server.adql.lenient import lenient_notes
from vo_server.adql.parse import READ_AS_NAME, parse_text
from vo_server.adql.resolve import finish, resolve
from vo_server.adql.tree import ColumnName
from vo_server.adql.version import notes_on_20
from vo_server.adql.words import RESERVED, RESERVED_SINCE_21
from vo_server.errors import AdqlError, Problem, ProblemKind
from vo_server.model.query import Lang
from vo_server.model.table import Catalogue, quoted

if TYPE_CHECKING:
    from vo_server.adql.resolved import ResolvedQuery
    from vo_server.adql.state import Resolution
    from vo_server.adql.tree import QueryNode

__all__ = ["check_open", "compile_query", "parse"]


def parse(text: str, *, lang: Lang = Lang.ADQL, strict: bool = False) -> QueryNode:
    """Parse a query without looking at what its names mean.

    Parameters
    ----------
    text
        One query.
    lang
        Version of the language; 2.0 has fewer reserved words.
    strict
        Refuse what the standard does not have.

    Raises
    ------
    AdqlError
        If it is not a query.
    """
    tree, notes = _parse(text, lang)
    if strict and notes:
        raise AdqlError(notes)
    return tree


def compile_query(text: str, catalogue: Catalogue, *, lang: Lang = Lang.ADQL, strict: bool = False) -> ResolvedQuery:
    """Parse a query and resolve every name in it.

    Parameters
    ----------
    text
        One query.
    catalogue
        What is published.
    lang
        Version of the language.
    strict
        Refuse what the standard does not have; otherwise it becomes a note of the resolved query.

    Raises
    ------
    AdqlError
        With all mistakes that can be known at once.
    """
    return _compile(text, catalogue, lang=lang, strict=strict, is_open=False)


def check_open(text: str, *, lang: Lang = Lang.ADQL, strict: bool = False) -> ResolvedQuery:
    """Check all of a query that needs no metadata: unknown tables, columns and functions are taken as given.

    Raises
    ------
    AdqlError
        With all mistakes that can be known at once.
    """
    return _compile(text, Catalogue(()), lang=lang, strict=strict, is_open=True)


def _compile(text: str, catalogue: Catalogue, *, lang: Lang, strict: bool, is_open: bool) -> ResolvedQuery:
    tree, notes = _parse(text, lang)
    state = resolve(tree, catalogue, text, is_open=is_open)
    state.notes.extend(_in_published_case(notes, state))
    refused = [note for note in state.notes if strict and note.kind is ProblemKind.NONSTANDARD]
    problems = [*state.problems, *refused]
    if problems:
        raise AdqlError(problems)
    return finish(state, tree)


def _in_published_case(notes: list[Problem], state: Resolution) -> list[Problem]:
    """Return notes on reserved words with the names as they are published, in quotes."""
    if not any(note.message.endswith(READ_AS_NAME) for note in notes):
        return notes
    published = {
        node.name.span: meaning.column.name for node, meaning in state.names.items() if isinstance(node, ColumnName)
    }
    return [
        replace(note, hint=f"write {quoted(published[note.span], RESERVED)}")
        if note.span in published and note.message.endswith(READ_AS_NAME)
        else note
        for note in notes
    ]


def _parse(text: str, lang: Lang) -> tuple[QueryNode, list[Problem]]:
    """Return the tree and what in it is beyond the standard."""
    tree, names = parse_text(text, lang)
    problems = list(tree_problems(tree))
    if problems:
        raise AdqlError(problems)
    notes = [note for note in names if lang is not Lang.ADQL_20 or note.token.upper() not in RESERVED_SINCE_21]
    notes.extend(lenient_notes(tree, text))
    if lang is Lang.ADQL_20:
        notes.extend(notes_on_20(tree, text))
    return tree, notes
