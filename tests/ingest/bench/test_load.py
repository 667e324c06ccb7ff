"""The benchmark of loads: its files have the same rows, and a small run measures every format on each engine."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from astropy.table import Table
from click.testing import CliRunner

from ingest.bench.command import bench
from ingest.bench.load.files import FORMATS, write_files
from ingest.bench.service.table import TABLE, batches

N_ROWS = 70_001
NAMES = [column.name for column in TABLE.visible_columns]


@pytest.fixture(scope="module")
def expected() -> pa.Table:
    return pa.Table.from_batches(batches(N_ROWS)).select(NAMES)


def test_one_file_and_several_of_parquet_have_all_rows_in_order(tmp_path: Path, expected: pa.Table) -> None:
    (one,) = write_files(tmp_path, "parquet", N_ROWS)
    assert pq.read_table(one).equals(expected)
    several = write_files(tmp_path, "8 parquet", N_ROWS)
    assert len(several) == 8
    assert pa.concat_tables([pq.read_table(path) for path in several]).equals(expected)


def test_fits_and_csv_have_the_same_identifiers(tmp_path: Path, expected: pa.Table) -> None:
    (fits,) = write_files(tmp_path, "fits", N_ROWS)
    assert Table.read(fits)["SOURCEID_VISTA"].tolist() == expected["SOURCEID_VISTA"].to_pylist()
    (csv,) = write_files(tmp_path, "csv", N_ROWS)
    assert pa_csv.read_csv(csv)["SOURCEID_VISTA"].equals(expected["SOURCEID_VISTA"])


@pytest.mark.parametrize("engine", ["duckdb", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_a_run_measures_rate_and_memory_of_every_format(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    words = ["--postgres", request.getfixturevalue("postgres_dsn")] if engine == "postgres" else []
    file = tmp_path / "found.json"
    result = CliRunner().invoke(
        bench, ["load", "--engine", engine, "--rows", "2000", "--repeat", "1", "--json", str(file), *words]
    )
    assert result.exception is None, result.output
    found = json.loads(file.read_text())["measured"][engine]
    assert [one["what"] for one in found] == [
        what for form in FORMATS for what in (f"{form}: rows", f"{form}: peak memory")
    ]
    assert all(one["median"] > 0 for one in found)
    rates = [one for one in found if one["group"] == "rates"]
    assert all((one["ratio"] is not None) == (engine == "postgres") for one in rates)
