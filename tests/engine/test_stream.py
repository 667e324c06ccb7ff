"""The stream under every engine, on a source whose behaviour is set by the test."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pyarrow as pa
import pytest

from tests.support.effort import is_below
from vo_server.engine.faults import Fault
from vo_server.engine.feed import BatchFeed
from vo_server.engine.stream import QueryStream
from vo_server.engine.watchdog import Watchdog
from vo_server.errors import EngineError, QueryCancelledError, QueryTimeoutError

SCHEMA = pa.schema([("x", pa.int64())])


class DriverError(Exception):
    """What a driver raises."""


def classify(error: Exception) -> tuple[Fault, str] | None:
    return (Fault.OTHER, "X0000") if isinstance(error, DriverError) else None


@dataclass
class Source:
    """Gives batches of the sizes told, each after a wait that an interrupt ends; may lose interrupts and fail."""

    sizes: list[int]
    wait_s: float = 0.0
    fails_at: int | None = None
    lost_interrupts: int = 0
    n_interrupts: int = 0
    closed: list[bool] = field(default_factory=list)
    n_read: int = 0
    ahead_bytes: int = 0
    progress: float | None = None
    _stop: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        self.progress = 0.5

    def open(self) -> None:
        self._pause()

    def read(self) -> pa.RecordBatch | None:
        self._pause()
        if self.n_read == self.fails_at:
            raise DriverError("the driver's own words")
        if self.n_read == len(self.sizes):
            return None
        self.n_read += 1
        return pa.record_batch({"x": pa.array(range(self.sizes[self.n_read - 1]), pa.int64())})

    def interrupt(self) -> None:
        self.n_interrupts += 1
        if self.n_interrupts > self.lost_interrupts:
            self._stop.set()

    def close(self, *, is_exhausted: bool) -> None:
        self.closed.append(is_exhausted)

    def _pause(self) -> None:
        if self._stop.wait(self.wait_s):
            raise DriverError("interrupted")


@pytest.fixture
def watchdog() -> Iterator[Watchdog]:
    one = Watchdog("test")
    yield one
    one.close()


def stream(source: Source, watchdog: Watchdog, *, limit: int | None = None, timeout_s: float = 10.0) -> QueryStream:
    return QueryStream(source, schema=SCHEMA, limit=limit, timeout_s=timeout_s, watchdog=watchdog, classify=classify)


def test_all_rows_are_given_and_the_source_is_closed_once_at_the_end(watchdog: Watchdog) -> None:
    source = Source([3, 0, 2])
    rows = stream(source, watchdog)
    assert [batch.num_rows for batch in rows] == [3, 2]
    rows.close()
    assert source.closed == [True]


def test_the_last_batch_is_cut_to_the_limit_and_no_more_is_read(watchdog: Watchdog) -> None:
    source = Source([3, 3, 3])
    assert [batch.num_rows for batch in stream(source, watchdog, limit=4)] == [3, 1]
    assert source.n_read == 2
    assert source.closed == [False]


def test_a_limit_of_no_rows_does_not_even_start(watchdog: Watchdog) -> None:
    source = Source([3], fails_at=0)
    assert list(stream(source, watchdog, limit=0)) == []


def test_a_failure_of_the_driver_is_told_in_our_words_and_ends_the_stream(watchdog: Watchdog) -> None:
    source = Source([3, 3], fails_at=1)
    rows = stream(source, watchdog)
    next(rows)
    with pytest.raises(EngineError) as caught:
        next(rows)
    assert "own words" not in str(caught.value)
    assert isinstance(caught.value.__cause__, DriverError)
    assert source.closed == [False]


def test_an_interrupt_that_is_lost_is_sent_again(watchdog: Watchdog) -> None:
    source = Source([3], wait_s=30, lost_interrupts=3)
    rows = stream(source, watchdog)
    threading.Timer(0.1, rows.cancel).start()
    began_s = time.monotonic()
    with pytest.raises(QueryCancelledError):
        next(rows)
    assert time.monotonic() - began_s < 3
    assert source.n_interrupts > 3


def test_time_counts_over_all_steps(watchdog: Watchdog) -> None:
    source = Source([1] * 100, wait_s=0.1)
    began_s = time.monotonic()
    with pytest.raises(QueryTimeoutError):
        list(stream(source, watchdog, timeout_s=0.55))
    took_s = time.monotonic() - began_s
    assert took_s > 0.5
    assert is_below(took_s, 1.5)
    assert 3 <= source.n_read <= 5


def test_time_between_steps_does_not_count(watchdog: Watchdog) -> None:
    rows = stream(Source([1] * 4), watchdog, timeout_s=0.3)
    for _ in rows:
        time.sleep(0.15)


def test_the_watchdog_wakes_up_after_a_long_sleep(watchdog: Watchdog) -> None:
    list(stream(Source([1]), watchdog))
    time.sleep(1.3)
    with pytest.raises(QueryTimeoutError):
        next(stream(Source([1], wait_s=30), watchdog, timeout_s=0.1))


def test_a_feed_hands_over_all_batches_and_tells_what_ends_the_statement() -> None:
    found: list[int] = []

    def consume(rows: pa.RecordBatchReader) -> None:
        for batch in rows:
            found.append(batch.num_rows)
            if batch.num_rows == 3:
                raise DriverError("disk full")

    feed = BatchFeed(SCHEMA, consume, name="test")
    feed.put(pa.record_batch({"x": [1]}))
    feed.put(pa.record_batch({"x": [1, 2]}))
    feed.finish()
    assert found == [1, 2]

    feed = BatchFeed(SCHEMA, consume, name="test")
    for _ in range(2):
        feed.put(pa.record_batch({"x": [1, 2]}))

    def put_more() -> None:
        for _ in range(5):
            feed.put(pa.record_batch({"x": [1, 2, 3]}))

    with pytest.raises(DriverError, match="disk full"):
        put_more()
    feed.abort()


def test_a_feed_that_was_ended_is_emptied_while_others_work() -> None:
    is_over = threading.Event()

    def consume(rows: pa.RecordBatchReader) -> None:
        rows.read_all()
        is_over.set()

    feed = BatchFeed(SCHEMA, consume, name="test")
    feed.put(pa.record_batch({"x": [1]}))
    feed.end()
    assert is_over.wait(10)
    feed.finish()


def test_a_feed_that_is_given_up_ends_its_statement() -> None:
    ended: list[str] = []

    def consume(rows: pa.RecordBatchReader) -> None:
        try:
            rows.read_all()
        except Exception as error:
            ended.append(type(error).__name__)
            raise

    feed = BatchFeed(SCHEMA, consume, name="test")
    feed.put(pa.record_batch({"x": [1]}))
    feed.abort()
    feed.abort()
    assert len(ended) == 1
