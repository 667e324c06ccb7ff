"""What is said about mistakes: the place, the words and the way out."""

from __future__ import annotations

import pytest

from tests.adql.samples import CATALOGUE
from tests.support.effort import effort_below
from vo_server.adql.front import compile_query
from vo_server.errors import AdqlError, Problem, ProblemKind

SYNTAX, UNKNOWN, AMBIGUOUS = ProblemKind.SYNTAX, ProblemKind.UNKNOWN, ProblemKind.AMBIGUOUS
TYPE, ARITY, UNSUPPORTED = ProblemKind.TYPE, ProblemKind.ARITY, ProblemKind.UNSUPPORTED

# The place of the mistake is marked by » and «; words of the message; words of the hint.
MISTAKES = [
    # ------------------------------------------------------------------------------------------------ grammar
    (SYNTAX, "SELECT »FROM« sky.stars", "expected a column or value after SELECT, found FROM", None),
    (SYNTAX, "SELECT ra, »FROM« sky.stars", "expected a column or value after ','", "remove the comma before FROM"),
    (SYNTAX, "SELECT ra dec »mag« FROM sky.stars", "expected a comma or FROM", "is a comma or an operator missing"),
    (SYNTAX, "SELECT ra FORM »sky« .stars", "found 'sky'", "did you mean FROM instead of FORM?"),
    (SYNTAX, "SELECT ra FROM sky.stars WHER »ra« = 1", "unexpected 'ra'", "did you mean WHERE instead of WHER?"),
    (SYNTAX, "SELECT ra FROM sky.stars WHERE»«", "expected a condition after WHERE", "stops in the middle"),
    (SYNTAX, "SELECT ra FROM sky.stars GROUP »ra«", "expected BY after GROUP", None),
    (
        SYNTAX,
        "SELECT ra FROM sky.stars ORDER BY ra »WHERE« ra = 1",
        "unexpected WHERE",
        "the order is SELECT, FROM, WHERE",
    ),
    (SYNTAX, "»DROP« TABLE sky.stars", "only SELECT statements can be run", "read-only"),
    (SYNTAX, "»DELETE« FROM sky.stars", "only SELECT statements can be run", "read-only"),
    (SYNTAX, "»selecta« FROM sky.stars", "a query begins with SELECT", "did you mean SELECT?"),
    (SYNTAX, "SELECT ra FROM sky.stars; »SELECT« 1 FROM sky.stars", "a second statement", "one by one"),
    (SYNTAX, "SELECT ra FROM sky.stars; »DROP« TABLE sky.stars", "a second statement", "one by one"),
    (
        SYNTAX,
        "SELECT ra FROM sky.stars WHERE name = »\u2018«x\u2019",
        "a typographic quote",
        "write straight quotes: '",
    ),
    (SYNTAX, "SELECT »“«ra” FROM sky.stars", "a typographic quote", 'write straight quotes: "'),
    (SYNTAX, "SELECT ra FROM sky.stars WHERE dec > »\u2013«28", "a typographic dash", "write the minus sign -"),
    (SYNTAX, "SELECT CIRCLE(53.1, »--28.1, 1.0) FROM sky.stars«", "-- starts a comment", "write -28.1, or -(-28.1)"),
    (SYNTAX, "SELECT - »-«28.1 FROM sky.stars", "found '-'", "use parentheses: -(-x)"),
    (SYNTAX, "SELECT ra FROM sky.stars WHERE ra =»=« 1", "found '='", "write = instead of =="),
    (SYNTAX, "SELECT ra FROM sky.stars WHERE ra =»<« 1", "found '<'", "write <= instead of =<"),
    (SYNTAX, "SELECT ra FROM sky.stars WHERE ra = 1 »&&« dec = 2", "&& is no operator", "joined by AND"),
    (SYNTAX, "SELECT size »&« 4 FROM sky.stars", "has no meaning here", "a function of the service"),
    (SYNTAX, "SELECT ra FROM sky.stars WHERE »(«ra = 1", "still open where the query ends", "add the missing )"),
    (SYNTAX, "SELECT COUNT»(«* FROM sky.stars", "still open where FROM follows", "add the missing )"),
    (SYNTAX, "SELECT ra FROM sky.stars WHERE ra = 1»)«", "a closing parenthesis without an opening one", "remove it"),
    (SYNTAX, "SELECT ra FROM sky.stars JOIN sky.matches»«", "expected ON or USING", "a JOIN needs ON condition"),
    (SYNTAX, "SELECT ra FROM sky.stars NATURAL JOIN sky.matches »ON« 1 = 1", "unexpected ON", "take neither"),
    (SYNTAX, "SELECT TOP »-«5 ra FROM sky.stars", "expected an unsigned integer after TOP", "such as TOP 10"),
    (SYNTAX, "SELECT TOP »2.5« ra FROM sky.stars", "expected an unsigned integer after TOP", "such as TOP 10"),
    (SYNTAX, "SELECT ra »TOP« 5 FROM sky.stars", "found TOP", "TOP stands after SELECT and DISTINCT"),
    (SYNTAX, "SELECT ra FROM sky.stars LIMIT »-«1", "unexpected '-'", "SELECT TOP n"),
    (SYNTAX, "SELECT »89x« FROM sky.stars", "'89x' runs together", "write 89 x"),
    (SYNTAX, "SELECT ra FROM sky.stars WHERE ra=»1or« dec=2", "'1or' runs together", "write 1 or"),
    (SYNTAX, "SELECT »0xFF« FROM sky.stars", "hexadecimal", "write 255"),
    (SYNTAX, "SELECT »_ra« FROM sky.stars", "begins with an underscore", 'write "_ra"'),
    (SYNTAX, "SELECT »Täff« FROM sky.stars", "only a quoted name may hold", 'write "Täff"'),
    (SYNTAX, "SELECT ra »>« 3 FROM sky.stars", "found '>'", "a condition cannot be selected"),
    (SYNTAX, "SELECT ra FROM sky.stars WHERE 1 < ra »<« 3", "unexpected '<'", "write a < b AND b < c"),
    (SYNTAX, "SELECT ra FROM sky.stars WHERE ra BETWEEN 1», «2", "expected AND after '1'", None),
    (SYNTAX, "SELECT ra FROM sky.stars WHERE is_variable IS »TRUE«", "expected NULL after IS", "IS is for NULL only"),
    (SYNTAX, "SELECT ra FROM sky.stars WHERE name LIKE 'x' »ESCAPE« '!'", "unexpected 'ESCAPE'", "LIKE has no ESCAPE"),
    (SYNTAX, "SELECT RANK() OVER »(«ORDER BY ra) FROM sky.stars", "found '('", "no window functions"),
    (SYNTAX, "SELECT ra»::«INTEGER FROM sky.stars", "found '::'", "write CAST(x AS type)"),
    (SYNTAX, "SELECT CAST(ra AS »FLOAT«) FROM sky.stars", "expected a type after AS", "REAL or DOUBLE PRECISION"),
    (SYNTAX, "SELECT CAST(ra AS »text«) FROM sky.stars", "expected a type after AS", "write VARCHAR"),
    (
        SYNTAX,
        "SELECT TIMESTAMP »'2015-01-01'« FROM sky.stars",
        "found '2015-01-01'",
        "CAST('2015-01-01T00:00:00' AS TIMESTAMP)",
    ),
    (SYNTAX, "SELECT COUNT(DISTINCT »*«) FROM sky.stars", "found '*'", "COUNT(DISTINCT *) does not exist"),
    (SYNTAX, "SELECT »SUM(*)« FROM sky.stars", "SUM(*) does not exist", "only COUNT takes *"),
    (SYNTAX, "SELECT ra FROM sky.stars WHERE ra = »ALL« (SELECT z FROM quasars)", "found ALL", "no ANY, SOME or ALL"),
    (SYNTAX, "SELECT »SUBSTRING«(name, 1) FROM sky.stars", "found 'SUBSTRING'", "ADQL has no SUBSTRING"),
    (SYNTAX, "SELECT ra FROM »group«", "expected a table after FROM", 'as a name it is written "group"'),
    (SYNTAX, "SELECT ra AS »select« FROM sky.stars", "expected a name after AS", None),
    (SYNTAX, "SELECT top »FROM« sky.stars", "found FROM", 'as a name it is written "top"'),
    (SYNTAX, "SELECT ra FROM sky.stars WHERE name = »'x", "a string that is never closed", "doubled"),
    (SYNTAX, "SELECT 'a' »'b'« FROM sky.stars", "found 'b'", "strings are joined by ||"),
    (SYNTAX, "SELECT ra »/*« all */ FROM sky.stars", "a comment /* */", "comments are written --"),
    (SYNTAX, "SELECT ra FROM »SELECT« ra FROM sky.stars", "found SELECT", "parentheses of its own"),
    (SYNTAX, "SELECT z FROM »(SELECT z FROM quasars)«", "a subquery in FROM needs a name", "AS name"),
    (SYNTAX, "»«", "the query is empty", "SELECT ... FROM"),
    # ------------------------------------------------------------------------------------------------- names
    (UNKNOWN, "SELECT »rra« FROM sky.stars", "no column rra in sky.stars", "did you mean ra?"),
    (UNKNOWN, "SELECT s.»« »s.pmra« FROM sky.stars AS s", "", None),
    (
        UNKNOWN,
        "SELECT »m.ra« FROM sky.stars AS s, sky.matches AS m",
        "no column ra in sky.matches (m)",
        "s (sky.stars) has a column ra",
    ),
    (
        UNKNOWN,
        "SELECT TOP 1 »vista« - 1 FROM sky.stars",
        "no column vista",
        'did you mean "Dist-VISTA"? A name with signs',
    ),
    (
        UNKNOWN,
        "SELECT »s.vista« FROM sky.stars AS s",
        "no column vista",
        'did you mean "Dist-VISTA"? A name with signs',
    ),
    (UNKNOWN, "SELECT »sizes« FROM sky.stars", "no column sizes", 'did you mean "size"?'),
    (UNKNOWN, "SELECT »_healpix« FROM sky.stars", "", None),
    (UNKNOWN, 'SELECT »"_healpix_29"« FROM sky.stars', 'no column "_healpix_29"', None),
    (
        UNKNOWN,
        'SELECT ra FROM sky.stars WHERE name = »"Vega"«',
        'no column "Vega"',
        "strings are written in single quotes",
    ),
    (
        UNKNOWN,
        "SELECT -mag AS m FROM sky.stars WHERE »m« > 3",
        "no column m in",
        "m is the name of an output column",
    ),
    (UNKNOWN, 'SELECT »"RA"« FROM sky.stars', 'no column "RA"', 'write ra or "ra"'),
    (UNKNOWN, "SELECT ra FROM »sky.starz«", "unknown table 'sky.starz'", "did you mean sky.stars?"),
    (UNKNOWN, "SELECT ra FROM »deep.matches«", "unknown table", "did you mean sky.matches?"),
    (UNKNOWN, "SELECT z FROM »quasar«", "unknown table 'quasar'", "did you mean quasars?"),
    (UNKNOWN, "SELECT z FROM »nowhere.at_all«", "unknown table", "TAP_SCHEMA.tables"),
    (UNKNOWN, "SELECT z FROM »archive.deep.quasars«", "unknown catalogue 'archive'", "write deep.quasars"),
    (UNKNOWN, "SELECT »x.ra« FROM sky.stars AS s", "unknown table or alias 'x'", "the tables of this query are s"),
    (
        UNKNOWN,
        "SELECT »stars.ra« FROM sky.stars AS s",
        "unknown table or alias 'stars'",
        "the table sky.stars is called s here",
    ),
    (UNKNOWN, "SELECT »x.*« FROM sky.stars AS s", "unknown table or alias 'x'", None),
    (UNKNOWN, "SELECT »LN(mag)« FROM sky.stars", "unknown function 'LN'", "LOG is the natural logarithm"),
    (UNKNOWN, "SELECT »pg_sleep(10)« FROM sky.stars", "unknown function 'pg_sleep'", None),
    (UNKNOWN, "SELECT »SQRTT(mag)« FROM sky.stars", "unknown function", "did you mean SQRT?"),
    (UNKNOWN, "SELECT z FROM quasars ORDER BY »2«", "there is no output column 2", None),
    (
        UNKNOWN,
        "SELECT z FROM quasars UNION SELECT z FROM quasars ORDER BY »id«",
        "ORDER BY after a set operation",
        None,
    ),
    (UNKNOWN, "SELECT mags[»4«] FROM sky.stars", "there is no element 4", None),
    (UNKNOWN, "SELECT mags[»z«] FROM sky.stars", "no element named 'z'", "the elements are g, r, i"),
    (
        UNKNOWN,
        "SELECT dist FROM sky.stars JOIN sky.matches USING (»ra«)",
        "the right side of the join has no column ra",
        None,
    ),
    (AMBIGUOUS, "SELECT »id« FROM sky.stars, sky.matches", "ambiguous: stars.id, matches.id", "write stars.id"),
    (AMBIGUOUS, "SELECT ra FROM »stars«", "ambiguous: sky.stars, deep.stars", "write sky.stars"),
    (AMBIGUOUS, "SELECT »a« FROM quasars", "ambiguous", None),
    (AMBIGUOUS, "SELECT 1 FROM quasars, »quasars«", "two tables are called quasars", "with AS"),
    (
        AMBIGUOUS,
        "SELECT s.id, m.id FROM sky.stars s, sky.matches m ORDER BY »id«",
        "two output columns are called id",
        "AS",
    ),
    # ------------------------------------------------------------------------------------------------- types
    (TYPE, "SELECT »name« + 1 FROM sky.stars", "needs numbers; name is a string", "joined by ||"),
    (TYPE, "SELECT name || »mag« FROM sky.stars", "|| joins strings; mag is a number", "CAST(mag AS VARCHAR)"),
    (TYPE, "SELECT ra FROM sky.stars WHERE »name = 1«", "cannot compare a string with a number", "without quotes"),
    (TYPE, "SELECT ra FROM sky.stars WHERE »mag > 'bright'«", "cannot compare a number with a string", None),
    (
        TYPE,
        "SELECT ra FROM sky.stars WHERE »position = 1«",
        "cannot compare a point",
        "CONTAINS, INTERSECTS or DISTANCE",
    ),
    (TYPE, "SELECT ra FROM sky.stars WHERE »mags = 1«", "cannot compare an array", "such as a[1]"),
    (TYPE, "SELECT ra FROM sky.stars WHERE »observed > 'soon'«", "cannot compare a timestamp", "AS TIMESTAMP"),
    (TYPE, "SELECT ra FROM sky.stars WHERE »mag« LIKE 'x'", "LIKE compares strings; this is a number", None),
    (TYPE, "SELECT ra FROM sky.stars WHERE »name«", "a string is no condition", "compare it"),
    (TYPE, "SELECT SQRT(»name«) FROM sky.stars", "SQRT takes a number for x; name is a string", None),
    (TYPE, "SELECT ROUND(mag, »size«) FROM sky.stars", "ROUND takes a literal integer for n", None),
    (TYPE, "SELECT CONTAINS(»1«, CIRCLE(1, 2, 3)) FROM sky.stars", "CONTAINS takes a geometry for inner", None),
    (TYPE, "SELECT DISTANCE(»CIRCLE(1, 2, 3)«, position) FROM sky.stars", "DISTANCE takes a point for from", None),
    (TYPE, "SELECT POINT(1, »91«) FROM sky.stars", "the latitude 91 is outside -90 to 90", "longitude before latitude"),
    (TYPE, "SELECT CIRCLE(1, 2, »-1«) FROM sky.stars", "the radius -1 is outside 0 to 180", None),
    (TYPE, "SELECT »COALESCE(name, 1)« FROM sky.stars", "COALESCE mixes a string and a number", "CAST"),
    (TYPE, "SELECT »CAST(position AS INTEGER)« FROM sky.stars", "a point cannot be cast to INTEGER", None),
    (TYPE, "SELECT »CAST(mag AS TIMESTAMP)« FROM sky.stars", "a number cannot be cast to TIMESTAMP", None),
    (TYPE, "SELECT »mag«[1] FROM sky.stars", "only arrays have elements", None),
    (TYPE, "SELECT »CASE WHEN ra > 1 THEN 1 ELSE 'x' END« FROM sky.stars", "a number and a string", "CAST"),
    (TYPE, "SELECT ra FROM sky.stars WHERE »MAX(mag)« > 1", "MAX cannot stand in WHERE", "HAVING"),
    (TYPE, "SELECT MAX(»AVG(mag)«) FROM sky.stars", "AVG cannot stand inside another set function", "subquery"),
    (TYPE, "SELECT MAX(»position«) FROM sky.stars", "MAX needs values with an order, not a point", None),
    (TYPE, "SELECT COUNT(*), »ra« FROM sky.stars", "the column ra stands beside a set function", "add ra to GROUP BY"),
    (
        TYPE,
        "SELECT name, »mag« FROM sky.stars GROUP BY name",
        "the column mag is neither in GROUP BY",
        "add mag to GROUP BY",
    ),
    (TYPE, "SELECT »*« FROM quasars GROUP BY z", "is neither in GROUP BY", None),
    (TYPE, "SELECT z FROM quasars GROUP BY »1«, z", "GROUP BY takes columns and expressions, not positions", None),
    (TYPE, "SELECT z FROM quasars GROUP BY z HAVING »id« > 1", "the column id is neither in GROUP BY", None),
    (TYPE, "SELECT z FROM quasars GROUP BY z ORDER BY »id«", "the column id is neither in GROUP BY", None),
    (TYPE, "SELECT DISTINCT z FROM quasars ORDER BY »id«", "with SELECT DISTINCT", "add it to the select list"),
    (
        TYPE,
        "SELECT z FROM quasars UNION »SELECT name FROM sky.stars«",
        "column 1 is a number on one side and a string",
        "CAST",
    ),
    (ARITY, "SELECT z FROM quasars UNION »SELECT id, z FROM quasars«", "have 1 and 2 columns", "same number"),
    (ARITY, "SELECT »LOG()« FROM sky.stars", "LOG takes 1 argument, 0 given", "write LOG(x)"),
    (ARITY, "SELECT »POINT(1, 2, 3, 4)« FROM sky.stars", "POINT takes 2 or 3 arguments, 4 given", "POINT(lon, lat)"),
    (ARITY, "SELECT ra FROM sky.stars WHERE id IN (»SELECT id, z FROM quasars«)", "must have one column, not 2", None),
    (UNSUPPORTED, "SELECT POINT(»'GALACTIC'«, 1, 2) FROM sky.stars", "'GALACTIC' is not supported", "ICRS"),
]
MISTAKES = [case for case in MISTAKES if case[2]]


@pytest.mark.parametrize(("kind", "marked", "words", "hint"), MISTAKES, ids=[case[1] for case in MISTAKES])
def test_a_mistake_is_told_with_place_words_and_hint(
    kind: ProblemKind, marked: str, words: str, hint: str | None
) -> None:
    text = marked.replace("»", "").replace("«", "")
    with pytest.raises(AdqlError) as caught:
        compile_query(text, CATALOGUE)
    problem = caught.value.problems[0]
    assert words in problem.message
    assert problem.kind is kind
    if hint is not None:
        assert hint in (problem.hint or "")
    assert problem.span.start == marked.index("»")
    if "«" in marked and not marked.count("», «"):
        assert problem.span.end == marked.index("«") - 1


def problems(text: str, *, strict: bool = False) -> tuple[Problem, ...]:
    with pytest.raises(AdqlError) as caught:
        compile_query(text, CATALOGUE, strict=strict)
    return caught.value.problems


def test_the_cases_are_many() -> None:
    assert len(MISTAKES) > 120


def test_all_mistakes_of_names_and_types_are_told_at_once() -> None:
    found = problems("SELECT rra, LOG(), name + 1, id FROM sky.stars WHERE dek > 1 AND foo(1) = 2 ORDER BY 9")
    assert [problem.kind for problem in found] == [UNKNOWN, ARITY, TYPE, UNKNOWN, UNKNOWN, UNKNOWN]
    assert [problem.span.start for problem in found] == sorted(problem.span.start for problem in found)


def test_one_mistake_is_told_once() -> None:
    found = problems("SELECT ABS(rra + 1) * rrb[1] FROM sky.stars")
    assert [problem.token for problem in found] == ["rra", "rrb"]


def test_an_unknown_table_hides_nothing_and_adds_nothing() -> None:
    found = problems("SELECT x.a, b, s.raa FROM sky.nothing AS x, sky.stars AS s")
    assert [problem.token for problem in found] == ["s.raa", "sky.nothing"]


def test_lines_and_columns_count_from_one() -> None:
    (found,) = problems("SELECT ra,\n       raa\nFROM sky.stars")
    assert (found.span.line, found.span.column) == (2, 8)
    assert str(found).startswith("line 2, column 8: no column raa")


def test_strictness_turns_notes_into_mistakes() -> None:
    (found,) = problems("SELECT ra FROM sky.stars LIMIT 10", strict=True)
    assert found.kind is ProblemKind.NONSTANDARD
    assert found.token == "LIMIT 10"
    assert found.hint == "write SELECT TOP 10 ra ..."


def test_no_message_names_a_token_of_the_parser() -> None:
    for _, marked, _, _ in MISTAKES:
        text = marked.replace("»", "").replace("«", "")
        for problem in problems(text):
            assert not {"LPAR", "RPAR", "DELIMITED", "UNSIGNED", "SET_FUNCTION", "RSQB"} & set(problem.message.split())


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("SELECT TefF, tef FROM sky.stars", "no column tef in sky.stars", "did you mean Teff?"),
        ("SELECT flux FROM quasars", "no column flux in deep.quasars", "flux is a column of deep.stars"),
        ("SELECT q.dist FROM quasars q, matches m", "no column dist in deep.quasars (q)",
         "m (sky.matches) has a column dist"),
        ("SELECT other_idd FROM quasars", "no column other_idd in deep.quasars",
         "did you mean other_id of sky.matches?"),
        ("SELECT nix FROM quasars, matches", "no column nix in deep.quasars or sky.matches", None),
        ("SELECT x.foo FROM (SELECT z FROM quasars) AS x", "no column foo in x", "its columns are z"),
        ("SELECT x.size FROM (SELECT z FROM quasars) AS x", "no column size in x", "size is a column of sky.stars"),
    ],
)  # fmt: skip
def test_an_unknown_column_is_looked_for_everywhere(text: str, message: str, hint: str | None) -> None:
    (found,) = [one for one in problems(text) if one.kind is UNKNOWN]
    assert (found.message, found.hint) == (message, hint)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT class, COUNT(*) FROM »nowhere.t« GROUP BY class",
        "SELECT s.ra + x.b AS m, COUNT(*) FROM »nowhere.t« AS x, sky.stars AS s GROUP BY m",
        "SELECT * FROM »nowhere.t« ORDER BY 3",
        "SELECT * FROM »nowhere.t« UNION SELECT z FROM quasars",
        "SELECT z FROM quasars UNION SELECT * FROM »nowhere.t« ORDER BY 1",
        "SELECT * FROM »nowhere.t« UNION SELECT * FROM quasars ORDER BY zz",
        "SELECT z FROM quasars WHERE z IN (SELECT * FROM »nowhere.t«)",
        "SELECT z FROM quasars WHERE z IN (SELECT u.*, u.b FROM »nowhere.t« AS u)",
        "SELECT DISTINCT * FROM »nowhere.t« ORDER BY a + 1",
        "SELECT a.b, LOG(a.c) + 1 FROM (SELECT * FROM »nowhere.t«) AS a WHERE a.d LIKE a.e",
        "WITH w AS (SELECT * FROM »nowhere.t«) SELECT w.a FROM w NATURAL JOIN quasars HAVING COUNT(*) > 1",
        "SELECT z FROM »nowhere.t« JOIN quasars USING (z)",
    ],
)
def test_an_unknown_table_is_the_only_mistake(text: str) -> None:
    (found,) = problems(text.replace("»", "").replace("«", ""), strict=True)
    assert found.token == "nowhere.t"
    assert found.span.start == text.index("»")


def test_a_flood_of_mistakes_is_told_in_part_and_in_time() -> None:
    with effort_below(3.0):
        found = problems("SELECT " + ", ".join(f"rra{i}" for i in range(20_000)) + " FROM sky.stars")
    assert len(found) == 100
