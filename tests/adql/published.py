"""The catalogues that the published queries read, made from the column tables that lie beside them."""

from __future__ import annotations

import csv
import json
import os
import re
from functools import cache
from pathlib import Path

from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import Catalogue, Column, Schema, Table

__all__ = ["FILTERS", "FOLDER", "catalogue", "queries"]

_DATA = Path(os.environ.get("VO_TEST_CATALOGUES", Path(__file__).resolve().parents[3] / "shared" / "data"))

FOLDER = _DATA.parent / "catalogues"
"""Column tables and queries of papers, beside the folder of real catalogues, outside of the project."""

FILTERS = ("rSDSS", "gSDSS", "iSDSS", "zSDSS", "uJAVA", "J0378", "J0395", "J0410", "J0430", "J0515", "J0660", "J0861")
"""Order of the elements of a J-PLUS array."""

_DATATYPE = re.compile(r"([a-zA-Z]+)(?:\[([^\]]*)\])?")


def datatype(text: str) -> DataType:
    """Read a datatype such as ``float[12]``, ``char[*]``, ``long``."""
    match = _DATATYPE.fullmatch(text)
    assert match is not None, text
    return DataType(Primitive(match.group(1)), match.group(2))


def _column(row: dict[str, str]) -> Column:
    found = datatype(row["datatype"])
    names = FILTERS if "jplus::FILTER" in (row["notes"] or "") else ()
    return Column(
        row["name"],
        found,
        unit=row["unit"] or None,
        ucd=row["ucd"] or None,
        description=row["description"] or None,
        element_names=names,
    )


@cache
def catalogue() -> Catalogue:
    """Return everything that the column tables describe with a name and a type."""
    tables: dict[str, list[Column]] = {}
    for file in sorted(FOLDER.glob("*.csv")):
        with file.open(encoding="utf-8", newline="") as lines:
            rows = csv.DictReader(lines)
            if rows.fieldnames is None or rows.fieldnames[:3] != ["table", "name", "datatype"]:
                continue
            for row in rows:
                if row["name"] and row["datatype"]:
                    tables.setdefault(row["table"], []).append(_column(row))
    schemas: dict[str, list[Table]] = {}
    for full_name, columns in tables.items():
        schema, name = full_name.split(".")
        schemas.setdefault(schema, []).append(Table(schema, name, tuple(columns)))
    return Catalogue(tuple(Schema(name, tuple(found)) for name, found in schemas.items()))


def queries() -> dict[str, tuple[str, str]]:
    """Return level and text of each published query by its name; none where the file is not there."""
    file = FOLDER / "queries.json"
    if not file.is_file():
        return {}
    return {one["id"]: (one["level"], one["adql"]) for one in json.loads(file.read_text(encoding="utf-8"))}
