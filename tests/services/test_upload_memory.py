"""Room for uploads: who waits, who goes on, and that all together never hold more than they may."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from vo_server.errors import QueryCancelledError, TooManyError
from vo_server.services.upload_memory import SMALL_BYTES, Patience, UploadMemory

MB = 1024 * 1024
PATIENT = Patience(30)
HASTY = Patience(0.2)
TOTAL = 100 * MB


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as pool:
        yield pool


@pytest.fixture
def memory() -> UploadMemory:
    return UploadMemory(TOTAL)


def is_waiting(future: Future[None]) -> bool:
    time.sleep(0.15)
    return not future.done()


def test_what_fits_goes_on_at_once(memory: UploadMemory) -> None:
    memory.want("a", 40 * MB, HASTY)
    memory.want("b", 60 * MB, HASTY)
    memory.want("a", 30 * MB, HASTY)
    assert memory.held_bytes == 90 * MB


def test_who_does_not_fit_waits_until_somebody_gives_back(memory: UploadMemory, pool: ThreadPoolExecutor) -> None:
    memory.want("a", 60 * MB, HASTY)
    waiting = pool.submit(memory.want, "b", 60 * MB, PATIENT)
    assert is_waiting(waiting)
    memory.hold("a", 50 * MB)
    assert is_waiting(waiting)
    memory.release("a")
    waiting.result(5)
    assert memory.held_bytes == 60 * MB


def test_a_wait_that_is_too_long_is_refused_with_the_limit(memory: UploadMemory) -> None:
    memory.want("a", 60 * MB, HASTY)
    with pytest.raises(TooManyError, match=r"no room for 62914560 now \(limit upload-memory\)") as refused:
        memory.want("b", 60 * MB, HASTY)
    assert refused.value.limit == "upload-memory"
    assert refused.value.transient
    assert memory.held_bytes == 60 * MB


def test_who_is_not_wanted_any_more_stops_waiting(memory: UploadMemory, pool: ThreadPoolExecutor) -> None:
    cancelled = threading.Event()
    memory.want("a", 60 * MB, HASTY)
    waiting = pool.submit(memory.want, "b", 60 * MB, Patience(30, cancelled.is_set))
    assert is_waiting(waiting)
    cancelled.set()
    with pytest.raises(QueryCancelledError):
        waiting.result(5)


def test_small_uploads_never_wait_but_count(memory: UploadMemory) -> None:
    memory.want("a", TOTAL, HASTY)
    memory.want("b", SMALL_BYTES, HASTY)
    assert memory.held_bytes == TOTAL + SMALL_BYTES


def test_one_that_is_larger_than_all_goes_alone(memory: UploadMemory, pool: ThreadPoolExecutor) -> None:
    memory.want("large", 3 * TOTAL, HASTY)
    others = [pool.submit(memory.want, number, 50 * MB, PATIENT) for number in range(2)]
    assert all(is_waiting(other) for other in others)
    memory.release("large")
    for other in others:
        other.result(5)


def test_where_all_wait_for_more_the_one_that_needs_least_goes_on_alone(
    memory: UploadMemory, pool: ThreadPoolExecutor
) -> None:
    for owner in ("a", "b", "c"):
        memory.want(owner, 30 * MB, HASTY)
    growing = {
        owner: pool.submit(memory.want, owner, n_bytes, PATIENT)
        for owner, n_bytes in (("a", 80 * MB), ("b", 60 * MB), ("c", 90 * MB))
    }
    growing["b"].result(5)
    assert is_waiting(growing["a"])
    more = pool.submit(memory.want, "b", 70 * MB, PATIENT)
    more.result(5)
    memory.hold("b", 65 * MB)
    assert is_waiting(growing["a"])
    memory.release("b")
    growing["a"].result(5)
    assert is_waiting(growing["c"])
    memory.release("a")
    growing["c"].result(5)


def test_the_one_that_may_pass_leaves_that_to_others_when_it_gives_up(
    memory: UploadMemory, pool: ThreadPoolExecutor
) -> None:
    memory.want("a", 50 * MB, HASTY)
    memory.want("b", 50 * MB, HASTY)
    gone = threading.Event()
    first = pool.submit(memory.want, "a", 90 * MB, Patience(30, gone.is_set))
    assert is_waiting(first)
    gone.set()
    with pytest.raises(QueryCancelledError):
        first.result(5)
    memory.release("a")
    memory.want("b", 2 * TOTAL, HASTY)
    assert memory.held_bytes == 2 * TOTAL


def test_many_at_once_all_get_their_turn_and_never_hold_more_than_the_total_and_one(
    pool: ThreadPoolExecutor,
) -> None:
    memory, largest = UploadMemory(40 * MB), 30 * MB
    seen: list[int] = []

    def upload(number: int) -> None:
        chance = random.Random(number)
        size = chance.randint(2 * MB, largest)
        for n_bytes in range(size // 4, size, max(1, size // 5)):
            memory.want(number, n_bytes, PATIENT)
            seen.append(memory.held_bytes)
            time.sleep(chance.random() / 500)
        memory.hold(number, size // 2)
        time.sleep(chance.random() / 500)
        memory.release(number)

    for done in [pool.submit(upload, number) for number in range(200)]:
        done.result(60)
    assert memory.held_bytes == 0
    assert 40 * MB // 2 < max(seen) <= 40 * MB + largest
