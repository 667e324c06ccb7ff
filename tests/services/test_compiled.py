"""Queries that are compiled once for those who ask again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.testsky import catalogue
from vo_server.errors import AdqlError
from vo_server.model.query import Lang
from vo_server.model.table import Catalogue
from vo_server.services.compiled import MAX_CHARACTERS, MAX_QUERIES, CompiledQueries

TEXT = "SELECT * FROM sky.objects"


def test_the_same_text_is_compiled_once() -> None:
    queries, published = CompiledQueries(), catalogue()
    first = queries.compile(TEXT, published, lang=Lang.ADQL)
    assert queries.compile(TEXT, published, lang=Lang.ADQL) is first
    assert queries.compile(f"{TEXT} ", published, lang=Lang.ADQL) is not first


def test_another_version_of_the_language_is_another_query() -> None:
    queries, published = CompiledQueries(), catalogue()
    first = queries.compile(TEXT, published, lang=Lang.ADQL)
    assert queries.compile(TEXT, published, lang=Lang.ADQL_20) is not first


def test_a_publication_makes_every_query_new() -> None:
    queries, published = CompiledQueries(), catalogue()
    queries.compile(TEXT, published, lang=Lang.ADQL)
    schema = published.schemas[0]
    tables = tuple(replace(table, location="tables/another.duckdb") for table in schema.tables)
    later = replace(published, schemas=(replace(schema, tables=tables),), version=published.version + 1)
    second = queries.compile(TEXT, later, lang=Lang.ADQL)
    assert len(queries) == 1, "what was published before is not kept"
    assert {table.location for table in second.tables} == {"tables/another.duckdb"}


def test_callers_who_see_other_tables_have_queries_of_their_own() -> None:
    queries, mine, yours = CompiledQueries(), catalogue(), Catalogue((), catalogue().version)
    first = queries.compile(TEXT, mine, lang=Lang.ADQL)
    with pytest.raises(AdqlError, match="unknown table"):
        queries.compile(TEXT, yours, lang=Lang.ADQL)
    assert queries.compile(TEXT, mine, lang=Lang.ADQL) is first


def test_a_mistake_is_told_each_time() -> None:
    queries, published = CompiledQueries(), catalogue()
    for _ in range(2):
        with pytest.raises(AdqlError, match="unknown table"):
            queries.compile("SELECT * FROM sky.nothing", published, lang=Lang.ADQL)
    assert not len(queries)


def test_only_the_last_queries_are_kept_and_long_texts_are_not() -> None:
    queries, published = CompiledQueries(), catalogue()
    for number in range(MAX_QUERIES + 3):
        queries.compile(f"SELECT TOP {number + 1} * FROM sky.objects", published, lang=Lang.ADQL)
    assert len(queries) == MAX_QUERIES
    queries.compile(TEXT + " " * MAX_CHARACTERS, published, lang=Lang.ADQL)
    assert len(queries) == MAX_QUERIES


def test_a_query_that_comes_again_is_not_displaced_by_those_that_come_once() -> None:
    queries, published = CompiledQueries(), catalogue()
    first = queries.compile(TEXT, published, lang=Lang.ADQL)
    queries.compile(TEXT, published, lang=Lang.ADQL)
    for number in range(3 * MAX_QUERIES):
        cone = f"{TEXT} WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE({number / 2}, 10, 0.1))"
        queries.compile(cone, published, lang=Lang.ADQL)
    assert queries.compile(TEXT, published, lang=Lang.ADQL) is first
    assert len(queries) == MAX_QUERIES + 1


def test_of_queries_that_come_again_the_last_ones_are_kept() -> None:
    queries, published = CompiledQueries(), catalogue()
    for number in range(MAX_QUERIES + 3):
        for _ in range(2):
            queries.compile(f"SELECT TOP {number + 1} * FROM sky.objects", published, lang=Lang.ADQL)
    assert len(queries) == MAX_QUERIES
