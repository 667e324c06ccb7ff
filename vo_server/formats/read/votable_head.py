"""Read the head of a VOTable: everything up to the first byte of the rows of one table."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NoReturn
from xml.parsers import expat

from vo_server.errors import IngestError
from vo_server.formats.read.base import TableFacts
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import Column

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

__all__ = ["BodyKind", "Head", "RawField", "check_tail", "read_head"]

CHUNK_BYTES: Final = 64 * 1024
MAX_HEAD_BYTES: Final = 64 * 1024 * 1024
"""A head longer than this is not a head."""

BodyKind = str
"""``TABLEDATA``, ``BINARY``, ``BINARY2``, or ``NONE`` for a table without data."""

_DECLARED_ENCODING: Final = re.compile(rb"""^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_BOMS: Final = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_DIRECT: Final = frozenset({"utf-8", "ascii"})
_COMPLEX: Final = {"floatComplex": Primitive.FLOAT, "doubleComplex": Primitive.DOUBLE}


@dataclass(frozen=True)
class RawField:
    """A FIELD as the document writes it; what the decoders of the rows go by."""

    datatype: str
    arraysize: str | None = None

    @property
    def shape(self) -> tuple[int | None, ...]:
        """Axes, first one fastest; None for one of variable length; empty for a scalar."""
        if not self.arraysize:
            return ()
        return tuple(None if "*" in axis else int(axis) for axis in self.arraysize.split("x"))


@dataclass
class Head:
    """What stands before the rows."""

    facts: TableFacts
    fields: tuple[RawField, ...]
    body: BodyKind
    rest: bytes
    """Bytes, in UTF-8, that were read past the start tag of the body."""
    open_tags: tuple[str, ...]
    """Names of the elements that are open where the body begins, as written, outermost first."""
    encoding: str
    """Encoding of the document."""
    is_empty: bool = False
    """True when the element of the body is empty (``<TABLEDATA/>``) or the table has no DATA."""

    @property
    def prefix(self) -> str:
        """Namespace prefix of the elements, with its colon."""
        name = self.open_tags[-1] if self.open_tags else ""
        return name[: name.index(":") + 1] if ":" in name else ""


class _FoundError(Exception):
    """Leaves the parser when the body begins."""


@dataclass
class _Field:
    attributes: dict[str, str]
    description: str = ""
    null: str | None = None


@dataclass
class _Table:
    attributes: dict[str, str] = field(default_factory=dict)
    description: str = ""
    fields: list[_Field] = field(default_factory=list)


def read_head(stream: BinaryIO, *, file: str, wanted: str | None = None) -> Head:
    """Read a document up to the rows of a table.

    Parameters
    ----------
    stream
        The document from its start.
    file
        Name for messages.
    wanted
        Number (from 1), name or ID of the TABLE; None for the first one.

    Raises
    ------
    IngestError
        If it is not a VOTable, declares entities, says that its query failed, or has no such table.
    """
    first = stream.read(CHUNK_BYTES)
    encoding, bom = _encoding(first)
    decoder = codecs.getincrementaldecoder(encoding)()
    builder = _HeadBuilder(file, wanted)
    kept = bytearray()
    chunk = first[bom:]
    while True:
        final = not chunk
        try:
            text = chunk if encoding in _DIRECT else decoder.decode(chunk, final).encode("utf-8")
            kept += text
            builder.parser.Parse(text, final)
        except _FoundError:
            return builder.finish(bytes(kept), encoding)
        except (expat.ExpatError, UnicodeDecodeError) as error:
            raise IngestError(_malformed(error), file=file, hint="is it complete, and a VOTable?") from error
        if final:
            return builder.finish(bytes(kept), encoding)
        if len(kept) > MAX_HEAD_BYTES:
            raise IngestError(f"no rows within the first {MAX_HEAD_BYTES} bytes", file=file)
        chunk = stream.read(CHUNK_BYTES)


def check_tail(head: Head, tail: bytes, *, file: str, is_first: bool = False) -> list[str]:
    """Check that the document ends as it must behind the rows; return warnings of its late INFOs and more tables.

    Parameters
    ----------
    tail
        Everything from the end tag of the body on, in UTF-8.
    is_first
        Whether the first table was taken because none was chosen.

    Raises
    ------
    IngestError
        If the document is cut or malformed there, or says that the query failed underway.
    """
    warnings: list[str] = []
    n_tables = 0
    parser = expat.ParserCreate("utf-8")

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal n_tables
        n_tables += _local(name) == "TABLE"
        if _local(name) == "INFO":
            warnings.extend(_status(attributes, "", file))

    parser.StartElementHandler = start
    parser.EntityDeclHandler = _refuse_entities(file)
    opened = "".join(f"<{name}>" for name in head.open_tags)
    try:
        parser.Parse(opened.encode("utf-8"), False)  # noqa: FBT003 - expat takes it by position only
        parser.Parse(tail, True)  # noqa: FBT003 - expat takes it by position only
    except expat.ExpatError as error:
        raise IngestError(
            f"the document ends badly behind its rows: {expat.errors.messages[error.code]}",
            file=file,
            hint="the file seems to be cut off; get it again",
        ) from error
    if is_first and n_tables > 1:
        warnings.append(f"the file has {n_tables} tables; the first was taken, choose another with {file}[n]")
    return warnings


class _HeadBuilder:
    """Collects what the head says while expat walks through it."""

    def __init__(self, file: str, wanted: str | None) -> None:
        self.file = file
        self.wanted = wanted
        self.parser = expat.ParserCreate("utf-8")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.EntityDeclHandler = _refuse_entities(file)
        self.stack: list[str] = []
        self.n_tables = 0
        self.table: _Table | None = None
        self.body: BodyKind = "NONE"
        self.body_start = -1
        self.systems: dict[str, str] = {}
        self.warnings: list[str] = []
        self.resource_description = ""
        self.words: list[str] = []
        self.info: dict[str, str] | None = None

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        local = _local(name)
        if not self.stack and local != "VOTABLE":
            raise IngestError(f"the root element is <{name}>, not <VOTABLE>", file=self.file)
        self.stack.append(name)
        self.words.clear()
        if local == "TABLE":
            self.n_tables += 1
            self.table = _Table(attributes) if self._is_wanted(attributes) else None
        elif local == "COOSYS" and "ID" in attributes:
            self.systems[attributes["ID"]] = attributes.get("system", "")
        elif local == "INFO":
            self.info = attributes
        elif self.table is not None:
            self._start_in_table(local, attributes)

    def _start_in_table(self, local: str, attributes: dict[str, str]) -> None:
        assert self.table is not None
        if local == "FIELD":
            self.table.fields.append(_Field(attributes))
        elif local == "VALUES" and self._parent() == "FIELD" and attributes.get("null"):
            self.table.fields[-1].null = attributes["null"]
        elif local in ("BINARY", "BINARY2"):
            self.body = local
        elif local == "FITS":
            raise IngestError("the rows are in a FITS stream", file=self.file, hint="load the FITS file itself")
        elif local == "TABLEDATA":
            self.body = local
            self._found()
        elif local == "STREAM":
            self._check_stream(attributes)
            self._found()

    def _check_stream(self, attributes: dict[str, str]) -> None:
        if "href" in attributes:
            raise IngestError(
                f"the rows are in another resource, {attributes['href']}, which is not fetched",
                file=self.file,
                hint="save the table with its data inside the document",
            )
        encoding = attributes.get("encoding", "none")
        if encoding != "base64":
            raise IngestError(f"the rows have the encoding {encoding!r}; only base64 is known", file=self.file)

    def _found(self) -> NoReturn:
        self.body_start = self.parser.CurrentByteIndex
        raise _FoundError

    def _is_wanted(self, attributes: dict[str, str]) -> bool:
        if self.wanted is None:
            return self.n_tables == 1
        names = (str(self.n_tables), attributes.get("name"), attributes.get("ID"))
        return self.wanted in names

    def _parent(self) -> str:
        return _local(self.stack[-2]) if len(self.stack) > 1 else ""

    def _text(self, data: str) -> None:
        self.words.append(data)

    def _end(self, name: str) -> None:
        local = _local(name)
        text = " ".join("".join(self.words).split())
        if local == "DESCRIPTION" and text:
            self._described(text)
        elif local == "INFO" and self.info is not None:
            self.warnings.extend(_status(self.info, text, self.file))
            self.info = None
        self.words.clear()
        self.stack.pop()
        if local == "TABLE" and self.table is not None:
            # A table without rows: nothing that follows belongs to it.
            raise _FoundError

    def _described(self, text: str) -> None:
        parent = self._parent()
        if parent == "RESOURCE":
            self.resource_description = text
        elif self.table is not None and parent == "TABLE":
            self.table.description = text
        elif self.table is not None and parent == "FIELD":
            self.table.fields[-1].description = text

    def finish(self, read: bytes, encoding: str) -> Head:
        """Make the head out of what was collected."""
        if self.table is None:
            what = "no table" if self.wanted is None else f"no table {self.wanted!r} among its {self.n_tables}"
            raise IngestError(f"the VOTable has {what}", file=self.file)
        if not self.table.fields:
            raise IngestError("the table has no FIELD", file=self.file)
        rest, is_empty = b"", self.body_start < 0
        if not is_empty:
            end = _tag_end(read, self.body_start)
            is_empty = read[end - 2 : end - 1] == b"/"
            rest = read[end:]
        fields = tuple(
            RawField(one.attributes.get("datatype", ""), _arraysize(one.attributes)) for one in self.table.fields
        )
        return Head(self._facts(), fields, self.body, rest, tuple(self.stack), encoding, is_empty)

    def _facts(self) -> TableFacts:
        assert self.table is not None
        columns = tuple(self._column(number, one) for number, one in enumerate(self.table.fields, start=1))
        frames = {
            column.name: self.systems[one.attributes["ref"]]
            for column, one in zip(columns, self.table.fields, strict=True)
            if one.attributes.get("ref") in self.systems
        }
        n_rows = self.table.attributes.get("nrows", "")
        return TableFacts(
            columns,
            name=self.table.attributes.get("name") or None,
            description=self.table.description or self.resource_description or None,
            n_rows=int(n_rows) if n_rows.isdigit() else None,
            warnings=tuple(self.warnings),
            frames=frames,
        )

    def _column(self, number: int, one: _Field) -> Column:
        attributes = one.attributes
        name = " ".join((attributes.get("name") or attributes.get("ID") or f"col{number}").split())
        return Column(
            name,
            self._datatype(name, attributes),
            unit=attributes.get("unit") or None,
            ucd=attributes.get("ucd") or None,
            utype=attributes.get("utype") or None,
            description=one.description or None,
            null_values=() if one.null is None else (one.null,),
        )

    def _datatype(self, name: str, attributes: dict[str, str]) -> DataType:
        written, arraysize = attributes.get("datatype", ""), _arraysize(attributes)
        xtype = (attributes.get("xtype") or "").strip() or None
        if xtype is not None and xtype.lower() in ("timestamp", "adql:timestamp"):
            return DataType(Primitive.CHAR, arraysize or "*", "timestamp")
        if written in _COMPLEX:
            # A complex number is two real ones; they become the fastest axis.
            return DataType(_COMPLEX[written], "2" if arraysize is None else f"2x{arraysize}", xtype)
        if written == "bit":
            return DataType(Primitive.BOOLEAN, arraysize, xtype)
        try:
            return DataType(Primitive(written), arraysize, xtype)
        except ValueError as error:
            raise IngestError(
                f"datatype {written!r} with arraysize {attributes.get('arraysize')!r} is not a VOTable type",
                file=self.file,
                column=name,
            ) from error


def _encoding(first: bytes) -> tuple[str, int]:
    """Return the Python name of the document's encoding and the length of its byte-order mark."""
    for bom, name in _BOMS:
        if first.startswith(bom):
            return name, len(bom)
    declared = _DECLARED_ENCODING.match(first)
    if declared is None:
        return "utf-8", 0
    try:
        return codecs.lookup(declared.group(1).decode("ascii")).name, 0
    except LookupError:
        return "utf-8", 0


def _arraysize(attributes: dict[str, str]) -> str | None:
    text = attributes.get("arraysize", "").replace(" ", "")
    # VOTable 1.4, section 2.2: arraysize="1" says no more than a missing one; for text it is one character.
    return None if text in ("", "1") else text


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _tag_end(text: bytes, start: int) -> int:
    """Return the offset behind a tag, whose attribute values may hold ``>``."""
    found = re.compile(rb"""<[^>"']*(?:"[^"]*"[^>"']*|'[^']*'[^>"']*)*>""").match(text, start)
    assert found is not None, "expat has seen the whole tag"
    return found.end()


def _status(attributes: dict[str, str], text: str, file: str) -> list[str]:
    if attributes.get("name") != "QUERY_STATUS":
        return []
    value = attributes.get("value", "")
    if value.upper() == "ERROR":
        raise IngestError(f"the file is the answer of a query that failed: {text or 'no reason given'}", file=file)
    if value.upper() == "OVERFLOW":
        return ["the file says that it was cut at a row limit (QUERY_STATUS OVERFLOW)"]
    return []


def _refuse_entities(file: str) -> Callable[..., None]:
    def handler(*_arguments: object) -> None:
        raise IngestError("the document declares XML entities, which are refused", file=file)

    return handler


def _malformed(error: Exception) -> str:
    if isinstance(error, expat.ExpatError):
        return (
            f"not well-formed XML: {expat.errors.messages[error.code]} (line {error.lineno}, column {error.offset + 1})"
        )
    return f"text is not in the declared encoding: {error}"
