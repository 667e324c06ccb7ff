"""Say what users of a table will miss in its description, whoever wrote it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vo_server.model.datatype import Primitive

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from vo_server.model.table import Column, Table

__all__ = ["NO_POSITIONS", "gaps", "listed"]

NO_POSITIONS: Final = "cone searches will not work on this table"

_FLOATS: Final = frozenset({Primitive.FLOAT, Primitive.DOUBLE})
_LISTED: Final = 5
"""How many names a warning lists."""
_WITHOUT_UNIT: Final = ("src.redshift", "stat.probability", "stat.likelihood", "src.class", "arith.ratio", "meta.")
"""UCDs of quantities that have no unit."""


def listed(names: Sequence[str]) -> str:
    """Write names behind each other, the first few of many."""
    shown = ", ".join(names[:_LISTED])
    return shown if len(names) <= _LISTED else f"{shown}, …"


def gaps(table: Table, *, advice: str, dimensionless: Collection[str] = ()) -> list[str]:
    """Return warnings of what is missing in a description: at most one of the columns and one of the table.

    Parameters
    ----------
    table
        What is described.
    advice
        How to fill the gaps.
    dimensionless
        Columns that are known to have no unit.
    """
    shown = table.visible_columns
    numbers = [one.name for one in shown if _lacks_unit(one) and one.name not in dimensionless]
    missing = [
        (numbers, "floating-point column", "unit"),
        ([one.name for one in shown if one.ucd is None], "column", "UCD"),
        ([one.name for one in shown if one.description is None], "column", "description"),
    ]
    told = [
        f"{len(names)} {what}{' has' if len(names) == 1 else 's have'} no {lack} ({listed(names)})"
        for names, what, lack in missing
        if names
    ]
    warnings = [f"{'; '.join(told)}; {advice}"] if told else []
    if table.description is None:
        warnings.append("the table has no description; give one with --description or in a schema file")
    return warnings


def _lacks_unit(column: Column) -> bool:
    is_number = column.unit is None and column.datatype.primitive in _FLOATS
    return is_number and not (column.ucd or "").lower().startswith(_WITHOUT_UNIT)
