"""The number of rows that is told beforehand, against running the query and counting them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.testengines import DuckdbAnswers
from tests.support.testsky import N_OBJECTS, catalogue
from vo_server.adql.front import compile_query
from vo_server.services.totals import total_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

KNOWN = [
    "SELECT * FROM sky.objects",
    "SELECT id, ra + 1 AS x FROM sky.objects AS o ORDER BY mag",
    "SELECT TOP 7 id FROM sky.objects",
    "SELECT TOP 0 id FROM sky.objects",
    f"SELECT TOP {N_OBJECTS + 1} id FROM sky.objects",
    "SELECT id FROM sky.objects OFFSET 1990",
    "SELECT TOP 20 id FROM sky.objects OFFSET 1990",
    f"SELECT TOP 20 id FROM sky.objects OFFSET {N_OBJECTS + 7}",
    "SELECT id FROM sky.objects LIMIT 9",
]
UNKNOWN = [
    "SELECT id FROM sky.objects WHERE mag < 20",
    "SELECT DISTINCT label FROM sky.objects",
    "SELECT label, COUNT(*) AS n FROM sky.objects GROUP BY label",
    "SELECT COUNT(*) AS n FROM sky.objects",
    "SELECT MAX(mag) - 1 AS n FROM sky.objects",
    "SELECT o.id FROM sky.objects AS o JOIN sky.matches AS m ON o.id = m.id",
    "SELECT o.id FROM sky.objects AS o, sky.matches AS m",
    "SELECT id FROM (SELECT id FROM sky.objects WHERE mag < 20) AS q",
    "WITH q AS (SELECT id FROM sky.objects WHERE mag < 20) SELECT id FROM q",
    "SELECT id FROM sky.objects UNION ALL SELECT id FROM sky.matches",
    "SELECT id FROM sky.tiny",
]


@pytest.fixture(scope="module")
def sky() -> Iterator[DuckdbAnswers]:
    answers = DuckdbAnswers()
    yield answers
    answers.close()


@pytest.mark.parametrize("query", [*KNOWN, *UNKNOWN])
def test_what_is_told_is_what_there_is(sky: DuckdbAnswers, query: str) -> None:
    told = total_rows(compile_query(query, catalogue()))
    assert told in {None, len(sky.answer(query))}
    assert (told is None) == (query in UNKNOWN)
