from __future__ import annotations

import io
import xml.etree.ElementTree as ET  # the documents are our own

from pyvo.io.vosi import parse_availability, parse_tables

from tests.support.xsd import assert_valid
from tests.vo.samples import CATALOGUE, LATER, NAMES, NOON, RESERVED, STARS
from vo_server.vo.vosi import availability, table, tableset

XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"


def test_all_documents_are_valid(stilts: str) -> None:
    assert_valid(
        stilts,
        {
            "all": tableset(CATALOGUE, reserved=RESERVED),
            "max": tableset(CATALOGUE, "max", reserved=RESERVED),
            "min": tableset(CATALOGUE, "min", reserved=RESERVED),
            "table": table(STARS, reserved=RESERVED),
            "view": table(NAMES, reserved=RESERVED),
            "up": availability(is_available=True, up_since=NOON),
            "down": availability(is_available=False, down_at=NOON, back_at=LATER, notes=["a & b", "c"]),
        },
    )


def test_names_are_quoted_where_a_query_must_quote_them() -> None:
    root = ET.fromstring(tableset(CATALOGUE, reserved=RESERVED))
    assert [one.text for one in root.findall("schema/table/name")] == ["sky.stars", 'sky."1st names"']
    assert [one.text for one in root.findall("schema/table[1]/column/name")] == [
        *("ra", "dec", '"size"', '"B-V"', "centre", "seen", "name"),
    ]
    key = root.find("schema/table/foreignKey")
    assert key is not None
    assert key.findtext("targetTable") == 'sky."1st names"'
    pairs = [(one.findtext("fromColumn"), one.findtext("targetColumn")) for one in key.findall("fkColumn")]
    assert pairs == [("name", '"B-V"'), ("ra", '"size"')]


def test_hidden_columns_are_not_shown() -> None:
    assert b"healpix" not in tableset(CATALOGUE, reserved=RESERVED)
    assert b"healpix" not in table(STARS, reserved=RESERVED)


def test_a_column_says_its_type_and_flags() -> None:
    columns = {one.findtext("name"): one for one in ET.fromstring(table(STARS, reserved=RESERVED)).iter("column")}
    ra, centre = columns["ra"], columns["centre"]
    assert ra.attrib == {"std": "true"}
    assert [one.text for one in ra.findall("flag")] == ["indexed", "principal"]
    assert [one.text for one in columns["name"].findall("flag")] == ["primary", "nullable"]
    datatype = centre.find("dataType")
    assert datatype is not None
    assert datatype.attrib == {XSI_TYPE: "vs:VOTableType", "arraysize": "2", "extendedType": "point"}
    assert datatype.text == "double"


def test_detail_min_leaves_out_columns_and_keys() -> None:
    root = ET.fromstring(tableset(CATALOGUE, "min", reserved=RESERVED))
    assert root.findall("schema/table/column") == []
    assert root.findall("schema/table/foreignKey") == []
    assert root.findtext("schema/table/description") == 'Stars & "others"'


def test_a_table_is_the_same_alone_and_in_the_set() -> None:
    (alone,) = [ET.fromstring(table(STARS, reserved=RESERVED))]
    within = ET.fromstring(tableset(CATALOGUE, reserved=RESERVED)).find("schema/table")
    assert within is not None
    assert alone.attrib == within.attrib
    assert [one.split() for one in alone.itertext()] == [one.split() for one in within.itertext()]


def test_pyvo_reads_the_tables() -> None:
    tables = list(parse_tables(io.BytesIO(tableset(CATALOGUE, reserved=RESERVED))).iter_tables())
    assert [one.name for one in tables] == ["sky.stars", 'sky."1st names"']
    assert [one.name for one in tables[0].columns][:2] == ["ra", "dec"]
    assert tables[0].columns[0].unit == "deg"


def test_pyvo_reads_the_availability() -> None:
    found = parse_availability(io.BytesIO(availability(is_available=False, back_at=LATER, notes=["soon"])))
    assert found.available is False
    assert found.backat == "2025-01-02T13:30:00.250000Z"
    assert list(found.notes) == ["soon"]


def test_availability_has_the_prefix_that_a_client_looks_for() -> None:
    assert b"<vosi:available>true</vosi:available>" in availability(is_available=True)
