"""Choose the reader of a file by what is in it, not by its name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ingest.readers import ecsv, parquet
from ingest.readers.base import Source
from ingest.readers.csv import CsvReader, csv_form, filled_names
from ingest.readers.fits import FitsReader
from ingest.readers.parquet import ParquetReader
from ingest.readers.votable import open_votable
from vo_server.errors import IngestError
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import Column

if TYPE_CHECKING:
    from vo_server.formats.read.base import TableReader

__all__ = ["open_reader"]

_HEAD_BYTES: Final = 4096
_XML: Final = re.compile(rb"^(\xef\xbb\xbf)?\s*<(\?xml|VOTABLE|\w+:VOTABLE|!DOCTYPE|!--)", re.IGNORECASE)
_UTF16_BOMS: Final = (b"\xff\xfe", b"\xfe\xff")
_HDF5: Final = b"\x89HDF\r\n"


def open_reader(file: str, *, are_types_needed: bool = True) -> TableReader:
    """Open a file of any known format.

    Parameters
    ----------
    file
        Path, with ``[part]`` behind it to choose an extension or a table.
    are_types_needed
        False when the columns are described elsewhere: then the pass over a CSV file that finds their types is saved,
        and all columns are said to be text.

    Raises
    ------
    IngestError
        If the file does not exist, is of no known format, is cut off or malformed.
    """
    source = Source.of(file)
    head = source.starts_with(_HEAD_BYTES)
    if not head:
        raise IngestError("the file is empty", file=file)
    if head.startswith(parquet.MAGIC):
        if source.is_compressed:
            raise IngestError("a Parquet file inside a compressed file", file=file, hint="unpack it first")
        return ParquetReader(source)
    if head.startswith(b"SIMPLE  ="):
        return FitsReader(source)
    if _XML.match(head) or head.startswith(_UTF16_BOMS):
        return open_votable(source)
    if head.startswith(_HDF5):
        raise IngestError("HDF5 files cannot be read", file=file, hint="save the table as Parquet or FITS")
    if source.part is not None:
        raise IngestError(f"a text file has no part {source.part!r}", file=file)
    if head.startswith(ecsv.MAGIC):
        return ecsv.open_ecsv(source)
    if are_types_needed:
        return CsvReader(source)
    text = DataType(Primitive.CHAR, "*")
    form = csv_form(source)
    return CsvReader(source, form=form, columns=[Column(name, text) for name in filled_names(form.names)])
