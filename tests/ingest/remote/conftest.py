"""A web server with a table in all formats, and the rows of the table."""

from __future__ import annotations

import gzip
import hashlib
import io
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from astropy.table import Table

from tests.support.web_files import WebFiles, serving

N_ROWS = 3_000


def rows() -> Table:
    """Rows that are the same in all formats."""
    numbers = range(N_ROWS)
    return Table(
        {
            "id": list(numbers),
            "ra": [number * 0.1 for number in numbers],
            "dec": [number * 0.05 - 75 for number in numbers],
            # Texts that do not pack well, so that packed files are long as well.
            "note": [hashlib.sha256(str(number).encode()).hexdigest() for number in numbers],
        }
    )


def written(form: str) -> bytes:
    """Return the table in a format of astropy."""
    file = io.BytesIO()
    if form == "csv":
        text = io.StringIO()
        rows().write(text, format="ascii.csv")
        return text.getvalue().encode()
    rows().write(file, format=form)
    return file.getvalue()


def parquet() -> bytes:
    """Return the table as Parquet of several row groups."""
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(rows().to_pandas(), preserve_index=False), file, row_group_size=500)
    return file.getvalue()


def table_files() -> dict[str, bytes]:
    """Return the table in all formats, by the names of files."""
    fits, csv = written("fits"), written("csv")
    return {
        "t.fits": fits,
        "t.fits.gz": gzip.compress(fits),
        "t.csv": csv,
        "t.csv.zst": zstandard.compress(csv),
        "t.vot": written("votable"),
        "t.parquet": parquet(),
    }


@pytest.fixture
def web() -> Iterator[WebFiles]:
    """The server."""
    with serving() as site:
        site.files |= table_files()
        yield site
