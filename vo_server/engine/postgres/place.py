"""Where rows are in the database: in tables of ours or of others, and the locations that the catalogue keeps of both.

A release that we loaded is ``vo_data.survey_stars_v1_0a1b2c3d`` and belongs to us. A relation that was adopted is
``adopted:"public"."stars"#0a1b2c3d``: it is read, and never changed, dropped or swept.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from vo_server.errors import EngineError
from vo_server.model.table import delimited

__all__ = ["adopted_location", "is_adopted", "location_of", "relation_of", "split"]

_LONGEST_NAME: Final = 63
"""Bytes of an identifier that PostgreSQL keeps."""

_DIGEST: Final = 8
_LOCATION: Final = re.compile(r"([a-z_][a-z0-9_]*)\.([a-z_][a-z0-9_]*)")
_FOREIGN: Final = re.compile(r"[^a-z0-9]+")
_ADOPTED: Final = "adopted:"
_ADOPTED_LOCATION: Final = re.compile(r'adopted:("(?:[^"]|"")+"\."(?:[^"]|"")+")#[0-9a-f]{8}', re.DOTALL)


def location_of(data_schema: str, schema: str, table: str, version: str) -> str:
    """Return ``data_schema.name`` for a release.

    The name reads like ``schema_table_version``, has ASCII letters, digits and ``_`` only, and ends with a digest of
    the exact names, so that different releases never share one.
    """
    text = "_".join(_FOREIGN.sub("_", part.lower()).strip("_") for part in (schema, table, version))
    if not text[:1].isalpha():
        text = f"t_{text}"
    return f"{data_schema}.{text[: _LONGEST_NAME - _DIGEST - 1].rstrip('_')}_{_digest(schema, table, version)}"


def adopted_location(relation: tuple[str, str], *, schema: str, table: str, version: str) -> str:
    """Return the location of a relation of others that is published in place.

    Parameters
    ----------
    relation
        Database schema and name of the table or view.
    schema, table, version
        What it is published as; a relation that is adopted again has another location.
    """
    names = ".".join(delimited(name) for name in relation)
    return f"{_ADOPTED}{names}#{_digest(schema, table, version)}"


def is_adopted(location: str) -> bool:
    """Tell whether the rows belong to somebody else."""
    return location.startswith(_ADOPTED)


def split(location: str) -> tuple[str, str]:
    """Return the database schema and the table of a release that we loaded.

    Raises
    ------
    EngineError
        If the location was not made by :func:`location_of`: it is adopted, or of another engine.
    """
    found = _LOCATION.fullmatch(location)
    if found is None:
        raise _misplaced(location)
    return found[1], found[2]


def relation_of(location: str) -> str:
    """Return the SQL name of the rows behind a location, whoever they belong to."""
    if is_adopted(location):
        found = _ADOPTED_LOCATION.fullmatch(location)
        if found is None:
            raise _misplaced(location)
        return found[1]
    schema, table = split(location)
    return f'"{schema}"."{table}"'


def _digest(schema: str, table: str, version: str) -> str:
    return hashlib.sha256(f"{schema}\0{table}\0{version}".encode()).hexdigest()[:_DIGEST]


def _misplaced(location: str) -> EngineError:
    return EngineError(
        f"{location!r} is not a place in PostgreSQL",
        hint="the catalogue belongs to another engine or was edited by hand",
    )
