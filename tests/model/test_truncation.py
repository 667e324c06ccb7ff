from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from vo_server.errors import QueryTimeoutError
from vo_server.model.query import Query, QueryResult
from vo_server.model.truncation import Limit, LimitKind, Rest, Truncation, late, row_limit

QUERY = Query("SELECT a + 1 FROM t", response_format="csv")
ASYNC = "https://vo.example.org/tap/async"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (None, Limit(LimitKind.DEFAULT_ROWS, 100)),
        (0, Limit(LimitKind.MAXREC, 0)),
        (5, Limit(LimitKind.MAXREC, 5)),
        (100, Limit(LimitKind.MAXREC, 100)),
        (1000, Limit(LimitKind.MAXREC, 1000)),
        (1001, Limit(LimitKind.HARD_ROWS, 1000)),
    ],
)
def test_the_row_limit_knows_whose_it_is(asked: int | None, expected: Limit) -> None:
    assert row_limit(asked, default=100, hard=1000) == expected


def test_a_default_above_the_hard_limit_is_the_hard_limit() -> None:
    assert row_limit(None, default=5000, hard=1000) == Limit(LimitKind.HARD_ROWS, 1000)


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (Limit(LimitKind.MAXREC, 5), "cut by the MAXREC=5 of the request: 5 of the 70 rows of the answer; set MAXREC"),
        (Limit(LimitKind.MAXREC, 0), "MAXREC is 0: the columns without their rows (there are 70); set MAXREC"),
        (Limit(LimitKind.DEFAULT_ROWS, 9), "default limit of 9 rows, which holds without MAXREC: 9 of the 70 rows"),
        (Limit(LimitKind.HARD_ROWS, 60), "hard limit of 60 rows: 60 of the 70 rows of the answer; ask in parts"),
        (Limit(LimitKind.SIZE, 10**6), "limit of 1000000 bytes for one answer, not all of the 70 rows"),
    ],
)
def test_the_message_says_which_limit_whose_and_how_many_rows_there_are(limit: Limit, words: str) -> None:
    assert words in Truncation(limit, total_rows=70, hard_maxrec=60).message


@pytest.mark.parametrize("kind", [kind for kind in LimitKind if kind is not LimitKind.TIMEOUT])
def test_the_message_makes_no_total_up(kind: LimitKind) -> None:
    cut = Truncation(Limit(kind, 5))
    assert "None" not in cut.message
    assert "rows of the answer" not in cut.message
    assert "TOTAL_ROWS" not in cut.facts


def test_the_facts_are_for_programs() -> None:
    cut = Truncation(Limit(LimitKind.DEFAULT_ROWS, 9), total_rows=70, link=ASYNC)
    assert cut.facts == {
        "TRUNCATED_BY": "default-rows",
        "TRUNCATED_BY_OWNER": "service",
        "TRUNCATED_AT": "9 row",
        "TOTAL_ROWS": "70",
        "ASYNC_LINK": ASYNC,
    }


def test_a_link_starts_the_same_query_as_a_job_with_more_rows() -> None:
    result = QueryResult((), iter(()), maxrec=9, query=QUERY, rest=Rest(hard_maxrec=60, async_url=ASYNC))
    assert result.truncation is None
    cut = replace(result, overflow=True).truncation
    assert cut is not None
    address = urlsplit(cut.link or "")
    assert address._replace(query="").geturl() == ASYNC
    assert parse_qs(address.query) == {
        "PHASE": ["RUN"],
        "LANG": ["ADQL"],
        "RESPONSEFORMAT": ["csv"],
        "MAXREC": ["60"],
        "QUERY": ["SELECT a + 1 FROM t"],
    }
    assert cut.link is not None
    assert cut.link in cut.message


@pytest.mark.parametrize("kind", [LimitKind.HARD_ROWS, LimitKind.SIZE])
def test_no_job_is_offered_against_a_limit_that_holds_for_jobs_as_well(kind: LimitKind) -> None:
    rest = Rest(hard_maxrec=60, async_url=ASYNC)
    result = QueryResult((), iter(()), 9, overflow=True, query=QUERY, rest=rest, limit=Limit(kind, 60))
    assert result.truncation is not None
    assert result.truncation.link is None


def test_a_query_too_long_for_a_link_is_not_put_into_one() -> None:
    assert Rest(async_url=ASYNC).link(Query(f"SELECT a FROM t WHERE a IN ({'1,' * 3000}1)")) == ASYNC


def test_a_late_query_gets_a_link_to_a_job_that_may_run_longest() -> None:
    told = late(QueryTimeoutError(5), QUERY, Rest(async_url=ASYNC))
    assert (told.code, told.status, told.limit_s) == ("timeout", 408, 5)
    assert told.link is not None
    assert parse_qs(urlsplit(told.link).query)["EXECUTIONDURATION"] == ["0"]
    assert told.hint is not None
    assert told.link in told.hint


def test_a_late_job_is_not_told_to_become_a_job() -> None:
    told = late(QueryTimeoutError(5), QUERY, Rest(async_url=ASYNC, is_job=True))
    assert told.hint is not None
    assert "EXECUTIONDURATION" in told.hint
    assert "POST" not in told.hint
