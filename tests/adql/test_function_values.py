"""Functions mean the same on every engine: each template is run on the database it is for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import psycopg
import pytest

from vo_server.adql.front import compile_query
from vo_server.engine.duckdb.functions import create_functions
from vo_server.engine.duckdb.sql import generate as generate_duckdb
from vo_server.engine.postgres.setup import prepare
from vo_server.engine.postgres.sql import generate as generate_postgres
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import Catalogue, Column, Schema, Table

ONE_ROW = Table(
    "test",
    "one_row",
    (
        Column("i", DataType(Primitive.INT)),
        Column("x", DataType(Primitive.DOUBLE)),
        Column("f", DataType(Primitive.FLOAT)),
        Column("n", DataType(Primitive.DOUBLE)),
        Column("zero", DataType(Primitive.DOUBLE)),
        Column("inf", DataType(Primitive.DOUBLE)),
    ),
)
CATALOGUE = Catalogue((Schema("test", (ONE_ROW,)),))
CREATE = (
    "CREATE TEMP TABLE one_row AS SELECT CAST(-7 AS INTEGER) AS i, CAST(2.5 AS DOUBLE PRECISION) AS x, "
    "CAST(0.5 AS REAL) AS f, CAST(NULL AS DOUBLE PRECISION) AS n, CAST(0 AS DOUBLE PRECISION) AS zero, "
    "CAST('Infinity' AS DOUBLE PRECISION) AS inf"
)

VALUES: list[tuple[str, float | None]] = [
    ("ABS(i)", 7), ("ABS(-2.5)", 2.5), ("CEILING(x)", 3), ("CEILING(-x)", -2), ("FLOOR(x)", 2), ("FLOOR(-x)", -3),
    ("DEGREES(PI())", 180), ("RADIANS(180)", math.pi), ("PI()", math.pi),
    ("EXP(1)", math.e), ("EXP(1000)", None), ("EXP(-1000)", 0), ("EXP(n)", None),
    ("LOG(EXP(2))", 2), ("LOG(10)", math.log(10)), ("LOG(0)", None), ("LOG(i)", None), ("LOG(n)", None),
    ("LOG10(1000)", 3), ("LOG10(zero)", None), ("LOG10(-1)", None),
    ("MOD(-5, 3)", -2), ("MOD(5, -3)", 2), ("MOD(i, 4)", -3), ("MOD(5.5, 2)", 1.5), ("MOD(-5.5, 2)", -1.5),
    ("MOD(x, zero)", None), ("MOD(5, 0)", None), ("MOD(n, 2)", None), ("MOD(6, 3)", 0),
    ("POWER(2, 10)", 1024), ("POWER(-2, 3)", -8), ("POWER(-8, 1/3.)", None), ("POWER(zero, -1)", None),
    ("POWER(0, 0)", 1), ("POWER(10, 400)", None), ("POWER(10, -400)", 0), ("POWER(4, 0.5)", 2), ("POWER(n, 2)", None),
    ("ROUND(x)", 3), ("ROUND(-x)", -3), ("ROUND(1.5)", 2), ("ROUND(1234.5, -2)", 1200), ("ROUND(3.14159, 3)", 3.142),
    ("ROUND(f, 0)", 1), ("ROUND(n, 2)", None), ("ROUND(i, -1)", -10),
    ("TRUNCATE(-1.8)", -1), ("TRUNCATE(-1.29, 1)", -1.2), ("TRUNCATE(0.29, 2)", 0.29), ("TRUNCATE(1234.5, -2)", 1200),
    ("TRUNCATE(n, 1)", None), ("TRUNCATE(zero, 3)", 0), ("TRUNCATE(1.999, 2)", 1.99),
    ("SQRT(6.25)", 2.5), ("SQRT(0)", 0), ("SQRT(-1)", None), ("SQRT(n)", None),
    ("ACOS(0)", math.pi / 2), ("ACOS(2)", None), ("ASIN(1)", math.pi / 2), ("ASIN(-1.5)", None), ("ACOS(n)", None),
    ("ATAN(1)", math.pi / 4), ("ATAN2(1, 0)", math.pi / 2), ("ATAN2(-1, -1)", -3 * math.pi / 4),
    ("COS(0)", 1), ("SIN(1)", math.sin(1)), ("TAN(1)", math.tan(1)), ("COT(1)", 1 / math.tan(1)), ("COT(0)", None),
    ("SIN(inf)", None), ("COS(-inf)", None), ("TAN(inf)", None),
    ("SIN(SQRT(ABS(LOG(MOD(POWER(x, 2), 5)))))", math.sin(math.sqrt(math.log(6.25 % 5)))),
]  # fmt: skip

Calculator = Callable[[str], Any]


@pytest.fixture(params=["duckdb", "postgres"])
def calculate(request: pytest.FixtureRequest) -> Iterator[Calculator]:
    """Calculate an expression on an engine."""
    generate = generate_duckdb if request.param == "duckdb" else generate_postgres

    def sql(expression: str) -> str:
        query = compile_query(f"SELECT {expression} AS value FROM test.one_row", CATALOGUE)
        return generate(query, limit=None, relation=lambda _: "one_row")

    if request.param == "duckdb":
        with duckdb.connect() as database:
            create_functions(database)
            database.execute(CREATE)
            yield lambda expression: database.execute(sql(expression)).fetchone()[0]  # type: ignore[index] # one row
    else:
        dsn = request.getfixturevalue("postgres_dsn")
        prepare(dsn, data_schema="public")
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(CREATE)
            yield lambda expression: connection.execute(sql(expression).encode()).fetchone()[0]  # type: ignore[index] # one row


@pytest.mark.parametrize(("expression", "expected"), VALUES, ids=[expression for expression, _ in VALUES])
def test_a_function_has_one_value_on_all_engines(
    calculate: Calculator, expression: str, expected: float | None
) -> None:
    value = calculate(expression)
    if expected is None:
        assert value is None
    else:
        assert isinstance(value, float)
        assert value == pytest.approx(expected, rel=1e-15, abs=1e-300)


def test_random_numbers_lie_between_0_and_1(calculate: Calculator) -> None:
    assert all(0 <= calculate(expression) <= 1 for expression in ("RAND()", "RAND(42)"))
