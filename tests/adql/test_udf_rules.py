"""User-defined functions in the language: metadata of values, groups, domains, what is declared of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from vo_server.adql.features import declared_features
from vo_server.adql.front import compile_query
from vo_server.adql.functions import FUNCTIONS, Family
from vo_server.adql.reference import functions_page
from vo_server.errors import AdqlError
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import Catalogue, Column, Schema, Table

_DOUBLE = DataType(Primitive.DOUBLE)
STARS = Table(
    "sky",
    "stars",
    (
        Column("ra", _DOUBLE, unit="deg", ucd="pos.eq.ra;meta.main"),
        Column("dec", _DOUBLE, unit="deg", ucd="pos.eq.dec;meta.main"),
        Column("mag", DataType(Primitive.FLOAT), unit="mag", ucd="phot.mag;em.opt.R"),
        Column("err", DataType(Primitive.FLOAT), unit="mag", ucd="stat.error"),
        Column("flags", DataType(Primitive.INT), ucd="meta.code"),
        Column("name", DataType(Primitive.UNICODE_CHAR, "*"), ucd="meta.id;meta.main"),
        Column("seen", DataType(Primitive.CHAR, "*", "timestamp")),
    ),
)
CATALOGUE = Catalogue((Schema("sky", (STARS,)),))
DOCS = Path(__file__).parents[2] / "docs" / "functions.md"


def _value(expression: str) -> Column:
    return compile_query(f"SELECT {expression} AS v FROM sky.stars", CATALOGUE).columns[0]


def _problems(query: str) -> list[str]:
    with pytest.raises(AdqlError) as caught:
        compile_query(query, CATALOGUE)
    return [problem.message for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("expression", "adql_type", "unit", "ucd"),
    [
        ("ivo_healpix_index(5, ra, dec)", "BIGINT", None, "pos.healpix"),
        ("ivo_healpix_center(5, flags)", "POINT", "deg", "pos.eq"),
        ("ivo_epoch_prop_pos(ra, dec, 1, 1, 1, 1, 2000, 2016)", "POINT", "deg", "pos.eq"),
        ("ivo_geom_transform('ICRS', 'GALACTIC', CIRCLE(ra, dec, 1))", "CIRCLE", "deg", None),
        ("ivo_to_jd(seen)", "DOUBLE PRECISION", "d", "time.epoch"),
        ("ivo_histogram(mag, 10, 20, 10)", "INTEGER ARRAY", None, "meta.number"),
        ("ivo_hms_to_degrees(name)", "DOUBLE PRECISION", "deg", None),
        ("median(mag)", "DOUBLE PRECISION", "mag", "phot.mag;em.opt.R;stat.median"),
        ("median(ra)", "DOUBLE PRECISION", "deg", "pos.eq.ra;stat.median"),
        ("quantile(mag, 0.9)", "DOUBLE PRECISION", "mag", "phot.mag;em.opt.R;stat.value"),
        ("stddev(mag)", "DOUBLE PRECISION", "mag", "phot.mag;em.opt.R;stat.stdev"),
        ("greatest(mag, err)", "REAL", "mag", None),
        ("least(mag, flags)", "DOUBLE PRECISION", None, None),
        ("greatest(seen, seen)", "TIMESTAMP", None, None),
        ("bit_and(flags, 4)", "BIGINT", None, None),
        ("has_bits(flags, 4)", "INTEGER", None, None),
    ],
)
def test_a_value_has_a_type_a_unit_and_a_ucd(
    expression: str, adql_type: str, unit: str | None, ucd: str | None
) -> None:
    value = _value(expression)
    assert (value.datatype.adql, value.unit, value.ucd) == (adql_type, unit, ucd)


def test_joined_texts_keep_their_letters() -> None:
    assert _value("ivo_string_agg(name, ',')").datatype.primitive is Primitive.UNICODE_CHAR


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT ra FROM sky.stars WHERE median(mag) > 1", "MEDIAN cannot stand in WHERE"),
        ("SELECT median(mag) FROM sky.stars GROUP BY stddev(ra)", "STDDEV cannot stand in GROUP BY"),
        ("SELECT median(MAX(mag)) FROM sky.stars", "MAX cannot stand inside another set function"),
        ("SELECT MAX(median(mag)) FROM sky.stars", "MEDIAN cannot stand inside another set function"),
        (
            "SELECT ra, median(mag) FROM sky.stars",
            "the column ra stands beside a set function, but the query has no GROUP BY",
        ),
        (
            "SELECT ivo_string_agg(name, ','), ra FROM sky.stars GROUP BY dec",
            "the column ra is neither in GROUP BY nor inside a set function",
        ),
        ("SELECT quantile(mag, 1.5) FROM sky.stars", "QUANTILE takes 0 to 1 for q, not 1.5"),
        ("SELECT quantile(mag, -0.5) FROM sky.stars", "QUANTILE takes 0 to 1 for q, not -0.5"),
        ("SELECT quantile(mag, err) FROM sky.stars", "QUANTILE takes a literal number for q; err is a number"),
        (
            "SELECT ivo_healpix_index(30, ra, dec) FROM sky.stars",
            "IVO_HEALPIX_INDEX takes 0 to 29 for hpxOrder, not 30",
        ),
        (
            "SELECT ivo_healpix_center(5, ra) FROM sky.stars",
            "IVO_HEALPIX_CENTER takes an integer for hpxIndex; ra is a number",
        ),
        ("SELECT bit_and(ra, 1) FROM sky.stars", "BIT_AND takes an integer for a; ra is a number"),
        (
            "SELECT ivo_geom_transform('ICRS', 'galactic', POINT(ra, dec)) FROM sky.stars",
            "IVO_GEOM_TRANSFORM does not know 'galactic' for toSys",
        ),
        (
            "SELECT ivo_geom_transform(name, 'GALACTIC', POINT(ra, dec)) FROM sky.stars",
            "IVO_GEOM_TRANSFORM takes a literal string for fromSys; name is a string",
        ),
        ("SELECT greatest(ra) FROM sky.stars", "GREATEST takes at least 2 arguments, 1 given"),
        ("SELECT ivo_histogram(ra, 0, 1, 0) FROM sky.stars", "IVO_HISTOGRAM takes 1 to 10000 for nbins, not 0"),
        ("SELECT ivo_simbadpoint('M31') FROM sky.stars", "unknown function 'ivo_simbadpoint'"),
    ],
)
def test_a_wrong_use_is_told(query: str, message: str) -> None:
    assert _problems(query) == [message]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT median(mag) FROM sky.stars",
        "SELECT flags, median(mag) AS m FROM sky.stars GROUP BY flags HAVING median(mag) > 3 ORDER BY median(mag)",
        "SELECT ivo_healpix_index(4, ra, dec), median(mag) FROM sky.stars GROUP BY ivo_healpix_index(4, ra, dec)",
        "SELECT ra FROM sky.stars WHERE mag > (SELECT median(mag) FROM sky.stars)",
        "SELECT median(mag) - MIN(mag), COUNT(*) FROM sky.stars",
    ],
)
def test_set_functions_of_this_service_obey_the_rules_of_groups(query: str) -> None:
    compile_query(query, CATALOGUE)


@pytest.mark.parametrize("engine", ["duckdb", "postgres"])
def test_every_user_defined_function_is_declared_with_its_signature(engine: str) -> None:
    groups = {group.fragment: dict(group.features) for group in declared_features(engine)}
    declared = groups["features-udf"]
    assert declared == {one.signature: one.description for one in FUNCTIONS if one.family is Family.UDF}
    assert "ivo_healpix_index(hpxOrder INTEGER, long DOUBLE PRECISION, lat DOUBLE PRECISION) -> BIGINT" in declared
    assert "ivo_interval_overlaps(a1 DOUBLE PRECISION, b1 DOUBLE PRECISION, " in " ".join(declared)


def test_the_page_of_functions_is_that_of_the_table() -> None:
    hint = "run: python -m vo_server.adql.reference > docs/functions.md"
    assert DOCS.read_text(encoding="utf-8") == functions_page(), hint
