"""Read answers of the service with the strict eyes of a client."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from lxml import etree

if TYPE_CHECKING:
    import httpx

__all__ = ["csv_rows", "error_text", "parse", "status_of", "text_of", "texts"]

VOTABLE = "{http://www.ivoa.net/xml/VOTable/v1.3}"


def parse(answer: httpx.Response) -> etree._Element:
    """Return the root of an XML answer."""
    return etree.fromstring(answer.content)


def status_of(answer: httpx.Response) -> str:
    """Return the last QUERY_STATUS of a VOTable, as pyvo takes it."""
    infos = parse(answer).findall(f"{VOTABLE}RESOURCE/{VOTABLE}INFO[@name='QUERY_STATUS']")
    return infos[-1].get("value", "")


def error_text(answer: httpx.Response) -> str:
    """Return the message of an error VOTable, which must have one status and no table."""
    assert answer.headers["Content-Type"] in {"application/x-votable+xml", "text/xml"}, answer.text
    root = parse(answer)
    (info,) = root.findall(f"{VOTABLE}RESOURCE[@type='results']/{VOTABLE}INFO[@name='QUERY_STATUS']")
    assert info.get("value") == "ERROR"
    assert root.find(f".//{VOTABLE}TABLE") is None
    return info.text or ""


def csv_rows(answer: httpx.Response) -> list[list[str]]:
    """Return header and rows of a CSV answer with status 200."""
    assert answer.status_code == 200, answer.text
    return list(csv.reader(io.StringIO(answer.text, newline="")))


def texts(root: etree._Element, path: str) -> list[str]:
    """Return the texts that an XPath finds."""
    found = root.xpath(path)
    assert isinstance(found, list)
    return [str(text) for text in found]


def text_of(root: etree._Element, name: str) -> str | None:
    """Return the text of the only element with this local name; None when it is nil."""
    (found,) = root.iter(f"{{*}}{name}")
    return None if found.get("{http://www.w3.org/2001/XMLSchema-instance}nil") == "true" else (found.text or "")
