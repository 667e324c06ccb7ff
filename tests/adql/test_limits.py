"""What is too large is refused at once, and what is long but harmless is not."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import pytest

from tests.adql.samples import CATALOGUE
from vo_server.adql.front import compile_query, parse
from vo_server.errors import AdqlError, ProblemKind

WITHIN_S = 1.0

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
    "2 MB of text": lambda: "SELECT a FROM t WHERE a IN (" + "1234567, " * 222_222 + "1)",
}


@pytest.mark.parametrize("make", TOO_MUCH.values(), ids=TOO_MUCH)
def test_too_much_is_refused_at_once(make: Callable[[], str]) -> None:
    parse("SELECT a FROM t")  # the tables of the parser are made once per process
    text = make()
    start = perf_counter()
    with pytest.raises(AdqlError) as caught:
        compile_query(text, CATALOGUE)
    assert perf_counter() - start < 3 * WITHIN_S  # a third of it on an idle machine
    assert caught.value.problems[0].kind is ProblemKind.LIMIT


HARMLESS = {
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
    start = perf_counter()
    compile_query(text, CATALOGUE)
    assert perf_counter() - start < 3 * WITHIN_S  # a third of it on an idle machine


@pytest.mark.parametrize("unclosed", ["'", '"', "'" + "''" * 50_000, '"' + '""' * 50_000])
def test_quotes_that_are_never_closed_are_found_at_once(unclosed: str) -> None:
    start = perf_counter()
    with pytest.raises(AdqlError, match="never closed"):
        parse(f"SELECT {unclosed} FROM t")
    assert perf_counter() - start < WITHIN_S
