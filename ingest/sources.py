"""Find the files that the words of a command line mean: files, URLs, patterns, and folders that are HATS catalogues."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ingest.hats.catalogue import open_catalogue
from ingest.hats.layout import DATASET
from ingest.hats.local import LocalFolder
from ingest.remote.faults import Patience
from ingest.remote.files import RemoteFile
from ingest.remote.folder import RemoteFolder, bytes_at, matching
from ingest.remote.url import Url, is_url
from vo_server.formats.read.base import TableReader
from vo_server.formats.read.source import Source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingest.hats.catalogue import HatsCatalogue
    from vo_server.model.table import Column

__all__ = ["Sources", "find_sources"]

_UCDS: Final = ("pos.eq.ra", "pos.eq.dec")


@dataclass(frozen=True)
class Sources:
    """What a load reads."""

    files: tuple[str | Path | Source | TableReader, ...]
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


def find_sources(words: Sequence[str | Path | Source | TableReader], *, spool: Path | None = None) -> Sources:
    """Find the files to load.

    Parameters
    ----------
    words
        Files, URLs, patterns of URLs, folders of HATS catalogues, which stand for their partitions, or what is found
        or open already.
    spool
        Folder for what is fetched from URLs while it is read; that for temporary files when None.

    Raises
    ------
    IngestError
        If a HATS folder cannot be loaded, or a URL cannot be reached. Whether files are there is seen when they are
        opened.
    """
    finder = _Finder(spool or Path(tempfile.gettempdir()))
    for word in words:
        finder.add(word)
    return Sources(tuple(finder.files), finder.catalogue)


class _Finder:
    def __init__(self, spool: Path) -> None:
        self.files: list[str | Path | Source | TableReader] = []
        self.catalogue: HatsCatalogue | None = None
        self._spool = spool

    def add(self, word: str | Path | Source | TableReader) -> None:
        """Find what one word means."""
        if isinstance(word, str) and is_url(word):
            self._add_url(Url.of(word))
        elif isinstance(word, (str, Path)) and Path(word).is_dir():
            self._add_folder(word)
        else:
            self.files.append(word)

    def _add_folder(self, word: str | Path) -> None:
        folder = LocalFolder(Path(word))
        catalogue = open_catalogue(folder)
        if catalogue is None:
            self.files.append(word)
            return
        self.catalogue = self.catalogue or catalogue
        for path in catalogue.partitions:
            self.files.append(replace(Source.of(f"{catalogue.folder.name}/{path}"), inside=_inside(path)))

    def _add_url(self, url: Url) -> None:
        if url.is_glob:
            self.files.extend(self._source(one) for one in matching(url))
            return
        catalogue = open_catalogue(RemoteFolder(url)) if url.may_be_folder else None
        if catalogue is None:
            self.files.append(self._source(url))
            return
        self.catalogue = self.catalogue or catalogue
        assert isinstance(catalogue.folder, RemoteFolder)
        folder = catalogue.folder.url
        self.files.extend(self._source(folder.below(path), inside=_inside(path)) for path in catalogue.partitions)

    def _source(self, url: Url, *, inside: str | None = None) -> Source:
        # Drivers of object stores try several times themselves.
        patience = Patience() if url.is_web else Patience(attempts=2)
        remote = RemoteFile(bytes_at(url), shown=url.shown, folder=self._spool, patience=patience)
        return Source(url.shown, Path(url.file_name), url.part, backing=remote, inside=inside)


def _inside(path: str) -> str:
    """Return what tells a partition from the others of its catalogue."""
    return path.removeprefix(f"{DATASET}/")


def _with_positions(columns: tuple[Column, ...], positions: tuple[str, str] | None) -> tuple[Column, ...]:
    """Mark the position columns of the catalogue, unless the files mark some themselves."""
    names = [column.name for column in columns]
    if positions is None or any(name not in names for name in positions):
        return columns
    if any(column.ucd and column.ucd.split(";")[0] in _UCDS for column in columns):
        return columns
    ucds = {name: f"{ucd};meta.main" for name, ucd in zip(positions, _UCDS, strict=True)}
    return tuple(replace(column, ucd=ucds.get(column.name, column.ucd)) for column in columns)
