"""What a piece of work may take, by what the machine can do at that moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from time import thread_time

REFERENCE_S = 0.033
"""What `_reference` takes on an idle core of the machine of `docs/performance.md`."""


@contextmanager
def effort_below(limit_s: float) -> Iterator[None]:
    """Fail when what is done inside takes more than `limit_s` of processor time of this thread.

    Other threads, and waiting for a core, do not count. A machine that computes slowly at the moment, because others
    share its cores and memory, is allowed as much more as it takes longer for a fixed piece of work: a guard against
    work that grows too fast with its input, not a measurement.
    """
    start = thread_time()
    yield
    took_s = thread_time() - start
    if took_s >= limit_s:
        slowness = median(_reference() for _ in range(5)) / REFERENCE_S
        assert took_s < limit_s * slowness, f"{took_s:.1f} s where all takes {slowness:.1f} times as long as usual"


def _reference() -> float:
    start = thread_time()
    words = {str(number): (number, number % 7) for number in range(60_000)}
    sorted(words.items(), key=lambda item: item[1][::-1])
    return thread_time() - start
