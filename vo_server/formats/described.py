"""What files of Arrow and Parquet say of their columns and of themselves.

Both carry a VOTable without rows under the keys of the VOParquet convention: programs that read it get everything
that a VOTable says. The fields of Arrow carry the same word by word, for programs that do not read XML.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa

from vo_server.vo.votable import metadata_document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vo_server.formats.outcome import Outcome
    from vo_server.model.provenance import Link
    from vo_server.model.query import QueryResult
    from vo_server.model.table import Column

__all__ = ["described_field", "document_metadata", "table_metadata"]

_VERSION_KEY: Final = "IVOA.VOTable-Parquet.version"
_CONTENT_KEY: Final = "IVOA.VOTable-Parquet.content"
_VERSION: Final = "1.0"


def described_field(column: Column, arrow: pa.DataType) -> pa.Field:
    """Return an Arrow field whose metadata says what a FIELD says, under the names of its attributes."""
    datatype = column.datatype
    said = {
        "datatype": str(datatype.primitive),
        "arraysize": datatype.arraysize,
        "xtype": datatype.xtype,
        "unit": column.unit,
        "ucd": column.ucd,
        "utype": column.utype,
        "description": column.description,
    }
    return pa.field(column.name, arrow, metadata={name: text for name, text in said.items() if text})


def table_metadata(columns: Sequence[Column], result: QueryResult, outcome: Outcome) -> dict[str, str]:
    """Return the key-value metadata of a table.

    Parameters
    ----------
    columns
        The columns under the names and with the types that they have in the file.
    result
        Where they come from.
    outcome
        How it ended, as far as that is known when the metadata is written.

    References
    ----------
    Parquet in the VO (VOParquet) 1.0, section 2.2.
    """
    content = metadata_document(
        columns,
        notes=(*result.notes, *outcome.notes),
        links=result.links,
        status=outcome.status,
        message=outcome.message,
    )
    return {**_keys(content), **outcome.facts}


def document_metadata(columns: Sequence[Column], *, links: Sequence[Link] = ()) -> dict[str, str]:
    """Return the key-value metadata of a table that is no answer of a query, such as an export."""
    return _keys(metadata_document(columns, links=links))


def _keys(content: bytes) -> dict[str, str]:
    return {_VERSION_KEY: _VERSION, _CONTENT_KEY: content.decode()}
