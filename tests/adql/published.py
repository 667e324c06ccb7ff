"""The published queries, and the catalogues that they read as the descriptions that come with the project say."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from functools import cache
from pathlib import Path

from ingest.spec import read_schema_file
from vo_server.model.table import Catalogue
from vo_server.resources import schema_files

__all__ = ["FOLDER", "catalogue", "queries"]

_DATA = Path(os.environ.get("VO_TEST_CATALOGUES", Path(__file__).resolve().parents[3] / "shared" / "data"))

FOLDER = _DATA.parent / "catalogues"
"""Column tables and queries of papers, beside the folder of real catalogues, outside of the project."""

_OURS = "mock"
"""The one description that is of no published catalogue."""


@cache
def catalogue() -> Catalogue:
    """Return all tables that are described, with nothing in them."""
    files = [read_schema_file(file) for file in sorted(schema_files().glob("*.yaml")) if file.stem != _OURS]
    described = [[file.describe(table.name) for table in file.schema.tables] for file in files]
    return Catalogue(
        tuple(replace(tables[0].schema, tables=tuple(one.table for one in tables)) for tables in described)
    )


def queries() -> dict[str, tuple[str, str]]:
    """Return level and text of each published query by its name; none where the file is not there."""
    file = FOLDER / "queries.json"
    if not file.is_file():
        return {}
    return {one["id"]: (one["level"], one["adql"]) for one in json.loads(file.read_text(encoding="utf-8"))}
