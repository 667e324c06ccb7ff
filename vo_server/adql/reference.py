"""The page of functions for users, written from the table of functions: ``python -m vo_server.adql.reference``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from vo_server.adql.functions import FUNCTIONS, Family

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vo_server.adql.function import Function

__all__ = ["functions_page"]

_ENGINES: Final = ("duckdb", "postgres")

_INTRODUCTION: Final = """\
# Functions

What can be called in a query, beside `COUNT`, `SUM`, `AVG`, `MIN` and `MAX`. Names have no case. All functions give the
same answers on both engines, and NULL where an argument is NULL unless the description says otherwise.

This page is written from the table that the server works with; do not edit it, run
`python -m vo_server.adql.reference > docs/functions.md`.
"""

_SECTIONS: Final = (
    ("Mathematics", "", (Family.MATHS,)),
    ("Geometry", "Spherical, in degrees, longitude before latitude.", (Family.GEOMETRY,)),
    ("Strings, choices and units", "", (Family.STRING, Family.CONDITIONAL, Family.UNIT)),
    (
        "User-defined functions of the IVOA",
        (
            "Names and meanings are those of the catalogue of user-defined functions 1.2. `ivo_simbadpoint` is not "
            "there: it would ask a name resolver on the network for each query. `ivo_geom_transform` knows the frames "
            "that are plain rotations of each other; FK4 is none, as its positions hold the elliptic terms of "
            "aberration."
        ),
        (Family.UDF,),
    ),
    (
        "Functions of this service",
        (
            "Set functions count here as those of the standard do: they stand in `SELECT`, `HAVING`, `ORDER BY`, and "
            "not inside each other. `quantile` and `median` may differ in the last digit between the engines, `stddev` "
            "in the last digits."
        ),
        (Family.UDF,),
    ),
)


def functions_page() -> str:
    """Return the page, in Markdown."""
    parts = [_INTRODUCTION]
    for title, words, families in _SECTIONS:
        is_ivo = "IVOA" in title
        rows = [
            one
            for one in FUNCTIONS
            if one.family in families
            and _works(one)
            and (one.family is not Family.UDF or is_ivo == one.name.startswith("ivo_"))
        ]
        parts.append(f"## {title}\n" + (f"\n{words}\n" if words else ""))
        parts.append("\n".join(_table(rows)) + "\n")
    return "\n".join(parts)


def _works(function: Function) -> bool:
    return function.is_special or all(engine in function.sql or "*" in function.sql for engine in _ENGINES)


def _table(rows: list[Function]) -> Iterator[str]:
    yield "| function | meaning | example |"
    yield "|---|---|---|"
    for one in rows:
        repeated = one.signature.replace(")", ", ...)", 1) if one.is_variadic else one.signature
        literal = [parameter.name for parameter in one.parameters if parameter.is_literal]
        fixed = f" Written as a literal: {', '.join(literal)}." if literal else ""
        meaning = f"{one.description}{fixed}{_metadata(one)}".replace("|", "\\|")
        yield f"| `{repeated}` | {meaning} | `{one.example}` |"


def _metadata(function: Function) -> str:
    """Tell the unit and the UCD of the value, when they do not depend on the arguments."""
    if function.family is not Family.UDF or function.annotate is None or function.is_aggregate:
        return ""
    if function.is_variadic or function.name == "ivo_string_agg":
        return ""
    value = function.annotate(())
    facts = [f"unit {value.unit}"] if value.unit else []
    facts += [f"UCD {value.ucd}"] if value.ucd else []
    return f" Result: {', '.join(facts)}." if facts else ""


if __name__ == "__main__":
    sys.stdout.write(functions_page())
