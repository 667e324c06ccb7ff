"""Names, stars, scopes, types, units and UCDs."""

from __future__ import annotations

import re

import pytest

from tests.adql.samples import CATALOGUE, DOUBLE, LONG, STARS, TEXT, corpus
from vo_server.adql import tree
from vo_server.adql.front import check_open, compile_query
from vo_server.adql.resolved import BoundColumn, MergedColumn, OutputColumn, ResolvedQuery
from vo_server.adql.walk import preorder
from vo_server.errors import AdqlError, ProblemKind
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import Column, Schema, Table

INT = DataType(Primitive.INT)


def compiled(text: str) -> ResolvedQuery:
    return compile_query(text, CATALOGUE)


def names(text: str) -> list[str]:
    return [column.name for column in compiled(text).columns]


def column(expression: str) -> Column:
    (found,) = compiled(f"SELECT {expression} AS x FROM sky.stars").columns
    return found


def refused(text: str) -> str:
    with pytest.raises(AdqlError) as caught:
        compiled(text)
    return str(caught.value)


# ------------------------------------------------------------------------------------------------------ tables


@pytest.mark.parametrize(
    "table",
    [
        "sky.matches",
        "SKY.Matches",
        "matches",
        "MATCHES",
        '"matches"',
        '"sky"."matches"',
        'sky."matches"',
        "matches AS x",
    ],
)
def test_a_table_is_found_without_case_by_full_and_by_unique_bare_name(table: str) -> None:
    assert [one.full_name for one in compiled(f"SELECT dist FROM {table}").tables] == ["sky.matches"]


@pytest.mark.parametrize("table", ['"Matches"', '"SKY".matches', "sky.sky.matches", "matches.sky"])
def test_a_table_is_not_found_by_another_name(table: str) -> None:
    assert "unknown" in refused(f"SELECT dist FROM {table}")


def test_each_occurrence_of_a_table_is_a_source_of_its_own() -> None:
    query = compiled("SELECT x.id FROM matches AS x JOIN matches AS y ON x.id = y.other_id")
    assert len(query.sources) == 2
    assert len({source.alias for source in query.sources.values()}) == 2
    assert len(query.tables) == 1


# ----------------------------------------------------------------------------------------------------- columns


@pytest.mark.parametrize(
    "name",
    ["teff", "Teff", "TEFF", '"Teff"', '"teff"', "stars.teff", "sky.stars.Teff", '"sky"."stars"."Teff"', "STARS.TEFF"],
)
def test_a_column_is_found_by_the_rules_of_case(name: str) -> None:
    assert names(f"SELECT {name} FROM sky.stars") == ["Teff"]


@pytest.mark.parametrize("name", ['"TEFF"', '"tEff"', '"dist-vista"', "deep.stars.teff", "teff.stars"])
def test_a_column_is_not_found_by_another_spelling(name: str) -> None:
    assert re.search("no column|unknown table", refused(f"SELECT {name} FROM sky.stars"))


@pytest.mark.parametrize("name", ["tefff", "TEFFF", '"Tefff"', "stars.Tefff", "sky.stars.tefff"])
def test_a_column_is_found_by_its_other_name_and_called_by_it(name: str) -> None:
    query = compile_query(f"SELECT {name} FROM sky.stars WHERE {name} > 0 ORDER BY {name}", CATALOGUE, strict=True)
    assert [(one.name, one.unit) for one in query.columns] == [("Tefff", "K")]
    assert {note.kind for note in query.notes} == {ProblemKind.NAME}
    assert {note.hint for note in query.notes} == {"write Teff"}
    assert "is another name of Teff of sky.stars" in query.notes[0].message


def test_another_name_that_is_no_identifier_is_written_in_quotes() -> None:
    assert names('SELECT "T/K" FROM sky.stars') == ["T/K"]
    assert "no column" in refused('SELECT "t/k" FROM sky.stars')


def test_an_alias_of_the_query_goes_before_another_name() -> None:
    assert names("SELECT tefff AS x, Teff FROM sky.stars") == ["x", "Teff"]


def test_the_name_of_a_column_goes_before_another_name() -> None:
    table = Table("sky", "cool", (Column("tefff", DOUBLE, unit="mK"),))
    catalogue = CATALOGUE.with_schema(Schema("cool", (table,)))
    (found,) = compile_query("SELECT tefff FROM sky.stars, cool", catalogue).columns
    assert found.unit == "mK"


def test_a_star_and_a_subquery_know_published_names_only() -> None:
    assert "Tefff" not in names("SELECT * FROM sky.stars")
    assert "no column tefff" in refused("SELECT tefff FROM (SELECT * FROM sky.stars) AS s")


def test_another_name_is_found_in_joins_and_in_groups() -> None:
    assert names("SELECT Tefff FROM sky.stars JOIN deep.quasars USING (id)") == ["Tefff"]
    assert names("SELECT Tefff, COUNT(*) AS n FROM sky.stars GROUP BY Teff") == ["Tefff", "n"]
    assert names("SELECT m.dist FROM sky.stars AS s JOIN sky.matches AS m ON s.tefff = m.teff") == ["dist"]


def test_a_quoted_name_means_exactly_one_of_two_that_differ_in_case() -> None:
    assert names('SELECT "A", "a" FROM quasars') == ["A", "a_2"]
    assert names('SELECT "A" AS x, "a" AS y FROM quasars') == ["x", "y"]


def test_a_star_shows_visible_columns_in_published_order() -> None:
    assert names("SELECT * FROM sky.stars") == [one.name for one in STARS.visible_columns]


def test_a_star_keeps_all_metadata() -> None:
    assert compiled("SELECT * FROM sky.stars").columns == STARS.visible_columns


def test_a_qualified_star_shows_one_table() -> None:
    assert names("SELECT m.*, z FROM matches m, quasars q") == ["id", "other_id", "dist", "teff", "z"]


@pytest.mark.parametrize("name", ['"_healpix_29"', 'stars."_healpix_29"'])
def test_a_hidden_column_cannot_be_named(name: str) -> None:
    assert "no column" in refused(f"SELECT {name} FROM sky.stars")


def test_an_alias_hides_the_name_of_the_table() -> None:
    assert "called s here" in refused("SELECT stars.ra FROM sky.stars AS s")


def test_two_tables_of_one_name_are_told_apart_by_their_schemas() -> None:
    assert names("SELECT sky.stars.ra, deep.stars.flux FROM sky.stars, deep.stars") == ["ra", "flux"]


# ------------------------------------------------------------------------------------------------------- joins


def test_using_merges_columns_and_puts_them_first() -> None:
    query = compiled("SELECT * FROM quasars JOIN deep.stars USING (id)")
    assert [one.name for one in query.columns] == ["id", "z", "A", "a_2", "flux"]


def test_natural_merges_all_common_columns() -> None:
    query = compiled("SELECT id FROM sky.stars NATURAL JOIN sky.matches")
    (merged,) = query.merged.values()
    assert [one.column.name for one in merged] == ["id", "Teff"]
    assert [part.source.name for part in merged[0].parts] == ["stars", "matches"]


@pytest.mark.parametrize(("kind", "source"), [("", "stars"), ("LEFT", "stars"), ("RIGHT", "quasars")])
def test_a_merged_column_is_the_one_that_is_always_there(kind: str, source: str) -> None:
    query = compiled(f"SELECT id FROM sky.stars {kind} JOIN quasars USING (id)")
    (meaning,) = query.names.values()
    assert isinstance(meaning, BoundColumn)
    assert meaning.source.name == source


def test_a_full_join_merges_both_sides() -> None:
    query = compiled("SELECT id FROM sky.stars FULL JOIN quasars USING (id)")
    (meaning,) = query.names.values()
    assert isinstance(meaning, MergedColumn)
    assert [part.source.name for part in meaning.parts] == ["stars", "quasars"]


def test_merged_columns_of_different_types_are_wide_enough() -> None:
    (found,) = compiled("SELECT id FROM matches JOIN quasars USING (id)").columns
    assert found.datatype == LONG


def test_qualified_names_still_reach_both_sides_of_a_merge() -> None:
    assert names("SELECT q.id, s.id FROM sky.stars s JOIN quasars q USING (id)") == ["id", "id_2"]


def test_the_condition_of_a_join_sees_its_operands_only() -> None:
    assert "unknown table or alias 'q'" in refused("SELECT 1 FROM quasars q, sky.stars s JOIN matches m ON m.id = q.id")


def test_a_join_in_named_parentheses_hides_the_names_inside() -> None:
    assert names("SELECT j.dist FROM (sky.stars s JOIN matches m ON s.id = m.id) AS j") == ["dist"]
    assert "unknown table or alias 'm'" in refused(
        "SELECT m.dist FROM (sky.stars s JOIN matches m ON s.id = m.id) AS j"
    )


# -------------------------------------------------------------------------------------------------- subqueries


def test_a_subquery_in_from_gives_its_output_columns() -> None:
    (found,) = compiled("SELECT x.y FROM (SELECT ra AS y FROM sky.stars) AS x").columns
    assert (found.name, found.unit, found.ucd) == ("y", "deg", "pos.eq.ra;meta.main")


def test_a_subquery_in_from_does_not_see_its_neighbours() -> None:
    assert "unknown table" in refused("SELECT 1 FROM quasars q, (SELECT dist FROM matches WHERE id = q.id) AS x")


def test_a_correlated_subquery_sees_the_query_around_it() -> None:
    query = compiled("SELECT z FROM quasars q WHERE EXISTS (SELECT 1 FROM matches WHERE dist < z AND other_id = q.id)")
    meant = {meaning.source.name for meaning in query.names.values() if isinstance(meaning, BoundColumn)}
    assert meant == {"quasars", "q", "matches"} - {"quasars"}


def test_the_inner_name_hides_the_outer_one() -> None:
    query = compiled("SELECT z FROM quasars WHERE EXISTS (SELECT 1 FROM matches WHERE id = 1)")
    inner = [m for m in query.names.values() if isinstance(m, BoundColumn) and m.column.name == "id"]
    assert [one.source.name for one in inner] == ["matches"]


def test_common_tables_hide_published_ones_and_see_earlier_ones() -> None:
    query = compiled(
        "WITH quasars AS (SELECT ra FROM sky.stars), b AS (SELECT ra FROM quasars) SELECT * FROM b, quasars"
    )
    assert [one.name for one in query.columns] == ["ra", "ra_2"]
    assert [table.full_name for table in query.tables] == ["sky.stars"]


def test_a_common_table_does_not_see_itself_or_later_ones() -> None:
    assert "unknown table 'b'" in refused("WITH a AS (SELECT 1 FROM b), b AS (SELECT z FROM quasars) SELECT 1 FROM a")


def test_common_tables_reach_into_subqueries() -> None:
    compiled("WITH x AS (SELECT id FROM quasars) SELECT ra FROM sky.stars WHERE id IN (SELECT id FROM x)")


# ------------------------------------------------------------------------------------------------ output names


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ("ra AS x, dec y", ["x", "y"]),
        ('ra AS "My RA"', ["My RA"]),
        ("TEFF", ["Teff"]),
        ("(ra)", ["ra"]),
        ("ra + 1, ABS(ra)", ["col_1", "col_2"]),
        ("COUNT(*), SUM(ra), MAX(ra + 1)", ["count_all", "sum_ra", "max_3"]),
        ("ra, ra, ra", ["ra", "ra_2", "ra_3"]),
        ("ra AS x_2, dec AS x, mag AS x", ["x_2", "x", "x_3"]),
        ("ra AS x, dec AS X", ["x", "X_2"]),
        ("NULL AS nothing", ["nothing"]),
    ],
)
def test_output_columns_have_unique_names(items: str, expected: list[str]) -> None:
    assert names(f"SELECT {items} FROM sky.stars") == expected


def test_a_renamed_output_column_is_noted_and_no_mistake() -> None:
    query = compile_query("SELECT ra, ra FROM sky.stars", CATALOGUE, strict=True)
    (note,) = query.notes
    assert note.kind is ProblemKind.AMBIGUOUS
    assert "ra_2" in note.message


# ------------------------------------------------------------------------------------------------------- order


@pytest.mark.parametrize(
    ("order", "position"), [("1", 0), ("x", 0), ("X", 0), ('"x"', 0), ("2", 1), ("dec", 1), ("x DESC", 0)]
)
def test_order_by_finds_output_columns(order: str, position: int) -> None:
    query = compiled(f"SELECT ra AS x, dec FROM sky.stars ORDER BY {order}")
    meaning = query.names[query.tree.order_by[0].value]
    assert isinstance(meaning, OutputColumn)
    body = query.tree.body
    assert isinstance(body, tree.Select)
    assert meaning is query.outputs[body][position]


@pytest.mark.parametrize("order", ["stars.ra", "mag", "ra + dec", "ABS(mag)", "s.mag"])
def test_order_by_finds_columns_that_are_not_selected(order: str) -> None:
    table = "sky.stars AS s" if order.startswith("s.") else "sky.stars"
    query = compiled(f"SELECT dec AS d FROM {table} ORDER BY {order}")
    assert not isinstance(query.names.get(query.tree.order_by[0].value), OutputColumn)


def test_an_output_name_goes_before_a_column_of_the_table() -> None:
    query = compiled("SELECT -ra AS dec FROM sky.stars ORDER BY dec")
    assert isinstance(query.names[query.tree.order_by[0].value], OutputColumn)


def test_an_output_name_inside_an_expression_is_noted() -> None:
    query = compiled("SELECT ra AS x FROM sky.stars ORDER BY -x")
    assert "an output name inside an expression" in query.notes[0].message


def test_group_by_an_output_name_is_noted() -> None:
    query = compiled("SELECT FLOOR(mag) AS m, COUNT(*) FROM sky.stars GROUP BY m")
    assert query.notes[0].hint == "write GROUP BY FLOOR(mag)"


@pytest.mark.parametrize(
    "text",
    [
        "SELECT FLOOR(mag), COUNT(*) FROM sky.stars GROUP BY floor( (mag) )",
        "SELECT name, mag + 1 FROM sky.stars GROUP BY mag, name",
        "SELECT s.name FROM sky.stars AS s GROUP BY name HAVING MAX(s.mag) > 3 ORDER BY COUNT(*)",
        "SELECT id, COUNT(*) FROM sky.stars JOIN quasars USING (id) GROUP BY id",
        "SELECT 1, 'x', COUNT(*) FROM sky.stars",
        "SELECT z FROM quasars WHERE z > (SELECT AVG(mag) FROM sky.stars)",
        'SELECT * FROM quasars GROUP BY id, z, "A", "a"',
    ],
)
def test_grouped_queries_that_are_fine(text: str) -> None:
    compiled(text)


# ------------------------------------------------------------------------------------------------------- types


@pytest.mark.parametrize(
    ("expression", "datatype", "unit", "ucd"),
    [
        ("ra", DOUBLE, "deg", "pos.eq.ra;meta.main"),
        ("(mag)", DataType(Primitive.FLOAT), "mag", "phot.mag;em.opt.R"),
        ("1", INT, None, None),
        ("3000000000", LONG, None, None),
        ("1.5", DOUBLE, None, None),
        ("'x'", TEXT, None, None),
        ("'é'", DataType(Primitive.UNICODE_CHAR, "*"), None, None),
        ("NULL", TEXT, None, None),
        ("small + byte", INT, None, None),
        ("small + id", LONG, None, None),
        ("mag + small", DataType(Primitive.FLOAT), None, None),
        ("mag + size", DOUBLE, None, None),
        ("mag - mag", DataType(Primitive.FLOAT), "mag", None),
        ("mag * mag", DataType(Primitive.FLOAT), "mag**2", None),
        ("size / size", INT, None, None),
        ("-mag", DataType(Primitive.FLOAT), "mag", "phot.mag;em.opt.R"),
        ("-byte", INT, None, None),
        ("COUNT(*)", LONG, None, "meta.number"),
        ("COUNT(DISTINCT name)", LONG, None, "meta.number"),
        ("SUM(small)", LONG, None, None),
        ("SUM(mag)", DOUBLE, "mag", "phot.mag;em.opt.R"),
        ("AVG(mag)", DOUBLE, "mag", "phot.mag;em.opt.R;stat.mean"),
        ("AVG(size)", DOUBLE, None, None),
        ("MIN(ra)", DOUBLE, "deg", "pos.eq.ra;stat.min"),
        ("MAX(name)", TEXT, None, "meta.id;stat.max"),
        ("MAX(observed)", DataType(Primitive.CHAR, "*", "timestamp"), None, None),
        ("DISTANCE(ra, dec, 1, 2)", DOUBLE, "deg", "pos.angDistance"),
        ("DISTANCE(position, POINT(1, 2))", DOUBLE, "deg", "pos.angDistance"),
        ("AREA(CIRCLE(1, 2, 3))", DOUBLE, "deg**2", "phys.angArea"),
        ("COORD1(position)", DOUBLE, "deg", None),
        ("CONTAINS(position, CIRCLE(1, 2, 3))", INT, None, None),
        ("POINT(ra, dec)", DataType(Primitive.DOUBLE, "2", "point"), "deg", "pos.eq"),
        ("ACOS(ra)", DOUBLE, "rad", None),
        ("DEGREES(ra)", DOUBLE, "deg", None),
        ("SQRT(small)", DOUBLE, None, None),
        ("ABS(mag)", DOUBLE, "mag", "phot.mag;em.opt.R"),
        ("name || 'x'", TEXT, None, None),
        ("name || native", DataType(Primitive.UNICODE_CHAR, "*"), None, None),
        ("LOWER(name)", TEXT, None, "meta.id"),
        ("CAST(mag AS INTEGER)", INT, "mag", "phot.mag;em.opt.R"),
        ("CAST(mag AS CHAR(5))", DataType(Primitive.CHAR, "5"), "mag", "phot.mag;em.opt.R"),
        ("CAST(mag AS VARCHAR(5))", DataType(Primitive.CHAR, "5*"), "mag", "phot.mag;em.opt.R"),
        ("CAST('2015-01-01' AS TIMESTAMP)", DataType(Primitive.CHAR, "*", "timestamp"), None, None),
        ("COALESCE(mag, 0)", DOUBLE, "mag", "phot.mag;em.opt.R"),
        ("COALESCE(NULL, small, id)", LONG, None, None),
        ("mags[1]", DataType(Primitive.FLOAT), "mag", "phot.mag"),
        ("mags[sdss::R]", DataType(Primitive.FLOAT), "mag", "phot.mag"),
        ("CASE WHEN ra > 1 THEN small ELSE id END", LONG, None, None),
        ("CASE WHEN ra > 1 THEN name END", TEXT, None, "meta.id"),
        ("(SELECT MAX(z) FROM quasars)", DOUBLE, None, None),
        ("is_variable", DataType(Primitive.BOOLEAN), None, None),
        ("is_variable + 1", INT, None, None),
        ("SUM(is_variable)", LONG, None, None),
    ],
)
def test_every_value_has_type_unit_and_ucd(
    expression: str, datatype: DataType, unit: str | None, ucd: str | None
) -> None:
    found = column(expression)
    assert (found.datatype, found.unit, found.ucd) == (datatype, unit, ucd)


def test_every_expression_of_a_query_has_metadata() -> None:
    query = compiled(
        "SELECT ra + 1, -ABS(dec) FROM sky.stars WHERE (mag > 3 OR name LIKE 'x%') AND size IN (1, 2) "
        "AND ra BETWEEN 1 AND 2 AND EXISTS (SELECT z FROM quasars WHERE z > mag) ORDER BY ra * 2"
    )
    assert [
        node for node in preorder(query.tree) if isinstance(node, tree.Expression) and node not in query.values
    ] == []


def test_descriptions_come_from_columns_or_say_what_was_written() -> None:
    assert column("ra").description == "Right ascension"
    assert column("ra  +\n 1").description == "ra + 1"


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("small", "id", LONG),
        ("id", "mag", DOUBLE),
        ("NULL", "small", DataType(Primitive.SHORT)),
        ("name", "native", DataType(Primitive.UNICODE_CHAR, "*")),
        ("name", "NULL", TEXT),
    ],
)
def test_set_operations_widen_types(left: str, right: str, expected: DataType) -> None:
    query = compiled(f"SELECT {left} AS x FROM sky.stars UNION SELECT {right} AS y FROM sky.stars")
    assert [(one.name, one.datatype) for one in query.columns] == [("x", expected)]


def test_set_operations_keep_the_metadata_of_the_first_operand() -> None:
    (found,) = compiled("SELECT ra FROM sky.stars UNION SELECT z FROM quasars").columns
    assert (found.name, found.unit) == ("ra", "deg")


# ------------------------------------------------------------------------------------------------------- notes


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("SELECT *, 1 AS one FROM sky.stars", "write SELECT sky.stars.*, 1 AS one"),
        ("SELECT ra FROM sky.stars LIMIT 3", "write SELECT TOP 3 ra ..."),
        ("SELECT small % 2 FROM sky.stars", "write MOD(small, 2)"),
        ("SELECT ra FROM sky.stars WHERE mag > '3'", "write the number without quotes: 3"),
        ("SELECT ra FROM sky.stars WHERE mag IN ('3', '4.5')", "write the number without quotes: 3"),
        ("SELECT ra FROM sky.stars WHERE mag BETWEEN '3' AND 4", "write the number without quotes: 3"),
        ("SELECT ra FROM sky.stars WHERE observed > '2015-01-01'", "write CAST('2015-01-01' AS TIMESTAMP)"),
        ("SELECT ra FROM sky.stars WHERE is_variable = 1", None),
        ("SELECT ra FROM sky.stars WHERE is_variable = 'true'", None),
        ("SELECT ra FROM sky.stars WHERE is_variable", "write 1=is_variable"),
        ("SELECT ra FROM sky.stars WHERE is_variable = TRUE", "write 1"),
        ("SELECT size FROM sky.stars", None),
        ("SELECT ra FROM sky.stars CROSS JOIN quasars", "write sky.stars, quasars"),
        ("SELECT ra FROM sky.stars WHERE ABS(ra) IS NULL", None),
    ],
)
def test_lenient_forms_work_and_are_noted(text: str, hint: str | None) -> None:
    note = compiled(text).notes[0]
    assert note.kind is ProblemKind.NONSTANDARD
    assert note.hint
    if hint is not None:
        assert note.hint == hint
    with pytest.raises(AdqlError):
        compile_query(text, CATALOGUE, strict=True)


def test_queries_of_the_standard_have_no_notes() -> None:
    assert (
        compiled("SELECT TOP 3 ra, COUNT(*) FROM sky.stars WHERE mag > 3 GROUP BY ra ORDER BY 2 OFFSET 1").notes == ()
    )


# -------------------------------------------------------------------------------------------------------- open


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a, b.c FROM x, y AS b",
        "SELECT * FROM x NATURAL JOIN y",
        "SELECT a FROM x JOIN y USING (a)",
        "SELECT foo(a) + 1 FROM x WHERE bar(b) LIKE 'x'",
        "SELECT a FROM (SELECT * FROM x) AS y",
        "WITH q AS (SELECT * FROM x) SELECT b FROM q WHERE EXISTS (SELECT 1 FROM y WHERE y.i = q.i)",
        "SELECT a FROM x UNION SELECT * FROM y",
        "SELECT a[3], b[sys::el] FROM x",
        "SELECT * FROM x ORDER BY 7, b",
    ],
)
def test_an_open_check_takes_unknown_names_as_given(text: str) -> None:
    check_open(text)


@pytest.mark.parametrize("text", [*corpus("standard"), *corpus("lenient")])
def test_the_whole_corpus_passes_an_open_check(text: str) -> None:
    check_open(text)


@pytest.mark.parametrize(
    "text", ["SELECT LOG() FROM x", "SELECT 'a' + 1 FROM x", "SELECT a FROM x WHERE MAX(b) > 1", "SELECT y.a FROM x"]
)
def test_an_open_check_finds_what_needs_no_metadata(text: str) -> None:
    with pytest.raises(AdqlError):
        check_open(text)
