"""Names like ``"table@release"`` in queries."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from vo_server.adql.front import compile_query
from vo_server.errors import AdqlError, ProblemKind
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.released import ReleaseEntry, Releases
from vo_server.model.table import Catalogue, Column, Schema, Table

INT = DataType(Primitive.INT)
OLD = Table("vexas", "DESW", (Column("id", INT), Column("gone", INT)), release="DR1", location="old")
NEW = Table("vexas", "DESW", (Column("id", INT), Column("fresh", INT)), release="DR2.1-b", location="new")
OTHER = Table("copy", "desw", (Column("id", INT),), release="DR1", location="copied")


def entry(table: Table, number: int, *, is_current: bool) -> ReleaseEntry:
    when = datetime(2026, 1, 1, tzinfo=UTC)
    return ReleaseEntry(number, table.schema, table.name, table.release or "", when, is_current)


TABLES = {1: OLD, 2: NEW, 3: OTHER}
ENTRIES = (entry(NEW, 2, is_current=True), entry(OTHER, 3, is_current=True), entry(OLD, 1, is_current=False))
CATALOGUE = Catalogue(
    (Schema("vexas", (NEW, OLD.pinned("desw_dr1"))), Schema("copy", (OTHER,))),
    releases=Releases(ENTRIES, lambda one: TABLES.get(one.number)),
)


def places(adql: str) -> list[str | None]:
    return [table.location for table in compile_query(adql, CATALOGUE).tables]


@pytest.mark.parametrize(
    ("name", "location"),
    [
        ("vexas.desw", "new"),
        ('vexas."DESW@DR2.1-b"', "new"),
        ('vexas."DESW@DR1"', "old"),
        ('VEXAS."DESW@DR1" AS d', "old"),
        ('"DESW@DR1"', "old"),
        ('copy."desw@DR1"', "copied"),
        ("vexas.desw_dr1", "old"),
    ],
)
def test_a_name_means_its_release(name: str, location: str) -> None:
    assert places(f"SELECT id FROM {name}") == [location]


def test_releases_of_a_table_are_compared_in_one_query() -> None:
    query = 'SELECT a.id FROM vexas.desw AS a JOIN vexas."DESW@DR1" AS b ON a.id = b.id WHERE b.gone = a.fresh'
    assert places(query) == ["new", "old"]


def test_columns_of_a_pinned_release_are_qualified_by_its_name() -> None:
    resolved = compile_query('SELECT "DESW@DR1".gone, vexas."DESW@DR1".id FROM vexas."DESW@DR1"', CATALOGUE)
    assert [column.name for column in resolved.columns] == ["gone", "id"]


def test_a_column_that_the_release_has_not_is_unknown() -> None:
    with pytest.raises(AdqlError, match="no column fresh"):
        compile_query('SELECT fresh FROM vexas."DESW@DR1"', CATALOGUE)


@pytest.mark.parametrize("name", ['vexas."DESW@DR9"', 'vexas."desw@DR1"', 'vexas."DESW@dr1"', 'vexas."DESW@"'])
def test_an_unknown_release_is_told_with_those_that_are(name: str) -> None:
    with pytest.raises(AdqlError) as caught:
        compile_query(f"SELECT id FROM {name}", CATALOGUE)
    (problem,) = caught.value.problems
    assert problem.kind is ProblemKind.UNKNOWN
    assert problem.message == f"the table vexas.DESW has no release {name[:-1].rpartition('@')[2]}"
    assert problem.hint == 'its releases are vexas."DESW@DR2.1-b", vexas."DESW@DR1"'
    assert problem.span.start == len("SELECT id FROM ")


def test_a_release_that_was_dropped_meanwhile_is_an_unknown_one() -> None:
    catalogue = replace(CATALOGUE, releases=Releases(ENTRIES, lambda _: None))
    with pytest.raises(AdqlError, match=r"vexas.DESW has no release DR1"):
        compile_query('SELECT id FROM vexas."DESW@DR1"', catalogue)


def test_a_release_without_quotes_is_told_how_it_is_written() -> None:
    with pytest.raises(AdqlError) as caught:
        compile_query("SELECT id FROM vexas.DESW@DR1", CATALOGUE)
    assert caught.value.problems[0].hint == 'write "DESW@DR1"'


def test_a_release_of_an_unknown_table_is_an_unknown_table() -> None:
    with pytest.raises(AdqlError, match="unknown table"):
        compile_query('SELECT id FROM vexas."dsw@DR1"', CATALOGUE)
