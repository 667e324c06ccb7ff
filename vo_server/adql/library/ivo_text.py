"""IVOA functions of strings (UDF catalogue 1.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vo_server.adql.library.signatures import DOUBLE, INTEGER, VARCHAR, parameters, udf
from vo_server.adql.library.text import text_type
from vo_server.model.table import Column

if TYPE_CHECKING:
    from vo_server.adql.function import Function

__all__ = ["TEXT_UDFS"]


def _joined(arguments: tuple[Column, ...]) -> Column:
    return Column("", text_type(arguments), ucd=arguments[0].ucd)


TEXT_UDFS: Final[tuple[Function, ...]] = (
    udf(
        "ivo_string_agg",
        parameters("expression:text delimiter:text!"),
        VARCHAR,
        "Set function: all texts of a group with a delimiter between, in the order of their characters; NULLs leave no "
        "trace.",
        "ivo_string_agg('a', ', ')",
        duckdb="string_agg({expression}, {delimiter} ORDER BY {expression} || '')",
        postgres='string_agg(CAST({expression} AS TEXT), {delimiter} ORDER BY CAST({expression} AS TEXT) COLLATE "C")',
        annotate=_joined,
        is_aggregate=True,
    ),
    udf(
        "ivo_nocasematch",
        parameters("value:text pattern:text"),
        INTEGER,
        "1 when a text matches a pattern of LIKE in any case, else 0.",
        "ivo_nocasematch('Gaia DR3', 'gaia%')",
        duckdb="CAST((vo_functions.caseless({value}) LIKE vo_functions.caseless({pattern})) AS INTEGER)",
        postgres="CAST((vo_functions.caseless({value}) LIKE vo_functions.caseless({pattern}) ESCAPE '') AS INTEGER)",
    ),
    udf(
        "ivo_hasword",
        parameters("haystack:text needle:text"),
        INTEGER,
        "1 when all words of the second text occur in the first one, else 0; words are parted by blanks and "
        "punctuation, and ASCII letters are compared without case.",
        "ivo_hasword('Spectra of Seyfert galaxies', 'seyfert')",
        sql="vo_functions.has_words({haystack}, {needle})",
    ),
    udf(
        "ivo_hashlist_has",
        parameters("hashlist:text item:text"),
        INTEGER,
        "1 when an item is in a list whose items are joined by #, compared without case, else 0.",
        "ivo_hashlist_has('optical#radio', 'Radio')",
        sql="vo_functions.hashlist_has({hashlist}, {item})",
    ),
    udf(
        "ivo_hms_to_degrees",
        parameters("hms:text"),
        DOUBLE,
        "Degrees of an angle in hours: h:m:s, hhmmss or 1h2m3s; NULL for other texts.",
        "ivo_hms_to_degrees('3:34:45.4')",
        sql="(vo_functions.sexagesimal({hms}, 'hms') * 15)",
        unit="deg",
    ),
    udf(
        "ivo_dms_to_degrees",
        parameters("dms:text"),
        DOUBLE,
        "Degrees of an angle in degrees, minutes and seconds: d:m:s, ddmmss or 1d2m3s, with or without a sign; NULL "
        "for other texts.",
        "ivo_dms_to_degrees('-00:15:00')",
        sql="vo_functions.sexagesimal({dms}, 'dms')",
        unit="deg",
    ),
)
