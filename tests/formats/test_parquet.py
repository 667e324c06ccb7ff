from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io.votable import parse
from astropy.table import Table, TableMergeError

from tests.formats import endings
from tests.formats.samples import EVERYTHING, INF, NAN, P, batch_of, column, sample, until_error, written
from tests.support.xsd import votlint
from vo_server.errors import EngineError, MissingError
from vo_server.formats import slices
from vo_server.formats.parquet import ParquetWriter
from vo_server.model.query import QueryResult
from vo_server.model.table import Column

# Nothing that astropy cannot read: see docs/formats.md.
GOOD: list[tuple[Any, list[Any]]] = [
    (column("boolean", P.BOOLEAN), [True, False]),
    (column("byte", P.UNSIGNED_BYTE), [0, 255]),
    (column("short", P.SHORT), [-(2**15), 2**15 - 1]),
    (column("int", P.INT), [-(2**31), 2**31 - 1]),
    (column("long", P.LONG), [-(2**63), 2**63 - 1]),
    (column("float", P.FLOAT), [-INF, NAN]),
    (column("double", P.DOUBLE), [-0.0, 5e-324]),
    (column("null", P.DOUBLE), [None, INF]),
    (column("text", P.CHAR, "*"), ["", "é 中 😀"]),
    (column("unicode", P.UNICODE_CHAR, "*"), ["é 中 😀", " a "]),
    (
        column("time", P.CHAR, "*", "timestamp"),
        [np.datetime64("2020-01-02T12", "us"), np.datetime64("1999-12-31", "us")],
    ),
    (column("point", P.DOUBLE, "2", "point"), [[0.5, -90.0], [NAN, INF]]),
    (column("polygon", P.DOUBLE, "*", "polygon"), [[1.0, 2.0, 3.0], []]),
    (column("moc", P.CHAR, "*", "moc"), ["4/1-3 5/", "x" * 300]),
]


def metadata_of(document: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = pq.ParquetFile(io.BytesIO(document)).metadata.metadata
    return found


def test_every_value_comes_back() -> None:
    columns, batch = sample(EVERYTHING)
    table = pq.read_table(io.BytesIO(written(ParquetWriter(), columns, batch)))
    for one, cells in zip(columns, batch.columns, strict=True):
        found = table[one.name].to_pylist()
        if one.datatype.is_timestamp:
            assert found[1:] == ["1999-12-31T23:59:59.12" + ("0" if one.name == "time_padded" else ""), None]
        else:
            assert repr(found) == repr(cells.to_pylist())


def test_astropy_reads_values_and_metadata_of_a_voparquet(tmp_path: Path) -> None:
    columns, batch = sample(GOOD)
    columns = tuple(
        replace(one, unit="deg", ucd="pos;meta.main", description=f"The {one.name}, in Å") for one in columns
    )
    path = tmp_path / "result.parquet"
    path.write_bytes(written(ParquetWriter(), columns, batch))
    table = Table.read(path, format="parquet.votable")
    assert table.colnames == [one.name for one in columns]
    for one, values in GOOD:
        found = table[one.name]
        assert (str(found.unit), found.meta["ucd"], found.description) == (
            "deg",
            "pos;meta.main",
            f"The {one.name}, in Å",
        )
        if one.datatype.is_timestamp:
            assert found.tolist() == ["2020-01-02T12:00:00", "1999-12-31T00:00:00"]
        elif one.name == "polygon":
            assert [cell.tolist() for cell in found] == values
        else:
            np.testing.assert_array_equal(np.array(found), np.array(values, found.dtype))
    assert table["long"].dtype == np.int64
    assert np.signbit(table["double"][0])


def test_the_votable_inside_is_valid_and_has_no_rows(stilts: str) -> None:
    content = metadata_of(b"".join(ParquetWriter().write(endings.cut())))[b"IVOA.VOTable-Parquet.content"]
    assert b'<LINK title="The paper" href="https://example.org/doi"' in content
    assert votlint(stilts, content) == []
    assert len(parse(io.BytesIO(content)).get_first_table().array) == 0
    assert b'name="QUERY_STATUS" value="OVERFLOW"' in content
    assert b'name="TRUNCATED_BY" value="maxrec"' in content
    assert b'name="publisher" value="The Observatory"' in content


def test_texts_without_a_bound_get_the_one_that_they_have() -> None:
    columns = [column("s", P.CHAR, "*"), column("e", P.CHAR, "*"), column("b", P.CHAR, "9*")]
    content = metadata_of(written(ParquetWriter(), columns, batch_of(columns, [["é", "abc"], [None, ""], ["a", "b"]])))
    fields = parse(io.BytesIO(content[b"IVOA.VOTable-Parquet.content"])).get_first_table().fields
    assert [one.arraysize for one in fields] == ["3*", "1*", "9*"]
    assert content[b"table::len::s"] == b"3"


def test_fields_say_what_a_votable_says_to_programs_without_one() -> None:
    one = replace(column("p", P.DOUBLE, "2", "point"), unit="deg", description="Å")
    schema = pq.read_schema(io.BytesIO(written(ParquetWriter(), [one])))
    metadata = schema.field("p").metadata
    assert (metadata[b"unit"], metadata[b"xtype"], metadata[b"description"].decode()) == (b"deg", b"point", "Å")
    assert schema.field("p").type == pa.list_(pa.float64(), 2)


@pytest.mark.parametrize(
    ("result", "status"), [(endings.whole, b"OK"), (endings.cut, b"OVERFLOW"), (endings.cut_before, b"OVERFLOW")]
)
def test_the_footer_tells_how_the_result_ended(result: Any, status: bytes) -> None:
    document = b"".join(ParquetWriter().write(result()))
    assert metadata_of(document)[b"QUERY_STATUS"] == status
    assert pq.read_table(io.BytesIO(document)).schema.metadata[b"QUERY_STATUS"] == status


def test_a_broken_file_cannot_be_read() -> None:
    document = b"".join(until_error(ParquetWriter().write(endings.broken()), EngineError))
    with pytest.raises(pa.ArrowInvalid):
        pq.read_table(io.BytesIO(document))


def test_pandas_reads_exact_integers_with_nulls() -> None:
    columns = [column("l", P.LONG), column("a", P.DOUBLE, "*")]
    document = written(ParquetWriter(), columns, batch_of(columns, [[2**63 - 1, None], [[1.5], None]]))
    frame = pd.read_parquet(io.BytesIO(document), dtype_backend="pyarrow")
    assert frame["l"].tolist() == [2**63 - 1, pd.NA]
    assert list(frame["a"][0]) == [1.5]


def test_the_first_bytes_go_out_with_the_first_batch() -> None:
    def batches() -> Any:
        yield endings.numbers(1)
        raise AssertionError

    pieces = ParquetWriter().write(QueryResult((endings.NUMBER,), batches(), maxrec=9))
    assert next(pieces) == b"PAR1"


def test_small_batches_become_large_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "GROUP_BYTES", 40_000)
    small = [endings.numbers(*range(1000))] * 100
    document = b"".join(ParquetWriter().write(QueryResult((endings.NUMBER,), iter(small), maxrec=10**6)))
    file = pq.ParquetFile(io.BytesIO(document))
    assert [file.metadata.row_group(index).num_rows for index in range(file.num_row_groups)] == [10_000] * 10


def test_texts_that_repeat_are_kept_once() -> None:
    columns = [column("a", P.CHAR, "*"), column("b", P.CHAR, "*")]
    rows = batch_of(columns, [["STAR"] * 9000, [f"object {number}" for number in range(9000)]])
    group = pq.ParquetFile(io.BytesIO(written(ParquetWriter(), columns, rows))).metadata.row_group(0)
    assert [group.column(index).has_dictionary_page for index in range(2)] == [True, False]


def test_a_cell_that_the_type_cannot_hold_is_an_error() -> None:
    one = column("c", P.DOUBLE, "2")
    with pytest.raises(EngineError, match="an array of 3 elements"):
        written(ParquetWriter(), [one], batch_of([one], [[[1.0, 2.0, 3.0]]]))


def test_the_error_document_is_plain_text() -> None:
    assert ParquetWriter().write_error(MissingError("no table é")).decode() == "ERROR: no table é\n"


# What the page on formats says of readers; when one of these fails, astropy has become better.
@pytest.mark.parametrize(
    ("one", "values", "found"),
    [
        (column("c", P.CHAR, "*"), ["a", None], ["a", "N"]),
        (column("c", P.LONG), [2**53 + 1, None], [2.0**53, NAN]),
    ],
)
def test_what_astropy_makes_of_null(one: Column, values: list[Any], found: list[Any], tmp_path: Path) -> None:
    path = tmp_path / "result.parquet"
    path.write_bytes(written(ParquetWriter(), [one], batch_of([one], [values])))
    assert repr(Table.read(path, format="parquet.votable")["c"].tolist()) == repr(found)


@pytest.mark.parametrize(
    ("one", "values"),
    [
        (column("c", P.BOOLEAN), [True, None]),
        (column("c", P.DOUBLE, "2"), [[1.0, 2.0], None]),
        (column("c", P.DOUBLE, "2x2"), [[1.0, 2.0, 3.0, 4.0]]),
    ],
)
def test_what_astropy_refuses(one: Column, values: list[Any], tmp_path: Path) -> None:
    path = tmp_path / "result.parquet"
    path.write_bytes(written(ParquetWriter(), [one], batch_of([one], [values])))
    with pytest.raises((TableMergeError, ValueError)):
        Table.read(path, format="parquet.votable")
