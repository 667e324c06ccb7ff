"""Queries that are long or deep: they must neither recurse nor take long."""

from __future__ import annotations

import sys

import pytest

from tests.support.effort import effort_below
from tests.support.testengines import SkyEngine
from vo_server.errors import AdqlError, ProblemKind

DEPTH = 100


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("(", ")", 1),
        ("-(", ")", -1),
        ("1 + (", ")", DEPTH),
        ("2 - (3 * (", ") - 2)", 1),
        ("ABS(", ")", 1),
        ("COALESCE(NULL, ", ")", 1),
        ("CASE WHEN 1 = 1 THEN ", " END", 1),
        ("CAST(", " AS INTEGER)", 1),
        ("(SELECT MAX(id) + ", " FROM sky.tiny WHERE id = 1)", None),
    ],
    ids=["parentheses", "signs", "sums", "operators", "functions", "coalesce", "case", "casts", "subqueries"],
)
def test_a_hundred_levels_of_values(start: str, end: str, expected: int | None, sky: SkyEngine) -> None:
    depth = 40 if "SELECT" in start or start.count("(") > 1 else DEPTH - 1
    value = start * depth + "1" + end * depth
    limit = sys.getrecursionlimit()
    rows = sky.answer(f"SELECT {value} FROM sky.pairs WHERE k = 10")
    assert rows == [[depth + 1 if expected in {None, DEPTH} else expected]]
    assert sys.getrecursionlimit() == limit


def test_a_hundred_levels_of_conditions(sky: SkyEngine) -> None:
    condition = "NOT (id = 7 OR " * 98 + "id = 1" + ")" * 98
    assert sky.answer(f"SELECT id FROM sky.tiny WHERE {condition}") == [[1]]


def test_a_hundred_levels_of_subqueries_in_from(sky: SkyEngine) -> None:
    depth = 60
    query = "SELECT id FROM sky.tiny WHERE id = 2"
    for level in range(depth):
        query = f"SELECT id + 1 AS id FROM ({query}) AS q{level}"
    assert sky.answer(query) == [[depth + 2]]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (" AND ".join(f"id <> {number}" for number in range(3, 2500)), [[1], [2]]),
        (" OR ".join(f"(id = {number} AND id < 3)" for number in range(1, 1200)), [[1], [2]]),
        ("NOT (" + " OR ".join(f"(id = {number} AND id > 2)" for number in range(1, 1200)) + ")", [[1], [2]]),
        ("NOT (" + " OR ".join(f"(id = {number} OR id = NULL)" for number in range(1, 1200)) + ")", []),
    ],
    ids=["different", "pairs", "not-pairs", "unknown"],
)
def test_long_conditions_are_planned_at_once(sky: SkyEngine, condition: str, expected: list[list[int]]) -> None:
    with effort_below(5.0):
        rows = sky.answer(f"SELECT id FROM sky.tiny WHERE id < 2500 AND {condition} ORDER BY id")
    assert rows == expected


def test_five_thousand_conditions(sky: SkyEngine) -> None:
    condition = " OR ".join(f"id = {number}" for number in range(3, 5003))
    with effort_below(5.0):
        sql = sky.translate(f"SELECT id FROM sky.tiny WHERE {condition}")
    assert len(sky.ask(sql)) == 4


def test_ten_thousand_items(sky: SkyEngine) -> None:
    items = ", ".join(str(number) for number in range(3, 10_003))
    reals = ", ".join(f"{number}.5" for number in range(10_000))
    with effort_below(10.0):
        queries = [
            sky.translate(f"SELECT id FROM sky.tiny WHERE {condition}")
            for condition in (f"id IN ({items})", f"x IN ({reals})")
        ]
    assert [len(sky.ask(sql)) for sql in queries] == [4, 3]


def test_a_thousand_parts_of_a_text(sky: SkyEngine) -> None:
    value = " || ".join(["s"] * 2000)
    assert sky.answer(f"SELECT {value} FROM sky.tiny WHERE id = 1") == [["alpha" * 2000]]


@pytest.mark.parametrize("length", [150, 4990])
def test_a_long_sum(length: int, sky: SkyEngine) -> None:
    value = " + ".join(["id"] * length) + " - 1 - 2"
    assert sky.answer(f"SELECT {value} FROM sky.tiny WHERE id = 2") == [[2 * length - 3]]


def test_a_long_product_is_refused(sky: SkyEngine) -> None:
    with pytest.raises(AdqlError, match="too long"):
        sky.translate(f"SELECT {' * '.join(['id'] * 300)} FROM sky.tiny")


def test_copies_of_copies_are_bounded(sky: SkyEngine) -> None:
    value = "LOG(" * 60 + "id" + ")" * 60
    with pytest.raises(AdqlError, match="grows out of bounds") as caught:
        sky.translate(f"SELECT {value} FROM sky.tiny")
    assert caught.value.problems[0].kind is ProblemKind.LIMIT
