from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pytest
from astropy.table import Table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import csv as arrow_csv

from tests.formats.samples import EVERYTHING, INF, LATER, NAN, NOON, P, batch_of, column, failing, sample, written
from tests.support.stilts import convert
from vo_server.errors import EngineError, MissingError
from vo_server.formats.csv import CsvWriter, TsvWriter
from vo_server.model.query import QueryResult

if TYPE_CHECKING:
    from vo_server.formats.base import Writer

TEXT = column("s", P.CHAR, "*")
NUMBER = column("n", P.INT)
BOTH = pytest.mark.parametrize("writer", [CsvWriter(), TsvWriter()], ids=["csv", "tsv"])


def test_csv_is_a_header_line_and_lines_of_values() -> None:
    columns = [NUMBER, TEXT, column("t", P.CHAR, "*", "timestamp"), column("b", P.BOOLEAN)]
    document = written(CsvWriter(), columns, batch_of(columns, [[1, None], ["a", "b"], [NOON, LATER], [True, None]]))
    assert document == b"n,s,t,b\r\n1,a,2020-01-02T12:00:00,true\r\n,b,1999-12-31T23:59:59.12,\r\n"


def test_csv_quotes_only_what_needs_quotes() -> None:
    columns = [NUMBER, TEXT]
    values = ["plain text", "comma, separated", 'the "best"', "two\nlines", "cr\r", " space ", "'single'"]
    document = written(CsvWriter(), columns, batch_of(columns, [list(range(7)), values]))
    assert document.decode().split("\r\n", 1)[1] == (
        '0,plain text\r\n1,"comma, separated"\r\n2,"the ""best"""\r\n3,"two\nlines"\r\n4,"cr\r"\r\n5, space \r\n'
        "6,'single'\r\n"
    )


def test_csv_has_nothing_for_null_and_quotes_for_the_empty_string() -> None:
    columns = [NUMBER, TEXT]
    document = written(CsvWriter(), columns, batch_of(columns, [[1, 2], [None, ""]]))
    assert document == b'n,s\r\n1,\r\n2,""\r\n'


def test_a_null_alone_in_its_row_is_not_an_empty_line() -> None:
    document = written(CsvWriter(), [NUMBER], batch_of([NUMBER], [[1, None, 3]]))
    assert document == b'n\r\n1\r\n""\r\n3\r\n'
    assert len(pd.read_csv(io.BytesIO(document))) == 3


def test_csv_column_names_are_quoted_where_needed() -> None:
    columns = [column('a,"b"', P.INT), column("c", P.INT)]
    assert written(CsvWriter(), columns) == b'"a,""b""",c\r\n'


def test_floats_are_short_exact_and_readable_by_all() -> None:
    columns = [NUMBER, column("d", P.DOUBLE)]
    values = [0.1, INF, -INF, NAN, -0.0, None, 1e300, 1e-300]
    document = written(CsvWriter(), columns, batch_of(columns, [list(range(8)), values]))
    assert [line.split(",")[1] for line in document.decode().splitlines()[1:]] == [
        *("0.1", "Inf", "-Inf", "NaN", "-0", "", "1e+300", "1e-300"),
    ]
    for found in (
        pd.read_csv(io.BytesIO(document))["d"],
        Table.read(document.decode(), format="ascii.csv")["d"],
        arrow_csv.read_csv(io.BytesIO(document))["d"].to_pandas(),
    ):
        assert found.dtype == "float64"
        assert [found[0], found[1], found[2], found[6], found[7]] == [0.1, INF, -INF, 1e300, 1e-300]


def test_arrays_are_written_as_in_tabledata_and_null_ones_as_nothing() -> None:
    columns = [NUMBER, column("p", P.DOUBLE, "2", "point"), column("i", P.INT, "*")]
    document = written(CsvWriter(), columns, batch_of(columns, [[1, 2], [[1.5, -2.0], None], [[1, 2, 3], None]]))
    assert document == b"n,p,i\r\n1,1.5 -2,1 2 3\r\n2,,\r\n"


def test_tsv_has_no_tabs_or_line_ends_inside_values() -> None:
    columns = [column("tab\tname", P.INT), TEXT]
    document = written(TsvWriter(), columns, batch_of(columns, [[1, 2, 3], ["a\tb", "c\r\nd\ne\rf", None]]))
    assert document == b"tab name\ts\n1\ta b\n2\tc d e f\n3\t\n"


@BOTH
def test_every_type_gives_lines_of_the_right_width(writer: Writer) -> None:
    columns, batch = sample(EVERYTHING)
    text = written(writer, columns, batch).decode()
    rows = list(csv.reader(io.StringIO(text, newline=""), "excel" if writer.extension == "csv" else "excel-tab"))
    assert rows[0] == [one.name for one in columns]
    assert [len(row) for row in rows] == [len(columns)] * 4


@BOTH
def test_no_rows_give_the_header_alone(writer: Writer) -> None:
    assert written(writer, [NUMBER]).strip() == b"n"
    assert written(writer, [NUMBER], batch_of([NUMBER], [[]])).strip() == b"n"


@BOTH
def test_an_error_in_the_middle_breaks_off(writer: Writer) -> None:
    error = EngineError("the database went away")
    pieces = writer.write(QueryResult((NUMBER,), iter(failing([batch_of([NUMBER], [[1]])], error)), maxrec=5))
    assert next(pieces).strip() == b"n"
    assert next(pieces).strip() == b"1"
    with pytest.raises(EngineError, match="went away"):
        next(pieces)


@BOTH
def test_the_error_document_is_plain_text(writer: Writer) -> None:
    assert writer.write_error(MissingError("no table é")).decode() == "ERROR: no table é\n"
    assert writer.write_error(MissingError("x"), query="SELECT 1").decode() == "ERROR: x\nQUERY: SELECT 1\n"


@given(
    values=st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)),
    split=st.integers(0, 4),
)
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_csv_reads_back_to_the_same_text(values: list[str | None], split: int) -> None:
    columns = [NUMBER, TEXT]
    batch = batch_of(columns, [list(range(len(values))), values])
    document = written(CsvWriter(), columns, batch)
    assert written(CsvWriter(), columns, batch.slice(0, split), batch.slice(split)) == document
    found = arrow_csv.read_csv(
        io.BytesIO(document),
        parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
        convert_options=arrow_csv.ConvertOptions(
            column_types={"n": pa.int32(), "s": pa.string()},
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    assert found["s"].to_pylist() == values


def test_stilts_reads_numbers_text_and_truth(stilts: str) -> None:
    columns = [NUMBER, TEXT, column("d", P.DOUBLE), column("b", P.BOOLEAN), column("l", P.LONG)]
    values: list[list[Any]] = [[1, None], ["a b", 'c, "d"'], [INF, 0.25], [True, False], [2**63 - 1, -(2**63)]]
    read = convert(stilts, written(CsvWriter(), columns, batch_of(columns, values)), "csv", "csv")
    assert list(csv.reader(io.StringIO(read.decode(), newline=""))) == [
        ["n", "s", "d", "b", "l"],
        ["1", "a b", "Infinity", "true", str(2**63 - 1)],
        ["", 'c, "d"', "0.25", "false", str(-(2**63))],
    ]
