"""Statistics of loads from the command line to queries of TAP_SCHEMA, on both engines."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import mocpy
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy import units

from tests.ingest.conftest import Site
from vo_server.adql.front import compile_query
from vo_server.errors import MissingError, UsageError
from vo_server.model.statistics import TableStatistics
from vo_server.sky.coverage import CellCounts

N_ROWS = 5000


def rows(n_rows: int = N_ROWS) -> pa.Table:
    random = np.random.default_rng(7)
    columns = {
        "id": pa.array(2**60 + np.arange(n_rows)),
        "ra": pa.array(random.uniform(0, 360, n_rows)),
        "dec": pa.array(np.degrees(np.arcsin(random.uniform(-1, 1, n_rows)))),
        "mag": pa.array(random.normal(20, 2, n_rows).astype(np.float32), mask=random.random(n_rows) < 0.2),
        "class": pa.array(np.array(["STAR", "GALAXY"])[random.integers(0, 2, n_rows)]),
        "mags": pa.array(list(random.normal(20, 1, (n_rows, 2)))),
    }
    return pa.table(columns)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "t.parquet"
    pq.write_table(rows(), path, row_group_size=1000)
    return path


@pytest.fixture
def loaded(site: Site, file: Path) -> Site:
    site.load(file, "--table", "s.t", "--version", "v1")
    return site


def statistics_of(site: Site, table: str = "s.t") -> tuple[TableStatistics, CellCounts]:
    published = site.table(table)
    store = site.open_store()
    with closing(store):
        return store.statistics.of_table(published), store.statistics.sky(published)


def asked(site: Site, adql: str) -> list[dict[str, Any]]:
    """Return the answer of a query of TAP_SCHEMA."""
    store, engine = site.open_store(), site.open_engine()
    with closing(store), closing(engine):
        catalogue = store.catalogue.load()
        query = compile_query(adql, catalogue)
        kept = store.catalogue.inline(catalogue)
        inline = {table.full_name: kept[table.full_name] for table in query.tables}
        with closing(engine.run(query, limit=None, timeout_s=60, inline=inline)) as batches:
            return [row for batch in batches for row in batch.to_pylist()]


def test_a_load_keeps_what_numpy_says_of_the_rows(loaded: Site) -> None:
    found, sky = statistics_of(loaded)
    mag = found.column("mag")
    assert mag is not None
    values = rows()["mag"].drop_null().to_numpy()
    assert (found.n_rows, found.n_sampled) == (N_ROWS, N_ROWS)
    assert (mag.n_null, mag.minimum, mag.maximum) == (N_ROWS - len(values), values.min(), values.max())
    assert mag.percentiles[3] == np.percentile(values, 50, method="inverted_cdf")
    assert sky.counts.sum() == N_ROWS
    assert "_healpix_29" not in found.names


def test_several_files_have_the_statistics_of_all_their_rows(site: Site, tmp_path: Path, file: Path) -> None:
    pq.write_table(rows().slice(0, 1234), tmp_path / "one.parquet")
    pq.write_table(rows().slice(1234), tmp_path / "two.parquet")
    site.load(file, "--table", "s.t")
    site.load(tmp_path / "one.parquet", tmp_path / "two.parquet", "--table", "s.parts")
    whole, sky = statistics_of(site)
    parts, other = statistics_of(site, "s.parts")
    assert (sky.order, sky.cells.tolist(), sky.counts.tolist()) == (
        other.order,
        other.cells.tolist(),
        other.counts.tolist(),
    )
    for one, same in zip(whole.columns, parts.columns, strict=True):
        assert (one.percentiles, one.top, one.histogram) == (same.percentiles, same.top, same.histogram)


def test_tap_schema_tells_the_statistics_of_columns(loaded: Site) -> None:
    (mag,) = asked(
        loaded,
        "SELECT null_count, min_value, median, max_value, min_text FROM tap_schema.columns "
        "WHERE table_name = 's.t' AND column_name = 'mag'",
    )
    values = rows()["mag"].drop_null().to_numpy().astype(np.float64)
    assert mag["null_count"] == N_ROWS - len(values)
    assert (mag["min_value"], mag["max_value"]) == (values.min(), values.max())
    assert mag["median"] == np.percentile(values, 50, method="inverted_cdf")
    (identifier,) = asked(
        loaded, "SELECT min_text FROM tap_schema.columns WHERE table_name = 's.t' AND column_name = 'id'"
    )
    assert identifier["min_text"] == str(2**60)
    (table,) = asked(loaded, "SELECT nrows, release, coverage_area FROM tap_schema.tables WHERE table_name = 's.t'")
    assert (table["nrows"], table["release"]) == (N_ROWS, "v1")
    assert table["coverage_area"] > 0


def test_tap_schema_has_a_table_of_statistics(loaded: Site) -> None:
    found = {row["column_name"]: row for row in asked(loaded, "SELECT * FROM tap_schema.statistics")}
    assert list(found) == ["id", "ra", "dec", "mag", "class", "mags"]
    values = rows()["dec"].to_numpy()
    counts, _ = np.histogram(values, np.array(found["dec"]["histogram_edges"]))
    assert found["dec"]["histogram_counts"] == counts.tolist()
    assert found["class"]["top_values"] in {'["STAR", "GALAXY"]', '["GALAXY", "STAR"]'}
    assert sum(found["class"]["top_counts"]) == N_ROWS
    assert found["mags"]["n_values"] == 2 * N_ROWS
    assert found["class"]["histogram_edges"] is None


def test_statistics_go_with_their_release(loaded: Site, file: Path) -> None:
    pq.write_table(rows(100), file)
    loaded.load(file, "--table", "s.t", "--version", "v2")
    assert statistics_of(loaded)[0].n_rows == 100
    assert loaded.run("stats", "s.t@v1").stdout.startswith(f"s.t v1: {N_ROWS} rows")
    assert "no release v3" in str(loaded.run("stats", "s.t@v3").exception)
    loaded.run("rollback", "s.t")
    assert statistics_of(loaded)[0].n_rows == N_ROWS
    table = loaded.table("s.t")
    assert loaded.run("drop", "s.t", "--yes").exit_code == 0
    store = loaded.open_store()
    with closing(store):
        with pytest.raises(MissingError, match="no statistics"):
            store.statistics.of_table(table)
        with pytest.raises(MissingError, match="no coverage"):
            store.statistics.sky(table)


def test_the_command_shows_the_statistics(loaded: Site) -> None:
    shown = loaded.run("stats", "s.t")
    assert shown.exit_code == 0, shown.exception
    lines = shown.stdout.splitlines()
    assert lines[0] == f"s.t v1: {N_ROWS} rows"
    assert lines[1].startswith("coverage: ")
    cells = {line.split()[0]: line.split() for line in lines[3:]}
    assert list(cells) == ["id", "ra", "dec", "mag", "class", "mags"]
    values = rows()["mag"].drop_null().to_numpy()
    assert cells["mag"][1] == str(N_ROWS - len(values))
    assert cells["mag"][3] == f"{values.min():.6g}"
    assert "STAR (" in shown.stdout


@pytest.mark.parametrize(
    ("name", "extra", "kind"),
    [("c.fits", [], "fits"), ("c.json", [], "json"), ("c.txt", [], "ascii"), ("c.moc", ["--format", "text"], "ascii")],
)
def test_the_command_writes_a_coverage_of_every_row(
    duckdb_site: Site, file: Path, tmp_path: Path, name: str, extra: list[str], kind: str
) -> None:
    duckdb_site.load(file, "--table", "s.t")
    output = tmp_path / name
    written = duckdb_site.run("moc", "s.t", "-o", output, *extra)
    assert written.exit_code == 0, written.exception
    moc = mocpy.MOC.load(output, kind)
    places = rows()
    assert moc.contains_lonlat(places["ra"].to_numpy() * units.deg, places["dec"].to_numpy() * units.deg).all()


@pytest.mark.parametrize("name", ["x.exe", "coverage", "moc.fits.bak"])
def test_a_file_whose_name_says_no_format_of_coverages_is_refused(loaded: Site, tmp_path: Path, name: str) -> None:
    result = loaded.run("moc", "s.t", "-o", tmp_path / name)
    assert isinstance(result.exception, UsageError)
    assert "expected one that ends with .fits, .json, .txt (or choose --format fits|json|text)" in str(result.exception)
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("command", ["stats", "moc"])
def test_a_table_that_is_not_published_is_told(loaded: Site, command: str) -> None:
    result = loaded.run(command, "s.other")
    assert isinstance(result.exception, MissingError)
    assert "no table s.other is published" in str(result.exception)


def test_a_table_without_positions_has_no_coverage(duckdb_site: Site, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n")
    duckdb_site.load(path, "--table", "s.t")
    result = duckdb_site.run("moc", "s.t", "-o", tmp_path / "c.fits")
    assert "there is no coverage of s.t: it has no positions" in str(result.exception)
    assert not (tmp_path / "c.fits").exists()
