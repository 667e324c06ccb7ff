"""What stands between a stream and the statement under it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vo_server.engine.stream import BatchSource

__all__ = ["Passing"]


class Passing:
    """Base of a :class:`~vo_server.engine.stream.BatchSource` that reads another one: all but its rows passes through.

    Parameters
    ----------
    source
        What is read.
    """

    def __init__(self, source: BatchSource) -> None:
        self._source = source

    @property
    def ahead_bytes(self) -> int:
        """Memory of the batches that were read before anybody asked for them [bytes]."""
        return self._source.ahead_bytes

    @property
    def progress(self) -> float | None:
        """Share of the work that is done, in [0, 1]; None when it is not known."""
        return self._source.progress

    def watch(self) -> None:
        """Have the progress known."""
        self._source.watch()

    def open(self) -> None:
        """Start the statement."""
        self._source.open()

    def interrupt(self) -> None:
        """Stop what is being done in another thread."""
        self._source.interrupt()

    def close(self, *, is_exhausted: bool) -> None:
        """Close the source."""
        self._source.close(is_exhausted=is_exhausted)
