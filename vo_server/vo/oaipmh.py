"""Documents of OAI-PMH 2.0, the protocol by which registries harvest each other's records."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from vo_server.vo.uws import utc_text
from vo_server.vo.xml import XSI, XmlWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

__all__ = ["FORMATS", "SET", "OaiWriter", "write_dublin_core"]

FORMATS: Final = {
    "ivo_vor": ("http://www.ivoa.net/xml/RegistryInterface/v1.0", "http://www.ivoa.net/xml/RegistryInterface/v1.0"),
    "oai_dc": ("http://www.openarchives.org/OAI/2.0/oai_dc.xsd", "http://www.openarchives.org/OAI/2.0/oai_dc/"),
}
"""Formats of metadata: prefix, (schema, namespace). OAI-PMH demands the second, the IVOA the first."""

SET: Final = "ivo_managed"
"""The one set: all records of authorities that this registry manages (Registry Interfaces 1.1, section 2.2.3)."""

_NAMESPACE: Final = "http://www.openarchives.org/OAI/2.0/"


class OaiWriter:
    """Writes one answer.

    Parameters
    ----------
    url
        Address of the service.
    request
        Arguments of the request, as they were given; none when they were wrong.
    now
        When the answer is made.
    """

    def __init__(self, url: str, request: Mapping[str, str], now: datetime) -> None:
        self.xml = XmlWriter()
        self._url = url
        self._request = request
        self._now = now

    @contextmanager
    def answer(self, verb: str | None) -> Iterator[XmlWriter]:
        """Write the document around what is written in the block, which is the answer to a verb or an error."""
        root = {
            "xmlns": _NAMESPACE,
            "xmlns:xsi": XSI,
            "xsi:schemaLocation": f"{_NAMESPACE} http://www.openarchives.org/OAI/2.0/OAI-PMH.xsd",
        }
        with self.xml.element("OAI-PMH", root):
            self.xml.leaf("responseDate", utc_text(self._now))
            self.xml.leaf("request", self._url, dict(self._request))
            if verb is None:
                yield self.xml
                return
            with self.xml.element(verb):
                yield self.xml

    def error(self, code: str, message: str) -> bytes:
        """Return the answer to a request that cannot be answered."""
        with self.answer(None) as xml:
            xml.leaf("error", message, {"code": code})
        return self.xml.to_bytes()

    def header(self, identifier: str, updated: datetime, *, is_deleted: bool) -> None:
        """Write what tells whether a record has changed."""
        with self.xml.element("header", {"status": "deleted" if is_deleted else None}):
            self.xml.leaf("identifier", identifier)
            self.xml.leaf("datestamp", utc_text(updated))
            self.xml.leaf("setSpec", SET)

    def record(self, identifier: str, updated: datetime, write: Callable[[XmlWriter], None] | None) -> None:
        """Write a record; ``write`` is None for one that was deleted."""
        with self.xml.element("record"):
            self.header(identifier, updated, is_deleted=write is None)
            if write is not None:
                with self.xml.element("metadata"):
                    write(self.xml)

    def resumption(self, token: str, *, size: int, cursor: int) -> None:
        """Write how to get the rest of a list, or, with an empty token, that this was the last part."""
        self.xml.leaf("resumptionToken", token or None, {"completeListSize": str(size), "cursor": str(cursor)})


def write_dublin_core(writer: XmlWriter, said: Sequence[tuple[str, str | None]]) -> None:
    """Write a record in Dublin Core; elements may repeat, those without a text are left out."""
    root = {
        "xmlns:oai_dc": FORMATS["oai_dc"][1],
        "xmlns:dc": "http://purl.org/dc/elements/1.1/",
        "xsi:schemaLocation": f"{FORMATS['oai_dc'][1]} {FORMATS['oai_dc'][0]}",
    }
    with writer.element("oai_dc:dc", root):
        for name, text in said:
            writer.optional(f"dc:{name}", text)
