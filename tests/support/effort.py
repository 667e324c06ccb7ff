"""What a piece of work may take, by what the machine can do at that moment.

These are guards against work that grows too fast with its input, and waits that do not end, not measurements.
Machines that share their cores and memory compute several times as slowly at times as at others; then a guard allows as
much more as a fixed piece of work takes longer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from time import perf_counter, thread_time

REFERENCE_S = 0.033
"""What `_reference` takes on an idle core of the machine of `docs/performance.md`."""


@contextmanager
def effort_below(limit_s: float) -> Iterator[None]:
    """Fail when what is done inside takes more than `limit_s` of processor time of this thread.

    Other threads, and waiting for a core, do not count.
    """
    start = thread_time()
    yield
    took_s = thread_time() - start
    assert _is_below(took_s, limit_s, thread_time), f"{took_s:.2f} s of processor time"


@contextmanager
def time_below(limit_s: float) -> Iterator[None]:
    """Fail when what is done inside takes more than `limit_s` on the wall."""
    start = perf_counter()
    yield
    assert is_below(perf_counter() - start, limit_s)


def is_below(took_s: float, limit_s: float) -> bool:
    """Tell whether something took less than `limit_s` on the wall."""
    return _is_below(took_s, limit_s, perf_counter)


def _is_below(took_s: float, limit_s: float, clock: Callable[[], float]) -> bool:
    if took_s < limit_s:
        return True
    slowness = median(_reference(clock) for _ in range(5)) / REFERENCE_S
    return took_s < limit_s * slowness


def _reference(clock: Callable[[], float]) -> float:
    start = clock()
    words = {str(number): (number, number % 7) for number in range(60_000)}
    sorted(words.items(), key=lambda item: item[1][::-1])
    return clock() - start
