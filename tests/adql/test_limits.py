"""What is too large is refused at once, and what is long but harmless is not."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest

from tests.adql.samples import CATALOGUE
from tests.support.effort import effort_below
from vo_server.adql.front import compile_query, parse
from vo_server.engine.duckdb.sql import generate as duckdb_sql
from vo_server.engine.postgres.sql import generate as postgres_sql
from vo_server.errors import AdqlError, ProblemKind

GUARD_S = 5.0
"""On an idle machine nothing here takes two seconds."""

TOO_MUCH = {
    "100 kB of parentheses": lambda: "SELECT " + "(" * 100_000,
    "closed parentheses": lambda: f"SELECT {'(' * 101}1{')' * 101} FROM t",
    "nested calls": lambda: f"SELECT {'ABS(' * 101}1{')' * 101} FROM t",
    "nested subqueries": lambda: f"SELECT 1 FROM {'(SELECT 1 FROM ' * 101}t{') AS x' * 101}",
    "nested conditions": lambda: f"SELECT a FROM t WHERE {'NOT (' * 101}a = 1{')' * 101}",
    "nested CASE": lambda: f"SELECT {'CASE WHEN a = 1 THEN ' * 101}1{' END' * 101} FROM t",
    "51 joins": lambda: "SELECT 1 FROM t0 " + " ".join(f"JOIN t{i} ON 1 = 1" for i in range(1, 52)),
    "52 tables": lambda: "SELECT 1 FROM " + ", ".join(f"t{i}" for i in range(52)),
    "5 001 predicates": lambda: "SELECT 1 FROM t WHERE " + " OR ".join(["a = 1"] * 5_001),
    "100 000 bare conditions": lambda: "SELECT 1 FROM t WHERE " + " OR ".join(["a"] * 100_000),
    "100 000 summands": lambda: "SELECT " + "+".join(["1"] * 100_000) + " FROM t",
    "300 SELECTs": lambda: " UNION ".join(["SELECT a FROM t"] * 300),
    "100 000 closed parentheses": lambda: f"SELECT {'(' * 50_000}1{')' * 50_000} FROM t",
    "5 000 nested NOTs": lambda: f"SELECT a FROM t WHERE {'NOT (' * 5_000}a = 1{')' * 5_000}",
    "500 joins": lambda: "SELECT 1 FROM t0 " + " ".join(f"JOIN t{i} ON t0.a = t{i}.a" for i in range(1, 501)),
    "500 natural joins": lambda: "SELECT 1 FROM t0 " + " ".join(f"NATURAL JOIN t{i}" for i in range(1, 501)),
    "300 nested subqueries": lambda: f"SELECT a FROM {'(SELECT a FROM ' * 300}t{') AS x' * 300}",
    "300 nested INs": lambda: f"SELECT a FROM t WHERE a IN {'(SELECT a FROM t WHERE a IN ' * 300}(1){')' * 300}",
    "deep CASE": lambda: f"SELECT {'CASE WHEN a = 1 THEN ' * 5_000}1{' END' * 5_000} FROM t",
    "40 000 WHENs": lambda: f"SELECT CASE a {'WHEN 1 THEN 1 ' * 40_000}END FROM t",
    "100 kB of brackets": lambda: "SELECT a" + "[" * 100_000,
    "a name of 500 kB": lambda: f"SELECT {'a' * 500_000} FROM t",
    "a quoted name of 500 kB": lambda: f'SELECT a AS "{"a" * 500_000}" FROM t',
    "a number of 500 kB": lambda: f"SELECT {'9' * 500_000} FROM t",
    "stars of stars": lambda: f"SELECT x.*, x.*, x.* FROM {'(SELECT x.*, x.*, x.* FROM ' * 15}sky.stars x{') x' * 15}",
    "many wide subqueries": lambda: (
        f"SELECT 1 FROM {'(SELECT * FROM ' * 90}(SELECT {', '.join(['z'] * 4_000)} FROM quasars) AS x{') AS x' * 90}"
    ),
    "300 000 columns": lambda: "SELECT " + ",".join(["ra"] * 300_000) + " FROM sky.stars",
    "300 000 grouping columns": lambda: "SELECT 1 FROM sky.stars GROUP BY " + ",".join(["ra"] * 300_000),
    "25 001 values": lambda: "SELECT ra FROM sky.stars WHERE id IN (" + ",".join(["1"] * 25_001) + ")",
    "2 MB of text": lambda: "SELECT a FROM t WHERE a IN (" + "1234567, " * 222_222 + "1)",
}


@pytest.mark.parametrize("make", TOO_MUCH.values(), ids=TOO_MUCH)
def test_too_much_is_refused_at_once(make: Callable[[], str]) -> None:
    parse("SELECT a FROM t")  # the tables of the parser are made once per process
    text = make()
    with effort_below(GUARD_S), pytest.raises(AdqlError) as caught:
        compile_query(text, CATALOGUE)
    assert caught.value.problems[0].kind is ProblemKind.LIMIT


NO_QUERIES = {
    "100 kB of -": lambda: "SELECT " + "-" * 100_000,
    "10 000 commas": lambda: "SELECT " + "," * 10_000,
    "10 000 commas after IN": lambda: "SELECT z FROM quasars WHERE z IN (1" + "," * 10_000,
    "100 000 points": lambda: "SELECT " + "." * 100_000,
    "a chain of 100 000 names": lambda: f"SELECT {'.'.join(['a'] * 100_000)} FROM quasars",
    "100 000 semicolons": lambda: "SELECT 1 FROM quasars" + ";" * 100_000,
    "5 000 NOTs": lambda: f"SELECT z FROM quasars WHERE {'NOT ' * 5_000}z = 1",
    "an integer of 900 digits after TOP": lambda: f"SELECT TOP {'9' * 900} z FROM quasars",
    "10 000 unknown columns": lambda: f"SELECT {', '.join(f'unknown_{i}' for i in range(10_000))} FROM sky.stars",
    "10 000 times one unknown column": lambda: f"SELECT {', '.join(['unknown'] * 10_000)} FROM sky.stars",
    "5 000 mistakes of types": lambda: f"SELECT id FROM sky.stars WHERE {' OR '.join(['name = 1'] * 5_000)}",
    "5 000 unknown functions": lambda: f"SELECT {', '.join(f'f{i}(1)' for i in range(5_000))} FROM sky.stars",
    "10 000 long unknown names": lambda: f"SELECT {', '.join('a' * 80 + str(i) for i in range(10_000))} FROM sky.stars",
}


@pytest.mark.parametrize("make", NO_QUERIES.values(), ids=NO_QUERIES)
def test_what_is_no_query_is_refused_at_once_in_few_words(make: Callable[[], str]) -> None:
    parse("SELECT a FROM t")
    text = make()
    with effort_below(GUARD_S), pytest.raises(AdqlError) as caught:
        compile_query(text, CATALOGUE)
    assert len(caught.value.problems) <= 100
    assert len(str(caught.value)) < 30_000


HARMLESS = {
    "20 000 numbers after IN": lambda: f"SELECT id FROM quasars WHERE id IN ({', '.join(map(str, range(20_000)))})",
    "20 000 strings after IN": lambda: (
        f"SELECT id FROM sky.stars WHERE name IN ({', '.join(repr(str(i)) for i in range(20_000))})"
    ),
    "5 000 ORs": lambda: "SELECT id FROM quasars WHERE " + " OR ".join(f"z = {i}" for i in range(5_000)),
    "5 000 ORs and ANDs": lambda: (
        "SELECT id FROM quasars WHERE " + "".join(f"z <> {i} {('OR', 'AND')[i % 2]} " for i in range(4_999)) + "z = 1"
    ),
    "5 000 NOTs in a row of ANDs": lambda: (
        "SELECT id FROM quasars WHERE " + " AND ".join(f"NOT z = {i}" for i in range(5_000))
    ),
    "99 NOTs in parentheses": lambda: f"SELECT id FROM quasars WHERE {'NOT (' * 99}z = 1{')' * 99}",
    "99 nested INs": lambda: (
        f"SELECT id FROM quasars WHERE id IN {'(SELECT id FROM quasars WHERE id IN ' * 98}(1){')' * 98}"
    ),
    "99 nested EXISTs": lambda: (
        f"SELECT id FROM quasars WHERE EXISTS {'(SELECT id FROM quasars WHERE EXISTS ' * 98}"
        f"(SELECT 1 FROM quasars){')' * 98}"
    ),
    "99 nested CASEs": lambda: f"SELECT {'CASE WHEN z = 1 THEN ' * 99}1{' END' * 99} AS x FROM quasars",
    "a wide CASE": lambda: f"SELECT CASE {'WHEN z = 1 THEN 1 ' * 4_900}END AS x FROM quasars",
    "50 NATURAL FULL joins": lambda: (
        "SELECT * FROM deep.stars q0 " + " ".join(f"NATURAL FULL JOIN deep.stars q{i}" for i in range(1, 51))
    ),
    "200 SELECTs": lambda: " UNION ".join(["SELECT id FROM quasars"] * 200),
    "common tables of common tables": lambda: (
        "WITH c0 AS (SELECT * FROM quasars), "
        + ", ".join(f"c{i} AS (SELECT * FROM c{i - 1})" for i in range(1, 190))
        + " SELECT * FROM c189"
    ),
    "10 000 equal names": lambda: f"SELECT {', '.join(['z'] * 10_000)} FROM quasars",
    "10 000 terms of ORDER BY": lambda: f"SELECT z FROM quasars ORDER BY {', '.join(['z'] * 10_000)}",
    "20 000 arguments": lambda: f"SELECT COALESCE({', '.join(['z'] * 20_000)}) AS x FROM quasars",
    "a string of 1 MB": lambda: f"SELECT '{'x' * 999_900}' AS s FROM quasars",
    "a number of 900 digits": lambda: f"SELECT {'9' * 900} AS x, 0.{'9' * 900} AS y FROM quasars",
    "30 000 comments": lambda: "SELECT z FROM quasars " + "--\n" * 30_000,
    "99 nested functions": lambda: f"SELECT {'ABS(' * 99}z{')' * 99} AS x FROM quasars",
    "60 nested powers": lambda: f"SELECT {'POWER(' * 60}z{', 2)' * 60} AS x FROM quasars",
    "90 nested distances": lambda: f"SELECT {'DISTANCE(1, 2, 3, ' * 90}z{')' * 90} AS x FROM quasars",
    "10 000 values after IN": lambda: f"SELECT id FROM quasars WHERE id IN ({', '.join(map(str, range(10_000)))})",
    "99 parentheses": lambda: f"SELECT {'(' * 99}1{')' * 99} AS x FROM quasars",
    "99 subqueries": lambda: f"SELECT id FROM {'(SELECT id FROM ' * 99}quasars{') AS x' * 99}",
    "50 joins": lambda: "SELECT 1 FROM quasars q0 " + " ".join(f"JOIN quasars q{i} ON 1 = 1" for i in range(1, 51)),
    "4 000 predicates": lambda: "SELECT 1 FROM quasars WHERE " + " OR ".join(["z = 1"] * 4_000),
    "4 000 summands": lambda: "SELECT " + " + ".join(["z"] * 4_000) + " FROM quasars",
    "1 000 output columns": lambda: "SELECT " + ", ".join(f"z AS c{i}" for i in range(1_000)) + " FROM quasars",
    "a long comment": lambda: "SELECT z -- " + "x" * 500_000 + "\nFROM quasars",
    "a long string": lambda: "SELECT '" + "x''" * 150_000 + "' FROM quasars",
    "1 000 repeated names": lambda: "SELECT " + ", ".join(["z"] * 1_000) + " FROM quasars",
}


@pytest.mark.parametrize("make", HARMLESS.values(), ids=HARMLESS)
def test_what_is_long_but_harmless_is_accepted_at_once(make: Callable[[], str]) -> None:
    parse("SELECT a FROM t")
    text = make()
    with effort_below(GUARD_S):
        compile_query(text, CATALOGUE)


@pytest.mark.parametrize("generate", [duckdb_sql, postgres_sql], ids=["duckdb", "postgres"])
@pytest.mark.parametrize("make", HARMLESS.values(), ids=HARMLESS)
def test_the_sql_of_what_is_long_is_written_or_refused_at_once(
    make: Callable[[], str], generate: Callable[..., str]
) -> None:
    query = compile_query(make(), CATALOGUE)
    with effort_below(GUARD_S), suppress(AdqlError):  # functions that grow too deep in SQL are refused with a place
        generate(query, limit=10, relation=lambda table: f'"{table.name}"')


@pytest.mark.parametrize("unclosed", ["'", '"', "'" + "''" * 50_000, '"' + '""' * 50_000])
def test_quotes_that_are_never_closed_are_found_at_once(unclosed: str) -> None:
    with effort_below(1.0), pytest.raises(AdqlError, match="never closed"):
        parse(f"SELECT {unclosed} FROM t")
