from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from tests.store.samples import GAIA, NOTES, STARS, release, table
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.query import arrow_schema
from vo_server.model.table import Catalogue, Column, Schema, Table
from vo_server.store.open import Store
from vo_server.store.tap_schema import TAP_SCHEMA
from vo_server.store.tap_schema_rows import TapSchemaRows

NAMES = ["schemas", "tables", "columns", "keys", "key_columns", "flags", "releases", "statistics"]
OWN = {"tap_schema.flags", "tap_schema.releases", "tap_schema.statistics"}


@pytest.fixture
def rows() -> dict[str, list[dict[str, Any]]]:
    """All rows, of a catalogue with one of everything."""
    gaia = Schema("gaia", (STARS, NOTES), description=GAIA.description)
    found = TapSchemaRows(Catalogue((gaia, Schema("select", (table("select", "from", "9lives"),)), TAP_SCHEMA)))
    return {name: found[f"tap_schema.{name}"].to_pylist() for name in NAMES}


def column(rows: dict[str, list[dict[str, Any]]], name: str) -> dict[str, Any]:
    return next(row for row in rows["columns"] if row["column_name"] == name)


def test_the_tables_list_themselves(rows: dict[str, list[dict[str, Any]]]) -> None:
    own = [row["table_name"] for row in rows["tables"] if row["schema_name"] == "tap_schema"]
    assert own == [f"tap_schema.{name}" for name in NAMES]
    assert [row["schema_name"] for row in rows["schemas"]] == ["gaia", '"select"', "tap_schema"]


def test_columns_of_tap_schema_are_standard_ones(rows: dict[str, list[dict[str, Any]]]) -> None:
    own = [row for row in rows["columns"] if row["table_name"].startswith("tap_schema.")]
    standard = [row for row in own if row["std"]]
    assert len(standard) == 4 + 6 + 14 + 5 + 3
    assert not [row for row in standard if row["table_name"] in OWN]
    assert all(row["description"] for row in own)


def test_columns_come_in_the_order_that_a_client_reads_by_position() -> None:
    names = {one.name: [column.name for column in one.columns] for one in TAP_SCHEMA.tables}
    for table_name, n_alphabetical in (("schemas", 4), ("tables", 6), ("columns", 12), ("keys", 5), ("key_columns", 3)):
        first = names[table_name][:n_alphabetical]
        assert first == sorted(first)
    assert names["tables"][:6] == ["description", "schema_name", "table_index", "table_name", "table_type", "utype"]
    assert names["columns"][12:14] == ["arraysize", "xtype"]


def test_the_five_foreign_keys_of_the_standard_are_there(rows: dict[str, list[dict[str, Any]]]) -> None:
    pairs = {row["key_id"]: (row["from_column"], row["target_column"]) for row in rows["key_columns"]}
    found = {
        f"{row['from_table']}.{pairs[row['key_id']][0]}->{row['target_table']}.{pairs[row['key_id']][1]}"
        for row in rows["keys"]
        if row["from_table"].startswith("tap_schema.") and row["from_table"] not in OWN
    }
    assert found == {
        "tap_schema.tables.schema_name->tap_schema.schemas.schema_name",
        "tap_schema.columns.table_name->tap_schema.tables.table_name",
        "tap_schema.keys.from_table->tap_schema.tables.table_name",
        "tap_schema.keys.target_table->tap_schema.tables.table_name",
        "tap_schema.key_columns.key_id->tap_schema.keys.key_id",
    }


def test_every_reference_of_one_table_to_another_holds(rows: dict[str, list[dict[str, Any]]]) -> None:
    tables = {row["table_name"] for row in rows["tables"]}
    columns = {(row["table_name"], row["column_name"]) for row in rows["columns"]}
    keys = {row["key_id"]: row for row in rows["keys"]}
    assert len(tables) == len(rows["tables"])
    assert len(columns) == len(rows["columns"])
    assert len(keys) == len(rows["keys"])
    assert {row["schema_name"] for row in rows["tables"]} <= {row["schema_name"] for row in rows["schemas"]}
    assert {name for name, _ in columns} <= tables
    for row in rows["key_columns"]:
        assert (keys[row["key_id"]]["from_table"], row["from_column"]) in columns
        assert (keys[row["key_id"]]["target_table"], row["target_column"]) in columns


@pytest.mark.parametrize("name", NAMES)
def test_no_null_where_the_description_allows_none(rows: dict[str, list[dict[str, Any]]], name: str) -> None:
    described = next(one for one in TAP_SCHEMA.tables if one.name == name)
    required = {one.name for one in described.columns if not one.is_nullable}
    assert required
    assert all(row[one] is not None for row in rows[name] for one in required)


@pytest.mark.parametrize("name", NAMES)
def test_rows_have_the_described_schema(name: str) -> None:
    described = next(one for one in TAP_SCHEMA.tables if one.name == name)
    made = TapSchemaRows(Catalogue((TAP_SCHEMA,)))[f"tap_schema.{name}"]
    assert made.schema == arrow_schema(described.columns)


def test_names_that_need_quotes_are_published_with_them(rows: dict[str, list[dict[str, Any]]]) -> None:
    assert {row["column_name"] for row in rows["columns"] if row["table_name"] == "tap_schema.columns"} >= {'"size"'}
    assert [row["table_name"] for row in rows["tables"]][:3] == ['gaia."Stars Of Å"', "gaia.notes", '"select"."from"']
    assert column(rows, '"9lives"')["table_name"] == '"select"."from"'


def test_hidden_columns_are_not_listed(rows: dict[str, list[dict[str, Any]]]) -> None:
    assert not [row for row in rows["columns"] if "healpix" in row["column_name"]]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("source_id", ("long", None, None, None)),
        ("name", ("char", "12*", None, 12)),
        ("code", ("char", "3", None, 3)),
        ("gmm", ("float", "2x3", None, None)),
        ("seen", ("char", "*", "timestamp", None)),
    ],
)
def test_the_type_of_a_column_is_told_in_the_words_of_votable(
    rows: dict[str, list[dict[str, Any]]], name: str, expected: tuple[str, str | None, str | None, int | None]
) -> None:
    row = column(rows, name)
    assert (row["datatype"], row["arraysize"], row["xtype"], row["size"]) == expected


def test_units_flags_and_indexes_are_those_of_the_catalogue(rows: dict[str, list[dict[str, Any]]]) -> None:
    ra = column(rows, "ra")
    assert (ra["unit"], ra["ucd"], ra["indexed"], ra["principal"]) == ("deg", "pos.eq.ra;meta.main", 0, 1)
    indexes = [row["column_index"] for row in rows["columns"] if row["table_name"] == 'gaia."Stars Of Å"']
    assert indexes == list(range(1, 10))
    assert [row["table_index"] for row in rows["tables"]] == list(range(1, len(rows["tables"]) + 1))


def test_flags_are_listed_with_the_values_that_queries_compare(rows: dict[str, list[dict[str, Any]]]) -> None:
    assert rows["flags"] == [
        {
            "table_name": 'gaia."Stars Of Å"',
            "column_name": "flags",
            "value": value,
            "bit": None,
            "meaning": meaning,
        }
        for value, meaning in ((1, "blended"), (2, "saturated"))
    ]


def test_bits_are_listed_as_the_numbers_that_test_them() -> None:
    flags = Column("size", DataType(Primitive.LONG), flag_bits=((0, "first"), (10, "BAILOUT"), (63, "last")))
    hidden = replace(flags, name="hidden", is_hidden=True)
    made = TapSchemaRows(Catalogue((Schema("s", (Table("s", "t", (flags, hidden)),)),)))["tap_schema.flags"]
    assert made.column("column_name").to_pylist() == ['"size"'] * 3
    assert made.column("value").to_pylist() == [1, 1024, -(2**63)]
    assert made.column("bit").to_pylist() == [0, 10, 63]


def test_a_description_tells_what_has_no_column_of_its_own(rows: dict[str, list[dict[str, Any]]]) -> None:
    assert column(rows, "flags")["description"] == "Values: 1 blended, 2 saturated"
    assert column(rows, "gmm")["description"] == "Elements: a, b, c"
    assert column(rows, '"size"')["description"] == "λ in Å"


def test_uploads_are_never_listed() -> None:
    catalogue = Catalogue((TAP_SCHEMA,)).with_schema(Schema("TAP_UPLOAD", (table("TAP_UPLOAD"),)))
    rows = TapSchemaRows(catalogue)
    assert rows["tap_schema.schemas"].num_rows == 1
    assert rows["tap_schema.tables"].num_rows == len(NAMES)


def test_rows_are_made_once_per_catalogue(store: Store) -> None:
    catalogue = store.catalogue.load()
    rows = store.catalogue.inline(catalogue)
    assert set(rows) == {f"tap_schema.{name}" for name in NAMES}
    made = rows["tap_schema.columns"]
    assert isinstance(made, pa.Table)
    with_upload = catalogue.with_schema(Schema("tap_upload", (table("tap_upload"),)))
    assert store.catalogue.inline(with_upload)["tap_schema.columns"] is made
    store.catalogue.publish(release(STARS), schema=GAIA)
    changed = store.catalogue.inline(store.catalogue.load())["tap_schema.columns"]
    assert changed.num_rows == made.num_rows + 9
    assert store.catalogue.inline(catalogue)["tap_schema.columns"].num_rows == made.num_rows


def test_a_table_that_is_not_in_tap_schema_is_not_found() -> None:
    with pytest.raises(KeyError):
        TapSchemaRows(Catalogue((TAP_SCHEMA,)))["gaia.notes"]
