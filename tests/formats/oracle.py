"""A slow and simple reader of VOTables, cell by cell, to hold the quick writers against."""

from __future__ import annotations

import base64
import math
import struct
import xml.etree.ElementTree as ET  # the documents are our own
from dataclasses import dataclass
from typing import Any

V = "{http://www.ivoa.net/xml/VOTable/v1.3}"
_CODES = {"unsignedByte": "B", "short": "h", "int": "i", "long": "q", "float": "f", "double": "d"}
_BOOLEANS = {b"T": True, b"F": False, b"?": None, b" ": None, b"\0": None}


@dataclass
class Field:
    name: str
    datatype: str
    arraysize: str | None
    null: str | None

    @property
    def n_elements(self) -> int | None:
        if self.arraysize is None:
            return 1
        if self.arraysize.endswith("*"):
            return None
        return math.prod(int(axis) for axis in self.arraysize.split("x"))


@dataclass
class Document:
    statuses: list[tuple[str, str | None]]
    infos: list[tuple[str, str, str | None]]
    fields: list[Field]
    rows: list[list[Any]]


def read(document: bytes) -> Document:
    root = ET.fromstring(document)
    infos = [(one.attrib["name"], one.attrib["value"], one.text) for one in root.iter(f"{V}INFO")]
    fields = []
    for one in root.iter(f"{V}FIELD"):
        values = one.find(f"{V}VALUES")
        null = None if values is None else values.attrib["null"]
        fields.append(Field(one.attrib["name"], one.attrib["datatype"], one.attrib.get("arraysize"), null))
    stream = root.find(f".//{V}STREAM")
    if stream is None:
        rows = [[cell.text for cell in row] for row in root.iter(f"{V}TR")]
    else:
        rows = _rows(base64.b64decode(stream.text or "", validate=False), fields)
    return Document([(value, text) for name, value, text in infos if name == "QUERY_STATUS"], infos, fields, rows)


def _rows(data: bytes, fields: list[Field]) -> list[list[Any]]:
    place, rows = 0, []
    n_flags = (len(fields) + 7) // 8
    while place < len(data):
        flags, place = data[place : place + n_flags], place + n_flags
        assert not any(flags[bit // 8] & 0x80 >> bit % 8 for bit in range(len(fields), 8 * n_flags))
        row = []
        for index, field in enumerate(fields):
            value, place = _cell(data, place, field)
            row.append(None if flags[index // 8] & 0x80 >> index % 8 else value)
        rows.append(row)
    assert place == len(data)
    return rows


def _cell(data: bytes, place: int, field: Field) -> tuple[Any, int]:
    count = field.n_elements
    if count is None:
        count, place = struct.unpack_from(">i", data, place)[0], place + 4
    if field.datatype == "char":
        return _text(data[place : place + count], "utf-8"), place + count
    if field.datatype == "unicodeChar":
        return _text(data[place : place + 2 * count], "utf-16-be"), place + 2 * count
    if field.datatype == "boolean":
        values: list[Any] = [_BOOLEANS[data[place + index : place + index + 1]] for index in range(count)]
        place += count
    else:
        code = f">{count}{_CODES[field.datatype]}"
        values = list(struct.unpack_from(code, data, place))
        place += struct.calcsize(code)
    if field.null is not None:
        values = [None if value == int(field.null) else value for value in values]
    return (values[0] if field.arraysize is None else values), place


def _text(data: bytes, encoding: str) -> str:
    return data.decode(encoding).rstrip("\0")
