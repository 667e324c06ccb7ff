"""One load in a process of its own, which tells how long it took and how much memory it had.

Run as ``python -m ingest.bench.load.child URL SCHEMA_FILE TABLE JOBS FILE...`` with the settings in the environment.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from ingest.database import opened
from ingest.load import load_table

__all__ = ["Told"]

_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)


@dataclass(frozen=True)
class Told:
    """What a load has told."""

    n_rows: int
    seconds: float
    """From the call to the publication; the start of the interpreter is not in it."""
    peak_bytes: int
    """Most memory that the process had, everything included."""


def main(url: str, schema_file: str, table: str, n_jobs: int, files: list[str]) -> None:
    """Load, and print a :class:`Told` as JSON."""
    # As the command does, with the memory that queries of a load have.
    with opened(url, to_load=True) as (engine, store):
        summary = load_table(files, table=table, engine=engine, store=store, schema_file=schema_file, n_jobs=n_jobs)
    found = _PEAK.search(Path("/proc/self/status").read_text(encoding="ascii"))
    assert found is not None
    told = {"n_rows": summary.n_rows, "seconds": summary.seconds, "peak_bytes": int(found[1]) * 1024}
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5:])
