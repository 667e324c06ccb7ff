"""The ADQL front end: text in, resolved tree or a helpful error out.

It needs no server, no database and no network. The names below are all that users of the package should need;
they are imported when they are first used. ``docs/adql.md`` shows how.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from vo_server.adql.format import format_query
    from vo_server.adql.front import check_open, compile_query
    from vo_server.adql.front import parse as parse_query
    from vo_server.adql.functions import FUNCTIONS
    from vo_server.adql.resolved import ResolvedQuery
    from vo_server.adql.words import RESERVED
    from vo_server.errors import AdqlError, Problem, ProblemKind, Span
    from vo_server.model.query import Lang

__all__ = [
    "FUNCTIONS",
    "RESERVED",
    "AdqlError",
    "Lang",
    "Problem",
    "ProblemKind",
    "ResolvedQuery",
    "Span",
    "check_open",
    "compile_query",
    "format_query",
    "parse_query",
]

_HOMES: Final = {
    "FUNCTIONS": "vo_server.adql.functions",
    "RESERVED": "vo_server.adql.words",
    "AdqlError": "vo_server.errors",
    "Lang": "vo_server.model.query",
    "Problem": "vo_server.errors",
    "ProblemKind": "vo_server.errors",
    "ResolvedQuery": "vo_server.adql.resolved",
    "Span": "vo_server.errors",
    "check_open": "vo_server.adql.front",
    "compile_query": "vo_server.adql.front",
    "format_query": "vo_server.adql.format",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is used."""
    if name == "parse_query":  # `parse` is a module of this package
        return import_module("vo_server.adql.front").parse
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
