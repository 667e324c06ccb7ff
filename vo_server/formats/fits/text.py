"""Text as FITS can have it: printable ASCII (FITS 4.0, section 7.3.3.1)."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final

import pyarrow.compute as pc

from vo_server.formats.cells import timestamp_text
from vo_server.formats.utf8 import contains_bytes

if TYPE_CHECKING:
    import pyarrow as pa

    from vo_server.model.table import Column

__all__ = ["ascii_text", "cell_text", "is_beyond_ascii"]

_PRINTABLE: Final = range(0x20, 0x7F)
_BEYOND: Final = bytes(set(range(256)) - set(_PRINTABLE))


def ascii_text(text: str) -> str:
    """Return text for a header card: accents are dropped, what is still beyond ASCII becomes a question mark."""
    plain = "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one))
    return "".join(one if ord(one) in _PRINTABLE else " " if one.isspace() else "?" for one in plain)


def is_beyond_ascii(cells: pa.Array) -> bool:
    """Tell whether any text has a character that FITS cannot have."""
    return contains_bytes(cells, _BEYOND)


def cell_text(cells: pa.Array, column: Column) -> pa.Array:
    """Return texts and timestamps with a question mark for each character that FITS cannot have; nulls stay null."""
    if column.datatype.is_timestamp:
        return timestamp_text(cells, column)
    return pc.replace_substring_regex(cells, "[^ -~]", "?") if is_beyond_ascii(cells) else cells
