from __future__ import annotations

import pyarrow as pa
import pytest

from tests.formats import endings
from tests.formats.samples import EVERYTHING, P, batch_of, column, sample, until_error, written
from tests.support.xsd import votlint
from vo_server.errors import EngineError, MissingError
from vo_server.formats.arrow import ArrowWriter
from vo_server.model.query import QueryResult


def test_the_stream_has_the_batches_as_they_are() -> None:
    columns, batch = sample(EVERYTHING)
    (found,) = pa.ipc.open_stream(written(ArrowWriter(), columns, batch))
    assert found.schema.types == batch.schema.types
    for found_cells, cells in zip(found.columns, batch.columns, strict=True):
        assert repr(found_cells.to_pylist()) == repr(cells.to_pylist())


def test_fields_say_what_a_votable_says() -> None:
    one = column("p", P.DOUBLE, "2", "point")
    schema = pa.ipc.open_stream(written(ArrowWriter(), [one])).schema
    assert schema.field("p").metadata == {b"datatype": b"double", b"arraysize": b"2", b"xtype": b"point"}


def test_the_schema_holds_a_valid_votable_without_rows(stilts: str) -> None:
    schema = pa.ipc.open_stream(b"".join(ArrowWriter().write(endings.whole()))).schema
    assert schema.metadata[b"IVOA.VOTable-Parquet.version"] == b"1.0"
    content = schema.metadata[b"IVOA.VOTable-Parquet.content"]
    assert b"<DATA" not in content
    assert b'name="publisher" value="The Observatory"' in content
    assert b'<LINK title="The paper" href="https://example.org/doi"' in content
    assert votlint(stilts, content) == []


def test_names_are_made_unique() -> None:
    columns = [column("a", P.INT), column("A", P.INT)]
    assert pa.ipc.open_stream(written(ArrowWriter(), columns)).schema.names == ["a", "A_2"]


def test_a_whole_result_says_so() -> None:
    reader = pa.ipc.open_stream(b"".join(ArrowWriter().write(endings.whole())))
    assert reader.schema.metadata[b"QUERY_STATUS"] == b"OK"
    assert reader.read_all()["n"].to_pylist() == [1, 2]


def test_an_overflow_is_told_with_a_last_batch_of_no_rows() -> None:
    document = b"".join(ArrowWriter().write(endings.cut()))
    assert pa.ipc.open_stream(document).read_all()["n"].to_pylist() == [1, 2]
    reader = pa.ipc.open_stream(document)
    assert reader.read_next_batch_with_custom_metadata().custom_metadata is None
    last = reader.read_next_batch_with_custom_metadata()
    assert last.batch.num_rows == 0
    assert last.custom_metadata[b"QUERY_STATUS"] == b"OVERFLOW"
    assert b"MAXREC=2" in last.custom_metadata[b"QUERY_MESSAGE"]
    assert last.custom_metadata[b"TRUNCATED_BY"] == b"maxrec"


def test_an_overflow_that_is_known_before_is_in_the_schema() -> None:
    reader = pa.ipc.open_stream(b"".join(ArrowWriter().write(endings.cut_before())))
    assert reader.schema.metadata[b"QUERY_STATUS"] == b"OVERFLOW"
    assert reader.read_all().num_rows == 0


def test_no_reader_takes_a_broken_stream_for_a_whole_one() -> None:
    document = b"".join(until_error(ArrowWriter().write(endings.broken()), EngineError))
    reader = pa.ipc.open_stream(document)
    assert reader.read_next_batch().num_rows == 2
    told = reader.read_next_batch_with_custom_metadata().custom_metadata
    assert told[b"QUERY_STATUS"] == b"ERROR"
    assert b"went away" in told[b"QUERY_MESSAGE"]
    with pytest.raises(pa.ArrowInvalid, match="metadata bytes"):
        reader.read_next_batch()
    with pytest.raises(pa.ArrowInvalid, match="metadata bytes"):
        pa.ipc.open_stream(document).read_all()


def test_the_schema_goes_out_before_the_first_batch_is_asked_for() -> None:
    def refuse(_: int) -> pa.RecordBatch:
        raise AssertionError

    pieces = ArrowWriter().write(QueryResult((endings.NUMBER,), map(refuse, [0]), maxrec=1))
    assert pa.ipc.open_stream(next(pieces)).schema.names == ["n"]


def test_the_error_document_is_plain_text() -> None:
    assert ArrowWriter().write_error(MissingError("no table é")).decode() == "ERROR: no table é\n"


def test_empty_batches_make_no_difference() -> None:
    one = [endings.NUMBER]
    assert written(ArrowWriter(), one) == written(ArrowWriter(), one, batch_of(one, [[]]))
