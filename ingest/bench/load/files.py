"""The files that are loaded: the table of the benchmark in several formats, and its description."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from ingest.bench.service.table import TABLE, batches
from ingest.draft import to_yaml
from vo_server.formats.fits.writer import FitsWriter
from vo_server.load.description import Description
from vo_server.model.query import QueryResult
from vo_server.model.table import Schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

__all__ = ["FORMATS", "write_files", "write_schema"]

_ROW_GROUP_ROWS: Final = 131_072
_N_FILES: Final = 8
"""Files that the table is cut into where several are loaded."""


def write_schema(directory: Path) -> Path:
    """Write the description of the files as a schema file."""
    names = [column.name for column in TABLE.visible_columns]
    described = Description(Schema(TABLE.schema), TABLE, sources=dict(zip(names, names, strict=True)))
    path = directory / "schema.yaml"
    path.write_text(to_yaml(described), encoding="utf-8")
    return path


def write_files(directory: Path, form: str, n_rows: int) -> list[Path]:
    """Write the rows in a format of :data:`FORMATS`, with all columns but the hidden one; memory stays small."""
    return FORMATS[form](directory, n_rows)


def _visible(n_rows: int) -> Iterator[pa.RecordBatch]:
    names = [column.name for column in TABLE.visible_columns]
    for batch in batches(n_rows):
        yield batch.select(names)


def _parquet(directory: Path, n_rows: int) -> list[Path]:
    path = directory / "rows.parquet"
    _write_parquet(path, _visible(n_rows))
    return [path]


def _several(directory: Path, n_rows: int) -> list[Path]:
    n_each = -(-n_rows // _N_FILES)
    paths = [directory / f"rows{number}.parquet" for number in range(-(-n_rows // n_each))]
    writers: list[pq.ParquetWriter] = []
    n_before = 0
    for batch in _visible(n_rows):
        start = 0
        while start < batch.num_rows:
            number, n_in_it = divmod(n_before + start, n_each)
            if number == len(writers):
                writers.append(pq.ParquetWriter(paths[number], batch.schema))
            piece = batch.slice(start, n_each - n_in_it)
            writers[number].write_batch(piece, row_group_size=_ROW_GROUP_ROWS)
            start += piece.num_rows
        n_before += batch.num_rows
    for writer in writers:
        writer.close()
    return paths


def _write_parquet(path: Path, rows: Iterator[pa.RecordBatch]) -> None:
    writer: pq.ParquetWriter | None = None
    for batch in rows:
        if writer is None:
            writer = pq.ParquetWriter(path, batch.schema)
        writer.write_batch(batch, row_group_size=_ROW_GROUP_ROWS)
    assert writer is not None
    writer.close()


def _fits(directory: Path, n_rows: int) -> list[Path]:
    path = directory / "rows.fits"
    result = QueryResult(TABLE.visible_columns, _visible(n_rows), maxrec=n_rows)
    with path.open("wb") as file:
        for piece in FitsWriter().write(result):
            file.write(piece)
    return [path]


def _csv(directory: Path, n_rows: int) -> list[Path]:
    path = directory / "rows.csv"
    writer: pa_csv.CSVWriter | None = None
    for batch in _visible(n_rows):
        if writer is None:
            writer = pa_csv.CSVWriter(path, batch.schema)
        writer.write_batch(batch)
    assert writer is not None
    writer.close()
    return [path]


FORMATS: Final[Mapping[str, Callable[[Path, int], list[Path]]]] = {
    "parquet": _parquet,
    "fits": _fits,
    "csv": _csv,
    "8 parquet": _several,
}
"""What is loaded, by name."""
