from __future__ import annotations

import csv
import io
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from astropy.io import fits
from astropy.io.fits.fitsrec import FITS_rec
from astropy.table import Table

from tests.formats import endings
from tests.formats.samples import EVERYTHING, INF, NAN, NOON, P, batch_of, column, sample, until_error, written
from tests.support.stilts import convert
from vo_server.errors import EngineError, MissingError, UsageError
from vo_server.formats.fits import form
from vo_server.formats.fits.writer import FitsWriter
from vo_server.model.query import QueryResult
from vo_server.model.table import Column


def table_of(document: bytes) -> tuple[fits.Header, FITS_rec]:
    with fits.open(io.BytesIO(document)) as file:
        file.verify("exception")
        return file[1].header, file[1].data


def of_one(one: Column, *batches: list[Any]) -> tuple[fits.Header, FITS_rec]:
    return table_of(written(FitsWriter(), [one], *(batch_of([one], [values]) for values in batches)))


def comments(header: fits.Header) -> str:
    return "".join(str(line).ljust(72) for line in header["COMMENT"]) if "COMMENT" in header else ""


@pytest.mark.filterwarnings("ignore:Column '.*' contains NULL")  # astropy on logical columns with nulls
def test_astropy_reads_every_type() -> None:
    columns, batch = sample(EVERYTHING)
    table = Table.read(io.BytesIO(written(FitsWriter(), columns, batch)), format="fits")
    assert table.colnames == [one.name for one in columns]
    assert table["byte"].tolist() == [0, 255, None]
    assert table["short"].tolist() == [-(2**15), 2**15 - 1, None]
    assert table["int"].tolist() == [-(2**31), 2**31 - 1, None]
    assert table["long"].tolist() == [-(2**63), 2**63 - 1, None]
    assert table["float"].tolist()[:2] == [float(np.float32(0.1)), -INF]
    assert np.signbit(table["double"][0])
    assert table["huge"].tolist() == [INF, 1.7976931348623157e308, 5e-324]
    assert table["text"].astype(str).tolist() == ['a <b> & "c"', None, None]
    assert table["unicode"].astype(str).tolist() == ["? ? ?", None, None]
    assert table["time"].astype(str).tolist() == ["2020-01-02T12:00:00", "1999-12-31T23:59:59.12", None]
    assert table["point"].tolist()[:2] == [[0.5, -90.0], [359.25, 0.0]]
    assert table["matrix"].tolist()[0] == [[1.0, 2.0], [3.0, 4.0]]
    assert [cell.tolist() for cell in table["floats"]] == [[float(np.float32(0.1))], [1.0, 2.0, 3.0], []]
    assert [cell.tolist() for cell in table["longs"]] == [[2**63 - 1, 0], [1], []]
    assert [cell.tolist() for cell in table["bytes"]] == [[0, 255], [], []]


def test_stilts_reads_every_type(stilts: str) -> None:
    columns, batch = sample(EVERYTHING)
    read = convert(stilts, written(FitsWriter(), columns, batch), "fits", "csv").decode()
    names, first, second, third = csv.reader(io.StringIO(read, newline=""))
    cells = dict(zip(names, zip(first, second, third, strict=True), strict=True))
    assert names == [one.name for one in columns]
    assert cells["boolean"] == ("true", "false", "")
    assert cells["byte"] == ("0", "255", "")
    assert cells["long"] == (str(-(2**63)), str(2**63 - 1), "")
    assert cells["double"] == ("-0.0", "", "")
    assert cells["huge"] == ("Infinity", "1.7976931348623157E308", "4.9E-324")
    assert cells["text"] == ('a <b> & "c"', "", "")
    assert cells["time_padded"] == ("2020-01-02T12:00:00.000", "1999-12-31T23:59:59.120", "")
    assert cells["point"][:2] == ("(0.5, -90.0)", "(359.25, 0.0)")
    assert cells["matrix"][2] == "((0.0, 0.0), (0.0, 1.0))"
    assert cells["floats"] == ("(0.1)", "(1.0, 2.0, 3.0)", "")
    assert cells["longs"] == (f"({2**63 - 1}, 0)", "(1)", "")


def test_the_header_says_what_the_columns_are(stilts: str) -> None:
    one = replace(
        column("p", P.DOUBLE, "2", "point"), unit="deg", ucd="pos;meta.main", utype="a:b.c", description="Å " * 60
    )
    document = written(FitsWriter(), [one], batch_of([one], [[[1.0, 2.0]]]))
    header, _ = table_of(document)
    names = ("TTYPE1", "TFORM1", "TUNIT1", "TUCD1", "TUTYP1", "TXTYP1", "TCOMM1")
    assert [header[name] for name in names] == [
        "p",
        "2D",
        "deg",
        "pos;meta.main",
        "a:b.c",
        "point",
        ("A " * 60).strip(),
    ]
    read = convert(stilts, document, "fits", "votable").decode()
    assert 'ucd="pos;meta.main"' in read
    assert 'unit="deg"' in read


@pytest.mark.parametrize(
    ("one", "values", "null", "tform"),
    [
        (column("c", P.UNSIGNED_BYTE), [1, None], 255, "1B"),
        (column("c", P.UNSIGNED_BYTE), [255, None], 254, "1B"),
        (column("c", P.UNSIGNED_BYTE), [*range(248, 256), *range(8), None], -(2**15), "1I"),
        (column("c", P.SHORT), [0, None], -(2**15), "1I"),
        (column("c", P.SHORT), [-(2**15), None], -(2**15) + 1, "1I"),
        (column("c", P.SHORT), [*range(-(2**15), -(2**15) + 8), None], 2**15 - 1, "1I"),
        (column("c", P.SHORT), [*range(-(2**15), -(2**15) + 8), *range(2**15 - 8, 2**15), None], -(2**31), "1J"),
        (column("c", P.INT), [-(2**31), 2**31 - 1, None], -(2**31) + 1, "1J"),
        (column("c", P.LONG), [0, None], -(2**63), "1K"),
        (column("c", P.LONG), [-(2**63), 2**63 - 1, None], -(2**63) + 1, "1K"),
    ],
)
def test_null_is_a_value_that_the_column_does_not_have(one: Column, values: list[Any], null: int, tform: str) -> None:
    document = written(FitsWriter(), [one], batch_of([one], [values]))
    header, _ = table_of(document)
    assert (header["TNULL1"], header["TFORM1"]) == (null, tform)
    assert Table.read(io.BytesIO(document), format="fits")["c"].tolist() == values
    assert "NULL" not in comments(header)


def test_a_column_without_nulls_has_no_tnull() -> None:
    header, data = of_one(column("c", P.LONG), [-(2**63), 1])
    assert "TNULL1" not in header
    assert data["c"].tolist() == [-(2**63), 1]


def test_a_long_that_leaves_no_value_for_null_says_so() -> None:
    ends = [*range(-(2**63), -(2**63) + 8), *range(2**63 - 8, 2**63)]
    header, _ = of_one(column("c", P.LONG), ends, [None])
    assert "Column 1 (c): NULL is written as -9223372036854775808, which is a value of the column" in comments(header)


@pytest.mark.parametrize(
    ("one", "batches", "said"),
    [
        (column("c", P.DOUBLE), [[None], [NAN]], "NULL and NaN are both written as NaN"),
        (column("c", P.FLOAT), [[None, INF]], None),
        (column("c", P.DOUBLE), [[NAN]], None),
        (column("c", P.CHAR, "*"), [["é"]], "characters beyond printable ASCII are written as question marks"),
        (column("c", P.CHAR, "*"), [["a\nb"]], "characters beyond printable ASCII"),
        (column("c", P.CHAR, "*"), [[""], [None]], "NULL is written as NUL and the empty text as a blank"),
        (column("c", P.CHAR, "*"), [["", "a"]], None),
        (column("c", P.CHAR, "*"), [[None, "a"]], None),
        (column("c", P.CHAR, "*", "timestamp"), [[None, NOON]], None),
        (column("c", P.DOUBLE, "2"), [[None, [1.0, 2.0]]], "NULL is written as an array whose elements are NaN"),
        (column("c", P.UNSIGNED_BYTE, "2"), [[None]], "NULL is written as an array whose elements are 0"),
        (column("c", P.INT, "*"), [[None], [[]]], "NULL and the empty array are both written as no elements"),
        (column("c", P.INT, "*"), [[[1, None]]], "NULL inside an array is written as -2147483648"),
        (column("c", P.INT, "*"), [[None, [1]]], None),
    ],
)
def test_the_file_says_what_it_could_not_carry(one: Column, batches: list[list[Any]], said: str | None) -> None:
    header, _ = of_one(one, *batches)
    if said is None:
        assert comments(header) == ""
    else:
        assert f"Column 1 (c): {said}" in comments(header)


def test_null_and_the_empty_text_differ_as_the_standard_has_it() -> None:
    one = column("c", P.CHAR, "*")
    document = written(FitsWriter(), [one], batch_of([one], [["ab", "", None]]))
    assert document[-2880:][:6] == b"ab \0\0\0"


def test_texts_that_are_long_now_and_then_go_into_the_heap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(form, "_MOST_PADDING_BYTES", 1000)
    one = column("c", P.CHAR, "*")
    values = [*["ab"] * 50, "x" * 500, "", None]
    header, data = of_one(one, values, values)
    assert header["TFORM1"] == "1PA(500)"
    assert header["PCOUNT"] == 2 * 600
    assert ["".join(cell) for cell in data["c"]] == 2 * [*["ab"] * 50, "x" * 500, "", ""]


def test_a_large_heap_has_wide_descriptors(monkeypatch: pytest.MonkeyPatch, stilts: str) -> None:
    monkeypatch.setattr(form, "_LARGEST_32_BIT", 10)
    one = column("c", P.DOUBLE, "*")
    document = written(FitsWriter(), [one], batch_of([one], [[[1.0, 2.0], [], [3.0]]]))
    header, data = table_of(document)
    assert header["TFORM1"] == "1QD(2)"
    assert [cell.tolist() for cell in data["c"]] == [[1.0, 2.0], [], [3.0]]
    assert convert(stilts, document, "fits", "csv").decode().splitlines()[1:] == ['"(1.0, 2.0)"', "", "(3.0)"]


def test_rows_of_many_batches_follow_each_other() -> None:
    columns = [column("n", P.INT), column("s", P.CHAR, "*"), column("a", P.INT, "*")]
    batches = [batch_of(columns, [[number], ["x" * number], [list(range(number))]]) for number in range(300)]
    _, data = table_of(written(FitsWriter(), columns, *batches))
    assert data["n"].tolist() == list(range(300))
    assert [len(cell) for cell in data["s"]] == list(range(300))
    assert [cell.tolist() for cell in data["a"]] == [list(range(number)) for number in range(300)]


@pytest.mark.parametrize("n_batches", [0, 1])
def test_no_rows_give_a_table_without_rows(n_batches: int) -> None:
    columns, batch = sample(EVERYTHING)
    header, data = table_of(written(FitsWriter(), columns, *[batch.slice(0, 0)] * n_batches))
    assert (header["NAXIS2"], len(data)) == (0, 0)
    assert header["TFIELDS"] == len(columns)


def test_names_are_made_unique_and_plain() -> None:
    columns = [column("ra", P.INT), column("RA", P.INT), column("é中", P.INT)]
    header, _ = table_of(written(FitsWriter(), columns))
    assert [header[f"TTYPE{number}"] for number in (1, 2, 3)] == ["ra", "RA_2", "e?"]


def test_notes_are_cards_of_their_own(stilts: str) -> None:
    document = b"".join(FitsWriter().write(endings.whole()))
    header, _ = table_of(document)
    assert header["publisher"] == "The Observatory"
    assert header["LINK"] == "https://example.org/doi (The paper)"
    assert header["QUERY"] == "SELECT n FROM t WHERE s = 'e'"
    assert header["citation"] == "2020A&A...1..1X (<the paper>)"
    assert [card.value for card in header.cards if card.keyword.lower() == "resource_version"] == ["1", "2"]
    assert convert(stilts, document, "fits", "csv").decode().split() == ["n", "1", "2"]


@pytest.mark.parametrize(
    ("result", "is_cut"), [(endings.whole, False), (endings.cut, True), (endings.cut_before, True)]
)
def test_the_header_tells_an_overflow(result: Any, is_cut: bool) -> None:
    header, _ = table_of(b"".join(FitsWriter().write(result())))
    assert header["OVERFLOW"] is is_cut
    assert header["QUERY_STATUS"] == ("OVERFLOW" if is_cut else "OK")
    if is_cut:
        assert header["TRUNCATED_BY"] == "maxrec"
        assert "OVERFLOW: " in comments(header)


def test_a_broken_file_has_no_table() -> None:
    document = b"".join(until_error(FitsWriter().write(endings.broken()), EngineError))
    with fits.open(io.BytesIO(document)) as file:
        assert len(file) == 1


def test_the_first_unit_goes_out_before_the_first_batch_is_asked_for() -> None:
    def refuse(_: int) -> pa.RecordBatch:
        raise AssertionError

    pieces = FitsWriter().write(QueryResult((endings.NUMBER,), map(refuse, [0]), maxrec=9))
    assert next(pieces).startswith(b"SIMPLE  =                    T")


def test_more_columns_than_fits_has_are_refused_before_the_first_byte() -> None:
    columns = tuple(column(f"c{number}", P.INT) for number in range(1000))
    with pytest.raises(UsageError, match="1000 columns; FITS has 999"):
        FitsWriter().write(QueryResult(columns, iter(()), maxrec=9))


def test_as_many_columns_as_fits_has_are_written() -> None:
    columns = tuple(replace(column(f"c{number}", P.INT), description="x", utype="u", ucd="u") for number in range(999))
    header, _ = table_of(written(FitsWriter(), columns))
    assert header["TUTYP999"] == "u"


def test_nothing_is_left_on_disk(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    pieces = FitsWriter().write(endings.whole())
    assert len([next(pieces), next(pieces)]) == 2
    assert list(tmp_path.iterdir()) == []
    pieces.close()  # type: ignore[attr-defined]


def test_the_error_document_is_plain_text() -> None:
    assert FitsWriter().write_error(MissingError("no table é")).decode() == "ERROR: no table é\n"


def test_astropy_warns_of_nothing_in_a_plain_table() -> None:
    columns = [column("n", P.INT), column("d", P.DOUBLE), column("s", P.CHAR, "*")]
    document = written(FitsWriter(), columns, batch_of(columns, [[1, None], [1.0, None], ["a", None]]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(Table.read(io.BytesIO(document), format="fits")) == 2
