"""What other people's readers make of our VOTables."""

from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.io.votable import parse
from pyvo.dal import DALQueryError
from pyvo.dal.tap import TAPResults

from tests.formats.samples import (
    ARRAYS,
    INF,
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
from tests.support.stilts import convert
from tests.support.xsd import votlint
from vo_server.errors import EngineError
from vo_server.formats.base import Writer
from vo_server.formats.votable import Binary2Writer, TabledataWriter
from vo_server.model.query import QueryResult

WRITERS = pytest.mark.parametrize("writer", [Binary2Writer(), TabledataWriter()], ids=["binary2", "tabledata"])
NUMBER = column("n", P.INT)


@WRITERS
def test_stilts_reads_every_scalar_type(writer: Writer, stilts: str) -> None:
    columns, batch = sample(SCALARS)
    read = convert(stilts, written(writer, columns, batch), "votable", "csv").decode()
    names, *rows = csv.reader(io.StringIO(read, newline=""))
    assert names == [one.name for one in columns]
    assert list(zip(names, *rows, strict=True)) == [
        ("boolean", "true", "false", ""),
        ("byte", "0", "255", ""),
        ("short", "-32768", "32767", ""),
        ("int", "-2147483648", "2147483647", ""),
        ("long", "-9223372036854775808", "9223372036854775807", ""),
        ("float", "0.1", "-Infinity", ""),
        ("double", "-0.0", "", ""),
        ("huge", "Infinity", "1.7976931348623157E308", "4.9E-324"),
        ("letter", "x", "y", ""),
        ("text", 'a <b> & "c"', "", ""),
        ("bounded", "abc", "", ""),
        ("padded", "abc", "abcde", ""),
        ("unicode", "é 中 😀", "", ""),
        ("unicode_padded", "é中😀", "", ""),
        ("time", "2020-01-02T12:00:00", "1999-12-31T23:59:59.12", ""),
        ("time_padded", "2020-01-02T12:00:00.000", "1999-12-31T23:59:59.120", ""),
    ]


@WRITERS
@pytest.mark.filterwarnings("ignore:Column '.*' contains NULL")  # astropy on logical columns with nulls
def test_stilts_makes_a_fits_table_with_the_same_numbers(writer: Writer, stilts: str) -> None:
    columns, batch = sample([*SCALARS[1:8], *ARRAYS])
    with fits.open(io.BytesIO(convert(stilts, written(writer, columns, batch), "votable", "fits-basic"))) as file:
        table = np.array(file[1].data)
    assert table["long"].tolist() == [-(2**63), 2**63 - 1, -(2**63)]  # the last one is TNULL
    assert np.signbit(table["double"][0])
    assert table["huge"].tolist() == [INF, 1.7976931348623157e308, 5e-324]
    for name, expected in (
        ("point", [[0.5, -90.0], [359.25, 0.0], [NAN, NAN]]),
        ("circle", [[1.0, 2.0, 0.5], [NAN] * 3, [NAN] * 3]),
        ("doubles", [[1.5, INF, -INF], [NAN] * 3, [NAN] * 3]),
        ("matrix", [[[1.0, 2.0], [3.0, 4.0]], [[NAN] * 2] * 2, [[0.0, 0.0], [0.0, 1.0]]]),
    ):
        np.testing.assert_array_equal(table[name], np.array(expected))
    assert table["longs"].tolist()[0] == [2**63 - 1, 0]
    assert table["ints"].tolist()[0] == [2**31 - 1, -(2**31)]


@WRITERS
@pytest.mark.filterwarnings("ignore:.*W47")  # A single character has no arraysize; astropy asks for one.
def test_astropy_makes_the_same_table_of_both_serialisations(writer: Writer) -> None:
    columns, batch = sample([*SCALARS, *ARRAYS])
    votable = parse(io.BytesIO(written(writer, columns, batch)), verify="exception")
    table = votable.get_first_table().to_table()
    assert table.colnames == [one.name for one in columns]
    assert len(table) == 3
    assert table["long"].dtype == np.int64
    assert table["long"][:2].tolist() == [-(2**63), 2**63 - 1]
    assert table["long"].mask.tolist() == [False, False, True]
    assert table["unicode"][0] == "é 中 😀"


@pytest.mark.parametrize("n_columns", [7, 8, 9, 17])
def test_readers_find_their_way_through_many_flags(n_columns: int, stilts: str) -> None:
    columns = [column(f"c{index}", P.SHORT) for index in range(n_columns)]
    values = [[None if row == index else row for row in range(n_columns)] for index in range(n_columns)]
    document = written(Binary2Writer(), columns, batch_of(columns, values))
    table = parse(io.BytesIO(document), verify="exception").get_first_table().to_table()
    assert [table[one.name].tolist() for one in columns] == values
    read = csv.reader(io.StringIO(convert(stilts, document, "votable", "csv").decode()))
    assert list(read)[1:] == [
        ["" if row == index else str(row) for index in range(n_columns)] for row in range(n_columns)
    ]


@WRITERS
def test_pyvo_takes_the_last_status(writer: Writer) -> None:
    result = QueryResult((NUMBER,), iter(()), maxrec=1)

    def batches() -> Any:
        yield batch_of([NUMBER], [[7]])
        result.overflow = True

    result.batches = batches()
    document = b"".join(writer.write(result))
    found = TAPResults(parse(io.BytesIO(document)))
    assert found.query_status == "OVERFLOW"
    assert found["n"].tolist() == [7]


@WRITERS
def test_pyvo_raises_what_went_wrong_in_the_middle(writer: Writer) -> None:
    batches = iter(failing([batch_of([NUMBER], [[7]])], EngineError("the database went away")))
    document = b"".join(until_error(writer.write(QueryResult((NUMBER,), batches, maxrec=5)), EngineError))
    with pytest.raises(DALQueryError, match="the database went away"):
        TAPResults(parse(io.BytesIO(document)))


@WRITERS
def test_pyvo_raises_what_an_error_document_says(writer: Writer) -> None:
    document = writer.write_error(EngineError("no such thing"), query="SELECT 1")
    with pytest.raises(DALQueryError, match="no such thing"):
        TAPResults(parse(io.BytesIO(document)))


def test_votlint_cannot_read_polygons_in_binary2_and_that_is_its_own_fault(stilts: str) -> None:
    # STILTS 3.4.7: without the xtype the same bytes are fine, and its reader gets the right numbers.
    polygon = column("p", P.DOUBLE, "*", "polygon")
    plain = column("p", P.DOUBLE, "*")
    batch = batch_of([polygon], [[[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]]])
    document = written(Binary2Writer(), [polygon], batch)
    assert any("negative element count" in line for line in votlint(stilts, document))
    assert votlint(stilts, written(Binary2Writer(), [plain], batch)) == []
    assert b"(1.0, 2.0, 3.0, 4.0, 5.0, 6.0)" in convert(stilts, document, "votable", "csv")
    assert votlint(stilts, written(TabledataWriter(), [polygon], batch)) == []
