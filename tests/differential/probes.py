"""Queries that may fail, of a form in which it is determined whether they do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.differential.queries import Query
from tests.differential.scope import Sort, Value

if TYPE_CHECKING:
    from tests.differential.draw import Draw

__all__ = ["probe"]

_COLUMNS: Final = ("i", "b", "s", "wide", "small", "big", "r", "x")
_NUMBERS: Final = (*_COLUMNS, "2", "0", "0.5", "2147483647", "9223372036854775807")
_FORMS: Final = (
    "{a} + {b}", "{a} - {b}", "{a} * {b}", "{a} / {b}", "-{a}", "CAST({a} AS SMALLINT)", "CAST({a} AS INTEGER)",
    "CAST({a} AS BIGINT)", "CAST({a} AS REAL)", "CAST({a} * {b} AS REAL)", "MOD({a}, {b})", "bit_and(wide, {a})",
    "POWER({a}, {b})", "EXP({a})", "ROUND({a}, 2)", "COT({a})", "DEGREES({a})", "({a} + {b}) * {a}",
)  # fmt: skip
_OF_ANY: Final = (
    "CAST({a} AS SMALLINT)", "CAST({a} AS INTEGER)", "CAST({a} AS BIGINT)", "CAST({a} AS REAL)", "-{a}",
    "MOD({a}, {b})", "MOD({b}, {a})", "POWER({a}, {b})", "POWER({b}, {a})", "EXP({a})", "ROUND({a}, 2)",
    "ROUND({a}, -3)",
    "TRUNCATE({a}, 5)", "COT({a})", "DEGREES({a})", "RADIANS({a})", "CAST({a} AS VARCHAR)", "FLOOR({a})", "SQRT({a})",
)  # fmt: skip
"""What takes any double."""

_TEXTS: Final = (
    "CAST({t} AS SMALLINT)", "CAST({t} AS INTEGER)", "CAST({t} AS BIGINT)", "CAST({t} AS DOUBLE PRECISION)",
    "CAST({t} AS REAL)", "CAST({t} AS TIMESTAMP)",
)  # fmt: skip
_SHAPES: Final = ("CAST({t} || {s} AS POINT)", "CAST({t} || {s} AS CIRCLE)", "CAST({t} || {s} AS POLYGON)")
_LONGITUDES: Final = ("digits", "'370.5'", "'-0'", "''")
_NUMBERS_OF_SHAPES: Final = (
    "' 2'", "' 2 3'", "' 1e1\t+2'", "' -.5 4.'", "' 91'", "' 90 180'", "' 1 181'", "' 1 -1'", "' 10 20 30 40 50'",
    "' 10 20 30 40 50 60 '", "' 10 20 30 40 91'", "' 1e400'", "' 1e-400'", "' 0 1e400'", "' NaN'", "' 1 inf'",
    "' 1,2'", "' -0 -0'", "''", "' 0x1 2'", "' 1_0'", "'\u00a02'", "'  '", "'e3 2'",
)  # fmt: skip
_SETS: Final = ("SUM({a})", "AVG({a})", "SUM({a} * {b})", "MAX({a} + {b})", "MIN({a} - {b})")
_WORDS: Final = (
    "digits", "t", "word", "hms", "'1e3'", "' 12 '", "'12.7'", "'0x1f'", "'1_000'", "'NaN'", "'infinity'", "'-0'", "''",
    "'99999999999999999999'", "'1e400'", "'1e-400'", "'2015-02-30'", "'2015-13-01'", "'2015-01-01T25:00:00'", "'now'",
    "'2015-01-01T00:00:60'", "'0000-01-01'", "'2015-1-1'", "'2015-01-01 10:00'", "'+5'", "'++5'",
    "'1 2'", "'.5'", "'5.'",
)  # fmt: skip


def probe(draw: Draw) -> Query:
    """Return a query that may fail.

    Which rows a value is computed for is an engine's own affair when there are more conditions than one, and with it
    whether the query fails. Here one value is computed for all rows of a table, or for those with a number. Constants
    may be computed although there are no rows, and what is only counted need not be computed at all.

    Doubles that leave the range of doubles in + - * / are left out: PostgreSQL fails, DuckDB gives infinity or 0.
    """
    kind = draw.pick(("numbers", "texts", "sets", "scalar", "shapes"))
    if kind == "scalar":
        return Query(
            f"SELECT id, (SELECT p.k FROM sky.pairs AS p WHERE p.id = {draw.between(0, 5)}) AS c2 FROM sky.tiny",
            (Value("", Sort.WHOLE),) * 2,
        )
    if kind in {"texts", "shapes"}:
        words, forms = (_WORDS, _TEXTS) if kind == "texts" else (_LONGITUDES, _SHAPES)
        word = draw.pick(words)
        text = draw.pick(forms).format(t=word, s=draw.pick(_NUMBERS_OF_SHAPES))
        where = "" if word.startswith("'") else _some_rows(draw)
        return Query(f"SELECT id AS c1, {text} AS c2 FROM odd.texts{where}", (Value("", Sort.WHOLE),) * 2)
    # One operand at least is a column.
    a, b = draw.pick(_COLUMNS), draw.pick(_NUMBERS)
    if kind == "sets":
        text = draw.pick(_SETS).format(a=a, b=b)
        # What has no exact sum is compared to rounding; where everything cancels that is nothing.
        is_exact = text.startswith(("MAX", "MIN")) or (text.startswith("SUM") and _is_whole(a, b))
        column = Value("", Sort.REAL, is_exact=is_exact, noise=1e-12 * (1e10 if _is_small(a, b) else 1e40))
        return Query(f"SELECT {text} AS c1 FROM odd.numbers{_some_rows(draw)}", (column,))
    form = draw.pick(_FORMS)
    if draw.chance(30):
        a, form = "w", draw.pick(_OF_ANY)
    text = form.format(a="big" if "bit_and" in form else a, b=b)
    is_exact = not form.startswith(("POWER", "EXP", "COT"))
    columns = (Value("", Sort.WHOLE), Value("", Sort.REAL, is_exact=is_exact))
    return Query(f"SELECT id AS c1, {text} AS c2 FROM odd.numbers{_some_rows(draw)}", columns)


def _is_small(*names: str) -> bool:
    return not set(names) & {"big", "9223372036854775807"}


def _is_whole(*names: str) -> bool:
    return not set(names) & {"r", "x", "w", "0.5"}


def _some_rows(draw: Draw) -> str:
    return f" WHERE id = {draw.between(0, 40)}" if draw.chance(50) else ""
