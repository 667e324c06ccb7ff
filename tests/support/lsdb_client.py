"""LSDB as its users run it: a process of its own, because it changes settings of pandas for all when it is imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["lsdb_rows"]

_PROGRAM = """
import sys, lsdb
folder, target, *cone = sys.argv[1:]
catalogue = lsdb.open_catalog(folder)
if cone:
    ra, dec, radius = map(float, cone)
    catalogue = catalogue.cone_search(ra=ra, dec=dec, radius_arcsec=radius)
catalogue.compute().reset_index().to_parquet(target)
"""


def lsdb_rows(folder: Path, target: Path, *cone: float) -> pa.Table:
    """Return the rows that LSDB finds in a catalogue.

    Parameters
    ----------
    folder
        The catalogue.
    target
        A file for the rows.
    cone
        Right ascension [deg], declination [deg] and radius [arcsec], if not all rows are wanted.
    """
    words = [str(folder), str(target), *map(str, cone)]
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *words], capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return pq.ParquetFile(target).read()
