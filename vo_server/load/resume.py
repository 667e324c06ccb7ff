"""What a load finds of an earlier one that did not come to its end: rows of files that are still the same."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import fields
from typing import TYPE_CHECKING, Final

from vo_server import __version__
from vo_server.errors import CatalogueError
from vo_server.load.outcome import FileOutcome, Seen
from vo_server.model.release import FileState
from vo_server.store.encode import encode_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vo_server.engine.base import Loader, StagedPart
    from vo_server.load.bad import OnError
    from vo_server.load.description import Description
    from vo_server.load.inputs import Input
    from vo_server.model.table import Table

__all__ = ["already_staged", "staging_key"]

logger = logging.getLogger(__name__)

_NOT_OF_ROWS: Final = frozenset({"schema", "table", "warnings", "position_origin", "checks"})
"""Parts of a description that rows do not depend on, and the table, which is encoded as the catalogue does it."""


def staging_key(described: Description, on_error: OnError) -> str:
    """Return the key of the staging place of a load.

    It is another one for another table, for another description of it, for other ways with bad rows and for another
    version of this program: rows are gone on with only when they would come out the same.
    """
    rest = {one.name: getattr(described, one.name) for one in fields(described) if one.name not in _NOT_OF_ROWS}
    told = sorted((name, sorted(value) if isinstance(value, frozenset) else value) for name, value in rest.items())
    exact = f"{__version__} {on_error} {encode_table(described.table)} {told}"
    return f"{_digest(described.table.full_name)[:11]}_{_digest(exact)[:20]}"


def already_staged(loader: Loader, inputs: Sequence[Input], table: Table) -> dict[int, FileOutcome]:
    """Find the files whose rows are staged; the rows of files that are not among the given ones are removed.

    Parameters
    ----------
    loader
        Of the load.
    inputs
        The files; they are read for their checksums, unless nothing is staged.
    table
        What is loaded.

    Returns
    -------
    dict of int to FileOutcome
        By the index of the file.
    """
    waiting: dict[str, list[StagedPart]] = {}
    for part in loader.staged():
        waiting.setdefault(part.key, []).append(part)
    found: dict[int, FileOutcome] = {}
    for index, one in enumerate(inputs):
        if not waiting:
            break
        stamp = one.stamp()
        if one.source is not None:
            # Of files that lie elsewhere, only those that are loaded now are kept here.
            one.source.release()
        parts = waiting.get(one.key(stamp))
        if parts:
            part = parts.pop(0)
            try:
                seen = Seen.decode(part.note, table)
            except CatalogueError as error:
                logger.warning("%s is loaded again: %s", one.name, error)
                loader.discard(part)
                continue
            found[index] = FileOutcome(one.name, stamp.size_bytes, stamp.sha256, FileState.RESUMED, seen)
    for parts in waiting.values():
        for part in parts:
            loader.discard(part)
    return found


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
