"""The next piece of an answer, made while the present one is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["NextPiece"]


class NextPiece:
    """A piece that a task makes; an error of it comes out where the piece is wanted.

    Parameters
    ----------
    read
        Makes the piece.
    """

    def __init__(self, read: Callable[[], Awaitable[bytes]]) -> None:
        self._read = read
        self._done = anyio.Event()
        self._piece = b""
        self._error: Exception | None = None

    @property
    def is_done(self) -> bool:
        """Whether nothing is being made any more."""
        return self._done.is_set()

    async def make(self) -> None:
        """Make it; the task."""
        try:
            self._piece = await self._read()
        except Exception as error:  # noqa: BLE001 - raised again below, after the pieces before it
            self._error = error
        finally:
            self._done.set()

    async def get(self) -> bytes:
        """Wait for it.

        Raises
        ------
        Exception
            What making it raised.
        """
        await self._done.wait()
        if self._error is not None:
            raise self._error
        return self._piece
