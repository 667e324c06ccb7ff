"""What published queries use beyond the standard: it works, and the note shows the standard form."""

from __future__ import annotations

import pytest

from tests.adql.samples import CATALOGUE
from vo_server.adql.front import check_open, compile_query
from vo_server.adql.resolved import ResolvedQuery
from vo_server.engine.duckdb.sql import generate as duckdb_sql
from vo_server.engine.postgres.sql import generate as postgres_sql
from vo_server.errors import AdqlError, Problem, ProblemKind


def compiled(text: str) -> ResolvedQuery:
    return compile_query(text, CATALOGUE)


def only_note(text: str) -> Problem:
    (note,) = (note for note in compiled(text).notes if note.kind is ProblemKind.NONSTANDARD)
    assert note.hint
    with pytest.raises(AdqlError):
        compile_query(text, CATALOGUE, strict=True)
    return note


# What stands between » and « is replaced by the form of the hint.
REPLACED = [
    ("SELECT »small % 2« FROM sky.stars", "MOD(small, 2)"),
    ("SELECT »id * 2 % 3 / small % 5« FROM sky.stars", "MOD(MOD(id * 2, 3) / small, 5)"),
    (
        "SELECT z FROM quasars WHERE »CONTAINS(POINT(z, 1), CIRCLE(1, 2, 3))«",
        "1=CONTAINS(POINT(z, 1), CIRCLE(1, 2, 3))",
    ),
    (
        "SELECT z FROM quasars WHERE NOT »INTERSECTS(POINT(z, 1), CIRCLE(1, 2, 3))«",
        "1=INTERSECTS(POINT(z, 1), CIRCLE(1, 2, 3))",
    ),
    ("SELECT ra FROM sky.stars WHERE »small + 1«", "1=(small + 1)"),
    ("SELECT »CASE WHEN mag IS NULL THEN 99 ELSE mag END« FROM sky.stars", "COALESCE(mag, 99)"),
    ("SELECT »CASE WHEN mag IS NOT NULL THEN mag ELSE ra END« FROM sky.stars", "COALESCE(mag, ra)"),
    ("»SELECT ra FROM sky.stars LIMIT 10«", "SELECT TOP 10 ra ..."),
    ("»SELECT DISTINCT ra, dec FROM sky.stars LIMIT 10«", "SELECT DISTINCT TOP 10 ra, dec ..."),
    (
        "»SELECT z FROM quasars UNION SELECT z FROM quasars LIMIT 3«",
        "SELECT TOP 3 * FROM (SELECT z FROM quasars UNION SELECT z FROM quasars) AS q",
    ),
    ("SELECT q.z FROM »sky.stars AS s CROSS JOIN quasars q«", "sky.stars AS s, quasars q"),
    (
        "SELECT q.z FROM matches JOIN sky.stars AS s USING (id) »CROSS JOIN quasars q«",
        "JOIN quasars q ON 1=1",
    ),
    ("»SELECT *, 1 AS one« FROM sky.stars AS s", "SELECT s.*, 1 AS one"),
    ("»SELECT z * 2 AS y, *« FROM quasars", "SELECT z * 2 AS y, quasars.*"),
    ("»SELECT *, 1 AS one« FROM (sky.stars AS s JOIN matches m USING (id))", "SELECT s.*, m.*, 1 AS one"),
    ("SELECT ra FROM sky.stars WHERE »is_variable = 0«", "CAST(is_variable AS INTEGER) = 0"),
    ("SELECT ra FROM sky.stars WHERE »is_variable <> 'T'«", "CAST(is_variable AS INTEGER) <> 1"),
    ("SELECT ra FROM sky.stars WHERE »is_variable = 'false'«", "CAST(is_variable AS INTEGER) = 0"),
    ("SELECT ra FROM sky.stars WHERE mag > »'3'«", "3"),
    ("SELECT ra FROM sky.stars WHERE observed > »'2015-01-01'«", "CAST('2015-01-01' AS TIMESTAMP)"),
    ("SELECT »SIZE« FROM sky.stars", '"size"'),
    ("SELECT ra AS »size« FROM sky.stars", '"size"'),
    ("SELECT FLOOR(mag) AS m, COUNT(*) FROM sky.stars »GROUP BY m«", "GROUP BY FLOOR(mag)"),
    ("SELECT -ra AS x FROM sky.stars ORDER BY ABS(»x«)", "-ra instead of x"),
    (
        "SELECT ra FROM sky.stars WHERE »'t' = q3c_radial_query(ra, dec, 150.1, 2.2, 0.1)«",
        "DISTANCE(ra, dec, 150.1, 2.2) < 0.1",
    ),
    (
        "SELECT s.ra FROM sky.stars s JOIN sky.stars p ON »Q3C_JOIN(s.ra, s.dec, p.ra, p.dec, 1/3600.)«",
        "DISTANCE(s.ra, s.dec, p.ra, p.dec) < 1/3600.",
    ),
]


@pytest.mark.parametrize(("marked", "form"), REPLACED, ids=[case[0] for case in REPLACED])
def test_the_note_shows_the_standard_form_of_this_query(marked: str, form: str) -> None:
    note = only_note(marked.replace("»", "").replace("«", ""))
    assert (note.hint or "").endswith(f"{form}")
    before, _, rest = marked.partition("»")
    _, _, after = rest.partition("«")
    if not form.endswith("...") and "instead" not in form:
        query = compile_query(before + form + after, CATALOGUE, strict=True)
        assert [one for one in query.notes if one.kind is ProblemKind.NONSTANDARD] == []


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (
            "SELECT CASE WHEN ra > 1 THEN 'a' WHEN dec = 2 THEN 'b' ELSE 'c' END FROM sky.stars",
            (
                "write SELECT 'a' ... WHERE ra > 1 UNION ALL SELECT 'b' ... WHERE dec = 2 UNION ALL SELECT 'c' ... for "
                "the other rows"
            ),
        ),
        (
            "SELECT CASE small + 1 WHEN 1 THEN 'a' END FROM sky.stars",
            "write SELECT 'a' ... WHERE (small + 1) = 1 UNION ALL SELECT NULL ... for the other rows",
        ),
        (
            "SELECT z FROM quasars WHERE z > (SELECT AVG(mag) FROM sky.stars)",
            "add (SELECT AVG(mag) AS x FROM sky.stars) AS q to FROM, and write q.x here",
        ),
        (
            "SELECT ra FROM sky.stars WHERE ABS(ra) IS NOT NULL",
            "select ABS(ra) AS x in a subquery in FROM, and write x IS NOT NULL outside",
        ),
        (
            "SELECT z FROM quasars WHERE id IN (WITH a AS (SELECT id FROM matches) SELECT id FROM a)",
            "begin the whole query by WITH a AS (SELECT id FROM matches)",
        ),
        ("SELECT mags[2] FROM sky.stars", "write mags, and take the element from the answer"),
        ("SELECT mags[sdss::r] FROM sky.stars", "write mags, and take the element from the answer"),
    ],
)
def test_the_note_says_how_to_do_without(text: str, hint: str) -> None:
    assert only_note(text).hint == hint


def test_an_element_is_found_by_its_name_and_missed_with_a_hint() -> None:
    compiled("SELECT mags[g], mags[sdss::R] FROM sky.stars")
    with pytest.raises(AdqlError) as caught:
        compiled("SELECT mags[sdss::gg] FROM sky.stars")
    (problem,) = caught.value.problems
    assert (problem.message, problem.hint) == ("there is no element named 'gg'", "did you mean g?")


# --------------------------------------------------------------------------------------------------------- Q3C


@pytest.mark.parametrize(
    "condition",
    [
        "'t' = q3c_radial_query(ra, dec, 10, 20, 0.1)",
        "q3c_radial_query(ra, dec, 10, 20, 0.1) = 'true'",
        "q3c_radial_query(ra, dec, 10, 20, 0.1)",
        "(Q3C_RADIAL_QUERY(ra, dec, 10, 20, 0.1))",
        "q3c_radial_query(ra, dec, 10, 20, 0.1) = TRUE",
        "'f' <> q3c_radial_query(ra, dec, 10, 20, 0.1)",
    ],
)
@pytest.mark.parametrize("generate", [duckdb_sql, postgres_sql])
def test_a_radial_query_is_the_cone_of_the_standard_on_the_index(condition: str, generate: object) -> None:
    assert callable(generate)
    texts = [condition, "DISTANCE(ra, dec, 10, 20) < 0.1"]
    one, other = (
        generate(
            compiled(f"SELECT id FROM sky.stars WHERE {text} AND mag > 3"),
            limit=None,
            relation=lambda table: table.name,
        )
        for text in texts
    )
    assert one == other
    assert "q3c" in one.lower() or "_healpix_29" in one


def test_a_radial_query_that_is_false_is_turned_round() -> None:
    texts = ["'f' = q3c_radial_query(ra, dec, 1, 2, 3)", "NOT DISTANCE(ra, dec, 1, 2) < 3"]
    one, other = (
        duckdb_sql(compiled(f"SELECT id FROM sky.stars WHERE {text}"), limit=None, relation=lambda table: table.name)
        for text in texts
    )
    assert one == other


@pytest.mark.parametrize("call", ["q3c_radial_query(ra, dec, 1, 2)", "q3c_radial_query(ra, dec, 1, 2, 3) + 1 > 2"])
def test_other_uses_of_q3c_are_unknown_functions(call: str) -> None:
    with pytest.raises(AdqlError, match=r"unknown function 'q3c_radial_query'.*DISTANCE"):
        compiled(f"SELECT ra FROM sky.stars WHERE {call}")


def test_notes_of_long_queries_stay_short() -> None:
    items = ", ".join(f"a{i} % 2" for i in range(2000))
    notes = check_open(f"SELECT *, {items} FROM t WHERE EXISTS (SELECT *, {items} FROM u) LIMIT 3").notes
    assert max(len(note.hint or "") for note in notes) < 1000
