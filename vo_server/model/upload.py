"""Tables that come with a query: what the caller names, and what has been read of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vo_server.errors import ParameterError, UploadError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa

    from vo_server.model.table import Table

__all__ = ["UPLOAD_SCHEMA", "UploadRequest", "UploadedTable", "inline_labels", "to_uploads"]

UPLOAD_SCHEMA: Final = "TAP_UPLOAD"
"""Schema of the uploads of one request (TAP 1.1, section 2.7.6); never listed."""

_INLINE: Final = "param:"
_BETWEEN_UPLOADS: Final = re.compile(r";(?=\s*(?:[A-Za-z][A-Za-z0-9_]*\s*,|$))")
"""A semicolon before the next pair: one in a URL is followed by something else."""

_TABLE_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,127}")
_SCHEMES: Final = ("param:", "http://", "https://")


@dataclass(frozen=True)
class UploadRequest:
    """One table that a query wants to use: the name it shall have, and where its file is."""

    name: str
    """Name of the table in the schema TAP_UPLOAD: a regular identifier."""
    uri: str
    """``param:label`` for a file in the request itself, or a URL."""

    @property
    def label(self) -> str | None:
        """Name of the part of the request that has the file; None for a URL. Labels count without case."""
        is_inline = self.uri[: len(_INLINE)].lower() == _INLINE
        return self.uri[len(_INLINE) :].strip() if is_inline else None


@dataclass(frozen=True)
class UploadedTable:
    """An upload that a query can use."""

    table: Table
    """In the schema TAP_UPLOAD, without a location."""
    rows: pa.Table
    """Rows in the order of the file, with the schema ``arrow_schema(table.columns)``."""
    notes: tuple[str, ...] = ()
    """What was changed on the way, for the caller to hear."""


def to_uploads(values: Iterable[str]) -> tuple[UploadRequest, ...]:
    """Return the tables that values of UPLOAD name.

    A value is ``name,uri``, or several of these with ``;`` between them as in TAP 1.0, which clients still send.

    Raises
    ------
    ParameterError
        If a name is none that a table can have, or a URI is none that can be read.
    UploadError
        If two tables have one name; case does not matter.
    """
    found: dict[str, UploadRequest] = {}
    for value in values:
        for pair in _BETWEEN_UPLOADS.split(value):
            if not pair.strip():
                continue
            one = _upload(pair)
            other = found.setdefault(one.name.lower(), one)
            if other is not one:
                raise UploadError(
                    f"two uploads have the name {one.name}: {other.uri[:80]!r} and {one.uri[:80]!r}",
                    hint="names of uploads count without case; give each another one",
                )
    return tuple(found.values())


def inline_labels(values: Iterable[str]) -> tuple[str, ...]:
    """Return the labels of inline uploads that values of UPLOAD name, as far as they can be understood."""
    try:
        found = to_uploads(values)
    except (ParameterError, UploadError):  # told when the query runs (TAP 1.1, section 2.7)
        return ()
    return tuple(upload.label for upload in found if upload.label is not None)


def _upload(pair: str) -> UploadRequest:
    name, comma, uri = (part.strip() for part in pair.partition(","))
    if not comma:
        raise ParameterError("UPLOAD", pair.strip(), "name,param:label or name,URL")
    if not _TABLE_NAME.fullmatch(name):
        schema, _, bare = name.partition(".")
        is_qualified = schema.upper() == UPLOAD_SCHEMA and _TABLE_NAME.fullmatch(bare) is not None
        hint = f"write {bare}, and {UPLOAD_SCHEMA}.{bare} in the query" if is_qualified else None
        raise ParameterError(
            "UPLOAD", pair.strip(), "a table name of letters, digits and _, at most 128, before the comma", hint=hint
        )
    scheme = next((one for one in _SCHEMES if uri.lower().startswith(one)), None)
    if scheme is None or uri[len(scheme) :].strip() == "":
        raise ParameterError("UPLOAD", pair.strip(), "param:label, or a URL with http or https, behind the comma")
    return UploadRequest(name, uri)
