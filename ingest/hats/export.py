"""Write a release as a HATS catalogue: partitions of about equal size, in one stream from the engine.

The cells are read twice: once alone, to find how the sky is cut, and once with the rows. Nothing else is kept in memory
than the counts of the sky and the rows of a row group. The folder appears under its name when it is complete.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow.parquet as pq

from ingest.hats.layout import (
    COMMON_METADATA,
    DATASET,
    METADATA,
    PARTITIONS,
    PROPERTIES,
    partition_path,
    write_properties,
)
from ingest.hats.partition import PartitionFile, partition_schema
from ingest.hats.pixels import DEEPEST, Counts, Pixel
from vo_server import __version__
from vo_server.errors import EngineError, UsageError
from vo_server.load.progress import Silent
from vo_server.model.table import HEALPIX_COLUMN
from vo_server.sky.healpix import ORDER

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from vo_server.engine.base import Engine
    from vo_server.load.progress import Progress
    from vo_server.model.release import Release
    from vo_server.model.table import Table
    from vo_server.sky.angle import IntArray

__all__ = ["ROWS_PER_PIXEL", "ExportSummary", "export_hats"]

ROWS_PER_PIXEL: Final = 1_000_000
"""Most rows of a partition, where nothing else is wanted: what the makers of HATS take."""

SKYMAP_ORDER: Final = 8
"""Order of the map of the counts: 786 432 pixels, 14 arcminutes wide."""

_MOST_CHUNKS: Final = 500_000
"""Column chunks that ``_metadata`` lists; it has to be in memory as a whole, and readers do without it."""


@dataclass(frozen=True)
class ExportSummary:
    """What an export has made."""

    folder: Path
    n_rows: int
    n_skipped: int
    """Rows without a position, which were left out."""
    pixels: tuple[Pixel, ...]
    size_bytes: int
    warnings: tuple[str, ...] = ()


def export_hats(
    release: Release,
    folder: Path,
    *,
    engine: Engine,
    rows_per_pixel: int = ROWS_PER_PIXEL,
    skip_unplaced: bool = False,
    progress: Progress | None = None,
) -> ExportSummary:
    """Write a release as a HATS catalogue.

    Parameters
    ----------
    release
        What is written: its visible columns, after ``_healpix_29``.
    folder
        Where; it must not exist, or be empty. After a failure it is as it was.
    engine
        Has the rows.
    rows_per_pixel
        Most rows of a partition; denser pixels are cut in four, down to order 10.
    skip_unplaced
        Whether rows without a position are left out, for which HATS has no place; otherwise they are refused.

    Raises
    ------
    UsageError
        If the folder is not empty, or the table has no positions in two columns, no rows, or rows without a position.

    References
    ----------
    HATS, *Hierarchical Adaptive Tiling Scheme*, IVOA note.
    """
    progress = progress or Silent()
    table = release.table
    _check(table, folder, rows_per_pixel)
    progress.begin(table.n_rows)
    progress.say("counting")
    counts, n_unplaced = _counted(engine, table)
    if n_unplaced and not skip_unplaced:
        raise UsageError(
            f"{n_unplaced} rows of {table.full_name} have no position, and HATS has no place for them",
            hint="--without-position skip leaves them out",
        )
    if not counts.n_rows:
        raise UsageError(f"{table.full_name} has no rows with a position", hint="HATS catalogues have at least one")
    pixels = counts.partitions(rows_per_pixel)
    parent = folder.absolute().parent
    parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=parent))
    try:
        writer = _Folder(work, release, pixels)
        progress.say("writing")
        for batch in _rows(engine, table):
            writer.write(batch)
            progress.advance(batch.num_rows)
        writer.finish(counts, rows_per_pixel)
        size_bytes = sum(file.stat().st_size for file in work.rglob("*") if file.is_file())
        work.chmod(0o777 & ~_umask())
        _move(work, folder)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    crowded = [pixel for pixel in pixels if pixel.n_rows > rows_per_pixel]
    warnings = [f"{len(crowded)} pixels of order {DEEPEST} have more than {rows_per_pixel} rows"] if crowded else []
    if not writer.has_metadata:
        warnings.append(f"{DATASET}/{METADATA} was left out: there are more than {_MOST_CHUNKS} column chunks")
    return ExportSummary(folder, counts.n_rows, n_unplaced, tuple(pixels), size_bytes, tuple(warnings))


def _check(table: Table, folder: Path, rows_per_pixel: int) -> None:
    if rows_per_pixel < 1:
        raise UsageError(f"{rows_per_pixel} rows per pixel were asked for; expected at least one")
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UsageError(f"{folder} exists already", hint="name a new folder, or remove it first")
    position = table.position
    if HEALPIX_COLUMN not in table.by_name or position is None:
        raise UsageError(
            f"{table.full_name} is not stored by positions on the sky, as HATS catalogues are",
            hint="load it with a position column pair; tables that were adopted in place must be loaded first",
        )
    if position.point:
        raise UsageError(
            f"{table.full_name} has its positions in the column of points {position.point}; HATS needs two columns",
            hint="load it with right ascension and declination in columns of their own",
        )
    hidden = [name for name in position.columns if table.by_name[name].is_hidden]
    if hidden:
        raise UsageError(f"the position columns {', '.join(hidden)} of {table.full_name} are hidden")


def _counted(engine: Engine, table: Table) -> tuple[Counts, int]:
    """Read the cells alone; return the counts, and how many rows have none."""
    counts, n_unplaced = Counts(), 0
    for batch in engine.read(replace(table, columns=(table.by_name[HEALPIX_COLUMN],))):
        cells = batch.column(0)
        n_unplaced += cells.null_count
        counts.add(_numbers(cells.drop_null()))
    return counts, n_unplaced


def _rows(engine: Engine, table: Table) -> Iterator[pa.RecordBatch]:
    """Read the rows with a position, in the order of their cells."""
    last = -1
    columns = (table.by_name[HEALPIX_COLUMN], *table.visible_columns)
    for batch in engine.read(replace(table, columns=columns)):
        placed = batch if not batch.column(0).null_count else batch.filter(batch.column(0).is_valid())
        if not placed.num_rows:
            continue
        cells = _numbers(placed.column(0))
        if cells[0] < last or (np.diff(cells) < 0).any():
            raise EngineError(
                f"the rows of {table.full_name} are not in the order of their cells",
                hint="load the table again: something has changed it in the database",
            )
        last = int(cells[-1])
        yield placed


class _Folder:
    """The folder of a catalogue while it is written."""

    def __init__(self, path: Path, release: Release, pixels: list[Pixel]) -> None:
        table = release.table
        self._path = path
        self._release = release
        self._pixels = pixels
        self._columns = (replace(table.by_name[HEALPIX_COLUMN], is_hidden=False), *table.visible_columns)
        self._schema = partition_schema(self._columns, table.provenance.links if table.provenance else ())
        self._ends = np.array([pixel.end for pixel in pixels])
        self._at = 0
        self._n_rows = 0
        self._file: PartitionFile | None = None
        self._footer: pq.FileMetaData | None = None
        self.has_metadata = True

    def write(self, batch: pa.RecordBatch) -> None:
        """Append rows, which may go on through several partitions."""
        self._n_rows += batch.num_rows
        at = np.searchsorted(self._ends, _numbers(batch.column(0)), side="right")
        starts = [0, *(np.flatnonzero(np.diff(at)) + 1).tolist(), batch.num_rows]
        for start, end in pairwise(starts):
            self._partition(int(at[start])).write(batch.slice(start, end - start))

    def finish(self, counts: Counts, rows_per_pixel: int) -> None:
        """Write what is told of all partitions."""
        self._close()
        if self._n_rows != counts.n_rows:
            raise EngineError(f"{counts.n_rows} rows were counted but {self._n_rows} were read")
        dataset = self._path / DATASET
        pq.write_metadata(self._schema, dataset / COMMON_METADATA)
        if self.has_metadata and self._footer is not None:
            self._footer.write_metadata_file(str(dataset / METADATA))
        lines = "".join(f"{pixel.order},{pixel.number}\n" for pixel in self._pixels)
        (self._path / PARTITIONS).write_text(f"Norder,Npix\n{lines}", encoding="utf-8")
        self._write_maps(counts)
        text = write_properties(self._properties(counts, rows_per_pixel), title="HATS catalog")
        for name in PROPERTIES:
            (self._path / name).write_text(text, encoding="utf-8")

    def _partition(self, index: int) -> PartitionFile:
        if self._file is None or index != self._at:
            self._close()
            pixel = self._pixels[index]
            relative = partition_path(pixel.order, pixel.number)
            self._file = PartitionFile(self._path / DATASET / relative, relative, self._columns, self._schema)
            self._at = index
        return self._file

    def _close(self) -> None:
        if self._file is None:
            return
        footer, self._file = self._file.finish(), None
        if self._footer is None:
            self._footer = footer
        elif self.has_metadata:
            self._footer.append_row_groups(footer)
        self.has_metadata = self._footer.num_row_groups * self._footer.num_columns <= _MOST_CHUNKS

    def _write_maps(self, counts: Counts) -> None:
        from cdshealpix.skymap import SkymapImplicit  # noqa: PLC0415 - brings half a second of astropy

        rows = counts.at(SKYMAP_ORDER)
        full = SkymapImplicit(rows, null_value=np.int64(0))
        # Where most pixels are empty, the form that lists the others is the smaller one.
        map_ = full if 2 * np.count_nonzero(rows) > len(rows) else full.to_explicit()
        for name in ("skymap.fits", "point_map.fits"):
            map_.to_fits(str(self._path / name))

    def _properties(self, counts: Counts, rows_per_pixel: int) -> dict[str, str]:
        table, origin = self._release.table, self._release.table.provenance
        assert table.position is not None
        sky = sum(4.0**-pixel.order / 12 for pixel in self._pixels)
        size_bytes = sum(file.stat().st_size for file in (self._path / DATASET).rglob("*") if file.is_file())
        now = datetime.now(UTC)
        told = {
            "obs_collection": table.full_name,
            "dataproduct_type": "object",
            "hats_nrows": str(counts.n_rows),
            "hats_col_ra": table.position.ra,
            "hats_col_dec": table.position.dec,
            "hats_col_healpix": HEALPIX_COLUMN,
            "hats_col_healpix_order": str(ORDER),
            "hats_npix_suffix": ".parquet",
            "hats_skymap_order": str(SKYMAP_ORDER),
            "hats_order": str(max(pixel.order for pixel in self._pixels)),
            "hats_max_rows": str(rows_per_pixel),
            "moc_sky_fraction": f"{sky:.5g}",
            "hats_builder": f"vo-server {__version__}",
            "hats_creation_date": now.strftime("%Y-%m-%dT%H:%M%Z"),
            "hats_release_date": f"{self._release.created:%Y-%m-%d}",
            "hats_estsize": str(-(-size_bytes // 1024)),
            "hats_version": "v1.0",
            "obs_title": table.title or "",
            "obs_description": table.description or "",
            "hats_data_semver": self._release.version,
        }
        if origin is not None:
            told |= {
                "publisher_id": "",
                "creator_did": origin.data_ivoid or "",
                "hats_creator": "; ".join(origin.creator),
                "bib_reference": origin.article or origin.citation or "",
                "bib_reference_url": origin.reference_url or "",
                "obs_copyright": origin.rights or "",
                "obs_copyright_url": origin.rights_uri or "",
            }
        return told


def _numbers(cells: pa.Array) -> IntArray:
    return np.asarray(cells.to_numpy(zero_copy_only=False), dtype=np.int64)


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _move(work: Path, folder: Path) -> None:
    """Give the complete folder its name, unless somebody else has made one meanwhile."""
    try:
        work.rename(folder)
    except OSError as error:
        raise UsageError(
            f"{folder} cannot be made: {error.strerror}", hint=f"it was made or filled while {work.name} was written"
        ) from error
