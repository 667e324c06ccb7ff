"""Values whose type is not that of a column: NULL, and what could not be found out."""

from __future__ import annotations

from typing import Final

from vo_server.model.datatype import DataType, Kind, Primitive
from vo_server.model.table import Column

__all__ = ["NULL_VALUE", "UNKNOWN", "article", "describe", "kind_of"]

_NULL: Final = DataType(Primitive.CHAR, "*")
_UNKNOWN: Final = DataType(Primitive.CHAR, "*")

NULL_VALUE: Final = Column("NULL", _NULL)
"""Metadata of ``NULL``. It is text in an answer and fits everywhere."""

UNKNOWN: Final = Column("?", _UNKNOWN)
"""Metadata of a value behind a mistake that is already reported, or of one that is taken as given. It fits everywhere,
so that one mistake is told once."""


def kind_of(column: Column) -> Kind | None:
    """Return what a value is to the language; None when it is not known.

    The two marks above are known by the identity of their types, which renaming keeps.
    """
    if column.datatype is _UNKNOWN:
        return None
    return Kind.NULL if column.datatype is _NULL else column.datatype.kind


def article(kind: Kind | None) -> str:
    """Return the name of a kind with its article."""
    if kind is None:
        return "a value"
    return f"an {kind}" if kind is Kind.ARRAY else f"a {kind}"


def describe(column: Column) -> str:
    """Return what a value is, in words: ``a number``, ``a point``."""
    if kind_of(column) is Kind.GEOMETRY:
        return f"a {column.datatype.xtype}"
    return article(kind_of(column))
