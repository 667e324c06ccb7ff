"""Cursors of DuckDB that are used again."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import duckdb
import pytest

from vo_server.engine.duckdb.cursors import Cursors

if TYPE_CHECKING:
    from collections.abc import Iterator

_BYTES = 1_000_000


@pytest.fixture
def cursors() -> Iterator[Cursors]:
    with closing(duckdb.connect()) as connection, closing(Cursors(connection)) as made:
        yield made


def _buffer_of(cursor: duckdb.DuckDBPyConnection) -> str:
    row = cursor.execute("SELECT current_setting('streaming_buffer_size')").fetchone()
    assert row is not None
    return str(row[0])


def test_a_cursor_whose_query_has_ended_is_used_again(cursors: Cursors) -> None:
    first = cursors.take(ahead_bytes=_BYTES)
    cursors.give_back(first, ahead_bytes=_BYTES, is_clean=True)
    assert cursors.take(ahead_bytes=_BYTES) is first


def test_a_cursor_in_the_middle_of_something_is_closed(cursors: Cursors) -> None:
    first = cursors.take(ahead_bytes=_BYTES)
    cursors.give_back(first, ahead_bytes=_BYTES, is_clean=False)
    with pytest.raises(duckdb.ConnectionException):
        first.execute("SELECT 1")
    assert cursors.take(ahead_bytes=_BYTES) is not first


def test_a_cursor_is_set_to_another_buffer_when_it_is_asked_for(cursors: Cursors) -> None:
    first = cursors.take(ahead_bytes=_BYTES)
    before = _buffer_of(first)
    cursors.give_back(first, ahead_bytes=_BYTES, is_clean=True)
    again = cursors.take(ahead_bytes=4 * _BYTES)
    assert again is first
    assert before == "976.5 KiB"
    assert _buffer_of(again) == "3.8 MiB"


def test_cursors_in_use_are_closed_when_they_come_back_to_a_closed_pool(cursors: Cursors) -> None:
    first = cursors.take(ahead_bytes=_BYTES)
    cursors.close()
    cursors.give_back(first, ahead_bytes=_BYTES, is_clean=True)
    with pytest.raises(duckdb.ConnectionException):
        first.execute("SELECT 1")
