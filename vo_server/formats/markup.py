"""Text inside XML and HTML, a column at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow.compute as pc

from vo_server.formats.utf8 import contains_bytes
from vo_server.vo.xml import ILLEGAL_PATTERN, REPLACEMENT

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["escaped"]

_SPECIAL: Final = bytes([*range(0x09), 0x0B, 0x0C, *range(0x0D, 0x20), *b"&<>", 0xEF])
"""Bytes of characters that need care in XML; 0xEF begins U+FFFE and U+FFFF, and some harmless ones."""


def escaped(text: pa.Array) -> pa.Array:
    """Escape a column of strings as :func:`vo_server.vo.xml.escape_text` does one."""
    if not contains_bytes(text, _SPECIAL):
        return text
    text = pc.replace_substring_regex(text, ILLEGAL_PATTERN, REPLACEMENT)
    for character, reference in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\r", "&#13;")):
        text = pc.replace_substring(text, character, reference)
    return text
