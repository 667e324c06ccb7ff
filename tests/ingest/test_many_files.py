"""More files than a process may have open make one table."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from astropy.io import fits

from tests.ingest.conftest import Site

N_FILES, N_EACH = 1_100, 3
MOST_OPEN = 128


def write_file(path: Path, number: int) -> None:
    ids = np.arange(number * N_EACH, (number + 1) * N_EACH)
    columns = [
        fits.Column("id", "K", array=ids),
        fits.Column("ra", "D", unit="deg", array=ids * 0.1),
        fits.Column("dec", "D", unit="deg", array=ids * 0.01),
    ]
    fits.BinTableHDU.from_columns(columns).writeto(path)


def test_more_files_than_may_be_open_are_loaded(site: Site, tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.fits" for number in range(N_FILES)]
    for number, path in enumerate(paths):
        write_file(path, number)
    words = ["ingest", "load", *map(str, paths), "--table", "s.t", "--jobs", "2"]
    done = subprocess.run(
        ["sh", "-c", f'ulimit -n {MOST_OPEN} && exec "$@"', "sh", sys.executable, "-m", "vo_server", *words],
        env={**os.environ, **site.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    ids = np.sort(site.rows("s.t").column("id").to_numpy())
    np.testing.assert_array_equal(ids, np.arange(N_FILES * N_EACH))
