"""Real catalogues: which files become which tables, and how to read them without our own code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class RealTable:
    """One table made of real files."""

    name: str
    files: tuple[str, ...]
    n_rows: int
    schema_file: str | None = None

    @property
    def folder(self) -> str:
        return self.files[0].split("/")[0]


REAL_TABLES = (
    RealTable("sdss.dr17", ("sdss_labelled/star_classification_first30k.csv.gz",), 29_999),
    RealTable("sdss.dr17_photometry", ("sdss_labelled/star_classification_extra13904_photometry_only.csv.gz",), 13_904),
    RealTable("sdss.dr14", ("sdss_labelled/Skyserver_SQL2_27_2018_dr14_10k.csv.gz",), 10_000),
    RealTable("hipparcos.main", ("hipparcos2/hip2_117955.parquet",), 117_955),
    RealTable("openngc.objects", ("openngc/NGC.csv.gz", "openngc/addendum.csv"), 13_969 + 64),
    RealTable("clusters.ucc", ("open_clusters/UCC_cat.csv.gz",), 18_300),
    RealTable("clusters.hunt2024", ("open_clusters/HUNT2024.csv.gz",), 5_647),
    RealTable("splus.galaxies", ("splus_dr4/some_galaxies_match_dr4dual.csv.gz",), 8_753, "splus.yaml"),
    RealTable("gaia.dr2", ("gaia_dr2_healpix_chunks/gaia_dr2_rows.parquet",), 3_530),
    RealTable("gaia.chunk_03687", ("gaia_dr2_healpix_chunks/chunk-03687.fits",), 897),
)


def read_hipparcos(catalogues_dir: Path) -> pd.DataFrame:
    return pd.read_parquet(catalogues_dir / "hipparcos2/hip2_117955.parquet")


def read_gaia(catalogues_dir: Path) -> pd.DataFrame:
    return pd.read_parquet(catalogues_dir / "gaia_dr2_healpix_chunks/gaia_dr2_rows.parquet")
