"""Read ECSV: CSV with a YAML header that names types, units and descriptions (astropy APE 6)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import yaml

from vo_server.errors import IngestError
from vo_server.formats.read.csv import CsvReader
from vo_server.formats.read.csv_head import sniff
from vo_server.formats.read.source import open_bytes
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import Column

if TYPE_CHECKING:
    from vo_server.formats.read.source import Source

__all__ = ["MAGIC", "open_ecsv"]

MAGIC: Final = b"# %ECSV"
_MAX_HEADER_BYTES: Final = 16 * 1024 * 1024
_SUBTYPE: Final = re.compile(r"(?P<base>[a-z0-9]+)(?:\[(?P<shape>[0-9,\snul]*)\])?")
_PRIMITIVES: Final = {
    "bool": Primitive.BOOLEAN,
    "int8": Primitive.SHORT,
    "int16": Primitive.SHORT,
    "int32": Primitive.INT,
    "int64": Primitive.LONG,
    "uint8": Primitive.UNSIGNED_BYTE,
    "uint16": Primitive.INT,
    "uint32": Primitive.LONG,
    "uint64": Primitive.CHAR,
    "float16": Primitive.FLOAT,
    "float32": Primitive.FLOAT,
    "float64": Primitive.DOUBLE,
    "float128": Primitive.DOUBLE,
    "string": Primitive.CHAR,
}


def open_ecsv(source: Source) -> CsvReader:
    """Open an ECSV file.

    Raises
    ------
    IngestError
        If its header is cut off or malformed, or has a type that cannot be stored (complex numbers, objects).
    """
    from astropy.table import meta  # noqa: PLC0415 - late: it takes 50 MB, and few files need it

    text = _header_lines(source)
    try:
        header = meta.get_header_from_yaml([line.removeprefix("# ").removeprefix("#") for line in text])
        columns = tuple(_column(entry, source.name) for entry in header["datatype"])
    except (meta.YamlParseError, yaml.YAMLError, ValueError, KeyError, TypeError, AttributeError) as error:
        # The header is YAML of any shape: what is missing or of another type shows in all these ways.
        raise IngestError(f"the YAML header is malformed: {_one_line(error)}", file=source.name) from error
    separator = str(header.get("delimiter", " "))
    with open_bytes(source) as stream:
        sample = stream.read(_MAX_HEADER_BYTES).decode("utf-8", errors="replace")
    form = sniff("\n".join(sample.splitlines()[len(text) :]), file=source.name, separator=separator)
    form = type(form)(separator, form.names, form.n_lines_before + len(text))
    if tuple(column.name for column in columns) != form.names:
        described = ", ".join(column.name for column in columns)
        raise IngestError(
            f"the YAML header names the columns {described}; the header line {', '.join(form.names)}", file=source.name
        )
    # ECSV has no other NULL than "" where blanks separate.
    return CsvReader(source, form=form, columns=columns, can_be_empty=True, keeps_empty=False)


def _header_lines(source: Source) -> list[str]:
    lines: list[str] = []
    n_bytes = 0
    with open_bytes(source) as stream:
        for line in stream:
            if not line.startswith(b"#"):
                return lines
            lines.append(line.decode("utf-8", errors="replace").rstrip("\r\n"))
            n_bytes += len(line)
            if n_bytes > _MAX_HEADER_BYTES:
                break
    raise IngestError("the file ends inside its header", file=source.name, hint="it is cut off; get it again")


def _column(entry: dict[str, Any], file: str) -> Column:
    name = str(entry["name"])
    meta = entry.get("meta") or {}
    return Column(
        name,
        _datatype(entry, name, file),
        unit=str(entry["unit"]) if entry.get("unit") is not None else None,
        ucd=_text(meta.get("ucd")),
        utype=_text(meta.get("utype")),
        description=_text(entry.get("description")),
    )


def _datatype(entry: dict[str, Any], name: str, file: str) -> DataType:
    written = str(entry.get("subtype") or entry["datatype"])
    found = _SUBTYPE.fullmatch(written)
    primitive = _PRIMITIVES.get(found["base"]) if found is not None else None
    if found is None or primitive is None:
        raise IngestError(f"the type {written!r} cannot be stored", file=file, column=name)
    if primitive is Primitive.CHAR or entry.get("subtype") is None:
        return DataType(primitive, "*" if primitive is Primitive.CHAR else None)
    axes = [axis.strip() for axis in (found["shape"] or "null").split(",")]
    if "null" in axes:
        return DataType(primitive, "*")
    # ECSV writes the slowest axis first, VOTable the fastest.
    return DataType(primitive, "x".join(reversed(axes)))


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _text(value: object) -> str | None:
    return str(value) if value else None
