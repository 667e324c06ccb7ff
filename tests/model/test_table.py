from __future__ import annotations

import pytest

from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import Catalogue, Column, Schema, Table, quoted

INT = DataType(Primitive.INT)


@pytest.mark.parametrize(
    ("name", "published"),
    [("ra", "ra"), ("B-V", '"B-V"'), ("_id", '"_id"'), ('a"b', '"a""b"'), ("size", '"size"'), ("É", '"É"')],
)
def test_a_name_is_published_as_a_query_must_write_it(name: str, published: str) -> None:
    assert quoted(name, frozenset({"SIZE"})) == published


def test_hidden_columns_are_not_visible() -> None:
    table = Table("s", "t", (Column("a", INT), Column("_healpix_29", INT, is_hidden=True)))
    assert [column.name for column in table.visible_columns] == ["a"]
    assert "_healpix_29" in table.by_name


def test_a_table_is_found_by_its_exact_name_and_listed_under_its_folded_names() -> None:
    table = Table("Gaia", "Source", (Column("a", INT),))
    catalogue = Catalogue((Schema("Gaia", (table,)),))
    assert catalogue.find("Gaia.Source") is table
    assert catalogue.find("gaia.source") is None
    assert catalogue.tables_by_folded_name["gaia.source"] == (table,)
    assert catalogue.tables_by_folded_name["source"] == (table,)


def test_one_more_schema_makes_another_catalogue_of_the_same_version() -> None:
    catalogue = Catalogue((Schema("a"),), version=7)
    more = catalogue.with_schema(Schema("tap_schema"))
    assert [schema.name for schema in more.schemas] == ["a", "tap_schema"]
    assert (len(catalogue.schemas), more.version) == (1, 7)
