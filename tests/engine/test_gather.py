"""Putting batches together, on sources whose pace is set by the test."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import pyarrow as pa
import pytest

from vo_server.engine.gather import Gathered

ROW_BYTES = 8


class SourceError(Exception):
    """What a source raises."""


@dataclass
class Source:
    """Gives batches of one row with their numbers, each after some time; may fail at one of them."""

    n_batches: int
    pause_s: float = 0.0
    fails_at: int | None = None
    n_read: int = 0
    ahead_bytes: int = 0
    progress: float | None = None
    closed: list[bool] = field(default_factory=list)

    def watch(self) -> None:
        self.progress = 0.5

    def open(self) -> None:
        pass

    def read(self) -> pa.RecordBatch | None:
        assert self.n_read <= self.n_batches, "nobody reads on after the end"
        if self.n_read == self.fails_at:
            raise SourceError(f"at {self.n_read}")
        self.n_read += 1
        if self.n_read > self.n_batches:
            return None
        time.sleep(self.pause_s)
        return pa.record_batch({"x": pa.array([self.n_read - 1], pa.int64())})

    def interrupt(self) -> None:
        pass

    def close(self, *, is_exhausted: bool) -> None:
        self.closed.append(is_exhausted)


def numbers_of(gathered: Gathered) -> list[list[int]]:
    numbers = []
    while (batch := gathered.read()) is not None:
        numbers.append(batch.column(0).to_pylist())
    return numbers


@pytest.mark.parametrize("n_batches", [0, 1, 2, 11, 12])
def test_all_rows_come_in_order_in_batches_of_the_wanted_size(n_batches: int) -> None:
    gathered = Gathered(Source(n_batches), wanted_bytes=5 * ROW_BYTES)
    numbers = numbers_of(gathered)
    assert [one for batch in numbers for one in batch] == list(range(n_batches))
    assert [len(batch) for batch in numbers] == {0: [], 1: [1], 2: [1, 1], 11: [1, 5, 5], 12: [1, 5, 5, 1]}[n_batches]
    assert gathered.read() is None


def test_rows_that_come_slowly_go_on_one_by_one() -> None:
    numbers = numbers_of(Gathered(Source(4, pause_s=0.15), wanted_bytes=10**6))
    assert [len(batch) for batch in numbers] == [1, 2, 1]


def test_the_first_rows_do_not_wait_for_others() -> None:
    source = Source(10)
    assert Gathered(source, wanted_bytes=10**6).read() is not None
    assert source.n_read == 1


def test_an_error_comes_after_the_rows_before_it_and_stays() -> None:
    gathered = Gathered(Source(10, fails_at=4), wanted_bytes=10**6)
    first, second = gathered.read(), gathered.read()
    assert first is not None
    assert second is not None
    assert first.column(0).to_pylist() + second.column(0).to_pylist() == [0, 1, 2, 3]
    for _ in range(2):
        with pytest.raises(SourceError, match="at 4"):
            gathered.read()


def test_the_progress_is_that_of_the_source() -> None:
    gathered = Gathered(Source(1), wanted_bytes=1)
    assert gathered.progress is None
    gathered.watch()
    assert gathered.progress == 0.5


def test_closing_closes_the_source() -> None:
    source = Source(1)
    Gathered(source, wanted_bytes=1).close(is_exhausted=True)
    assert source.closed == [True]
