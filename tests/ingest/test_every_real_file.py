"""Every real file with a table in it is loaded with all its rows, on both engines."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from astropy.io import fits

from ingest.load import load_table
from tests.ingest.conftest import Site
from vo_server.errors import IngestError

pytestmark = pytest.mark.catalogues

FOLDERS = (
    "LS-PSC",
    "alhambra",
    "des_y3_sample",
    "gaia_dr2_healpix_chunks",
    "gd1_gaia_ps1",
    "hats_layout",
    "hipparcos2",
    "jplus_dr2_ucd",
    "legacysurvey_tractor",
    "linear_variables",
    "open_clusters",
    "openngc",
    "sdss_dr7_vollim_galaxies",
    "sdss_labelled",
    "splus_dr4",
)
"""All but pictures, and answers of services, which are read in :mod:`tests.formats`."""


REFUSED = {
    "VI_desi_cosmos_ls_G>19.5.csv": "row 36: 5 fields instead of 6",
    "VI_desi_cosmos_ls_G<19.5.csv": "a header line but no rows",
    "desi_cosmos_ls_G<19.5.csv": "a header line but no rows",
    "LINEARattributesFinalApr2013.dat.gz": "one column only; is this file separated by commas",
    "allLINEARfinal_targets.dat.gz": "one column only; is this file separated by commas",
}
"""Files that are no sound tables, and what is said of them."""


def n_rows_of(path: Path) -> int | None:
    """Count the rows of a file without our own code; None where there is no table in it."""
    if path.suffix == ".parquet" and not path.name.startswith("_"):
        return int(pq.read_metadata(path).num_rows)
    if path.suffix in {".fits", ".fit"}:
        with fits.open(path) as opened:
            tables = [hdu for hdu in opened if isinstance(hdu, fits.BinTableHDU)]
            return len(tables[0].data) if tables else None
    if re.search(r"\.csv(\.gz)?$", path.name) and path.name not in REFUSED:
        separator = ";" if path.parent.name == "openngc" else ","
        return len(pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False, low_memory=False))
    return None


@pytest.mark.parametrize("folder", FOLDERS)
def test_all_rows_of_every_table_are_loaded(site: Site, catalogues_dir: Path, folder: str) -> None:
    counted = {path: n_rows_of(path) for path in sorted((catalogues_dir / folder).rglob("*")) if path.is_file()}
    tables = {path: n_rows for path, n_rows in counted.items() if n_rows is not None}
    assert tables
    with closing(site.open_store()) as store, closing(site.open_engine()) as engine:
        for number, (path, n_rows) in enumerate(tables.items()):
            summary = load_table([path], table=f"real.t{number}", engine=engine, store=store)
            assert (summary.n_rows, summary.n_bad_rows) == (n_rows, 0), path


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_sound_table_is_refused_with_the_reason(duckdb_site: Site, catalogues_dir: Path, name: str) -> None:
    (path,) = catalogues_dir.rglob(name)
    error = duckdb_site.run("load", path, "--table", "real.t").exception
    assert isinstance(error, IngestError)
    assert REFUSED[name] in str(error)
