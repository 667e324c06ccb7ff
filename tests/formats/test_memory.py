"""What a writer holds does not grow with the rows: each one writes in a process of its own, which tells its peak."""

from __future__ import annotations

import subprocess
import sys

import pytest

from vo_server.formats.registry import OUTPUT_FORMATS

MEGABYTE = 1024 * 1024

_PROGRAM = """
import resource, sys
import numpy as np
import pyarrow as pa
from tests.formats.samples import P, column
from vo_server.formats.registry import find_format
from vo_server.model.query import QueryResult, arrow_schema

name = sys.argv[1]
columns = tuple(
    [column(f"d{number}", P.DOUBLE) for number in range(6)]
    + [column("l", P.LONG), column("s", P.CHAR, "*"), column("a", P.FLOAT, "*")]
)
random = np.random.default_rng(1)
n = 50_000
offsets = pa.array(np.arange(0, 3 * n + 1, 3, dtype="i4"))
batch = pa.RecordBatch.from_arrays(
    [pa.array(random.normal(size=n)) for _ in range(6)]
    + [
        pa.array(random.integers(0, 2**60, n)),
        pa.array(random.integers(0, 10**9, n)).cast(pa.string()),
        pa.ListArray.from_arrays(offsets, pa.array(random.normal(size=3 * n).astype("f4"))),
    ],
    schema=arrow_schema(columns),
)

def peak_bytes(n_batches):
    result = QueryResult(columns, (batch for _ in range(n_batches)), maxrec=10**9)
    for _ in find_format(name).writer.write(result):
        pass
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

first = peak_bytes(3)
print(peak_bytes(15) - first)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in other units elsewhere")
@pytest.mark.parametrize("name", [one.name for one in OUTPUT_FORMATS])
def test_the_peak_of_five_times_the_rows_is_the_same(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, name], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    # The rows that came on top have 65 MB as Arrow has them.
    assert int(done.stdout) < 15 * MEGABYTE
