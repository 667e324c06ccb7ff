"""Compressed files are inflated in pieces, however much comes out of them."""

from __future__ import annotations

import gzip
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from vo_server.errors import IngestError
from vo_server.formats.read.source import CHUNK_BYTES, Source, open_bytes

packed_by = pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
Pack = Callable[[bytes], bytes]


def _source(tmp_path: Path, data: bytes) -> Source:
    path = tmp_path / "packed"
    path.write_bytes(data)
    return Source.of(str(path))


@packed_by
def test_what_inflates_a_thousandfold_never_lies_in_memory_as_a_whole(tmp_path: Path, pack: Pack) -> None:
    n_bytes = 400 * CHUNK_BYTES
    source = _source(tmp_path, pack(bytes(n_bytes)))
    tracemalloc.start()
    try:
        with open_bytes(source) as stream:
            n_read = 0
            while chunk := stream.read(CHUNK_BYTES):
                n_read += len(chunk)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert n_read == n_bytes
    assert peak_bytes < 160 * CHUNK_BYTES


@packed_by
@pytest.mark.parametrize("n_bytes", [0, 1, 2048, CHUNK_BYTES - 1, CHUNK_BYTES, 3 * CHUNK_BYTES + 7])
def test_members_of_any_size_come_back_byte_for_byte(tmp_path: Path, pack: Pack, n_bytes: int) -> None:
    noise = os.urandom(n_bytes)
    data = pack(noise) + pack(b"") + pack(bytes(n_bytes)) + pack(noise[:10]) + bytes(512)
    with open_bytes(_source(tmp_path, data)) as stream:
        assert stream.read() == noise + bytes(n_bytes) + noise[:10]


@packed_by
@pytest.mark.parametrize("n_missing", [1, 4, 9])
def test_a_file_that_is_cut_off_is_told_after_its_last_byte(tmp_path: Path, pack: Pack, n_missing: int) -> None:
    whole = pack(bytes(2 * CHUNK_BYTES)) + pack(b"some words behind zeros")
    source = _source(tmp_path, whole[:-n_missing])
    with open_bytes(source) as stream, pytest.raises(IngestError, match="ends too early"):
        stream.read()
