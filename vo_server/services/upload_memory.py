"""One budget of memory for the uploads of all queries of a process, so that large ones do not add up without bound."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vo_server.errors import QueryCancelledError, TooManyError

if TYPE_CHECKING:
    from collections.abc import Hashable

__all__ = ["MAX_WAIT_S", "Patience", "UploadMemory"]

MAX_WAIT_S: Final = 10.0
"""Longest time that a request waits for room [s]; below the patience of common clients (30 s)."""

SMALL_BYTES: Final = 1024 * 1024
"""What most queries bring at most, and need not wait for [bytes]."""

_LOOK_S: Final = 0.25
"""Time between two looks whether somebody who waits has given up [s]."""


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Patience:
    """How long somebody waits for room."""

    max_wait_s: float = MAX_WAIT_S
    """Longest time at once [s]."""
    is_cancelled: Callable[[], bool] = _never
    """Tells whether nobody wants the query any more; it is asked often."""


class UploadMemory:
    """Makes queries wait before they hold more rows of uploads, while all of them hold too much together.

    What an upload takes is known when it has been read. Each asks for the size of its files before that, and for more
    as its rows come; those whose queries run hold what they have. Where all wait who hold anything, none could go on:
    then the one goes on that needs least beyond what it has, and as long as it lasts it is the only one. All together
    thus hold no more than the total, one upload, and some small ones. Used by threads.

    Parameters
    ----------
    total_bytes
        What all uploads may hold together [bytes].
    small_bytes
        Uploads up to this size are counted but never wait [bytes].
    """

    def __init__(self, total_bytes: int, *, small_bytes: int = SMALL_BYTES) -> None:
        self.total_bytes = total_bytes
        self._small_bytes = small_bytes
        self._changed = threading.Condition()
        self._held: dict[Hashable, int] = {}
        self._waiting: dict[Hashable, int] = {}
        self._passing: Hashable | None = None
        """Who went on although there was no room."""

    @property
    def held_bytes(self) -> int:
        """What all uploads hold now [bytes]."""
        with self._changed:
            return sum(self._held.values())

    def want(self, owner: Hashable, n_bytes: int, patience: Patience) -> None:
        """Wait until somebody may hold so much instead of what they hold now; it counts as held from then on.

        Raises
        ------
        TooManyError
            If there is no room in time.
        QueryCancelledError
            If the query is not wanted any more.
        """
        deadline = time.monotonic() + patience.max_wait_s
        with self._changed:
            self._waiting[owner] = n_bytes
            self._changed.notify_all()  # Somebody else may be the one to go on now.
            try:
                while not self._may_hold(owner, n_bytes):
                    self._check(n_bytes, deadline, patience)
                    self._changed.wait(min(_LOOK_S, max(0.0, deadline - time.monotonic())))
                self._held[owner] = n_bytes
            except BaseException:
                if self._passing == owner:  # It goes on no more, and leaves that to another one.
                    self._passing = None
                raise
            finally:
                del self._waiting[owner]
                self._changed.notify_all()

    def hold(self, owner: Hashable, n_bytes: int) -> None:
        """Note what somebody holds, when it is known: less than they wanted, most often."""
        with self._changed:
            self._held[owner] = n_bytes
            self._changed.notify_all()

    def release(self, owner: Hashable) -> None:
        """Note that somebody holds nothing any more; may be called more than once."""
        with self._changed:
            self._held.pop(owner, None)
            if self._passing == owner:
                self._passing = None
            self._changed.notify_all()

    def _may_hold(self, owner: Hashable, n_bytes: int) -> bool:
        of_others = sum(self._held.values()) - self._held.get(owner, 0)
        if n_bytes <= self._small_bytes or of_others + n_bytes <= self.total_bytes:
            return True
        if self._held.keys() - self._waiting.keys():
            return False
        if self._passing is None:
            self._passing = min(self._waiting, key=lambda one: self._waiting[one] - self._held.get(one, 0))
            self._changed.notify_all()  # It may be another one, who looks again then.
        return owner == self._passing

    def _check(self, n_bytes: int, deadline: float, patience: Patience) -> None:
        """Raise what ends a wait."""
        if patience.is_cancelled():
            raise QueryCancelledError("the query was stopped while its upload waited for room")
        if time.monotonic() >= deadline:
            raise TooManyError(
                f"the uploads of all queries may take {self.total_bytes} bytes of memory together, and there is no "
                f"room for {n_bytes} now (limit upload-memory)",
                hint="try again in a while, or run the query as an asynchronous job, which waits for its turn",
                limit="upload-memory",
            )
