from __future__ import annotations

import base64
import io
import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from astropy.io.votable import parse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.formats import oracle
from tests.formats.expect import from_tabledata, in_binary2, in_tabledata, same
from tests.formats.samples import (
    ARRAYS,
    EVERYTHING,
    NAN,
    SCALARS,
    P,
    batch_of,
    column,
    failing,
    sample,
    until_error,
    written,
)
from tests.formats.strategies import tables
from tests.support.xsd import votlint
from vo_server.errors import EngineError, MissingError, QueryTimeoutError
from vo_server.formats.slices import PIECE_BYTES
from vo_server.formats.votable import Binary2Writer, TabledataWriter
from vo_server.model.query import Note, QueryResult, arrow_schema

if TYPE_CHECKING:
    import pyarrow as pa

    from vo_server.formats.base import Writer
    from vo_server.model.table import Column

WRITERS = pytest.mark.parametrize("writer", [Binary2Writer(), TabledataWriter()], ids=["binary2", "tabledata"])
EACH = pytest.mark.parametrize("pair", EVERYTHING, ids=[one.name for one, _ in EVERYTHING])
NUMBERS = column("n", P.INT)


def numbers(*values: int | None) -> pa.RecordBatch:
    return batch_of([NUMBERS], [list(values)])


@EACH
def test_binary2_holds_every_type(pair: tuple[Column, list[Any]]) -> None:
    columns, batch = sample([pair])
    found = oracle.read(written(Binary2Writer(), columns, batch))
    assert same(found.rows, [[in_binary2(value, pair[0])] for value in pair[1]])


@EACH
def test_tabledata_holds_every_type(pair: tuple[Column, list[Any]]) -> None:
    columns, batch = sample([pair])
    found = oracle.read(written(TabledataWriter(), columns, batch))
    read = [[from_tabledata(cell, pair[0]) for cell in row] for row in found.rows]
    assert same(read, [[in_tabledata(value, pair[0])] for value in pair[1]])


@pytest.mark.parametrize("n_columns", [1, 7, 8, 9, 16, 17])
def test_binary2_flags_reach_over_any_number_of_columns(n_columns: int) -> None:
    columns = [column(f"c{index}", P.SHORT) for index in range(n_columns)]
    values = [[None if row == index else row for row in range(n_columns + 1)] for index in range(n_columns)]
    found = oracle.read(written(Binary2Writer(), columns, batch_of(columns, values)))
    assert found.rows == [list(row) for row in zip(*values, strict=True)]


def test_the_first_column_is_the_highest_bit_of_the_first_flag_byte() -> None:
    columns = [column("i", P.INT), column("d", P.DOUBLE), column("s", P.CHAR, "*")]
    document = written(Binary2Writer(), columns, batch_of(columns, [[None], [1.5], ["ab"]]))
    stream = document.split(b'<STREAM encoding="base64">\n')[1].split(b"</STREAM>")[0]
    # The example of VOTable 1.4, section 5.4.
    assert base64.b64decode(stream).hex() == "80000000003ff8000000000000000000026162"


def test_binary2_fills_a_null_with_nan_or_zeros() -> None:
    columns = [column("f", P.FLOAT), column("l", P.LONG), column("b", P.BOOLEAN), column("p", P.DOUBLE, "2")]
    document = written(Binary2Writer(), columns, batch_of(columns, [[None], [None], [None], [None]]))
    stream = document.split(b'<STREAM encoding="base64">\n')[1].split(b"</STREAM>")[0]
    assert base64.b64decode(stream).hex() == "f07fc00000000000000000000000" + 2 * "7ff8000000000000"


def test_binary2_tells_null_nan_and_the_empty_string_apart() -> None:
    columns = [column("d", P.DOUBLE), column("s", P.CHAR, "*")]
    document = written(Binary2Writer(), columns, batch_of(columns, [[None, NAN], [None, ""]]))
    assert same(oracle.read(document).rows, [[None, None], [NAN, ""]])


@given(table=tables(), splits=st.lists(st.integers(0, 6), max_size=3))
@settings(deadline=None, max_examples=120, suppress_health_check=[HealthCheck.too_slow])
def test_binary2_reads_back_to_the_same_table(
    table: tuple[tuple[Column, ...], list[list[Any]]], splits: list[int]
) -> None:
    columns, values = table
    batch = batch_of(columns, values)
    whole = written(Binary2Writer(), columns, batch)
    assert same(
        oracle.read(whole).rows,
        [[in_binary2(cell, one) for cell, one in zip(row, columns, strict=True)] for row in zip(*values, strict=True)],
    )
    assert written(Binary2Writer(), columns, *_cut(batch, splits)) == whole


@given(table=tables(), splits=st.lists(st.integers(0, 6), max_size=3))
@settings(deadline=None, max_examples=120, suppress_health_check=[HealthCheck.too_slow])
def test_tabledata_reads_back_to_the_same_table(
    table: tuple[tuple[Column, ...], list[list[Any]]], splits: list[int]
) -> None:
    columns, values = table
    batch = batch_of(columns, values)
    whole = written(TabledataWriter(), columns, batch)
    read = [
        [from_tabledata(cell, one) for cell, one in zip(row, columns, strict=True)] for row in oracle.read(whole).rows
    ]
    assert same(
        read,
        [
            [in_tabledata(cell, one) for cell, one in zip(row, columns, strict=True)]
            for row in zip(*values, strict=True)
        ],
    )
    assert written(TabledataWriter(), columns, *_cut(batch, splits)) == whole


def _cut(batch: pa.RecordBatch, splits: list[int]) -> list[pa.RecordBatch]:
    """Return the batch in pieces; some may be empty."""
    edges = [0, *sorted(min(one, batch.num_rows) for one in splits), batch.num_rows]
    return [batch.slice(start, end - start) for start, end in pairwise(edges)]


@WRITERS
def test_a_batch_larger_than_a_piece_is_written_in_pieces(writer: Writer) -> None:
    columns = (column("d", P.DOUBLE), column("s", P.CHAR, "*"))
    n_rows = PIECE_BYTES // 8
    batch = batch_of(columns, [list(np.arange(n_rows, dtype=float)), ["abcd"] * n_rows])
    pieces = list(writer.write(QueryResult(columns, iter([batch]), maxrec=n_rows)))
    assert len(pieces) > 3
    found = oracle.read(b"".join(pieces))
    assert len(found.rows) == n_rows
    assert [str(cell) for cell in found.rows[-1]] in (["524287.0", "abcd"], ["524287", "abcd"])


@WRITERS
def test_the_head_goes_out_before_the_first_batch_is_asked_for(writer: Writer) -> None:
    asked = []

    def batches() -> Any:
        asked.append(True)
        yield numbers(1)

    document = writer.write(QueryResult((NUMBERS,), batches(), maxrec=10))
    assert b"<FIELD" in next(document)
    assert not asked


@WRITERS
def test_no_rows_give_a_table_without_rows(writer: Writer, stilts: str) -> None:
    for batches in ([], [numbers()]):
        document = written(writer, [NUMBERS], *batches)
        assert oracle.read(document).rows == []
        assert votlint(stilts, document) == []


@WRITERS
def test_an_overflow_that_shows_at_the_end_is_told_at_the_end(writer: Writer) -> None:
    result = QueryResult((NUMBERS,), iter([numbers(1, 2)]), maxrec=2)

    def batches() -> Any:
        yield numbers(1, 2)
        result.overflow = True

    result.batches = batches()
    found = oracle.read(b"".join(writer.write(result)))
    assert [value for value, _ in found.statuses] == ["OK", "OVERFLOW"]
    assert "MAXREC=2" in (found.statuses[1][1] or "")


@WRITERS
def test_an_overflow_that_is_known_before_is_told_once_at_the_top(writer: Writer, stilts: str) -> None:
    result = QueryResult((NUMBERS,), iter(()), maxrec=0, overflow=True)
    document = b"".join(writer.write(result))
    found = oracle.read(document)
    assert [value for value, _ in found.statuses] == ["OVERFLOW"]
    assert [one.name for one in found.fields] == ["n"]
    assert found.rows == []
    assert votlint(stilts, document) == []


@WRITERS
def test_an_error_in_the_middle_closes_the_table_tells_it_and_is_raised(writer: Writer, stilts: str) -> None:
    error = QueryTimeoutError(5)
    batches = iter(failing([numbers(1, None, 3)], error))
    document = writer.write(QueryResult((NUMBERS,), batches, maxrec=10))
    pieces = [next(document), next(document)]
    pieces.extend(until_error(document, QueryTimeoutError))
    found = oracle.read(b"".join(pieces))
    assert [value for value, _ in found.statuses] == ["OK", "ERROR"]
    assert "longer than the limit of 5 s" in (found.statuses[1][1] or "")
    assert len(found.rows) == 3
    assert votlint(stilts, b"".join(pieces)) == []


@pytest.mark.parametrize(
    ("one", "value", "message"),
    [
        (column("c", P.CHAR, "3"), "abcd", "described as char(3) but holds a text of length 4"),
        (column("c", P.CHAR, "3"), "éé", "a text of length 4"),
        (column("c", P.CHAR), "ab", "described as char(1)"),
        (column("c", P.UNICODE_CHAR, "1"), "😀", "described as unicodeChar(1) but holds a text of length 2"),
        (column("c", P.DOUBLE, "2"), [1.0], "an array of 1 elements"),
        (column("c", P.DOUBLE, "2"), [1.0, 2.0, 3.0], "an array of 3 elements"),
        (column("c", P.SHORT, "2x2"), [1, 2], "an array of 2 elements"),
        (column("c", P.UNSIGNED_BYTE, "*"), [1, None], "a null inside"),
    ],
)
@WRITERS
def test_a_cell_that_the_type_cannot_hold_is_an_error_and_not_cut(
    writer: Writer, one: Column, value: Any, message: str
) -> None:
    result = QueryResult((one,), iter([batch_of([one], [[None, value]])]), maxrec=10)
    found = oracle.read(b"".join(until_error(writer.write(result), EngineError)))
    assert [status for status, _ in found.statuses] == ["OK", "ERROR"]
    assert message in (found.statuses[1][1] or "")
    assert found.rows == []


def test_a_timestamp_column_of_ten_characters_holds_dates() -> None:
    dates = column("t", P.CHAR, "10", "timestamp")
    batch = batch_of([dates], [[np.datetime64("2020-02-29", "us"), None]])
    for writer in (Binary2Writer(), TabledataWriter()):
        assert oracle.read(written(writer, [dates], batch)).rows == [["2020-02-29"], [None]]


def test_tabledata_replaces_what_xml_cannot_hold_and_keeps_the_rest() -> None:
    text = column("s", P.UNICODE_CHAR, "*")
    values = ["a\x00b\x1fc", "\ufffe\uffff", "tab\tcr\rlf\ncrlf\r\n", "]]> <TD> &amp;", "ï»¿"]
    found = oracle.read(written(TabledataWriter(), [text], batch_of([text], [values])))
    assert [row[0] for row in found.rows] == ["a\ufffdb\ufffdc", "\ufffd\ufffd", *values[2:]]


def test_binary2_keeps_control_characters() -> None:
    text = column("s", P.CHAR, "*")
    found = oracle.read(written(Binary2Writer(), [text], batch_of([text], [["a\x01\r\nb"]])))
    assert found.rows == [["a\x01\r\nb"]]


def test_char_holds_text_beyond_ascii_as_utf8_counted_in_bytes() -> None:
    text = column("s", P.CHAR, "*")
    found = oracle.read(written(Binary2Writer(), [text], batch_of([text], [["é中😀", "Å"]])))
    assert found.rows == [["é中😀"], ["Å"]]


@WRITERS
def test_votlint_has_nothing_to_say(writer: Writer, stilts: str) -> None:
    pairs = [pair for pair in EVERYTHING if pair[0].name != "letter"]
    columns, batch = sample(pairs)
    assert votlint(stilts, written(writer, columns, batch)) == []


def test_votlint_only_remarks_on_a_single_character(stilts: str) -> None:
    columns, batch = sample([pair for pair in SCALARS if pair[0].name == "letter"])
    lines = votlint(stilts, written(Binary2Writer(), columns, batch))
    assert [line.split(" ")[0] for line in lines] == ["INFO"]


@WRITERS
def test_notes_come_before_the_table_and_may_have_a_ucd(writer: Writer, stilts: str) -> None:
    notes = (Note("QUERY", 'SELECT "a" < 1\n& 2'), Note("citation", "2020A&A...1..1X", "text <b>", "meta.bib.bibcode"))
    result = QueryResult((NUMBERS,), iter([numbers(1)]), maxrec=9, notes=notes)
    document = b"".join(writer.write(result))
    assert oracle.read(document).infos[1:] == [(one.name, one.value, one.text or None) for one in notes]
    assert votlint(stilts, document) == []


@WRITERS
def test_the_error_document_says_what_happened(writer: Writer) -> None:
    document = writer.write_error(MissingError("no job <x>", hint="see the list"), query="SELECT 1")
    found = oracle.read(document)
    assert found.statuses == [("ERROR", "no job <x> (see the list)")]
    assert ("QUERY", "SELECT 1", None) in found.infos
    assert found.fields == []
    assert b"<TABLE" not in document


@WRITERS
@pytest.mark.parametrize("pair", [*SCALARS, *ARRAYS], ids=[one.name for one, _ in EVERYTHING])
@pytest.mark.filterwarnings("ignore:.*W47")  # A single character has no arraysize; astropy asks for one.
def test_astropy_reads_every_type(writer: Writer, pair: tuple[Column, list[Any]]) -> None:
    columns, batch = sample([pair])
    one, values = pair
    table = parse(io.BytesIO(written(writer, columns, batch)), verify="exception").get_first_table()
    field = table.fields[0]
    assert (field.name, field.datatype, field.arraysize, field.xtype) == (
        one.name,
        str(one.datatype.primitive),
        "1" if one.name == "letter" else one.datatype.arraysize,
        one.datatype.xtype,
    )
    for found, value in zip(table.array[one.name], values, strict=True):
        _compare_with_astropy(found, value, one)


def _compare_with_astropy(found: Any, value: Any, one: Column) -> None:
    if one.datatype.is_string or one.datatype.is_timestamp:
        # astropy has no null strings.
        assert str(found) == (in_binary2(value, one) or "")
    elif one.datatype.is_array:
        expected = [None] * (one.datatype.n_elements or 0) if value is None else value
        cells = [None if cell is None or math.isnan(cell) else cell for cell in np.ma.asarray(found).ravel().tolist()]
        assert same(_rounded(cells, one), _rounded(expected, one))
    elif value is None or (isinstance(value, float) and math.isnan(value)):
        assert found is np.ma.masked
    else:
        assert same(found.item(), _rounded([value], one)[0])


def _rounded(values: list[Any], one: Column) -> list[Any]:
    if one.datatype.primitive is not P.FLOAT:
        return values
    return [None if value is None else float(np.float32(value)) for value in values]


def test_the_fields_carry_the_metadata_of_their_columns() -> None:
    columns, batch = sample(EVERYTHING)
    found = oracle.read(written(Binary2Writer(), columns, batch))
    assert [(one.name, one.datatype, one.arraysize) for one in found.fields] == [
        (one.name, str(one.datatype.primitive), one.datatype.arraysize) for one in columns
    ]
    assert arrow_schema(columns).names == [one.name for one in found.fields]
