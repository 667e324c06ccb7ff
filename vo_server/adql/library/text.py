"""Functions of strings, the choice of the first value that is there, and unit conversion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vo_server.adql.function import DOUBLE, Family, Function, Parameter
from vo_server.model.datatype import DataType, Kind, Primitive
from vo_server.model.table import Column

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["TEXT_FUNCTIONS", "text_type"]

_VARCHAR: Final = DataType(Primitive.CHAR, "*")


def text_type(arguments: Sequence[Column]) -> DataType:
    """Return the type of text made from others: ``unicodeChar`` when any of them is."""
    is_unicode = any(one.datatype.primitive is Primitive.UNICODE_CHAR for one in arguments)
    return DataType(Primitive.UNICODE_CHAR if is_unicode else Primitive.CHAR, "*")


def _text(arguments: tuple[Column, ...]) -> Column:
    return Column("", text_type(arguments), ucd=arguments[0].ucd)


def _folding(function: str) -> dict[str, str]:
    """Return the SQL of a change of case that knows all letters (ADQL 2.1, section 4.4: Unicode, section 3.13)."""
    # What comes out is ordered as columns are, which have the collation C on PostgreSQL.
    call = f"vo_functions.{function}_case({{s}})"
    return {"duckdb": call, "postgres": f'({call} COLLATE "C")'}


TEXT_FUNCTIONS: Final = (
    Function(
        "LOWER", (Parameter("s", Kind.STRING, "VARCHAR"),), _VARCHAR, Family.STRING,
        "Text in lower case, each character by itself.",
        "LOWER('Sky')", sql=_folding("lower"), annotate=_text,
    ),
    Function(
        "UPPER", (Parameter("s", Kind.STRING, "VARCHAR"),), _VARCHAR, Family.STRING,
        "Text in upper case; some characters become several.",
        "UPPER('Sky')", sql=_folding("upper"), annotate=_text,
    ),
    Function(
        "COALESCE", (Parameter("value", None, "ANY"),), _VARCHAR, Family.CONDITIONAL,
        "The first argument that is not NULL; all arguments have one kind.", "COALESCE(NULL, 1)",
        is_variadic=True, is_special=True,
    ),
    Function(
        "IN_UNIT", (Parameter("x", Kind.NUMBER), Parameter("unit", Kind.STRING, "VARCHAR", is_literal=True)), DOUBLE,
        Family.UNIT, "A quantity in another unit.", "IN_UNIT(DISTANCE(1, 2, 3, 4), 'arcsec')", is_special=True,
    ),
)  # fmt: skip
