"""VOTable files, plain or compressed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.readers.base import open_bytes
from vo_server.formats.read.votable import VotableReader

if TYPE_CHECKING:
    from ingest.readers.base import Source

__all__ = ["open_votable"]


def open_votable(source: Source) -> VotableReader:
    """Open a table of a VOTable file; ``part`` is its number (from 1), name or ID.

    Raises
    ------
    IngestError
        If the file is not a VOTable or has no such table.
    """
    return VotableReader(lambda: open_bytes(source), file=source.name, table=source.part)
