"""JSON and JSON Lines writers.

JSON is one object: ``metadata`` (what each column is), ``info`` (what is said of the query), ``links`` (where more is
found), ``data`` (an array for each row), and behind the rows how they ended: ``status`` (OK, OVERFLOW or ERROR),
``message``, ``truncation`` and ``rows``. ``metadata`` and ``data`` are named as the archives of ESA have them.
JSON Lines has an object for each row and nothing else.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

from vo_server.errors import VoError
from vo_server.formats.jsontext import json_cells
from vo_server.formats.names import uniquely_named
from vo_server.formats.outcome import Outcome, plain_error
from vo_server.formats.slices import TEXT_BYTES, slices
from vo_server.formats.text import join_parts, join_rows
from vo_server.vo.votable import Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from vo_server.model.query import QueryResult
    from vo_server.model.table import Column

__all__ = ["JsonLinesWriter", "JsonWriter"]


class JsonWriter:
    """One object with columns, rows and status; no value is lost, see :mod:`vo_server.formats.jsontext`."""

    mime: ClassVar[str] = "application/json"
    extension: ClassVar[str] = "json"
    is_text: ClassVar[bool] = True

    def write(self, result: QueryResult) -> Iterator[bytes]:
        """Yield the object; an error in the middle is told at its end, then raised again."""
        columns = uniquely_named(result.columns)
        yield _head(columns, result)
        n_rows = 0
        try:
            for batch in slices(result.batches, piece_bytes=TEXT_BYTES):
                cells = [json_cells(one, column) for one, column in zip(batch.columns, columns, strict=True)]
                rows = join_rows(cells, before=",\n[", between=",", after="]")
                yield rows if n_rows else rows[1:]
                n_rows += batch.num_rows
        except VoError as error:
            yield _tail(Outcome.of_error(error), n_rows)
            raise
        yield _tail(Outcome.of(result), n_rows)

    def write_error(self, error: VoError, *, query: str | None = None) -> bytes:
        """Return an object with the status and the message."""
        told = {"status": str(Status.ERROR), "message": str(error), "query": query}
        return _text({name: value for name, value in told.items() if value is not None}).encode() + b"\n"


class JsonLinesWriter:
    """One object for each row, one line for each object: for programs that read while it comes.

    Nothing can be said about the result in between. After an error the last line breaks off, with the message in it.
    """

    mime: ClassVar[str] = "application/x-ndjson"
    extension: ClassVar[str] = "jsonl"
    is_text: ClassVar[bool] = True

    def write(self, result: QueryResult) -> Iterator[bytes]:
        """Yield the lines."""
        columns = uniquely_named(result.columns)
        keys = [f"{_text(column.name)}:" for column in columns]
        keys = [f"{',' if index else '{'}{key}" for index, key in enumerate(keys)]
        try:
            for batch in slices(result.batches, piece_bytes=TEXT_BYTES):
                yield _lines(batch, columns, keys)
        except VoError as error:
            yield f'{{"QUERY_STATUS":"{Status.ERROR}","message":{_text(str(error))}'.encode()
            raise

    def write_error(self, error: VoError, *, query: str | None = None) -> bytes:
        """Return the message as plain text."""
        return plain_error(error, query)


def _lines(batch: pa.RecordBatch, columns: tuple[Column, ...], keys: list[str]) -> bytes:
    parts: list[pa.Array | str] = []
    for key, cells, column in zip(keys, batch.columns, columns, strict=True):
        parts += [key, json_cells(cells, column)]
    return join_parts([*parts, "}\n"])


def _head(columns: tuple[Column, ...], result: QueryResult) -> bytes:
    metadata = ",\n".join(_text(_described(column)) for column in columns)
    info = ",\n".join(
        _text(_given({"name": note.name, "value": note.value, "text": note.text, "ucd": note.ucd}))
        for note in result.notes
    )
    links = ",\n".join(
        _text(_given({"href": link.href, "title": link.title, "content-type": link.content_type}))
        for link in result.links
    )
    return f'{{"metadata":[\n{metadata}\n],\n"info":[\n{info}\n],\n"links":[\n{links}\n],\n"data":['.encode()


def _tail(outcome: Outcome, n_rows: int) -> bytes:
    told = {
        "status": str(outcome.status),
        "message": outcome.message or None,
        "truncation": {note.name: note.value for note in outcome.notes} or None,
        "rows": n_rows,
    }
    return f"\n],\n{_text(told)[1:]}\n".encode()


def _described(column: Column) -> dict[str, Any]:
    datatype = column.datatype
    given = _given(
        {
            "name": column.name,
            "datatype": str(datatype.primitive),
            "arraysize": datatype.arraysize,
            "xtype": datatype.xtype,
            "ucd": column.ucd,
            "utype": column.utype,
        }
    )
    # These are looked for in all columns by astroquery, as the archives of ESA have them.
    return given | {"unit": column.unit or None, "description": column.description or None}


def _given(pairs: dict[str, str | None]) -> dict[str, Any]:
    return {name: value for name, value in pairs.items() if value}


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
