"""User-defined functions mean the same on both engines: each is run on the database it is for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import numpy as np
import psycopg
import pytest

from vo_server.adql.front import compile_query
from vo_server.engine.duckdb.functions import create_functions
from vo_server.engine.duckdb.sql import generate as generate_duckdb
from vo_server.engine.postgres.setup import prepare
from vo_server.engine.postgres.sql import generate as generate_postgres
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import Catalogue, Column, Schema, Table

_DOUBLE = DataType(Primitive.DOUBLE)
_LONG = DataType(Primitive.LONG)
_TEXT = DataType(Primitive.CHAR, "*")
SIX = Table(
    "test",
    "six",
    (
        Column("i", DataType(Primitive.INT)),
        Column("x", _DOUBLE),
        Column("f", DataType(Primitive.FLOAT)),
        Column("flags", _LONG),
        Column("word", _TEXT),
        Column("none", _DOUBLE),
        Column("nan", _DOUBLE),
        Column("inf", _DOUBLE),
        Column("seen", DataType(Primitive.CHAR, "*", "timestamp")),
    ),
)
CATALOGUE = Catalogue((Schema("test", (SIX,)),))
CREATE = """
CREATE TEMP TABLE six AS
SELECT i, CAST(x AS DOUBLE PRECISION) AS x, CAST(0.1 AS REAL) AS f, CAST(i * 5 AS BIGINT) AS flags,
       CAST(word AS TEXT) AS word, CAST(NULL AS DOUBLE PRECISION) AS none, CAST('NaN' AS DOUBLE PRECISION) AS nan,
       CAST('Infinity' AS DOUBLE PRECISION) AS inf, CAST('2000-01-02T12:00:00' AS TIMESTAMP) AS seen
FROM (VALUES (1, 0.5, 'b'), (2, 1.5, 'a'), (3, 2.25, NULL), (4, 7.0, 'B'), (5, NULL, 'z'),
             (6, CAST('NaN' AS DOUBLE PRECISION), 'ä'))
AS t (i, x, word)
"""

Calculator = Callable[[str], Any]


@pytest.fixture(params=["duckdb", pytest.param("postgres", marks=pytest.mark.postgres)])
def calculate(request: pytest.FixtureRequest) -> Iterator[Calculator]:
    """Calculate one expression over the six rows on an engine; ``expression | condition`` takes some of them."""
    generate = generate_duckdb if request.param == "duckdb" else generate_postgres

    def sql(text: str) -> str:
        expression, _, condition = text.partition(" | ")
        query = compile_query(
            f"SELECT TOP 1 {expression} AS value FROM test.six WHERE {condition or 'i > 0'}", CATALOGUE
        )
        return generate(query, limit=None, relation=lambda _: "six")

    if request.param == "duckdb":
        with duckdb.connect() as database:
            create_functions(database)
            database.execute(CREATE)
            yield lambda text: database.execute(sql(text)).fetchone()[0]  # type: ignore[index] # one row
    else:
        dsn = request.getfixturevalue("postgres_dsn")
        prepare(dsn, data_schema="public")
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(CREATE.encode())
            yield lambda text: connection.execute(sql(text).encode()).fetchone()[0]  # type: ignore[index] # one row


VALUES: list[tuple[str, Any]] = [
    ("ivo_healpix_index(0, 1, 1)", 4),
    ("ivo_healpix_index(17, 1, 1)", 81609757711),
    ("ivo_healpix_index(17, 359, -1)", 73009064944),
    ("ivo_healpix_index(17, -1, -1)", 73009064944),
    ("ivo_healpix_index(17, POINT('ICRS', 1, 1))", 81609757711),
    ("ivo_healpix_index(0, x, 1) | i = 1", 4),
    ("ivo_healpix_index(i, 1, 91)", None),
    ("ivo_healpix_index(i, nan, 1)", None),
    ("ivo_healpix_index(i, inf, 1)", None),
    ("ivo_healpix_index(i, 1, none)", None),
    ("ivo_healpix_index(i - 2, 1, 1) | i = 1", None),
    ("ivo_healpix_index(i + 29, 1, 1) | i = 1", None),
    ("ivo_healpix_center(0, 6)", [180, 0]),
    ("ivo_healpix_center(0, 12)", None),
    ("ivo_healpix_center(29, -1)", None),
    ("ivo_healpix_center(i, NULL)", None),
    ("COORD1(ivo_healpix_center(0, 6))", 180),
    ("ivo_epoch_prop_pos(7.606083572, 11.79044105, 125, 300, -428.8, 52.51, 2016.0, 1992.25)",
     [7.604061404627978, 11.7932703828279]),
    ("ivo_epoch_prop_pos(10, 20, NULL, NULL, NULL, NULL, 2000, 2100)", [10, 20]),
    ("ivo_epoch_prop_pos(10, 20, none, 0, nan, none, 2000, 2100)", [10, 20]),
    ("ivo_epoch_prop_pos(nan, 20, 1, 0, 0, 0, 2000, 2100)", None),
    ("ivo_geom_transform('ICRS', 'ICRS', CIRCLE(120, -23, x)) | i = 2", [120, -23, 1.5]),
    ("ivo_geom_transform('ICRS', 'FK5', POINT(none, -23))", None),
    ("ivo_to_jd(CAST('2000-01-02T12:00:00' AS TIMESTAMP))", 2451546.0),
    ("ivo_to_jd(seen)", 2451546.0),
    ("ivo_to_mjd(seen)", 51545.5),
    ("ivo_to_jd('1910-12-31T06:00:00')", 2419036.75),
    ("ivo_to_mjd('1910-12-31T06:00:00Z')", 19036.25),
    ("ivo_to_mjd('1858-11-17')", 0),
    ("ivo_to_mjd('2000-02-30')", None),
    ("ivo_to_mjd('2000-13-01')", None),
    ("ivo_to_mjd('yesterday')", None),
    ("ivo_to_mjd(word)", None),
    ("ivo_to_jd(NULL)", None),
    ("ivo_string_agg(word, ', ')", "B, a, b, z, ä"),
    ("ivo_string_agg(word, '') | i = 3", None),
    ("ivo_string_agg(word, ',') | i = 0", None),
    ("ivo_nocasematch('Gaia DR3', 'gaia%')", 1),
    ("ivo_nocasematch('Gaia DR3', 'gaia')", 0),
    ("ivo_nocasematch('ÄRA', 'ä_a')", 1),
    (r"ivo_nocasematch('a\b', 'A\B')", 1),
    ("ivo_nocasematch(word, 'a') | i = 3", None),
    ("ivo_hasword('Spectra of Seyfert-2 galaxies', 'SEYFERT galaxies')", 1),
    ("ivo_hasword('Spectra of Seyferts', 'Seyfert')", 0),
    ("ivo_hasword('a_b.c', 'b')", 1),
    ("ivo_hasword('It''s {x}|y~z!', 's x y Z')", 1),
    ("ivo_hasword('a\tb\nc', 'b')", 1),
    ("ivo_hasword('aébc', 'bc')", 0),
    ("ivo_hasword('anything', ' ')", 0),
    ("ivo_hasword(word, 'a') | i = 3", None),
    ("ivo_hasword('anything', word) | i = 3", None),
    ("ivo_hasword(word, '') | i = 3", None),
    ("ivo_hashlist_has('', word) | i = 3", None),
    ("ivo_nocasematch(LOWER('Gaia'), UPPER('gaia'))", 1),
    ("ivo_to_mjd(CAST('2013-10-27T15:36:17' AS TIMESTAMP))", 56592.65019675926),
    ("ivo_hashlist_has('Optical#radio', 'optical')", 1),
    ("ivo_hashlist_has('optical#radio', 'RADIO')", 1),
    ("ivo_hashlist_has('optical#radio', 'rad')", 0),
    ("ivo_hashlist_has('optical#radio', 'optical#radio')", 0),
    ("ivo_hashlist_has('', '')", 0),
    ("ivo_hashlist_has('a', word) | i = 3", None),
    ("ivo_histogram(x, 0.5, 2.5, 4)", [2, 1, 0, 1, 1, 1]),
    ("ivo_histogram(x, 0.5, 7, 1)", [2, 3, 1]),
    ("ivo_histogram(x, 0, 1, 2) | i = 0", [0, 0, 0, 0]),
    ("ivo_histogram(x, 2, 1, 1)", [0, 0, 0]),
    ("ivo_histogram(inf, -1, 1, 1)", [0, 0, 6]),
    ("ivo_histogram(-inf, -1, 1, 1)", [6, 0, 0]),
    ("ivo_histogram(i, 0.5, 6.5, 3)", [0, 2, 2, 2, 0]),
    ("ivo_interval_overlaps(1, 2, 2, 3)", 1),
    ("ivo_interval_overlaps(1, 2, 2.5, 3)", 0),
    ("ivo_interval_overlaps(1, 4, 2, 3)", 1),
    ("ivo_interval_overlaps(2, 1, 0, 3)", 0),
    ("ivo_interval_overlaps(0, 3, 2, 1)", 0),
    ("ivo_interval_overlaps(1, none, 2, 3)", None),
    ("ivo_hms_to_degrees('3:34:45.4')", 53.6891666666666667),
    ("ivo_hms_to_degrees('033445.4')", 53.6891666666666667),
    ("ivo_hms_to_degrees('3H34m45.4S')", 53.6891666666666667),
    ("ivo_hms_to_degrees('3:34')", None),
    ("ivo_hms_to_degrees('3:64:00')", None),
    ("ivo_hms_to_degrees('three')", None),
    ("ivo_hms_to_degrees(word) | i = 3", None),
    ("ivo_dms_to_degrees('-00:15:00')", -0.25),
    ("ivo_dms_to_degrees('-001500')", -0.25),
    ("ivo_dms_to_degrees('-0d15M0.s')", -0.25),
    ("ivo_dms_to_degrees('+89:30:00')", 89.5),
    ("ivo_dms_to_degrees('')", None),
    ("bit_and(12, 10)", 8), ("bit_or(12, 10)", 14), ("bit_xor(12, 10)", 6), ("bit_not(0)", -1),
    ("bit_and(-1, flags) | i = 3", 15), ("bit_and(flags, NULL)", None),
    ("bit_and(1099511627776, 1099511627777)", 1099511627776),
    ("has_bits(13, 5)", 1), ("has_bits(13, 6)", 0), ("has_bits(13, 0)", 1), ("has_bits(NULL, 1)", None),
    ("median(x)", 1.875), ("median(i)", 3.5), ("median(none)", None), ("median(f)", 0.10000000149011612),
    ("median(x) | i > 4", None),
    ("quantile(x, 0)", 0.5), ("quantile(x, 1)", 7.0), ("quantile(i, 0.25)", 2.25), ("quantile(x, 0.9)", 5.575),
    ("stddev(i)", math.sqrt(3.5)), ("stddev(x) | i < 3", math.sqrt(0.5)), ("stddev(i) | i = 1", None),
    ("stddev(inf)", None),
    ("greatest(1, 2.5, 2)", 2.5), ("least(1, 2.5, 2)", 1), ("greatest(none, 1)", 1), ("least(none, none)", None),
    ("greatest(i, 3, f) | i = 5", 5), ("least(f, 1)", 0.10000000149011612), ("least(nan, 1)", 1),
    ("greatest(-inf, none)", -math.inf), ("greatest(9007199254740993, i)", 9007199254740993),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), VALUES, ids=[text for text, _ in VALUES])
def test_a_function_has_one_value_on_both_engines(calculate: Calculator, text: str, expected: object) -> None:
    value = calculate(text)
    if isinstance(expected, float) or (isinstance(expected, list) and "histogram" not in text):
        assert value == pytest.approx(expected, rel=1e-12)
    else:
        assert value == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ivo_geom_transform('ICRS', 'GALACTIC', POINT(120, -23))", [241.121831182, 3.62785788087]),
        ("ivo_geom_transform('GALACTIC', 'ICRS', POINT(241.121831182, 3.62785788087))", [120, -23]),
    ],
)
def test_the_galactic_example_of_the_catalogue_of_functions(calculate: Calculator, text: str, expected: object) -> None:
    assert calculate(text) == pytest.approx(expected, rel=0, abs=1e-9)


def test_nan_is_the_greatest(calculate: Calculator) -> None:
    assert math.isnan(calculate("greatest(nan, inf, 1)"))


def test_a_missing_position_has_no_other_epoch(calculate: Calculator) -> None:
    with pytest.raises((duckdb.Error, psycopg.Error), match="undefined for values that are NULL"):
        calculate("ivo_epoch_prop_pos(none, 1, 1, 1, 1, 1, 2000, 2016)")


def test_the_same_digits_of_a_quantile_come_from_both_engines(calculate: Calculator) -> None:
    assert calculate("quantile(x, 0.3)") == pytest.approx(1.4, rel=4e-16)


def test_normal_random_numbers_have_their_mean_and_deviation(calculate: Calculator) -> None:
    values = np.array([calculate("ivo_normal_random(10, 2)") for _ in range(400)])
    assert abs(values.mean() - 10) < 0.7
    assert 1.5 < values.std() < 2.5
