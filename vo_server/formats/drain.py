"""A file that is emptied while it is written: how the writers of Arrow become streams."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["Drain"]


class Drain(io.RawIOBase):
    """Takes bytes as a file that only grows, and gives them away."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []
        self._n_bytes = 0

    def writable(self) -> bool:
        """Tell that it is."""
        return True

    def write(self, data: Buffer, /) -> int:
        """Take bytes."""
        piece = bytes(data)
        self._pieces.append(piece)
        self._n_bytes += len(piece)
        return len(piece)

    def tell(self) -> int:
        """Return how many bytes were taken so far, those that have gone included."""
        return self._n_bytes

    def take(self) -> bytes:
        """Return what came since the last call."""
        piece = b"".join(self._pieces)
        self._pieces.clear()
        return piece
