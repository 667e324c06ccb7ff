"""Makes the next pieces while the present one is written: numpy lets go of the interpreter in its loops."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from concurrent.futures import Future

__all__ = ["made_ahead"]

_THREADS: Final = 2

Given = TypeVar("Given")
Made = TypeVar("Made")


def made_ahead(make: Callable[[Given], Made], given: Iterable[Given]) -> Generator[Made]:
    """Make something of each of what is given, in its order; two are made at a time, before they are asked for.

    Parameters
    ----------
    make
        Is called by two threads.
    given
        May be endless: it is asked for as much as is made.

    Raises
    ------
    Exception
        What ``make`` raised, in its place.
    """
    waiting: deque[Future[Made]] = deque()
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="mock") as threads:
        for one in given:
            waiting.append(threads.submit(make, one))
            if len(waiting) > _THREADS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
