"""Cases as data: ADQL and the rows that every engine must give, worked out by hand.

A case has a title and one of two forms. ``values`` maps expressions to what they are; ``rows`` are those of ``adql``,
in any order unless ``ordered``. Numbers are compared bit for bit, or to ``digits`` significant digits where two
mathematical libraries may differ. ``error`` is a part of the message instead, ``types`` are ADQL types,
``columns`` the names and ``notes`` parts of the notes of the answer.
"""

from __future__ import annotations

import math
import struct
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import yaml

from tests.engine.site import AnyEngine
from vo_server.adql.front import compile_query
from vo_server.adql.resolved import ResolvedQuery
from vo_server.model.query import arrow_schema
from vo_server.model.table import Catalogue

__all__ = ["FOLDER", "adql_of", "answer", "cases", "comparable", "expected"]

FOLDER = Path(__file__).parent / "cases"
Case = dict[str, Any]


def cases(folder: Path = FOLDER) -> dict[str, Case]:
    """Return the cases of a folder by names."""
    return {
        f"{file.stem}: {case['title']}": case
        for file in sorted(folder.glob("*.yaml"))
        for case in yaml.safe_load(file.read_text(encoding="utf-8"))
    }


def adql_of(case: Case) -> str:
    """Return the query of a case."""
    if "values" not in case:
        return str(case["adql"])
    return f"SELECT {', '.join(case['values'])} FROM sky.pairs WHERE k = 10"


def expected(case: Case) -> list[list[Any]]:
    """Return the rows of a case."""
    rows: list[list[Any]] = case["rows"] if "values" not in case else [list(case["values"].values())]
    return rows


def answer(engine: AnyEngine, catalogue: Catalogue, adql: str) -> tuple[ResolvedQuery, pa.Table]:
    """Run a query to its end."""
    query = compile_query(adql, catalogue)
    schema = arrow_schema(query.columns)
    with closing(engine.run(query, limit=100_000, timeout_s=60.0)) as rows:
        return query, pa.Table.from_batches(list(rows), schema)


def comparable(rows: list[list[Any]], table: pa.Table, case: Case) -> list[list[str]]:
    """Write rows so that equal texts are equal values, the sign of 0 and the type of numbers included."""
    kinds = table.schema.types
    found = [
        [_written(value, kind, case.get("digits")) for value, kind in zip(row, kinds, strict=True)] for row in rows
    ]
    return found if case.get("ordered") else sorted(found)


def _written(value: Any, kind: pa.DataType, digits: int | None) -> str:
    if value is None:
        return "null"
    if isinstance(value, list):
        return ", ".join(_written(one, kind.value_type, digits) for one in value)
    if pa.types.is_floating(kind):
        number = float(np.float32(value)) if pa.types.is_float32(kind) else float(value)
        if math.isnan(number):
            return "nan"
        return f"{number:.{digits}g}" if digits else struct.pack(">d", number).hex()
    if isinstance(value, datetime):
        return repr(value.isoformat())
    return repr(value)
