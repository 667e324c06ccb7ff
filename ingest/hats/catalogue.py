"""Find the files of a HATS catalogue: its folder says what it is, and lists its partitions."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from ingest.hats.layout import COLLECTION, DATASET, METADATA, PARTITIONS, PROPERTIES, partition_path, read_properties
from vo_server.errors import IngestError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Folder", "HatsCatalogue", "open_catalogue"]

_TABLES: Final = frozenset({"object", "source"})
"""Kinds of catalogues whose rows are the rows of a table."""

_OTHERS: Final = {
    "margin": "rows around the pixels of a catalogue, which has them all itself",
    "index": "places of rows by a column, not the rows",
    "association": "pairs of rows of two catalogues",
    "map": "a map of the sky, not a table of positions",
}
"""The other kinds, and what they hold."""


class Folder(Protocol):
    """A folder, here or elsewhere."""

    name: str
    """As the user named it."""

    def read(self, path: str) -> bytes | None:
        """Return a small file in it; None when there is none."""
        ...

    def list(self, path: str) -> list[str]:
        """Return the paths of all files below a folder in it, sorted, relative to this one."""
        ...

    def inner(self, path: str) -> Folder:
        """Return a folder in it."""
        ...


@dataclass(frozen=True)
class HatsCatalogue:
    """A catalogue of objects or sources."""

    folder: Folder
    properties: dict[str, str]
    partitions: tuple[str, ...]
    """Paths of the partitions inside the folder, by order and pixel."""

    @property
    def positions(self) -> tuple[str, str] | None:
        """Names of the columns of right ascension and declination, where it tells them."""
        ra, dec = self.properties.get("hats_col_ra"), self.properties.get("hats_col_dec")
        return (ra, dec) if ra and dec else None

    @property
    def description(self) -> str | None:
        """What it says of itself."""
        return self.properties.get("obs_description") or self.properties.get("obs_title") or None


def open_catalogue(folder: Folder) -> HatsCatalogue | None:
    """Open a folder that is a HATS catalogue, or a collection that has one.

    Returns
    -------
    HatsCatalogue or None
        None when the folder is neither.

    Raises
    ------
    IngestError
        If it is a margin, an index or another folder without rows of its own, or does not hold together.
    """
    properties = _properties(folder)
    if properties is None:
        collection = folder.read(COLLECTION)
        if collection is None:
            return None
        told = read_properties(_text(collection, folder, COLLECTION), file=f"{folder.name}/{COLLECTION}")
        primary = told.get("hats_primary_table_url")
        if not primary:
            raise IngestError(f"{COLLECTION} names no hats_primary_table_url", file=folder.name)
        folder = folder.inner(primary)
        properties = _properties(folder)
        if properties is None:
            raise IngestError(
                f"the collection names {primary} as its catalogue, which has no hats.properties", file=folder.name
            )
    _check_kind(folder, properties)
    partitions = _partitions(folder, properties)
    if not partitions:
        raise IngestError("the HATS catalogue has no partitions", file=folder.name, hint="is it complete?")
    return HatsCatalogue(folder, properties, tuple(f"{DATASET}/{path}" for path in partitions))


def _properties(folder: Folder) -> dict[str, str] | None:
    for name in PROPERTIES:
        found = folder.read(name)
        if found is not None:
            return read_properties(_text(found, folder, name), file=f"{folder.name}/{name}")
    return None


def _text(content: bytes, folder: Folder, name: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise IngestError("it is not UTF-8 text", file=f"{folder.name}/{name}") from error


def _check_kind(folder: Folder, properties: dict[str, str]) -> None:
    kind = properties.get("dataproduct_type") or properties.get("catalog_type")
    if kind is None:
        raise IngestError(
            "its properties do not tell the dataproduct_type", file=folder.name, hint="is it a HATS catalogue?"
        )
    if kind in _TABLES:
        return
    primary = properties.get("hats_primary_table_url")
    what = f": {_OTHERS[kind]}" if kind in _OTHERS else ""
    raise IngestError(
        f"it is a HATS folder of the kind {kind}{what}",
        file=folder.name,
        hint=f"load the catalogue that it belongs to, {primary}" if primary else "load an object or source catalogue",
    )


def _partitions(folder: Folder, properties: dict[str, str]) -> Sequence[str]:
    """Return the paths inside ``dataset``: those of partition_info.csv, else of _metadata, else what lies there."""
    suffix = properties.get("hats_npix_suffix", ".parquet")
    if suffix.endswith("/"):
        return _listed(folder)
    listed = folder.read(PARTITIONS)
    if listed is not None:
        return _of_csv(_text(listed, folder, PARTITIONS), suffix, f"{folder.name}/{PARTITIONS}")
    metadata = folder.read(f"{DATASET}/{METADATA}")
    return _listed(folder) if metadata is None else _of_metadata(metadata, f"{folder.name}/{DATASET}/{METADATA}")


def _of_csv(text: str, suffix: str, file: str) -> list[str]:
    try:
        pixels = sorted({(int(row["Norder"]), int(row["Npix"])) for row in csv.DictReader(io.StringIO(text))})
    except (KeyError, TypeError, ValueError) as error:
        raise IngestError(
            f"the list of partitions cannot be read: {error}", file=file, hint="expected columns Norder and Npix"
        ) from error
    return [partition_path(order, number, suffix) for order, number in pixels]


def _of_metadata(content: bytes, file: str) -> list[str]:
    try:
        footer = pq.read_metadata(pa.BufferReader(content))
    except pa.ArrowException as error:
        raise IngestError(f"the metadata of the partitions cannot be read: {error}", file=file) from error
    paths = {footer.row_group(index).column(0).file_path for index in range(footer.num_row_groups)}
    return sorted(path for path in paths if path)


def _listed(folder: Folder) -> list[str]:
    inside = [path.removeprefix(f"{DATASET}/") for path in folder.list(DATASET)]
    return [path for path in inside if path.startswith("Norder=") and "/Npix=" in path]
