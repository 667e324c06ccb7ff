"""What folders are HATS catalogues, and which files they have."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.hats.catalogue import HatsCatalogue, open_catalogue
from ingest.hats.local import LocalFolder
from tests.ingest.conftest import Site
from vo_server.errors import IngestError

OBJECTS = "dataproduct_type=object\nobs_collection=c\nhats_col_ra=alpha_x\nhats_col_dec=delta_x\nobs_title=Stars\n"
PIXELS = ((0, 7), (1, 16), (1, 44))


def make(folder: Path, properties: str = OBJECTS, *, suffix: str = ".parquet") -> Path:
    """Make a small catalogue by hand: one row per partition, and positions that no name tells."""
    folder.mkdir(parents=True)
    (folder / "hats.properties").write_text(properties)
    lines = "".join(f"{order},{pixel}\n" for order, pixel in reversed(PIXELS))
    (folder / "partition_info.csv").write_text(f"Norder,Npix\n{lines}")
    for order, pixel in PIXELS:
        path = folder / f"dataset/Norder={order}/Dir=0/Npix={pixel}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"id": [pixel], "alpha_x": [10.0 + pixel], "delta_x": [-5.0]}), path)
    return folder


def opened(folder: Path) -> HatsCatalogue:
    found = open_catalogue(LocalFolder(folder))
    assert found is not None
    return found


EXPECTED = tuple(f"dataset/Norder={order}/Dir=0/Npix={pixel}.parquet" for order, pixel in PIXELS)


def test_partitions_are_those_of_the_list_by_order_and_pixel(tmp_path: Path) -> None:
    assert opened(make(tmp_path / "c")).partitions == EXPECTED


def test_partitions_are_found_without_the_list(tmp_path: Path) -> None:
    folder = make(tmp_path / "c")
    (folder / "partition_info.csv").unlink()
    (folder / "dataset/_common_metadata").touch()
    assert opened(folder).partitions == EXPECTED


def test_partitions_are_found_in_the_metadata(tmp_path: Path) -> None:
    folder = make(tmp_path / "c")
    (folder / "partition_info.csv").unlink()
    footers = []
    for path in EXPECTED[:2]:
        footer = pq.read_metadata(folder / path)
        footer.set_file_path(path.removeprefix("dataset/"))
        footers.append(footer)
    footers[0].append_row_groups(footers[1])
    footers[0].write_metadata_file(str(folder / "dataset/_metadata"))
    assert opened(folder).partitions == EXPECTED[:2]


def test_partitions_may_be_named_otherwise_or_be_folders(tmp_path: Path) -> None:
    named = make(tmp_path / "a", f"{OBJECTS}hats_npix_suffix=.snappy.parquet\n", suffix=".snappy.parquet")
    assert opened(named).partitions[0] == "dataset/Norder=0/Dir=0/Npix=7.snappy.parquet"
    folders = make(tmp_path / "b", f"{OBJECTS}hats_npix_suffix=/\n", suffix="/part0.parquet")
    assert opened(folders).partitions[0] == "dataset/Norder=0/Dir=0/Npix=7/part0.parquet"


def test_a_collection_stands_for_its_catalogue(tmp_path: Path) -> None:
    make(tmp_path / "all/main")
    (tmp_path / "all/collection.properties").write_text("obs_collection=all\nhats_primary_table_url=main\n")
    assert opened(tmp_path / "all").folder.name == str(tmp_path / "all/main")


def test_other_folders_are_not_taken_for_catalogues(tmp_path: Path) -> None:
    assert open_catalogue(LocalFolder(tmp_path)) is None


@pytest.mark.parametrize("kind", ["margin", "index", "association", "map", "new"])
def test_folders_without_rows_of_their_own_are_refused_with_what_to_load(tmp_path: Path, kind: str) -> None:
    folder = make(tmp_path / "m", f"dataproduct_type={kind}\nhats_primary_table_url=../main\n")
    with pytest.raises(IngestError, match=f"a HATS folder of the kind {kind}") as caught:
        open_catalogue(LocalFolder(folder))
    assert "../main" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("partition_info.csv", "order,pixel\n1,2\n", "list of partitions cannot be read"),
        ("partition_info.csv", "Norder,Npix\n", "no partitions"),
        ("hats.properties", "obs_collection=c\n", "do not tell the dataproduct_type"),
        ("hats.properties", "<html>", "not key=value"),
    ],
    ids=["other columns", "no rows", "no kind", "no properties"],
)
def test_a_damaged_folder_is_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    folder = make(tmp_path / "c")
    (folder / name).write_text(text)
    with pytest.raises(IngestError, match=message):
        open_catalogue(LocalFolder(folder))


def test_a_catalogue_is_loaded_with_the_positions_and_the_description_that_it_tells(site: Site, tmp_path: Path) -> None:
    site.load(make(tmp_path / "c"), "--table", "s.t")
    table = site.table("s.t")
    assert table.position is not None
    assert (table.position.ra, table.position.dec, table.description) == ("alpha_x", "delta_x", "Stars")
    assert sorted(site.rows("s.t")["id"].to_pylist()) == [7, 16, 44]


def test_a_missing_partition_is_told_and_nothing_is_loaded(duckdb_site: Site, tmp_path: Path) -> None:
    folder = make(tmp_path / "c")
    (folder / EXPECTED[1]).unlink()
    result = duckdb_site.run("load", folder, "--table", "s.t")
    assert isinstance(result.exception, IngestError)
    assert str(result.exception) == f"{folder}/{EXPECTED[1]}: there is no such file"


@pytest.mark.catalogues
@pytest.mark.parametrize(
    ("name", "n_rows"), [("small_sky_order1_collection", 131), ("small_sky_order1_source_collection", 17_161)]
)
def test_folders_that_hats_import_has_made_are_loaded(site: Site, catalogues_dir: Path, name: str, n_rows: int) -> None:
    collection = catalogues_dir / "hats_layout" / name
    site.load(collection, "--table", "s.t")
    rows = site.rows("s.t").to_pandas()
    main = collection / name.removesuffix("_collection")
    expected = pd.concat(pq.ParquetFile(path).read().to_pandas() for path in main.rglob("Npix=*.parquet"))
    key = "source_id" if "source_id" in expected else "id"
    assert len(rows) == n_rows
    pd.testing.assert_frame_equal(
        rows.sort_values(key)[expected.columns].reset_index(drop=True),
        expected.sort_values(key).reset_index(drop=True),
        check_dtype=False,
    )


@pytest.mark.catalogues
def test_the_margin_of_a_real_collection_is_told_from_its_catalogue(duckdb_site: Site, catalogues_dir: Path) -> None:
    margin = catalogues_dir / "hats_layout/small_sky_order1_collection/small_sky_order1_margin_1deg"
    result = duckdb_site.run("load", margin, "--table", "s.t")
    assert isinstance(result.exception, IngestError)
    assert "of the kind margin" in str(result.exception)
