"""Reading ahead, on sources whose behaviour is set by the test."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import pyarrow as pa
import pytest

from vo_server.engine.ahead import ReadAhead


class SourceError(Exception):
    """What a source raises."""


@dataclass
class Source:
    """Gives batches of one row with their numbers; may fail or block at one of them."""

    n_batches: int
    fails_at: int | None = None
    blocks_at: int | None = None
    lost_interrupts: int = 0
    n_read: int = 0
    n_interrupts: int = 0
    readers: set[int] = field(default_factory=set)
    closed: list[bool] = field(default_factory=list)
    ahead_bytes: int = 0
    progress: float | None = None
    is_blocked: threading.Event = field(default_factory=threading.Event)
    _stop: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        self.progress = 0.5

    def open(self) -> None:
        pass

    def read(self) -> pa.RecordBatch | None:
        self.readers.add(threading.get_ident())
        if self.n_read == self.blocks_at:
            self.is_blocked.set()
            self._stop.wait(10)
        if self.n_read in {self.fails_at, self.blocks_at}:
            raise SourceError(f"at {self.n_read}")
        if self.n_read == self.n_batches:
            return None
        self.n_read += 1
        return pa.record_batch({"x": pa.array([self.n_read - 1], pa.int64())})

    def interrupt(self) -> None:
        self.n_interrupts += 1
        if self.n_interrupts > self.lost_interrupts:
            self._stop.set()

    def close(self, *, is_exhausted: bool) -> None:
        self.closed.append(is_exhausted)


def numbers_of(ahead: ReadAhead) -> list[int]:
    numbers = []
    while (batch := ahead.read()) is not None:
        numbers.extend(batch.column(0).to_pylist())
    return numbers


def await_read(source: Source, n_batches: int) -> None:
    deadline = time.monotonic() + 90
    while source.n_read < n_batches:
        assert time.monotonic() < deadline
        time.sleep(0.001)


@pytest.mark.parametrize("n_batches", [0, 1, 2, 3, 4, 50])
def test_all_batches_come_in_order(n_batches: int) -> None:
    source = Source(n_batches)
    ahead = ReadAhead(source, name="test")
    ahead.open()
    assert numbers_of(ahead) == list(range(n_batches))
    ahead.close(is_exhausted=True)
    assert source.closed == [True]


def test_an_answer_of_one_batch_needs_no_thread() -> None:
    source = Source(1)
    assert numbers_of(ReadAhead(source, name="test")) == [0]
    assert source.readers == {threading.get_ident()}


def test_a_slow_reader_has_two_batches_waiting_at_most() -> None:
    source = Source(50)
    ahead = ReadAhead(source, name="test")
    for _ in range(3):
        ahead.read()
    await_read(source, 4)
    time.sleep(0.05)
    assert source.n_read == 4
    assert ahead.ahead_bytes == 8
    ahead.close(is_exhausted=False)


def test_the_progress_is_that_of_the_source() -> None:
    ahead = ReadAhead(Source(2), name="test")
    assert ahead.progress is None
    ahead.watch()
    assert ahead.progress == 0.5


def test_an_error_comes_after_the_batches_before_it() -> None:
    ahead = ReadAhead(Source(50, fails_at=5), name="test")
    assert [ahead.read() is not None for _ in range(5)] == [True] * 5
    with pytest.raises(SourceError, match="at 5"):
        ahead.read()
    ahead.close(is_exhausted=False)


def test_an_interrupt_wakes_a_reader_that_waits() -> None:
    source = Source(50, blocks_at=4)
    ahead = ReadAhead(source, name="test")
    for _ in range(4):
        ahead.read()
    threading.Timer(0.05, ahead.interrupt).start()
    with pytest.raises(SourceError, match="at 4"):
        ahead.read()
    ahead.close(is_exhausted=False)


@pytest.mark.parametrize("lost_interrupts", [0, 2])
def test_close_ends_a_read_in_progress_before_the_source_is_closed(lost_interrupts: int) -> None:
    source = Source(50, blocks_at=4, lost_interrupts=lost_interrupts)
    ahead = ReadAhead(source, name="test")
    for _ in range(4):
        ahead.read()
    assert source.is_blocked.wait(10)
    began_s = time.monotonic()
    ahead.close(is_exhausted=False)
    assert time.monotonic() - began_s < 5
    assert source.n_interrupts == lost_interrupts + 1
    assert source.closed == [False]


def test_close_ends_a_thread_that_waits_for_its_reader() -> None:
    source = Source(50)
    ahead = ReadAhead(source, name="test-waits")
    for _ in range(3):
        ahead.read()
    await_read(source, 4)
    ahead.close(is_exhausted=False)
    assert not any(thread.name == "test-waits" for thread in threading.enumerate())
    assert source.closed == [False]
