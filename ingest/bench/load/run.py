"""One run: write the files, load each of them in a process of its own, and compare."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from statistics import median
from typing import TYPE_CHECKING, Final

from ingest.bench.load.bare import BareCopy
from ingest.bench.load.child import Told
from ingest.bench.load.files import FORMATS, write_files, write_schema
from ingest.bench.service.result import Figure, Limit, Measured
from ingest.bench.service.run import DATA_SCHEMA, STORE_SCHEMA, drop_schemas
from ingest.bench.service.table import TABLE
from vo_server.engine.open import open_engine
from vo_server.errors import ConfigurationError
from vo_server.store.open import directory_of, open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vo_server.model.table import Table

__all__ = ["GROUPS", "measure_load"]

GROUPS: Final = ("rates", "memory")
"""What is told of each load."""

_BARE: Final = "bare COPY, sort, index"
_N_JOBS: Final = 2
_MEGABYTE: Final = 1e6
_FIGURES: Final = {
    ("duckdb", "csv"): Figure(at_least=100_000),
    ("postgres", "csv"): Figure(at_least=100_000),
    ("duckdb", "parquet"): Figure(at_least=250_000),
    ("duckdb", "fits"): Figure(at_least=250_000),
    ("duckdb", "8 parquet"): Figure(at_least=250_000),
    ("postgres", "parquet"): Figure(at_least_of_limit=0.6),
    ("postgres", "fits"): Figure(at_least_of_limit=0.6),
    ("postgres", "8 parquet"): Figure(at_least_of_limit=0.6),
}
_MEMORY: Final = Figure(below=600)


def measure_load(
    name: str, database_url: str, directory: Path, *, n_rows: int, repeat: int, only: tuple[str, ...]
) -> Iterator[Measured]:
    """Load the files of every format.

    Parameters
    ----------
    name
        Of the engine.
    database_url
        Where to; what was loaded goes again.
    directory
        Where the files are written, one format at a time.
    n_rows
        Rows of the table.
    repeat
        How often each is loaded.
    only
        Which of :data:`GROUPS` are told.

    Yields
    ------
    Measured
        Rows per second and the peak of memory, for each format.
    """
    schema_file = write_schema(directory)
    bare: BareCopy | None = None
    try:
        for form in FORMATS:
            files = write_files(directory, form, n_rows)
            told = [_load(database_url, schema_file, files) for _ in range(repeat)]
            if bare is None and directory_of(database_url) is None and "rates" in only:
                bare = BareCopy(database_url, _loaded(database_url), schema=DATA_SCHEMA, file=directory / "rows.copy")
            _drop(database_url)
            # Measured anew beside each format: others may use the machine as well.
            limit = None if bare is None else _limit(bare, n_rows=n_rows, repeat=repeat)
            for file in files:
                file.unlink()
            if "rates" in only:
                rates = tuple(one.n_rows / one.seconds for one in told)
                yield Measured("rates", f"{form}: rows", "1/s", rates, limit, _FIGURES.get((name, form)))
            if "memory" in only:
                peaks = tuple(one.peak_bytes / _MEGABYTE for one in told)
                yield Measured("memory", f"{form}: peak memory", "MB", peaks, None, _MEMORY)
    finally:
        if directory_of(database_url) is None:
            drop_schemas(database_url)


def _load(database_url: str, schema_file: Path, files: list[Path]) -> Told:
    words = [database_url, str(schema_file), TABLE.full_name, str(_N_JOBS), *map(str, files)]
    done = subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, "-m", "ingest.bench.load.child", *words],
        env={**os.environ, "VO_POSTGRES__DATA_SCHEMA": DATA_SCHEMA, "VO_POSTGRES__STORE_SCHEMA": STORE_SCHEMA},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ConfigurationError(f"the load that was to be measured failed:\n{done.stderr[-2000:]}")
    return Told(**json.loads(done.stdout))


def _limit(bare: BareCopy, *, n_rows: int, repeat: int) -> Limit:
    return Limit(_BARE, median(n_rows / bare.seconds() for _ in range(repeat)))


def _loaded(database_url: str) -> Table:
    with closing(open_store(database_url, store_schema=STORE_SCHEMA)) as store:
        table = store.catalogue.load().find(TABLE.full_name)
    assert table is not None
    return table


def _drop(database_url: str) -> None:
    """Remove what was loaded, so that the disk has room for the next."""
    with (
        closing(open_store(database_url, store_schema=STORE_SCHEMA)) as store,
        closing(open_engine(database_url, data_schema=DATA_SCHEMA)) as engine,
    ):
        for location in store.catalogue.remove(TABLE.full_name):
            engine.drop(location)
