"""The footprints of tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vo_server.adql.library.signatures import INTEGER, parameters, udf

if TYPE_CHECKING:
    from vo_server.adql.function import Function

__all__ = ["FOOTPRINT_FUNCTIONS"]

FOOTPRINT_FUNCTIONS: Final[tuple[Function, ...]] = (
    udf(
        "in_footprint",
        parameters("table:text! lon:double lat:double"),
        INTEGER,
        "1 where a table would have an object if there were one, else 0: no counterpart differs from not observed. "
        "Made of the cells of its rows when the table was loaded.",
        "in_footprint('ls_psc.main', 150.1, 2.2)",
    ),
)
