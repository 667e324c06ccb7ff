"""Choose the reader of a file by what is in it, not by its name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from vo_server.errors import IngestError
from vo_server.formats.read import arrow, ecsv, parquet
from vo_server.formats.read.arrow import ArrowReader
from vo_server.formats.read.csv import CsvReader, csv_form, filled_names
from vo_server.formats.read.ds9 import Ds9Reader, is_ds9
from vo_server.formats.read.fits import FitsReader
from vo_server.formats.read.parquet import ParquetReader
from vo_server.formats.read.source import Source, open_bytes
from vo_server.formats.read.votable import VotableReader
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import Column

if TYPE_CHECKING:
    from pathlib import Path

    from vo_server.formats.read.base import TableReader

__all__ = ["open_reader", "open_source"]

_HEAD_BYTES: Final = 4096
_XML: Final = re.compile(rb"^(\xef\xbb\xbf)?\s*<(\?xml|VOTABLE|\w+:VOTABLE|!DOCTYPE|!--)", re.IGNORECASE)
_UTF16_BOMS: Final = (b"\xff\xfe", b"\xfe\xff")
_FITS: Final = b"SIMPLE  ="
_HDF5: Final = b"\x89HDF\r\n"
_JSON: Final = re.compile(rb"^(\xef\xbb\xbf)?\s*(\{\s*[\"}]|\[\s*[\[{\"])")
_COMPRESSED_NAMES: Final = (".gz", ".zst")
_SAID_BY_NAME: Final = {
    ".fits": ("FITS", "begin with SIMPLE"),
    ".fit": ("FITS", "begin with SIMPLE"),
    ".parquet": ("Parquet", "begin with PAR1"),
    ".arrow": ("Arrow", "begin with ARROW1 or a message of a stream"),
    ".arrows": ("Arrow", "begin with ARROW1 or a message of a stream"),
    ".xml": ("VOTable", "begin with an XML tag"),
    ".vot": ("VOTable", "begin with an XML tag"),
}
"""The format that the end of a name promises, and how a file of that format shows it."""


def open_reader(file: str | Path | Source, *, are_types_needed: bool = True, takes_regions: bool = True) -> TableReader:
    """Open a file of any known format.

    Parameters
    ----------
    file
        Path, with ``[part]`` behind it to choose an extension or a table, or a file that was found already.
    are_types_needed
        False when the columns are described elsewhere: then the pass over a CSV file that finds their types is saved,
        and all columns are said to be text.
    takes_regions
        False for files of strangers: region files are read as a whole, and each region takes a millisecond or more.

    Raises
    ------
    IngestError
        If the file does not exist, is of no known format, is cut off or malformed.
    """
    source = file if isinstance(file, Source) else Source.of(str(file))
    return open_source(source, are_types_needed=are_types_needed, takes_regions=takes_regions)


def open_source(source: Source, *, are_types_needed: bool = True, takes_regions: bool = True) -> TableReader:
    """Open a file that was found already; see :func:`open_reader`."""
    head = source.starts_with(_HEAD_BYTES)
    if not head:
        raise IngestError("the file is empty", file=source.name)
    kind = _kind(head)
    _check_name(source, kind)
    if kind == "Parquet":
        if source.is_compressed:
            raise IngestError("a Parquet file inside a compressed file", file=source.name, hint="unpack it first")
        return ParquetReader(source)
    if kind == "Arrow":
        return ArrowReader(source)
    if kind == "FITS":
        return FitsReader(source)
    if kind == "VOTable":
        return VotableReader(lambda: open_bytes(source), file=source.name, table=source.part)
    _check_text(source, head)
    if head.startswith(ecsv.MAGIC):
        return ecsv.open_ecsv(source)
    if is_ds9(head):
        return _regions(source, takes_regions=takes_regions)
    if are_types_needed:
        return CsvReader(source)
    text = DataType(Primitive.CHAR, "*")
    form = csv_form(source)
    return CsvReader(source, form=form, columns=[Column(name, text) for name in filled_names(form.names)])


def _regions(source: Source, *, takes_regions: bool) -> Ds9Reader:
    if not takes_regions:
        raise IngestError(
            "region files of DS9 cannot be uploaded",
            file=source.name,
            hint="save the outlines as a table, with a column of polygons or with columns of centres and radii",
        )
    return Ds9Reader(source)


def _check_name(source: Source, kind: str | None) -> None:
    """Refuse a file that is not what its name says: nobody who names a file x.fits means a text."""
    suffixes = [suffix.lower() for suffix in source.path.suffixes]
    if suffixes and suffixes[-1] in _COMPRESSED_NAMES:
        suffixes.pop()
    promised = _SAID_BY_NAME.get(suffixes[-1]) if suffixes else None
    if promised is None or promised[0] == kind:
        return
    raise IngestError(
        f"it is named {promised[0]} but does not {promised[1]}",
        file=source.name,
        hint="is it the right file, and complete? If it is a table of another format, name it accordingly",
    )


def _check_text(source: Source, head: bytes) -> None:
    """Refuse what is no delimited text but could be taken for one."""
    if head.startswith(_HDF5):
        raise IngestError("HDF5 files cannot be read", file=source.name, hint="save the table as Parquet or FITS")
    if _JSON.match(head):
        raise IngestError("JSON files cannot be read", file=source.name, hint="save the table as CSV, Parquet or FITS")
    if source.part is not None:
        raise IngestError(f"a text file has no part {source.part!r}", file=source.name)


def _kind(head: bytes) -> str | None:
    """Return the format that the first bytes of a file show; None for text and all that is not known."""
    if head.startswith(parquet.MAGIC):
        return "Parquet"
    if head.startswith((arrow.FILE_MAGIC, arrow.STREAM_MAGIC)):
        return "Arrow"
    if head.startswith(_FITS):
        return "FITS"
    return "VOTable" if _XML.match(head) or head.startswith(_UTF16_BOMS) else None
