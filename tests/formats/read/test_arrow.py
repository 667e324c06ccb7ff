from __future__ import annotations

import gzip
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from pyarrow import feather

from vo_server.errors import IngestError, TooLargeError
from vo_server.formats.read.arrow import ArrowReader
from vo_server.formats.read.open import open_reader
from vo_server.formats.read.source import Source

if TYPE_CHECKING:
    from pathlib import Path

    from vo_server.formats.read.base import TableReader

ROWS = pa.table(
    {
        "i": pa.array([3, None, 1], pa.int32()),
        "u": pa.array([255, 0, None], pa.uint8()),
        "t": pa.array(["z", "", None]).dictionary_encode(),
        "a": pa.array([[1.0, 2.0], None, []], pa.list_(pa.float64())),
    },
    schema=pa.schema(
        [
            pa.field("i", pa.int32(), metadata={"unit": "mag", "ucd": "phot.mag", "description": "Brightness"}),
            pa.field("u", pa.uint8()),
            pa.field("t", pa.dictionary(pa.int32(), pa.string())),
            pa.field("a", pa.list_(pa.float64())),
        ]
    ),
)


def read(reader: TableReader) -> pa.Table:
    return pa.Table.from_batches(list(reader.batches()))


def written(path: Path, rows: pa.Table = ROWS, *, is_stream: bool = True, **options: Any) -> Path:
    make = pa.ipc.new_stream if is_stream else pa.ipc.new_file
    with path.open("wb") as file, make(file, rows.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(rows, max_chunksize=2)
    return path


@pytest.mark.parametrize("is_stream", [True, False])
@pytest.mark.parametrize("compression", [None, "zstd", "lz4"])
def test_streams_and_files_are_read(tmp_path: Path, is_stream: bool, compression: str | None) -> None:
    path = written(tmp_path / "x", is_stream=is_stream, compression=compression)
    reader = open_reader(str(path))
    assert isinstance(reader, ArrowReader)
    assert read(reader).to_pydict() == ROWS.to_pydict()
    assert read(reader).to_pydict() == ROWS.to_pydict()
    (column, *_) = reader.facts.columns
    assert (column.unit, column.ucd, column.description) == ("mag", "phot.mag", "Brightness")
    assert reader.facts.n_rows == 3
    assert reader.fraction() == 1


def test_what_feather_writes_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.arrow"
    feather.write_feather(ROWS, str(path))
    assert read(open_reader(str(path))).to_pydict() == ROWS.to_pydict()


def test_a_packed_stream_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.arrows.gz"
    path.write_bytes(gzip.compress(written(tmp_path / "x").read_bytes()))
    assert read(open_reader(str(path))).to_pydict() == ROWS.to_pydict()


@pytest.mark.parametrize("is_stream", [True, False])
def test_a_file_that_is_cut_off_anywhere_is_an_error(tmp_path: Path, is_stream: bool) -> None:
    whole = written(tmp_path / "x", is_stream=is_stream)
    content = whole.read_bytes()
    end = content.index(b"\xff\xff\xff\xff\x00\x00\x00\x00")
    path = tmp_path / "cut"
    for n_bytes in range(20, end + 8, 13):
        path.write_bytes(content[:n_bytes])
        with pytest.raises(IngestError):
            read(open_reader(str(path)))


def test_a_damaged_file_is_an_error(tmp_path: Path) -> None:
    path = written(tmp_path / "x")
    content = bytearray(path.read_bytes())
    content[8:200] = b"\x7f" * 192
    path.write_bytes(content)
    with pytest.raises(IngestError, match="damaged"):
        open_reader(str(path))


def test_buffers_that_swell_are_refused_before_they_are_unpacked(tmp_path: Path) -> None:
    rows = pa.table({"a": pa.repeat(pa.scalar(0.0), 10**7)})
    path = tmp_path / "x"
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with path.open("wb") as file, pa.ipc.new_stream(file, rows.schema, options=options) as writer:
        writer.write_table(rows)
    assert path.stat().st_size < 100_000
    before = pa.total_allocated_bytes()
    with pytest.raises(TooLargeError, match="limit of 1000000 bytes when it is unpacked"):
        ArrowReader(replace(Source.of(str(path)), max_bytes=10**6))
    assert pa.total_allocated_bytes() - before < 10**6


def test_a_type_that_has_no_home_is_an_error(tmp_path: Path) -> None:
    path = written(tmp_path / "x", pa.table({"s": pa.array([{"a": 1}])}))
    with pytest.raises(IngestError, match="column s"):
        open_reader(str(path))
