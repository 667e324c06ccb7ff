"""docs/formats.md says what each format can carry; here it is held against what the writers do."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits

from tests.formats import endings
from tests.formats.samples import INF, NAN, P, batch_of, column, until_error, written
from vo_server.errors import EngineError
from vo_server.formats.registry import OUTPUT_FORMATS, find_format
from vo_server.model.query import QueryResult
from vo_server.model.table import Column

PAGE = (Path(__file__).parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")
NAMES = [one.name for one in OUTPUT_FORMATS]

TEXT = column("c", P.CHAR, "*")
DOUBLE = column("c", P.DOUBLE)
DISTINCTIONS: Final[dict[str, tuple[Column, Any, list[Any]]]] = {
    "NULL, NaN": (DOUBLE, None, [NAN]),
    "NULL, empty text": (TEXT, None, [""]),
    "NULL, empty array": (column("c", P.DOUBLE, "*"), None, [[]]),
    "NULL, array of nulls (fixed length)": (column("c", P.SHORT, "2"), None, [[None, None]]),
    "null, NaN inside an array": (column("c", P.DOUBLE, "*"), [None], [[NAN]]),
    "NULL, least whole number": (column("c", P.INT), None, [-(2**31)]),
    "NULL, false": (column("c", P.BOOLEAN), None, [False]),
    "neighbours among 64-bit numbers": (column("c", P.LONG), 2**63 - 1, [2**63 - 2]),
    "neighbours among doubles": (DOUBLE, 0.1, [float(np.nextafter(0.1, 1))]),
    "zero, negative zero": (DOUBLE, 0.0, [-0.0]),
    "infinity, NaN": (DOUBLE, INF, [NAN, -INF]),
    "microseconds": (
        column("c", P.CHAR, "*", "timestamp"),
        np.datetime64("2020-01-01T00:00:00.000001", "us"),
        [np.datetime64("2020-01-01T00:00:00.000002", "us")],
    ),
    # What could be written in place of the character.
    "text beyond ASCII": (TEXT, "a\u00e9b", ["a?b", "aeb", "a\ufffdb", "ab"]),
    "line ends in text": (TEXT, "a\nb", ["a b", "a?b", "a\ufffdb", "ab"]),
    "control characters in text": (TEXT, "a\x01b", ["a b", "a?b", "a\ufffdb", "ab"]),
}
"""A column, a value, and other values that must not look like it."""


def table_under(heading: str) -> dict[str, dict[str, str]]:
    """Return a table of the page: what is said of each format, by row and format."""
    section = PAGE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in section.splitlines()
        if line.startswith("|")
    ]
    head, _, *rows = lines
    return {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in rows}


CARRIED = table_under("What each format cannot carry")
SAID = table_under("What each format says of itself")


def _fits_rows(document: bytes) -> bytes:
    with fits.open(io.BytesIO(document)) as file:
        start = file[1].fileinfo()["datLoc"]
        null = file[1].header.get("TNULL1")
    # What NULL looks like is part of the rows.
    return document[start:] + repr(null).encode()


def _between(start: bytes, end: bytes) -> Callable[[bytes], bytes]:
    return lambda document: document.split(start, 1)[1].split(end, 1)[0]


def _without_comments(document: bytes) -> bytes:
    return b"".join(line for line in document.splitlines(keepends=True) if not line.startswith(b"#"))


ROWS: Final[dict[str, Callable[[bytes], Any]]] = {
    "votable": _between(b"<STREAM", b"</STREAM>"),
    "votable/td": _between(b"<TABLEDATA>", b"</TABLEDATA>"),
    "fits": _fits_rows,
    "parquet": lambda document: repr(pq.read_table(io.BytesIO(document)).to_pylist()),
    "arrow": lambda document: repr(pa.ipc.open_stream(document).read_all().to_pylist()),
    "csv": bytes,
    "tsv": bytes,
    "ecsv": _without_comments,
    "json": lambda document: repr(json.loads(document)["data"]),
    "jsonl": bytes,
    "html": _between(b"<tbody>", b"</tbody>"),
}
"""The part of a document that has the rows, and nothing that is said of them."""


def test_the_page_speaks_of_every_format() -> None:
    assert list(ROWS) == NAMES
    for table in (CARRIED, SAID):
        for row in table.values():
            assert list(row) == NAMES


def test_the_page_has_all_names_and_media_types() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \|([^|]*)\|", PAGE, re.MULTILINE)
    assert [(name, mime, re.findall("`([^`]+)`", also)) for name, mime, also in rows] == [
        (one.name, one.mime, list(one.aliases)) for one in OUTPUT_FORMATS
    ]


def test_the_page_speaks_of_what_is_tested() -> None:
    assert list(CARRIED) == list(DISTINCTIONS)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("distinction", DISTINCTIONS)
def test_what_the_page_says_of_a_distinction_is_so(name: str, distinction: str) -> None:
    one, value, others = DISTINCTIONS[distinction]
    writer = find_format(name).writer

    def rows_with(cell: Any) -> Any:
        # A second column, because a lonely null is written in another way where it would be an empty line.
        columns = [one, column("n", P.INT)]
        return ROWS[name](written(writer, columns, batch_of(columns, [[cell], [1]])))

    is_carried = all(rows_with(value) != rows_with(other) for other in others)
    assert CARRIED[distinction][name] in ({"yes", "file"} if is_carried else {"no"})


@pytest.mark.parametrize("name", [name for name in NAMES if name not in {"csv", "tsv"}])
@pytest.mark.parametrize("distinction", DISTINCTIONS)
def test_an_answer_says_what_it_could_not_carry(name: str, distinction: str) -> None:
    if CARRIED[distinction][name] == "yes":
        return
    one, value, others = DISTINCTIONS[distinction]
    if distinction == "null, NaN inside an array" and name != "fits":
        return  # It is in the definition of the column: VALUES/@null, or NaN.
    document = written(find_format(name).writer, [one], batch_of([one], [[value, others[0]]]))
    if name == "ecsv" and CARRIED[distinction][name] == "file":
        return  # The file has it.
    marks = {"fits": b"COMMENT Column 1 (c): ", "html": b"<p>column c: "}
    assert marks.get(name, b"FORMAT_LOSS") in document


@pytest.mark.parametrize("name", NAMES)
def test_what_the_page_says_of_metadata_is_so(name: str) -> None:
    one = replace(column("c", P.DOUBLE, "2", "point"), unit="km/s", description="Some velocity", ucd="phys.veloc;pos")
    result = QueryResult((one,), iter([batch_of([one], [[[1.0, 2.0]]])]), maxrec=9, notes=endings.NOTES)
    document = b"".join(find_format(name).writer.write(result))
    for row, words in {
        "units, descriptions": (b"km/s", b"Some velocity"),
        "UCDs": (b"phys.veloc;pos",),
        "xtypes": (b"point",),
        "query, origin of the data": (b"SELECT", b"The Observatory"),
    }.items():
        assert SAID[row][name] == ("yes" if all(word in document for word in words) else "no"), row


@pytest.mark.parametrize("name", NAMES)
def test_what_the_page_says_of_overflows_and_errors_is_so(name: str) -> None:
    writer = find_format(name).writer
    assert SAID["rows left out"][name] == ("yes" if b"OVERFLOW" in _plain(writer.write(endings.cut())) else "no")
    told = b"the database went away" in b"".join(until_error(writer.write(endings.broken()), EngineError))
    assert SAID["error after the first rows"][name] == ("yes" if told else "no")


def _plain(pieces: Any) -> bytes:
    """Return a document without the cards that are there in every case."""
    return b"".join(pieces).replace(b"OVERFLOW=                    F", b"")
