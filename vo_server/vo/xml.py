"""XML as it is written here: escaping, namespaces, and a small writer that never holds a tree.

The documents of the service have few kinds of elements and fixed orders, so a writer that keeps only the open
elements is shorter than a tree library and starts without importing one.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "DECLARATION",
    "ILLEGAL_PATTERN",
    "REPLACEMENT",
    "XLINK",
    "XSI",
    "XmlWriter",
    "attributes",
    "escape_attribute",
    "escape_text",
]

XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
XLINK: Final = "http://www.w3.org/1999/xlink"
DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'

ILLEGAL_PATTERN: Final = "[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]"
"""Characters that XML 1.0 (section 2.2) cannot hold in any form, as a pattern for Python and for RE2."""

REPLACEMENT: Final = "\ufffd"
"""What stands for a character that XML cannot hold: visibly not the original."""

# Lone surrogates exist in Python only; Arrow strings are valid UTF-8.
_ILLEGAL: Final = re.compile(ILLEGAL_PATTERN[:-1] + "\ud800-\udfff]")


def escape_text(text: str) -> str:
    """Return character data for element content; what XML cannot hold becomes U+FFFD.

    A carriage return is written as a reference, because parsers turn a bare one into a line feed.
    """
    clean = _ILLEGAL.sub(REPLACEMENT, text)
    return clean.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


def escape_attribute(text: str) -> str:
    """Return an attribute value in double quotes, with white space kept through attribute normalisation."""
    return escape_text(text).replace('"', "&quot;").replace("\t", "&#9;").replace("\n", "&#10;")


def attributes(given: Mapping[str, str | None]) -> str:
    """Return attributes with a leading space each, in order; those that are None are left out."""
    return "".join(f' {name}="{escape_attribute(value)}"' for name, value in given.items() if value is not None)


class XmlWriter:
    """Collects a document; elements are opened and closed in a ``with`` block."""

    def __init__(self) -> None:
        self._pieces: list[str] = [DECLARATION]
        self._depth = 0

    @contextmanager
    def element(self, name: str, given: Mapping[str, str | None] | None = None) -> Iterator[None]:
        """Write an element around what is written in the block."""
        self._line(f"<{name}{attributes(given or {})}>")
        self._depth += 1
        yield
        self._depth -= 1
        self._line(f"</{name}>")

    def leaf(self, name: str, text: str | None = None, given: Mapping[str, str | None] | None = None) -> None:
        """Write an element that holds text, or nothing when ``text`` is None."""
        start = f"{name}{attributes(given or {})}"
        self._line(f"<{start}/>" if text is None else f"<{start}>{escape_text(text)}</{name}>")

    def optional(self, name: str, text: str | None) -> None:
        """Write an element unless there is nothing to write in it."""
        if text:
            self.leaf(name, text)

    def to_bytes(self) -> bytes:
        """Return the document in UTF-8."""
        return "".join(self._pieces).encode()

    def _line(self, line: str) -> None:
        self._pieces.append(f"{'  ' * self._depth}{line}\n")
