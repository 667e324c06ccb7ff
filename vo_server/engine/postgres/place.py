"""Physical names of releases in the database, and the locations that the catalogue keeps."""

from __future__ import annotations

import hashlib
import re
from typing import Final

from vo_server.errors import EngineError

__all__ = ["location_of", "quoted_identifier", "relation_of", "split"]

_LONGEST_NAME: Final = 63
"""Bytes of an identifier that PostgreSQL keeps."""

_DIGEST: Final = 8
_LOCATION: Final = re.compile(r"([a-z_][a-z0-9_]*)\.([a-z_][a-z0-9_]*)")
_FOREIGN: Final = re.compile(r"[^a-z0-9]+")


def location_of(data_schema: str, schema: str, table: str, version: str) -> str:
    """Return ``data_schema.name`` for a release.

    The name reads like ``schema_table_version``, has ASCII letters, digits and ``_`` only, and ends with a digest of
    the exact names, so that different releases never share one.
    """
    digest = hashlib.sha256(f"{schema}\0{table}\0{version}".encode()).hexdigest()[:_DIGEST]
    text = "_".join(_FOREIGN.sub("_", part.lower()).strip("_") for part in (schema, table, version))
    if not text[:1].isalpha():
        text = f"t_{text}"
    return f"{data_schema}.{text[: _LONGEST_NAME - _DIGEST - 1].rstrip('_')}_{digest}"


def split(location: str) -> tuple[str, str]:
    """Return the database schema and the table of a location.

    Raises
    ------
    EngineError
        If the location was not made by :func:`location_of`, e.g. by another engine.
    """
    found = _LOCATION.fullmatch(location)
    if found is None:
        raise EngineError(
            f"{location!r} is not a place in PostgreSQL",
            hint="the catalogue belongs to another engine or was edited by hand",
        )
    return found[1], found[2]


def relation_of(location: str) -> str:
    """Return the SQL name of the rows of a release."""
    schema, table = split(location)
    return f'"{schema}"."{table}"'


def quoted_identifier(name: str) -> str:
    """Write a name between double quotes."""
    return '"' + name.replace('"', '""') + '"'
