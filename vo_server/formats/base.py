"""What a writer of results is: batches in, bytes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vo_server.errors import VoError
    from vo_server.model.query import QueryResult

__all__ = ["Writer"]


class Writer(Protocol):
    """Turns a result into a document of one format, piece by piece."""

    mime: ClassVar[str]
    """Media type of the document."""
    extension: ClassVar[str]
    """File name ending, without the dot."""
    is_text: ClassVar[bool]
    """Whether numbers are written as text, which takes longer than reading the rows does."""

    def write(self, result: QueryResult) -> Iterator[bytes]:
        """Yield the document; an empty piece tells that what follows takes long, and that the pieces before may go.

        The head comes before the first batch is asked for, so that a client sees that its query was accepted; an
        error after that is told inside the document as far as the format can (:meth:`failure` for VOTable), then
        raised again, so that the transport breaks off visibly where the format cannot tell.
        """
        ...

    def write_error(self, error: VoError, *, query: str | None = None) -> bytes:
        """Return the error document of this format."""
        ...
