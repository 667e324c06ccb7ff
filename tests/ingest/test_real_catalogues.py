"""Real catalogues through the command line, on both engines, against independent reads of the same files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from astropy import units
from astropy.coordinates import Angle, SkyCoord
from astropy.io import fits

from tests.ingest.conftest import Site
from vo_server.model.datatype import DataType, Primitive
from vo_server.model.table import HEALPIX_COLUMN, Position
from vo_server.sky.healpix import cells

pytestmark = pytest.mark.catalogues

SPLUS = Path(__file__).parent / "splus.yaml"


def assert_same(rows: pa.Table, expected: pd.DataFrame, key: str | list[str]) -> None:
    """Compare all columns of the expected rows, whatever the order of the rows; NaN and NULL are one here."""
    actual = rows.to_pandas(types_mapper=pd.ArrowDtype).sort_values(key).reset_index(drop=True)
    expected = expected.sort_values(key).reset_index(drop=True)
    assert len(actual) == len(expected)
    for name in expected.columns:
        wanted, found = expected[name], actual[name]
        nothing = wanted.isna().to_numpy()
        assert np.array_equal(found.isna().to_numpy(), nothing), f"NULLs of {name}"
        assert wanted[~nothing].tolist() == found[~nothing].tolist(), name


def assert_cells(rows: pa.Table, position: Position) -> None:
    """Check the hidden cells, and that the rows are stored in their order."""
    found = rows[HEALPIX_COLUMN].to_pandas(types_mapper=pd.ArrowDtype)
    ra = rows[position.ra].cast(pa.float64()).fill_null(np.nan).to_numpy()
    dec = rows[position.dec].cast(pa.float64()).fill_null(np.nan).to_numpy()
    assert found.fillna(-1).tolist() == cells(ra, dec).tolist()
    assert found.dropna().is_monotonic_increasing


def test_hipparcos(site: Site, catalogues_dir: Path) -> None:
    path = catalogues_dir / "hipparcos2" / "hip2_117955.parquet"
    result = site.load(path, "--table", "hip.main")
    assert "117955 rows" in result.stdout
    rows, table = site.rows("hip.main"), site.table("hip.main")
    assert_same(rows, pd.read_parquet(path), "HIP")
    assert table.position == Position("ra", "dec")
    assert_cells(rows, Position("ra", "dec"))
    assert (table.by_name["ra"].unit, table.by_name["ra"].ucd) == ("deg", "pos.eq.ra;meta.main")
    assert table.n_rows == 117_955


def test_openngc(site: Site, catalogues_dir: Path) -> None:
    files = [catalogues_dir / "openngc" / name for name in ("NGC.csv.gz", "addendum.csv")]
    result = site.load(*files, "--table", "openngc.objects", "--description", "NGC, IC and others")
    assert "7 rows have no position" in result.stderr
    rows, table = site.rows("openngc.objects"), site.table("openngc.objects")
    frame = pd.concat([pd.read_csv(file, sep=";", na_values=[""], keep_default_na=False) for file in files])
    texts = {name: frame[name].astype("string") for name in ("M", "NGC", "IC")}
    types = {column.name: column.datatype for column in table.visible_columns}
    assert_same(rows, frame.drop(columns=["M", "NGC", "IC"]), "Name")
    assert texts["M"].notna().sum() == len(rows) - rows["M"].null_count
    assert types["OpenNGC notes"] == DataType(Primitive.UNICODE_CHAR, "*")
    assert types["Type"] == DataType(Primitive.CHAR, "*")
    assert table.position == Position("_ra_icrs", "_dec_icrs")
    assert_cells(rows, Position("_ra_icrs", "_dec_icrs"))
    given = frame[frame["RA"].notna()].sort_values("Name")
    found = rows.to_pandas().dropna(subset="_ra_icrs").sort_values("Name")
    assert len(found) == 14_033 - 7
    assert np.allclose(found["_ra_icrs"], Angle(given["RA"].tolist(), unit="hourangle").deg, rtol=0, atol=1e-12)
    assert np.allclose(found["_dec_icrs"], Angle(given["Dec"].tolist(), unit="deg").deg, rtol=0, atol=1e-12)
    assert "computed from the sexagesimal texts RA and Dec" in str(table.by_name["_ra_icrs"].description)
    assert table.description == "NGC, IC and others"


def test_unified_cluster_catalogue(site: Site, catalogues_dir: Path) -> None:
    path = catalogues_dir / "open_clusters" / "UCC_cat.csv.gz"
    site.load(path, "--table", "clusters.ucc")
    rows, table = site.rows("clusters.ucc"), site.table("clusters.ucc")
    assert_same(rows, pd.read_csv(path), "name")
    assert rows["Age_[Myr]"].null_count == pd.read_csv(path)["Age_[Myr]"].isna().sum() > 0
    assert table.by_name["Dist_[kpc]"].unit == "kpc"
    assert table.by_name["Mass_[Msun]"].unit == "solMass"
    assert table.position == Position("RA_ICRS", "DE_ICRS")


def test_hunt_and_reffert(site: Site, catalogues_dir: Path) -> None:
    path = catalogues_dir / "open_clusters" / "HUNT2024.csv.gz"
    result = site.load(path, "--table", "clusters.hunt")
    rows = site.rows("clusters.hunt")
    expected = pd.read_csv(path, keep_default_na=False, na_values={"RV": ["nan"]}, dtype={"RV": float})
    numbers = pd.read_csv(path).select_dtypes("number")
    assert_same(rows, numbers.drop(columns="Note"), "ID")
    # In a text column 'nan' is a text, and the publisher is told; a column of nothing else is NULL.
    found = rows.to_pandas().sort_values("ID")
    assert found["CMDClHuman"].tolist() == expected.sort_values("ID")["CMDClHuman"].tolist()
    assert "column CMDClHuman: has the text 'nan' in 5165 rows" in result.stderr
    assert rows["Note"].null_count == len(rows)


def test_sdss_dr17(site: Site, catalogues_dir: Path) -> None:
    path = catalogues_dir / "sdss_labelled" / "star_classification_first30k.csv.gz"
    site.load(path, "--table", "sdss.dr17")
    rows, table = site.rows("sdss.dr17"), site.table("sdss.dr17")
    assert_same(rows, pd.read_csv(path), ["plate", "MJD", "fiber_ID"])
    assert table.position == Position("alpha", "delta")
    # Rounded identifiers are floats, and not taken for identifiers.
    assert table.by_name["obj_ID"].datatype == DataType(Primitive.DOUBLE)
    assert not any(column.ucd and "meta.id" in column.ucd for column in table.columns)


def test_sdss_dr14_and_photometry(site: Site, catalogues_dir: Path) -> None:
    folder = catalogues_dir / "sdss_labelled"
    site.load(folder / "Skyserver_SQL2_27_2018_dr14_10k.csv.gz", "--table", "sdss.dr14")
    expected = pd.read_csv(folder / "Skyserver_SQL2_27_2018_dr14_10k.csv.gz")
    assert_same(site.rows("sdss.dr14"), expected, ["plate", "mjd", "fiberid"])
    photometry = folder / "star_classification_extra13904_photometry_only.csv.gz"
    result = site.load(photometry, "--table", "sdss.photometry")
    assert "no positions were found" in result.stderr
    assert_same(site.rows("sdss.photometry"), pd.read_csv(photometry), ["u", "g", "r", "i", "z"])
    assert site.table("sdss.photometry").position is None


def test_files_with_other_columns_are_not_one_table(site: Site, catalogues_dir: Path) -> None:
    folder = catalogues_dir / "sdss_labelled"
    names = ["star_classification_first30k.csv.gz", "Skyserver_SQL2_27_2018_dr14_10k.csv.gz"]
    result = site.run("load", *(folder / name for name in names), "--table", "sdss.all")
    message = str(result.exception)
    assert "Skyserver_SQL2_27_2018_dr14_10k.csv.gz: its columns differ" in message
    assert "it has no obj_ID, alpha, delta" in message
    assert "it has objid, ra, dec" in message
    assert site.run("releases").stdout == ""


def test_splus_with_its_sentinels(site: Site, catalogues_dir: Path) -> None:
    path = catalogues_dir / "splus_dr4" / "some_galaxies_match_dr4dual.csv.gz"
    site.load(path, "--table", "splus.galaxies", "--schema-file", SPLUS)
    rows, table = site.rows("splus.galaxies"), site.table("splus.galaxies")
    frame = pd.read_csv(path, dtype={"_hipscat_index": str}).rename(columns={"_hipscat_index": "hipscat_index"})
    names = [column.name for column in table.visible_columns]
    assert names == ["ID_dual", "RA_", "DEC_", "hipscat_index", "u_auto_dual", "e_u_auto_dual", "simple_class_"]
    expected = frame[names].copy()
    expected["u_auto_dual"] = expected["u_auto_dual"].replace(99.0, np.nan).astype(np.float32)
    expected["e_u_auto_dual"] = expected["e_u_auto_dual"].replace(99.0, np.nan)
    assert_same(rows, expected, "ID_dual")
    assert rows["u_auto_dual"].null_count == (frame["u_auto_dual"] == 99).sum() > 0
    assert pc.max(rows["u_auto_dual"]).as_py() < 99
    # Unsigned 64-bit numbers survive as text, every digit of them.
    assert sorted(rows["hipscat_index"].to_pylist()) == sorted(frame["hipscat_index"])
    assert (table.title, table.primary_key) == ("S-PLUS galaxies", ("ID_dual",))


def test_gaia_chunks(site: Site, catalogues_dir: Path) -> None:
    folder = catalogues_dir / "gaia_dr2_healpix_chunks"
    files = [folder / "chunk-03559.fits", folder / "chunk-03687.fits"]
    result = site.load(*files, "--table", "gaia.chunks")
    rows, table = site.rows("gaia.chunks"), site.table("gaia.chunks")
    assert "column source_id has a different value in every row" in result.stderr
    assert table.by_name["source_id"].ucd == "meta.id;meta.main"
    found = rows.to_pandas(types_mapper=pd.ArrowDtype).set_index("source_id")
    n_rows = 0
    for file in files:
        with fits.open(file) as opened:
            data = opened[1].data
            n_rows += len(data)
            mine = found.loc[data["source_id"].tolist()]
            for name in data.columns.names:
                if name == "source_id":
                    continue
                wanted = data[name]
                if wanted.dtype.kind == "f":
                    assert np.array_equal(mine[name].isna().to_numpy(), np.isnan(wanted)), name
                    assert np.array_equal(mine[name].to_numpy(float, na_value=np.nan), wanted, equal_nan=True), name
                else:
                    assert mine[name].tolist() == wanted.tolist(), name
    assert len(rows) == n_rows == 1010


def test_gaia_parquet(site: Site, catalogues_dir: Path) -> None:
    path = catalogues_dir / "gaia_dr2_healpix_chunks" / "gaia_dr2_rows.parquet"
    result = site.load(path, "--table", "gaia.rows")
    expected = pd.read_parquet(path)
    rows = site.rows("gaia.rows")
    assert_same(rows, expected, "source_id")
    n_nulls = sum(rows[name].null_count for name in expected.columns)
    assert n_nulls == expected.isna().sum().sum() == 9913
    assert "9913 NULLs" in result.stdout


def test_galactic_positions_become_icrs(site: Site, catalogues_dir: Path) -> None:
    path = catalogues_dir / "vo_responses" / "astroquery" / "vizier__kang2010.xml"
    site.load(path, "--table", "viz.kang")
    rows, table = site.rows("viz.kang"), site.table("viz.kang")
    assert table.position == Position("_ra_icrs", "_dec_icrs")
    assert_cells(rows, Position("_ra_icrs", "_dec_icrs"))
    expected = SkyCoord(
        rows["_Glon"].to_numpy() * units.deg, rows["_Glat"].to_numpy() * units.deg, frame="galactic"
    ).icrs
    found = SkyCoord(rows["_ra_icrs"].to_numpy() * units.deg, rows["_dec_icrs"].to_numpy() * units.deg)
    assert found.separation(expected).max() < 1e-9 * units.arcsec
    assert "computed from the Galactic coordinates _Glon and _Glat" in str(table.by_name["_ra_icrs"].description)
    assert table.by_name["Mstar"].unit == "solMass"
    assert table.description
