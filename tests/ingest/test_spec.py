from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from felis.datamodel import Schema as FelisSchema

from ingest.spec import parse_schema, read_schema_file, without_notes
from vo_server.errors import SchemaFileError
from vo_server.load.description import Derivation, DerivationKind
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import HEALPIX_COLUMN, Key, Position

EVERYTHING = """
name: survey
"@id": "#survey"
description: A survey
vo: {title: The Survey}
tables:
- name: main
  "@id": "#main"
  description: Objects
  tap:table_index: 3
  primaryKey: "#main.id"
  vo:
    title: Main table
    ignore_extra: true
    position: {ra: ra, dec: dec, epoch: 2016.0}
  indexes:
  - {name: mag_idx, "@id": "#mag_idx", columns: ["#main.mag"]}
  columns:
  - {name: id, "@id": "#main.id", datatype: long, nullable: false, "ivoa:ucd": meta.id;meta.main, "tap:column_index": 1}
  - {name: ra, "@id": "#main.ra", datatype: double, "ivoa:unit": deg, "ivoa:ucd": pos.eq.ra;meta.main}
  - {name: dec, "@id": "#main.dec", datatype: double, "ivoa:unit": deg, "ivoa:ucd": pos.eq.dec;meta.main}
  - name: mag
    "@id": "#main.mag"
    datatype: float
    description: Magnitude
    fits:tunit: mag
    tap:principal: 1
    vo: {null_values: [99, -99.5, NaN]}
  - name: probs
    "@id": "#main.probs"
    datatype: float
    votable:arraysize: "3"
    vo: {element_names: [galaxy, quasar, star], hidden: true}
  - name: flags
    "@id": "#main.flags"
    datatype: int
    vo: {flag_meanings: {2: saturated, 1: blended}, source: FLAGS, aliases: [flagz, "F/L"]}
  - {name: bits, "@id": "#main.bits", datatype: short, vo: {flag_bits: {15: last, 0: first}}}
  - {name: note, "@id": "#main.note", datatype: unicode, length: 20}
  - {name: kind, "@id": "#main.kind", datatype: char, length: 1}
  - {name: code, "@id": "#main.code", datatype: char, length: 4}
  - {name: free, "@id": "#main.free", datatype: text}
  - {name: seen, "@id": "#main.seen", datatype: timestamp}
  - {name: logg, "@id": "#main.logg", datatype: double, vo: {unit: log(cm.s**-2), null_values: []}}
- name: spectra
  "@id": "#spectra"
  columns:
  - {name: object, "@id": "#spectra.object", datatype: long}
  constraints:
  - name: spectra_object
    "@id": "#spectra_object"
    "@type": ForeignKey
    description: The object of the spectrum
    columns: ["#spectra.object"]
    referencedColumns: ["#main.id"]
"""


@pytest.fixture
def raw() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(EVERYTHING)
    return loaded


def test_a_table_is_compiled_with_all_that_is_said(raw: dict[str, Any]) -> None:
    described = parse_schema(raw, file="s.yaml").describe("main")
    table = described.table
    assert (table.full_name, table.title, table.description, table.index) == ("survey.main", "Main table", "Objects", 3)
    assert (described.schema.title, described.schema.description) == ("The Survey", "A survey")
    assert (table.primary_key, table.position) == (("id",), Position("ra", "dec", 2016.0))
    assert [column.name for column in table.columns][-1] == HEALPIX_COLUMN
    by_name = table.by_name
    assert not by_name["id"].is_nullable
    mag = by_name["mag"]
    assert (mag.unit, mag.null_values, mag.is_principal, mag.is_indexed) == ("mag", ("99", "-99.5", "NaN"), True, True)
    assert (by_name["ra"].null_values, by_name["logg"].null_values) == (("NaN",), ())
    assert by_name["logg"].unit == "log(cm.s**-2)"
    assert by_name["probs"].datatype == DataType(Primitive.FLOAT, "3")
    assert by_name["probs"].element_names == ("galaxy", "quasar", "star")
    assert by_name["probs"].is_hidden
    assert by_name["flags"].flag_meanings == ((1, "blended"), (2, "saturated"))
    assert by_name["flags"].aliases == ("flagz", "F/L")
    assert by_name["bits"].flag_bits == ((0, "first"), (15, "last"))
    assert described.sources["flags"] == "FLAGS"
    assert by_name["note"].datatype == DataType(Primitive.UNICODE_CHAR, "20*")
    assert by_name["kind"].datatype == DataType(Primitive.CHAR)
    assert by_name["code"].datatype == DataType(Primitive.CHAR, "4")
    assert by_name["free"].datatype == DataType(Primitive.CHAR, "*")
    assert by_name["seen"].datatype.is_timestamp


def test_foreign_keys_point_to_full_names(raw: dict[str, Any]) -> None:
    table = parse_schema(raw, file="s.yaml").describe("spectra").table
    key = Key("spectra_object", "survey.main", (("object", "id"),), "The object of the spectrum")
    assert table.keys == (key,)


def test_a_foreign_key_may_point_to_a_table_of_another_file(raw: dict[str, Any]) -> None:
    raw["tables"][1]["vo"] = {
        "foreign_keys": [
            {"name": "far", "target": "other.main", "columns": {"object": "id"}, "description": "Far away"}
        ]
    }
    near, far = parse_schema(raw, file="s.yaml").describe("spectra").table.keys
    assert near.target == "survey.main"
    assert far == Key("far", "other.main", (("object", "id"),), "Far away")


def test_without_its_notes_a_file_is_plain_felis(raw: dict[str, Any]) -> None:
    plain: Any = FelisSchema.model_validate(without_notes(raw), context={"id_generation": True})
    assert [table.name for table in plain.tables] == ["main", "spectra"]
    with pytest.raises(ValueError, match="Extra inputs are not permitted"):
        FelisSchema.model_validate(raw, context={"id_generation": True})


def test_positions_can_be_described_as_computed(raw: dict[str, Any]) -> None:
    del raw["tables"][0]["vo"]["position"]
    raw["tables"][0]["vo"]["galactic"] = {"lon": "ra", "lat": "dec"}
    described = parse_schema(raw, file="s.yaml").describe("main")
    assert described.derivation == Derivation(DerivationKind.GALACTIC, "ra", "dec")
    assert described.table.position == Position("_ra_icrs", "_dec_icrs")
    assert "_ra_icrs" in described.table.by_name
    assert "_ra_icrs" not in described.sources


def test_a_file_of_one_table_describes_any_name(raw: dict[str, Any]) -> None:
    del raw["tables"][1]
    assert parse_schema(raw, file="s.yaml").describe("other").named("a", "b").table.full_name == "a.b"


def broken(raw: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    *steps, last = path.split("/")
    here: Any = raw["tables"][0]
    for step in steps:
        here = here[int(step) if step.isdigit() else step]
    here[last] = value
    return raw


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("columns/1/ivoa:ucd", "pos.eq.nonsense", "table main, column ra.*Invalid IVOA UCD"),
        ("columns/1/ivoa:unit", "parsecs per fortnight", "table main, column ra: Invalid unit"),
        (
            "columns/1/datatype",
            "quaternion",
            "table main, column ra: unknown type 'quaternion'; the types are .*double",
        ),
        ("columns/3/vo/null", [1], "table main, column mag"),
        ("columns/4/votable:arraysize", "many", "the type float many cannot be stored"),
        ("vo/position", {"ra": "ra", "dec": "delta"}, "the column 'delta', which is not described"),
        ("vo/galactic", {"lon": "l", "lat": "b"}, "the column 'l', which is not described"),
        ("primaryKey", "#main.nope", "the primary key names '#main.nope'"),
        ("columns/0/vo", {"optional": True}, "column id: a column that a file may lack can be NULL"),
        ("vo/take_extra", True, "ignore_extra leaves out columns that are not described and take_extra takes them"),
        (
            "vo/foreign_keys",
            [{"name": "k", "target": "a.b", "columns": {"objct": "id"}}],
            "the column 'objct', which is not described",
        ),
        (
            "vo/foreign_keys",
            [{"name": "k", "target": "a", "columns": {"id": "id"}}],
            "target: 'a' is not a full name; write schema.table",
        ),
        ("columns/5/vo/aliases", ["RA"], "column flags: the alias 'RA' is a name of the column ra already"),
        ("columns/5/vo/aliases", ["Flags"], "the alias 'Flags' is a name of the column flags already"),
        ("columns/5/vo/flag_bits", {0: "x"}, "flag_meanings, one code a row, or flag_bits, but not both"),
        ("columns/6/vo/flag_bits", {16: "x"}, "there is no bit 16: they are counted from 0 to 15"),
        ("columns/3/vo/flag_bits", {1: "x"}, "column mag: flag_meanings and flag_bits are of columns of whole numbers"),
        ("columns/4/vo/element_names", ["a", "b"], "there are 2 element_names for 3 elements"),
        ("columns/4/vo/element_names", ["a", "b", "A"], "two element_names differ at most in case"),
        ("columns/3/vo/element_names", ["a"], "element_names are of arrays"),
        ("columns/1/name", "id", "must be unique"),
    ],
)
def test_what_does_not_hold_together_is_told_with_its_place(
    raw: dict[str, Any], path: str, value: object, message: str
) -> None:
    with pytest.raises(SchemaFileError, match=message) as caught:
        parse_schema(broken(raw, path, value), file="s.yaml").describe("main")
    assert str(caught.value).startswith("s.yaml: ")


@pytest.mark.parametrize(
    ("text", "message"),
    [("a: [", "is not YAML"), ("- 1", "is not a Felis schema"), ("name: x", "tables"), ("", "is not a Felis schema")],
)
def test_what_is_no_schema_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "s.yaml").write_text(text)
    with pytest.raises(SchemaFileError, match=message):
        read_schema_file(tmp_path / "s.yaml")
    with pytest.raises(SchemaFileError, match="cannot be read: No such file"):
        read_schema_file(tmp_path / "missing.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: s\ntables:\n\t- name: t\n", "line 3, column 1: is not YAML: found character '\\\\t'"),
        ("name: s\ntables:\n- {name: t, columns: [{name: x: y}]}\n", "line 3, column .*: is not YAML: expected ','"),
        ("name: s\ntables:\n- {name: t, columns: [a, b]}\n", "table t, column 1: it must be a mapping with a name"),
        ("name: s\ntables:\n- {name: t, columns: [{datatype: int}]}\n", "table t, column 1: it must be a mapping"),
        (
            "name: s\ntables:\n- {name: t, columns: [{name: x, datatype: int, 'ivoa:unit': degs}]}\n",
            r"table t, column x: Invalid unit: 'degs' .* Did you mean deg\?$",
        ),
    ],
)
def test_a_mistake_in_a_file_is_told_with_its_line_or_column(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "s.yaml").write_text(text)
    with pytest.raises(SchemaFileError, match=message) as caught:
        read_schema_file(tmp_path / "s.yaml")
    assert "\n" not in str(caught.value)


def test_an_unknown_table_is_told_with_those_there_are(raw: dict[str, Any]) -> None:
    with pytest.raises(SchemaFileError, match="no table 'x' is described; the tables are main, spectra"):
        parse_schema(raw, file="s.yaml").describe("x")
