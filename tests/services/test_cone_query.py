"""The ADQL of cone searches, for tables that are awkward."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vo_server.adql.front import compile_query
from vo_server.model.cone import ConeRequest, Verbosity
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import Catalogue, Column, Position, Schema, Table
from vo_server.services.cone_query import NEW_UCDS, SCS_UCDS, cone_query, is_searchable, place_query

DOUBLE = DataType(Primitive.DOUBLE)
TABLE = Table(
    "s",
    "t",
    (
        Column("ra", DOUBLE, unit="deg", ucd="pos.eq.ra;meta.main"),
        Column("dec", DOUBLE, unit="deg", ucd="pos.eq.dec;meta.main"),
        Column('o"dd', DataType(Primitive.LONG), ucd="meta.id;meta.main"),
        Column("old", DataType(Primitive.CHAR, "*"), ucd="ID_MAIN"),
    ),
    position=Position("ra", "dec"),
)
CONE = ConeRequest(10.5, -1e-7, 2.5)


def compiled(table: Table, cone: ConeRequest = CONE) -> dict[str, Column]:
    """Return the columns of the answer, by name, compiled as the service does."""
    asked = cone_query(table, cone)
    resolved = compile_query(asked.adql, Catalogue((Schema(table.schema, (table,)),)), strict=True)
    return {column.name: column for column in asked.described(resolved.columns)}


def test_a_column_that_has_an_ucd_of_the_standard_already_gives_way() -> None:
    columns = compiled(TABLE)
    assert {name: one.ucd for name, one in columns.items() if one.ucd is not None} == {
        'o"dd': "ID_MAIN",
        "ra": "POS_EQ_RA_MAIN",
        "dec": "POS_EQ_DEC_MAIN",
    }


def test_the_ucds_may_be_those_of_the_draft_of_scs_11() -> None:
    asked = cone_query(TABLE, CONE, ucds=NEW_UCDS)
    resolved = compile_query(asked.adql, Catalogue((Schema("s", (TABLE,)),)))
    found = {column.name: column.ucd for column in asked.described(resolved.columns)}
    assert (found['o"dd'], found["ra"], found["dec"]) == NEW_UCDS
    assert found["old"] == "ID_MAIN"


def test_no_second_column_has_an_ucd_of_the_three() -> None:
    asked = cone_query(TABLE, CONE, ucds=NEW_UCDS)
    (second,) = asked.described([Column("other", DOUBLE, ucd="META.ID;META.MAIN")])
    assert second.ucd is None


@pytest.mark.parametrize("names", [("ra", "dec"), ("SELECT", "order"), ("a b", 'c"d'), ("δ1", "δ2")])
def test_any_names_can_be_searched(names: tuple[str, str]) -> None:
    ra, dec = (replace(column, name=name) for column, name in zip(TABLE.columns[:2], names, strict=True))
    table = Table("sche ma", "ta.ble", (ra, dec), position=Position(*names))
    for verbosity in Verbosity:
        columns = compiled(table, replace(CONE, verbosity=verbosity))
        assert [columns[name].ucd for name in ("id", *names)] == list(SCS_UCDS)
    compile_query(place_query(table), Catalogue((Schema(table.schema, (table,)),)), strict=True)


@pytest.mark.parametrize("number", [0.0, 1e-300, 5e-324, 359.99999999999994, 1 / 3, 1e-7])
def test_numbers_are_read_as_the_same_double(number: float) -> None:
    adql = cone_query(TABLE, ConeRequest(number, -number if number <= 90 else number / 4, number / 2)).adql
    ra, dec, radius = (float(one) for one in adql.partition("CIRCLE(")[2].rstrip(")").split(","))
    assert (ra, radius) == (number, number / 2)
    assert abs(dec) in {number, number / 4}
    compiled(TABLE, ConeRequest(number, -number if number <= 90 else number / 4, number / 2))


def test_a_table_whose_position_is_hidden_cannot_be_searched() -> None:
    hidden = replace(TABLE, columns=(replace(TABLE.columns[0], is_hidden=True), *TABLE.columns[1:]))
    assert not is_searchable(hidden)
    assert not is_searchable(replace(TABLE, position=None))
    assert is_searchable(TABLE)
