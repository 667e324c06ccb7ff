"""Find the files that the words of a command line mean: files, and folders that are HATS catalogues."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.hats.catalogue import open_catalogue
from ingest.hats.local import LocalFolder
from vo_server.formats.read.base import TableReader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingest.hats.catalogue import HatsCatalogue
    from vo_server.model.table import Column

__all__ = ["Sources", "find_sources"]

_UCDS = ("pos.eq.ra", "pos.eq.dec")


@dataclass(frozen=True)
class Sources:
    """What a load reads."""

    files: tuple[str | Path | TableReader, ...]
    catalogue: HatsCatalogue | None = None
    """What the partitions among the files belong to."""

    def tell(self, readers: Sequence[TableReader]) -> None:
        """Add to what the files say of themselves what their catalogue says: the description, and the positions."""
        if self.catalogue is None:
            return
        for reader in readers:
            facts = reader.facts
            columns = _with_positions(facts.columns, self.catalogue.positions)
            description = facts.description or self.catalogue.description
            reader.facts = replace(facts, columns=columns, description=description)


def find_sources(words: Sequence[str | Path | TableReader]) -> Sources:
    """Find the files to load.

    Parameters
    ----------
    words
        Files, folders of HATS catalogues, which stand for their partitions, or readers that are open already.

    Raises
    ------
    IngestError
        If a HATS folder cannot be loaded. Whether files are there is seen when they are opened.
    """
    files: list[str | Path | TableReader] = []
    catalogues: list[HatsCatalogue] = []
    for word in words:
        catalogue = None if isinstance(word, TableReader) else _catalogue(Path(word))
        if catalogue is None:
            files.append(word)
            continue
        catalogues.append(catalogue)
        files.extend(f"{catalogue.folder.name}/{path}" for path in catalogue.partitions)
    return Sources(tuple(files), catalogues[0] if catalogues else None)


def _catalogue(path: Path) -> HatsCatalogue | None:
    return open_catalogue(LocalFolder(path)) if path.is_dir() else None


def _with_positions(columns: tuple[Column, ...], positions: tuple[str, str] | None) -> tuple[Column, ...]:
    """Mark the position columns of the catalogue, unless the files mark some themselves."""
    names = [column.name for column in columns]
    if positions is None or any(name not in names for name in positions):
        return columns
    if any(column.ucd and column.ucd.split(";")[0] in _UCDS for column in columns):
        return columns
    ucds = {name: f"{ucd};meta.main" for name, ucd in zip(positions, _UCDS, strict=True)}
    return tuple(replace(column, ucd=ucds.get(column.name, column.ucd)) for column in columns)
