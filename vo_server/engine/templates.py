"""SQL templates of functions: parsed once, filled with the SQL of the arguments."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from vo_server.engine.grammar import grammar_of, writer_of
from vo_server.engine.sqltree import wrapped

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlglot import exp

__all__ = ["Template"]

_HOLE: Final = re.compile(r"\{(\w+)\}")
_WRITTEN_HOLE: Final = re.compile(r'"\{(\w+)\}"')


@dataclass(frozen=True)
class Template:
    """SQL of one dialect with holes for arguments.

    A filled template is text and no tree, so that an argument with many holes is written once, and functions in
    functions do not make a tree deeper.
    """

    pieces: tuple[str, ...]
    """SQL before, between and behind the holes."""
    holes: tuple[str, ...]
    """Name of the argument in each hole."""

    def filled(self, arguments: Mapping[str, str]) -> str:
        """Return the SQL with arguments, each of which must be able to stand beside any operator."""
        parts = [self.pieces[0]]
        for hole, piece in zip(self.holes, self.pieces[1:], strict=True):
            parts += [arguments[hole], piece]
        return "".join(parts)

    @staticmethod
    @lru_cache(maxsize=1024)
    def of(text: str, dialect: str) -> Template:
        """Parse a template, e.g. ``LN({x})``.

        Functions are kept as they are written: sqlglot's own nodes would write ``LOG10(x)`` as ``LOG(10, x)``.
        """
        target = grammar_of(dialect)
        # A hole is a column while the text is parsed.
        sql = _HOLE.sub(r'"{\1}"', text)
        parser: Any = target.parser()
        parser.FUNCTIONS = {}
        (tree,) = parser.parse(target.tokenize(f"SELECT {sql}"), sql)
        value: exp.Expr = tree.expressions[0].pop()
        written = writer_of(dialect).generate(wrapped(value), copy=False)
        parts = _WRITTEN_HOLE.split(written)
        return Template(tuple(parts[::2]), tuple(parts[1::2]))
