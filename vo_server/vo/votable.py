"""VOTable 1.4 documents around the data: the head made from columns, the tail, and the document of an error.

Version 1.4 and not 1.5: STILTS up to 3.4.7 reports 1.5 as unknown, and nothing here needs it.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from vo_server.model.datatype import Primitive
from vo_server.model.query import Note
from vo_server.vo.xml import DECLARATION, attributes, escape_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vo_server.model.datatype import DataType
    from vo_server.model.provenance import Link
    from vo_server.model.table import Column

__all__ = [
    "MIME",
    "NULL_ELEMENTS",
    "Serialization",
    "Status",
    "error_document",
    "field_ids",
    "head",
    "metadata_document",
    "tail",
]

MIME: Final = "application/x-votable+xml"
"""Media type without parameters."""

NULL_ELEMENTS: Final[dict[Primitive, int]] = {
    Primitive.SHORT: -(2**15),
    Primitive.INT: -(2**31),
    Primitive.LONG: -(2**63),
}
"""What stands for a null inside an array of whole numbers, told by ``VALUES/@null`` (VOTable 1.4, section 5.5).

Only arrays need it: a scalar has an empty cell or a flag. ``unsignedByte`` has no value to spare.
"""

_OPEN: Final = f'{DECLARATION}<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">\n'
_RESULTS_CLOSE: Final = "</RESOURCE>\n"
_VOTABLE_CLOSE: Final = "</VOTABLE>\n"
_CLOSE: Final = _RESULTS_CLOSE + _VOTABLE_CLOSE

_COOSYS_ID: Final = "icrs"
_POSITION_UCDS: Final = frozenset({"pos.eq.ra", "pos.eq.dec", "pos_eq_ra_main", "pos_eq_dec_main"})
"""First words in lower case; the last two are of UCD1, which cone searches have."""

_NOT_NAME: Final = re.compile(r"[^A-Za-z0-9_.-]")
_SPACES: Final = re.compile(r"\s+")


_FIELDS_KEPT: Final = 8192
"""FIELD elements that are kept: to write one takes 12 microseconds, a third of a millisecond for common tables."""


class Serialization(StrEnum):
    """How the rows are written; the values are those of the media type's parameter."""

    TABLEDATA = "TABLEDATA"
    BINARY2 = "BINARY2"


class Status(StrEnum):
    """Values of QUERY_STATUS (DALI 1.1, section 4.4)."""

    OK = "OK"
    OVERFLOW = "OVERFLOW"
    ERROR = "ERROR"


_DATA_OPEN: Final = {
    Serialization.TABLEDATA: "<DATA><TABLEDATA>\n",
    Serialization.BINARY2: '<DATA><BINARY2><STREAM encoding="base64">\n',
}
_DATA_CLOSE: Final = {
    Serialization.TABLEDATA: "</TABLEDATA></DATA>\n</TABLE>\n",
    Serialization.BINARY2: "</STREAM></BINARY2></DATA>\n</TABLE>\n",
}


def head(
    columns: Sequence[Column],
    serialization: Serialization,
    *,
    notes: Iterable[Note] = (),
    links: Iterable[Link] = (),
    status: Status = Status.OK,
    message: str = "",
) -> bytes:
    """Return the document up to the place where the rows begin.

    Parameters
    ----------
    columns
        Columns of the result, at least one.
    serialization
        How the rows will be written.
    notes
        INFO elements after the status; inside a RESOURCE they all come before COOSYS and TABLE.
    links
        LINK elements of the table, after its fields.
    status
        OVERFLOW when it is known beforehand that rows are left out (MAXREC=0), else OK.
    message
        Text of the status.
    """
    pieces = [_OPEN, '<RESOURCE type="results">\n', _info(Note("QUERY_STATUS", str(status), message))]
    pieces.extend(_info(note) for note in notes)
    if any(_is_position(column) for column in columns):
        pieces.append(f'<COOSYS ID="{_COOSYS_ID}" system="ICRS"/>\n')
    pieces.append("<TABLE>\n")
    pieces.extend(_field(column, field_id) for column, field_id in zip(columns, field_ids(columns), strict=True))
    pieces.extend(_link(link) for link in links)
    pieces.append(_DATA_OPEN[serialization])
    return "".join(pieces).encode()


def tail(
    serialization: Serialization,
    *,
    status: Status = Status.OK,
    message: str = "",
    notes: Iterable[Note] = (),
    after: str = "",
) -> bytes:
    """Return the rest of the document after the last row.

    Parameters
    ----------
    serialization
        How the rows were written.
    status
        OVERFLOW or ERROR add a QUERY_STATUS after the table; OK adds nothing (DALI 1.1, section 4.4).
    message
        Text of that INFO.
    notes
        INFO elements after the status.
    after
        RESOURCE elements behind that of the results.
    """
    end = "" if status is Status.OK else _info(Note("QUERY_STATUS", str(status), message))
    end += "".join(_info(note) for note in notes)
    return f"{_DATA_CLOSE[serialization]}{end}{_RESULTS_CLOSE}{after}{_VOTABLE_CLOSE}".encode()


def metadata_document(
    columns: Sequence[Column],
    *,
    notes: Iterable[Note] = (),
    links: Iterable[Link] = (),
    status: Status = Status.OK,
    message: str = "",
) -> bytes:
    """Return a document with a table that has no DATA: what is to be said of rows that are kept in another format.

    Parameters
    ----------
    columns, notes, links, status, message
        As for :func:`head`.
    """
    opened = head(columns, Serialization.TABLEDATA, notes=notes, links=links, status=status, message=message)
    return opened.removesuffix(_DATA_OPEN[Serialization.TABLEDATA].encode()) + f"</TABLE>\n{_CLOSE}".encode()


def error_document(message: str, *, notes: Iterable[Note] = (), is_cone: bool = False) -> bytes:
    """Return a document that says why there is no table.

    Parameters
    ----------
    message
        What went wrong and what to do; must not be empty.
    notes
        More INFO elements, e.g. the query.
    is_cone
        Whether to tell it also where clients of cone searches look (SCS 1.03, section 2.3).
    """
    infos = [_info(Note("QUERY_STATUS", str(Status.ERROR), message)), *(_info(note) for note in notes)]
    outside = f"<INFO{attributes({'ID': 'Error', 'name': 'Error', 'value': message})}/>\n" if is_cone else ""
    return f'{_OPEN}{outside}<RESOURCE type="results">\n{"".join(infos)}{_CLOSE}'.encode()


def field_ids(columns: Sequence[Column]) -> list[str]:
    """Return an XML ID for each column: its name where possible, unique within the document.

    Uniqueness is kept without regard to case: some readers name columns by ID and fold them.
    """
    taken = {_COOSYS_ID}
    found = []
    for column in columns:
        stem = _NOT_NAME.sub("_", column.name) or "_"
        if not (stem[0].isalpha() or stem[0] == "_"):
            stem = f"_{stem}"
        candidate, number = stem, 1
        while candidate.lower() in taken:
            number += 1
            candidate = f"{stem}_{number}"
        taken.add(candidate.lower())
        found.append(candidate)
    return found


def _info(note: Note) -> str:
    given = attributes({"name": note.name, "value": note.value, "ucd": note.ucd})
    return f"<INFO{given}>{escape_text(note.text)}</INFO>\n" if note.text else f"<INFO{given}/>\n"


def _link(link: Link) -> str:
    given = {
        "content-role": link.content_role,
        "content-type": link.content_type,
        "title": link.title,
        "href": link.href,
    }
    return f"<LINK{attributes(given)}/>\n"


@lru_cache(_FIELDS_KEPT)
def _field(column: Column, field_id: str) -> str:
    given = attributes(
        {
            "name": _SPACES.sub(" ", column.name).strip() or field_id,
            "ID": field_id,
            "datatype": str(column.datatype.primitive),
            "arraysize": column.datatype.arraysize,
            "xtype": column.datatype.xtype,
            "unit": column.unit or None,
            "ucd": column.ucd or None,
            "utype": column.utype or None,
            "ref": _COOSYS_ID if _is_position(column) else None,
        }
    )
    inside = f"<DESCRIPTION>{escape_text(column.description)}</DESCRIPTION>" if column.description else ""
    inside += _values(column.datatype)
    return f"<FIELD{given}>{inside}</FIELD>\n" if inside else f"<FIELD{given}/>\n"


def _values(datatype: DataType) -> str:
    null = NULL_ELEMENTS.get(datatype.primitive) if datatype.is_array else None
    return "" if null is None else f'<VALUES null="{null}"/>'


def _is_position(column: Column) -> bool:
    """Tell whether this is a number whose UCD begins with equatorial position: right ascension or declination.

    Errors and proper motions have these words too, but not as their first one.
    """
    return column.datatype.is_numeric and (column.ucd or "").split(";")[0].lower() in _POSITION_UCDS
