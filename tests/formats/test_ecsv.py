from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from astropy.table import Table

from tests.formats import endings
from tests.formats.samples import EVERYTHING, P, batch_of, column, sample, until_error, written
from vo_server.errors import EngineError, MissingError
from vo_server.formats.ecsv import EcsvWriter
from vo_server.model.table import Column

NUMBER = column("n", P.INT)
ODD = "Where: 'it' \"is\", in Å 😀 # 1\n\t\x7f\x85\u2028 \\n {a: [b]}"


def read(document: bytes) -> Table:
    return Table.read(document.decode(), format="ascii.ecsv")


def plain(value: Any) -> Any:
    """Return a cell of astropy in plain Python."""
    return value.tolist() if isinstance(value, np.ndarray) else value


@pytest.mark.parametrize("pair", EVERYTHING, ids=[one.name for one, _ in EVERYTHING])
def test_astropy_reads_every_type(pair: tuple[Column, list[Any]]) -> None:
    columns, batch = sample([pair, (NUMBER, [1, 2, 3])])
    one, values = pair
    table = read(written(EcsvWriter(), columns, batch))
    found = [plain(value) for value in table[one.name].tolist()]
    assert repr(found) == repr([_expected(value, one) for value in values])


def _expected(value: Any, one: Column) -> Any:
    datatype = one.datatype
    if datatype.is_timestamp and value is not None:
        text = value.isoformat()
        text = text.rstrip("0") if "." in text else text
        return text if datatype.n_elements is None else (text if "." in text else f"{text}.").ljust(23, "0")
    if value is None and datatype.is_array and datatype.n_elements is not None:
        return [[None] * 2] * 2 if datatype.arraysize == "2x2" else [None] * datatype.n_elements
    if value is not None and datatype.arraysize == "2x2":
        return [value[:2], value[2:]]
    return None if value == "" else value  # astropy takes the empty text for a null


def test_the_header_says_what_the_columns_are() -> None:
    one = replace(column("p", P.DOUBLE, "2", "point"), unit="deg", ucd="pos;meta.main", description=ODD)
    table = read(written(EcsvWriter(), [one, NUMBER], batch_of([one, NUMBER], [[[1.0, 2.0]], [1]])))
    assert str(table["p"].unit) == "deg"
    assert table["p"].description == ODD
    assert dict(table["p"].meta) == {"ucd": "pos;meta.main", "xtype": "point"}


def test_notes_and_status_are_meta() -> None:
    table = read(b"".join(EcsvWriter().write(endings.whole())))
    assert table.meta["QUERY_STATUS"] == "OK"
    assert table.meta["QUERY"] == "SELECT n\nFROM t WHERE s = 'é'"
    assert table.meta["resource_version"] == ["1", "2"]
    assert table.meta["LINK"] == "https://example.org/doi (The paper)"
    assert table["n"].tolist() == [1, 2]


def test_an_overflow_is_a_comment_behind_the_rows() -> None:
    document = b"".join(EcsvWriter().write(endings.cut()))
    assert b"\n2\n# QUERY_STATUS: OVERFLOW\n# QUERY_MESSAGE: cut by the MAXREC=2" in document
    assert read(document)["n"].tolist() == [1, 2]
    assert read(b"".join(EcsvWriter().write(endings.cut_before()))).meta["QUERY_STATUS"] == "OVERFLOW"


def test_an_error_in_the_middle_is_a_comment_and_raised() -> None:
    document = b"".join(until_error(EcsvWriter().write(endings.broken()), EngineError))
    assert document.endswith(b"\n2\n# QUERY_STATUS: ERROR\n# QUERY_MESSAGE: the database went away\n")


@pytest.mark.parametrize(
    "text", ["#x", "# x", 'q"q', "a,b", "nan", "--", "a b", "é 中 😀", "0x10", "true", "a\\nb", "!", "'"]
)
def test_texts_stay_what_they_are(text: str) -> None:
    one = column("#s", P.CHAR, "*")
    columns = [one, NUMBER]
    assert read(written(EcsvWriter(), columns, batch_of(columns, [[text, "x"], [1, 2]])))["#s"].tolist() == [text, "x"]


@pytest.mark.parametrize("text", ["a\nb", "a\n# b", "a\x0bb", "a\rb", "a\r\nb", "a\u2028b", "a\x85b"])
def test_line_ends_become_spaces_and_the_file_says_so(text: str) -> None:
    one = column("s", P.CHAR, "*")
    columns = [one, NUMBER]
    document = written(EcsvWriter(), columns, batch_of(columns, [[text], [1]]))
    assert read(document)["s"].tolist() == [" ".join(text.splitlines())]
    assert document.endswith(b"# FORMAT_LOSS: column s: line ends are written as spaces\n")


def test_a_lonely_null_is_no_empty_line() -> None:
    assert read(written(EcsvWriter(), [NUMBER], batch_of([NUMBER], [[1, None, 3]])))["n"].tolist() == [1, None, 3]


def test_the_error_document_is_plain_text() -> None:
    assert EcsvWriter().write_error(MissingError("no table é")).decode() == "ERROR: no table é\n"


def test_the_pyarrow_engine_of_astropy_reads_what_has_no_comments_at_the_end(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.ecsv", tmp_path / "cut.ecsv"
    whole.write_bytes(b"".join(EcsvWriter().write(endings.whole())))
    cut.write_bytes(b"".join(EcsvWriter().write(endings.cut())))
    assert Table.read(whole, format="ecsv", engine="pyarrow")["n"].tolist() == [1, 2]
    with pytest.raises(pa.ArrowInvalid):
        Table.read(cut, format="ecsv", engine="pyarrow")
