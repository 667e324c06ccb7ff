"""The way into the engine: few answers are begun at once, and what takes longer counts no more."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import anyio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["Lane"]

_WIDTH: Final = 2
"""Answers that are begun at once: one computes in Python, which does one thing at a time, one waits for the engine."""

_BRIEF_S: Final = 0.05
"""What takes longer is no short query, and waits for the engine most of the time [s]."""


class Lane:
    """Lets threads begin answers two by two instead of all at once.

    Threads of one process take turns in Python, up to 5 ms each, and every return from the engine waits for such a
    turn: eight cones at once were 152 a second where two by two are 218 (with 10 ms: 171). Whatever has not become an
    answer after 50 ms leaves the lane and goes on beside it, so that slow queries hold up nobody. Made and used in
    one event loop.

    Parameters
    ----------
    width
        Answers that are begun at once.
    brief_s
        How long one of them may keep others waiting [s].
    """

    def __init__(self, width: int = _WIDTH, *, brief_s: float = _BRIEF_S) -> None:
        self._places = anyio.Semaphore(width, max_value=width, fast_acquire=True)
        self._brief_s = brief_s

    @asynccontextmanager
    async def enter(self) -> AsyncIterator[None]:
        """Wait for a place, hold it for a short time."""
        await self._places.acquire()
        place = _Place(self._places)
        leaving = asyncio.get_running_loop().call_later(self._brief_s, place.give_back)
        try:
            yield
        finally:
            leaving.cancel()
            place.give_back()


class _Place:
    """A place that is given back once."""

    def __init__(self, places: anyio.Semaphore) -> None:
        self._places = places
        self._is_held = True

    def give_back(self) -> None:
        if self._is_held:
            self._is_held = False
            self._places.release()
