"""CSV files of every sort, with types that only the last row gives away."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
import zstandard

from vo_server.errors import IngestError
from vo_server.formats.read.base import TableReader
from vo_server.formats.read.cast import cast
from vo_server.formats.read.open import open_reader


def written(tmp_path: Path, text: str | bytes, name: str = "t.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def opened(tmp_path: Path, text: str | bytes) -> TableReader:
    return open_reader(str(written(tmp_path, text)))


def rows_of(reader: TableReader) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {column.name: [] for column in reader.facts.columns}
    for batch in reader.batches():
        for column, values in zip(reader.facts.columns, batch.columns, strict=True):
            result, bad = cast(values, column.datatype, reader.null_texts, keeps_empty=reader.keeps_empty)
            assert bad is None, column.name
            columns[column.name] += result.to_pylist()
    return columns


def types_of(reader: TableReader) -> list[str]:
    return [f"{one.datatype.primitive}{one.datatype.xtype or ''}" for one in reader.facts.columns]


LONG_HEAD = "x\n" + "1\n" * 3_000_000
"""More than a block: the last row is not in the first batch."""


@pytest.mark.parametrize(
    ("last", "kind"), [("2", "int"), ("9999999999", "long"), ("1.5", "double"), ("late", "char"), ("Å", "unicodeChar")]
)
def test_the_last_row_decides_the_type_as_well_as_the_first(tmp_path: Path, last: str, kind: str) -> None:
    reader = opened(tmp_path, LONG_HEAD + last + "\n")
    assert types_of(reader) == [kind]
    *_, batch = reader.batches()
    assert batch.column(0)[-1].as_py() == last


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["9007199254740993", "-9223372036854775808"], "long"),
        (["9223372036854775808", "1"], "char"),
        (["1.24E+18", "3.72E+18"], "double"),
        (["007", "012"], "char"),
        (["0", "10"], "int"),
        (["00.5", "1"], "double"),
        (["1", "nan", "NaN", "", "NULL"], "int"),
        (["1.5", '"nan"', "inf"], "double"),
        (["True", "false", ""], "boolean"),
        (["T", "F"], "char"),
        (["2020-01-01", "2020-01-02T03:04:05Z"], "chartimestamp"),
        (["2020-01-01", "soon"], "char"),
        (["12:34:56.7", "01:02:03"], "charhms"),
        (["+12:34:56.7", "-01:02:03"], "chardms"),
        (["+1", "-2", " 3 "], "int"),
    ],
    ids=lambda value: value if isinstance(value, str) else "|".join(value),
)
def test_types_are_inferred_where_it_is_safe(tmp_path: Path, values: list[str], kind: str) -> None:
    assert types_of(opened(tmp_path, "a,b\n" + "".join(f"{one},1\n" for one in values))) == [kind, "int"]


def test_int64_never_travels_through_a_float(tmp_path: Path) -> None:
    ids = [2**63 - 1, -(2**63), 2**53 + 1, 0]
    rows = rows_of(opened(tmp_path, "id,x\n" + "".join(f"{one},\n" for one in ids)))
    assert rows == {"id": ids, "x": [None] * 4}


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found(tmp_path: Path, separator: str) -> None:
    lines = [["name", "n", "note"], ["a", "1", '"one, two; three|four\tfive"'], ["b", "2", '"she said ""no"""']]
    rows = rows_of(opened(tmp_path, "\n".join(separator.join(line) for line in lines)))
    assert rows == {"name": ["a", "b"], "n": [1, 2], "note": ["one, two; three|four\tfive", 'she said "no"']}


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_compressed_files_are_read_and_missed_when_cut(tmp_path: Path, pack: Any) -> None:
    text = "a,b\n" + "".join(f"{n},text {n * n}\n" for n in range(20_000))
    whole = pack(text.encode())
    rows = rows_of(opened(tmp_path, whole))
    assert rows["a"] == list(range(20_000))
    for share in (0.01, 0.5, 0.99):
        with pytest.raises(IngestError, match=r"t\.csv: the compressed file ends too early"):
            rows_of(opened(tmp_path, whole[: int(len(whole) * share)]))
    with pytest.raises(IngestError, match="ends too early"):
        rows_of(opened(tmp_path, whole[:-1]))


def test_several_gzip_members_are_one_file(tmp_path: Path) -> None:
    rows = rows_of(opened(tmp_path, gzip.compress(b"a,b\n1,2\n") + gzip.compress(b"3,4\n") + b"\0" * 512))
    assert rows == {"a": [1, 3], "b": [2, 4]}


def test_rows_with_another_number_of_fields_are_told_with_their_number(tmp_path: Path) -> None:
    reader = opened(tmp_path, "a,b\n1,2\n3\n4,5\n6,7,8\n9,10\n")
    assert rows_of(reader) == {"a": [1, 4, 9], "b": [2, 5, 10]}
    assert reader.malformed.first == [(2, "1 fields instead of 2"), (4, "3 fields instead of 2")]
    assert [reader.row_number(index) for index in range(3)] == [1, 3, 5]


def test_comment_lines_and_a_byte_order_mark_are_skipped(tmp_path: Path) -> None:
    reader = opened(tmp_path, "\ufeff# made by me\n# today\nra,dec\n1.5,2.5\n")
    assert rows_of(reader) == {"ra": [1.5], "dec": [2.5]}


def test_a_header_behind_a_hash_is_a_header(tmp_path: Path) -> None:
    assert rows_of(opened(tmp_path, "#RA,DEC\n1.5,2.5\n")) == {"RA": [1.5], "DEC": [2.5]}


def test_text_that_is_not_utf8_is_latin1(tmp_path: Path) -> None:
    reader = opened(tmp_path, "a,b\n1,na\xefve\n".encode("latin-1"))
    assert rows_of(reader) == {"a": [1], "b": ["naïve"]}
    assert any("Latin-1" in warning for warning in reader.facts.warnings)


def test_quoted_line_breaks_stay_in_their_cell(tmp_path: Path) -> None:
    rows = rows_of(opened(tmp_path, 'a,b\n1,"two\nlines"\n2,"x"\n'))
    assert rows == {"a": [1, 2], "b": ["two\nlines", "x"]}


def test_columns_without_names_or_values_are_told(tmp_path: Path) -> None:
    reader = opened(tmp_path, ",b,c\n0,nan,\n1,nan,\n")
    assert [column.name for column in reader.facts.columns] == ["col1", "b", "c"]
    assert reader.facts.valueless == {"b", "c"}
    assert "columns without a name were named col1" in reader.facts.warnings


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the file is empty"),
        ("1,2\n3,4\n", "the first line has no column names"),
        ("1,10.5,-20.5,M31\n2,11.5,3.5,M32\n", "no header line: .* '1,10.5,-20.5,M31' "),
        ("00:08:27.05;+27:43:03.6\n00:08:28.05;+27:43:03.6\n", "no header line"),
        ("10.5 -20.5 17.1\n11.5 -20.5 17.2\n", "one column only; is this file separated by commas?"),
        ("M31   0.71  41.3\nM32   0.71  40.9\n", "one column only"),
        ("id ra dec\n1 10.5 20.5\n2 11.5 20.5\n", "one column only"),
        ("ra dec\n10.5 20.5\n11.5 20.5\n", "one column only"),
        ("README\n======\nThis is a catalogue of stars.\nIt was made by me and my friends.\n", "one column only"),
        ("This is a readme.\nIt has lines.\n", "one column only"),
        ("# only\n# comments\n", "no header line"),
        ("a,b\n1,2\n" + '1,"never closed\n' + "2,3\n" * 10, "row 2: the file ends inside a quoted value"),
        ("a,b\n" + '1,"never closed\n' + "2,3\n" * 8_000_000, "a row is longer than 4194304 bytes"),
        (b"a,b\n\x00\x01\x02", "not a text file"),
    ],
    ids=["empty", "no header", "mostly values", "angles", "blanks", "aligned", "names and blanks",
         "two names and blanks", "readme", "prose", "comments", "open quote", "long open quote", "binary"],
)  # fmt: skip
def test_what_is_no_csv_is_refused(tmp_path: Path, text: str | bytes, reason: str) -> None:
    with pytest.raises(IngestError, match=reason):
        rows_of(opened(tmp_path, text))


@pytest.mark.parametrize("text", ["a,b\n", "a,b", "\n\na,b\n\n\n"])
@pytest.mark.parametrize("are_types_needed", [True, False])
def test_a_header_without_rows_is_refused(tmp_path: Path, text: str, are_types_needed: bool) -> None:
    path = str(written(tmp_path, text))
    with pytest.raises(IngestError, match="a header line but no rows"):
        rows_of(open_reader(path, are_types_needed=are_types_needed))


def test_prose_with_a_comma_in_its_first_line_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match="row 1: none of its 2 rows fits the header line: 1 fields instead of 2"):
        opened(tmp_path, "Thank you, dear reader\nThis is prose\nand no table\n")


@pytest.mark.parametrize(
    "text",
    ["name\nAlpha Cen\nBeta Cen\n", "Star name\nHD 1\nHD 2\n", "id\n1\n2\n", "2mass,x\na,1\n", "étoile\n1\n",
     "ra,3.6,4.5,dec\n1,2,3,4\n"],
)  # fmt: skip
def test_a_header_of_names_stays_a_header(tmp_path: Path, text: str) -> None:
    names = [column.name for column in opened(tmp_path, text).facts.columns]
    assert names == text.splitlines()[0].split(",")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["10", "abc", "30"], "2 of 3 values are numbers, row 2 has 'abc'"),
        (["1.5", "", "3", "30", "soon"], "3 of 4 values are numbers, row 5 has 'soon'"),
        (["1"] * 995 + ["?"] * 5 + ["2.5"], "996 of 1001 values are numbers, row 996 has '?'"),
        (["a", "1"], None),
        (["1"] * 94 + ["b"] * 6, None),
        (["007", "012"], None),
        (["12:00:01", "10"], None),
        (["1", "2", "nan"], None),
    ],
    ids=["one of three", "with NULLs", "many", "half", "six of a hundred", "names", "angle", "numbers"],
)
def test_a_few_odd_values_among_numbers_are_told(tmp_path: Path, values: list[str], said: str | None) -> None:
    facts = opened(tmp_path, "a,b\n" + "".join(f"{one},x\n" for one in values)).facts
    assert facts.nearly_numbers == ({} if said is None else {"a": said})


def test_an_odd_value_far_down_is_told_with_its_row(tmp_path: Path) -> None:
    text = "x,y\n1\n" + "1,2\n" * 150_000 + "odd,2\n1,2\n"
    said = "150001 of 150002 values are numbers, row 150002 has 'odd'"
    assert opened(tmp_path, text).facts.nearly_numbers == {"x": said}
