"""LANG=ADQL-2.0: fewer reserved words, and less in the language."""

from __future__ import annotations

import pytest

from tests.adql.samples import corpus
from vo_server.adql.format import format_query
from vo_server.adql.front import check_open, compile_query, parse
from vo_server.errors import AdqlError
from vo_server.model.query import Lang
from vo_server.model.table import Catalogue

ADDED = [
    ("SELECT a FROM t UNION SELECT a FROM u", "UNION"),
    ("SELECT a FROM t EXCEPT ALL SELECT a FROM u", "EXCEPT"),
    ("SELECT a FROM t INTERSECT SELECT a FROM u", "INTERSECT"),
    ("WITH x AS (SELECT a FROM t) SELECT a FROM x", "WITH"),
    ("SELECT a FROM t OFFSET 5", "OFFSET"),
    ("SELECT a FROM t ORDER BY a OFFSET 5", "OFFSET"),
    ("SELECT CAST(a AS INTEGER) FROM t", "CAST"),
    ("SELECT CAST(a AS BIGINT) FROM t", "CAST"),
    ("SELECT LOWER(a) FROM t", "LOWER"),
    ("SELECT UPPER(a) FROM t", "UPPER"),
    ("SELECT a FROM t WHERE a ILIKE 'x%'", "ILIKE"),
    ("SELECT a FROM t WHERE a NOT ILIKE b", "ILIKE"),
    ("SELECT COALESCE(a, b) FROM t", "COALESCE"),
    ("SELECT IN_UNIT(a, 'deg') FROM t", "IN_UNIT"),
    ("SELECT DISTANCE(a, b, 1, 2) FROM t", "DISTANCE of four numbers"),
    ("SELECT CIRCLE('ICRS', POINT('ICRS', 1, 2), 3) FROM t", "a point inside CIRCLE"),
    ("SELECT CIRCLE('ICRS', p, 3) FROM t", "a point inside CIRCLE"),
    ("SELECT BOX('', POINT('', 1, 2), 3, 4) FROM t", "a point inside BOX"),
    ("SELECT POLYGON('', POINT('', 1, 2), POINT('', 1, 3), POINT('', 2, 3)) FROM t", "a point inside POLYGON"),
    ("SELECT POINT(1, 2) FROM t", "POINT without a coordinate system"),
    ("SELECT POLYGON(1, 2, 1, 3, 2, 3) FROM t", "POLYGON without a coordinate system"),
    ("SELECT a + 1 FROM t GROUP BY a + 1", "an expression in GROUP BY"),
    ("SELECT a FROM t ORDER BY -a", "an expression in ORDER BY"),
    ("SELECT a FROM t ORDER BY t.a", "a qualified name in ORDER BY"),
]


@pytest.mark.parametrize(("text", "what"), ADDED)
def test_what_21_added_is_refused_in_strict_20(text: str, what: str) -> None:
    with pytest.raises(AdqlError) as caught:
        check_open(text, lang=Lang.ADQL_20, strict=True)
    problem = caught.value.problems[0]
    assert problem.message == f"{what} is not part of ADQL 2.0"
    assert "LANG=ADQL-2.1" in (problem.hint or "")
    assert check_open(text, lang=Lang.ADQL_20).notes
    assert check_open(text, lang=Lang.ADQL_21, strict=True).notes == ()


@pytest.mark.parametrize(
    "text",
    [
        "SELECT TOP 5 a, t.b FROM s.t WHERE a > 1 GROUP BY a, t.b HAVING COUNT(*) > 1 ORDER BY a DESC, 2",
        "SELECT 1 FROM t WHERE 1 = CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', 1, 2, 3))",
        "SELECT DISTANCE(POINT('ICRS', ra, dec), POINT('', 1, 2)) FROM t",
        "SELECT POLYGON('ICRS', 1, 2, 1, 3, 2, 3), BOX('ICRS', 1, 2, 3, 4) FROM t",
        "SELECT NULL, COT(a), a || 'x' FROM t NATURAL JOIN u WHERE a LIKE 'x%' AND EXISTS (SELECT 1 FROM v)",
    ],
)
def test_queries_of_20_are_valid_in_both(text: str) -> None:
    for lang in Lang:
        assert check_open(text, lang=lang, strict=True).notes == ()


@pytest.mark.parametrize(
    "text",
    [
        "SELECT offset FROM t",
        "SELECT t.offset, ilike, bigint, cot, in_unit FROM t",
        "SELECT a AS offset FROM t",
        "SELECT a offset, b ilike FROM t",
        "SELECT a FROM offset",
        "SELECT a FROM t offset",
        "SELECT offset.a FROM t AS offset",
        "SELECT a FROM t WHERE offset > 3 AND ilike LIKE 'x' ORDER BY offset",
        "SELECT offset FROM t WHERE bigint = cot + in_unit GROUP BY offset",
        "SELECT COT(cot) FROM t",
        "SELECT a FROM t JOIN u USING (offset)",
    ],
)
def test_words_that_21_reserved_are_names_in_20(text: str) -> None:
    assert check_open(text, lang=Lang.ADQL_20, strict=True).notes == ()
    with pytest.raises(AdqlError):
        check_open(text, lang=Lang.ADQL_21, strict=True)
    assert format_query(format_query(text, lang=Lang.ADQL_20), lang=Lang.ADQL_20) == format_query(
        text, lang=Lang.ADQL_20
    )


@pytest.mark.parametrize("text", corpus("standard"))
def test_every_query_of_21_is_understood_in_20(text: str) -> None:
    parse(text, lang=Lang.ADQL_20)


def test_a_mistake_is_the_same_in_both() -> None:
    for lang in Lang:
        with pytest.raises(AdqlError, match="unknown table"):
            compile_query("SELECT a FROM t", Catalogue(()), lang=lang)
