"""ECSV writer: CSV under a header of comments that says what the columns are (APE 6, version 1.0).

It is the dialect of CSV that has comments: the last lines tell that rows were left out, or that something failed.
Line ends inside texts become spaces, and the last lines tell that, too.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, ClassVar, Final

import pyarrow as pa
import pyarrow.compute as pc

from vo_server.errors import VoError
from vo_server.formats.cells import check_fixed_length, timestamp_text
from vo_server.formats.csv import quoted
from vo_server.formats.jsontext import json_numbers
from vo_server.formats.losses import LOSS_NAME, LineEndLosses, on_one_line
from vo_server.formats.names import uniquely_named
from vo_server.formats.outcome import Outcome, origin_texts, plain_error
from vo_server.formats.slices import TEXT_BYTES, slices
from vo_server.formats.text import join_rows, joined_elements
from vo_server.model.datatype import Primitive

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from vo_server.model.datatype import DataType
    from vo_server.model.query import QueryResult
    from vo_server.model.table import Column

__all__ = ["EcsvWriter"]

_TYPES: Final = {
    Primitive.BOOLEAN: "bool",
    Primitive.UNSIGNED_BYTE: "uint8",
    Primitive.SHORT: "int16",
    Primitive.INT: "int32",
    Primitive.LONG: "int64",
    Primitive.FLOAT: "float32",
    Primitive.DOUBLE: "float64",
    Primitive.CHAR: "string",
    Primitive.UNICODE_CHAR: "string",
}
_NOT_YAML: Final = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_SPECIAL: Final = b'",#\t '
"""What needs quotes: a line that begins with ``#`` is a comment, and space around a cell would be cut off."""


class EcsvWriter:
    """Rows as CSV that astropy reads with units, types and descriptions."""

    mime: ClassVar[str] = "text/x-ecsv"
    extension: ClassVar[str] = "ecsv"
    is_text: ClassVar[bool] = True

    def write(self, result: QueryResult) -> Iterator[bytes]:
        """Yield header, names, rows, and how they ended where that was not known before."""
        columns = uniquely_named(result.columns)
        told = Outcome.of(result)
        yield _head(columns, result, told)
        losses = LineEndLosses(columns)
        # A row of one null would be an empty line, which readers skip.
        is_lonely = len(columns) == 1
        try:
            for batch in slices(result.batches, piece_bytes=TEXT_BYTES):
                losses.see(batch)
                cells = [_cells(one, column) for one, column in zip(batch.columns, columns, strict=True)]
                if is_lonely:
                    cells = [cells[0].fill_null('""')]
                yield join_rows(cells, between=",", after="\n")
        except VoError as error:
            yield _comments(Outcome.of_error(error).facts.items())
            raise
        outcome = Outcome.of(result)
        yield _comments(
            [*(outcome.facts.items() if outcome != told else ()), *((LOSS_NAME, one) for one in losses.told)]
        )

    def write_error(self, error: VoError, *, query: str | None = None) -> bytes:
        """Return the message as plain text."""
        return plain_error(error, query)


def _head(columns: Sequence[Column], result: QueryResult, told: Outcome) -> bytes:
    meta: dict[str, Any] = dict(told.facts)
    for name, text in origin_texts(result):
        meta[name] = text if name not in meta else [*_listed(meta[name]), text]
    lines = ["%ECSV 1.0", "---", "delimiter: ','", "datatype:"]
    lines += [f"- {_yaml(_described(column))}" for column in columns]
    lines += [f"meta: {_yaml(meta)}", "schema: astropy-2.0"]
    names = quoted(pa.array([column.name for column in columns], pa.string()), _SPECIAL).to_pylist()
    return "".join([*(f"# {line}\n" for line in lines), ",".join(names), "\n"]).encode()


def _comments(told: Iterable[tuple[str, str]]) -> bytes:
    return "".join(f"# {name}: {' '.join(text.split())}\n" for name, text in told).encode()


def _described(column: Column) -> dict[str, Any]:
    datatype = column.datatype
    meta = {"ucd": column.ucd, "utype": column.utype, "xtype": datatype.xtype}
    said = {
        "name": column.name,
        "unit": column.unit,
        "datatype": "string" if datatype.is_array else _TYPES[datatype.primitive],
        "subtype": _subtype(datatype) if datatype.is_array else None,
        "description": column.description,
        "meta": {name: text for name, text in meta.items() if text},
    }
    return {name: value for name, value in said.items() if value}


def _subtype(datatype: DataType) -> str:
    """Return type and shape of an array as numpy has it: the last axis is the fastest."""
    axes = ",".join("null" if axis.endswith("*") else axis for axis in reversed(_axes(datatype)))
    return f"{_TYPES[datatype.primitive]}[{axes}]"


def _axes(datatype: DataType) -> list[str]:
    return (datatype.arraysize or "").split("x")


def _cells(cells: pa.Array, column: Column) -> pa.Array:
    if column.datatype.is_array:
        check_fixed_length(cells, column)
        return quoted(_array_text(cells, column.datatype), _SPECIAL)
    if column.datatype.is_timestamp:
        return timestamp_text(cells, column)
    check_fixed_length(cells, column)
    if pa.types.is_boolean(cells.type):
        return pc.if_else(cells, "True", "False")
    if not column.datatype.is_string:
        return cells.cast(pa.string())
    # A reader of lines takes out those that are empty or begin with ``#``, even in the middle of a text.
    return quoted(on_one_line(cells), _SPECIAL)


def _array_text(cells: pa.Array, datatype: DataType) -> pa.Array:
    """Return arrays as JSON, nested where they have more than one dimension."""
    elements = _elements(cells.flatten())
    lengths = pc.list_value_length(cells)
    for axis in _axes(datatype)[:-1]:
        elements = _nested(elements, int(axis))
        lengths = pc.divide(lengths, pa.scalar(int(axis), lengths.type))
    return pc.binary_join_element_wise("[", joined_elements(elements, lengths, ","), "]", "")


def _nested(elements: pa.Array, size: int) -> pa.Array:
    groups = pa.FixedSizeListArray.from_arrays(elements, size).cast(pa.list_(elements.type))
    return pc.binary_join_element_wise("[", pc.binary_join(groups, ","), "]", "")


def _elements(elements: pa.Array) -> pa.Array:
    if pa.types.is_boolean(elements.type):
        text = pc.if_else(elements, "true", "false")
    elif pa.types.is_floating(elements.type):
        text = json_numbers(elements)
        for word, meant in (("nan", "NaN"), ("inf", "Infinity"), ("-inf", "-Infinity")):
            text = pc.if_else(pc.equal(text, word), meant, text)
    else:
        text = elements.cast(pa.string())
    return text.fill_null("null") if text.null_count else text


def _yaml(value: dict[str, Any]) -> str:
    """Return a mapping on one line: JSON is YAML, but for some characters that have to be written as escapes."""
    text = json.dumps(value, ensure_ascii=False)
    return _NOT_YAML.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
