"""SQL that is written once for those who ask the same query again."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

from tests.support.testsky import catalogue
from vo_server.adql.front import compile_query
from vo_server.engine.written import WrittenQueries

if TYPE_CHECKING:
    from vo_server.adql.resolved import ResolvedQuery


class _Writer:
    def __init__(self) -> None:
        self.n_written = 0

    def __call__(self) -> str:
        self.n_written += 1
        return f"SELECT {self.n_written}"


def _query() -> ResolvedQuery:
    return compile_query("SELECT * FROM sky.objects", catalogue())


def test_a_query_is_written_once_for_each_limit() -> None:
    written, query, write = WrittenQueries(), _query(), _Writer()
    assert [written.get(query, limit, write) for limit in (5, 5, 6, 6, None)] == [
        "SELECT 1", "SELECT 1", "SELECT 2", "SELECT 2", "SELECT 3",
    ]  # fmt: skip


def test_two_queries_of_the_same_text_have_nothing_in_common() -> None:
    written, write = WrittenQueries(), _Writer()
    kept = [_query(), _query()]
    assert [written.get(query, 5, write) for query in kept] == ["SELECT 1", "SELECT 2"]


def test_what_was_written_goes_with_its_query() -> None:
    written, write = WrittenQueries(), _Writer()
    written.get(_query(), 5, write)
    gc.collect()
    assert not len(written)
