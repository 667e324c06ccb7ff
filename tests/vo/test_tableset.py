"""Tablesets of TAP services as catalogues."""

from __future__ import annotations

import pytest

from tests.adql.samples import CATALOGUE
from vo_server.adql.words import RESERVED
from vo_server.errors import UsageError
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import Position
from vo_server.vo.tableset import read_tableset
from vo_server.vo.vosi import tableset


def test_our_own_document_is_read_back() -> None:
    found = read_tableset(tableset(CATALOGUE, reserved=RESERVED))
    assert [table.full_name for table in found.tables] == [table.full_name for table in CATALOGUE.tables]
    for one, other in zip(found.tables, CATALOGUE.tables, strict=True):
        assert [(c.name, c.datatype, c.unit, c.ucd, c.description) for c in one.columns] == [
            (c.name, c.datatype, c.unit, c.ucd, c.full_description) for c in other.visible_columns
        ]
    assert found.tables[0].position == Position("ra", "dec")


@pytest.mark.parametrize(
    ("datatype", "expected"),
    [
        ('<dataType xsi:type="vs:TAPType">BIGINT</dataType>', DataType(Primitive.LONG)),
        ('<dataType xsi:type="vs:TAPType">DOUBLE</dataType>', DataType(Primitive.DOUBLE)),
        ('<dataType xsi:type="vs:TAPType" size="8">VARCHAR</dataType>', DataType(Primitive.CHAR, "*")),
        ('<dataType xsi:type="vs:VOTableType">float</dataType>', DataType(Primitive.FLOAT)),
        ('<dataType xsi:type="vs:VOTableType" arraysize="3">float</dataType>', DataType(Primitive.FLOAT, "3")),
        ("<dataType>what</dataType>", DataType(Primitive.CHAR, "*")),
        ("", DataType(Primitive.CHAR, "*")),
    ],
)
def test_types_of_other_services_are_understood(datatype: str, expected: DataType) -> None:
    document = (
        '<tableset xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><schema><name>s</name><table><name>s.t</name>'
        f"<column><name>c</name>{datatype}</column></table></schema></tableset>"
    )
    ((column,),) = (table.columns for table in read_tableset(document.encode()).tables)
    assert column.datatype == expected


@pytest.mark.parametrize("document", [b"", b"nothing", b"<VOTABLE/>"])
def test_what_is_no_tableset_is_refused(document: bytes) -> None:
    with pytest.raises(UsageError):
        read_tableset(document)
