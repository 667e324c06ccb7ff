"""The examples document: queries to start from, as DALI wants them (XHTML with RDFa Lite).

References
----------
DALI 1.1, section 2.3, with Erratum 1; TAP 1.1, section 2.6.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vo_server.vo.xml import XmlWriter

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MIME", "Example", "examples"]

MIME: Final = "application/xhtml+xml"

_VOCABULARY: Final = "http://www.ivoa.net/rdf/examples#"
_NOT_IN_ID: Final = re.compile(r"[^A-Za-z0-9_.-]")


@dataclass(frozen=True)
class Example:
    """A query to start from."""

    name: str
    """Unique; becomes the identifier of the example."""
    title: str
    paragraphs: tuple[str, ...]
    """What it does, in words."""
    query: str
    """The ADQL."""
    tables: tuple[str, ...] = ()
    """Full names of the tables in it, as queries write them."""


def examples(found: Sequence[Example], *, title: str) -> bytes:
    """Return the document.

    Parameters
    ----------
    found
        The examples, in order.
    title
        Of the page.
    """
    writer = XmlWriter()
    with writer.element("html", {"xmlns": "http://www.w3.org/1999/xhtml", "lang": "en"}):
        with writer.element("head"):
            writer.leaf("title", title)
        with writer.element("body"), writer.element("div", {"vocab": _VOCABULARY}):
            writer.leaf("h1", title)
            for example in found:
                _write(writer, example)
            if not found:
                writer.leaf("p", "None of the tables that examples exist for is published here.")
    return writer.to_bytes()


def _write(writer: XmlWriter, example: Example) -> None:
    identifier = _NOT_IN_ID.sub("-", example.name)
    with writer.element("div", {"typeof": "example", "id": identifier, "resource": f"#{identifier}"}):
        writer.leaf("h2", example.title, {"property": "name"})
        for paragraph in example.paragraphs:
            writer.leaf("p", paragraph)
        if example.tables:
            writer.leaf("p", "Tables:")
            with writer.element("ul"):
                for table in example.tables:
                    with writer.element("li"):
                        writer.leaf("em", table, {"property": "table"})
        writer.leaf("pre", example.query, {"property": "query"})
