"""One budget of memory for all answers that are on their way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import Hashable

__all__ = ["ByteBudget"]


class ByteBudget:
    """Makes answers wait before they fetch more rows, while those on their way hold too much together.

    A batch that a slow client has not taken yet is memory, and fifty such clients are a lot of it. Each answer says
    what it is about to hold before it fetches a batch, and what it does hold afterwards. Where all wait, the one goes
    on that needs least beyond what it has, so that large batches pass as well, one by one; as long as it lasts it is
    the only one, so that all together hold no more than the total and one batch. Made and used in one event loop.

    Parameters
    ----------
    total_bytes
        What all answers may hold together [bytes].
    """

    def __init__(self, total_bytes: int) -> None:
        self.total_bytes = total_bytes
        self._held: dict[Hashable, int] = {}
        self._waiting: dict[Hashable, tuple[int, anyio.Event]] = {}
        self._passing: Hashable | None = None
        """Who went on although there was no room."""

    @property
    def held_bytes(self) -> int:
        """What all answers hold now [bytes]."""
        return sum(self._held.values())

    async def want(self, owner: Hashable, n_bytes: int) -> None:
        """Wait until an answer may hold so much instead of what it holds now; it counts as held from then on."""
        may_go = anyio.Event()
        self._waiting[owner] = (n_bytes, may_go)
        self._look()
        try:
            await may_go.wait()
        finally:
            self._waiting.pop(owner, None)

    def may_hold(self, owner: Hashable, n_bytes: int) -> bool:
        """Hold so much instead of what an answer holds now if there is room for it and nobody waits; never wait."""
        if self._waiting or self.held_bytes - self._held.get(owner, 0) + n_bytes > self.total_bytes:
            return False
        self._held[owner] = n_bytes
        return True

    def hold(self, owner: Hashable, n_bytes: int) -> None:
        """Note what an answer holds."""
        self._held[owner] = n_bytes
        self._look()

    def release(self, owner: Hashable) -> None:
        """Note that an answer holds nothing any more."""
        self._held.pop(owner, None)
        if owner == self._passing:
            self._passing = None
        self._look()

    def _look(self) -> None:
        """Let those go on who fit, the longest waiting first; one at least where nobody is on the move."""
        for owner, (n_bytes, _) in list(self._waiting.items()):
            if self.held_bytes - self._held.get(owner, 0) + n_bytes <= self.total_bytes:
                self._let_go_on(owner)
        if self._waiting and not self._held.keys() - self._waiting.keys():
            if self._passing is None:
                self._passing = min(self._waiting, key=lambda one: self._waiting[one][0] - self._held.get(one, 0))
            self._let_go_on(self._passing)

    def _let_go_on(self, owner: Hashable) -> None:
        self._held[owner], may_go = self._waiting.pop(owner)
        may_go.set()
