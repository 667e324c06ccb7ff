"""Exported folders: what hats and lsdb find in them, and that they load back to the same table."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import votable
from hats.catalog.catalog import Catalog
from hats.io.file_io.file_io import read_fits_image
from hats.io.validation import is_valid_catalog
from hats.loaders.read_hats import read_hats

from ingest.hats import export
from ingest.hats.pixels import Counts
from tests.ingest.conftest import Site
from tests.support.lsdb_client import lsdb_rows
from vo_server.errors import EngineError, MissingError, UsageError
from vo_server.model.table import HEALPIX_COLUMN
from vo_server.sky.healpix import cells

N_ROWS = 4_000
SCHEMA = """
name: s
"@id": "#s"
tables:
- name: t
  "@id": "#s.t"
  description: Things with everything
  vo:
    position: {ra: RA, dec: Dec}
    provenance:
      creator: A. Author
      article: 10.1234/example
      links: [{href: "https://example.org/", title: More, role: doc}]
  columns:
  - {name: id, "@id": "#s.t.id", datatype: long, ivoa:ucd: meta.id;meta.main, description: "Name & <number>"}
  - {name: RA, "@id": "#s.t.RA", datatype: double, ivoa:unit: deg, ivoa:ucd: pos.eq.ra;meta.main}
  - {name: Dec, "@id": "#s.t.Dec", datatype: double, ivoa:unit: deg, ivoa:ucd: pos.eq.dec;meta.main}
  - {name: mag, "@id": "#s.t.mag", datatype: float, ivoa:unit: mag, ivoa:ucd: phot.mag;em.opt.R, description: Å band}
  - {name: n, "@id": "#s.t.n", datatype: short}
  - {name: b, "@id": "#s.t.b", datatype: byte}
  - {name: ok, "@id": "#s.t.ok", datatype: boolean}
  - {name: note, "@id": "#s.t.note", datatype: unicode, length: 20}
  - {name: p, "@id": "#s.t.p", datatype: float, votable:arraysize: "3", description: Probabilities}
  - {name: seen, "@id": "#s.t.seen", datatype: timestamp}
"""


def made(n_rows: int = N_ROWS) -> pa.Table:
    """Rows of all kinds, with NULLs, half of them in one corner of the sky and some at its seams."""
    random = np.random.default_rng(11)
    ra = np.where(np.arange(n_rows) % 2, random.uniform(0, 360, n_rows), random.uniform(10, 11, n_rows))
    dec = np.where(np.arange(n_rows) % 2, np.degrees(np.arcsin(random.uniform(-1, 1, n_rows))), ra - 30)
    ra[:4], dec[:4] = [0, 359.999999, 0, 180], [0, 0, 90, -90]
    is_null = np.arange(n_rows) % 5 == 0
    return pa.table(
        {
            "id": pa.array(2**62 + np.arange(n_rows)),
            "RA": ra,
            "Dec": dec,
            "mag": pa.array(random.normal(20, 2, n_rows).astype(np.float32), mask=is_null),
            "n": pa.array(random.integers(-(2**15), 2**15, n_rows).astype(np.int16), mask=is_null),
            "b": pa.array(random.integers(0, 256, n_rows).astype(np.uint8), mask=is_null),
            "ok": pa.array(random.random(n_rows) > 0.5, mask=is_null),
            "note": pa.array([None if at % 7 == 0 else f"Nº {at}" for at in range(n_rows)]),
            "p": pa.FixedSizeListArray.from_arrays(pa.array(random.random(3 * n_rows).astype(np.float32)), 3),
            "seen": pa.array(random.integers(0, 2**50, n_rows), pa.timestamp("us"), mask=is_null),
        }
    )


@pytest.fixture
def full(site: Site, tmp_path: Path) -> Site:
    """A site with the table ``s.t``."""
    pq.write_table(made(), tmp_path / "t.parquet")
    (tmp_path / "s.yaml").write_text(SCHEMA, encoding="utf-8")
    site.load(tmp_path / "t.parquet", "--table", "s.t", "--schema-file", tmp_path / "s.yaml", "--version", "v1")
    return site


@pytest.fixture
def folder(full: Site, tmp_path: Path) -> Path:
    """The table, exported in small partitions."""
    result = full.run("export", "s.t", "--hats", tmp_path / "hats", "--rows-per-pixel", "300")
    assert result.exception is None, result.exception
    return tmp_path / "hats"


def opened(folder: Path) -> Catalog:
    """Open a catalogue with the library of HATS."""
    found = read_hats(folder)
    assert isinstance(found, Catalog)
    return found


def sorted_rows(table: pa.Table, name: str = "id") -> pa.Table:
    return table.sort_by(name).combine_chunks()


def test_hats_finds_a_valid_catalogue_with_all_rows(folder: Path) -> None:
    assert is_valid_catalog(folder, strict=True)
    catalogue = opened(folder)
    assert catalogue.catalog_info.total_rows == N_ROWS
    assert (catalogue.catalog_info.ra_column, catalogue.catalog_info.dec_column) == ("RA", "Dec")
    orders = {pixel.order for pixel in catalogue.get_healpix_pixels()}
    assert len(orders) > 1, "denser parts of the sky have smaller pixels"
    assert catalogue.catalog_info.model_dump()["obs_description"] == "Things with everything"


@pytest.mark.parametrize("name", ["skymap.fits", "point_map.fits"])
def test_maps_count_the_rows_of_each_pixel(folder: Path, name: str) -> None:
    found = read_fits_image(folder / name)
    rows = made()
    pixels = cells(rows["RA"].to_numpy(), rows["Dec"].to_numpy()) >> 2 * (29 - 8)
    assert np.array_equal(found, np.bincount(pixels, minlength=12 * 4**8))


def test_partitions_are_sorted_small_and_where_their_names_say(folder: Path) -> None:
    n_rows = 0
    for pixel in opened(folder).get_healpix_pixels():
        path = folder / f"dataset/Norder={pixel.order}/Dir={pixel.dir}/Npix={pixel.pixel}.parquet"
        rows = pq.ParquetFile(path).read()
        assert rows.column_names[0] == HEALPIX_COLUMN
        found = rows[HEALPIX_COLUMN].to_numpy()
        assert (np.diff(found) >= 0).all()
        assert set(found >> 2 * (29 - pixel.order)) == {pixel.pixel}
        assert 0 < len(found) <= 300
        n_rows += len(found)
    assert n_rows == N_ROWS
    assert pq.read_metadata(folder / "dataset/_metadata").num_rows == N_ROWS


def test_lsdb_reads_the_same_rows(folder: Path, tmp_path: Path) -> None:
    found = sorted_rows(lsdb_rows(folder, tmp_path / "found.parquet"))
    expected = made()
    for name in expected.column_names:
        assert found[name].to_pylist() == expected[name].to_pylist(), name


def test_a_cone_in_lsdb_has_the_rows_of_the_same_cone_in_adql(full: Site, folder: Path, tmp_path: Path) -> None:
    found = lsdb_rows(folder, tmp_path / "found.parquet", 10.5, -19.5, 1800)
    query = "SELECT id FROM s.t WHERE CONTAINS(POINT(RA, Dec), CIRCLE(10.5, -19.5, 0.5)) = 1"
    expected = sorted(row[0] for row in full.ask(query))
    assert len(expected) > 100
    assert sorted(found["id"].to_pylist()) == expected


def test_the_folder_loads_back_to_the_same_content(full: Site, folder: Path) -> None:
    full.load(folder, "--table", "s.back")
    before, after = full.table("s.t"), full.table("s.back")
    assert after.position == before.position
    assert after.description == before.description
    for old, new in zip(before.visible_columns, after.visible_columns, strict=True):
        assert (new.name, new.datatype, new.unit, new.ucd, new.description) == (
            old.name,
            old.datatype,
            old.unit,
            old.ucd,
            old.description,
        )
    names = [column.name for column in before.columns]
    assert sorted_rows(full.rows("s.back").select(names)).equals(sorted_rows(full.rows("s.t").select(names)))


def test_each_partition_is_a_file_of_the_load(full: Site, folder: Path) -> None:
    full.load(folder, "--table", "s.back")
    store = full.open_store()
    (release,) = store.catalogue.releases("s.back")
    store.close()
    pixels = opened(folder).get_healpix_pixels()
    assert len(release.sources) == len(pixels)
    assert sum(source.n_rows for source in release.sources) == N_ROWS


def test_partitions_carry_a_votable_that_says_what_their_columns_are(folder: Path) -> None:
    metadata = pq.read_schema(folder / "dataset/_common_metadata").metadata
    document = votable.parse(pa.BufferReader(metadata[b"IVOA.VOTable-Parquet.content"]))
    fields = {field.name: field for field in document.get_first_table().fields}
    assert str(fields["mag"].unit) == "mag"
    assert fields["mag"].description == "Å band"
    assert [link.href for link in document.get_first_table().links] == ["https://example.org/"]


def test_an_older_release_can_be_exported(full: Site, tmp_path: Path) -> None:
    pq.write_table(made(100), tmp_path / "t.parquet")
    full.load(tmp_path / "t.parquet", "--table", "s.t", "--schema-file", tmp_path / "s.yaml", "--version", "v2")
    full.run("export", "s.t@v1", "--hats", tmp_path / "old")
    full.run("export", "s.t", "--hats", tmp_path / "new")
    assert opened(tmp_path / "old").catalog_info.total_rows == N_ROWS
    assert opened(tmp_path / "new").catalog_info.total_rows == 100


@pytest.fixture
def unplaced(site: Site, tmp_path: Path) -> Site:
    """A site with a table of three rows, one of which has no position."""
    (tmp_path / "u.csv").write_text("id,ra,dec\n1,10,20\n2,,\n3,11,21\n")
    site.load(tmp_path / "u.csv", "--table", "s.u")
    return site


def test_rows_without_a_position_are_refused(unplaced: Site, tmp_path: Path) -> None:
    result = unplaced.run("export", "s.u", "--hats", tmp_path / "hats")
    assert isinstance(result.exception, UsageError)
    assert str(result.exception).startswith("1 rows of s.u have no position")
    assert "--without-position skip" in str(result.exception.hint)
    assert not list(tmp_path.glob("*hats*")), "nothing is left"


def test_rows_without_a_position_can_be_left_out(unplaced: Site, tmp_path: Path) -> None:
    result = unplaced.run("export", "s.u", "--hats", tmp_path / "hats", "--without-position", "skip")
    assert "1 rows without a position were left out" in result.output
    assert sorted(lsdb_rows(tmp_path / "hats", tmp_path / "found.parquet")["id"].to_pylist()) == [1, 3]


def test_rows_that_do_not_come_are_noticed_without_a_list_of_chunks_too(
    full: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "_MOST_CHUNKS", 0)  # what a large catalogue exceeds
    with closing(full.open_store()) as store:
        (release,) = store.catalogue.releases("s.t")
    with closing(full.open_engine()) as engine:
        (batch, *_) = export._rows(engine, release.table)
    counts = Counts()
    counts.add(batch.column(0).to_numpy())
    folder = export._Folder(tmp_path / "part", release, counts.partitions(300))
    folder.write(batch.slice(0, 100))
    with pytest.raises(EngineError, match=rf"{batch.num_rows} rows were counted but 100 were read"):
        folder.finish(counts, 300)


def test_a_folder_that_is_there_is_not_touched(duckdb_site: Site, tmp_path: Path) -> None:
    (tmp_path / "u.csv").write_text("id,ra,dec\n1,10,20\n")
    duckdb_site.load(tmp_path / "u.csv", "--table", "s.u")
    taken = tmp_path / "hats"
    taken.mkdir()
    (taken / "mine").write_text("x")
    result = duckdb_site.run("export", "s.u", "--hats", taken)
    assert isinstance(result.exception, UsageError)
    assert "exists already" in str(result.exception)
    assert [file.name for file in taken.iterdir()] == ["mine"]


def test_a_table_without_positions_is_refused(duckdb_site: Site, tmp_path: Path) -> None:
    (tmp_path / "u.csv").write_text("id,x\n1,10\n")
    duckdb_site.load(tmp_path / "u.csv", "--table", "s.u")
    result = duckdb_site.run("export", "s.u", "--hats", tmp_path / "hats")
    assert isinstance(result.exception, UsageError)
    assert "not stored by positions" in str(result.exception)


@pytest.mark.parametrize(("name", "hint"), [("s.none", "lists all"), ("s.u@v9", "it has ")])
def test_what_is_not_published_is_told_with_what_is(duckdb_site: Site, tmp_path: Path, name: str, hint: str) -> None:
    (tmp_path / "u.csv").write_text("id,ra,dec\n1,10,20\n")
    duckdb_site.load(tmp_path / "u.csv", "--table", "s.u")
    result = duckdb_site.run("export", name, "--hats", tmp_path / "hats")
    assert isinstance(result.exception, MissingError)
    assert hint in str(result.exception.hint)
