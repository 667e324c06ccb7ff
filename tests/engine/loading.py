"""A load in a process of its own, which says where it is.

Run as ``python -m tests.engine.loading URL SCHEMA ROWS DOUBLES``.
"""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from tests.engine.samples import DOUBLE, SKY, sky_rows
from tests.engine.site import DuckdbSite, PostgresSite, Site
from vo_server.model.table import Column

BATCH = 25_000


def main(url: str, data_schema: str, n_rows: int, n_doubles: int) -> None:
    site: Site
    is_duckdb = url.startswith("duckdb")
    site = DuckdbSite(Path(url.removeprefix("duckdb:///"))) if is_duckdb else PostgresSite(url, data_schema)
    more = tuple(Column(f"x{number}", DOUBLE) for number in range(n_doubles))
    with site.open().loader(replace(SKY, columns=SKY.columns + more), version="killed") as loader:
        say("begun")
        for first in range(0, n_rows, BATCH):
            loader.write(_wider(sky_rows(BATCH, first=first), more))
            if first == 2 * BATCH:
                say("writing")
        say("finishing")
        loader.finish()
        say(f"finished {_peak_bytes()}")


def _wider(rows: pa.RecordBatch, columns: tuple[Column, ...]) -> pa.RecordBatch:
    random = np.random.default_rng(rows.num_rows)
    for column in columns:
        rows = rows.append_column(column.name, pa.array(random.random(rows.num_rows)))
    return rows


def _peak_bytes() -> int:
    """Most memory that this program has had; ``ru_maxrss`` would count that of the process which started it, too."""
    found = re.search(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


def say(text: str) -> None:
    """Tell the parent and wait for its word."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
    sys.stdin.readline()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
