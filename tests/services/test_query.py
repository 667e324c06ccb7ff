"""Queries with limits, on the embedded engine: what is cut, by what, and what is told of it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.support.server import SLOW, make_settings
from tests.support.service import N_STARS, with_stars
from vo_server.errors import QueryTimeoutError
from vo_server.factory import ProcessContext
from vo_server.model.query import Query, QueryResult
from vo_server.model.truncation import Limit, LimitKind, Rest
from vo_server.services.query import QueryLimits, QueryService

if TYPE_CHECKING:
    from collections.abc import Iterator

ALL = "SELECT * FROM web.stars"
MOST = "SELECT * FROM web.stars WHERE ra >= 0"
LIMITS = QueryLimits(default_maxrec=N_STARS, hard_maxrec=10 * N_STARS, max_query_bytes=10_000)


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessContext]:
    data = tmp_path_factory.mktemp("data")
    with closing(ProcessContext.create(with_stars(make_settings(f"duckdb:///{data}", data / "results")))) as context:
        yield context


def _run(context: ProcessContext, query: Query, limits: QueryLimits = LIMITS) -> QueryResult:
    """Run a query and read all its rows."""
    service = QueryService(engine=context.engine, catalogue=context.store.catalogue, limits=limits)
    with closing(service.run(query, timeout_s=30)) as result:
        assert sum(batch.num_rows for batch in result.batches) == result.n_rows
    return result


def _n_bytes(context: ProcessContext) -> int:
    service = QueryService(engine=context.engine, catalogue=context.store.catalogue, limits=LIMITS)
    with closing(service.run(Query(ALL), timeout_s=30)) as result:
        return sum(batch.nbytes for batch in result.batches)


@pytest.mark.parametrize("adql", [ALL, MOST])
@pytest.mark.parametrize("fraction", [0.001, 0.3, 0.9])
def test_an_answer_larger_than_allowed_is_cut_and_says_so(context: ProcessContext, adql: str, fraction: float) -> None:
    most = int(_n_bytes(context) * fraction)
    result = _run(context, Query(adql), replace(LIMITS, max_result_bytes=most))
    assert result.overflow
    assert result.limit == Limit(LimitKind.SIZE, most)
    assert fraction * 0.8 * N_STARS <= result.n_rows <= fraction * 1.2 * N_STARS
    assert result.truncation is not None
    assert result.truncation.facts["TRUNCATED_AT"] == f"{most} byte"
    assert result.truncation.total_rows == (N_STARS if adql == ALL else None)


def test_an_answer_of_exactly_the_size_that_is_allowed_is_whole(context: ProcessContext) -> None:
    result = _run(context, Query(MOST), replace(LIMITS, max_result_bytes=_n_bytes(context)))
    assert not result.overflow
    assert result.n_rows == N_STARS


def test_of_two_limits_the_one_that_cut_is_told(context: ProcessContext) -> None:
    limits = replace(LIMITS, max_result_bytes=_n_bytes(context) // 2)
    assert _run(context, Query(ALL, maxrec=10), limits).limit == Limit(LimitKind.MAXREC, 10)
    told = _run(context, Query(ALL, maxrec=N_STARS - 1), limits)
    assert told.limit is not None
    assert told.limit.kind is LimitKind.SIZE


def test_a_late_query_says_where_jobs_are(context: ProcessContext) -> None:
    rest = Rest(async_url="http://here/async")
    with closing(context.queries.run(Query(SLOW), timeout_s=0.2, rest=rest)) as result:
        with pytest.raises(QueryTimeoutError) as caught:
            result.prefetch()
        assert caught.value.link is not None
        assert caught.value.link.startswith("http://here/async?PHASE=RUN&")
