from __future__ import annotations

import io
import xml.etree.ElementTree as ET  # the documents are our own

import pytest
from astropy.io.votable import parse

from tests.support.xsd import votlint
from tests.vo.samples import STARS
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.provenance import Link
from vo_server.model.query import Note
from vo_server.model.table import Column
from vo_server.vo.votable import Serialization, Status, error_document, field_ids, head, tail

V = "{http://www.ivoa.net/xml/VOTable/v1.3}"
SERIALIZATIONS = pytest.mark.parametrize("serialization", list(Serialization))
DOUBLE = DataType(Primitive.DOUBLE)


def empty(
    *columns: Column, notes: tuple[Note, ...] = (), serialization: Serialization = Serialization.TABLEDATA
) -> bytes:
    return head(columns, serialization, notes=notes) + tail(serialization)


@SERIALIZATIONS
def test_the_document_is_valid(serialization: Serialization, stilts: str) -> None:
    notes = (Note("QUERY", "SELECT <1>"), Note("citation", "x", "text & more", "meta.bib"))
    assert votlint(stilts, empty(*STARS.visible_columns, notes=notes, serialization=serialization)) == []


def test_the_namespace_is_the_default_one_and_the_version_is_known_to_clients() -> None:
    document = empty(*STARS.visible_columns)
    assert b'<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">' in document
    assert b"<RESOURCE " in document


def test_a_field_says_all_that_is_known_of_the_column() -> None:
    field = ET.fromstring(empty(*STARS.visible_columns)).find(f".//{V}FIELD")
    assert field is not None
    assert field.attrib == {
        "name": "ra",
        "ID": "ra",
        "datatype": "double",
        "unit": "deg",
        "ucd": "pos.eq.ra;meta.main",
        "utype": "stc:ra",
        "ref": "icrs",
    }
    assert field.findtext(f"{V}DESCRIPTION") == "Right ascension (J2000), δ < 360"


def test_positions_refer_to_icrs_and_nothing_else_does() -> None:
    columns = (
        Column("ra", DOUBLE, ucd="pos.eq.ra;meta.main"),
        Column("dec", DOUBLE, ucd="POS.EQ.DEC"),
        Column("e_ra", DOUBLE, ucd="stat.error;pos.eq.ra"),
        Column("pmra", DOUBLE, ucd="pos.pm;pos.eq.ra"),
        Column("ra_hms", DataType(Primitive.CHAR, "*"), ucd="pos.eq.ra"),
    )
    root = ET.fromstring(empty(*columns))
    system = root.find(f".//{V}COOSYS")
    assert system is not None
    assert system.attrib == {"ID": "icrs", "system": "ICRS"}
    assert [one.attrib.get("ref") for one in root.iter(f"{V}FIELD")] == ["icrs", "icrs", None, None, None]


def test_there_is_no_coosys_without_positions() -> None:
    assert b"COOSYS" not in empty(Column("x", DOUBLE))


def test_infos_come_before_coosys_and_table() -> None:
    resource = ET.fromstring(empty(*STARS.visible_columns, notes=(Note("QUERY", "x"),))).find(f"{V}RESOURCE")
    assert resource is not None
    assert [one.tag.removeprefix(V) for one in resource] == ["INFO", "INFO", "COOSYS", "TABLE"]
    assert [one.attrib["name"] for one in resource.findall(f"{V}INFO")] == ["QUERY_STATUS", "QUERY"]


@pytest.mark.parametrize(
    ("names", "ids"),
    [
        (["ra", "dec"], ["ra", "dec"]),
        (["a", "a", "A"], ["a", "a_2", "A_3"]),
        (["1st", "B-V", "x y", "é", ""], ["_1st", "B-V", "x_y", "_", "__2"]),
        (["icrs", "ICRS"], ["icrs_2", "ICRS_3"]),
        ([".x", "-x"], ["_.x", "_-x"]),
        (["a", "a", "a_2"], ["a", "a_2", "a_2_2"]),
    ],
)
def test_ids_are_unique_xml_names(names: list[str], ids: list[str]) -> None:
    assert field_ids([Column(name, DOUBLE) for name in names]) == ids


def test_odd_names_still_make_a_valid_document(stilts: str) -> None:
    columns = [Column(name, DOUBLE) for name in ["1st", "B-V", "a  b\tc", "é<&>\"'", "", "icrs", "\x01"]]
    document = empty(*columns)
    names = [one.attrib["name"] for one in ET.fromstring(document).iter(f"{V}FIELD")]
    assert names == ["1st", "B-V", "a b c", "é<&>\"'", "_", "icrs", "\ufffd"]
    assert [line for line in votlint(stilts, document) if line.startswith("ERROR")] == []


@SERIALIZATIONS
def test_links_stand_between_the_fields_and_the_data(stilts: str, serialization: Serialization) -> None:
    links = (Link("https://a.org/?a=1&b=2", "A & B", "doc", "text/html"), Link("https://a.org/data"))
    document = head(STARS.visible_columns, serialization, links=links) + tail(serialization)
    assert votlint(stilts, document) == []
    table = ET.fromstring(document).find(f"{V}RESOURCE/{V}TABLE")
    assert table is not None
    assert [one.tag.removeprefix(V) for one in table][-3:] == ["LINK", "LINK", "DATA"]
    assert table.find(f"{V}LINK").attrib == {  # type: ignore[union-attr]
        "href": "https://a.org/?a=1&b=2",
        "title": "A & B",
        "content-role": "doc",
        "content-type": "text/html",
    }


@SERIALIZATIONS
@pytest.mark.parametrize("status", [Status.OVERFLOW, Status.ERROR])
def test_the_tail_tells_what_became_of_the_query(serialization: Serialization, status: Status, stilts: str) -> None:
    columns = STARS.visible_columns
    document = head(columns, serialization) + tail(serialization, status=status, message="because & why")
    resource = ET.fromstring(document).find(f"{V}RESOURCE")
    assert resource is not None
    assert resource[-2].tag == f"{V}TABLE"
    assert resource[-1].attrib == {"name": "QUERY_STATUS", "value": str(status)}
    assert resource[-1].text == "because & why"
    assert votlint(stilts, document) == []


def test_the_error_document_has_no_table_and_is_valid(stilts: str) -> None:
    document = error_document("line 1: no <foo>", notes=[Note("QUERY", "SELECT foo")])
    votable = parse(io.BytesIO(document), verify="exception")
    infos = [(one.name, one.value, one.content) for one in votable.resources[0].infos]
    assert infos == [("QUERY_STATUS", "ERROR", "line 1: no <foo>"), ("QUERY", "SELECT foo", None)]
    assert b"TABLE>" not in document.replace(b"</VOTABLE>", b"")
    assert votlint(stilts, document) == []
